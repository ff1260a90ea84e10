"""A running gateway, looked at from outside: what a client of it would find."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, cast

import httpx2

from hammerstone.errors import SettingsError
from hammerstone.requests import json_object, object_of, objects_of
from hammerstone.types import JSON

__all__ = ["CheckupResult", "check_gateway"]

SECONDS = 15.0  # for each answer
_VALUES: dict[object, JSON] = {"integer": 1, "number": 1.5, "string": "a", "boolean": True, "array": [], "object": {}}


@dataclass(frozen=True, kw_only=True)
class CheckupResult:
    """`said` is what was found, with what repairs it if that is not `ok`."""

    name: str
    ok: bool
    said: str


@dataclass(frozen=True, kw_only=True)
class _Reply:
    status: int
    fields: dict[str, Any]

    @property
    def message(self) -> str:
        """The error's message, or the status."""
        return str(object_of(self.fields.get("error")).get("message", f"status {self.status}"))[:200]


async def check_gateway(
    url: str, key: str | None = None, *, transport: httpx2.AsyncBaseTransport | None = None
) -> tuple[CheckupResult, ...]:
    """One after the other; nothing further where nobody answers. `key` is what a client sends. Stores nothing.

    Raises `SettingsError` for what is no URL.
    """
    base = url.rstrip("/").removesuffix("/v1")
    if not base.startswith(("http://", "https://")):
        raise SettingsError(f"{url[:80]!r} is not the URL of a gateway", hint="such as http://127.0.0.1:8000")
    headers = {"authorization": f"Bearer {key}"} if key else {}
    async with httpx2.AsyncClient(
        base_url=base, headers=headers, timeout=SECONDS, transport=transport, trust_env=False
    ) as client:
        try:
            return await _checks(client, base)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            why = f"{type(error).__name__}: {error}".rstrip(": ")
            return (CheckupResult(name="reachable", ok=False, said=f"{base} does not answer ({why})"),)


async def _checks(client: httpx2.AsyncClient, base: str) -> tuple[CheckupResult, ...]:
    alive = await _ask(client, "/healthz")
    if alive.fields.get("status") != "ok":
        return (CheckupResult(name="reachable", ok=False, said=f"{base} answers, but is no gateway of hammerstone's"),)
    found = [CheckupResult(name="reachable", ok=True, said=base)]
    ready = await _ask(client, "/readyz")
    theirs, ours = ready.fields.get("version", "unknown"), version("hammerstone")
    found.append(CheckupResult(name="version", ok=True, said=f"{theirs}, and here {ours}" if theirs != ours else ours))
    parts = object_of(ready.fields.get("parts"))
    found += [_part(name, str(state)) for name, state in parts.items() if state != "configured"]
    if ready.status != 200:
        found.append(
            CheckupResult(name="ready", ok=False, said=f"{ready.fields.get('status')}: it takes no new requests")
        )
    tools = await _ask(client, "/tools")
    found.append(_key(tools, with_key="authorization" in client.headers))
    if tools.status == 200:
        found += [_upstream(await _ask(client, "/v1/models")), await _hit(client, tools)]
        found += _latest_build(await _ask(client, "/admin/builds?limit=1"))
    return tuple(found)


def _part(name: str, state: str) -> CheckupResult:
    works = state == "ok"
    return CheckupResult(name=name, ok=works, said="works" if works else f"{state}: the gateway's log says why")


def _key(tools: _Reply, *, with_key: bool) -> CheckupResult:
    if tools.status == 200:
        return CheckupResult(name="key", ok=True, said="lets its owner in" if with_key else "none is needed")
    hint = "" if with_key else "; give one with HAMMERSTONE_KEY"
    return CheckupResult(name="key", ok=tools.status == 503, said=tools.message + hint)


def _upstream(models: _Reply) -> CheckupResult:
    listed = models.fields.get("data")
    if models.status == 200:
        count = len(cast("list[object]", listed)) if isinstance(listed, list) else "unknown"
        return CheckupResult(name="upstream", ok=True, said=f"answers; models listed: {count}")
    if models.status in {401, 403}:
        hint = "the gateway's own key (api_key_env), or that of HAMMERSTONE_KEY if clients send theirs"
        return CheckupResult(name="upstream", ok=False, said=f"answers, and refuses the key: check {hint}")
    if models.status in {404, 405, 501}:
        return CheckupResult(name="upstream", ok=True, said="answers, and lists no models")
    return CheckupResult(name="upstream", ok=False, said=models.message)


async def _hit(client: httpx2.AsyncClient, tools: _Reply) -> CheckupResult:
    """Calls a live tool with whatever fits its arguments: that it refuses them says that it was asked."""
    listed = objects_of(tools.fields.get("data"))
    if not listed:
        return CheckupResult(name="hit", ok=True, said="no tool is live yet, so every request goes to the upstream")
    tool = listed[0]
    called = await _ask(client, f"/tools/{tool.get('name')}", _arguments(object_of(tool.get("parameters"))))
    code = object_of(called.fields.get("error")).get("code")
    works = called.status == 200 or code in {"tool_failed", "invalid_arguments"}
    said = f"live tools: {len(listed)}; {tool.get('name')} was called" if works else called.message
    return CheckupResult(name="hit", ok=works, said=said)


def _latest_build(builds: _Reply) -> list[CheckupResult]:
    """What came of the latest build, for whoever may look. One that failed before the maker's first reply is a fault of
    the gateway's; a task for which no tool was found is none.
    """
    listed = objects_of(builds.fields.get("data"))
    if not listed:
        return []
    build = listed[0]
    failed = build.get("state") in ("failed", "interrupted")
    said = f"the latest, of {build.get('task')}: {build.get('state')}" + (f": {build.get('reason')}" if failed else "")
    return [CheckupResult(name="builds", ok=not failed or bool(build.get("attempts")), said=said)]


def _arguments(schema: object) -> dict[str, JSON]:
    properties = object_of(object_of(schema).get("properties"))
    return {name: _VALUES.get(object_of(one).get("type"), "a") for name, one in properties.items()}


async def _ask(client: httpx2.AsyncClient, path: str, body: dict[str, JSON] | None = None) -> _Reply:
    reply = await (client.get(path) if body is None else client.post(path, json=body))
    return _Reply(status=reply.status_code, fields=json_object(reply.text) or {})
