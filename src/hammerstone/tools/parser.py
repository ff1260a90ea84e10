"""A tool's parser, and the proof that it has read every word.

The round-trip guard: `unparse(**parse(question)) == question`, character by character. `unparse` runs in a process of
its own, which has seen nothing of the question but the arguments. So these determine the question; and `solve`, which
runs where `parse` did, answers that question and no other. A tool is judged and serves by the same code, and it does
not pass unless `solve` gives the same answer on its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hammerstone.sandbox import Limits, Outcome, Sandbox, Status
from hammerstone.tools.signature import ArgumentsError, SignatureError, read_signature
from hammerstone.types import JSON

__all__ = ["Arguments", "Parsed", "Solved", "answer", "call_solve"]

Arguments = Mapping[str, JSON]


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """A question as parsed: its arguments, or why there are none or no answer from them.

    `proved` says that they reproduce the question, `too_slow` that it took longer than a tool may take.
    """

    arguments: Arguments | None = None
    refusal: str = ""
    proved: bool = False
    too_slow: bool = False


@dataclass(frozen=True, kw_only=True)
class Solved:
    """The answer, or why there is none."""

    text: str | None = None
    failure: str = ""
    too_slow: bool = False


async def answer(sandbox: Sandbox, source: str, question: str, *, hash_seed: int = 0) -> tuple[Parsed, str | None]:
    """Parse, solve and prove: the only way in which a parser is ever asked. Without the proof there is no answer."""
    async with sandbox.process(source, hash_seed=hash_seed) as process:
        parsed = _arguments(source, await process.call("parse", {"question": question}))
        arguments = parsed.arguments
        if arguments is None:
            return parsed, None
        solved = await process.call("solve", arguments)
    async with sandbox.process(source, hash_seed=hash_seed) as process:
        written = await process.call("unparse", arguments)
    too_slow = Status.TIMEOUT in {solved.status, written.status}
    difference = _difference(question, written)
    if difference:
        return Parsed(arguments=arguments, refusal=difference, too_slow=too_slow), None
    given = _answer(solved)
    return Parsed(arguments=arguments, refusal=given.failure, proved=True, too_slow=too_slow), given.text


async def call_solve(
    sandbox: Sandbox, source: str, arguments: Arguments, *, hash_seed: int = 0, limits: Limits | None = None
) -> Solved:
    """Solve without the proof, from arguments that somebody else has written, within a tool's limits or others."""
    return _answer(await sandbox.call(source, "solve", arguments, hash_seed=hash_seed, limits=limits))


def _arguments(source: str, outcome: Outcome) -> Parsed:
    """Arguments that fit the signature of `solve`, as they are to be passed to it."""
    value = outcome.value
    if not outcome.ok:
        return Parsed(refusal=f"parse failed: {outcome.error}", too_slow=outcome.status is Status.TIMEOUT)
    if value is None:
        return Parsed(refusal="parse returned None")
    if not isinstance(value, dict):
        return Parsed(refusal=f"parse returned {type(value).__name__}, not a dict of arguments")
    try:
        return Parsed(arguments=read_signature(source).validate(value))
    except (ArgumentsError, SignatureError) as error:
        return Parsed(refusal=f"parse returned arguments that do not fit solve: {error}")


def _answer(outcome: Outcome) -> Solved:
    if not outcome.ok:
        return Solved(failure=f"solve failed: {outcome.error}", too_slow=outcome.status is Status.TIMEOUT)
    if not isinstance(outcome.value, str):
        return Solved(failure=f"solve returned {type(outcome.value).__name__}, not a string")
    return Solved(text=outcome.value)


def _difference(question: str, outcome: Outcome) -> str:
    """The empty string when `unparse` wrote the question again, else how the two differ."""
    written = outcome.value
    if not outcome.ok:
        return f"unparse failed: {outcome.error}"
    if not isinstance(written, str):
        return "unparse did not return a string"
    if written == question:
        return ""
    pairs = zip(question, written, strict=False)
    at = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(question), len(written)))
    start = max(0, at - 30)
    return f"unparse wrote {written[start : at + 30]!r} where the question has {question[start : at + 30]!r}"
