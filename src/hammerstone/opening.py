"""How a closed loop is opened: names of models become models, a home becomes a store, a host's sandbox is chosen."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hammerstone.environment import default_home
from hammerstone.models.model import Model
from hammerstone.settings import Settings
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
    With no model at all, only what live tools prove they can read is answered. `record` keeps every new completion in
    a file that `recorded:FILE` replays. Raises `SettingsError`, `StoreError`, `SandboxError`.
    """
    from hammerstone.loop import Hammerstone
    from hammerstone.sandbox import open_sandbox
    from hammerstone.store import open_store

    models = name_models(maker=maker, user=user, dispatcher=dispatcher, solver=solver, base_url=base_url, record=record)
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
) -> Models:
    """The models of the four roles, each opened once however many roles it plays."""
    from hammerstone.loop import Models
    from hammerstone.models import RecordingModel, open_model

    opened: dict[str, Model] = {}

    def named(model: Named) -> Model | None:
        if model is None or not isinstance(model, str):
            return model
        if model not in opened:
            live = open_model(model, base_url=base_url)
            opened[model] = RecordingModel(live, record) if record is not None else live
        return opened[model]

    strong = maker if maker is not None else (None if solver == LABELER else solver)
    cheap = user if user is not None else strong
    return Models(
        maker=named(maker),
        user=named(cheap),
        dispatcher=named(dispatcher if dispatcher is not None else cheap),
        solver=None if solver == LABELER else named(solver if solver is not None else strong),
        labeler=solver == LABELER,
    )


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
