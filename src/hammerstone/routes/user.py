"""The user: a cheap model turns a question into the arguments of one call (LATM, section 3.1, tool using)."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from hammerstone import prompts
from hammerstone.models import NotJSONError, Prompt, json_value
from hammerstone.prompts import quoted
from hammerstone.settings import USER_TEMPERATURE
from hammerstone.store import AccountedModel, Bill
from hammerstone.tools import (
    Arguments,
    ArgumentsError,
    Demonstration,
    Parsed,
    Signature,
    SignatureError,
    Tool,
    differences,
    read_signature,
    short_description,
)
from hammerstone.types import JSON, Route

__all__ = [
    "MODEL_REFUSED",
    "ToolCard",
    "arguments_schema",
    "fitting",
    "read_arguments",
    "reply_object",
    "shown",
    "write_arguments",
]

MODEL_REFUSED = "the user model refused"
MOST_DIFFERENCES = 3  # between a question and what a first try stands for
LONGEST_SHOWN = 2_000  # characters of a demonstration's question, and of its arguments

_REFUSED = re.compile(r"\A[\s`*\"']*null\b|\bnull[\s`*\"'.]*\Z", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class ToolCard:
    """A tool as the user model sees it, with what its arguments are checked by.

    `unparses` says that the tool's `unparse` can be relied on; its questions have one of the `wordings`.
    """

    source: str
    description: str
    demonstrations: tuple[Demonstration, ...]
    unparses: bool = False
    wordings: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def of(cls, tool: Tool) -> Self:
        return cls(
            source=tool.source,
            description=tool.description,
            demonstrations=tool.demonstrations,
            unparses=Route.PARSER in tool.routes,
            wordings=tool.wordings,
        )


async def write_arguments(
    model: AccountedModel, manual: ToolCard, question: str, bill: Bill, *, mistaken: str | None = None
) -> Parsed:
    """Arguments that fit the signature, or why there are none: the model refused, or its reply does not fit.

    `mistaken` is what a first try's arguments stand for: the model is shown how that differs from the question. It is
    not shown its own arguments. Small models then write them once more (docs/log.md).
    """
    try:
        signature = read_signature(manual.source)
    except SignatureError as error:  # a tool that was stored when more was allowed
        return Parsed(refusal=f"the tool cannot be called: {error}")
    text = prompts.fill(
        "user",
        signature=quoted(signature.manual),
        description=quoted(short_description(manual.description) or "(none)"),
        demonstrations=_demonstrate(manual.demonstrations),
        question=quoted(question),
    )
    if mistaken is not None:  # at the end: a server that has read what is before it does not read that again
        text = f"{text}\n\n{prompts.fill('user_again', differences=_differences(question, mistaken))}"
    asked = Prompt.of(text, temperature=USER_TEMPERATURE, schema=_reply_schema(signature))
    reply = await model.complete(asked, bill)
    return read_arguments(reply, manual.source)


def _differences(question: str, mistaken: str) -> str:
    shown = differences(question, mistaken)[:MOST_DIFFERENCES]
    return "\n\n".join(f"The question says:\n{quoted(asked)}\nnot:\n{quoted(written)}" for asked, written in shown)


def _reply_schema(signature: Signature) -> dict[str, JSON]:
    """JSON Schema of what the user may reply: the arguments, or the null of a refusal."""
    return {"anyOf": [arguments_schema(signature), {"type": "null"}]}


def arguments_schema(signature: Signature) -> dict[str, JSON]:
    """JSON Schema of the arguments that a model is to write.

    All of the arguments, those with a default too: a small model leaves out what it may, and without an argument that
    is only wording `unparse` does not give the question back.
    """
    return {**signature.schema, "required": list(signature.parameters)}


def read_arguments(reply: str, source: str) -> Parsed:
    """The checked arguments in a reply of the user model."""
    value = reply_object(reply)
    return Parsed(refusal=value) if isinstance(value, str) else fitting(value, source)


def reply_object(reply: str) -> dict[str, JSON] | str:
    """The JSON object in a reply of the user model, or why there is none.

    A reply that begins or ends with the word null is a refusal, whatever JSON it holds as an explanation.
    """
    if _REFUSED.search(reply):
        return MODEL_REFUSED
    try:
        value = json_value(reply)
    except NotJSONError:
        return "the user model's reply is not JSON"
    if value is None:
        return MODEL_REFUSED
    return value if isinstance(value, dict) else "the user model's reply is not a JSON object"


def fitting(arguments: Arguments, source: str) -> Parsed:
    """The arguments as they are to be passed, or why they do not fit the tool's signature."""
    try:
        return Parsed(arguments=read_signature(source).validate(arguments))
    except (ArgumentsError, SignatureError) as error:
        return Parsed(refusal=f"the user model's arguments do not fit: {error}")


def shown(demonstrations: Sequence[Demonstration]) -> list[tuple[str, str]]:
    """The short demonstrations, each as its question and its arguments in JSON.

    One cut short would show arguments that do not fit what is left of its question.
    """
    pairs = [(one.question, json.dumps(one.arguments, ensure_ascii=False)) for one in demonstrations]
    return [pair for pair in pairs if max(map(len, pair)) <= LONGEST_SHOWN]


def _demonstrate(demonstrations: Sequence[Demonstration]) -> str:
    pairs = shown(demonstrations)
    blocks = [f"Question:\n{quoted(question)}\nArguments:\n{quoted(arguments)}" for question, arguments in pairs]
    return "\n\n".join(blocks) or "(none)"
