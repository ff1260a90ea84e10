"""Streams in which a rule changes under the same words: simulated, and through the loop itself.

In both, the same function decides which requests are audited (`life.audit.is_audited`), from the same request ids.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import count

from hammerstone.evals.harness.bench_run import BenchRun
from hammerstone.evals.tasks import generate_instances
from hammerstone.evals.traffic.mixed_traffic import OTHER_RULES
from hammerstone.life import is_audited
from hammerstone.loop import Hammerstone, Models
from hammerstone.models import Prompt, Reply
from hammerstone.settings import BuildSettings, LifeSettings, LoopSettings, Settings
from hammerstone.store import Tally, ToolState, open_store
from hammerstone.types import Chat, Instance, Message, Request

__all__ = ["Found", "simulate", "through_loop"]

TASK = "word_sorting"
TOOL = r'''
import re

def solve(words: list[str]) -> str:
    """The words in alphabetical order, with single spaces."""
    return " ".join(sorted(words))

def parse(question: str) -> dict | None:
    match = re.fullmatch(r"Sort the following words alphabetically: List: ([a-z'&]+(?: [a-z'&]+)*)", question)
    return {"words": match[1].split(" ")} if match else None

def unparse(words: list[str]) -> str:
    return f"Sort the following words alphabetically: List: {' '.join(words)}"
'''
SYSTEM = Message(role="system", content="Sort the words, and reply with them alone.")
BUILD = BuildSettings(recipe="module")
BEFORE = 5  # requests that the tool answers before the rule changes
SPARE = 20  # requests that the loop may take longer than the simulation before it counts as a failure


@dataclass(frozen=True, kw_only=True)
class Found:
    """The requests from the change to the quarantine, and how many of them the tool answered wrongly."""

    requests: int
    wrong: int


def audited_at(rate: float) -> LifeSettings:
    """Settings by which the same share of a tool's requests is audited throughout."""
    return LifeSettings(audit=rate, audit_least=rate)


def simulate(stream: str, rate: float, share: float = 1.0) -> Found:
    """Simulate a stream. The first audit of a changed answer finds it, as the strong model says the same three times.

    `stream` seeds the stream, `rate` is the share of requests that is audited, `share` that of changed answers.
    """
    drawn, settings = random.Random(stream), audited_at(rate)  # noqa: S311 - a simulation, not a secret
    wrong = 0
    for number in count(1):
        if drawn.random() < share:
            wrong += 1
            if is_audited(_id(stream, number), Tally(), settings):
                return Found(requests=number, wrong=wrong)
    raise AssertionError("a stream without an end")


async def through_loop(bench: BenchRun, stream: str, rate: float) -> Found | None:
    """Send the same stream through the loop, every answer changed; `None` if the tool is still live long afterwards.

    A ready tool is built by the gate's rules, with an upstream that answers by the task's rule and later by another.
    Raises `StoreError` and `SandboxError`.
    """
    expected = simulate(stream, rate).requests
    drawn = [_as_chat(one) for one in generate_instances(TASK, BUILD.needed + BEFORE + expected + SPARE, bench.seed)]
    upstream = _Upstream(drawn)
    settings = Settings(build=BUILD, life=audited_at(rate), loop=LoopSettings(concurrency=1, background=False))
    with tempfile.TemporaryDirectory() as folder, open_store(folder) as store:
        models = Models(maker=_ReadyMaker(), solver=upstream)
        async with Hammerstone(store=store, sandbox=bench.sandbox, models=models, settings=settings) as loop:
            await loop.make(drawn[: BUILD.needed], name=TASK)
            before, after = drawn[BUILD.needed :][:BEFORE], drawn[BUILD.needed + BEFORE :]
            for number, one in enumerate(before):
                await loop.solve(_request(f"{stream} before {number}", one))
            upstream.rule_changed = True
            wrong = 0
            for number, one in enumerate(after, 1):
                answered = await loop.solve(_request(_id(stream, number), one))
                wrong += answered.tool is not None and answered.answer != OTHER_RULES[TASK](one.answer)
                tool = store.tool(TASK)
                if tool is not None and tool.state is ToolState.QUARANTINED:
                    return Found(requests=number, wrong=wrong)
    return None


def _id(stream: str, number: int) -> str:
    return f"{stream} {number}"


def _as_chat(one: Instance) -> Instance:
    return replace(one, chat=Chat(messages=(SYSTEM, Message(role="user", content=one.question))))


def _request(number: str, one: Instance) -> Request:
    return Request(id=number, chat=one.chat or Chat.of(one.question), task=TASK)


class _ReadyMaker:
    """Replies with the ready tool."""

    name = identity = "a ready tool"

    async def complete(self, prompt: Prompt) -> Reply:
        del prompt
        return Reply(text=f"```python{TOOL}```", model=self.name, cost_usd=0.0)


class _Upstream:
    """Answers by the task's own rule, and by another one once `rule_changed`; the same however often it is asked."""

    name = identity = "the task's rule"

    def __init__(self, instances: Iterable[Instance]) -> None:
        self._answers = {one.question: one.answer for one in instances}
        self.rule_changed = False

    async def complete(self, prompt: Prompt) -> Reply:
        answer = self._answers[prompt.messages[-1].content]
        return Reply(text=OTHER_RULES[TASK](answer) if self.rule_changed else answer, model=self.name, cost_usd=0.0)
