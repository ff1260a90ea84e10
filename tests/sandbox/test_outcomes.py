"""The host turns what a worker passes on from an untrusted child into an outcome."""

from __future__ import annotations

import json
import signal

import pytest

from hammerstone.errors import SandboxError
from hammerstone.sandbox import Limits, Outcome, Status
from hammerstone.sandbox.inside import child
from hammerstone.sandbox.outcomes import ProcessReply, Stop, outcome_of, read_json


def judged(kind: int = child.VALUE, body: bytes = b"1", *, stop: Stop = Stop.NOT, wait_status: int = 0) -> Outcome:
    reply = ProcessReply(
        stop=stop,
        kind=kind,
        wait_status=wait_status,
        cpu_seconds=0.1,
        wall_seconds=0.2,
        body=body,
        printed=b"\xff",
    )
    return outcome_of(reply, "first\nsecond\n", Limits())


@pytest.mark.parametrize(
    "body",
    [
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"",
        b"1 2",
        b"{",
        b"\xff",
        b'"\\ud800"',
        b"[" * 100_000,
        b"9" * 5000,
        b'"\xed\xa0\x80"',
        '"\\ud800"'.encode("utf-16-le"),
        b"1e999",
        b"[-1e999]",
    ],
)
def test_a_forged_value_that_is_not_json_is_an_error(body: bytes) -> None:
    assert judged(body=body).status is Status.ERROR


def test_a_value_is_read_and_bad_bytes_in_prints_are_replaced() -> None:
    outcome = judged(body='{"a": [1, "é", "\\u00e9"]}'.encode())
    assert outcome == Outcome(
        status=Status.OK, value={"a": [1, "é", "é"]}, printed="\ufffd", cpu_seconds=0.1, wall_seconds=0.2
    )


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"type": 1, "message": "", "line": 1}', b"[" * 100_000])
def test_a_forged_error_is_an_error(body: bytes) -> None:
    outcome = judged(child.ERROR, body)
    assert (outcome.status, outcome.value) == (Status.ERROR, None)
    assert "cannot be read" in outcome.error


@pytest.mark.parametrize(
    ("line", "expected"), [(2, "T: m (line 2: second)"), (3, "T: m"), (0, "T: m"), (-1, "T: m"), (None, "T: m")]
)
def test_a_line_that_the_source_has_not_is_left_out(line: int | None, expected: str) -> None:
    body = json.dumps({"type": "T", "message": "m", "line": line}).encode()
    assert judged(child.ERROR, body).error == expected


@pytest.mark.parametrize("kind", [child.NOTHING, 77, 255])
def test_a_kind_that_does_not_exist_is_the_death_of_the_call(kind: int) -> None:
    outcome = judged(kind)
    assert (outcome.status, outcome.value) == (Status.KILLED, None)
    assert outcome.error == "ended its own process with code 0 before it returned"


def test_a_death_by_signal_is_named() -> None:
    assert "SIGSEGV" in judged(child.NOTHING, wait_status=signal.SIGSEGV).error


@pytest.mark.parametrize(
    ("stop", "status"),
    [
        (Stop.OUT_OF_TIME, Status.TIMEOUT),
        (Stop.OUT_OF_OUTPUT, Status.OUTPUT),
    ],
)
def test_what_the_worker_measured_outweighs_what_the_child_said(stop: Stop, status: Status) -> None:
    outcome = judged(child.VALUE, b"1", stop=stop)
    assert (outcome.status, outcome.value) == (status, None)


def test_a_child_that_was_not_confined_is_an_error_of_ours() -> None:
    with pytest.raises(SandboxError):
        judged(child.NOT_CONFINED)


def test_integers_of_any_honest_size_are_read() -> None:
    assert read_json(b"1" + b"0" * 4000) == 10**4000


@pytest.mark.parametrize("number", [*range(1, 65)])
def test_an_end_by_any_signal_is_an_outcome(number: int) -> None:
    outcome = judged(child.NOTHING, wait_status=number)
    assert outcome.status is Status.KILLED
    assert outcome.error.startswith("ended by ")


@pytest.mark.parametrize(
    ("body", "where"),
    [(b"2", " (line 2: second)"), (b"3", ""), (b"0", ""), (b"9" * 5000, ""), (b"\xff", ""), (b'{"line": 1}', "")],
)
def test_a_call_that_took_too_long_says_where_if_it_can(body: bytes, where: str) -> None:
    assert judged(child.NOTHING, body, stop=Stop.OUT_OF_TIME).error == f"took more than 10 s of processor time{where}"
