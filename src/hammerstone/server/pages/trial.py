"""A tool is tried by hand: with a question, or with arguments in a form that its signature makes. Nothing is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anyio import to_thread
from starlette.responses import Response

from hammerstone.admin.tools import find_tool
from hammerstone.requests import json_value
from hammerstone.sandbox import Sandbox
from hammerstone.server.pages.visit import Page, Visit
from hammerstone.store import StoredTool
from hammerstone.tools import ArgumentsError, Signature, answer, call_solve, read_signature
from hammerstone.types import JSON, Route

__all__ = ["PAGES", "Field", "fields_of"]


@dataclass(frozen=True, kw_only=True)
class Field:
    """One argument of a tool's form. `kind` is what its type is called in JSON Schema; all but text is in JSON."""

    name: str
    kind: str
    required: bool
    value: str


@dataclass(frozen=True, kw_only=True)
class _Outcome:
    """What the tool answered, or why it did not."""

    answer: str | None
    problem: str
    arguments: Mapping[str, JSON] | None


def fields_of(signature: Signature, given: Mapping[str, str]) -> list[Field]:
    """The form's fields, filled with what was given before."""
    properties: dict[str, dict[str, Any]] = signature.schema["properties"]
    return [
        Field(
            name=one.name,
            kind=str(properties[one.name].get("type", "value")),
            required=one.required,
            value=given.get(one.name, ""),
        )
        for one in signature.fields
    ]


def show(visit: Visit) -> Response:
    """The empty form."""
    return _page(visit, _tool(visit), None)


async def take(visit: Visit) -> Response:
    """The form with what the tool makes of it."""
    tool = await to_thread.run_sync(_tool, visit)
    sandbox = (await visit.loop()).sandbox
    if "question" in visit.form:
        parsed, given = await answer(sandbox, tool.tool.source, visit.form["question"])
        outcome = _Outcome(answer=given, problem=parsed.refusal, arguments=parsed.arguments)
    else:
        outcome = await _solved(sandbox, tool, visit.form)
    return await to_thread.run_sync(_page, visit, tool, outcome)


async def _solved(sandbox: Sandbox, tool: StoredTool, form: Mapping[str, str]) -> _Outcome:
    signature = read_signature(tool.tool.source)
    try:
        arguments = signature.validate(_arguments(signature, form))
    except (ArgumentsError, ValueError) as error:
        return _Outcome(answer=None, problem=str(error), arguments=None)
    solved = await call_solve(sandbox, tool.tool.source, arguments)
    return _Outcome(answer=solved.text, problem=solved.failure, arguments=arguments)


def _arguments(signature: Signature, form: Mapping[str, str]) -> dict[str, JSON]:
    """Raises `ValueError` for what is missing, or no JSON where it has to be."""
    arguments: dict[str, JSON] = {}
    for one in fields_of(signature, {name.removeprefix("argument-"): value for name, value in form.items()}):
        if one.kind == "string":
            arguments[one.name] = one.value
        elif one.value.strip():
            try:
                arguments[one.name] = json_value(one.value)
            except ValueError as error:
                raise ValueError(f"{one.name}: {error}") from None
        elif one.required:
            raise ValueError(f"{one.name}: nothing is filled in")
    return arguments


def _tool(visit: Visit) -> StoredTool:
    return find_tool(visit.store, visit.http.path_params["name"], visit.number("version"))


def _page(visit: Visit, tool: StoredTool, outcome: _Outcome | None) -> Response:
    signature = read_signature(tool.tool.source)
    given = {name.removeprefix("argument-"): value for name, value in visit.form.items()}
    return visit.show(
        "trial.html",
        tool=tool,
        signature=signature,
        fields=fields_of(signature, given),
        parses=Route.PARSER in tool.tool.routes,
        question=visit.form.get("question", ""),
        example=tool.tool.checks[0].question if tool.tool.checks else "",
        outcome=outcome,
    )


PAGES = (
    Page("GET", "/tasks/{name}/try", show),
    Page("POST", "/tasks/{name}/try", take),
)
