"""Verification without a model: how a generated parser and function do on solved questions, and on foreign ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from hammerstone.builder.patience import PATIENCE, ask_until_too_slow
from hammerstone.requests import agree
from hammerstone.routes import Answer, Asked, Refusal, ToolParserRoute, text_of
from hammerstone.sandbox import Sandbox
from hammerstone.store import StoredInstance
from hammerstone.tools import Arguments, Check, call_solve

__all__ = [
    "Finding",
    "Verdict",
    "check_arguments",
    "check_parser",
    "checks_of",
    "contradicted",
    "not_refused",
]


class Verdict(StrEnum):
    AGREES = "agrees"
    DIFFERS = "differs"
    REFUSED = "refused"  # the parser did not take the question: allowed, up to a share
    FAILED = "failed"  # an exception, more time than a tool may take, or another value on another day
    UNASKED = "unasked"  # others before took too long


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result for one instance. `detail` is for the maker."""

    instance: StoredInstance
    verdict: Verdict
    arguments: Arguments | None = None
    answer: str | None = None
    detail: str = ""
    too_slow: bool = False


def checks_of(findings: Sequence[Finding]) -> tuple[Check, ...]:
    """The findings of a parser that agree, as a tool keeps them."""
    return tuple(
        Check(question=one.instance.question, arguments=one.arguments, answer=one.answer, parsed=True)
        for one in findings
        if one.verdict is Verdict.AGREES and one.arguments is not None and one.answer is not None
    )


async def check_parser(sandbox: Sandbox, source: str, instances: Sequence[StoredInstance]) -> list[Finding]:
    """Parse, solve, prove and compare each instance, twice under different hash seeds."""
    findings = await ask_until_too_slow(lambda one: _check_parsed(sandbox, source, one), instances, _too_slow)
    return _with_unasked(findings, instances)


async def contradicted(sandbox: Sandbox, source: str, instances: Sequence[StoredInstance]) -> list[Finding]:
    """The instances that the parser gets wrong; those that it refuses do not count against it."""
    findings = await check_parser(sandbox, source, instances)
    return [one for one in findings if one.verdict in {Verdict.DIFFERS, Verdict.FAILED}]


async def check_arguments(
    sandbox: Sandbox, source: str, instances: Sequence[StoredInstance], arguments: Sequence[Arguments]
) -> list[Finding]:
    """Solve from given arguments and compare, twice under different hash seeds."""
    pairs = list(zip(instances, arguments, strict=True))
    findings = await ask_until_too_slow(lambda pair: _check_solve(sandbox, source, *pair), pairs, _too_slow)
    return _with_unasked(findings, instances)


def _with_unasked(findings: list[Finding], instances: Sequence[StoredInstance]) -> list[Finding]:
    detail = f"not asked, as {PATIENCE} others took too long"
    left = instances[len(findings) :]
    return [*findings, *(Finding(instance=one, verdict=Verdict.UNASKED, detail=detail) for one in left)]


def _too_slow(finding: Finding) -> bool:
    return finding.too_slow


async def not_refused(sandbox: Sandbox, source: str, questions: Sequence[str]) -> tuple[str, ...]:
    """Complaints for the maker: `questions` of another kind that the parser answers, or takes too long to refuse."""
    results = await ask_until_too_slow(
        lambda question: _answer(sandbox, source, question), questions, lambda one: one.parsed.too_slow
    )
    complaints: list[str] = []
    for question, result in zip(questions, results, strict=False):
        if isinstance(result, Answer):
            complaints.append(f"Of another kind, and must be refused, but is answered:\n{question}")
        elif result.parsed.too_slow:
            complaints.append(f"Of another kind, and must be refused, but {result.parsed.refusal}:\n{question}")
    return tuple(complaints)


async def _answer(sandbox: Sandbox, source: str, question: str, *, hash_seed: int = 0) -> Answer | Refusal:
    """Answer by the route that will serve."""
    return await ToolParserRoute(sandbox, source, hash_seed=hash_seed).attempt(Asked.of(question))


async def _check_parsed(sandbox: Sandbox, source: str, instance: StoredInstance) -> Finding:
    """Ask twice by the route that will serve, under different hash seeds, and once with the arguments alone."""
    result = await _answer(sandbox, source, instance.question)
    parsed, given = result.parsed, text_of(result)
    if parsed.too_slow:
        return _failed(instance, parsed.arguments, parsed.refusal, too_slow=True)
    if not parsed.proved:
        return Finding(instance=instance, verdict=Verdict.REFUSED, arguments=parsed.arguments, detail=parsed.refusal)
    if given is None:
        return _failed(instance, parsed.arguments, parsed.refusal)
    again = await _answer(sandbox, source, instance.question, hash_seed=1)
    if again.parsed.too_slow:
        return _failed(instance, parsed.arguments, again.parsed.refusal, too_slow=True)
    if again.parsed.arguments != parsed.arguments:
        detail = "parse gives other arguments when string hashes differ: do not depend on the order of a set"
        return _failed(instance, parsed.arguments, detail)
    alone = await call_solve(sandbox, source, parsed.arguments or {})
    if alone.too_slow:
        return _failed(instance, parsed.arguments, alone.failure, too_slow=True)
    if alone.text != given:
        detail = f"solve returned {given!r} after parse, and {alone.text!r} on its own: parse must leave nothing behind"
        return _failed(instance, parsed.arguments, detail)
    return _compared(instance, parsed.arguments, given, text_of(again))


async def _check_solve(sandbox: Sandbox, source: str, instance: StoredInstance, arguments: Arguments) -> Finding:
    solved = await call_solve(sandbox, source, arguments)
    if solved.text is None:
        return _failed(instance, arguments, solved.failure, too_slow=solved.too_slow)
    again = await call_solve(sandbox, source, arguments, hash_seed=1)
    if again.too_slow:
        return _failed(instance, arguments, again.failure, too_slow=True)
    return _compared(instance, arguments, solved.text, again.text)


def _compared(instance: StoredInstance, arguments: Arguments | None, given: str, again: str | None) -> Finding:
    """Compare an answer with the stored one, and with `again`, the answer under another hash seed."""
    if again != given:
        detail = f"solve returned {given!r} and, when string hashes differ, {again!r}: do not depend on set order"
        return _failed(instance, arguments, detail)
    verdict = Verdict.AGREES if agree(given, instance.answer) else Verdict.DIFFERS
    detail = "" if verdict is Verdict.AGREES else f"solve returned {given!r}, the stored answer is {instance.answer!r}"
    return Finding(instance=instance, verdict=verdict, arguments=arguments, answer=given, detail=detail)


def _failed(instance: StoredInstance, arguments: Arguments | None, detail: str, *, too_slow: bool = False) -> Finding:
    detail = f"{detail}; so slow a tool serves nobody" if too_slow else detail
    return Finding(instance=instance, verdict=Verdict.FAILED, arguments=arguments, detail=detail, too_slow=too_slow)
