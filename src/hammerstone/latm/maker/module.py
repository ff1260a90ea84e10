"""The `module` recipe: one proposal holds `solve`, `parse` and `unparse`; verification needs no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hammerstone.latm import prompts
from hammerstone.latm.checks import check_source
from hammerstone.latm.maker.conversation import show_arguments, show_instances, show_problems
from hammerstone.latm.maker.verify import Finding, Verdict, check_parser, probes, wrongly_answered
from hammerstone.latm.maker.workbench import Draft, Failure, Workbench
from hammerstone.latm.replies import code_block
from hammerstone.latm.shortlist import wording
from hammerstone.latm.tool import Check
from hammerstone.sandbox.contract import Limits

__all__ = ["make_module"]

NO_PARSER = "NO PARSER"


@dataclass(frozen=True, kw_only=True)
class Report:
    """What verification found. `problems` are for the maker; no problems: the parser may serve."""

    findings: tuple[Finding, ...]
    problems: tuple[str, ...]
    suspect: Finding | None = None

    @property
    def checks(self) -> tuple[Check, ...]:
        return tuple(
            Check(question=one.instance.question, arguments=one.arguments, answer=one.answer, parsed=True)
            for one in self.findings
            if one.verdict is Verdict.AGREES and one.arguments is not None and one.answer is not None
        )

    def draft(self, source: str) -> Draft:
        """An unsettled suspect is the only thing that speaks against such a parser."""
        parses = not self.problems or self.suspect is not None
        return Draft(source=source, checks=self.checks, parses=parses, suspect=self.suspect)


async def make_module(bench: Workbench) -> Draft | Failure:
    """Propose, verify, and at most `retries` times repair, with all differences in one message."""
    numbers = bench.settings.module
    reply = await bench.conversation.ask(_propose(bench))
    best: Draft | None = None
    reason = ""
    for number in range(1, numbers.retries + 2):
        source = code_block(reply, "python")
        if source is None and NO_PARSER in reply:
            await bench.note("module", number, "reply", "", [NO_PARSER])
            return Failure(reason="the maker says that no parser can read these questions")
        problems = _unreadable(source) or check_source(source or "", imports=bench.imports, parser=True)
        stage = "checks" if source else "reply"
        if source and not problems:
            stage = "verify"
            report = await _verify(bench, source)
            problems = report.problems
            best = _better(
                best, Draft(source=source, checks=report.checks, parses=not problems, suspect=report.suspect)
            )
        await bench.note("module", number, stage if problems else "passed", source or reply, problems)
        if not problems:
            break
        reason = problems[0]
        if number <= numbers.retries:
            reply = await bench.conversation.ask(prompts.fill("module_repair", problems=show_problems(problems)))
    # Without a good parser the function may still serve the user route, if the parser gave demonstrations.
    return best if best and best.checks else Failure(reason=f"no module passed; at last: {reason}")


def _propose(bench: Workbench) -> str:
    return prompts.fill(
        "module_propose",
        count=len(bench.lot.shown),
        name=bench.task.name,
        description=bench.description,
        instances=show_instances(bench.lot.shown),
        imports=bench.imports_text,
        cpu_seconds=round(Limits().cpu_seconds),
    )


def _unreadable(source: str | None) -> tuple[str, ...]:
    return () if source else ("the reply holds no ```python block",)


def _better(best: Draft | None, draft: Draft) -> Draft:
    """The draft whose parser serves, rather without a suspect, else the one that agrees more often or came later."""
    if best is None:
        return draft
    return max(best, draft, key=lambda one: (one.parses, one.suspect is None, len(one.checks), one is draft))


async def _verify(bench: Workbench, source: str) -> Report:
    findings = await check_parser(bench.sandbox, source, bench.lot.shown + bench.lot.verified)
    taken = [one for one in findings if one.verdict in {Verdict.AGREES, Verdict.DIFFERS}]
    questions = [one.instance.question for one in taken]
    unread = probes(questions, wording(questions))
    let_through = set(await wrongly_answered(bench.sandbox, source, [*bench.foreign, *unread.values()]))
    problems = [
        *(
            f"This question is of another kind and must be refused, but is answered:\n{q}"
            for q in bench.foreign
            if q in let_through
        ),
        *(
            f"The fixed word {word!r} is not read: with {variant!r} the question is still answered. Refuse it."
            for word, variant in unread.items()
            if variant in let_through
        ),
    ]
    return await _weigh(bench, findings, problems)


async def _weigh(bench: Workbench, findings: Sequence[Finding], problems: list[str]) -> Report:
    """One difference among agreements may be the label's fault: settle it before the maker is told it was wrong."""
    differing = [one for one in findings if one.verdict is Verdict.DIFFERS]
    failed = [one for one in findings if one.verdict is Verdict.FAILED]
    suspect = None
    if len(differing) == 1 and not failed and not problems and not _too_many_refused(bench, findings):
        verdict = await bench.settle(differing[0])
        if verdict is True:
            settled = replace(differing[0], verdict=Verdict.AGREES)
            return Report(findings=tuple(settled if one is differing[0] else one for one in findings), problems=())
        suspect = differing[0] if verdict is None else None
    problems += [_describe(one) for one in (*differing, *failed)]
    if problems or _too_many_refused(bench, findings):
        problems += [_describe(one) for one in findings if one.verdict is Verdict.REFUSED]
    return Report(findings=tuple(findings), problems=tuple(problems), suspect=suspect)


def _too_many_refused(bench: Workbench, findings: Sequence[Finding]) -> bool:
    refused = sum(one.verdict is Verdict.REFUSED for one in findings)
    return refused > bench.settings.max_refused * len(findings)


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
