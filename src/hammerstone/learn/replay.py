"""The log, request by request, as the gateway would have met it.

A tool that is there answers what it is sure of. What none answers is an instance of its task in the first part of the
log, and a build follows when the gateway's own rules say so. In the last part nothing is learned any more.

A tool takes part from the line on from which it was built. That is known of a stored one by its instances, so that a
run that was interrupted finds the same answers when it goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

from anyio import to_thread
from anyio.abc import TaskGroup

from hammerstone.builder import Builder
from hammerstone.digests import sha256
from hammerstone.loop import Hammerstone
from hammerstone.requests import Form, question_in
from hammerstone.routes import Answer, Asked, ParserRoute, TaskFinder
from hammerstone.store import Build, StoredTool, ToolState
from hammerstone.types import Instance, Request, Route, Source

__all__ = ["IN_USE", "Replay", "Said"]

IN_USE = (ToolState.LIVE, ToolState.SHADOW, ToolState.GATED)
"""The states in which a tool answers the log; none of its answers is served."""
BUILT_BEFORE = -1  # the line after which a tool takes part that was built from none of this log


@dataclass(frozen=True, kw_only=True)
class Said:
    """A tool's answer to a line, and the milliseconds that it took."""

    text: str
    tool: str
    version: int
    ms: float


class Replay:
    """One tenant's part of the log. `chosen` are the tasks that tools are built for."""

    def __init__(
        self,
        loop: Hammerstone,
        chosen: Collection[str],
        *,
        may_spend: Callable[[], bool],
        on_build: Callable[[str, Build | None], None],
    ) -> None:
        """`may_spend` is called before each build."""
        self._loop = loop
        self._chosen = chosen
        self._may_spend = may_spend
        self._finder = TaskFinder(loop.store, loop.catalog, None)
        self._parser = ParserRoute(loop.catalog, loop.sandbox, None)
        maker = loop.builder.maker if chosen else None
        self._on_build = on_build
        self._has_built = False
        self._builder = Builder(
            store=loop.store, maker=maker, settings=loop.settings, on_build=self._note, improves=IN_USE
        )
        self._numbers: dict[str, int] = {}  # the first line of each question
        self._built: dict[tuple[str, int], int] = {}  # the line after which a version takes part
        self._tools: dict[str, list[StoredTool]] = {}  # its versions, the latest first

    async def open(self, lines: Sequence[tuple[int, Request]]) -> None:
        """Read the tools that are there, and where in these lines they were built. Raises `StoreError`."""
        for number, line in lines:
            for digest in _digests(line):
                self._numbers.setdefault(digest, number)
        await self._read_tools()

    async def answer(self, number: int, line: Request) -> Said | None:
        """The answer of the tools that existed at that point; `None` if none of them is sure, or several are.

        Raises `StoreError` and `SandboxError`.
        """
        started = perf_counter()
        asked = Asked(request=line, task=self._finder.named(line.task))
        results = [await self._parser.ask(tool, asked) for tool in self._there(number, asked)]
        answers = [one for one in results if isinstance(one, Answer)]
        if len(answers) != 1 or answers[0].tool is None:
            return None
        tool = answers[0].tool
        ms = (perf_counter() - started) * 1000
        return Said(text=answers[0].text, tool=tool.task, version=tool.version, ms=ms)

    async def learn(self, line: Request, task: str, group: TaskGroup) -> None:
        """Learn from an answer of the log that no tool gave: it is an instance of its task, and a build may be due.

        Raises `StoreError` and `RecordingError`.
        """
        if task not in self._chosen or line.answer is None:
            return
        asked = Asked(request=replace(line, task=task), task=task)
        await self._finder.find(asked)
        stored = await to_thread.run_sync(self._loop.store.task, task) if asked.task else None
        if stored is None or stored.frame != asked.frame(stored.frame.form):
            return  # named as of a task, and of another shape than that
        chat = line.chat
        instance = Instance(
            question=question_in(chat, stored.frame.form),
            answer=line.answer,
            source=Source.SOLVER,
            chat=None if chat.plain else chat,
        )
        await to_thread.run_sync(lambda: self._loop.store.add_instance(task, instance, request_id=line.id))
        if not self._may_spend():
            return
        await self._builder.build_if_due(task, group)
        if self._has_built:
            await self._read_tools()

    def _there(self, number: int, asked: Asked) -> Iterator[StoredTool]:
        """The latest version of each tool that takes part in this line and may read it."""
        for task, versions in self._tools.items():
            there = (one for one in versions if self._built[task, one.version] < number)
            tool = next(there, None)
            if tool is not None and asked.task in {None, task} and self._loop.catalog.may_answer(tool.tool, asked):
                yield tool

    def _note(self, task: str, build: Build | None) -> None:
        self._has_built = self._has_built or build is not None
        self._on_build(task, build)

    async def _read_tools(self) -> None:
        """Read the versions that take part, or did until a later one replaced them; none that was found wrong."""
        self._has_built = False
        await self._loop.catalog.refresh()
        tools = await to_thread.run_sync(self._loop.store.tools, True)
        found: dict[str, list[StoredTool]] = {}
        for one in sorted(tools, key=lambda one: -one.version):
            if one.state in {*IN_USE, ToolState.REPLACED} and Route.PARSER in one.tool.routes:
                found.setdefault(one.task, []).append(one)
        self._tools = found
        for one in (one for versions in found.values() for one in versions):
            known = (self._numbers[each] for each in one.tool.provenance.instances if each in self._numbers)
            self._built.setdefault((one.task, one.version), max(known, default=BUILT_BEFORE))


def _digests(line: Request) -> Iterator[str]:
    """Digests of the question in each form of the chat, as a tool's provenance keeps them."""
    return (sha256(question)[:16] for question in {line.question, question_in(line.chat, Form.WHOLE)})
