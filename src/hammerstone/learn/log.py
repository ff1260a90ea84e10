"""A log: all files together, in order of time, and the requests from which no tool could learn."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from hammerstone.errors import InputError
from hammerstone.formatting import counted
from hammerstone.requests import BatchAnswer, Unreadable, is_batch_output, read_batch_answers, read_requests
from hammerstone.types import Request

__all__ = ["Log", "read_log"]

VARIED = "asks for variety"
UNANSWERED = "no answer"
SHARED = "an id of two batches"
HELD_OUT = 0.3  # of the lines, the last ones

OnBad = Callable[[str, int, str], object]
"""Called with the file, the line and the reason for each line that cannot be read."""


def _ignore(file: str, line: int, why: str) -> None:
    """Ignore lines that cannot be read."""
    del file, line, why


@dataclass(kw_only=True)
class Log:
    """`lines` are requests with a whole answer, in order of time if each has one (`timed`), else as they stood.

    `not_for_tools` counts the sound lines that no tool could answer or learn from, by their reason; `bad` the others.
    """

    lines: list[Request] = field(default_factory=list[Request])
    timed: bool = False
    untimed: int = 0
    bad: int = 0
    not_for_tools: Counter[str] = field(default_factory=Counter[str])

    def check(self) -> None:
        """Raises `InputError` where no request with a whole answer was read."""
        if self.lines:
            return
        unread = [f"{counted(self.bad, 'line')} cannot be read"] if self.bad else []
        others = [f"{count:,} {group}" for group, count in self.not_for_tools.most_common()]
        raise InputError(
            f"no request with a whole answer was read: {', '.join([*unread, *others]) or 'nothing is there'}",
            hint="each line needs a request and its answer; docs/guides/requests.md lists the formats",
        )

    @property
    def training(self) -> int:
        """The number of lines in the first part, from which tools are built."""
        return len(self.lines) - round(HELD_OUT * len(self.lines))

    @property
    def days(self) -> float | None:
        """Days from the first line to the last; `None` without times, or if all lines have the same time."""
        if not self.timed or len(self.lines) < 2:
            return None
        seconds = _time(self.lines[-1]) - _time(self.lines[0])
        return seconds / 86_400 if seconds > 0 else None


def read_log(
    files: Sequence[str], answers: str | None = None, *, max_temperature: float = 1.0, on_bad: OnBad = _ignore
) -> Log:
    """Read all files together, each of them once.

    Output files of batches, and `answers`, hold the answers to the requests of the others. An id is unique only within
    its batch, so of an id that two batches use nobody can say which answer is whose. A request at a temperature above
    `max_temperature` asks for variety, as at the gateway.

    Raises `InputError` for a file that cannot be read as a whole.
    """
    log = Log()
    files = _once(files)
    outputs = [file for file in files if file != "-" and is_batch_output(file)]
    replies = _replies(_once([*outputs, *([answers] if answers else [])]), log, on_bad)
    requests: list[Request] = []
    for file in files:
        for item in read_requests(file) if file not in outputs else ():
            if isinstance(item, Unreadable):
                _count(log, file, item, on_bad)
            else:
                requests.append(item)
    shared = _asked_twice(one for one in requests if _waits(one))
    for one in requests:
        if not _waits(one) or one.id not in replies:
            _take(log, one, max_temperature)
        elif (reply := replies[one.id]) is None or one.id in shared:
            log.not_for_tools[SHARED] += 1
        else:  # a batch's input has nothing about the call
            _take(log, replace(one, answer=reply.answer, logged=reply.logged), max_temperature)
    log.untimed = sum(one.logged is None or one.logged.time is None for one in log.lines)
    log.timed = bool(log.lines) and log.untimed == 0
    if log.timed:
        log.lines.sort(key=_time)
    return log


def _once(files: Sequence[str]) -> list[str]:
    """The files, each only once, whatever path names it: otherwise its requests would count twice."""
    return list({(name if name == "-" else os.path.realpath(name)): name for name in reversed(files)}.values())[::-1]


def _replies(files: Sequence[str], log: Log, on_bad: OnBad) -> dict[str, BatchAnswer | None]:
    """The answers by their requests' ids; `None` for an id with different ones in two files."""
    replies: dict[str, BatchAnswer | None] = {}
    for file in files:
        of_file: dict[str, BatchAnswer] = {}
        for item in read_batch_answers(file):
            if isinstance(item, Unreadable):
                _count(log, file, item, on_bad)
            else:
                of_file[item.id] = item
        for name, reply in of_file.items():
            before = replies.setdefault(name, reply)
            replies[name] = reply if before is not None and before.answer == reply.answer else None
    return replies


def _waits(request: Request) -> bool:
    """Whether an output file may have the answer, under the request's own id."""
    return request.answer is None and not request.numbered


def _asked_twice(requests: Iterable[Request]) -> set[str]:
    """The ids under which two requests differ."""
    first: dict[str, Request] = {}
    return {one.id for one in requests if first.setdefault(one.id, one).chat != one.chat}


def _count(log: Log, file: str, item: Unreadable, on_bad: OnBad) -> None:
    if item.group:
        log.not_for_tools[item.group] += 1
        return
    log.bad += 1
    on_bad(file, item.line, item.why)


def _take(log: Log, request: Request, max_temperature: float) -> None:
    if request.answer is None or not request.answer.strip():
        log.not_for_tools[UNANSWERED] += 1
    elif request.logged is not None and request.logged.asks_for_variety(max_temperature):
        log.not_for_tools[VARIED] += 1
    else:
        log.lines.append(request)


def _time(request: Request) -> float:
    return (request.logged.time if request.logged is not None else None) or 0.0
