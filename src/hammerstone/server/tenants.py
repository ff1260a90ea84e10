"""Whose loops the gateway stands before."""

from __future__ import annotations

from typing import Protocol

from hammerstone.loop import Hammerstone
from hammerstone.settings import Settings
from hammerstone.store import Stores

__all__ = ["Tenants"]


class Tenants(Protocol):
    """Gives each tenant's own loop."""

    async def of(self, tenant: str) -> Hammerstone: ...

    @property
    def stores(self) -> Stores: ...

    @property
    def loops(self) -> tuple[Hammerstone, ...]:
        """The loops that are open."""
        ...

    settings: Settings
