"""The parts that the gateway's OpenAPI 3.1 documents share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["json_content", "operation"]


def operation(
    name: str, summary: str, *, body: Any, result: Any, done: str, statuses: Mapping[str, str]
) -> dict[str, Any]:
    """One operation, without a body if that is `None`. `done` describes a 200, `statuses` each error."""
    error = json_content({"$ref": "#/components/schemas/Error"})
    errors = {status: {"description": text, "content": error} for status, text in statuses.items()}
    return {
        "operationId": name,
        "summary": summary,
        **({"requestBody": {"required": True, "content": json_content(body)}} if body is not None else {}),
        "responses": {"200": {"description": done, "content": json_content(result)}, **errors},
    }


def json_content(schema: Any) -> dict[str, Any]:
    """Content in JSON of this schema."""
    return {"application/json": {"schema": schema}}
