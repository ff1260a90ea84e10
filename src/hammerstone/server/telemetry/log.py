"""What the gateway writes to standard error: a line for each request, and what its parts have to say.

A line is one JSON object, or one that people read. Nobody waits for whoever reads them: a thread of its own writes what
has gathered in a moment, and where 10,000 lines are waiting, the next ones are dropped.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TextIO

from hammerstone.faults import place_of
from hammerstone.models import masked
from hammerstone.server.telemetry.record import RequestRecord
from hammerstone.server.upstream import UpstreamError
from hammerstone.settings import LogFormat
from hammerstone.visible import visible

__all__ = ["RequestLog", "open_log"]

WAITING = 10_000
GATHER_SECONDS = 0.05  # that the first of them waits for others
LAST_SECONDS = 1.0  # that lines may take to be written when all ends

_ours = logging.getLogger("hammerstone")
_requests = logging.getLogger("hammerstone.requests")


class RequestLog:
    """An `Observer`. With `questions`, what that leaves of what was asked is part of a line."""

    def __init__(self, *, questions: Callable[[str], str] | None = None) -> None:
        self._questions = questions

    def over(self, record: RequestRecord) -> None:
        """See `Observer`."""
        if _requests.isEnabledFor(logging.INFO):
            _requests.info("request", extra={"fields": self._fields(record)})

    def _fields(self, record: RequestRecord) -> dict[str, Any]:
        saved = record.notes.get("saved-usd", "unknown")
        fields: dict[str, Any] = {
            "request_id": record.id,
            "tenant": record.tenant,
            "api": record.api,
            "model": record.model,
            "route": record.route,
            "tool": record.notes.get("tool"),
            "status": record.status,
            "ms": _ms(record.seconds),
            "added_ms": _ms(record.added),
            "saved_usd": None if saved == "unknown" else float(saved),
            "fault": record.notes.get("fault"),
        }
        if self._questions is not None and record.chat is not None:
            fields["question"] = self._questions(record.chat.messages[-1].content)
        return fields


@contextmanager
def open_log(form: LogFormat) -> Generator[None]:
    """Everything that is logged goes there, within this block."""
    handler = _LineHandler(_as_json if form == "json" else _as_text, sys.stderr)
    handler.addFilter(_named_rightly)
    root, retries = logging.getLogger(), logging.getLogger("stamina")
    before = (root.handlers[:], retries.handlers[:], _ours.level)
    root.handlers[:], retries.handlers[:] = [handler], []
    _ours.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.handlers[:], retries.handlers[:] = before[:2]
        _ours.setLevel(before[2])
        handler.close()


class _LineHandler(logging.Handler):
    """Formats in the caller's thread and writes in its own."""

    def __init__(self, line: Any, stream: TextIO) -> None:
        super().__init__()
        self._line = line
        self._stream = stream
        self._lines: deque[str] = deque()
        self._news = threading.Event()
        self._closing = threading.Event()
        self._writer = threading.Thread(target=self._write, name="log", daemon=True)
        self._writer.start()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if len(self._lines) < WAITING:
                self._lines.append(self._line(record))
                self._news.set()
        except Exception:  # a line is never worth a request
            self.handleError(record)

    def _write(self) -> None:
        """Write the lines in groups: waking this thread for each would cost a request more than the line itself."""
        while not self._closing.is_set() or self._lines:
            self._news.wait()
            self._closing.wait(GATHER_SECONDS)
            self._news.clear()
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            try:
                self._stream.write("".join(f"{line}\n" for line in lines))
                self._stream.flush()
            except (BrokenPipeError, ValueError):  # nobody reads any more
                return
            except OSError:  # as of a full disk: these lines are lost, and the next ones may not be
                continue

    def close(self) -> None:
        self._closing.set()
        self._news.set()
        self._writer.join(LAST_SECONDS)
        super().close()


def _named_rightly(record: logging.LogRecord) -> bool:
    """A reply that breaks off is the upstream's failure. The server logs it as an exception of the application."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, UpstreamError):
        record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
        record.msg, record.exc_info = error.message, None
    return True


def _as_json(record: logging.LogRecord) -> str:
    when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    fields: dict[str, Any] = getattr(record, "fields", {})
    said = _message(record) if not fields else record.msg  # to mask takes a quarter of a millisecond
    head = {"time": when, "level": record.levelname.lower(), "message": said}
    return json.dumps({**head, **fields}, separators=(",", ":"))


def _as_text(record: logging.LogRecord) -> str:
    fields: dict[str, Any] | None = getattr(record, "fields", None)
    if fields is None:
        return visible(f"{record.levelname.lower()}: {_message(record)}")
    shown = [fields["api"], fields["status"], fields["route"], fields["tool"], fields["model"]]
    parts = [str(one) for one in shown if one]
    parts.append(f"{fields['ms']:g} ms")
    parts += [f"{name} {fields[name]}" for name in ("tenant", "fault", "question") if fields.get(name)]
    return visible(" ".join([*parts, fields["request_id"]]))


def _message(record: logging.LogRecord) -> str:
    wait = getattr(record, "stamina.wait_for", None)
    text = record.getMessage() if wait is None else f"a model is asked again in {wait} s"
    cause = getattr(record, "stamina.caused_by", None)
    text = f"{text}: {cause}" if cause is not None else text
    if record.exc_info and record.exc_info[1] is not None:
        text = f"{text}: {place_of(record.exc_info[1])}"
    return masked(text)


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)
