"""Turns what was seen of a call into an `Outcome`, in words that help the maker."""

from __future__ import annotations

import json
import math
import os
import signal
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, NoReturn

from hammerstone.errors import SandboxError
from hammerstone.sandbox.contract import Limits, Outcome, Status
from hammerstone.sandbox.inside import child

if TYPE_CHECKING:
    from hammerstone.types import JSON

__all__ = ["ProcessReply", "Stop", "outcome_of", "read_json", "says"]


class Stop(IntEnum):
    """Why the host ended a call, if it did."""

    NOT = 0
    OUT_OF_TIME = 1
    OUT_OF_OUTPUT = 2


@dataclass(frozen=True, kw_only=True)
class ProcessReply:
    """A process's reply (`kind` and `body`, see `child`), with what it printed and what was measured."""

    stop: Stop = Stop.NOT
    kind: int = child.NOTHING
    wait_status: int = 0
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    body: bytes = b""
    printed: bytes = b""


def outcome_of(reply: ProcessReply, program: str, limits: Limits) -> Outcome:
    """The outcome of a call of `program`. Raises `SandboxError` if the child ran unconfined or not at all."""
    if reply.kind == child.NOT_CONFINED:
        raise SandboxError("a child could not be confined; nothing was run in it")
    status, value, error = _judge(reply, program, limits)
    return Outcome(
        status=status,
        value=value,
        error=error,
        printed=reply.printed.decode("utf-8", "replace"),
        cpu_seconds=reply.cpu_seconds,
        wall_seconds=reply.wall_seconds,
    )


def _judge(reply: ProcessReply, program: str, limits: Limits) -> tuple[Status, JSON, str]:
    stop = _stopped(reply, program, limits)
    if stop is not None:
        return stop[0], None, stop[1]
    match reply.kind:
        case child.VALUE:
            return _value(reply.body)
        case child.ERROR:
            return Status.ERROR, None, _error(reply.body, program)
        case child.TOO_MUCH_MEMORY:
            return Status.MEMORY, None, f"used more memory than its limit of {limits.memory_bytes:,} bytes"
        case child.TOO_MUCH_OUTPUT:
            return Status.OUTPUT, None, f"its result is larger than {limits.output_bytes:,} bytes"
        case _:
            return Status.KILLED, None, _death(reply.wait_status)


def _stopped(reply: ProcessReply, program: str, limits: Limits) -> tuple[Status, str] | None:
    match reply.stop:
        case Stop.OUT_OF_TIME:
            return Status.TIMEOUT, _took_too_long(reply, program, limits)
        case Stop.OUT_OF_OUTPUT:
            return Status.OUTPUT, f"printed or returned more than {limits.output_bytes:,} bytes"
        case _:
            return None


def _took_too_long(reply: ProcessReply, program: str, limits: Limits) -> str:
    """An error that says where the process was, if known. It has no measured time, which is never the same twice."""
    if reply.cpu_seconds < limits.cpu_seconds and not reply.body:
        return f"took more than {limits.wall_seconds:g} s"
    line = int(reply.body) if reply.body.isdigit() and len(reply.body) < 10 else None
    return f"took more than {limits.cpu_seconds:g} s of processor time{_at(line, program)}"


def _value(body: bytes) -> tuple[Status, JSON, str]:
    try:
        return Status.OK, read_json(body), ""
    except (ValueError, RecursionError) as error:
        return Status.ERROR, None, f"the value returned is not JSON: {error}"


def read_json(body: bytes) -> JSON:
    """Strict JSON of an untrusted writer: no NaN, no Infinity, no half of a surrogate pair, no 5,000-digit integer.

    Raises `ValueError` or `RecursionError`.
    """
    value: JSON = _decode(body.decode())
    if b"\\u" in body:
        json.dumps(value, ensure_ascii=False).encode()  # an escape can smuggle in what UTF-8 cannot carry
    return value


def _finite(number: str) -> float:
    value = float(number)
    return value if math.isfinite(value) else _refuse(number)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_decode = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite).decode


def _error(body: bytes, program: str) -> str:
    try:
        match read_json(body):
            case {"type": str(kind), "message": str(message), "line": int() | None as line}:
                return says(kind, message, line, program)
            case _:
                return "generated code wrote an error of its own that cannot be read"
    except (ValueError, RecursionError):
        return "generated code wrote an error of its own that cannot be read"


def says(kind: str, message: str, line: int | None, program: str) -> str:
    """`ValueError: bad day (line 12: raise ValueError("bad day"))`."""
    text = f"{kind}: {message}" if message else kind
    return text[:2000] + _at(line, program)


def _at(line: int | None, program: str) -> str:
    source = program.splitlines()
    if line is None or not 1 <= line <= len(source):
        return ""
    return f" (line {line}: {source[line - 1].strip()[:200]})"


def _death(wait_status: int) -> str:
    if os.WIFSIGNALED(wait_status):
        number = os.WTERMSIG(wait_status)
        hint = " (a recursion too deep, or a crash in native code)" if number == signal.SIGSEGV else ""
        hint = " (a system call of another architecture)" if number == signal.SIGSYS else hint
        return f"ended by {_signal_name(number)} before it returned{hint}"
    return f"ended its own process with code {os.waitstatus_to_exitcode(wait_status)} before it returned"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal has none
        return f"signal {number}"
