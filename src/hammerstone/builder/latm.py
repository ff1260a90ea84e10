"""The `latm` recipe: the paper's (LATM, section 3.1), for questions that no parser can read.

*Propose*: from a few instances the maker writes a function. *Verify*: for further instances it writes only the call.
Unlike the paper's code, a failure may be repaired in the function or in the call, and it is the harness, not an
assert of the maker's, that compares with the stored answers. *Package*: function and demonstrations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hammerstone import prompts
from hammerstone.builder.conversation import (
    show_arguments,
    show_description,
    show_frame,
    show_instances,
    show_problems,
    show_questions,
)
from hammerstone.builder.verify import Finding, Verdict, check_arguments
from hammerstone.builder.workbench import Draft, Failure, Workbench
from hammerstone.models import NotJSONError, code_block, json_value
from hammerstone.sandbox import Limits
from hammerstone.store import Stage, StoredInstance
from hammerstone.tools import Arguments, ArgumentsError, Check, check_source, read_signature
from hammerstone.types import JSON

__all__ = ["make_latm"]


@dataclass(frozen=True, kw_only=True)
class Stand:
    """The function so far, and the findings of its calls. `stage` is where a reply with problems ended."""

    source: str
    problems: tuple[str, ...]
    stage: Stage = "verify"
    findings: tuple[Finding, ...] = ()
    suspect: Finding | None = None


async def make_latm(bench: Workbench) -> Draft | Failure:
    """Propose on the shown instances, then verify on the further ones; each with at most `retries` repairs."""
    proposed = await _until_right(bench, _propose(bench), bench.split.shown)
    if proposed.problems and not proposed.suspect:
        return Failure(reason=f"no function agreed with the shown instances; at last: {proposed.problems[0]}")
    asked = prompts.fill("latm_verify", questions=show_questions(bench.split.verified))
    verified = await _until_right(bench, asked, bench.split.verified, proposed)
    if verified.problems and not verified.suspect:
        return Failure(reason=f"verification failed; at last: {verified.problems[0]}")
    return Draft(source=verified.source, checks=_checks(verified.findings), parses=False, suspect=verified.suspect)


async def _until_right(
    bench: Workbench, message: str, instances: Sequence[StoredInstance], former: Stand | None = None
) -> Stand:
    """Ask, check, and at most `retries` times have function or arguments repaired, over every instance so far.

    Where one open difference is all that is wrong, one repair is asked for: if it leaves a difference open, that is it.
    """
    stand = former or Stand(source="", problems=())
    every = (*(one.instance for one in stand.findings), *instances)
    was_open, left_open = stand.suspect is not None, None
    retries = bench.settings.latm.retries
    for number in range(1, retries + 2):
        reply = await bench.conversation.ask(message)
        if number == 1:
            stand = await _check(bench, reply, stand.source, instances, stand.findings)
        else:
            stand = await _check(bench, reply, stand.source, every, ())
        stage = stand.stage if stand.problems else "passed"
        await bench.note("latm", number, stage, stand.source or reply, stand.problems)
        if not stand.problems or (stand.suspect and was_open):
            return stand
        if stand.suspect:
            was_open, left_open = True, stand
        message = prompts.fill(
            "latm_repair", problems=show_problems(stand.problems), count=len(every), questions=show_questions(every)
        )
    return left_open or stand


async def _check(
    bench: Workbench, reply: str, source: str, instances: Sequence[StoredInstance], earlier: Sequence[Finding]
) -> Stand:
    """Read a reply, run its calls, and compare with the stored answers."""
    source = code_block(reply, "python") or source
    if not source:
        return Stand(source="", problems=("there is no ```python block",), stage="reply")
    problems = check_source(source, imports=bench.settings.imports, parser=False)
    if problems:
        return Stand(source=source, problems=problems, stage="checks")
    calls, problems = _read_calls(reply, source, len(instances))
    if problems:
        return Stand(source=source, problems=problems, stage="reply")
    # The earlier calls too: a reply that should only have brought new ones may have changed the function.
    instances = bench.labeled([*(one.instance for one in earlier), *instances])
    calls = [*(one.arguments or {} for one in earlier), *calls]
    findings = await check_arguments(bench.sandbox, source, instances, calls)
    findings, suspect = await _settle(bench, findings)
    wrong = [_describe(one) for one in findings if one.verdict not in {Verdict.AGREES, Verdict.UNASKED}]
    return Stand(source=source, problems=tuple(wrong), findings=tuple(findings), suspect=suspect)


async def _settle(bench: Workbench, findings: list[Finding]) -> tuple[list[Finding], Finding | None]:
    """Settle one difference among agreements (`Workbench.settle_only`)."""
    wrong = [one for one in findings if one.verdict is not Verdict.AGREES]
    if len(wrong) != 1 or wrong[0].verdict is not Verdict.DIFFERS or len(findings) == 1:
        return findings, None
    return await bench.settle_only(findings, wrong[0])


def _read_calls(reply: str, source: str, count: int) -> tuple[list[Arguments], tuple[str, ...]]:
    """The arguments objects of a reply, checked against the signature."""
    try:
        value: JSON = json_value(code_block(reply, "json") or reply)
    except NotJSONError:
        return [], ("there is no ```json block with the arguments",)
    if not isinstance(value, list) or len(value) != count or not all(isinstance(one, dict) for one in value):
        return [], (f"the ```json block must be a list of {count} arguments objects",)
    calls: list[Arguments] = []
    problems: list[str] = []
    for number, arguments in enumerate((one for one in value if isinstance(one, dict)), 1):
        try:
            calls.append(read_signature(source).validate(arguments))
        except ArgumentsError as error:
            problems.append(f"arguments {number} do not fit `solve`: {error}")
    return calls, tuple(problems)


def _propose(bench: Workbench) -> str:
    return prompts.fill(
        "latm_propose",
        count=len(bench.split.shown),
        name=bench.task.name,
        description=show_description(bench.task.description),
        frame=show_frame(bench.task),
        instances=show_instances(bench.split.shown),
        imports=bench.imports_text,
        cpu_seconds=round(Limits().cpu_seconds),
    )


def _checks(findings: Sequence[Finding]) -> tuple[Check, ...]:
    return tuple(
        Check(question=one.instance.question, arguments=one.arguments, answer=one.answer or "", parsed=False)
        for one in findings
        if one.arguments is not None
    )


def _describe(finding: Finding) -> str:
    return (
        f"{finding.detail}\nQuestion:\n{finding.instance.question}\n"
        f"Stored answer: {finding.instance.answer}\nArguments: {show_arguments(finding.arguments)}"
    )
