"""Verification without a model: what a made parser and function do on solved questions, and on what is not theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from hammerstone.concurrency import map_concurrently
from hammerstone.requests.comparison import agree
from hammerstone.routes import Answer, Asked, Refusal, ToolParserRoute, text_of
from hammerstone.sandbox.contract import Sandbox
from hammerstone.store.records import StoredInstance
from hammerstone.tools.parser import Arguments, call_solve
from hammerstone.tools.tool import Check

__all__ = [
    "Finding",
    "Verdict",
    "check_arguments",
    "check_parser",
    "checks_of",
    "contradicted",
    "wrongly_answered",
]


class Verdict(StrEnum):
    AGREES = "agrees"
    DIFFERS = "differs"
    REFUSED = "refused"  # the parser did not take the question: allowed, up to a share
    FAILED = "failed"  # an exception, a time-out, or another value on another day


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What came of one instance. `detail` is for the maker."""

    instance: StoredInstance
    verdict: Verdict
    arguments: Arguments | None = None
    answer: str | None = None
    detail: str = ""


def checks_of(findings: Sequence[Finding]) -> tuple[Check, ...]:
    """The findings of a parser that agree, as a tool keeps them."""
    return tuple(
        Check(question=one.instance.question, arguments=one.arguments, answer=one.answer, parsed=True)
        for one in findings
        if one.verdict is Verdict.AGREES and one.arguments is not None and one.answer is not None
    )


async def check_parser(sandbox: Sandbox, source: str, instances: Sequence[StoredInstance]) -> list[Finding]:
    """Parse, solve, prove and compare each instance, twice under different hash seeds."""
    return await map_concurrently(lambda one: _check_parsed(sandbox, source, one), instances)


async def contradicted(sandbox: Sandbox, source: str, instances: Sequence[StoredInstance]) -> list[Finding]:
    """What the parser gets wrong of these instances; those that it refuses say nothing against it."""
    findings = await check_parser(sandbox, source, instances)
    return [one for one in findings if one.verdict in {Verdict.DIFFERS, Verdict.FAILED}]


async def check_arguments(
    sandbox: Sandbox, source: str, instances: Sequence[StoredInstance], arguments: Sequence[Arguments]
) -> list[Finding]:
    """Solve from given arguments and compare, twice under different hash seeds."""
    pairs = list(zip(instances, arguments, strict=True))
    return await map_concurrently(lambda pair: _check_solve(sandbox, source, *pair), pairs)


async def wrongly_answered(sandbox: Sandbox, source: str, questions: Sequence[str]) -> list[str]:
    """Those of `questions` that the tool would answer through its parser, though it must not."""
    results = await map_concurrently(lambda question: _answer(sandbox, source, question), questions)
    return [question for question, result in zip(questions, results, strict=True) if isinstance(result, Answer)]


async def _answer(sandbox: Sandbox, source: str, question: str, *, hash_seed: int = 0) -> Answer | Refusal:
    """By the route that will serve."""
    return await ToolParserRoute(sandbox, source, hash_seed=hash_seed).attempt(Asked.of(question))


async def _check_parsed(sandbox: Sandbox, source: str, instance: StoredInstance) -> Finding:
    """Twice as it would serve, under different hash seeds, and once by its arguments alone."""
    result = await _answer(sandbox, source, instance.question)
    parsed, given = result.parsed, text_of(result)
    if not parsed.proved:
        return Finding(instance=instance, verdict=Verdict.REFUSED, arguments=parsed.arguments, detail=parsed.refusal)
    if given is None:
        return _failed(instance, parsed.arguments, parsed.refusal)
    again = await _answer(sandbox, source, instance.question, hash_seed=1)
    if again.parsed.arguments != parsed.arguments:
        detail = "parse gives other arguments when string hashes differ: do not depend on the order of a set"
        return _failed(instance, parsed.arguments, detail)
    alone, _ = await call_solve(sandbox, source, parsed.arguments or {})
    if alone != given:
        detail = f"solve returned {given!r} after parse, and {alone!r} on its own: parse must leave nothing behind"
        return _failed(instance, parsed.arguments, detail)
    return _compared(instance, parsed.arguments, given, text_of(again))


async def _check_solve(sandbox: Sandbox, source: str, instance: StoredInstance, arguments: Arguments) -> Finding:
    given, failure = await call_solve(sandbox, source, arguments)
    if given is None:
        return _failed(instance, arguments, failure)
    again, _ = await call_solve(sandbox, source, arguments, hash_seed=1)
    return _compared(instance, arguments, given, again)


def _compared(instance: StoredInstance, arguments: Arguments | None, given: str, again: str | None) -> Finding:
    """`again` is the answer when string hashes differ."""
    if again != given:
        detail = f"solve returned {given!r} and, when string hashes differ, {again!r}: do not depend on set order"
        return _failed(instance, arguments, detail)
    verdict = Verdict.AGREES if agree(given, instance.answer) else Verdict.DIFFERS
    detail = "" if verdict is Verdict.AGREES else f"solve returned {given!r}, the stored answer is {instance.answer!r}"
    return Finding(instance=instance, verdict=verdict, arguments=arguments, answer=given, detail=detail)


def _failed(instance: StoredInstance, arguments: Arguments | None, detail: str) -> Finding:
    return Finding(instance=instance, verdict=Verdict.FAILED, arguments=arguments, detail=detail)
