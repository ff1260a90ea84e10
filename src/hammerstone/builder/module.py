"""The `module` recipe: one proposal holds `solve`, `parse` and `unparse`; verification needs no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hammerstone import prompts
from hammerstone.builder.conversation import show_arguments, show_description, show_frame, show_instances, show_problems
from hammerstone.builder.gate import intruders
from hammerstone.builder.probe_drawing import SolvedQuestion
from hammerstone.builder.splits import respelled
from hammerstone.builder.verify import Finding, Verdict, check_parser, checks_of, contradicted
from hammerstone.builder.workbench import Draft, Failure, Workbench
from hammerstone.models import code_block
from hammerstone.prompts import quoted
from hammerstone.sandbox import Limits
from hammerstone.store import Stage
from hammerstone.tools import check_source

__all__ = ["make_module"]

NO_PARSER = "NO PARSER"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One reply of the maker and its result. Its `problems` go back to the maker.

    A draft can come with problems: a parser that refuses a few instances may serve, but should be given the chance
    to take them.
    """

    source: str
    stage: Stage
    problems: tuple[str, ...] = ()
    draft: Draft | None = None


async def make_module(bench: Workbench) -> Draft | Failure:
    """Propose, verify, and at most `retries` times repair, with all differences in one message."""
    retries = bench.settings.module.retries
    message = _propose(bench)
    best: Draft | None = None
    reason = ""
    for number in range(1, retries + 2):
        reply = await bench.conversation.ask(message)
        if NO_PARSER in reply and code_block(reply, "python") is None:
            await bench.note("module", number, "reply", "", [NO_PARSER])
            return Failure(reason="the maker says that no parser can read these questions")
        trial = await _try(bench, reply)
        await bench.note("module", number, trial.stage, trial.source, trial.problems)
        former, best = best, _better(best, trial.draft)
        if not trial.problems or (former is not None and former.parses and best is former):
            break  # nothing left to repair, or a repair of what could serve that made it no better
        reason = trial.problems[0]
        message = prompts.fill("module_repair", problems=show_problems(trial.problems))
    # Without a good parser the function may still serve the user route, if the parser gave demonstrations.
    return best if best and best.checks else Failure(reason=f"no module passed; at last: {reason}")


async def _try(bench: Workbench, reply: str) -> Trial:
    source = code_block(reply, "python")
    if source is None:
        return Trial(source=reply, stage="reply", problems=("the reply holds no ```python block",))
    problems = check_source(source, imports=bench.settings.imports, parser=True)
    if problems:
        return Trial(source=source, stage="checks", problems=problems)
    draft, problems = await _verify(bench, source)
    return Trial(source=source, stage="passed" if draft.parses else "verify", problems=problems, draft=draft)


def _better(best: Draft | None, draft: Draft | None) -> Draft | None:
    """The better draft: one whose parser serves, then one without a suspect, then the one that agrees more often."""
    if best is None or draft is None:
        return best or draft
    return max(best, draft, key=lambda one: (one.parses, one.suspect is None, len(one.checks)))


def _propose(bench: Workbench) -> str:
    """The prompt for a first tool; or, if there is one, for a version that answers what it refused."""
    present = {"source": quoted(bench.present.source)} if bench.present is not None else {}
    return prompts.fill(
        "module_improve" if bench.present is not None else "module_propose",
        count=len(bench.split.shown),
        name=bench.task.name,
        description=show_description(bench.task.description),
        frame=show_frame(bench.task),
        instances=show_instances(bench.split.shown),
        rules=prompts.fill("module_rules", imports=bench.imports_text, cpu_seconds=round(Limits().cpu_seconds)),
        **present,
    )


async def _verify(bench: Workbench, source: str) -> tuple[Draft, tuple[str, ...]]:
    """Check the module on solved instances, on other tasks' questions and on probes.

    Further spellings of the same questions count only where it is wrong: the rest says nothing new.
    """
    shown = bench.labeled(bench.split.shown)
    instances = shown + bench.labeled(bench.split.verified)
    findings = await check_parser(bench.sandbox, source, instances)
    spelled = bench.labeled(respelled(bench.every, instances))
    further = await contradicted(bench.sandbox, source, spelled)
    taken = [
        SolvedQuestion(one.instance.question, one.answer)
        for one in findings
        if one.verdict in {Verdict.AGREES, Verdict.DIFFERS} and one.answer is not None
    ]
    let_in = await intruders(bench.sandbox, source, taken, bench.foreign)
    every, suspect = await _settle(bench, [*findings, *further], let_in)
    wrong = [one for one in every if one.verdict in {Verdict.DIFFERS, Verdict.FAILED}]
    findings = every[: len(instances)]
    refused = [one for one in findings if one.verdict is Verdict.REFUSED]
    few_refused = len(refused) <= bench.settings.max_refused * len(findings)
    lost = [one for one in refused if one.instance.question in bench.split.kept]
    gained = None if bench.present is None else len(bench.split.shown) - sum(one.instance in shown for one in refused)
    draft = Draft(
        source=source,
        checks=checks_of(findings),
        parses=(few_refused if gained is None else gained > 0 and not lost)
        and not let_in
        and all(one is suspect for one in wrong),
        suspect=suspect,
        wrong=tuple(one for one in wrong if one is not suspect),
        gained=gained,
    )
    others = [one for one in refused if one not in lost]
    return draft, (*let_in, *map(_describe, wrong), *map(_describe_lost, lost), *map(_describe, others))


async def _settle(
    bench: Workbench, findings: list[Finding], let_in: Sequence[str]
) -> tuple[list[Finding], Finding | None]:
    """Settle one difference among agreements before the maker is asked to repair it (`Workbench.settle_only`)."""
    wrong = [one for one in findings if one.verdict in {Verdict.DIFFERS, Verdict.FAILED}]
    agreed = any(one.verdict is Verdict.AGREES for one in findings)
    if let_in or not agreed or len(wrong) != 1 or wrong[0].verdict is Verdict.FAILED:
        return findings, None
    return await bench.settle_only(findings, wrong[0])


def _describe_lost(finding: Finding) -> str:
    return f"The module answered this before and does not any more. {_describe(finding)}"


def _describe(finding: Finding) -> str:
    what = {
        Verdict.DIFFERS: "Wrong answer",
        Verdict.FAILED: "Failure",
        Verdict.REFUSED: "Not taken by the parser",
        Verdict.AGREES: "",
    }[finding.verdict]
    return (
        f"{what}: {finding.detail}\nQuestion:\n{finding.instance.question}\n"
        f"Stored answer: {finding.instance.answer}\nArguments from parse: {show_arguments(finding.arguments)}"
    )
