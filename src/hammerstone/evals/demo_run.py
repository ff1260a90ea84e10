"""The demo: the whole loop on a mixed stream from a cold start, on recorded or live models."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hammerstone.concurrency import map_concurrently
from hammerstone.errors import RecordingError
from hammerstone.evals.traffic.demo_stream import DEMO_TASKS, StreamItem, stream_items
from hammerstone.loop import Hammerstone, Models
from hammerstone.models import Model, known_sum
from hammerstone.requests import agree
from hammerstone.routes import read_answer, solver_prompt
from hammerstone.sandbox import Sandbox, open_sandbox
from hammerstone.settings import LoopSettings, Roles, Settings
from hammerstone.store import Answered, Build, BuildState, open_store
from hammerstone.types import Role, Route

__all__ = ["DemoRun", "StrongModelRun", "run_demo"]


@dataclass(frozen=True, kw_only=True)
class StrongModelRun:
    """The same stream, every request to the strong model."""

    requests: int
    right: int
    tokens: int
    cost_usd: float | None


@dataclass(kw_only=True)
class DemoRun:
    """The demo's run, request by request. `live_at` is the number of the request that completed a task's first tool."""

    items: tuple[StreamItem, ...]
    answers: list[Answered] = field(default_factory=list[Answered])
    builds: list[Build] = field(default_factory=list[Build])
    live_at: dict[str, int] = field(default_factory=dict[str, int])
    baseline: StrongModelRun | None = None
    paid_calls: int = 0
    paid_usd: float | None = None

    @property
    def build_calls(self) -> int:
        """All calls except those of the requests: the maker's, and the user's at the gate."""
        return self.paid_calls - sum(answered.model_calls for answered in self.answers)

    @property
    def build_usd(self) -> float | None:
        answers = known_sum(answered.cost_usd for answered in self.answers)
        return None if self.paid_usd is None or answers is None else self.paid_usd - answers

    def note_build(self, task: str, build: Build | None) -> None:
        if build is None:
            return
        self.builds.append(build)
        if build.state is BuildState.LIVE:
            self.live_at.setdefault(task, len(self.answers))

    def pairs(self) -> list[tuple[StreamItem, Answered]]:
        return list(zip(self.items, self.answers, strict=False))

    def tool_of(self, task: str) -> str | None:
        """The name under which hammerstone knows a task: that of most of its own-form requests with a live tool."""
        names = Counter(
            answered.task
            for item, answered in self.pairs()
            if item.task == task and item.kind == "own" and answered.task in self.live_at
        )
        return names.most_common(1)[0][0] if names else None

    def after_live(self, task: str) -> list[Answered]:
        """The requests in a task's own form that came after its tool was live."""
        name = self.tool_of(task)
        first = self.live_at.get(name or "", len(self.items))
        return [
            answered
            for index, (item, answered) in enumerate(self.pairs())
            if item.task == task and item.kind == "own" and index > first
        ]

    def of_kind(self, kind: str) -> list[Answered]:
        return [answered for item, answered in self.pairs() if item.kind == kind]

    @property
    def parser_share(self) -> tuple[int, int]:
        """Own-form requests after their tool was live: how many took the parser route, of how many."""
        later = [answered for task in DEMO_TASKS for answered in self.after_live(task)]
        return sum(answered.route is Route.PARSER for answered in later), len(later)

    @property
    def wrong_by_parser(self) -> int:
        return sum(answered.route is Route.PARSER and answered.correct is not True for answered in self.answers)


async def run_demo(
    home: Path,
    models: dict[Role, Model],
    *,
    roles: Roles | None = None,
    sandbox: str = "auto",
    on_answer: Callable[[DemoRun], None] = lambda _: None,
    on_baseline: Callable[[int, int], None] = lambda _done, _total: None,
) -> DemoRun:
    """Ask the strong model everything, for comparison; then run the stream through the loop, one request at a time."""
    demonstration = DemoRun(items=stream_items())
    demonstration.baseline = await _baseline(demonstration.items, models[Role.SOLVER], on_baseline)
    loop_models = Models(
        maker=models[Role.MAKER], user=models[Role.USER], dispatcher=models[Role.DISPATCHER], solver=models[Role.SOLVER]
    )
    # One at a time, and each build where it falls due: a replay then asks exactly what the recording answers.
    settings = Settings(roles=roles or Roles(), loop=LoopSettings(concurrency=1, background=False))
    with open_store(home) as store:
        async with (
            open_sandbox(sandbox) as confined,
            _explained(confined),
            Hammerstone(
                store=store,
                sandbox=confined,
                models=loop_models,
                settings=settings,
                on_build=demonstration.note_build,
            ) as hammerstone,
        ):
            for item in demonstration.items:
                demonstration.answers.append(await hammerstone.solve(item.request))
                on_answer(demonstration)
        ledger = store.ledger()
    demonstration.paid_calls = sum(row.calls for row in ledger)
    demonstration.paid_usd = known_sum(row.cost_usd for row in ledger)
    return demonstration


@asynccontextmanager
async def _explained(sandbox: Sandbox) -> AsyncGenerator[None]:
    """A recording depends on what the maker was shown of its tools' runs; another interpreter shows otherwise."""
    try:
        yield
    except RecordingError as error:
        if sandbox.name != "monty":
            raise
        raise RecordingError(
            "the recorded tools were built on full Python, and Monty runs only a part of it",
            hint="run the demo on Linux 6.12 or later, or with bubblewrap installed; `hammerstone doctor` shows both",
        ) from error


async def _baseline(
    items: Sequence[StreamItem], solver: Model, on_baseline: Callable[[int, int], None]
) -> StrongModelRun:
    done = 0

    async def ask(item: StreamItem) -> tuple[bool, int, float | None]:
        nonlocal done
        reply = await solver.complete(solver_prompt(item.request.question))
        done += 1
        on_baseline(done, len(items))
        right = agree(read_answer(reply.text, item.request.question) or "", item.request.answer or "")
        tokens = (reply.usage.input_tokens or 0) + (reply.usage.output_tokens or 0)
        return right, tokens, reply.cost_usd

    results = await map_concurrently(ask, items)
    return StrongModelRun(
        requests=len(items),
        right=sum(right for right, _, _ in results),
        tokens=sum(tokens for _, tokens, _ in results),
        cost_usd=known_sum(cost for _, _, cost in results),
    )
