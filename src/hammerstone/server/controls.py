"""What a client may say about one request: as headers, in `metadata`, and by `Cache-Control` (RFC 9111)."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote

from starlette.datastructures import Headers

__all__ = ["ControlError", "Controls", "read_controls"]

HEADER, FIELD = "x-hammerstone-", "hammerstone-"
FLAGS = ("bypass", "no-store", "only-if-hit", "shadow")
_ALL = (*FLAGS, "share", "task", "upstream-authorization")
_YES, _NO = frozenset(("1", "true", "yes", "on")), frozenset(("", "0", "false", "no", "off"))


class ControlError(Exception):
    """A control that makes no sense; becomes status 400."""


@dataclass(frozen=True, kw_only=True)
class Controls:
    """`bypass`: the upstream answers. `no_store`: the same, and nothing of it is kept or learned. `only_if_hit`: an
    error rather than a call of the upstream. `shadow`: the upstream answers, and tools are compared with it. `task`:
    the caller's name of the kind of request. `max_age`: seconds that a stored answer may be old. `share`: whether equal
    requests at the same moment are one call of the upstream.
    """

    bypass: bool = False
    no_store: bool = False
    only_if_hit: bool = False
    shadow: bool = False
    task: str | None = None
    max_age: float | None = None
    share: bool | None = None

    @property
    def upstream_answers(self) -> bool:
        return self.bypass or self.shadow or self.no_store


def read_controls(headers: Headers, body: Mapping[str, Any] | None) -> Controls:
    """A header wins over the same in `metadata`; of several lines of it, the strictest. Raises `ControlError`."""
    metadata = (body or {}).get("metadata")
    fields = cast("dict[str, object]", metadata) if isinstance(metadata, dict) else {}

    def given(name: str) -> list[str]:
        value = fields.get(FIELD + name)
        return [_decoded(one) for one in headers.getlist(HEADER + name)] or ([] if value is None else [str(value)])

    for key in (*headers.keys(), *fields):
        _check_known(key)
    directives = _directives(",".join(headers.getlist("cache-control")))
    cached = {name for name, _ in directives}
    flags = {name: any(_flags(name, given(name))) for name in FLAGS}
    bypass, no_store = flags["bypass"] or "no-cache" in cached, flags["no-store"] or "no-store" in cached
    only = flags["only-if-hit"] or "only-if-cached" in cached
    if only and (bypass or no_store or flags["shadow"]):
        raise ControlError("only-if-hit excludes bypass, shadow, no-cache and no-store: nobody could answer")
    return Controls(
        bypass=bypass,
        no_store=no_store,
        only_if_hit=only,
        shadow=flags["shadow"],
        task=_one_name(given("task")),
        max_age=min((_seconds(value) for name, value in directives if name == "max-age"), default=None),
        share=all(_flags("share", given("share"))) if given("share") else None,
    )


def _check_known(key: str) -> None:
    """A control that was mistyped is refused: what it was to prevent would happen."""
    name = key.removeprefix(HEADER) if key.startswith(HEADER) else key.removeprefix(FIELD)
    if name == key or name in _ALL:
        return
    close = difflib.get_close_matches(name, _ALL, n=1)
    meant = f": did you mean {key.removesuffix(name)}{close[0]}?" if close else ""
    raise ControlError(f"there is no control {key[:80]}{meant}")


def _one_name(given: Sequence[str]) -> str | None:
    names = {one.strip() for one in given} - {""}
    if len(names) > 1:
        raise ControlError(f"{HEADER}task names one kind of request, not {len(names)}")
    return names.pop() if names else None


def _flags(name: str, given: Sequence[str]) -> list[bool]:
    return [_flag(name, one) for one in given]


def _decoded(header: str) -> str:
    """A header's value in any script: as UTF-8, or percent-encoded as our own headers are."""
    try:
        return unquote(header.encode("latin-1").decode())
    except UnicodeError:
        return header


def _flag(name: str, value: str) -> bool:
    text = value.strip().lower()
    if text in _YES:
        return True
    if text in _NO:
        return False
    raise ControlError(f"{HEADER}{name} is true or false, not {text[:40]!r}")


def _directives(header: str) -> list[tuple[str, str]]:
    """What `Cache-Control` says; what nobody knows of it means nothing (RFC 9111, section 5.2.3)."""
    parts = (part.strip().partition("=") for part in header.lower().split(","))
    return [(name.strip(), value.strip().strip('"')) for name, _, value in parts if name.strip()]


def _seconds(value: str) -> float:
    """A value that is no number makes a stored answer stale (RFC 9111, section 4.2.1)."""
    return float(value) if value.isdecimal() else 0.0
