"""How numbers are written for people: dollars, shares, counts, times."""

from __future__ import annotations

import math

__all__ = ["MINUS", "counted", "day_and_time", "dollars", "exact_dollars", "percent"]

MINUS = "\N{MINUS SIGN}"
UNKNOWN = "unknown"


def dollars(amount: float | None) -> str:
    """US dollars to read: `$1,234`, `$1.23`, `$0.12`, `$0.0031`; an unknown price stays unknown."""
    if amount is None:
        return UNKNOWN
    sign, size = (MINUS if amount < 0 else ""), abs(amount)
    if size == 0:
        return "$0"
    if size < 0.0001:
        return f"{sign}<$0.0001"
    digits = 0 if size >= 1_000 else 2 if size >= 0.0995 else 3 if size >= 0.00995 else 4
    return f"{sign}${size:,.{digits}f}"


def exact_dollars(amount: float | None) -> str:
    """US dollars to add up: four decimals, two significant digits below a tenth of a cent.

    What is no price is unknown, and none is shown as nothing unless it is.
    """
    if amount is None or not 0 <= amount < math.inf:
        return UNKNOWN
    digits = 1 - math.floor(math.log10(amount)) if 0 < amount < 0.001 else 4
    return f"${amount:,.{digits}f}"


def percent(part: float | None, whole: float = 1) -> str:
    """`62.5 %`; `-` of nothing."""
    return f"{100 * part / whole:.1f} %" if part is not None and whole else "-"


def counted(number: int, noun: str) -> str:
    """The number with its noun, in the plural but for one: `1 request`, `1,234 requests`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def day_and_time(stamp: str) -> str:
    """A time in ISO 8601, to the second: `2026-11-30 12:05:00`."""
    return stamp[:19].replace("T", " ")
