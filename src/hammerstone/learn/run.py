"""One run over a log: kinds, tools from its first part, and their test on the last."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from anyio import to_thread

from hammerstone.environment import default_home
from hammerstone.errors import SettingsError
from hammerstone.evals.illustrative_prices import IllustratedModel
from hammerstone.host import Host
from hammerstone.learn.budget import Budget
from hammerstone.learn.findings import Findings, KindFinding
from hammerstone.learn.kinds import find_kinds
from hammerstone.learn.log import Log
from hammerstone.learn.saving import AssumedPrices
from hammerstone.learn.walk import OnProgress, Walk
from hammerstone.loop import Models
from hammerstone.models import Model
from hammerstone.opening import name_models
from hammerstone.routes import KindsOfTasks
from hammerstone.sandbox import open_sandbox
from hammerstone.settings import GATEWAY_SHADOW, Settings
from hammerstone.store import KEEP_NOTHING, Build, Keeping, open_keeping, open_stores

__all__ = ["learn"]


async def learn(
    log: Log,
    files: Sequence[str],
    *,
    home: str | None = None,
    maker: Model | str | None = None,
    settings: Settings | None = None,
    base_url: str | None = None,
    record: str | None = None,
    sandbox: str = "auto",
    budget: Budget | None = None,
    prices: AssumedPrices | None = None,
    on_progress: OnProgress = lambda _done, _of: None,
    on_build: Callable[[str, Build | None], None] = lambda _task, _build: None,
    on_kinds: Callable[[Sequence[KindFinding]], None] = lambda _kinds: None,
) -> Findings:
    """Find what tools would save on this log. Without a maker, its kinds are found, and nothing is built or stored.

    Tools are built in `home`, where they stay in shadow. `on_kinds` is called once, when the kinds have their names.

    Raises `SettingsError`, `StoreError`, `SandboxError`, `RecordingError`.
    """
    settings, budget, prices = _beside_traffic(settings or Settings()), budget or Budget(), prices or AssumedPrices()
    keeping = open_keeping(settings.serve)
    model = name_models(maker=maker, base_url=base_url, record=record, settings=settings).maker
    if model is not None and keeping is KEEP_NOTHING:
        raise SettingsError(
            'no text is stored here (store = "none"), so no tool can be built',
            hint="leave out --maker to see the kinds of requests, or learn in a home of its own with other settings",
        )
    if model is None:
        keys, kinds = find_kinds(log.lines, log.training, {})
        findings = Walk(log, keys, kinds, settings, budget, prices).findings(files)
        on_kinds(findings.kinds)
        return findings
    if prices.rates is not None:
        model = IllustratedModel(model, prices.rates, name=model.name)
    async with _open(home, model, settings, sandbox, keeping) as host:
        known = {
            tenant: await to_thread.run_sync(KindsOfTasks.stored, (await host.of(tenant)).store)
            for tenant in dict.fromkeys(one.tenant for one in log.lines)
        }
        keys, kinds = find_kinds(log.lines, log.training, known)
        walk = Walk(log, keys, kinds, settings, budget, prices)
        await walk.name(host, model)
        on_kinds(walk.findings(files).kinds)
        await walk.through(host, on_progress, on_build)
        findings = walk.findings(files)
        await walk.add_tools(host, findings)
        findings.built, findings.maker = True, model.name
        return findings


def _beside_traffic(settings: Settings) -> Settings:
    """The settings for a log: each build runs when it is due, days pass in minutes, and no tool serves."""
    return replace(
        settings,
        loop=replace(settings.loop, background=False),
        improve=replace(settings.improve, builds_per_day=1_000),
        life=replace(settings.life, shadow=settings.life.shadow or GATEWAY_SHADOW),
    )


@asynccontextmanager
async def _open(
    home: str | None, model: Model, settings: Settings, sandbox: str, keeping: Keeping
) -> AsyncGenerator[Host]:
    """The loops of all tenants, as the gateway opens them: only the maker is asked."""
    with open_stores(home or default_home(), keeping=keeping) as stores:
        async with (
            open_sandbox(sandbox, settings=settings.sandbox) as confined,
            Host(stores=stores, sandbox=confined, models=Models(maker=model), settings=settings) as host,
        ):
            yield host
