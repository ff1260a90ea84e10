"""The formats of JSON Schema that a string is checked for (draft 2020-12, section 7.3), each read narrowly: what is in
doubt does not have it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time
from ipaddress import IPv4Address, IPv6Address

from jsonschema import FormatChecker

__all__ = ["TEXT_FORMATS"]

_DATE = r"\d{4}-\d\d-\d\d"
_TIME = r"\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)"
_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = rf"[A-Za-z0-9_%+-]+(?:\.[A-Za-z0-9_%+-]+)*@{_NAME}(?:\.{_NAME})+"

_FORMATS: dict[str, tuple[str, Callable[[str], object]]] = {
    "date": (_DATE, date.fromisoformat),
    "date-time": (rf"{_DATE}T{_TIME}", datetime.fromisoformat),
    "email": (_ADDRESS, str),
    "ipv4": (r"[\d.]+", IPv4Address),
    "ipv6": (r"[0-9a-fA-F:.]+", IPv6Address),
    "time": (_TIME, time.fromisoformat),
    "uuid": (_UUID, str),
}
"""What a text looks like, and what reads it or raises `ValueError`."""


def _check(pattern: str, read: Callable[[str], object]) -> Callable[[object], bool]:
    looks = re.compile(pattern, re.ASCII)

    def check(value: object) -> bool:
        """Of a value that is no string, a format says nothing."""
        if not isinstance(value, str):
            return True
        if looks.fullmatch(value) is None:
            return False
        read(value)
        return True

    return check


TEXT_FORMATS = FormatChecker(formats=())
for _name, (_pattern, _read) in _FORMATS.items():
    TEXT_FORMATS.checks(_name, raises=ValueError)(_check(_pattern, _read))
