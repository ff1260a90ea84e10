"""A live tool called by its name: with the arguments of its signature, or with a question that it must prove to read.

It runs in the sandbox exactly as it serves. Nothing here asks a model.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from anyio import to_thread

from hammerstone.loop import Hammerstone
from hammerstone.requests import PLAIN, Form
from hammerstone.routes import Asked, Refusal, Routed, ToolParserRoute
from hammerstone.server.learner import Learner
from hammerstone.server.replies import GatewayError
from hammerstone.store import Bill, StoredTool
from hammerstone.tools import ArgumentsError, call_solve, read_signature
from hammerstone.types import JSON, Chat, Message, Request, Route

__all__ = ["Called", "ToolCalls"]


@dataclass(frozen=True, kw_only=True)
class Called:
    """What a tool answered; `labeled` where a person's label of this very question stands in its place."""

    tool: StoredTool
    answer: str
    labeled: bool = False


class ToolCalls:
    """The live tools of one tenant."""

    def __init__(self, loop: Hammerstone, learner: Learner) -> None:
        self._loop = loop
        self._learner = learner
        self._chats: dict[str, Chat | None] = {}  # the first request of a tool's task, by the tool's digest

    async def live(self) -> tuple[StoredTool, ...]:
        """The live tools, by name. Raises `StoreError`."""
        await self._loop.catalog.refresh()
        return self._loop.catalog.tools

    async def find(self, name: str) -> StoredTool:
        """Raises `GatewayError` 404 unless it is live."""
        tool = next((one for one in await self.live() if one.task == name), None)
        if tool is None:
            raise GatewayError(f"there is no live tool {name[:80]!r}", status=404, code="tool_not_found")
        return tool

    @property
    def known(self) -> tuple[StoredTool, ...]:
        """The tools that were live when the catalog was last read, by name."""
        return self._loop.catalog.tools

    async def call(self, tool: StoredTool, arguments: Mapping[str, JSON]) -> Called:
        """Call `solve` with these arguments.

        Raises `GatewayError` 422: the message names each argument that does not fit, or says how the call failed.
        """
        source = tool.tool.source
        try:
            fitting = read_signature(source).validate(arguments)
        except ArgumentsError as error:
            raise GatewayError(str(error), status=422, code="invalid_arguments") from None
        solved = await call_solve(self._loop.sandbox, source, fitting)
        if solved.text is None:
            raise GatewayError(solved.failure, status=422, code="tool_failed", kind="tool_error")
        return Called(tool=tool, answer=solved.text)

    async def ask(self, tool: StoredTool, question: str, request_id: str) -> Called:
        """Answer a question by the tool's parser, as for any request; it is kept under this id, as one.

        Raises `GatewayError` 422 with the reason if the tool has no parser, or refuses, and the sandbox's errors.
        """
        if Route.PARSER not in tool.tool.routes:
            message = f"{tool.task} cannot read questions without a model: call it with arguments"
            raise GatewayError(message, status=422, code="no_parser")
        started = time.perf_counter()
        request = Request(
            id=request_id, chat=await self._chat(tool, question), tenant=self._loop.tenant, task=tool.task
        )
        asked = Asked(request=request, bill=Bill(request_id=request_id), task=tool.task)
        result = await ToolParserRoute(self._loop.sandbox, tool.tool.source).attempt(asked)
        if isinstance(result, Refusal):
            message = f"{tool.task} refuses this question: {'; '.join(result.reasons)}"
            raise GatewayError(message, status=422, code="refused", kind="tool_error")
        given = replace(result, tool=tool)
        answer = await self._loop.catalog.unless_question_labeled(given, tool.task, question)
        routed = Routed(answer=answer, refusals=answer.refusals, route=answer.route)
        ms = (time.perf_counter() - started) * 1000
        self._learner.served(self._loop, asked, routed, ms, len(question.encode("utf-8", "surrogatepass")))
        return Called(tool=tool, answer=answer.text, labeled=answer.route is Route.LABELER)

    async def _chat(self, tool: StoredTool, question: str) -> Chat:
        """The request that this question stands for: with the other turns that all requests of its task have."""
        if tool.tool.frame == PLAIN or tool.tool.frame.form is not Form.LAST:
            return Chat.of(question)
        digest = tool.tool.digest
        if digest not in self._chats:
            task = await to_thread.run_sync(self._loop.store.task, tool.task)
            self._chats[digest] = task.chat if task is not None else None
        first = self._chats[digest]
        if first is None:
            return Chat.of(question)
        last = Message(role=first.messages[-1].role, content=question)
        return replace(first, messages=(*first.messages[:-1], last))
