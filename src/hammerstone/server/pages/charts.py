"""Bars over time, as SVG that the server draws: positions here, colours in the style sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hammerstone.store import Bucket
from hammerstone.types import Route

__all__ = ["KINDS", "SPANS", "Bar", "Chart", "Segment", "Span", "chart"]

WIDTH, HEIGHT, GAP = 720, 160, 2
_MIDNIGHT = "1970-01-01T00:00:00"
_KIND_OF = {
    Route.PARSER: "tool",
    Route.EXACT: "tool",
    Route.LABELER: "tool",
    Route.USER: "cheap",
    Route.SOLVER: "strong",
    None: "none",
}
KINDS = {
    "tool": "without a model",
    "cheap": "cheap model and tool",
    "strong": "strong model",
    "none": "not answered",
}
"""What the colours stand for, from the bottom of a bar to its top."""


@dataclass(frozen=True)
class Span:
    """A stretch of time in `bars`: each is of `step`, and begins with so many `characters` of its moment."""

    name: str
    label: str
    bars: int
    step: timedelta
    characters: int
    form: str

    @property
    def since(self) -> str:
        """When it began, so that its first bar is whole."""
        return self.starts(datetime.now(UTC))[0].isoformat(timespec="microseconds")

    def starts(self, now: datetime) -> list[datetime]:
        """The start of each bar, the present one last."""
        seconds = self.step.total_seconds()
        last = datetime.fromtimestamp(now.timestamp() // seconds * seconds, UTC)
        return [last - self.step * back for back in reversed(range(self.bars))]


SPANS = {
    one.name: one
    for one in (
        Span("hour", "Last hour", 30, timedelta(minutes=2), 16, "%H:%M"),
        Span("day", "Last day", 24, timedelta(hours=1), 13, "%H:%M"),
        Span("week", "Last week", 28, timedelta(hours=6), 13, "%-d %b"),
        Span("month", "Last 30 days", 30, timedelta(days=1), 10, "%-d %b"),
    )
}


@dataclass(frozen=True)
class Segment:
    kind: str
    y: float
    height: float


@dataclass(frozen=True, kw_only=True)
class Bar:
    """`label` stands below some of them; `text` says all of it."""

    x: float
    width: float
    segments: tuple[Segment, ...]
    label: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """`top` is what the highest line stands for, and `totals` how many requests there are of each kind."""

    bars: tuple[Bar, ...]
    top: int
    totals: dict[str, int]
    width: int = WIDTH
    height: int = HEIGHT


def chart(span: Span, found: Sequence[Bucket], now: datetime | None = None) -> Chart:
    """The requests within a span, in bars of equal length."""
    starts = span.starts(now or datetime.now(UTC))
    counts: list[dict[str, int]] = [dict.fromkeys(KINDS, 0) for _ in starts]
    for one in found:
        at = (_moment(one.start) - starts[0]) // span.step
        if 0 <= at < len(counts):
            counts[at][_KIND_OF[one.route]] += one.requests - one.unanswered
            counts[at]["none"] += one.unanswered
    top = _round_up(max(sum(one.values()) for one in counts))
    width = WIDTH / span.bars
    every = max(1, span.bars // 6)
    bars = tuple(
        Bar(
            x=round(at * width, 2),
            width=round(width - GAP, 2),
            segments=_segments(one, top),
            label=f"{start:{span.form}}" if at % every == 0 else "",
            text=_text(f"{start:%-d %b %H:%M}", one),
        )
        for at, (start, one) in enumerate(zip(starts, counts, strict=True))
    )
    return Chart(bars=bars, top=top, totals={kind: sum(one[kind] for one in counts) for kind in KINDS})


def _moment(start: str) -> datetime:
    """The moment that a prefix of an ISO 8601 timestamp stands for."""
    return datetime.fromisoformat(start + _MIDNIGHT[len(start) :]).replace(tzinfo=UTC)


def _segments(counts: dict[str, int], top: int) -> tuple[Segment, ...]:
    segments: list[Segment] = []
    below = 0
    for kind, number in counts.items():
        if number:
            height = HEIGHT * number / top
            segments.append(Segment(kind, round(HEIGHT * (1 - below / top) - height, 2), round(height, 2)))
        below += number
    return tuple(segments)


def _text(start: str, counts: dict[str, int]) -> str:
    said = [f"{number:,} {KINDS[kind]}" for kind, number in counts.items() if number]
    return f"{start}: {', '.join(said) or 'no requests'}"


def _round_up(number: int) -> int:
    """The next even number that is easy to read off an axis."""
    size = 1
    while True:
        for factor in (2, 4, 6, 8, 10, 12, 16):
            if factor * size >= number:
                return factor * size
        size *= 10
