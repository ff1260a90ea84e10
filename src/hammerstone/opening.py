"""How a closed loop is opened: names of models become models, a home becomes a store, a host's sandbox is chosen."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hammerstone.environment import default_home
from hammerstone.models.model import Model
from hammerstone.settings import RoleSettings, Settings
from hammerstone.store.records import Answered, Build
from hammerstone.types import Instance, Request

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

    from hammerstone.loop import Hammerstone, Models

__all__ = ["BlockingHammerstone", "name_models", "open_blocking", "open_hammerstone"]

LABELER = "labeler"

Named = Model | str | None


@asynccontextmanager
async def open_hammerstone(
    home: str | Path | None = None,
    *,
    maker: Named = None,
    user: Named = None,
    dispatcher: Named = None,
    solver: Named = None,
    base_url: str | None = None,
    record: str | Path | None = None,
    settings: Settings | None = None,
    sandbox: str = "auto",
    on_build: Callable[[str, Build | None], None] | None = None,
) -> AsyncGenerator[Hammerstone]:
    """The closed loop over `home` (a folder or a database URL; default `HAMMERSTONE_HOME`).

    `maker` is the strong model and `user` the cheap one: `solver` is the maker and `dispatcher` the user unless named;
    with one model only, it plays every role. `solver="labeler"` puts requests in the labeler's queue instead.
    With no model at all, only what live tools prove they can read is answered. A role that is not named here is played
    by the model that `settings` name for it; `base_url` is the server of all of them. `record` keeps every new
    completion in a file that `recorded:FILE` replays. Raises `SettingsError`, `StoreError`, `SandboxError`.
    """
    from hammerstone.loop import Hammerstone
    from hammerstone.sandbox import open_sandbox
    from hammerstone.store import open_store

    models = name_models(
        maker=maker,
        user=user,
        dispatcher=dispatcher,
        solver=solver,
        base_url=base_url,
        record=record,
        settings=settings,
    )
    with open_store(home or default_home()) as store:
        async with (
            open_sandbox(sandbox) as confined,
            Hammerstone(
                store=store, sandbox=confined, models=models, settings=settings, on_build=on_build
            ) as hammerstone,
        ):
            yield hammerstone


def name_models(
    *,
    maker: Named = None,
    user: Named = None,
    dispatcher: Named = None,
    solver: Named = None,
    base_url: str | None = None,
    record: str | Path | None = None,
    settings: Settings | None = None,
) -> Models:
    """The models of the four roles, each opened once however many roles it plays."""
    from hammerstone.loop import Models

    roles = (settings or Settings()).roles
    makes, answers = _seat(maker, roles.maker), _seat(solver, roles.solver)
    labeler = answers.model == LABELER
    strong = makes if labeler else makes.or_else(answers)
    cheap = _seat(user, roles.user).or_else(strong)
    opening = _Opening(base_url, record)
    return Models(
        maker=opening.open(makes),
        user=opening.open(cheap),
        dispatcher=opening.open(_seat(dispatcher, roles.dispatcher).or_else(cheap)),
        solver=None if labeler else opening.open(answers.or_else(strong)),
        labeler=labeler,
    )


class _Seat(NamedTuple):
    """Who plays a role: a model, or the name of one, whose server and key are in the role's settings."""

    model: Named
    role: RoleSettings

    def or_else(self, other: _Seat) -> _Seat:
        """Where nobody plays it, who plays the other one, there where that one is."""
        if self.model is not None:
            return self
        role, there = self.role, other.role
        where = {"base_url": there.base_url, "api_key_env": there.api_key_env}
        return _Seat(other.model, replace(role, model=there.model, **where))


def _seat(named: Named, role: RoleSettings) -> _Seat:
    if isinstance(named, str):
        role = role.played_by(named)
    return _Seat(role.model if named is None else named, role)


class _Opening:
    """Opens each model once, as often as it is named."""

    def __init__(self, base_url: str | None, record: str | Path | None) -> None:
        self._base_url = base_url
        self._record = record
        self._opened: dict[tuple[str, RoleSettings], Model] = {}

    def open(self, seat: _Seat) -> Model | None:
        if not isinstance(seat.model, str):
            return seat.model
        key = (seat.model, replace(seat.role, max_tokens=1, timeout_s=None))  # budgets make no other model of it
        if key not in self._opened:
            self._opened[key] = self._open(seat.model, seat.role)
        return self._opened[key]

    def _open(self, name: str, role: RoleSettings) -> Model:
        from hammerstone.models import RecordingModel, open_as

        live = open_as(name, role, base_url=self._base_url)
        return RecordingModel(live, self._record) if self._record is not None else live


class BlockingHammerstone:
    """The same loop for code that is not asynchronous. Made by `open_blocking`."""

    def __init__(self, hammerstone: Hammerstone, portal: BlockingPortal) -> None:
        self._hammerstone = hammerstone
        self._portal = portal

    def solve(self, request: Request | str) -> Answered:
        """See `Hammerstone.solve`."""
        return self._portal.call(self._hammerstone.solve, request)

    def stream(self, requests: Iterable[Request]) -> Generator[Answered]:
        """See `Hammerstone.stream`."""
        answers = self._hammerstone.stream(requests)
        while True:
            try:
                answered = self._portal.call(answers.__anext__)
            except StopAsyncIteration:
                return
            yield answered

    def make(self, instances: Sequence[Instance], *, name: str, description: str = "") -> Build:
        """See `Hammerstone.make`."""
        return self._portal.call(lambda: self._hammerstone.make(instances, name=name, description=description))


@contextmanager
def open_blocking(
    home: str | Path | None = None,
    *,
    maker: Named = None,
    user: Named = None,
    dispatcher: Named = None,
    solver: Named = None,
    base_url: str | None = None,
    record: str | Path | None = None,
    settings: Settings | None = None,
    sandbox: str = "auto",
) -> Generator[BlockingHammerstone]:
    """`open_hammerstone` for code that is not asynchronous: the loop runs in a thread of its own."""
    from anyio.from_thread import start_blocking_portal

    opening = open_hammerstone(
        home,
        maker=maker,
        user=user,
        dispatcher=dispatcher,
        solver=solver,
        base_url=base_url,
        record=record,
        settings=settings,
        sandbox=sandbox,
    )
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(opening) as hammerstone:
        yield BlockingHammerstone(hammerstone, portal)
