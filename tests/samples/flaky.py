"""A store that can be taken away while it is in use, as a full disk or a lost server would."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from hammerstone.errors import StoreError
from hammerstone.store import Store, Stores

__all__ = ["READS", "FlakyStores", "Outage"]

READS = frozenset(
    """assigned find_call frames instances labeled_digests live_tools person_label queue shadow_tools task task_of tasks
    tool tools tools_revision withdrawn""".split()
)


@dataclass
class Outage:
    """Whose methods fail now: those of `tenants`, and of them `names` alone, if there are any."""

    tenants: set[str] = field(default_factory=set)
    names: frozenset[str] = frozenset()
    writes_only: bool = False

    def hits(self, tenant: str, name: str) -> bool:
        if tenant not in self.tenants or (self.writes_only and name in READS):
            return False
        return not self.names or name in self.names

    def check(self, tenant: str, name: str) -> None:
        if self.hits(tenant, name):
            raise StoreError("no space is left for the database", hint="free some disk space")


class _FlakyStore:
    """Of the shape of a `Store`, over a real one."""

    def __init__(self, store: Store, tenant: str, outage: Outage) -> None:
        self._store = store
        self._tenant = tenant
        self._outage = outage

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        return self._checked(name, found) if callable(found) else found

    def _checked(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self._outage.check(self._tenant, name)
            return method(*arguments, **named)

        return call


class FlakyStores:
    """Of the shape of `Stores`, over real ones."""

    def __init__(self, stores: Stores, outage: Outage) -> None:
        self._stores = stores
        self._outage = outage
        self.keys = stores.keys

    def of(self, tenant: str) -> Store:
        self._outage.check(tenant, "of")
        return cast("Store", _FlakyStore(self._stores.of(tenant), tenant, self._outage))

    def tenants(self) -> tuple[str, ...]:
        return self._stores.tenants()

    @classmethod
    def over(cls, stores: Stores, outage: Outage) -> Stores:
        return cast("Stores", cls(stores, outage))
