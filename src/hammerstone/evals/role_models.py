"""A model for each role, replayed from recordings or live: what the demo and the benchmarks run on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hammerstone.evals.illustrative_prices import CHEAP, STRONG, IllustratedModel, Rates
from hammerstone.models import RecordedModel, RecordingModel, open_model
from hammerstone.models.model import Model
from hammerstone.types import Role

__all__ = ["open_extra_users", "open_role_models"]


def open_role_models(recordings: Path, *, maker: str | None, user: str | None, record: bool) -> dict[Role, Model]:
    """A model for each role: replayed from `recordings`, or live ones, recorded there if asked.

    Each role has a file of its own, so that a person can review it.
    """
    specs = {Role.MAKER: maker, Role.SOLVER: maker, Role.USER: user or maker, Role.DISPATCHER: user or maker}
    rates = {Role.MAKER: STRONG, Role.SOLVER: STRONG, Role.USER: CHEAP, Role.DISPATCHER: CHEAP}
    opened: dict[str, Model] = {}

    def of_role(role: Role) -> Model:
        file, spec = recordings / f"{role}.jsonl", specs[role]
        if spec is None:
            return RecordedModel(file)
        live = opened.setdefault(spec, open_model(spec))
        return RecordingModel(live, file) if record else live

    return {role: _illustrated(of_role(role), rates[role], role) for role in Role}


def open_extra_users(recordings: Path, specs: Sequence[str], *, live: bool, record: bool) -> tuple[Model, ...]:
    """Further user models, each with a file of its own: `user2.jsonl`, … Without live ones, those files."""
    if not live:
        return tuple(
            IllustratedModel(RecordedModel(file), CHEAP, name=f"recorded {file.stem}")
            for file in sorted(recordings.glob("user[0-9]*.jsonl"))
        )
    opened = [(open_model(spec), recordings / f"user{number}.jsonl") for number, spec in enumerate(specs, 2)]
    models = [RecordingModel(model, file) if record else model for model, file in opened]
    return tuple(IllustratedModel(model, CHEAP, name=model.name) for model in models)


def _illustrated(model: Model, rates: Rates, role: Role) -> Model:
    return IllustratedModel(model, rates, name=f"recorded {role}" if isinstance(model, RecordedModel) else model.name)
