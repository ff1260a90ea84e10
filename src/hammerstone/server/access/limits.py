"""What a key may still do: errors for one that has used up its limits, and the headers that say what is left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import ceil

from hammerstone.server.access.counts import Counts, Window
from hammerstone.server.replies import GatewayError
from hammerstone.store import Key, budget_span

__all__ = ["check_budget", "check_requests", "check_tokens", "rate_headers"]

REQUESTS, TOKENS = "requests", "tokens"
SOON = 1.0  # seconds until some of the calls under way may have ended


def check_requests(key: Key, counts: Counts, now: float) -> None:
    """Raises `GatewayError` 429 where the minute is full."""
    limit = key.limits.requests_per_minute
    if limit is not None:
        _check(key, counts, now, REQUESTS, limit)


def check_tokens(key: Key, counts: Counts, now: float) -> None:
    """Raises `GatewayError` 429 where nothing is left of the minute's tokens; the last request may go beyond them."""
    limit = key.limits.tokens_per_minute
    if limit is not None:
        _check(key, counts, now, TOKENS, limit)


def check_budget(key: Key, counts: Counts, now: float, under_way: Iterable[float]) -> None:
    """Raises `GatewayError` 429 where nothing is left of the budget: for now, if that is so by the estimates of calls
    `under_way` alone, or until the next period.
    """
    limits = key.limits
    if limits.budget_usd is None:
        return
    left = limits.budget_usd - counts.spent(key.id, limits.budget_per, now)
    if left > 0:
        return
    if left + sum(under_way) > 0:
        raise GatewayError(
            f"the calls under way may use up the budget of this key, ${limits.budget_usd:g} per {limits.budget_per}",
            status=429,
            code="rate_limit_exceeded",
            kind="budget",
            retry_after=SOON,
        )
    _, end = budget_span(limits.budget_per, now)
    raise GatewayError(
        f"the budget of this key, ${limits.budget_usd:g} per {limits.budget_per}, is used up",
        status=429,
        code="insufficient_quota",
        kind="insufficient_quota",
        retry_after=end - now,
        headers={"x-should-retry": "false"},  # official clients would try again within seconds
    )


def rate_headers(key: Key, counts: Counts, now: float) -> dict[str, str]:
    """OpenAI's headers for the limits that the key has."""
    named = ((REQUESTS, key.limits.requests_per_minute), (TOKENS, key.limits.tokens_per_minute))
    return {
        name: value
        for what, limit in named
        if limit is not None
        for name, value in _headers(what, limit, counts.window(key.id, now, what)).items()
    }


def _check(key: Key, counts: Counts, now: float, what: str, limit: int) -> None:
    window = counts.window(key.id, now, what)
    if window.used + 1 <= limit:
        return
    raise GatewayError(
        f"this key may use {limit:,} {what} per minute",
        status=429,
        code="rate_limit_exceeded",
        kind=what,
        retry_after=window.seconds_until(limit - 1),
        headers=rate_headers(key, counts, now),
    )


def _headers(what: str, limit: int, window: Window) -> Mapping[str, str]:
    return {
        f"x-ratelimit-limit-{what}": str(limit),
        f"x-ratelimit-remaining-{what}": str(max(0, int(limit - window.used))),
        f"x-ratelimit-reset-{what}": _duration(window.seconds_until(0)),
    }


def _duration(seconds: float) -> str:
    """The duration as OpenAI writes it: `6m0s`, `1s`."""
    minutes, rest = divmod(ceil(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
