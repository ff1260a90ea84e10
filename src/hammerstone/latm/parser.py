"""The parser route: an answer without any model, given only by a tool that proves it has read every word.

The round-trip guard: `normalise(unparse(**parse(question))) == normalise(question)`. `unparse` runs in the module
loaded afresh, so a tool cannot carry the question past the guard in a global variable; when a tool is verified, the
two even run in processes that share nothing.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from hammerstone.latm.signature import ArgumentsError, read_signature
from hammerstone.sandbox.contract import Outcome, Sandbox
from hammerstone.types import JSON

__all__ = ["Arguments", "Parsed", "call_solve", "normalise", "parse", "reproduces"]

Arguments = Mapping[str, JSON]


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """What a parser made of a question: the arguments, or why there are none."""

    arguments: Arguments | None = None
    refusal: str = ""


def normalise(text: str) -> str:
    """What may differ between a question and its reproduction: Unicode composition, line ends, outer white space.

    Inner white space stays: in a table or a drawing it carries meaning.
    """
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


async def parse(sandbox: Sandbox, source: str, question: str, *, hash_seed: int = 0) -> Parsed:
    """Arguments that fit the signature of `solve`; not yet proved (`reproduces`)."""
    outcome = await sandbox.call(source, "parse", {"question": normalise(question)}, hash_seed=hash_seed)
    return _arguments(source, outcome.value) if outcome.ok else Parsed(refusal=f"parse failed: {outcome.error}")


def _arguments(source: str, value: JSON) -> Parsed:
    if value is None:
        return Parsed(refusal="parse returned None")
    if not isinstance(value, dict):
        return Parsed(refusal=f"parse returned {type(value).__name__}, not a dict of arguments")
    try:
        read_signature(source).validate(value)
    except ArgumentsError as error:
        return Parsed(refusal=f"parse returned arguments that do not fit solve: {error}")
    return Parsed(arguments=value)


async def reproduces(sandbox: Sandbox, source: str, question: str, arguments: Arguments) -> str:
    """The empty string when `unparse` writes the question again, else how the two differ."""
    outcome = await sandbox.call(source, "unparse", arguments)
    if not outcome.ok:
        return f"unparse failed: {outcome.error}"
    if not isinstance(outcome.value, str):
        return "unparse did not return a string"
    return _difference(question, outcome.value)


async def call_solve(
    sandbox: Sandbox, source: str, arguments: Arguments, *, hash_seed: int = 0
) -> tuple[str | None, str]:
    """The answer and an empty string, or `None` and why there is no answer."""
    outcome = await sandbox.call(source, "solve", arguments, hash_seed=hash_seed)
    return _answer(outcome)


async def answer(sandbox: Sandbox, source: str, question: str) -> tuple[Parsed, str | None]:
    """Parse, prove and solve, in one call; without the proof no answer."""
    asked = {"question": normalise(question)}
    outcome = await sandbox.call(source, "parse", asked, then=("unparse", "solve"))
    if not outcome.ok:
        return Parsed(refusal=f"parse, unparse or solve failed: {outcome.error}"), None
    values = outcome.value if isinstance(outcome.value, list) else []
    parsed = _arguments(source, values[0] if values else None)
    match values:
        case _ if parsed.arguments is None:
            return parsed, None
        case [_, str(written), str(given)]:
            difference = _difference(question, written)
            return (Parsed(refusal=difference), None) if difference else (parsed, given)
        case _:
            return Parsed(refusal="unparse or solve did not return a string"), None


def _answer(outcome: Outcome) -> tuple[str | None, str]:
    if not outcome.ok:
        return None, f"solve failed: {outcome.error}"
    if not isinstance(outcome.value, str):
        return None, f"solve returned {type(outcome.value).__name__}, not a string"
    return outcome.value, ""


def _difference(question: str, written: str) -> str:
    given, written = normalise(question), normalise(written)
    if given == written:
        return ""
    pairs = zip(given, written, strict=False)
    at = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(given), len(written)))
    start = max(0, at - 30)
    return f"unparse wrote {written[start : at + 30]!r} where the question has {given[start : at + 30]!r}"
