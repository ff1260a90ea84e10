"""The closed loop: the cheapest route that is sure, and tools made beside the stream.

request ─► parser: a live tool proves that it has read every word ─────► sandbox ─► answer   no model
   │ no
   ├─► dispatcher: a task with a tool ─► user writes the arguments ────► sandbox ─► answer   cheap calls
   │ no tool, or any refusal or failure on the way
   └─► solver, or a labeler's queue ─► answer, stored as an instance of its task              strong call
                              │ enough instances
                              └─► maker, beside the stream ─► tool is live
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Self

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup

from hammerstone.builder import Maker
from hammerstone.builder.splits import independent
from hammerstone.concurrency import map_concurrently, task_group
from hammerstone.errors import InputError, SettingsError
from hammerstone.escaping import sha256
from hammerstone.faults import contained
from hammerstone.life.labels import take
from hammerstone.models.model import Model
from hammerstone.ordered import ordered_map
from hammerstone.routes import dispatcher
from hammerstone.routes.catalog import Catalog
from hammerstone.routes.journey import Journey
from hammerstone.routes.solver import solve as ask_solver
from hammerstone.routes.user import ToolCard, write_arguments
from hammerstone.sandbox.contract import Sandbox
from hammerstone.settings import Settings
from hammerstone.store import Store
from hammerstone.store.accounts import AccountedModel, Bill
from hammerstone.store.records import Answered, Build, StoredTool, Task
from hammerstone.tools import parser
from hammerstone.tools.parser import Parsed
from hammerstone.tools.tool import tool_name
from hammerstone.types import Instance, Request, Role, Route, Source

__all__ = ["Hammerstone", "Models"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Models:
    """A model for each role; a role without one is left out of the loop.

    With `labeler`, a person answers in the solver's place: such requests wait in the queue.
    """

    maker: Model | None = None
    user: Model | None = None
    dispatcher: Model | None = None
    solver: Model | None = None
    labeler: bool = False


class Hammerstone:
    """The loop over one store. Use as `async with`; builds in the background end, or are interrupted, with it."""

    def __init__(
        self,
        *,
        store: Store,
        sandbox: Sandbox,
        models: Models,
        settings: Settings | None = None,
        on_build: Callable[[str, Build | None], None] | None = None,
    ) -> None:
        """`on_build(task, build)` is told of each build: `None` when it starts, the result when it ends."""
        self.store = store
        self.settings = settings or Settings()
        self._sandbox = sandbox
        self._labeler = models.labeler
        self._on_build = on_build or _say_nothing
        self._user = self._accounted(models.user, Role.USER)
        self._dispatcher = self._accounted(models.dispatcher, Role.DISPATCHER)
        self._solver = self._accounted(models.solver, Role.SOLVER)
        self._maker = self._make_maker(self._accounted(models.maker, Role.MAKER))
        self._build: set[str] = set()
        self._spelled: dict[str, str] = {}  # how the caller first wrote the name of each task
        self._said_to_be_one: set[str] = set()
        self._catalog = Catalog(store)
        self._naming = anyio.Lock()
        self._exits = AsyncExitStack()
        self._group: TaskGroup | None = None

    async def __aenter__(self) -> Self:
        self._group = await self._exits.enter_async_context(task_group())
        return self

    async def __aexit__(self, *exc: object) -> bool | None:
        return await self._exits.__aexit__(*exc)  # pyright: ignore[reportArgumentType] - passed through as given

    # requests

    async def solve(self, request: Request | str) -> Answered:
        """Answer one request by the cheapest route that is sure, store what came of it, and perhaps start a build.

        A plain question gets an id of its own, the same each time it is asked.

        Whatever goes wrong with this one request is an `error` in the answer. Raises `StoreError` and `RecordingError`.
        """
        started = time.perf_counter()
        if isinstance(request, str):
            request = Request.plain(id=sha256(request)[:12], question=request)
        journey = Journey(request=request, bill=Bill(request_id=request.id), task=self._named(request.task))
        await contained(self._travel(journey), journey.fail)
        answered = journey.answered((time.perf_counter() - started) * 1000)
        not_kept = await contained(self._keep(journey, answered), lambda why: f"the answer was not stored: {why}")
        return replace(answered, error=not_kept) if not_kept else answered

    async def stream(self, requests: Iterable[Request] | AsyncIterable[Request]) -> AsyncGenerator[Answered]:
        """Answers in the order of the requests, `concurrency` of them under way at a time."""
        async for answered in ordered_map(self._tasks, self.solve, requests, width=self.settings.loop.concurrency):
            yield answered

    def _named(self, text: str | None) -> str | None:
        """The task that the caller names. Two texts that come to one name are one task, which is said."""
        name = tool_name(text or "")
        if not text or not name:
            return None
        if self._spelled.setdefault(name, text) != text and name not in self._said_to_be_one:
            self._said_to_be_one.add(name)
            _log.warning("the tasks %r and %r are one task here: %s", self._spelled[name], text, name)
        return name

    async def _travel(self, journey: Journey) -> None:
        """Whatever a cheaper route meets is a reason of its refusal, and the request goes on."""
        if await contained(self._parser_route(journey), lambda why: journey.refuse(f"parsers: {why}")):
            return
        await contained(self._dispatch(journey), lambda why: journey.refuse(f"dispatcher: {why}"))
        if await contained(self._user_route(journey), lambda why: journey.refuse(f"{journey.task}: user: {why}")):
            return
        await self._solver_route(journey)

    # routes

    async def _parser_route(self, journey: Journey) -> bool:
        """The tools whose parsers reproduce the question; two of them are a matter for the dispatcher."""
        await self._catalog.refresh()
        tools = self._catalog.parsers(journey.request.question, journey.task)
        results = await map_concurrently(lambda tool: self._parsed(tool, journey.request.question), tools)
        hits = [(tool, given) for tool, (_, given) in zip(tools, results, strict=True) if given is not None]
        journey.refusals += [
            f"{tool.task}: {parsed.refusal}"
            for tool, (parsed, given) in zip(tools, results, strict=True)
            if given is None
        ]
        if len(hits) > 1:
            chosen = await self._most_specific(journey, [tool for tool, _ in hits])
            hits = [(tool, given) for tool, given in hits if tool.task == chosen]
        if hits:
            journey.arrive(hits[0][1], Route.PARSER, hits[0][0])
        return bool(hits)

    async def _parsed(self, tool: StoredTool, question: str) -> tuple[Parsed, str | None]:
        """A tool with which something is wrong refuses; the others may answer."""
        asked = parser.answer(self._sandbox, tool.tool.source, question)
        return await contained(asked, lambda why: (Parsed(refusal=why), None))

    async def _most_specific(self, journey: Journey, tools: Sequence[StoredTool]) -> str | None:
        names = [tool.task for tool in tools]
        journey.refusals.append(f"the parsers of {', '.join(names)} all reproduce the question")
        if self._dispatcher is None:
            return None
        tasks = [Task(id=0, name=tool.task, description=tool.tool.description) for tool in tools]

        def undecided(why: str) -> None:
            journey.refuse(f"dispatcher: {why}")

        return await contained(
            dispatcher.choose(self._dispatcher, tasks, journey.request.question, journey.bill), undecided
        )

    async def _dispatch(self, journey: Journey) -> None:
        """Find the task of a request, unless the caller named it. Unknown stays `None`: nothing is stored under it."""
        if journey.task is not None:
            await to_thread.run_sync(self.store.add_task, journey.task, "")
        elif self._dispatcher is not None:
            journey.task = await self._ask_dispatcher(self._dispatcher, journey)

    async def _ask_dispatcher(self, model: AccountedModel, journey: Journey) -> str | None:
        """The task that this question was once found to be of, or else the model's verdict, which is kept.

        A new task is named under a lock, and only if no other request has named one meanwhile.
        """
        question = journey.request.question
        assigned = await to_thread.run_sync(self.store.assigned, question)
        if assigned is not None:
            return assigned
        tasks = await self._catalog.tasks(question)
        verdict = await dispatcher.dispatch(model, tasks, question, journey.bill)
        if isinstance(verdict, dispatcher.New):
            async with self._naming:
                again = await self._catalog.tasks(question)
                if [task.name for task in again] != [task.name for task in tasks]:
                    verdict = await dispatcher.dispatch(model, again, question, journey.bill)
                if isinstance(verdict, dispatcher.New):
                    await to_thread.run_sync(self.store.assign, question, verdict.name, verdict.description)
        if isinstance(verdict, dispatcher.Known):
            await to_thread.run_sync(self.store.assign, question, verdict.name)
        if verdict is None:
            journey.refusals.append("dispatcher: two replies in a row could not be read")
        return verdict.name if verdict else None

    async def _user_route(self, journey: Journey) -> bool:
        tool = self._catalog.tool(journey.task)
        if tool is None or Route.USER not in tool.tool.routes or self._user is None:
            return False
        manual = ToolCard(
            source=tool.tool.source, description=tool.tool.description, demonstrations=tool.tool.demonstrations
        )
        parsed = await write_arguments(self._user, manual, journey.request.question, journey.bill)
        if parsed.arguments is None:
            return journey.refuse(f"{tool.task}: {parsed.refusal}")
        given, failure = await parser.call_solve(self._sandbox, tool.tool.source, parsed.arguments)
        if given is None:
            return journey.refuse(f"{tool.task}: {failure}")
        journey.arrive(given, Route.USER, tool)
        return True

    async def _solver_route(self, journey: Journey) -> None:
        if self._labeler:
            journey.route = Route.LABELER
            request = journey.request
            queued = await to_thread.run_sync(self.store.enqueue, request.id, request.question, journey.task)
            journey.answer = queued.answer  # a person may have answered it since it was last asked
        elif self._solver is None:
            journey.error = "no tool answers this, and no solver is set"
        else:
            journey.route = Route.SOLVER
            given = await ask_solver(self._solver, journey.request.question, journey.bill)
            journey.answer = given
            journey.error = None if given is not None else "the solver gave no answer"

    # what is kept

    async def _keep(self, journey: Journey, answered: Answered) -> None:
        """The answer and, if the solver gave it, the instance, in one transaction."""
        instance = None
        if journey.route is Route.SOLVER and journey.answer is not None and journey.task is not None:
            instance = Instance(question=journey.request.question, answer=journey.answer, source=Source.SOLVER)
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(lambda: self.store.finish_request(answered, task=journey.task, instance=instance))
        if instance is not None and journey.task is not None:
            await self._build_if_due(journey.task)

    # builds

    async def catch_up(self) -> None:
        """Start the builds that are due: after labels came in, or after a crash."""
        for task in await to_thread.run_sync(self.store.tasks):
            await self._build_if_due(task.name)

    async def make(self, instances: Sequence[Instance], *, name: str, description: str = "") -> Build:
        """Store solved instances under a task and run one build now.

        Of two that answer one question differently neither is used. What is stored already is corrected by them, and
        a live tool that answers otherwise than a corrected label is disabled. Both are logged as warnings.

        Raises `InputError` if the task has too few of them then, `SettingsError` if there is no maker or another
        build of this tool is running, `StoreError` and `RecordingError`.
        """
        maker = self._maker
        if maker is None:
            raise SettingsError(
                "there is no maker model", hint="name one, for example --maker anthropic:claude-opus-4-5"
            )
        task = await to_thread.run_sync(self.store.add_task, name, description)
        await take(instances, name, store=self.store, sandbox=self._sandbox)
        task = await to_thread.run_sync(self.store.task, name) or task
        count = len(independent(await to_thread.run_sync(self.store.instances, name)))
        if count < self.settings.build.needed:
            raise InputError(
                f"{name} has {count} different instances; a tool is made from {self.settings.build.needed} or more",
                hint="questions that differ only in spaces or Unicode form count once; give more and run again",
            )
        build = await self._run_build(maker, task)
        if build is None:
            raise SettingsError(f"a build of {name} is running already", hint=f"see: hammerstone tasks show {name}")
        return build

    async def _build_if_due(self, name: str) -> None:
        """A build that nobody waits for: one that cannot even be kept as failed is told of, and all else goes on."""
        await contained(self._perhaps_build(name), lambda why: _log.warning("a tool for %s: %s", name, why))

    async def _perhaps_build(self, name: str) -> None:
        maker = self._maker
        if maker is None:
            return
        task, tool = await to_thread.run_sync(lambda: (self.store.task(name), self.store.tool(name)))
        if tool is not None:
            return  # live, or disabled by a person: either way not to be made again on our own
        if task is None or name in self._build or not self._due(task):
            return
        self._build.add(name)  # with no `await` since it was looked for
        if self.settings.loop.background:
            self._tasks.start_soon(self._build_beside, maker, task)
        else:
            await self._run_build(maker, task)

    async def _build_beside(self, maker: Maker, task: Task) -> None:
        build = self._run_build(maker, task)
        await contained(build, lambda why: _log.warning("a tool for %s: %s", task.name, why))

    def _due(self, task: Task) -> bool:
        return task.instances >= (task.built_at + self.settings.build.more if task.built_at else self.settings.build.needed)

    async def _run_build(self, maker: Maker, task: Task) -> Build | None:
        try:
            self._on_build(task.name, None)
            build = await maker.make(task)
        finally:
            self._build.discard(task.name)
        if build is not None:
            self._on_build(task.name, build)
        return build

    # helpers of the above

    @property
    def _tasks(self) -> TaskGroup:
        if self._group is None:
            raise RuntimeError("use `async with Hammerstone(...)`")
        return self._group

    def _accounted(self, model: Model | None, role: Role) -> AccountedModel | None:
        return AccountedModel(model, role, self.store) if model is not None else None

    def _make_maker(self, model: AccountedModel | None) -> Maker | None:
        if model is None:
            return None
        return Maker(
            store=self.store,
            sandbox=self._sandbox,
            model=model,
            user=self._user,
            solver=self._solver,
            settings=self.settings,
        )


def _say_nothing(task: str, build: Build | None) -> None:
    """Nobody asked to be told of builds."""
    del task, build
