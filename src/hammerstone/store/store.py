"""The store: tasks, instances, builds, tools, paid calls, answers and the labeler's queue, in one database.

Every method but `purge` is one transaction, and may be called from any thread. What goes wrong with the database is a
`StoreError`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Self

from hammerstone.requests.frame import PLAIN, Frame
from hammerstone.store import (
    answers,
    builds,
    calls,
    changes,
    comparisons,
    corrections,
    instances,
    labels,
    ledger,
    purging,
    queue,
    removal,
    renaming,
    tasks,
    tools,
)
from hammerstone.store.keeping import ALL
from hammerstone.store.purging import Purged
from hammerstone.store.records import Actor, Move, ToolState
from hammerstone.types import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hammerstone.store.answers import Wanted
    from hammerstone.store.database import Database
    from hammerstone.store.keeping import Keeping
    from hammerstone.store.records import (
        Agreement,
        Answered,
        Attempt,
        Build,
        BuildState,
        Call,
        Change,
        Comparison,
        ComparisonKind,
        Correction,
        Disagreement,
        GivenCorrection,
        Kept,
        LedgerEntry,
        Merged,
        Opinion,
        Queued,
        StoredInstance,
        StoredTool,
        Task,
        UnreadableTool,
    )
    from hammerstone.store.selection import Selection
    from hammerstone.store.summaries import LedgerRow, MeanCall, RouteRow, ToolRow, ToolTally
    from hammerstone.tools.tool import Tool
    from hammerstone.types import Chat, Instance

__all__ = ["Store"]


class Store:
    """Made by `open_store`."""

    def __init__(self, database: Database, keeping: Keeping = ALL) -> None:
        self._database = database
        self.keeping = keeping

    @property
    def where(self) -> str:
        """The database file, or the URL without its password."""
        return self._database.where

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # tasks

    def tasks(self) -> tuple[Task, ...]:
        """All tasks, in order of creation."""
        with self._database.read() as connection:
            return tasks.every(connection)

    def task(self, name: str) -> Task | None:
        with self._database.read() as connection:
            return tasks.find(connection, name)

    def add_task(self, name: str, description: str, frame: Frame = PLAIN, chat: Chat | None = None) -> Task:
        """The task of this name: a new one with this frame and first chat, or the one that is there, as it is."""
        with self._database.write() as connection:
            return tasks.ensure(connection, name, description, frame, chat and self.keeping.chat(chat))

    def widen_task(self, name: str, frame: Frame) -> Task:
        """Let the whole chat be the question of this task's requests: their other turns differ.

        Raises `NotFoundError`.
        """
        with self._database.write() as connection:
            return tasks.widen(connection, name, frame)

    def remove_task(self, name: str) -> None:
        """Remove a task with its instances, builds and tools; paid calls and answers stay.

        Raises `NotFoundError`, and `SettingsError` while a tool is being made for it.
        """
        with self._database.write() as connection:
            removal.remove_task(connection, name)

    def rename_task(self, old: str, new: str) -> Task:
        """Give a task another name; its tools, builds, answers, calls and waiting requests follow it.

        Raises `NotFoundError`, and `SettingsError` if the name is taken, is not one, or a tool is being built.
        """
        with self._database.write() as connection:
            return renaming.rename(connection, old, new)

    def merge_tasks(self, source: str, target: str) -> Merged:
        """Make the task `source` part of `target`: its instances move, its tools and builds are kept as replaced.

        Where both have a question with different labels, that of `target` stays and the other is kept as its former
        one. Raises `NotFoundError`, and `SettingsError` if their frames differ or a tool is being built.
        """
        with self._database.write() as connection:
            return renaming.merge(connection, source, target)

    def assign(
        self, question: str, name: str, description: str = "", frame: Frame = PLAIN, chat: Chat | None = None
    ) -> Task:
        """Keep that this question in this frame is of task `name`, which is added if it is not there."""
        with self._database.write() as connection:
            return tasks.assign(connection, question, name, description, frame, chat and self.keeping.chat(chat))

    def assigned(self, question: str, frame: Frame = PLAIN) -> str | None:
        """The task that this very question in this frame was once found to be of."""
        with self._database.read() as connection:
            return tasks.assigned(connection, question, frame)

    # instances

    def task_of(self, question: str, frame: Frame = PLAIN) -> str | None:
        """The only task of this frame that has this very question as an instance."""
        with self._database.read() as connection:
            return instances.task_of(connection, question, frame)

    def add_instance(self, task_name: str, instance: Instance, *, request_id: str) -> StoredInstance | None:
        """Store an instance, or correct the one with this very question; `None` if nothing changed by it.

        A caller's or a labeler's answer replaces the stored one, which is kept as the former answer, and the task may
        be built again at once. One that differs from it only as JSON or as a number corrects nothing, and is stored as
        it is now written. A solver's answer replaces nothing. One of which not all text may be kept is not stored.
        Raises `NotFoundError` if there is no such task.
        """
        if not self.keeping.is_whole_instance(instance):
            return None
        with self._database.write() as connection:
            return instances.add(connection, task_name, instance, request_id)

    def instances(self, task_name: str) -> tuple[StoredInstance, ...]:
        """The task's instances, in order of arrival."""
        with self._database.read() as connection:
            return instances.of_task(connection, task_name)

    def person_label(self, task_name: str, question: str) -> str | None:
        """What a person, a caller or a labeler, says is the answer to this very question of a task."""
        with self._database.read() as connection:
            return labels.of_question(connection, task_name, question)

    def labeled_digests(self) -> frozenset[bytes]:
        """The first 8 bytes of the SHA-256 of every question that a person has answered, of whatever task."""
        with self._database.read() as connection:
            return labels.digests(connection)

    def relabel(self, instance_id: int, answer: str, source: Source) -> None:
        """Replace an instance's answer and keep the former one. Raises `NotFoundError`."""
        with self._database.write() as connection:
            instances.relabel(connection, instance_id, answer, source)

    # builds

    def start_build(
        self,
        task_name: str,
        *,
        owner: str,
        lease_seconds: float = 120,
        improves: int | None = None,
        decided_on: Task | None = None,
    ) -> int | None:
        """Take the build of this task for `owner` (see `this_process`); `None` if another one has it.

        Also `None` if one has ended since the task was as in `decided_on`: what was decided then may not hold now.
        A build whose owner is dead, or whose lease has run out, is marked as interrupted and does not count.
        Raises `NotFoundError` if there is no such task.
        """
        with self._database.write() as connection:
            return builds.start(connection, task_name, owner, lease_seconds, improves, decided_on)

    def renew_build(self, build_id: int, lease_seconds: float = 120) -> bool:
        """Hold the build for `lease_seconds` from now; false if it runs no more, since somebody else took it."""
        with self._database.write() as connection:
            return builds.renew(connection, build_id, lease_seconds)

    def add_attempt(self, build_id: int, attempt: Attempt) -> None:
        with self._database.write() as connection:
            builds.add_attempt(connection, build_id, attempt)

    def end_build(
        self,
        build_id: int,
        state: BuildState,
        *,
        reason: str,
        tool: Tool | None = None,
        disagreement: Disagreement | None = None,
        gained: int | None = None,
        cost_usd: float | None = None,
    ) -> None:
        """End a build without a live tool (`publish` ends one with).

        The task's `built_at` becomes its present instance count, except for an interrupted build: that one has not
        said anything about the instances, and may be started again at once. Raises `NotFoundError`.
        """
        with self._database.write() as connection:
            builds.end(
                connection,
                build_id,
                state,
                reason=reason,
                tool=tool,
                disagreement=disagreement,
                gained=gained,
                cost_usd=cost_usd,
            )

    def publish(
        self,
        tool: Tool,
        *,
        build_id: int | None = None,
        reason: str = "",
        gained: int | None = None,
        state: ToolState = ToolState.LIVE,
    ) -> StoredTool:
        """Keep `tool`, which passed the gate, as a version of the task `tool.name`, all in one transaction.

        `state` is live, or gated or shadow (see `life.states.first_state`). It gets the task's next version, or keeps
        the one it has if this digest is stored already; the task is added if it is not there; the version that was live
        (or in shadow) before is replaced; the build, if given, ends as live, or as passed.
        `reason` says which routes the gate kept out, and why.
        """
        with self._database.write() as connection:
            stored = tools.publish(connection, tool, state, reason)
            if build_id is not None:
                builds.end_passed(connection, build_id, tool, reason, gained, live=state is ToolState.LIVE)
            return stored

    def keep_tool(self, tool: Tool) -> StoredTool:
        """Store `tool` as a disabled version, or leave the version with its digest as it is; the live one stays."""
        with self._database.write() as connection:
            return tools.keep(connection, tool)

    def adopt(self, tool: Tool, reason: str) -> StoredTool:
        """Take over a tool that a person publishes from another tenant: in shadow, or as it is if it is there.

        Where a task of another frame has its name, it gets another one.
        """
        with self._database.write() as connection:
            return tools.adopt(connection, tool, reason)

    def publish_over_label(self, tool: Tool, *, build_id: int, instance_id: int, answer: str) -> StoredTool:
        """Publish a tool that needs review, and correct the one label it differs from, in one transaction."""
        with self._database.write() as connection:
            reason = "a person said that the tool was right"
            instances.relabel(connection, instance_id, answer, Source.LABELER)
            stored = tools.publish(connection, tool, ToolState.LIVE, reason)
            builds.end_passed(connection, build_id, tool, reason)
            return stored

    def builds(self, task_name: str | None = None) -> tuple[Build, ...]:
        """The builds of one task or of all, newest first. One that its owner has left shows as interrupted."""
        with self._database.read() as connection:
            return builds.newest_first(connection, task_name)

    def attempts(self, build_id: int) -> tuple[Attempt, ...]:
        """The attempts of a build, in order."""
        with self._database.read() as connection:
            return builds.attempts_of(connection, build_id)

    # tools

    def live_tools(self) -> tuple[StoredTool, ...]:
        """The live tools, by name."""
        with self._database.read() as connection:
            return tools.in_state(connection, ToolState.LIVE)

    def shadow_tools(self) -> tuple[StoredTool, ...]:
        """The tools in shadow, by name."""
        with self._database.read() as connection:
            return tools.in_state(connection, ToolState.SHADOW)

    def tools(self, all_versions: bool = False) -> tuple[StoredTool, ...]:
        """By name: each task's current version (the live one, or else its newest), or all versions, oldest first."""
        with self._database.read() as connection:
            return tools.every(connection) if all_versions else tools.current(connection)

    def unreadable_tools(self) -> tuple[UnreadableTool, ...]:
        """The versions that cannot be read, by name: the other methods pass over them."""
        with self._database.read() as connection:
            return tools.unreadable(connection)

    def tool(self, name: str, version: int | None = None) -> StoredTool | None:
        """One version of a task's tool; without a version the live one, or else the newest.

        Raises `ToolRefusedError` if it cannot be read.
        """
        with self._database.read() as connection:
            return tools.find(connection, name, version)

    def set_tool_state(
        self,
        name: str,
        version: int | None,
        state: ToolState,
        *,
        reason: str = "a person said so",
        who: Actor = Actor.PERSON,
    ) -> StoredTool:
        """Change the state of one version (`None`: the live one, or else the newest), and return it.

        Setting one live or into shadow replaces the one that was. Disabling without a version takes out the one in
        shadow, too. Raises `NotFoundError`.
        """
        with self._database.write() as connection:
            return tools.set_state(connection, name, version, Move(to=state, reason=reason), who)

    def approve(self, name: str, version: int | None, to: ToolState) -> StoredTool:
        """Let a gated version (`None`: the newest one) come into shadow or go live.

        Raises `NotFoundError` if none waits for approval.
        """
        with self._database.write() as connection:
            return tools.approve(connection, name, version, to)

    def quarantine(self, name: str, version: int | None, reason: str, *, who: Actor = Actor.PERSON) -> StoredTool:
        """Take one version (`None`: the live one, or else the newest) out of service as wrong.

        Raises `NotFoundError`.
        """
        with self._database.write() as connection:
            return tools.quarantine(connection, name, version, reason, who)

    def roll_back(self, name: str, version: int | None = None) -> StoredTool:
        """Bring back the version that was live before, or this one, which was replaced; the present one is replaced.

        Raises `NotFoundError` if there is none, `SettingsError` if this one is not replaced.
        """
        with self._database.write() as connection:
            return tools.roll_back(connection, name, version)

    def changes(self, name: str) -> tuple[Change, ...]:
        """How the states of a tool's versions changed, and why, oldest first."""
        with self._database.read() as connection:
            return changes.of_task(connection, name)

    # comparisons with the upstream, and corrections

    def add_comparison(
        self,
        name: str,
        version: int,
        *,
        request_id: str,
        kind: ComparisonKind,
        tool_answer: str,
        upstream_answer: str,
        rule: comparisons.Rule,
    ) -> Comparison:
        """Keep what a version and the upstream answered to one request, count it, and let `rule` change its state.

        `rule` (see `life.states.after_comparison`) is called with the tool and its tally within the transaction. A
        disagreement counts as a false hit until `add_opinion` says otherwise. Raises `NotFoundError`.
        """
        with self._database.write() as connection:
            return comparisons.add(
                connection,
                name,
                version,
                request_id=request_id,
                kind=kind,
                tool_answer=tool_answer,
                upstream_answer=upstream_answer,
                rule=rule,
                keeping=self.keeping,
            )

    def add_opinion(self, comparison_id: int, opinion: Opinion) -> StoredTool:
        """Keep the second opinion on a disagreement, once: where the upstream was right, the tool is quarantined by it.

        Where the tool was right, the disagreement is no false hit any more. Raises `NotFoundError`.
        """
        with self._database.write() as connection:
            return comparisons.add_opinion(connection, comparison_id, opinion)

    def comparisons(
        self, name: str, version: int, *, agreed: bool | None = None, limit: int | None = None
    ) -> tuple[Comparison, ...]:
        """The comparisons of one version, newest first: all, or those that agreed or did not."""
        with self._database.read() as connection:
            return comparisons.of_tool(connection, name, version, agreed=agreed, limit=limit)

    def correct(self, request_id: str, answer: str | None = None) -> Correction:
        """Say that the newest answer to the request of this id is wrong, and what is right, all in one transaction.

        The version that gave it is quarantined; the right answer becomes the caller's label of this question. Without
        one, what a solver answered is no instance any more. No exact cache gives the wrong answer again. Raises
        `NotFoundError` if no such request was answered, and `SettingsError` where there is nothing to correct: the
        answer is the one that was given, or none is given and nothing was learned from it.
        """
        with self._database.write() as connection:
            return corrections.correct(connection, request_id, answer, self.keeping)

    def confirm(self, request_id: str) -> Agreement:
        """Say that the newest answer to the request of this id is right: it becomes the caller's label.

        Raises `NotFoundError` if no such request was answered.
        """
        with self._database.write() as connection:
            return corrections.confirm(connection, request_id)

    def corrections(self, *, limit: int, before: int | None = None) -> tuple[GivenCorrection, ...]:
        """What people have said was wrong, newest first: those with a smaller id than `before`."""
        with self._database.read() as connection:
            return corrections.newest_first(connection, limit, before)

    def withdrawn(self) -> frozenset[bytes]:
        """The digests (`pair_digest`) of questions with the answers that somebody said are wrong."""
        with self._database.read() as connection:
            return corrections.withdrawn(connection)

    def answers(self, wanted: Wanted, limit: int) -> tuple[LedgerEntry, ...]:
        """Some of the requests with their answers, newest first."""
        with self._database.read() as connection:
            return answers.page(connection, wanted, limit)

    def answers_of(self, name: str, version: int) -> tuple[Answered, ...]:
        """What one version has answered, newest first."""
        with self._database.read() as connection:
            return answers.of_tool(connection, name, version)

    def remove_tool(self, name: str) -> None:
        """Remove all versions of a task's tool; its instances, builds and answers stay. Raises `NotFoundError`."""
        with self._database.write() as connection:
            tools.remove(connection, name)

    def tools_revision(self) -> int:
        """A number that grows whenever a tool's state changes, in whatever process. One indexed query."""
        with self._database.read() as connection:
            return tools.revision(connection)

    # calls

    def find_call(self, key: str, model: str) -> Call | None:
        """The newest completion of this prompt (`Prompt.key`) by this model."""
        with self._database.read() as connection:
            return calls.find(connection, key, model)

    def add_call(self, call: Call) -> int:
        """Store a paid completion, on the disk when this returns; the row id."""
        with self._database.write() as connection:
            return calls.add(connection, self.keeping.call(call))

    # answers

    def add_answer(self, answered: Answered) -> None:
        """Store one answer: safe from the death of this process, and from a power cut once a paid call follows it."""
        self.add_answers((answered,))

    def add_answers(self, answered: Sequence[Answered]) -> None:
        """Store many answers in one transaction, as `add_answer` does."""
        with self._database.write(durable=False) as connection:
            answers.add(connection, answered, self.keeping)

    def finish_request(self, answered: Answered, *, task: str | None = None, instance: Instance | None = None) -> None:
        """Store an answer and, when given, the instance under its task, in one transaction.

        Where somebody has removed the task meanwhile, the instance goes with it; one of which not all text may be kept
        is not stored.
        """
        if instance is not None and not self.keeping.is_whole_instance(instance):
            instance = None
        with self._database.write(durable=instance is not None) as connection:
            answers.add(connection, (answered,), self.keeping)
            if task is not None and instance is not None and tasks.find(connection, task) is not None:
                instances.add(connection, task, instance, answered.id)

    def refused_questions(self, task_name: str, limit: int) -> tuple[str, ...]:
        """Questions of this task that its tool's cheaper routes refused and another one answered, newest first."""
        with self._database.read() as connection:
            return answers.refused(connection, task_name, limit)

    def purge(
        self,
        selection: Selection,
        *,
        tools: bool = False,
        dry_run: bool = False,
        ends: Callable[[], bool] = lambda: False,
    ) -> Purged:
        """Remove the text of the selected requests, and with `tools` those of the selected tasks; what went, or would.

        This is many transactions: others go on meanwhile, and one that is interrupted can be run again. It ends early
        once `ends` says so.
        """
        with self._database.read() as connection:
            found = purging.parts(connection, selection, with_tools=tools)
            if dry_run:
                return purging.count(connection, found)
        purged: Counter[str] = Counter()
        for part in found:
            last, ids = 0, [0]
            while ids and not ends():
                with self._database.write() as connection:
                    ids = purging.batch(connection, part, last)
                last = max(ids, default=last)
                purged[part.counted] += len(ids)
        if purged.total() and selection.before is None:
            with self._database.write() as connection:
                purging.begun(connection)
        return Purged(**purged)

    def purges(self) -> int:
        """A number that grows when what is named, and not merely old, was purged."""
        with self._database.read() as connection:
            return purging.purges(connection)

    def give_back(self, *, whole: bool = False) -> None:
        """Overwrite what was deleted; with `whole`, the space is given back too, while others wait."""
        self._database.give_back(whole=whole)

    # the labeler's queue

    def enqueue(
        self, request_id: str, question: str, task: str | None, chat: Chat | None = None, frame: Frame = PLAIN
    ) -> Queued:
        """Let a request wait for a labeler; the same request of the same task and frame waits once.

        `chat` is all of it, if not the question.
        """
        with self._database.write() as connection:
            return queue.add(connection, request_id, question, task, chat, frame, self.keeping)

    def queue(self) -> tuple[Queued, ...]:
        """What waits, in order of arrival."""
        with self._database.read() as connection:
            return queue.waiting(connection)

    def queued(self, queued_id: int) -> Queued | None:
        """An entry of the queue, which may have been answered."""
        with self._database.read() as connection:
            return queue.find(connection, queued_id)

    def label(self, queued_id: int, answer: str) -> Queued:
        """Take an entry off the queue and store it as an instance of its task, if it has one, in one transaction.

        An instance with this question that is there already is relabeled. Raises `NotFoundError` if the entry does not
        wait (any more).
        """
        with self._database.write() as connection:
            return queue.label(connection, queued_id, answer, self.keeping)

    def skip(self, queued_id: int) -> Queued:
        """Put an entry of the queue off: it waits behind all others. Raises `NotFoundError` if it does not wait."""
        with self._database.write() as connection:
            return queue.skip(connection, queued_id)

    # the ledger

    def ledger(self) -> tuple[LedgerRow, ...]:
        """All paid calls, by role, model and task."""
        with self._database.read() as connection:
            return ledger.by_role(connection)

    def routes(self) -> tuple[RouteRow, ...]:
        """All requests, by route, task and tool."""
        with self._database.read() as connection:
            return ledger.by_route(connection)

    def kept(self) -> dict[Kept, int]:
        """How many requests there are of which all text is stored, what a mask left of it, or none."""
        with self._database.read() as connection:
            return ledger.by_keeping(connection)

    def tool_rows(self) -> tuple[ToolRow, ...]:
        """What each version of each tool has served, how it compared with the upstream, and what was corrected."""
        with self._database.read() as connection:
            return ledger.by_tool(connection)

    def tallies(self) -> tuple[ToolTally, ...]:
        """How each version of each tool compared with the upstream: quick, whatever was answered."""
        with self._database.read() as connection:
            return ledger.tallies(connection)

    def mean_solver_call(self) -> MeanCall:
        """What one call of the solver takes on average: the baseline "every request to the solver's model"."""
        with self._database.read() as connection:
            return ledger.mean_solver_call(connection)
