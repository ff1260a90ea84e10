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

import hashlib
import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Self

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup

from hammerstone.concurrency import map_concurrently, task_group
from hammerstone.errors import InputError, ModelError, SettingsError
from hammerstone.latm import dispatcher, parser
from hammerstone.latm.accounts import AccountedModel, Bill
from hammerstone.latm.catalog import Catalog
from hammerstone.latm.maker import Maker
from hammerstone.latm.maker.lots import independent
from hammerstone.latm.maker.verify import agree
from hammerstone.latm.records import Answered, Making, StoredTool, Task
from hammerstone.latm.settings import LoopSettings
from hammerstone.latm.solver import solve as ask_solver
from hammerstone.latm.store import Store
from hammerstone.latm.tool import tool_name
from hammerstone.latm.user import Manual, write_arguments
from hammerstone.latm.window import in_order
from hammerstone.models.model import Model
from hammerstone.sandbox.contract import Sandbox
from hammerstone.types import Instance, Request, Role, Route, Source

__all__ = ["Hammerstone", "Models"]


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


@dataclass(kw_only=True)
class _Journey:
    """One request on its way: what it has cost, why routes refused it, and what is known of its task."""

    request: Request
    bill: Bill
    refusals: list[str] = field(default_factory=list[str])
    task: str | None = None
    tool: StoredTool | None = None
    answer: str | None = None
    route: Route | None = None
    error: str | None = None

    def arrive(self, answer: str, route: Route, tool: StoredTool | None = None) -> None:
        self.answer, self.route, self.tool = answer, route, tool
        self.task = tool.task if tool else self.task


class Hammerstone:
    """The loop over one store. Use as `async with`; makings in the background end, or are interrupted, with it."""

    def __init__(
        self,
        *,
        store: Store,
        sandbox: Sandbox,
        models: Models,
        settings: LoopSettings | None = None,
        on_making: Callable[[str, Making | None], None] | None = None,
    ) -> None:
        """`on_making(task, making)` is told of each making: `None` when it starts, the result when it ends."""
        self.store = store
        self.settings = settings or LoopSettings()
        self._sandbox = sandbox
        self._labeler = models.labeler
        self._on_making = on_making or _say_nothing
        self._user = self._accounted(models.user, Role.USER)
        self._dispatcher = self._accounted(models.dispatcher, Role.DISPATCHER)
        self._solver = self._accounted(models.solver, Role.SOLVER)
        self._maker = self._make_maker(self._accounted(models.maker, Role.MAKER))
        self._making: set[str] = set()
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
        """Answer one request by the cheapest route that is sure, store what came of it, and perhaps start a making.

        A plain question gets an id of its own, the same each time it is asked.

        A model that fails is an `error` in the answer. Raises `StoreError`, `SandboxError` and `RecordingError`.
        """
        started = time.perf_counter()
        if isinstance(request, str):
            request = Request(id=hashlib.sha256(request.encode()).hexdigest()[:12], question=request)
        journey = _Journey(
            request=request, bill=Bill(request_id=request.id), task=tool_name(request.task or "") or None
        )
        try:
            await self._travel(journey)
        except ModelError as error:
            journey.error = error.message
        answered = self._answered(journey, started)
        await self._keep(journey, answered)
        return answered

    async def stream(self, requests: Iterable[Request] | AsyncIterable[Request]) -> AsyncGenerator[Answered]:
        """Answers in the order of the requests, `concurrency` of them under way at a time."""
        async for answered in in_order(self._tasks, self.solve, requests, width=self.settings.concurrency):
            yield answered

    async def _travel(self, journey: _Journey) -> None:
        await self._catalog.refresh()
        if await self._parser_route(journey):
            return
        await self._dispatch(journey)
        if await self._user_route(journey):
            return
        await self._solver_route(journey)

    # routes

    async def _parser_route(self, journey: _Journey) -> bool:
        """The tools whose parsers reproduce the question; two of them are a matter for the dispatcher."""
        tools = self._catalog.parsers(journey.request.question, journey.task)
        results = await map_concurrently(
            lambda tool: parser.answer(self._sandbox, tool.tool.source, journey.request.question), tools
        )
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

    async def _most_specific(self, journey: _Journey, tools: Sequence[StoredTool]) -> str | None:
        names = [tool.task for tool in tools]
        journey.refusals.append(f"the parsers of {', '.join(names)} all reproduce the question")
        if self._dispatcher is None:
            return None
        tasks = [Task(id=0, name=tool.task, description=tool.tool.description) for tool in tools]
        try:
            return await dispatcher.choose(self._dispatcher, tasks, journey.request.question, journey.bill)
        except ModelError as error:
            journey.refusals.append(f"dispatcher: {error.message}")
            return None

    async def _dispatch(self, journey: _Journey) -> None:
        """Find the task of a request, unless the caller named it. Unknown stays `None`: nothing is stored under it."""
        if journey.task is not None:
            await to_thread.run_sync(self.store.add_task, journey.task, "")
        elif self._dispatcher is not None:
            try:
                journey.task = await self._ask_dispatcher(self._dispatcher, journey)
            except ModelError as error:
                journey.refusals.append(f"dispatcher: {error.message}")

    async def _ask_dispatcher(self, model: AccountedModel, journey: _Journey) -> str | None:
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

    async def _user_route(self, journey: _Journey) -> bool:
        tool = self._catalog.tool(journey.task)
        if tool is None or Route.USER not in tool.tool.routes or self._user is None:
            return False
        manual = Manual(
            source=tool.tool.source, description=tool.tool.description, demonstrations=tool.tool.demonstrations
        )
        try:
            parsed = await write_arguments(self._user, manual, journey.request.question, journey.bill)
        except ModelError as error:
            journey.refusals.append(f"{tool.task}: user: {error.message}")
            return False
        if parsed.arguments is None:
            journey.refusals.append(f"{tool.task}: {parsed.refusal}")
            return False
        given, failure = await parser.call_solve(self._sandbox, tool.tool.source, parsed.arguments)
        if given is None:
            journey.refusals.append(f"{tool.task}: {failure}")
            return False
        journey.arrive(given, Route.USER, tool)
        return True

    async def _solver_route(self, journey: _Journey) -> None:
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

    def _answered(self, journey: _Journey, started: float) -> Answered:
        request = journey.request
        known = request.answer is not None and journey.answer is not None
        return Answered(
            id=request.id,
            question=request.question,
            answer=journey.answer,
            route=journey.route,
            task=journey.task,
            tool=journey.tool.task if journey.tool else None,
            version=journey.tool.version if journey.tool else None,
            model_calls=journey.bill.calls,
            cost_usd=journey.bill.cost_usd,
            ms=(time.perf_counter() - started) * 1000,
            error=journey.error,
            correct=agree(journey.answer or "", request.answer or "") if known else None,
            refusals=tuple(journey.refusals),
        )

    async def _keep(self, journey: _Journey, answered: Answered) -> None:
        """The answer and, if the solver gave it, the instance, in one transaction."""
        instance = None
        if journey.route is Route.SOLVER and journey.answer is not None and journey.task is not None:
            instance = Instance(question=journey.request.question, answer=journey.answer, source=Source.SOLVER)
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(lambda: self.store.finish_request(answered, task=journey.task, instance=instance))
        if instance is not None and journey.task is not None:
            await self._perhaps_make(journey.task)

    # makings

    async def catch_up(self) -> None:
        """Start the makings that are due: after labels came in, or after a crash."""
        for task in await to_thread.run_sync(self.store.tasks):
            await self._perhaps_make(task.name)

    async def make(self, instances: Sequence[Instance], *, name: str, description: str = "") -> Making:
        """Store solved instances under a task and run one making now.

        Raises `InputError` if the task has too few of them then, `SettingsError` if there is no maker or another
        making of this tool is running, and the errors of the store, the sandbox and recordings.
        """
        maker = self._maker
        if maker is None:
            raise SettingsError(
                "there is no maker model", hint="name one, for example --maker anthropic:claude-opus-4-5"
            )
        task = await to_thread.run_sync(self.store.add_task, name, description)
        for index, instance in enumerate(instances):
            await to_thread.run_sync(
                lambda i=index, one=instance: self.store.add_instance(name, one, request_id=f"{name}-{i + 1}")
            )
        task = await to_thread.run_sync(self.store.task, name) or task
        count = len(independent(await to_thread.run_sync(self.store.instances, name)))
        if count < self.settings.needed:
            raise InputError(
                f"{name} has {count} different instances; a tool is made from {self.settings.needed} or more",
                hint="questions that differ only in spaces or Unicode form count once; give more and run again",
            )
        making = await self._run_making(maker, task)
        if making is None:
            raise SettingsError(f"a making of {name} is running already", hint=f"see: hammerstone tasks show {name}")
        return making

    async def _perhaps_make(self, name: str) -> None:
        maker = self._maker
        if maker is None:
            return
        task, tool = await to_thread.run_sync(lambda: (self.store.task(name), self.store.tool(name)))
        if tool is not None:
            return  # live, or disabled by a person: either way not to be made again on our own
        if task is None or name in self._making or not self._due(task):
            return
        self._making.add(name)  # with no `await` since it was looked for
        if self.settings.background:
            self._tasks.start_soon(self._run_making, maker, task)
        else:
            await self._run_making(maker, task)

    def _due(self, task: Task) -> bool:
        return task.instances >= (task.made_at + self.settings.more if task.made_at else self.settings.needed)

    async def _run_making(self, maker: Maker, task: Task) -> Making | None:
        self._on_making(task.name, None)
        try:
            making = await maker.make(task)
        finally:
            self._making.discard(task.name)
        if making is not None:
            self._on_making(task.name, making)
        return making

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


def _say_nothing(task: str, making: Making | None) -> None:
    """Nobody asked to be told of makings."""
    del task, making
