"""The live tools and known tasks as the loop sees them: kept in memory, read again when the store has changed."""

from __future__ import annotations

import logging
import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import anyio
from anyio import to_thread

from hammerstone.digests import pair_digest, sha256
from hammerstone.errors import StoreError
from hammerstone.requests import PLAIN, Form, Frame, agree
from hammerstone.routes.contract import Answer, Asked
from hammerstone.routes.dispatcher import LISTED, nearest
from hammerstone.store import Store, StoredTool, Task
from hammerstone.tools import Shortlist, Tool, holds_wording, task_name
from hammerstone.types import Route

__all__ = ["FEW", "Catalog"]

_log = logging.getLogger(__name__)

FEW = 4  # tools of one frame of fixed turns that are all asked
WAIT_S = 0.1  # that a request waits for a look at the store; its result counts for the next ones all the same


@dataclass(frozen=True, kw_only=True)
class _Read:
    """The tools as read at one revision of the store."""

    revision: int = -1
    tools: Mapping[str, StoredTool] = field(default_factory=dict[str, StoredTool])
    shadow: tuple[StoredTool, ...] = ()
    shortlists: Mapping[Frame, Shortlist[StoredTool]] = field(default_factory=dict[Frame, Shortlist[StoredTool]])
    always: Mapping[Frame, Sequence[StoredTool]] = field(default_factory=dict[Frame, "Sequence[StoredTool]"])
    fixed: frozenset[Frame] = frozenset()
    labeled: frozenset[bytes] = frozenset()
    withdrawn: frozenset[bytes] = frozenset()
    purges: int = 0
    time_dependent: frozenset[str] = frozenset()


_LOOKS = ThreadPoolExecutor(4, "looks for changes")
"""Of all catalogs. A look that has begun ends, whoever has stopped waiting for it."""


class Catalog:
    """The catalog of one store. Call `refresh` first for each request: one indexed query when nothing has changed.

    What was read may be `fresh_s` seconds old before it is looked for a change. While requests keep coming that happens
    beside them. After a pause the first of them waits for it, for `WAIT_S` seconds at most, and the others go on with
    what is there; so do all while the store is out of reach.
    """

    def __init__(self, store: Store, *, fresh_s: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._fresh_s = fresh_s
        self._clock = clock
        self._looked = -math.inf
        self._looking = False
        self._read = _Read()
        self._examples: dict[str, str] = {}

    async def refresh(self, *, at_once: bool = False) -> None:
        """Read the live tools again when their set has changed, by this process or another.

        `at_once` looks for a change however fresh what is there may be, and waits for it. Raises `StoreError` then, at
        first, and always without `fresh_s`.
        """
        now = self._clock()
        if not at_once and now - self._looked < self._fresh_s:
            return
        if at_once or not self._fresh_s or self._looked == -math.inf:
            await to_thread.run_sync(self._read_again)
            self._looked = now
        elif not self._looking:
            self._looking = True
            looking = _LOOKS.submit(self._look, now)
            if now - self._looked < 2 * self._fresh_s:
                return
            with anyio.move_on_after(WAIT_S):
                await to_thread.run_sync(looking.result, abandon_on_cancel=True)

    def _look(self, now: float) -> None:
        try:
            self._read_again()
        except StoreError as error:
            _log.debug("tools and labels are as they were: %s", error.message)
        finally:
            self._looked, self._looking = now, False

    def _read_again(self) -> None:
        """Read everything and exchange it at once: other threads see the former state, or the new one."""
        revision = self._store.tools_revision()
        if revision == self._read.revision:
            return
        tools = self._store.live_tools()
        by_frame: defaultdict[Frame, list[StoredTool]] = defaultdict(list)
        for tool in tools:
            by_frame[tool.tool.frame].append(tool)
        parsers = {frame: list(filter(_has_parser, some)) for frame, some in by_frame.items()}
        fixed = self._frames_of_fixed_turns()
        self._read = _Read(
            revision=revision,
            tools={tool.task: tool for tool in tools},
            shadow=self._store.shadow_tools(),
            shortlists={
                frame: Shortlist((tool, wording) for tool in some for wording in tool.tool.wordings)
                for frame, some in by_frame.items()
            },
            always={
                frame: [tool for tool in some if not tool.tool.wordings and frame != PLAIN]
                if len(some) > FEW or frame not in fixed
                else some
                for frame, some in parsers.items()
            },
            fixed=fixed,
            labeled=self._store.labeled_digests(),
            withdrawn=self._store.withdrawn(),
            purges=self._store.purges(),
            time_dependent=self._store.time_dependent_tasks(),
        )

    def _frames_of_fixed_turns(self) -> frozenset[Frame]:
        """Frames that hold a system prompt or earlier turns to the letter: these alone identify a kind of request."""
        fixed = [task for task in self._store.tasks() if task.chat is not None and len(task.chat.messages) > 1]
        return frozenset(task.frame for task in fixed if task.frame.form is Form.LAST)

    @property
    def tools(self) -> tuple[StoredTool, ...]:
        """The live tools, by name."""
        return tuple(self._read.tools.values())

    def tool(self, task: str | None) -> StoredTool | None:
        """The live tool of a task."""
        return self._read.tools.get(task) if task is not None else None

    def has_user_route(self, asked: Asked, user: str) -> bool:
        """Whether any tool of the request's frame may be called with this model's arguments."""
        frames = {tool.tool.frame for tool in self._read.tools.values() if tool.tool.takes(user)}
        return any(asked.frame(form) in frames for form in Form) if frames else False

    def parsers(self, asked: Asked) -> list[StoredTool]:
        """The tools that may read the request; of a named task, only that task's.

        In a frame of fixed turns that has few tools, these are all of them: a form that no version has seen yet may be
        one that the tool reads all the same. Else it is those whose wording the question holds.
        """
        found: list[StoredTool] = []
        for form in Form:
            found += self._read.always.get(asked.frame(form), [])
            found += filter(_has_parser, self._worded(asked, form))
        return [tool for tool in {one.task: one for one in found}.values() if asked.task in {None, tool.task}]

    def _worded(self, asked: Asked, form: Form) -> list[StoredTool]:
        """The live tools that have the request's frame and whose wording its question holds."""
        shortlist = self._read.shortlists.get(asked.frame(form))
        return shortlist.candidates(asked.question(form)) if shortlist is not None else []

    def shadows(self, asked: Asked) -> list[StoredTool]:
        """The tools in shadow that might answer the request."""
        shadows = filter(_has_parser, self._read.shadow)
        return [tool for tool in shadows if self.may_answer(tool.tool, asked)]

    def may_answer(self, tool: Tool, asked: Asked) -> bool:
        """Whether a tool may read the request: the rule that `parsers` follows for all live tools at once."""
        if tool.frame != asked.frame(tool.frame.form):
            return False
        question = asked.question(tool.frame.form)
        worded = any(holds_wording(question, wording) for wording in tool.wordings)
        return worded or tool.frame in self._read.fixed or (not tool.wordings and tool.frame != PLAIN)

    def worded_like(self, asked: Asked) -> str | None:
        """The task of the only tool, live or in shadow, whose frame and wording the request has."""
        shadows = (one for one in self._read.shadow if _holds(one.tool, asked))
        tasks = {one.task for one in (*(tool for form in Form for tool in self._worded(asked, form)), *shadows)}
        return tasks.pop() if len(tasks) == 1 else None

    @property
    def forgetting(self) -> object:
        """A value that changes when something was purged by name, or other tasks depend on the time: answers in memory
        are then to be dropped.
        """
        return self._read.purges, self._read.time_dependent

    def may_repeat(self, task: str | None) -> bool:
        """Whether a cache may repeat an answer of this task; for an unknown task, only if no task is marked."""
        marked = self._read.time_dependent
        return not marked or (task is not None and task not in marked)

    def depends_on_time(self, name: str | None) -> bool:
        """Whether a caller names a task whose answers no cache may repeat."""
        return name is not None and task_name(name) in self._read.time_dependent

    def is_withdrawn(self, question: str, answer: str) -> bool:
        """Whether somebody has said that this answer to this question is wrong: no cache may repeat it."""
        kept = self._store.keeping.text
        return bool(self._read.withdrawn) and pair_digest(kept(question), kept(answer)) in self._read.withdrawn

    async def label_of(self, asked: Asked) -> Answer | None:
        """A person's label for this very question: that of its own task, or else of whichever has it as an instance."""
        if not self._may_be_labeled(asked):
            return None

        def find() -> list[str]:
            found = [self._store.task_of(asked.question(form), asked.frame(form)) for form in Form]
            return [name for name in (asked.task, *found) if name is not None]

        for task in await to_thread.run_sync(find):
            label = await self.person_label(asked, task)
            if label is not None:
                return Answer(text=label, route=Route.LABELER, task=task)
        return None

    def _may_be_labeled(self, asked: Asked) -> bool:
        """Whether the store may have a label, as far as memory shows: few questions are looked up in vain."""
        labeled = self._read.labeled
        return bool(labeled) and any(_digest(asked.question(form)) in labeled for form in Form)

    async def person_label(self, asked: Asked, task: str) -> str | None:
        """A person's label for this very question of a task, if the request has its frame."""
        if not self._may_be_labeled(asked):
            return None

        def read() -> str | None:
            known = self._read.tools.get(task)
            stored = self._store.task(task) if known is None else None
            frame = known.tool.frame if known is not None else stored.frame if stored is not None else None
            if frame is None or frame != asked.frame(frame.form):
                return None
            return self._store.person_label(task, asked.question(frame.form))

        return await to_thread.run_sync(read)

    async def unless_labeled(self, answer: Answer, asked: Asked) -> Answer:
        """A tool's answer, or the label of a person who has said otherwise for this very question."""
        task = answer.tool.task if answer.tool is not None else None
        return _corrected(answer, task, await self.person_label(asked, task)) if task is not None else answer

    async def unless_question_labeled(self, answer: Answer, task: str, question: str) -> Answer:
        """The same for a question as this task reads it, of which no more is known than its text."""
        if _digest(question) not in self._read.labeled:
            return answer
        return _corrected(answer, task, await to_thread.run_sync(self._store.person_label, task, question))

    async def tasks(self, question: str, frame: Frame = PLAIN) -> list[Task]:
        """The tasks of this frame that the dispatcher is shown: all, or the most similar where there are many."""
        tasks = [task for task in await to_thread.run_sync(self._store.tasks) if task.frame == frame]
        if len(tasks) <= LISTED:
            return tasks
        unseen = [task for task in tasks if task.name not in self._examples]
        self._examples |= await to_thread.run_sync(lambda: {task.name: self._example(task) for task in unseen})
        return nearest(tasks, [self._examples[task.name] for task in tasks], question)

    def _example(self, task: Task) -> str:
        instances = self._store.instances(task.name)
        return instances[0].question if instances else task.description


def _has_parser(tool: StoredTool) -> bool:
    return Route.PARSER in tool.tool.routes


def _holds(tool: Tool, asked: Asked) -> bool:
    """Whether a request has the frame of a tool, and its question the tool's wording."""
    if tool.frame != asked.frame(tool.frame.form):
        return False
    question = asked.question(tool.frame.form)
    return any(holds_wording(question, wording) for wording in tool.wordings)


def _corrected(answer: Answer, task: str, label: str | None) -> Answer:
    """The label of a person who has said otherwise, or else the answer."""
    if label is None or agree(answer.text, label):
        return answer
    reason = f"{task}: a person's label says otherwise"
    return Answer(text=label, route=Route.LABELER, task=task, refusals=(*answer.refusals, reason))


def _digest(question: str) -> bytes:
    return bytes.fromhex(sha256(question)[:16])
