"""The route without a model: a live tool proves that it has read every word of the question, and answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hammerstone.concurrency import map_concurrently
from hammerstone.faults import contained
from hammerstone.requests import Form
from hammerstone.routes import dispatcher
from hammerstone.routes.catalog import Catalog
from hammerstone.routes.contract import Answer, Asked, Refusal, of_tool
from hammerstone.sandbox import Sandbox
from hammerstone.store import AccountedModel, StoredTool, Task
from hammerstone.tools import parser
from hammerstone.types import Route

__all__ = ["ParserRoute", "ToolParserRoute"]


class ToolParserRoute:
    """Asks one tool by its parser. It need not be live: verification, gate and experiments ask as the gateway does.

    `form` is how much of a chat it reads.
    """

    def __init__(self, sandbox: Sandbox, source: str, *, form: Form = Form.LAST, hash_seed: int = 0) -> None:
        self._sandbox = sandbox
        self._source = source
        self._form = form
        self._hash_seed = hash_seed

    async def attempt(self, asked: Asked) -> Answer | Refusal:
        """Ask the tool. Raises `SandboxError`."""
        question = asked.question(self._form)
        parsed, given = await parser.answer(self._sandbox, self._source, question, hash_seed=self._hash_seed)
        if given is None:
            return Refusal(reasons=(parsed.refusal,), parsed=parsed)
        return Answer(text=given, route=Route.PARSER, parsed=parsed)


class ParserRoute:
    """Asks the tools whose parsers reproduce the question. Among several, the dispatcher decides, if there is one."""

    def __init__(self, catalog: Catalog, sandbox: Sandbox, model: AccountedModel | None) -> None:
        self._catalog = catalog
        self._sandbox = sandbox
        self._dispatcher = model

    async def attempt(self, asked: Asked) -> Answer | Refusal:
        tools = self._catalog.parsers(asked)
        results = await map_concurrently(lambda tool: self.ask(tool, asked), tools)
        answers = [one for one in results if isinstance(one, Answer)]
        reasons = [reason for one in results if isinstance(one, Refusal) for reason in one.reasons]
        if len(answers) > 1:
            names = [one.tool.task for one in answers if one.tool is not None]
            reasons.append(f"the parsers of {', '.join(names)} all reproduce the question")
            chosen, why = await self._most_specific([one.tool for one in answers if one.tool is not None], asked)
            answers = [one for one in answers if one.tool is not None and one.tool.task == chosen]
            reasons += [why] if why else []
        return replace(answers[0], refusals=tuple(reasons)) if answers else Refusal(reasons=tuple(reasons))

    async def ask(self, tool: StoredTool, asked: Asked) -> Answer | Refusal:
        """Ask one tool. If something is wrong with it, it refuses, and the others may answer."""
        route = ToolParserRoute(self._sandbox, tool.tool.source, form=tool.tool.frame.form)
        result = await contained(route.attempt(asked), lambda why: Refusal(reasons=(why,)))
        return of_tool(result, tool)

    async def _most_specific(self, tools: Sequence[StoredTool], asked: Asked) -> tuple[str | None, str]:
        if self._dispatcher is None:
            return None, ""
        tasks = [Task(id=0, name=tool.task, description=tool.tool.description) for tool in tools]
        choice = dispatcher.choose_task(self._dispatcher, tasks, asked.question(), asked.bill)
        failures: list[str] = []
        name = await contained(choice, lambda why: failures.append(f"dispatcher: {why}"))
        return name, "".join(failures)
