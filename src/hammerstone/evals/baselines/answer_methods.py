"""Methods that answer one question: by prompting alone, by one program per question, or by a tool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum
from typing import Protocol

from hammerstone.evals.baselines import prompts
from hammerstone.models import Message, Prompt, code_block, estimate_tokens
from hammerstone.routes import (
    MODEL_REFUSED,
    Answer,
    Asked,
    Refusal,
    ToolCard,
    ToolParserRoute,
    ToolUserRoute,
    read_answer,
    text_of,
)
from hammerstone.sandbox import Limits, Sandbox
from hammerstone.settings import USER_TEMPERATURE
from hammerstone.store import AccountedModel, Bill
from hammerstone.tools import Tool, check_source, parser
from hammerstone.types import Instance

__all__ = [
    "FEW",
    "ChainOfThought",
    "Direct",
    "Method",
    "NoAnswer",
    "ProgramOfThought",
    "ToolWithParser",
    "ToolWithUser",
    "why_none",
    "worked_examples",
]

ROOM = 64  # tokens of a direct reply beyond four times the longest answer shown
FEW = 3  # examples in a few-shot prompt, as many as the paper's maker is shown


class NoAnswer(Enum):
    """The reason why there is no answer, which is not right."""

    INVALID = "with an invalid reply"
    REFUSED = "refused by the model"
    NO_TOOL = "taken for questions of another task"
    UNPROVED = "whose arguments do not account for the question"
    UNPARSED = "refused by the parser"
    FAILED = "on which the program failed"


class Method(Protocol):
    """Something that answers questions."""

    @property
    def name(self) -> str: ...

    async def answer(self, question: str, bill: Bill) -> str | NoAnswer: ...


class Direct:
    """Few-shot, the answer alone (LATM, table 2, "CoT" column of its last two tasks)."""

    name = "direct, few-shot"

    def __init__(self, model: AccountedModel, examples: Sequence[Instance]) -> None:
        self._model = model
        self._examples = "\n\n".join(f"Question:\n{one.question}\nAnswer: {one.answer}" for one in examples[:FEW])
        longest = max((estimate_tokens(one.answer) for one in examples), default=0)
        self._max_tokens = ROOM + 4 * longest

    async def answer(self, question: str, bill: Bill) -> str | NoAnswer:
        """A reply is cut where it is far longer than an answer: a small model may repeat itself without end."""
        text = prompts.fill("direct", examples=self._examples, question=question)
        asked = replace(Prompt.of(text, temperature=USER_TEMPERATURE), max_tokens=self._max_tokens)
        reply = await self._model.complete(asked, bill)
        return reply.strip().removeprefix("Answer:").strip() or NoAnswer.INVALID


async def worked_examples(
    model: AccountedModel, examples: Sequence[Instance], bill: Bill
) -> tuple[tuple[str, str], ...]:
    """Questions with a model's own working, which ends as a chain-of-thought prompt wants it."""
    return tuple([(one.question, await _working(model, one.question, bill)) for one in examples[:FEW]])


async def _working(model: AccountedModel, question: str, bill: Bill) -> str:
    asked = prompts.fill("worked_example", question=question)
    return await model.complete(Prompt.of(asked, temperature=USER_TEMPERATURE), bill)


class ChainOfThought:
    """Few-shot chain of thought. `examples` are questions with their working: the model's own, or a stronger one's
    (LATM, table 5, reuses GPT-4's)."""

    OWN = "chain of thought, few-shot"

    def __init__(self, model: AccountedModel, examples: Sequence[tuple[str, str]], *, name: str = OWN) -> None:
        self.name = name
        self._model = model
        self._examples = "\n\n".join(f"Question:\n{question}\n\nSolution:\n{work}" for question, work in examples)

    async def answer(self, question: str, bill: Bill) -> str | NoAnswer:
        text = prompts.fill("chain_of_thought", examples=self._examples, question=question)
        reply = await self._model.complete(Prompt.of(text, temperature=USER_TEMPERATURE), bill)
        return read_answer(reply, question) or NoAnswer.INVALID


class ProgramOfThought:
    """A program for each question, run in the sandbox. `max_tokens` is what the tool's user route took."""

    name = "program of thought"

    def __init__(
        self, model: AccountedModel, sandbox: Sandbox, examples: Sequence[Instance], *, max_tokens: int | None = None
    ) -> None:
        self._model = model
        self._sandbox = sandbox
        self._max_tokens = max_tokens
        self._examples = "\n\n".join(f"Question:\n{one.question}\nAnswer: {one.answer}" for one in examples[:FEW])

    async def answer(self, question: str, bill: Bill) -> str | NoAnswer:
        text = prompts.fill("program_of_thought", examples=self._examples, question=question)
        message = Message(role="user", content=text)
        asked = Prompt(messages=(message,), temperature=USER_TEMPERATURE, max_tokens=self._max_tokens)
        source = code_block(await self._model.complete(asked, bill), "python")
        if source is None or any("takes no arguments" not in reason for reason in check_source(source)):
            return NoAnswer.INVALID
        given = (await parser.call_solve(self._sandbox, source, {}, limits=Limits())).text
        return NoAnswer.FAILED if given is None else given


class ToolWithUser:
    """A tool, its arguments written by a model (LATM, section 3.1)."""

    name = "tool, user"

    def __init__(self, model: AccountedModel, sandbox: Sandbox, tool: Tool) -> None:
        self._route = ToolUserRoute(sandbox, model, ToolCard.of(tool))

    async def answer(self, question: str, bill: Bill) -> str | NoAnswer:
        result = await self._route.attempt(Asked.of(question, bill))
        return result.text if isinstance(result, Answer) else why_none(result)


def why_none(refusal: Refusal) -> NoAnswer:
    """The reason for a refusal: how far the user route came."""
    if refusal.parsed.arguments is None:
        return NoAnswer.REFUSED if refusal.parsed.refusal == MODEL_REFUSED else NoAnswer.INVALID
    return NoAnswer.UNPROVED if refusal.parsed.refusal else NoAnswer.FAILED


class ToolWithParser:
    """A tool and its own parser: no model."""

    name = "tool, parser"

    def __init__(self, sandbox: Sandbox, tool: Tool) -> None:
        self._route = ToolParserRoute(sandbox, tool.source)

    async def answer(self, question: str, bill: Bill) -> str | NoAnswer:
        text = text_of(await self._route.attempt(Asked.of(question, bill)))
        return NoAnswer.UNPARSED if text is None else text
