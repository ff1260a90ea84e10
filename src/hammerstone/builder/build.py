"""One build, from a task with enough instances to a live tool, a needs-review one, or a reason why there is none."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import anyio
from anyio import to_thread

from hammerstone import prompts
from hammerstone.builder.conversation import Conversation
from hammerstone.builder.gate import GateResult, foreign_questions, pass_gate
from hammerstone.builder.improve import Material, refusals_needed, since_quarantine, sorted_by, split_for_improvement
from hammerstone.builder.latm import make_latm
from hammerstone.builder.module import make_module
from hammerstone.builder.splits import Split, independent, split_instances
from hammerstone.builder.verify import Finding, contradicted
from hammerstone.builder.workbench import Draft, Failure, Workbench
from hammerstone.concurrency import task_group
from hammerstone.digests import sha256
from hammerstone.errors import EndsRun, HammerstoneError, ModelError, NotFoundError
from hammerstone.faults import OnFault, contained, reason_of
from hammerstone.life import cannot_be_watched, first_state
from hammerstone.requests import agree
from hammerstone.routes import second_opinion
from hammerstone.sandbox import Sandbox
from hammerstone.settings import Settings
from hammerstone.store import (
    AccountedModel,
    Attempt,
    Bill,
    Build,
    BuildState,
    Disagreement,
    Store,
    StoredInstance,
    StoredTool,
    Task,
    ToolState,
    this_process,
)
from hammerstone.tools import Provenance, Recipe, Tool, forms, short_description, wording
from hammerstone.types import Chat, Route, Source

__all__ = ["Maker", "build_fault"]

LEASE_SECONDS = 120.0
NOT_COMPARED = "it waits for a person: without a parser it cannot be compared with the upstream in shadow"

_RECIPES: dict[Recipe, Callable[[Workbench], Awaitable[Draft | Failure]]] = {"module": make_module, "latm": make_latm}


@dataclass(frozen=True, kw_only=True)
class _End:
    """The end of a recipe, before it is stored."""

    state: BuildState
    reason: str
    tool: Tool | None = None
    disagreement: Disagreement | None = None
    gained: int | None = None


def build_fault(name: str, error: HammerstoneError) -> HammerstoneError:
    """The same error, which says that it ended a build of task `name`."""
    return type(error)(f"build of {name} failed: {error.message}", hint=error.hint, details=error.details)


def _failed(reason: str) -> _End:
    return _End(state=BuildState.FAILED, reason=reason)


class Maker:
    """The maker's role. `user` takes part in the gate, `solver` gives second opinions; both may be missing."""

    def __init__(
        self,
        *,
        store: Store,
        sandbox: Sandbox,
        model: AccountedModel,
        user: AccountedModel | None,
        solver: AccountedModel | None,
        settings: Settings,
        sample: int = 0,
        on_fault: OnFault | None = None,
    ) -> None:
        """`sample` distinguishes independent builds from the same instances. `on_fault` hears of an error of ours that
        ended a build, such as a model out of reach.
        """
        self._store = store
        self._sandbox = sandbox
        self._model = model
        self._user = user
        self._solver = solver
        self._settings = settings
        self._sample = sample
        self._on_fault = on_fault

    async def material(self, task: Task, present: StoredTool, *, at_once: bool) -> Material | None:
        """The instances to improve this tool from; `None` if it refuses too few of them, which is then stored.

        No build is due for instances that it answers, for example those of its time in shadow. With `at_once`, one
        refused instance is enough.
        """
        instances = independent(await to_thread.run_sync(self._store.instances, task.name))
        material = await sorted_by(self._sandbox, present, instances)
        needed = 1 if at_once else await to_thread.run_sync(refusals_needed, self._store, task, self._settings.improve)
        if len(material.refused) >= needed:
            return material
        await to_thread.run_sync(self._store.settle, task, len(material.refused))
        return None

    async def make(self, task: Task, material: Material | None = None) -> Build | None:
        """Run one build to its end and store it; `None` if somebody else is building this tool, or the task is gone.

        With `material` it is to improve a tool, which stays as it is if that fails.

        Any error in it ends the build as failed: the same replies would cause it again. An error that ends a run
        (`faults`) interrupts the build and is raised.
        """
        build_id = await self._start(task, material)
        if build_id is None:
            return None
        bill = Bill(task=task.name)
        async with self._lease(build_id):
            try:
                work = (
                    self._try_recipes(task, build_id, bill)
                    if material is None
                    else self._improve(task, build_id, bill, material)
                )
                end = await contained(self._heard(task, work), _failed)
            except BaseException as error:
                reason = error.message if isinstance(error, HammerstoneError) else type(error).__name__
                await self._end(build_id, _End(state=BuildState.INTERRUPTED, reason=reason), bill)
                raise
            problem = await contained(self._end(build_id, end, bill), lambda why: why)
            if problem:
                await self._end(build_id, _failed(f"what came of it could not be stored: {problem}"), bill)
        builds = await to_thread.run_sync(self._store.builds, task.name)
        return next((one for one in builds if one.id == build_id), None)

    async def _heard(self, task: Task, work: Awaitable[_End]) -> _End:
        """What a build ends with. An error that is none of its tool's is heard of before it ends the build."""
        try:
            return await work
        except EndsRun:
            raise
        except HammerstoneError as error:
            if self._on_fault is not None:
                self._on_fault(build_fault(task.name, error))
            raise

    async def _start(self, task: Task, material: Material | None) -> int | None:
        version = material.present.version if material is not None else None
        try:
            return await to_thread.run_sync(
                lambda: self._store.start_build(task.name, owner=this_process(), improves=version, decided_on=task)
            )
        except NotFoundError:  # removed meanwhile
            return None

    async def _end(self, build_id: int, end: _End, bill: Bill) -> None:
        def write() -> None:
            life = self._settings.life
            if end.state is BuildState.LIVE and end.tool is not None:
                waits = [NOT_COMPARED] if cannot_be_watched(end.tool, life) else []
                self._store.publish(
                    end.tool,
                    build_id=build_id,
                    reason="; ".join(filter(None, [end.reason, *waits])),
                    gained=end.gained,
                    state=first_state(end.tool, life),
                )
            else:
                self._store.end_build(
                    build_id,
                    end.state,
                    reason=end.reason,
                    tool=end.tool,
                    disagreement=end.disagreement,
                    gained=end.gained,
                    cost_usd=bill.cost_usd,
                )

        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(write)

    @asynccontextmanager
    async def _lease(self, build_id: int) -> AsyncGenerator[None]:
        """Renew the build's lease while it runs, so that no other process takes it for dead.

        A renewal that fails is tried again: the lease outlasts two of them, and the build's own writes meet a store
        that stays broken. A build whose lease was lost all the same is given up: another process may run the next one.
        """

        async def renew() -> None:
            is_held = True
            while is_held:
                await anyio.sleep(LEASE_SECONDS / 3)
                with suppress(Exception):
                    is_held = await to_thread.run_sync(self._store.renew_build, build_id, LEASE_SECONDS)
            group.cancel_scope.cancel()

        async with task_group() as group:
            group.start_soon(renew)
            try:
                yield
            finally:
                group.cancel_scope.cancel()

    async def _try_recipes(self, task: Task, build_id: int, bill: Bill) -> _End:
        count = len(independent(await self._instances(task)))
        if count < self._settings.build.needed:
            reason = f"a build needs {self._settings.build.needed} independent instances, and there are {count}"
            return _failed(reason)
        recipes = self._recipes()
        if not recipes:
            return _failed("the latm recipe makes tools that a user model calls, and there is no user model")
        reasons: list[str] = []
        for recipe in recipes:
            end = await self._try_recipe(recipe, await self._workbench(recipe, task, build_id, bill), build_id)
            if end.state is not BuildState.FAILED:
                return end
            reasons.append(f"{recipe}: {end.reason}")
        return _failed("; ".join(reasons))

    def _recipes(self) -> tuple[Recipe, ...]:
        """The recipes to try in turn; not the paper's where no user model could call what it makes."""
        chosen = self._settings.build.recipe
        named: tuple[Recipe, ...] = ("module", "latm") if chosen == "auto" else (chosen,)
        return named if self._user is not None else tuple(one for one in named if one != "latm")

    async def _improve(self, task: Task, build_id: int, bill: Bill, material: Material) -> _End:
        """Run the module recipe on the instances that the present tool refuses."""
        split = split_for_improvement(material, most_chars=self._settings.improve.most_chars)
        bench = await self._workbench("module", task, build_id, bill, split=split, present=material.present.tool)
        return await self._try_recipe("module", bench, build_id)

    async def _try_recipe(self, recipe: Recipe, bench: Workbench, build_id: int) -> _End:
        try:
            return await self._follow(recipe, bench)
        except (HammerstoneError, EndsRun):
            raise
        except Exception as error:  # brought out by a reply; the next recipe gets others
            reason = reason_of(error)
            await self._note_fault(bench, recipe, build_id, reason)
            return _failed(reason)

    async def _note_fault(self, bench: Workbench, recipe: Recipe, build_id: int, reason: str) -> None:
        """Keep the latest reply as an attempt that failed, unless it is kept already and a later step has failed."""
        attempts = await to_thread.run_sync(self._store.attempts, build_id)
        replies, latest = bench.conversation.replies, bench.conversation.latest
        if replies > sum(one.recipe == recipe for one in attempts):
            await bench.note(recipe, replies, "verify", latest, [reason])
        else:
            await bench.note(recipe, 0, "gate", latest, [reason])

    async def _follow(self, recipe: Recipe, bench: Workbench) -> _End:
        draft = await _RECIPES[recipe](bench)
        if isinstance(draft, Failure):
            return _failed(draft.reason)
        if bench.present is not None and not draft.parses:
            return _failed("no version was better than the present one")
        asked = self._settings.build.numbers(recipe).held_out
        result = await pass_gate(bench, draft, self._user, asked=asked)
        if not result.routes or (bench.present is not None and Route.PARSER not in result.routes):
            reason = "; ".join(result.reasons)
            await bench.note(recipe, 0, "gate", draft.source, [reason])
            return _failed(reason)
        tool = self._package(bench, draft, result, recipe)
        suspect = draft.suspect or result.suspect
        if suspect is not None:
            reason = "the tool agrees with every instance but one: somebody must say which of the two is right"
            disagreement = _disagreement(suspect)
            return _End(state=BuildState.NEEDS_REVIEW, reason=reason, tool=tool, disagreement=disagreement)
        problem = await self._new_labels_problem(tool, bench)
        if problem:
            return _failed(problem)
        return _End(state=BuildState.LIVE, reason="; ".join(result.reasons), tool=tool, gained=draft.gained)

    def _package(self, bench: Workbench, draft: Draft, result: GateResult, recipe: Recipe) -> Tool:
        """Wrap the draft as a tool, an immutable value (LATM, section 3.1)."""
        checks = draft.checks + result.checks
        parsed = [one.question for one in checks if one.parsed]
        common = wording(parsed)
        bill = bench.conversation.bill
        return Tool(
            name=bench.task.name,
            description=short_description(bench.task.description),
            source=draft.source,
            demonstrations=draft.demonstrations(bench.settings.demonstrations),
            checks=checks,
            routes=result.routes,
            users=(self._user.name,) if self._user is not None and Route.USER in result.routes else (),
            wording=common,
            forms=() if common else forms(parsed),
            frame=bench.task.frame,
            provenance=Provenance(
                maker=self._model.name,
                recipe=recipe,
                prompts=prompts.version(recipe),
                shown=len(bench.split.shown),
                verified=len(bench.split.verified),
                held_out=len(bench.split.held_out),
                instances=_digests(bench.split.all),
                attempts=bench.conversation.replies,
                usage=bill.usage,
                cost_usd=bill.cost_usd,
                made=datetime.now(UTC).isoformat(timespec="seconds"),
            ),
        )

    async def _new_labels_problem(self, tool: Tool, bench: Workbench) -> str:
        """How people's labels that came in during the build contradict the tool, or the empty string."""
        checked = {one.question for one in tool.checks}
        labeled = [one for one in await self._instances(bench.task) if one.source is not Source.SOLVER]
        if Route.PARSER not in tool.routes:  # what its parser gets wrong of the others, the user model got right
            known = {(one.question, one.answer) for one in bench.labeled(bench.every)}
            labeled = [one for one in labeled if (one.question, one.answer) not in known]
        wrong = await contradicted(self._sandbox, tool.source, [one for one in labeled if one.question not in checked])
        return f"a label that came in during the build contradicts the tool: {wrong[0].detail}" if wrong else ""

    async def _workbench(
        self,
        recipe: Recipe,
        task: Task,
        build_id: int,
        bill: Bill,
        split: Split | None = None,
        present: Tool | None = None,
    ) -> Workbench:
        corrected: dict[int, str] = {}
        opinions: dict[tuple[int, str | None], bool | None] = {}

        async def settle(finding: Finding) -> bool | None:
            asked = finding.instance.id, finding.answer
            if asked not in opinions:
                opinions[asked] = await self._settle(finding, bill)
            if opinions[asked] and finding.answer is not None:
                corrected[finding.instance.id] = finding.answer
            return opinions[asked]

        async def record(attempt: Attempt) -> None:
            await to_thread.run_sync(self._store.add_attempt, build_id, attempt)

        return Workbench(
            task=task,
            split=split or await self._split(recipe, task),
            every=await self._instances(task),
            foreign=await to_thread.run_sync(foreign_questions, self._store, task.name, task.frame),
            sandbox=self._sandbox,
            conversation=Conversation(self._model, bill, sample=self._sample),
            settings=self._settings.build,
            present=present,
            settle=settle,
            record=record,
            corrected=corrected,
        )

    async def _instances(self, task: Task) -> tuple[StoredInstance, ...]:
        """All instances; or those since the last tool was found wrong, if enough have come in."""

        def read() -> tuple[StoredInstance, ...]:
            tool = self._store.tool(task.name)
            if tool is not None and tool.state is ToolState.QUARANTINED:
                newer = since_quarantine(self._store, task, tool)
                if len(independent(newer)) >= self._settings.build.needed:
                    return newer
            return self._store.instances(task.name)

        return await to_thread.run_sync(read)

    async def _split(self, recipe: Recipe, task: Task) -> Split:
        instances = independent(await self._instances(task))
        return split_instances(instances, self._settings.build.numbers(recipe), spare=recipe == "module")

    async def _settle(self, finding: Finding, bill: Bill) -> bool | None:
        """Whether the label was wrong; `None` if nobody can say. The solver is not asked about a person's label."""
        if self._solver is None or finding.instance.source is not Source.SOLVER or finding.answer is None:
            return None
        stored = finding.instance.answer
        try:
            chat = finding.instance.chat or Chat.of(finding.instance.question)
            opinion = await second_opinion(self._solver, chat, stored, bill)
        except ModelError:
            return None
        if opinion is not None and agree(opinion, finding.answer):
            now = await to_thread.run_sync(self._store.relabel, finding.instance.id, opinion, Source.SOLVER)
            return agree(finding.answer, now.answer)  # unless a person has answered meanwhile
        return False if opinion is not None and agree(opinion, stored) else None


def _digests(instances: Sequence[StoredInstance]) -> tuple[str, ...]:
    return tuple(sha256(one.question)[:16] for one in instances)


def _disagreement(finding: Finding) -> Disagreement:
    return Disagreement(
        instance_id=finding.instance.id,
        question=finding.instance.question,
        stored=finding.instance.answer,
        tool=finding.answer or "",
    )
