"""How a host is opened: names of models become models, a home becomes stores, a host's sandbox is chosen."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypedDict, Unpack

from hammerstone.environment import default_home
from hammerstone.errors import SettingsError
from hammerstone.models import Model
from hammerstone.settings import RoleSettings, Settings
from hammerstone.store import Answered, Build
from hammerstone.types import Instance, Request

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

    from hammerstone.host import Host
    from hammerstone.loop import Hammerstone, Models

__all__ = ["BlockingHammerstone", "name_models", "open_blocking", "open_hammerstone", "open_host"]

LABELER = "labeler"

Named = Model | str | None


class ModelOptions(TypedDict, total=False):
    """Who plays which role.

    `maker` is the strong model and `user` the cheap one: `solver` is the maker and `dispatcher` the user unless named;
    with one model only, it plays every role. `solver="labeler"` puts requests in the labeler's queue instead.
    With no model at all, only what live tools prove they can read is answered. A role that is not named here is played
    by the model that `settings` name for it; `base_url` is the server of all of them. `record` keeps every new
    completion in a file that `recorded:FILE` replays.
    """

    maker: Named
    user: Named
    dispatcher: Named
    solver: Named
    base_url: str | None
    record: str | Path | None
    settings: Settings | None


class Opening(ModelOptions, total=False):
    """How a loop is opened. `on_build(task, build)` is called with `None` when a build starts, and when it ends."""

    sandbox: str
    on_build: Callable[[str, Build | None], None] | None


@asynccontextmanager
async def open_host(
    home: str | Path | None = None,
    *,
    sandbox: str = "auto",
    on_build: Callable[[str, Build | None], None] | None = None,
    **names: Unpack[ModelOptions],
) -> AsyncGenerator[Host]:
    """The loops of all tenants over `home` (a folder or a database URL; default `HAMMERSTONE_HOME`).

    Who plays which role: see `ModelOptions`. Raises `SettingsError`, `StoreError`, `SandboxError`.
    """
    from hammerstone.host import Host
    from hammerstone.sandbox import open_sandbox
    from hammerstone.store import open_stores

    models, settings = name_models(**names), _settings(names.get("settings"))
    with open_stores(home or default_home()) as stores:
        async with (
            open_sandbox(sandbox, settings=settings.sandbox) as confined,
            Host(stores=stores, sandbox=confined, models=models, settings=settings, on_build=on_build) as host,
        ):
            yield host


@asynccontextmanager
async def open_hammerstone(home: str | Path | None = None, **opening: Unpack[Opening]) -> AsyncGenerator[Hammerstone]:
    """The closed loop of the default tenant, opened as `open_host` opens it."""
    async with open_host(home, **opening) as host:
        yield await host.of()


def name_models(**names: Unpack[ModelOptions]) -> Models:
    """The models of the four roles, each opened once however many roles it plays."""
    from hammerstone.loop import Models

    unknown = names.keys() - ModelOptions.__annotations__.keys()
    if unknown:
        raise TypeError(f"unexpected keyword argument {sorted(unknown)[0]!r}")
    roles = _settings(names.get("settings")).roles
    makes, answers = _seat(names.get("maker"), roles.maker), _seat(names.get("solver"), roles.solver)
    labeler = answers.model == LABELER
    strong = makes if labeler else makes.or_else(answers)
    cheap = _seat(names.get("user"), roles.user).or_else(strong)
    models = _Opener(names.get("base_url"), names.get("record"))
    return Models(
        maker=models.open(makes),
        user=models.open(cheap),
        dispatcher=models.open(_seat(names.get("dispatcher"), roles.dispatcher).or_else(cheap)),
        solver=None if labeler else models.open(answers.or_else(strong)),
        labeler=labeler,
    )


def _settings(given: object) -> Settings:
    """The given settings, or the defaults. Raises `SettingsError` for one section alone, or anything else."""
    if given is None or isinstance(given, Settings):
        return given or Settings()
    own = type(given).__name__
    sections = {type(section).__name__: name for name, section in vars(Settings()).items()}
    hint = f"pass settings=Settings({sections[own]}={own}(...))" if own in sections else "pass settings=Settings(...)"
    raise SettingsError(f"settings are a Settings, not a {own}", hint=hint)


class _Seat(NamedTuple):
    """Who plays a role: a model, or the name of one, whose server and key are in the role's settings."""

    model: Named
    role: RoleSettings

    def or_else(self, other: _Seat) -> _Seat:
        """This seat; if nobody plays it, the one who plays the other, at that one's server."""
        if self.model is not None:
            return self
        role, there = self.role, other.role
        where = {"base_url": there.base_url, "api_key_env": there.api_key_env}
        return _Seat(other.model, replace(role, model=there.model, **where))


def _seat(named: Named, role: RoleSettings) -> _Seat:
    if isinstance(named, str):
        role = role.played_by(named)
    return _Seat(role.model if named is None else named, role)


class _Opener:
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
    """The same loops for code that is not asynchronous. Made by `open_blocking`."""

    def __init__(self, host: Host, portal: BlockingPortal) -> None:
        self._host = host
        self._portal = portal

    def solve(self, request: Request | str) -> Answered:
        """See `Host.solve`."""
        return self._portal.call(self._host.solve, request)

    def stream(self, requests: Iterable[Request]) -> Generator[Answered]:
        """See `Host.stream`."""
        answers = self._host.stream(requests)
        while True:
            try:
                answered = self._portal.call(answers.__anext__)
            except StopAsyncIteration:
                return
            yield answered

    def make(self, instances: Sequence[Instance], *, name: str, description: str = "", tenant: str = "") -> Build:
        """See `Hammerstone.make`."""

        async def build() -> Build:
            loop = await self._host.of(tenant)
            return await loop.make(instances, name=name, description=description)

        return self._portal.call(build)


@contextmanager
def open_blocking(home: str | Path | None = None, **opening: Unpack[Opening]) -> Generator[BlockingHammerstone]:
    """`open_host` for code that is not asynchronous: the loops run in a thread of their own."""
    from anyio.from_thread import start_blocking_portal

    with start_blocking_portal() as portal, portal.wrap_async_context_manager(open_host(home, **opening)) as host:
        yield BlockingHammerstone(host, portal)
