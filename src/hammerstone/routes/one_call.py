"""Dispatcher and user in one: the model names one of the few nearest tools and writes its arguments in a single call.

LATM asks twice, which tool (section 3.2) and then for the call (section 3.1), and leaves open whether once is enough.
This is function calling over a list so short that a small model can read it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hammerstone import prompts
from hammerstone.faults import contained
from hammerstone.models import Prompt
from hammerstone.prompts import quoted
from hammerstone.requests import Form
from hammerstone.routes.catalog import Catalog
from hammerstone.routes.contract import Answer, Asked, Refusal, of_tool
from hammerstone.routes.user import ToolCard, arguments_schema, fitting, reply_object, shown
from hammerstone.routes.user_route import answer_from
from hammerstone.sandbox import Sandbox
from hammerstone.settings import USER_TEMPERATURE
from hammerstone.store import AccountedModel, StoredTool
from hammerstone.tools import Parsed, SignatureError, Tool, grams, likeness, read_signature, short_description
from hammerstone.types import JSON

__all__ = ["TOOLS_SHOWN", "OneCallRoute", "nearest_tools"]

TOOLS_SHOWN = (
    3  # tools that the model may choose from: of 180 reworded questions, all had their tool among them (docs/log.md)
)


class OneCallRoute:
    """Lets the model name one of the `TOOLS_SHOWN` nearest tools and write its arguments.

    The task of the request is then that of the tool. What follows the arguments is as in `ToolUserRoute`.
    """

    def __init__(self, catalog: Catalog, sandbox: Sandbox, model: AccountedModel) -> None:
        self._catalog = catalog
        self._sandbox = sandbox
        self._model = model

    async def attempt(self, asked: Asked) -> Answer | Refusal:
        return await contained(self._attempt(asked), lambda why: Refusal(reasons=(f"one call: {why}",)))

    async def _attempt(self, asked: Asked) -> Answer | Refusal:
        """Raises `ModelError`, `RecordingError`, `StoreError`, `SandboxError`."""
        near = self._nearest(asked)
        if not near:
            return Refusal(reasons=())
        question = asked.question(near[0].tool.frame.form)
        functions = {one.task: one.tool for one in sorted(near, key=lambda one: one.task)}
        text = prompts.fill(
            "call",
            functions="\n\n".join(quoted(_manual(name, tool)) for name, tool in functions.items()),
            demonstrations=_demonstrate(functions, grams(question)),
            question=quoted(question),
        )
        wanted = Prompt.of(text, temperature=USER_TEMPERATURE, schema=_reply_schema(functions))
        name, parsed = _read_call(await self._model.complete(wanted, asked.bill), functions)
        if name is None:
            return Refusal(reasons=(parsed.refusal,), parsed=parsed)
        asked.task = name
        result = await answer_from(self._sandbox, ToolCard.of(functions[name]), question, parsed)
        return of_tool(result, next(one for one in near if one.task == name))

    def _nearest(self, asked: Asked) -> list[StoredTool]:
        """The nearest tools that take this model's arguments; all of one form, since one prompt holds one question."""
        near = nearest_tools([one for one in self._catalog.tools if self._may_call(one, asked)], asked)
        return [one for one in near if one.tool.frame.form is near[0].tool.frame.form][:TOOLS_SHOWN]

    def _may_call(self, one: StoredTool, asked: Asked) -> bool:
        tool = one.tool
        fits = asked.task in {None, one.task} and tool.frame == asked.frame(tool.frame.form)
        return fits and tool.takes(self._model.name) and _has_signature(tool)


def nearest_tools(tools: Sequence[StoredTool], asked: Asked) -> list[StoredTool]:
    """The tools, nearest first, by the n-grams of each one's demonstration that is most like the question."""
    questions = {form: grams(asked.question(form)) for form in Form}

    def nearness(one: StoredTool) -> float:
        question = questions[one.tool.frame.form]
        return max((likeness(shown.question, question) for shown in one.tool.demonstrations), default=0.0)

    return sorted(tools, key=nearness, reverse=True)


def _has_signature(tool: Tool) -> bool:
    """Whether it has a signature by which to call it; one that was stored when more was allowed may not."""
    try:
        read_signature(tool.source)
    except SignatureError:
        return False
    return True


def _manual(name: str, tool: Tool) -> str:
    """The tool's name as the reply must have it, its description and its signature."""
    signature = read_signature(tool.source)
    text = f"def {name}{signature.text.removeprefix(f'def {signature.function}')}"
    return replace(signature, text=text, docstring=signature.docstring or short_description(tool.description)).manual


def _demonstrate(functions: Mapping[str, Tool], question: frozenset[str]) -> str:
    """For each function, the demonstration that is most like the question."""
    blocks: list[str] = []
    for name, tool in functions.items():
        pairs = shown(tool.demonstrations)
        if pairs:
            example, arguments = max(pairs, key=lambda pair: likeness(pair[0], question))
            call = f'{{"function": {json.dumps(name)}, "arguments": {arguments}}}'
            blocks.append(f"Question:\n{quoted(example)}\nReply:\n{quoted(call)}")
    return "\n\n".join(blocks) or "(none)"


def _reply_schema(functions: Mapping[str, Tool]) -> dict[str, JSON]:
    """JSON Schema of the reply: a call of one of the functions, or the null of a refusal."""
    calls: list[JSON] = [
        {
            "type": "object",
            "properties": {"function": {"const": name}, "arguments": arguments_schema(read_signature(tool.source))},
            "required": ["function", "arguments"],
            "additionalProperties": False,
        }
        for name, tool in functions.items()
    ]
    return {"anyOf": [*calls, {"type": "null"}]}


def _read_call(reply: str, functions: Mapping[str, Tool]) -> tuple[str | None, Parsed]:
    """The function that a reply names, and its checked arguments."""
    match reply_object(reply):
        case str(refusal):
            return None, Parsed(refusal=refusal)
        case {"function": str(name), "arguments": dict(arguments), **rest} if name in functions and not rest:
            return name, fitting(arguments, functions[name].source)
        case _:
            return None, Parsed(refusal="the user model's reply is no call of a function that it was shown")
