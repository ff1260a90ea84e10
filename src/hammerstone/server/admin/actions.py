"""One action of the administration: a method, a path, and a function whose signature says all that is asked.

    def rename(asked: AdminRequest, name: str, *, body: NewName) -> TaskName: ...

Its parameters are those of the path, a `body` (a model of pydantic's), and for the rest those of the query; what it
returns is the reply. Requests are checked by this signature, and the OpenAPI document is made of it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from functools import cached_property
from typing import Any, Generic, Literal, TypeVar, cast, get_type_hints

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from hammerstone.server.replies import GatewayError
from hammerstone.server.tenants import Tenants
from hammerstone.settings import Settings
from hammerstone.store import Act, Store, Stores
from hammerstone.types import JSON

__all__ = ["MOST", "Action", "AdminRequest", "Body", "ListPage", "page"]

MOST = 1_000  # of a page

T = TypeVar("T")


class Body(BaseModel):
    """What is sent with a request. A field that nobody knows is refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, kw_only=True)
class ListPage(Generic[T]):
    """Some of a list. `next` is what to give as `after` to get more; `null` at its end."""

    data: list[T]
    next: int | None = None


def page(found: Sequence[T], limit: int, number: Callable[[T], int]) -> ListPage[T]:
    """The first of what was found, at most `limit` and `MOST`."""
    size = max(1, min(limit, MOST))
    shown = list(found[:size])
    return ListPage(data=shown, next=number(shown[-1]) if len(found) > size else None)


@dataclass(frozen=True, kw_only=True)
class AdminRequest:
    """A request that was let in, and what it is to do. `scope` is the one tenant that its key may look after, `None`
    for all. What is changed through its stores is noted as `act`.
    """

    tenants: Tenants
    settings: Settings
    act: Act
    tenant: str = ""
    scope: str | None = None

    @property
    def stores(self) -> Stores:
        return self.tenants.stores.by(self.act)

    @property
    def store(self) -> Store:
        """The tenant's store. Raises `NotFoundError` if it has none, unless the admin is the tenant's own."""
        return self.stores.known(self.tenant) if self.scope is None else self.stores.of(self.tenant)

    def check_all(self) -> None:
        """Raises `GatewayError` unless its key is for all tenants."""
        if self.scope is not None:
            message = "this needs an admin key for all tenants: one that was created without --tenant"
            raise GatewayError(message, status=403, code="tenant_admin", kind="permission_error")


@dataclass(frozen=True)
class Action:
    """`path` is below `/admin`. A `handle` that is no coroutine runs in a thread."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    handle: Callable[..., Any]

    @property
    def name(self) -> str:
        return self.handle.__name__

    @property
    def summary(self) -> str:
        return inspect.getdoc(self.handle) or ""

    @cached_property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """All but the first, which is the request, and the body."""
        named = list(inspect.signature(self.handle).parameters.items())[1:]
        return {name: one for name, one in named if name != "body"}

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return get_type_hints(self.handle)

    @cached_property
    def adapters(self) -> Mapping[str, TypeAdapter[Any]]:
        """What checks each parameter."""
        return {name: TypeAdapter(self._hints[name]) for name in self.parameters}

    @cached_property
    def body(self) -> TypeAdapter[Any] | None:
        return TypeAdapter(self._hints["body"]) if "body" in self._hints else None

    @cached_property
    def reply(self) -> TypeAdapter[Any]:
        return TypeAdapter(self._hints["return"])

    @property
    def template(self) -> str:
        """The path without what Starlette alone understands."""
        return self.path.replace(":path}", "}")

    def is_in_path(self, name: str) -> bool:
        return f"{{{name}}}" in self.template

    def read(self, path: Mapping[str, str], query: Mapping[str, str]) -> dict[str, Any]:
        """Its parameters. Raises `GatewayError` for one that is missing, unknown, or does not fit."""
        unknown = query.keys() - self.parameters.keys() - {"tenant"}
        if unknown:
            known = ", ".join(sorted({name for name in self.parameters if not self.is_in_path(name)} | {"tenant"}))
            raise _invalid(f"there is no parameter {min(unknown)[:40]!r}", hint=f"there are: {known}")
        given = {**query, **path}
        return {name: self._read(name, given[name]) for name in self.parameters if name in given}

    def _read(self, name: str, value: str) -> Any:
        try:
            return self.adapters[name].validate_strings(value)
        except ValidationError as error:
            raise _invalid(f"{name}: {error.errors()[0]['msg']}") from None

    def read_body(self, value: JSON) -> dict[str, Any]:
        """Raises `GatewayError` for a body that does not fit."""
        if self.body is None:
            return {}
        try:
            return {"body": self.body.validate_python(value)}
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise _invalid(f"{where or 'body'}: {first['msg']}") from None


def document_of(value: Any) -> Any:
    """A reply as JSON."""
    if isinstance(value, list):
        return {"data": [document_of(one) for one in cast("list[Any]", value)]}
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def _invalid(message: str, hint: str = "") -> GatewayError:
    return GatewayError(message, status=422, code="invalid_request", hint=hint)
