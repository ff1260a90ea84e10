"""The findings in a log, as values: the page, the terminal and `--json` say the same."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from hammerstone.life import upper_bound
from hammerstone.models import known_sum

__all__ = ["Findings", "HeldOut", "KindFinding", "LogDisagreement"]

MONTH = 30  # days
DISAGREEMENTS = 20  # shown of each kind


@dataclass(frozen=True, kw_only=True)
class LogDisagreement:
    """A held-out request to which a tool gives another answer than the log. Nobody has said who is right."""

    id: str
    kind: str
    question: str
    logged: str
    tool: str


@dataclass(kw_only=True)
class HeldOut:
    """Held-out requests: `n` of them, `answered` by tools, of which `disagreed` with the log.

    `repeated` of the answered ones had been asked before, word for word: a plain cache might have had them. `paid_usd`
    is the price of the answered ones whose price is known, `priced` their number. `waited_s` is how long the model took
    for the `timed` ones of them, and `tool_ms` how long a tool took for each. `saved_usd` and `saved_s` are those of
    the answers that agreed: one that may be wrong saves nothing.
    """

    n: int = 0
    answered: int = 0
    disagreed: int = 0
    repeated: int = 0
    priced: int = 0
    paid_usd: float = 0.0
    saved_usd: float = 0.0
    timed: int = 0
    waited_s: float = 0.0
    saved_s: float = 0.0
    tool_ms: list[float] = field(default_factory=list[float])
    disagreements: list[LogDisagreement] = field(default_factory=list[LogDisagreement])

    @property
    def share(self) -> float:
        return self.answered / self.n if self.n else 0.0

    @property
    def agreement(self) -> float | None:
        """The share of the answered ones that agreed; `None` before the first."""
        return 1 - self.disagreed / self.answered if self.answered else None

    @property
    def bound(self) -> float:
        """The upper bound of the rate of disagreement that holds however often one looks, with 95 % confidence."""
        return upper_bound(self.disagreed, self.answered)

    @property
    def saved_each(self) -> float | None:
        """Dollars per held-out request, answered or not; `None` where no price is known."""
        return self.saved_usd / self.n if self.priced and self.n else None

    def add(self, other: HeldOut) -> None:
        self.n += other.n
        self.answered += other.answered
        self.disagreed += other.disagreed
        self.repeated += other.repeated
        self.priced += other.priced
        self.paid_usd += other.paid_usd
        self.saved_usd += other.saved_usd
        self.timed += other.timed
        self.waited_s += other.waited_s
        self.saved_s += other.saved_s
        self.tool_ms += other.tool_ms
        self.disagreements += other.disagreements


@dataclass(kw_only=True)
class KindFinding:
    """A kind of requests: its share of the log, and the result of building a tool for it.

    `tool` is empty where there is none, and `why` says why. `build_usd` is what its builds have cost, `None` if that is
    unknown. `estimate` is about how many tokens a build would read and write, and `estimate_usd` its price, if known.
    """

    name: str
    tenant: str
    sample: str
    lines: int
    share: float
    tool: str = ""
    versions: int = 0
    builds: int = 0
    build_usd: float | None = 0.0
    why: str = ""
    estimate: tuple[int, int] = (0, 0)
    estimate_usd: float | None = None
    tested: HeldOut = field(default_factory=HeldOut)


@dataclass(kw_only=True)
class Findings:
    """All findings. `coverage` is the share that tools answered, for equal parts of the log: the end and the share.

    `training` of the `lines` were learned from. `built` is false where no maker was named. `naming_usd` is what the
    maker's names for kinds have cost in this run, `None` if that is unknown.
    """

    files: tuple[str, ...]
    lines: int
    training: int
    days: float | None
    timed: bool
    untimed: int
    bad: int
    not_for_tools: dict[str, int]
    kinds: list[KindFinding]
    coverage: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])
    built: bool = False
    stopped: str = ""
    maker: str = ""
    estimated: int = 0
    unknown: int = 0
    naming_usd: float | None = 0.0

    def document(self) -> dict[str, Any]:
        """All findings as JSON, with the numbers derived from them."""
        tested = self.tested
        derived = {
            "held_out": tested.n,
            "answered": tested.answered,
            "disagreed": tested.disagreed,
            "disagreed_at_most": tested.bound,
            "build_usd": self.build_usd,
            "saved_usd_a_month": self.saved_a_month,
            "saved_seconds_a_month": self.waited_a_month,
            "break_even_requests": self.break_even,
            "break_even_days": self.break_even_days,
        }
        return derived | asdict(self)

    @property
    def tested(self) -> HeldOut:
        """The held-out results over all kinds."""
        whole = HeldOut()
        for kind in self.kinds:
            whole.add(kind.tested)
        return whole

    @property
    def build_usd(self) -> float | None:
        """The cost of all builds, and of naming their kinds; `None` if any is unknown."""
        return known_sum((self.naming_usd, *(kind.build_usd for kind in self.kinds)))

    @property
    def requests_a_day(self) -> float | None:
        return self.lines / self.days if self.days else None

    @property
    def saved_a_month(self) -> float | None:
        """Dollars in 30 days, at the log's own rate; `None` where the rate or all prices are unknown."""
        each, rate = self.tested.saved_each, self.requests_a_day
        return None if each is None or rate is None else each * rate * MONTH

    def saved_a_month_on(self, kind: KindFinding) -> float | None:
        """The part of `saved_a_month` that is one kind's."""
        rate = self.requests_a_day
        return None if rate is None or not kind.tested.priced else kind.tested.saved_usd / self.tested.n * rate * MONTH

    @property
    def waited_a_month(self) -> float | None:
        """Seconds in 30 days that the model took for answers that tools give alike; `None` if the log does not say."""
        tested, rate = self.tested, self.requests_a_day
        return tested.saved_s / tested.n * rate * MONTH if tested.timed and rate else None

    @property
    def break_even(self) -> int | None:
        """Requests of all kinds until the builds have paid for themselves; `None` if never, or unknown."""
        each, cost = self.tested.saved_each, self.build_usd
        return None if not each or cost is None else math.ceil(cost / each)

    @property
    def break_even_days(self) -> float | None:
        requests, rate = self.break_even, self.requests_a_day
        return None if requests is None or not rate else requests / rate
