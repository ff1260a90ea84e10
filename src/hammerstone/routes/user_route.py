"""The route of a cheap model, which writes the arguments of one call of the task's tool (LATM, section 3.1)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hammerstone.faults import contained
from hammerstone.requests import Form
from hammerstone.routes.catalog import Catalog
from hammerstone.routes.contract import Answer, Asked, Refusal, of_tool
from hammerstone.routes.user import ToolCard, write_arguments
from hammerstone.sandbox import Sandbox
from hammerstone.store import AccountedModel, StoredTool
from hammerstone.tools import Parsed, holds_wording, overlooked, parser
from hammerstone.types import Route

__all__ = ["ToolUserRoute", "UserRoute", "answer_from"]


class ToolUserRoute:
    """Asks one tool with a model's arguments. It need not be live: gate and experiments ask as the gateway does.

    Where the tool's `unparse` does not give back what is asked, there is no answer (`hammerstone.tools.rewording`). A
    question in the tool's own form is asked a second time first, with how the two differ.
    `form` is how much of a chat the model is shown.
    """

    def __init__(self, sandbox: Sandbox, model: AccountedModel, card: ToolCard, *, form: Form = Form.LAST) -> None:
        self._sandbox = sandbox
        self._model = model
        self._card = card
        self._form = form

    async def attempt(self, asked: Asked) -> Answer | Refusal:
        """Ask model and tool. Raises `ModelError`, `RecordingError`, `StoreError`, `SandboxError`."""
        question = asked.question(self._form)
        parsed = await write_arguments(self._model, self._card, question, asked.bill)
        trip = await _round_trip(self._sandbox, self._card, question, parsed)
        if trip.worth_another_try:
            parsed = await write_arguments(self._model, self._card, question, asked.bill, mistaken=trip.written)
            trip = await _round_trip(self._sandbox, self._card, question, parsed)
        return await _called(self._sandbox, self._card, parsed, trip)


async def answer_from(sandbox: Sandbox, card: ToolCard, question: str, parsed: Parsed) -> Answer | Refusal:
    """A tool's answer from arguments that a model has written, if they account for the question.

    Raises `SandboxError`.
    """
    return await _called(sandbox, card, parsed, await _round_trip(sandbox, card, question, parsed))


@dataclass(frozen=True, kw_only=True)
class _RoundTrip:
    """The question that a model's arguments stand for, and how it differs from the one that was asked.

    Both are empty where the tool's `unparse` cannot be relied on or there are no arguments.
    """

    written: str = ""
    problem: str = ""
    own_form: bool = False

    @property
    def worth_another_try(self) -> bool:
        """Whether another reply may help: in the tool's own form alone, where coming back word for word is a proof.

        A reworded question need not come back word for word: a model that is shown what is missing could add just that.
        """
        return bool(self.problem and self.written) and self.own_form


async def _round_trip(sandbox: Sandbox, card: ToolCard, question: str, parsed: Parsed) -> _RoundTrip:
    if parsed.arguments is None or not card.unparses:
        return _RoundTrip()
    outcome = await sandbox.call(card.source, "unparse", parsed.arguments)
    if not isinstance(outcome.value, str):
        why = outcome.error or "no string"
        return _RoundTrip(problem=f"the tool does not write these arguments as a question: {why}")
    own_form = any(holds_wording(question, wording) for wording in card.wordings)
    shown = [one.question for one in card.demonstrations]
    problem = overlooked(question, outcome.value, own_form=own_form, fixed=shown)
    return _RoundTrip(written=outcome.value, problem=problem, own_form=own_form)


async def _called(sandbox: Sandbox, card: ToolCard, parsed: Parsed, trip: _RoundTrip) -> Answer | Refusal:
    if parsed.arguments is None:
        return Refusal(reasons=(parsed.refusal,), parsed=parsed)
    if trip.problem:
        return Refusal(reasons=(trip.problem,), parsed=replace(parsed, refusal=trip.problem))
    solved = await parser.call_solve(sandbox, card.source, parsed.arguments)
    if solved.text is None:
        return Refusal(reasons=(solved.failure,), parsed=parsed)
    return Answer(text=solved.text, route=Route.USER, parsed=parsed)


class UserRoute:
    """Calls the tool of the request's task with the user model's arguments."""

    def __init__(self, catalog: Catalog, sandbox: Sandbox, model: AccountedModel | None) -> None:
        self._catalog = catalog
        self._sandbox = sandbox
        self._model = model

    def may_answer(self, asked: Asked) -> bool:
        """Whether some tool would be asked if the request were of its task."""
        return self._model is not None and self._catalog.has_user_route(asked, self._model.name)

    def tool(self, asked: Asked) -> StoredTool | None:
        """The tool that this route would ask, if there is one."""
        tool = self._catalog.tool(asked.task)
        if tool is None or self._model is None or not tool.tool.takes(self._model.name):
            return None
        return tool if tool.tool.frame == asked.frame(tool.tool.frame.form) else None

    async def attempt(self, asked: Asked) -> Answer | Refusal:
        tool, model = self.tool(asked), self._model
        if tool is None or model is None:
            return Refusal(reasons=())
        route = ToolUserRoute(self._sandbox, model, ToolCard.of(tool.tool), form=tool.tool.frame.form)
        result = await contained(route.attempt(asked), lambda why: Refusal(reasons=(f"user: {why}",)))
        return of_tool(result, tool)
