"""Checks of documents that a stranger may have written, by pydantic, which stop at the first fault of a list.

Pydantic keeps every fault with its input: one megabyte of wrong items took 500 MB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from pydantic_core import SchemaValidator

__all__ = ["validator_of"]


def validator_of(kind: Any) -> SchemaValidator:
    """Validates JSON or values as this type; raises pydantic's `ValidationError` with one fault of each list."""
    from pydantic import TypeAdapter  # late: 0.07 s
    from pydantic_core import SchemaValidator

    return SchemaValidator(_stopping(TypeAdapter(kind).core_schema))


def _stopping(schema: Any) -> Any:
    """The same schema, in which every list and tuple stops at its first fault."""
    if isinstance(schema, list):
        return [_stopping(one) for one in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    inner = {key: _stopping(one) for key, one in cast("dict[str, Any]", schema).items()}
    return inner | {"fail_fast": True} if inner.get("type") in ("list", "tuple") else inner
