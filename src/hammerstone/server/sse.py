"""Server-sent events in an upstream's reply, read as the standard says (WHATWG HTML, section 9.2.6)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hammerstone.requests import json_object

__all__ = ["read_events"]

_LINE_END = re.compile(r"\r\n|\n|\r")
DONE = "[DONE]"


def read_events(text: str) -> list[Mapping[str, Any]] | None:
    """The JSON data of each event, without `[DONE]`; `None` if any of it is not a JSON object."""
    events: list[Mapping[str, Any]] = []
    data: list[str] = []
    for line in (*_LINE_END.split(text.removeprefix("\ufeff")), ""):
        if line:
            name, _, value = line.partition(":")
            if name == "data":
                data.append(value.removeprefix(" "))
            continue
        joined, data = "\n".join(data), []
        if not joined or joined == DONE:
            continue
        event = json_object(joined)
        if event is None:
            return None
        events.append(event)
    return events
