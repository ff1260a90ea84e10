"""What a request asks of an answer's variety and length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from hammerstone.requests import Number
from hammerstone.server.protocols.contract import Body, NotServedError

__all__ = ["fits", "temperature_of"]


def temperature_of(body: Body) -> float | None:
    """The temperature that the client names. Raises `NotServedError` for what is none."""
    named = body.get("temperature")
    if named is None:
        return None
    if not isinstance(named, Number):
        raise NotServedError("its temperature is not a number")
    return float(named)


def fits(text: str, body: Body, *, limits: Sequence[str], stops: Sequence[str]) -> bool:
    """Whether neither a limit of tokens nor a stop sequence would have cut this text. A token has one byte at least."""
    for name in limits:
        limit = body.get(name)
        if limit is not None and not _at_most(len(text.encode("utf-8", "surrogatepass")), limit):
            return False
    return not any(stop in text for name in stops for stop in _strings(body.get(name)))


def _at_most(count: int, limit: object) -> bool:
    return isinstance(limit, Number) and count <= float(limit)


def _strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value] if value else []
    many = cast("list[object]", value) if isinstance(value, list) else []
    return [one for one in many if isinstance(one, str) and one]
