"""The OpenAPI document of the administration, made of what its actions say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from pydantic import TypeAdapter

from hammerstone.server.admin.actions import Action
from hammerstone.server.openapi import operation
from hammerstone.server.protocols.chat_completions import OPENAI_ERROR

__all__ = ["openapi_document"]

_REF = "#/components/schemas/{model}"
_STATUSES = {
    "401": "There are keys, and none was sent, or one that is not known.",
    "403": "The key is no admin key, or not one for this tenant.",
    "404": "It is not there.",
    "422": "What was asked makes no sense; the message says why.",
    "503": "The store or the sandbox is out of reach.",
}


def openapi_document(actions: Sequence[Action]) -> dict[str, Any]:
    """OpenAPI 3.1."""
    wanted: list[tuple[tuple[Action, str], Any, TypeAdapter[Any]]] = []
    for one in actions:
        wanted.append(((one, "reply"), "serialization", one.reply))
        if one.body is not None:
            wanted.append(((one, "body"), "validation", one.body))
        wanted += [((one, f"?{name}"), "validation", adapter) for name, adapter in one.adapters.items()]
    schemas, definitions = TypeAdapter.json_schemas(wanted, ref_template=_REF)
    paths: dict[str, Any] = {}
    for one in actions:
        body = schemas.get(((one, "body"), "validation"))
        given = {name: schemas[(one, f"?{name}"), "validation"] for name in one.parameters}
        described = _operation(one, schemas[(one, "reply"), "serialization"], body, _parameters(one, given))
        paths.setdefault(f"/admin{one.template}", {})[one.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "hammerstone administration",
            "version": version("hammerstone"),
            "description": "Needs an admin key as a bearer token; without any key it is open to this machine alone.",
        },
        "paths": paths,
        "components": {
            "schemas": {**definitions.get("$defs", {}), "Error": OPENAI_ERROR},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}],
    }


def _operation(one: Action, reply: Any, body: Any, parameters: Sequence[Any]) -> dict[str, Any]:
    summary, _, description = one.summary.partition("\n\n")
    if reply.get("type") == "array":
        reply = {"type": "object", "properties": {"data": reply}, "required": ["data"]}
    return {
        **operation(one.name, summary, body=body, result=reply, done="Done.", statuses=_STATUSES),
        **({"description": description} if description else {}),
        "parameters": [*parameters, _TENANT],
    }


def _parameters(one: Action, schemas: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path" if one.is_in_path(name) else "query",
            "required": one.is_in_path(name),
            "schema": schemas[name] | ({"default": default} if default else {}),
        }
        for name, parameter in one.parameters.items()
        for default in (None if parameter.default is parameter.empty else parameter.default,)
    ]


_TENANT = {
    "name": "tenant",
    "in": "query",
    "required": False,
    "schema": {"type": "string"},
    "description": "Whose. Default: the key's own tenant, and for a key of all tenants the default one.",
}
