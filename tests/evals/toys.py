"""Small sums in place of the paper's tasks: samples of them, models that play every role, and a bench over both."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from hammerstone.evals.baselines.embeddings import Vector
from hammerstone.evals.harness.bench_run import BenchRun
from hammerstone.evals.harness.samples import Samples
from hammerstone.models.model import Model, Prompt, Reply
from hammerstone.sandbox import Sandbox
from hammerstone.settings import Settings
from hammerstone.store import Store
from hammerstone.testing import FunctionModel, ScriptedModel
from hammerstone.types import Instance, Role, Source, Usage

from ..samples.sums import PAIRS, SETTINGS, SUM, asked, block

__all__ = [
    "ANSWERS",
    "KINDS",
    "PRICE",
    "Alike",
    "Fake",
    "dispatcher",
    "maker",
    "new_bench",
    "paid",
    "priced",
    "roles",
    "samples",
    "source",
    "user",
]

KINDS = {
    "sum": "left + right",
    "product": "left * right",
    "difference": "left - right",
    "maximum": "max(left, right)",
    "minimum": "min(left, right)",
    "remainder": "left % right",
}
"""Six tasks, as many as the paper has, and what each computes."""

ANSWERS: Mapping[str, Callable[[int, int], int]] = {
    "sum": lambda left, right: left + right,
    "product": lambda left, right: left * right,
    "difference": lambda left, right: left - right,
    "maximum": max,
    "minimum": min,
    "remainder": lambda left, right: left % right,
}
Fake: TypeAlias = "FunctionModel | ScriptedModel"
PRICE = 0.25  # US dollars a call, exact in binary, so that bills add up


class Alike:
    """An embedding that sees no difference at all."""

    name = "all alike"

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        return [{"x": 1.0} for _ in texts]


def source(kind: str = "sum") -> str:
    """The tool of a task."""
    return SUM.replace("left + right", KINDS[kind]).replace("sum", kind)


def samples(kind: str = "sum", *, count: int = 4, shown: int = 5) -> Samples:
    """`shown` instances for makers and prompts, and `count` others to be asked."""
    every = [
        Instance(
            question=f"What is the {kind} of {left} and {right}?",
            answer=str(ANSWERS[kind](left, right)),
            source=Source.CALLER,
        )
        for left, right in PAIRS
    ]
    assert shown + count <= len(every)
    return Samples(
        task=kind,
        description=f"The {kind} of two numbers.",
        shown=tuple(every[:shown]),
        asked=tuple(every[shown : shown + count]),
        generated=False,
    )


def understood(prompt: Prompt) -> tuple[str, int, int]:
    """Kind and numbers of the question that a prompt is about."""
    match = re.search(r"the (\w+) of (-?\d+) and (-?\d+)", asked(prompt))
    assert match is not None, asked(prompt)
    return match[1], int(match[2]), int(match[3])


def right(prompt: Prompt) -> str:
    """A careful model's reply to a prompt of any method."""
    text = prompt.messages[-1].content
    kind, left, right = understood(prompt)
    answer = ANSWERS[kind](left, right)
    if "one JSON object" in text:
        return json.dumps({"left": left, "right": right})
    if "Reply with the answer alone" in text:
        return str(answer)
    if "Python program" in text:
        return block(f"def solve() -> str:\n    left, right = {left}, {right}\n    return str({KINDS[kind]})\n")
    assert "step by step" in text
    return f"I take the {kind}.\nAnswer: {answer}"


def paid(text: str, cost_usd: float | None = PRICE) -> Reply:
    """A reply with tokens and a price."""
    return Reply(text=text, model="a-1", usage=Usage(input_tokens=100, output_tokens=10), cost_usd=cost_usd)


def priced(reply: Callable[[Prompt], str], name: str) -> FunctionModel:
    """A model that is paid for each reply."""
    return FunctionModel(lambda prompt: paid(reply(prompt)), name=name)


def user(reply: Callable[[Prompt], str] = right) -> FunctionModel:
    return priced(reply, "user")


def maker(tools: Mapping[str, str] | None = None) -> FunctionModel:
    """Has the right tool of each kind at once, or what `tools` says."""

    def propose(prompt: Prompt) -> str:
        match = re.search(r'of the kind "(\w+)"', prompt.messages[0].content)
        assert match is not None
        return block((tools or {})[match[1]] if tools else source(match[1]))

    return priced(propose, "maker")


def dispatcher(reply: Callable[[str, list[str]], str], name: str = "dispatcher") -> FunctionModel:
    """Says what `reply` makes of a question and of the names that it is shown. The store knows it by its `name`."""

    def sort(prompt: Prompt) -> str:
        return reply(asked(prompt), re.findall(r"^- (\w+): ", prompt.messages[-1].content, re.MULTILINE))

    return priced(sort, name)


def roles(**models: Fake) -> dict[Role, Fake]:
    """A careful model for each role that is not given."""
    usual: dict[str, Fake] = {"maker": maker(), "user": user(), "solver": priced(right, "solver")}
    unasked = FunctionModel(lambda prompt: f"not to be asked: {prompt}", name="dispatcher")
    return {role: {**usual, **models}.get(role.value, unasked) for role in Role}


def new_bench(
    store: Store,
    sandbox: Sandbox,
    models: Mapping[Role, Model] | None = None,
    *,
    n: int = 4,
    max_cost: float | None = None,
    settings: Settings = SETTINGS,
    at_once: int = 1,
    **options,
) -> BenchRun:
    return BenchRun(
        store=store,
        sandbox=sandbox,
        models=models or roles(),
        n=n,
        max_cost=max_cost,
        settings=replace(settings, loop=replace(settings.loop, concurrency=at_once)),
        **options,
    )
