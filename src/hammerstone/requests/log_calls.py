"""What a log says of a call beside what was asked and answered: when, how long, how many tokens, at what price."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hammerstone.requests.json_text import json_within, object_of
from hammerstone.types import LoggedCall, Usage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hammerstone.requests.rows import Fields

__all__ = ["CALL_FIELDS", "call_of", "time_in"]

_BEGAN = (
    *("starttime", "start_time", "request_created_at", "requestedat", "request_time", "timestamp", "@timestamp"),
    *("created_at", "createdat", "created", "time", "ts", "datetime", "date"),
)
_ENDED = ("endtime", "end_time", "response_created_at", "receivedat")
_SECONDS = ("latency_s", "latency_seconds", "duration_s", "duration_seconds", "latency", "response_time", "duration")
_MILLISECONDS = ("latency_ms", "delay_ms", "duration_ms", "response_time_ms")
_COST = ("cost_usd", "costusd", "response_cost", "spend", "calculatedtotalcost", "totalcost", "total_cost", "cost")
_READ = ("prompt_tokens", "input_tokens", "inputtokens", "inputusage", "input")
_WRITTEN = ("completion_tokens", "output_tokens", "outputtokens", "outputusage", "output")
_USAGE = ("usage", "usagedetails", "usage_details")

CALL_FIELDS = frozenset((*_BEGAN, *_ENDED, *_SECONDS, *_MILLISECONDS, *_COST, *_USAGE))

_EARLIEST, _LATEST = 946_684_800, 4_102_444_800  # the years from 2000 to 2099
_LONGEST = 86_400  # seconds of a call


def call_of(fields: Fields, body: Fields, reply: Fields) -> LoggedCall | None:
    """What a row says of its call; `None` if it says nothing. Its reply may say how many tokens it has."""
    began = _first(time_in(fields.get(name)) for name in _BEGAN)
    call = LoggedCall(
        time=began if began is not None else time_in(reply.get("created")),
        seconds=_duration(fields, began),
        usage=_usage(fields, reply),
        cost_usd=_cost(fields),
        temperature=_number(body.get("temperature")),
        penalised=_is_penalised(body),
    )
    return None if call == LoggedCall() else call


def time_in(value: object) -> float | None:
    """A time of day in seconds since 1970 (UTC): of a number in seconds, milli-, micro- or nanoseconds, or of ISO 8601.

    A time without a zone is taken as UTC; what is none from this century is `None`.
    """
    number = _number(value)
    if number is None and isinstance(value, str):
        try:
            read = datetime.fromisoformat(value.strip().removesuffix(" UTC"))
        except ValueError:
            return None
        number = (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    while number is not None and number > _LATEST:
        number /= 1000
    return number if number is not None and number >= _EARLIEST else None


def _number(value: object) -> float | None:
    """A finite number of zero or more, also one that is written as a string."""
    if not isinstance(value, str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


def _is_penalised(body: Fields) -> bool:
    """Whether repetition is to cost a model, as the gateway judges it."""
    penalties = (str(body.get(name) or "0") for name in ("frequency_penalty", "presence_penalty"))
    return any(one not in {"0", "0.0"} for one in penalties)


def _duration(fields: Fields, began: float | None) -> float | None:
    ended = _first(time_in(fields.get(name)) for name in _ENDED)
    seconds = ended - began if ended is not None and began is not None else None
    milliseconds = _first(_number(fields.get(name)) for name in _MILLISECONDS)
    if milliseconds is not None:
        seconds = milliseconds / 1000
    elif seconds is None:
        seconds = _first(_number(fields.get(name)) for name in _SECONDS)
    return seconds if seconds is not None and 0 < seconds <= _LONGEST else None


def _cost(fields: Fields) -> float | None:
    details = object_of(json_within(fields.get("costdetails", fields.get("cost_details"))))
    given = [_number(fields.get(name)) for name in _COST]
    return _first([*given, _number(details.get("total"))])


def _usage(fields: Fields, reply: Fields) -> Usage:
    """The tokens that the row itself counts, or the reply. A row's own `input` and `output` are no tokens but texts."""
    for counts in (
        *(object_of(json_within(fields.get(name))) for name in _USAGE),
        object_of(reply.get("usage")),
        fields,
    ):
        names = (_READ, _WRITTEN) if counts is not fields else (_READ[:-1], _WRITTEN[:-1])
        read, written = (_first(_number(counts.get(name)) for name in some) for some in names)
        if read is not None or written is not None:
            return Usage(
                input_tokens=None if read is None else int(read),
                output_tokens=None if written is None else int(written),
            )
    return Usage()


def _first(values: Iterable[float | None]) -> float | None:
    """The first that is there."""
    return next((one for one in values if one is not None), None)
