"""A bench's models as the loop wants them: their completions are kept by the bench, and their calls are metered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hammerstone.loop import Models
from hammerstone.models import Model, Prompt, Reply
from hammerstone.store import AccountedModel, Bill
from hammerstone.types import Role

__all__ = ["STRONG_ROLES", "Meter", "metered_models"]

STRONG_ROLES = (Role.MAKER, Role.SOLVER)


@dataclass(kw_only=True)
class Meter:
    """Meters what was paid since the last reading. `strong` counts the strong model's calls."""

    bill: Bill = field(default_factory=Bill)
    strong: int = 0

    def reset(self) -> None:
        self.bill, self.strong = Bill(), 0


def metered_models(models: Mapping[Role, AccountedModel], meter: Meter) -> Models:
    """The models of these roles; nobody plays the others. Their calls are added to `meter`."""

    def of(role: Role) -> Model | None:
        return _MeteredModel(models[role], role, meter) if role in models else None

    return Models(maker=of(Role.MAKER), user=of(Role.USER), dispatcher=of(Role.DISPATCHER), solver=of(Role.SOLVER))


class _MeteredModel:
    def __init__(self, model: AccountedModel, role: Role, meter: Meter) -> None:
        self._model = model
        self._role = role
        self._meter = meter

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def identity(self) -> str:
        return self._model.identity

    async def complete(self, prompt: Prompt) -> Reply:
        bill = Bill()
        text = await self._model.complete(prompt, bill)
        self._meter.bill.add(bill)
        self._meter.strong += self._role in STRONG_ROLES
        return Reply(text=text, model=self.name, usage=bill.usage, cost_usd=bill.cost_usd)
