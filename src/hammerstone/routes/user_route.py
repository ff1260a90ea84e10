"""The route of a cheap model, which writes the arguments of one call of the task's tool (LATM, section 3.1)."""

from __future__ import annotations

from hammerstone.faults import contained
from hammerstone.routes.catalog import Catalog
from hammerstone.routes.contract import Answer, Asked, Refusal
from hammerstone.routes.user import ToolCard, write_arguments
from hammerstone.sandbox.contract import Sandbox
from hammerstone.store.accounts import AccountedModel
from hammerstone.store.records import StoredTool
from hammerstone.tools import parser
from hammerstone.types import Route

__all__ = ["UserRoute"]


class UserRoute:
    """The tool of the task that the request was found to be of, called with the user model's arguments."""

    def __init__(self, catalog: Catalog, sandbox: Sandbox, model: AccountedModel | None) -> None:
        self._catalog = catalog
        self._sandbox = sandbox
        self._model = model

    def tool(self, asked: Asked) -> StoredTool | None:
        """The tool that this route would ask, if there is one."""
        tool = self._catalog.tool(asked.task)
        if tool is None or self._model is None or Route.USER not in tool.tool.routes:
            return None
        return tool if tool.tool.frame == asked.frame(tool.tool.frame.form) else None

    async def attempt(self, asked: Asked) -> Answer | Refusal:
        tool, model = self.tool(asked), self._model
        if tool is None or model is None:
            return Refusal(reasons=())
        answer = self._ask(tool, model, asked)
        return await contained(answer, lambda why: Refusal(reasons=(f"{asked.task}: user: {why}",)))

    async def _ask(self, tool: StoredTool, model: AccountedModel, asked: Asked) -> Answer | Refusal:
        card = ToolCard(
            source=tool.tool.source, description=tool.tool.description, demonstrations=tool.tool.demonstrations
        )
        parsed = await write_arguments(model, card, asked.question(tool.tool.frame.form), asked.bill)
        if parsed.arguments is None:
            return Refusal(reasons=(f"{tool.task}: {parsed.refusal}",))
        given, failure = await parser.call_solve(self._sandbox, tool.tool.source, parsed.arguments)
        if given is None:
            return Refusal(reasons=(f"{tool.task}: {failure}",))
        return Answer(text=given, route=Route.USER, tool=tool)
