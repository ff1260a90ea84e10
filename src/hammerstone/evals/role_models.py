"""A model for each role, replayed from recordings or live: what the demo and the benchmarks run on."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hammerstone.errors import SettingsError
from hammerstone.evals.experiments.use_tools import METHODS
from hammerstone.evals.harness.bench_run import ExtraModel
from hammerstone.evals.illustrative_prices import CHEAP, OFFERED, STRONG, IllustratedModel
from hammerstone.models import Model, PricePerMillion, RecordedModel, RecordingModel, open_as, recording_names
from hammerstone.opening import name_models
from hammerstone.settings import Roles, RoleSettings, Settings
from hammerstone.types import Role

__all__ = ["open_extra_users", "open_role_models", "open_small_models", "small_model"]

ABOUT = "model.toml"
USER_PARTS = frozenset(METHODS) | {"reuse-cot", "one-call"}


def open_role_models(
    recordings: Path, *, maker: str | None, user: str | None, record: bool, roles: Roles | None = None
) -> dict[Role, Model]:
    """A model for each role: replayed from `recordings`, or live ones, recorded there if asked.

    Each role has a file of its own, so that a person can review it. `roles` say which server and key a live model has;
    only `maker` and `user` make one live. Raises `SettingsError` where nothing is live that could be recorded.
    """
    if record and maker is None and user is None:
        raise SettingsError("no live model to record", hint="name one with --maker, and one with --user")
    named = _named(roles or Roles(), maker, user)
    live = name_models(settings=Settings(roles=named))
    models = {
        Role.MAKER: live.maker,
        Role.SOLVER: live.solver,
        Role.USER: live.user,
        Role.DISPATCHER: live.dispatcher,
    }
    rates = {Role.MAKER: STRONG, Role.SOLVER: STRONG, Role.USER: CHEAP, Role.DISPATCHER: CHEAP}

    def of_role(role: Role) -> Model:
        file, model = recordings / f"{role}.jsonl", models[role]
        if model is None:
            return RecordedModel(file)
        return RecordingModel(model, file) if record else model

    return {role: _illustrated(of_role(role), rates[role], role) for role in Role}


def open_extra_users(
    recordings: Path, specs: Sequence[str], *, live: bool, record: bool, roles: Roles | None = None
) -> tuple[ExtraModel, ...]:
    """Further user models, each with a file of its own: `user2.jsonl`, … Without live ones, those files."""
    if not live:
        files = [file for file in recording_names(recordings) if re.match(r"user\d", file.stem)]
        recorded = [IllustratedModel(RecordedModel(file), CHEAP, name=f"recorded {file.stem}") for file in files]
        return tuple(ExtraModel(model=model, parts=USER_PARTS) for model in recorded)
    opened = [
        (open_as(spec, (roles or Roles()).user.played_by(spec)), recordings / f"user{number}.jsonl")
        for number, spec in enumerate(specs, 2)
    ]
    models = [RecordingModel(model, file) if record else model for model, file in opened]
    return tuple(
        ExtraModel(model=IllustratedModel(model, CHEAP, name=model.name), parts=USER_PARTS) for model in models
    )


def open_small_models(recordings: Path) -> tuple[ExtraModel, ...]:
    """The small models that are recorded, the largest first: each a folder of its name, with a file for each part."""
    parts = {
        file.parent: frozenset(one.stem for one in recording_names(file.parent))
        for file in recordings.glob(f"*/{ABOUT}")
    }
    recorded = sorted(filter(parts.get, parts), key=lambda folder: _billions(folder.name), reverse=True)
    return tuple(small_model(RecordedModel(folder), folder, parts[folder]) for folder in recorded)


def small_model(model: Model, folder: Path, parts: frozenset[str]) -> ExtraModel:
    """A small model as `folder` says in its `ABOUT`: its name, how many instances it is asked, where replies end."""
    about = tomllib.loads((folder / ABOUT).read_text())
    return ExtraModel(
        model=IllustratedModel(model, OFFERED, name=about["name"]),
        parts=parts,
        roles=Roles(
            user=RoleSettings(max_tokens=about["max_tokens"]), maker=RoleSettings(max_tokens=about["maker_max_tokens"])
        ),
        n=about["instances"],
    )


def _billions(name: str) -> float:
    """The model's parameters in billions, from its name: `qwen2.5-coder-1.5b-instruct`, `smollm2-135m-instruct`."""
    found = re.search(r"(\d+(?:\.\d+)?)([bm])\b", name)
    return 0.0 if found is None else float(found[1]) / (1 if found[2] == "b" else 1000)


def _named(roles: Roles, maker: str | None, user: str | None) -> Roles:
    """The role settings without their models: a replay must not start to cost money because of a settings file."""

    def named(role: RoleSettings, model: str | None) -> RoleSettings:
        role = role if model is None else role.played_by(model)
        return role if role.model == model else replace(role, model=None, base_url=None, api_key_env=None)

    return Roles(
        maker=named(roles.maker, maker),
        user=named(roles.user, user),
        dispatcher=named(roles.dispatcher, None),
        solver=named(roles.solver, None),
    )


def _illustrated(model: Model, rates: PricePerMillion, role: Role) -> Model:
    return IllustratedModel(model, rates, name=f"recorded {role}" if isinstance(model, RecordedModel) else model.name)
