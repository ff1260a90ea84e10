"""What a request asks of the way in which a model answers: what a tool cannot give, and what an answer must respect."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, cast

from hammerstone.requests import Number
from hammerstone.server.protocols.contract import Body, NotServedError

__all__ = ["check_fields", "check_wish", "fits", "temperature_of"]


def temperature_of(body: Body) -> float | None:
    """The temperature that the client names. Raises `NotServedError` for what is none."""
    named = body.get("temperature")
    if named is None:
        return None
    if not isinstance(named, Number):
        raise NotServedError("its temperature is not a number")
    return float(named)


def check_fields(fields: Body, read: Collection[str]) -> None:
    """Raises `NotServedError` for a field that is not `read` and says something: it could change the answer."""
    for name, value in fields.items():
        if name not in read and value is not None and value is not False and value not in ("", []):
            raise NotServedError(f"it asks for more than one text, or for something else: `{name[:40]}`")


def check_wish(body: Body) -> None:
    """Raises `NotServedError` for a request that asks for variety by other means than a temperature, shifts the odds of
    tokens, or does not make sense.
    """
    if (temperature_of(body) or 0) < 0 or body.get("stream") not in (None, True, False):
        raise NotServedError("its temperature is negative, or its `stream` neither true nor false")
    for name in ("frequency_penalty", "presence_penalty"):
        if str(body.get(name) or "0") not in {"0", "0.0"}:
            raise NotServedError(f"its `{name}` asks for variety")
    if body.get("logit_bias"):
        raise NotServedError("its `logit_bias` changes what a model says")


def fits(text: str, body: Body, *, limits: Sequence[str], stops: Sequence[str]) -> bool:
    """Whether neither a limit of tokens nor a stop sequence would have cut this text. A token has one byte at least."""
    for name in limits:
        limit = body.get(name)
        if limit is not None and not _at_most(len(text.encode("utf-8", "surrogatepass")), limit):
            return False
    return not any(stop in text for name in stops for stop in _strings(body.get(name)))


def _at_most(count: int, limit: Any) -> bool:
    try:
        return count <= int(limit)
    except (TypeError, ValueError):
        return False


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if value else []
    many = cast("list[object]", value) if isinstance(value, list) else []
    return [one for one in many if isinstance(one, str) and one]
