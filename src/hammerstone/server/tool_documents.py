"""What is said of a tool to those who call it: a line of the list, and its OpenAPI document."""

from __future__ import annotations

from typing import Any

from hammerstone.server.openapi import operation
from hammerstone.server.protocols.chat_completions import OPENAI_ERROR
from hammerstone.store import StoredTool
from hammerstone.tools import Signature, read_signature
from hammerstone.types import JSON, Route

__all__ = ["openapi_document", "takes_question", "tool_description", "tool_document"]

_STATUSES = {
    "404": "This tool is not live (any more).",
    "422": "Arguments that do not fit, a question that the tool refuses, or a call that failed; the message says why.",
}


def takes_question(tool: StoredTool) -> bool:
    """Whether `{"question": …}` is a question to be read, and not an argument of that name."""
    return "question" not in _signature(tool).parameters


def tool_description(tool: StoredTool) -> str:
    """What it does, and what its author says of the arguments."""
    return "\n\n".join(part for part in (tool.tool.description, _signature(tool).docstring) if part)


def tool_document(tool: StoredTool) -> dict[str, JSON]:
    """One tool of the list."""
    return {
        "name": tool.task,
        "version": tool.version,
        "description": tool_description(tool),
        "reads_questions": Route.PARSER in tool.tool.routes and takes_question(tool),
        "parameters": _signature(tool).schema,
        "digest": tool.tool.digest,
    }


def openapi_document(tool: StoredTool) -> dict[str, Any]:
    """OpenAPI 3.1, of this tool alone."""
    path = f"/tools/{tool.task}"
    given: dict[str, Any] = {"$ref": "#/components/schemas/Arguments"}
    reads = Route.PARSER in tool.tool.routes and takes_question(tool)
    body: dict[str, Any] = {"oneOf": [given, {"$ref": "#/components/schemas/Question"}]} if reads else given
    result, error = {"$ref": "#/components/schemas/Result"}, {"$ref": "#/components/schemas/Error"}
    results = {
        "type": "object",
        "properties": {"object": {"const": "list"}, "data": {"type": "array", "items": {"anyOf": [result, error]}}},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": tool.task, "version": str(tool.version), "description": tool_description(tool)},
        "paths": {
            path: {"post": _operation(tool.task, f"Call {tool.task}", body, result)},
            f"{path}/batch": {
                "post": _operation(
                    f"{tool.task}_batch", f"Call {tool.task} many times", {"type": "array", "items": body}, results
                )
            },
        },
        "components": {
            "schemas": {"Arguments": _signature(tool).schema, "Result": _RESULT, "Error": OPENAI_ERROR}
            | ({"Question": _QUESTION} if reads else {})
        },
    }


_QUESTION = {
    "type": "object",
    "properties": {"question": {"type": "string"}},
    "required": ["question"],
    "additionalProperties": False,
}
_RESULT = {
    "type": "object",
    "properties": {
        "tool": {"type": "string"},
        "version": {"type": "integer"},
        "answer": {"type": "string"},
        "request_id": {"type": "string", "description": "For feedback; only where a question was answered."},
        "labeled": {"type": "boolean", "description": "A person's label of this question, and not the tool's answer."},
    },
    "required": ["tool", "version", "answer"],
}


def _operation(name: str, summary: str, body: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    return operation(name, summary, body=body, result=result, done="The answer.", statuses=_STATUSES)


def _signature(tool: StoredTool) -> Signature:
    return read_signature(tool.tool.source)
