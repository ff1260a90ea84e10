"""What each key has used: counted here at once, and exchanged with the store and other processes now and then."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter

from hammerstone.store import DAY, Amount, KeyPeriod, KeyUsage, Per, budget_span, day_start

__all__ = ["PART", "WINDOW", "Counts", "Window", "part_of"]

PART = 6  # seconds, the tenth part of a minute
PARTS = 10
WINDOW = PART * (PARTS + 1)
"""Seconds after which a part of a minute counts no more."""

_NOTHING = Amount()


@dataclass(frozen=True)
class Window:
    """The last minute as its parts leave it, the oldest first: what each holds, and in how many seconds it leaves.

    A minute slides: of the part in which it begins, as much counts as still lies in it.
    """

    parts: tuple[tuple[float, float], ...]

    @property
    def used(self) -> float:
        return sum(amount for amount, _ in self.parts)

    def seconds_until(self, used: float) -> float:
        """When no more than `used` is in the window, if nothing is added."""
        excess, seconds = self.used - used, 0.0
        for amount, duration in self.parts:
            if excess <= 0:
                break
            seconds += duration * min(1.0, excess / amount) if amount else duration
            excess -= amount
        return seconds


class Counts:
    """Totals of keys and periods, as far as this process knows them."""

    def __init__(self) -> None:
        self._shared: dict[KeyPeriod, Amount] = {}  # in the store when it was last read, this process's included
        self._own: dict[KeyPeriod, Amount] = {}  # not sent yet
        self._sent: dict[KeyPeriod, Amount] = {}  # on the way to the store

    def add(self, period: KeyPeriod, amount: Amount) -> None:
        if amount != _NOTHING:
            self._own[period] = self._own.get(period, _NOTHING) + amount

    def of(self, period: KeyPeriod) -> Amount:
        total = self._shared.get(period, _NOTHING)
        for counts in (self._own, self._sent):
            if period in counts:
                total += counts[period]
        return total

    def window(self, key_id: int, now: float, what: str) -> Window:
        """The last minute's `requests` or `tokens`."""
        count, newest = attrgetter(what), part_of(now)
        left = 1 - (now - newest) / PART
        amounts = [max(0, count(self.of(KeyPeriod(key_id, PART, newest - PART * ago)))) for ago in range(PARTS, -1, -1)]
        oldest = (amounts[0] * left, PART * left)
        return Window((oldest, *((float(amount), float(PART)) for amount in amounts[1:])))

    def spent(self, key_id: int, per: Per, now: float) -> float:
        """US dollars of the present day or month."""
        first, _ = budget_span(per, now)
        return sum(self.of(KeyPeriod(key_id, DAY, day)).usd for day in range(first, day_start(now) + 1, DAY))

    # the exchange

    def send(self) -> Mapping[KeyPeriod, Amount]:
        """What the store does not have yet."""
        self._sent, self._own = self._own, {}
        return self._sent

    def returned(self) -> None:
        """The store could not take it."""
        self._own, unsent = self._sent, self._own
        self._sent = {}
        for period, amount in unsent.items():
            self.add(period, amount)

    def received(self, news: Iterable[KeyUsage]) -> None:
        """The store has taken it, and this is what has changed there."""
        self._sent = {}
        self._shared.update(news)

    def forget(self, now: float) -> None:
        """Parts of a minute and days that nothing asks for any more."""
        month, _ = budget_span(Per.MONTH, now)
        oldest = {PART: now - WINDOW, DAY: month}
        self._shared = {one: amount for one, amount in self._shared.items() if one.start >= oldest[one.seconds]}


def part_of(now: float) -> int:
    """When the present part of a minute began."""
    return int(now // PART) * PART
