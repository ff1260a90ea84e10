"""What a person decides about a tool: each form is one action of the administration, by the same functions."""

from __future__ import annotations

import json
from collections.abc import Callable

from anyio import to_thread
from starlette.responses import Response

from hammerstone.admin.tools import ToolSummary
from hammerstone.errors import InputError
from hammerstone.requests import json_value
from hammerstone.server.admin import tools
from hammerstone.server.admin.actions import AdminRequest
from hammerstone.server.pages.visit import Page, Visit
from hammerstone.store import Act, KeyRole
from hammerstone.types import JSON

__all__ = ["DEFAULT", "PAGES"]

DEFAULT = "(default)"
"""How forms name the tenant that has no name."""


_Change = Callable[[AdminRequest, str, int | None, Visit], ToolSummary]


def _change(change: _Change, what: str) -> Callable[[Visit], Response]:
    """A form that brings a tool into another state, and leads to the page of this version, which says so."""

    def take(visit: Visit) -> Response:
        name, number = visit.http.path_params["name"], _number(visit)
        about = f"{name} version {number}" if number is not None else name
        changed = change(visit.asked(what, about), name, number, visit)
        return visit.to(f"/tasks/{name}", done=changed.state, version=changed.version)

    return take


def _number(visit: Visit) -> int | None:
    """The version that the form names."""
    version = visit.form.get("version", "")
    return int(version) if version.isascii() and version.isdecimal() and len(version) < 10 else None


def _quarantine(asked: AdminRequest, name: str, version: int | None, visit: Visit) -> ToolSummary:
    reason = visit.form.get("reason", "").strip()
    if not reason:
        raise InputError("say what is wrong with it", hint="the reason is kept in the history of the tool")
    return tools.quarantine_tool(asked, name, body=tools.Quarantine(version=version, reason=reason))


async def build(visit: Visit) -> Response:
    """Begin a build of a task now."""
    name = visit.http.path_params["name"]
    loop = await visit.loop()
    await loop.start_build(name)
    act = Act(who=visit.visitor.name, what="build_tool", about=name)
    await to_thread.run_sync(visit.store.note, act)
    return visit.to(f"/tasks/{name}", done="building")


def export(visit: Visit) -> Response:
    """A tool as a file that other homes import."""
    name = visit.http.path_params["name"]
    package = tools.export_tool(visit.asked("export_tool", name), name, version=visit.number("version"))
    file = "".join(one if one.isascii() else "_" for one in name)
    headers = {"content-disposition": f'attachment; filename="{file}.json"'}
    return Response(json.dumps(package, indent=2), media_type="application/json", headers=headers)


def publish(visit: Visit) -> Response:
    """Give a tool to other tenants; what each of them has of it now."""
    name, to = visit.http.path_params["name"], visit.form.get("to", "")
    if not to:
        raise InputError("no tenant is chosen", hint="choose one, or all")
    body = tools.Receivers(to=["" if to == DEFAULT else to], version=_number(visit))
    published = tools.publish_tool(visit.asked("publish_tool", f"{name} to {to}"), name, body=body)
    return visit.show("published.html", name=name, published=published)


def show_import(visit: Visit) -> Response:
    """The form for an exported tool."""
    return visit.show("import.html", imported=None, problem="")


async def take_import(visit: Visit) -> Response:
    """What the gate says of an exported tool."""
    try:
        package: JSON = json_value(visit.form.get("package", ""))
    except ValueError as error:
        raise InputError(f"this cannot be read as JSON: {error}", hint="paste the whole file of an export") from None
    if not isinstance(package, dict):
        raise InputError("this is not an exported tool", hint="paste the whole file of an export")
    imported = await tools.import_tool(visit.asked("import_tool"), body=package)
    return visit.show("import.html", imported=imported, problem="")


_ADMIN = KeyRole.ADMIN
PAGES = (
    Page(
        "POST",
        "/tasks/{name}/approve",
        _change(lambda a, n, v, _: tools.approve_tool(a, n, body=tools.OneVersion(version=v)), "approve_tool"),
        _ADMIN,
    ),
    Page(
        "POST",
        "/tasks/{name}/enable",
        _change(lambda a, n, v, _: tools.enable_tool(a, n, body=tools.OneVersion(version=v)), "enable_tool"),
        _ADMIN,
    ),
    Page(
        "POST",
        "/tasks/{name}/rollback",
        _change(lambda a, n, v, _: tools.roll_back_tool(a, n, body=tools.OneVersion(version=v)), "roll_back_tool"),
        _ADMIN,
    ),
    Page(
        "POST", "/tasks/{name}/disable", _change(lambda a, n, _v, _: tools.disable_tool(a, n), "disable_tool"), _ADMIN
    ),
    Page("POST", "/tasks/{name}/quarantine", _change(_quarantine, "quarantine_tool"), _ADMIN),
    Page("POST", "/tasks/{name}/build", build, _ADMIN),
    Page("POST", "/tasks/{name}/publish", publish, _ADMIN),
    Page("GET", "/tasks/{name}/package", export, _ADMIN),
    Page("GET", "/import", show_import, _ADMIN),
    Page("POST", "/import", take_import, _ADMIN),
)
