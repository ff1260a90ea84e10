"""The gate: what a tool must pass before it serves, whether it was built here or imported.

Its parser is judged by `intruders` (other tasks' questions and probes, none of which it may answer) and by
`parser_problem` (solved questions, none of which it may answer wrongly). In a build these are held-out instances, which
the maker never saw; they go through the routes that will really serve.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from hammerstone.builder.probe_drawing import SolvedQuestion
from hammerstone.builder.probes import unread
from hammerstone.builder.splits import respelled
from hammerstone.builder.verify import Finding, Verdict, check_parser, checks_of, contradicted, not_refused
from hammerstone.builder.workbench import Draft, Workbench
from hammerstone.errors import ModelError
from hammerstone.requests import PLAIN, Frame, agree
from hammerstone.routes import Answer, Asked, Refusal, ToolCard, ToolUserRoute
from hammerstone.sandbox import Sandbox
from hammerstone.store import AccountedModel, Store, StoredInstance
from hammerstone.tools import Check, call_solve, forms, wording
from hammerstone.types import Route

__all__ = ["NO_WORDING", "GateResult", "foreign_questions", "intruders", "parser_problem", "pass_gate"]

NO_WORDING = "its questions share no wording by which they could be told from others"
FOREIGN_PER_TASK = 3
FOREIGN_IN_ALL = 120

_Ask: TypeAlias = "Callable[[str], Awaitable[Answer | Refusal]]"
_WRONG = frozenset({Verdict.DIFFERS, Verdict.FAILED})


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """The routes that pass the gate, the checks that agreed, and why a route did not pass."""

    routes: tuple[Route, ...]
    checks: tuple[Check, ...]
    reasons: tuple[str, ...]
    suspect: Finding | None = None


async def pass_gate(bench: Workbench, draft: Draft, user: AccountedModel | None, *, asked: int) -> GateResult:
    """Examine the parser, then the user. The parser gets all held-out questions, the user model `asked` of them, and
    all that the tool got wrong with its parser's arguments.
    """
    routes: list[Route] = []
    reasons: list[str] = []
    findings = await _held_out(bench, draft) if draft.parses else []
    findings, suspect = await _settle(bench, draft, findings)
    problem = _parser_problem(bench, draft, findings, suspect)
    if problem:
        reasons.append(f"parser route: {problem}")
    else:
        routes.append(Route.PARSER)
    card = _card(bench, draft, checks_of(findings), unparses=Route.PARSER in routes)
    wrong = [*draft.wrong, *(one for one in findings if one is not suspect and one.verdict in _WRONG)]
    problem = await _user_problem(bench, card, user, _labels(bench, suspect)[:asked], wrong)
    if problem:
        reasons.append(f"user route: {problem}")
    else:
        routes.append(Route.USER)
    return GateResult(routes=tuple(routes), checks=checks_of(findings), reasons=tuple(reasons), suspect=suspect)


async def _held_out(bench: Workbench, draft: Draft) -> list[Finding]:
    """Findings of the parser on the held-out instances, and its mistakes on their further spellings."""
    findings = await check_parser(bench.sandbox, draft.source, bench.split.held_out)
    spelled = respelled(bench.every, bench.split.held_out)
    return [*findings, *await contradicted(bench.sandbox, draft.source, spelled)]


async def _settle(bench: Workbench, draft: Draft, findings: list[Finding]) -> tuple[list[Finding], Finding | None]:
    """Settle a single difference. If nobody can, it is a suspect, unless the draft has one: two are too many."""
    differing = [one for one in findings if one.verdict is Verdict.DIFFERS]
    if len(differing) != 1:
        return findings, None
    findings, suspect = await bench.settle_only(findings, differing[0])
    return findings, suspect if draft.suspect is None else None


def _parser_problem(bench: Workbench, draft: Draft, findings: Sequence[Finding], suspect: Finding | None) -> str:
    """Why the parser may not serve, or the empty string. Refusals count together with those in verification."""
    if not draft.parses:
        return "no parser passed verification"
    if not findings:
        return "there are no held-out instances"
    questions = [one.question for one in (*draft.checks, *checks_of(findings)) if one.parsed]
    if bench.task.frame == PLAIN and not wording(questions) and not forms(questions):
        return NO_WORDING
    earlier = len(bench.split.shown) + len(bench.split.verified)
    refused = earlier - len(draft.checks) - (draft.suspect is not None)
    findings = [one for one in findings if one is not suspect]
    if bench.present is not None:  # which answers all of the held-out instances
        return parser_problem(findings, "held-out", most=0.0)
    return parser_problem(findings, "held-out", earlier=earlier, refused=refused, most=bench.settings.max_refused)


def parser_problem(findings: Sequence[Finding], which: str, *, earlier: int = 0, refused: int = 0, most: float) -> str:
    """Why the parser may not serve, or the empty string: it gave a wrong answer, or refused too many instances.

    `which` names the instances of `findings`; of `earlier` ones, the parser `refused` some.
    """
    wrong = [one for one in findings if one.verdict in _WRONG]
    if wrong:
        return f"{len(wrong)} of {len(findings)} {which} instances: {wrong[0].detail}"
    now = [one for one in findings if one.verdict is Verdict.REFUSED]
    if now and len(now) == len(findings):
        return f"the parser refused all {len(findings)} {which} instances: {now[0].detail}"
    if refused + len(now) > most * (earlier + len(findings)):
        return f"the parser refused {refused + len(now)} of {earlier + len(findings)} instances"
    return ""


async def intruders(
    sandbox: Sandbox, source: str, solved: Sequence[SolvedQuestion], foreign: Sequence[str]
) -> tuple[str, ...]:
    """Questions that the parser answers and must not, as complaints for the maker.

    `foreign` are questions of other tasks.
    """
    return (*(await not_refused(sandbox, source, foreign)), *(await unread(sandbox, source, solved)))


def foreign_questions(store: Store, name: str, frame: Frame) -> tuple[str, ...]:
    """The latest questions of this frame's other tasks than `name`, except those that are stored as its own, too."""
    others = [other.name for other in store.tasks() if other.name != name and other.frame == frame]
    questions = [one.question for other in others for one in store.instances(other)[-FOREIGN_PER_TASK:]]
    own = {one.question for one in store.instances(name)}
    return tuple(question for question in questions[-FOREIGN_IN_ALL:] if question not in own)


def _labels(bench: Workbench, suspect: Finding | None) -> list[StoredInstance]:
    """The held-out instances as labeled now; where the label is open, the user must agree with the parser."""
    open_answer = {suspect.instance.id: suspect.answer} if suspect else {}
    return [replace(one, answer=open_answer.get(one.id) or one.answer) for one in bench.labeled(bench.split.held_out)]


def _card(bench: Workbench, draft: Draft, held_out: Sequence[Check], *, unparses: bool) -> ToolCard:
    """The card that the user model will get once the tool serves."""
    questions = [one.question for one in (*draft.checks, *held_out) if one.parsed]
    common = wording(questions)
    return ToolCard(
        source=draft.source,
        description=bench.task.description,
        demonstrations=draft.demonstrations(bench.settings.demonstrations),
        unparses=unparses,
        wordings=(common,) if common else forms(questions),
    )


async def _user_problem(
    bench: Workbench,
    card: ToolCard,
    user: AccountedModel | None,
    held_out: Sequence[StoredInstance],
    wrong: Sequence[Finding],
) -> str:
    """Why the user model may not call the tool, or the empty string."""
    if user is None:
        return "there is no user model"
    route = ToolUserRoute(bench.sandbox, user, card)
    answers: list[Answer] = []

    async def ask(question: str) -> Answer | Refusal:
        result = await route.attempt(Asked.of(question, bench.conversation.bill))
        answers.extend([result] if isinstance(result, Answer) else [])
        return result

    try:
        return (
            await _held_out_problem(ask, held_out)
            or await _known_problem(bench, ask, wrong)
            or await _hash_problem(bench.sandbox, card, answers)
        )
    except ModelError as error:
        return error.message  # the parser may serve all the same


async def _held_out_problem(ask: _Ask, instances: Sequence[StoredInstance]) -> str:
    answered = 0
    refusal = ""
    for one in instances:
        result = await ask(one.question)
        if isinstance(result, Refusal):
            refusal = "; ".join(result.reasons)
        elif not agree(result.text, one.answer):
            return f"a held-out instance was answered {result.text!r}, the stored answer is {one.answer!r}"
        else:
            answered += 1
    return "" if answered * 2 >= len(instances) and answered else f"most held-out instances were refused: {refusal}"


async def _known_problem(bench: Workbench, ask: _Ask, wrong: Sequence[Finding]) -> str:
    """What the tool got wrong with its parser's arguments and does not get right with the user model's.

    Only a right answer shows that `parse` was at fault, and not `solve`. Where `solve` gave none, none need be given.
    """
    labeled = bench.labeled([one.instance for one in wrong])
    for finding, instance in zip(wrong, labeled, strict=True):
        if finding.answer is not None and agree(finding.answer, instance.answer):
            continue  # the label was corrected since
        result = await ask(instance.question)
        if isinstance(result, Answer) and not agree(result.text, instance.answer):
            return f"a known instance was answered {result.text!r}, the stored answer is {instance.answer!r}"
        if isinstance(result, Refusal) and finding.verdict is Verdict.DIFFERS:
            return f"nothing shows that `solve` is right on a known instance: {finding.detail}"
    return ""


async def _hash_problem(sandbox: Sandbox, card: ToolCard, answers: Sequence[Answer]) -> str:
    """Where `solve` gives another answer from the same arguments under another hash seed."""
    for one in answers:
        again = await call_solve(sandbox, card.source, one.parsed.arguments or {}, hash_seed=1)
        if again.text != one.text:
            other = again.failure if again.text is None else repr(again.text)
            return f"solve gives {one.text!r}, and when string hashes differ {other}"
    return ""
