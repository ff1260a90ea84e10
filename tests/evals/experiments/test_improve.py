"""Tools that get better: what is streamed, what each version covers, and what is counted."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from hammerstone.errors import InputError, RecordingError
from hammerstone.evals.experiments.improve import FIRST, IMPROVED, check_families, run_improve
from hammerstone.evals.report.experiment_result import Measurement, Result
from hammerstone.evals.tasks import COMPANIES, TASKS
from hammerstone.evals.tasks.generators.word_sorting import PREFACE
from hammerstone.evals.traffic.one_task_stream import FAMILIES, one_task_stream
from hammerstone.models.model import Prompt
from hammerstone.sandbox import Sandbox
from hammerstone.settings import BuildSettings, Settings
from hammerstone.store import Store
from hammerstone.testing import FunctionModel
from hammerstone.types import Role

from ...samples.sums import block
from ..toys import PRICE, new_bench, priced

FAMILY = "word_sorting"
REQUESTS, FRESH = 40, 20
OWN = (PREFACE, "", " ")
FREE = (
    (
        "Could you put these words into alphabetical order for me? ",
        ". Answer with the words separated by single spaces.",
    ),
    (
        "For the index of a booklet I need these entries from A to Z: ",
        ". Write them on one line with one space between words and nothing else.",
    ),
    ("In which order would a dictionary list ", "? Reply with the words only, a space between each and the next."),
)
EVERY = (OWN, *((before, after, ", ") for before, after in FREE))
SORTING = """
import re

FORMS = {forms!r}

def solve(words: list[str], form: int) -> str:
    '''The words by character code, with a space between two; `form` says how it was asked.'''
    return {rule}

def parse(question: str) -> dict | None:
    for form, (before, after, between) in enumerate(FORMS):
        inner = question[len(before) : len(question) - len(after)]
        if re.fullmatch("[a-z'&]+(?:" + between + "[a-z'&]+)*", inner) and before + inner + after == question:
            return {{"words": inner.split(between), "form": form}}
    return None

def unparse(words: list[str], form: int) -> str:
    before, after, between = FORMS[form]
    return before + between.join(words) + after
"""


def tool(forms: Sequence[tuple[str, str, str]], rule: str = '" ".join(sorted(words))') -> str:
    return block(SORTING.format(forms=list(forms), rule=rule))


def learns(*versions: str) -> FunctionModel:
    """A maker that gives the first version to begin with, and the next whenever it is to improve one."""
    given = list(versions)

    def reply(prompt: Prompt) -> str:
        improves = "as it is now" in prompt.messages[0].content
        return given[1 if improves and len(given) > 1 else 0]

    return priced(reply, "maker")


async def run(store: Store, sandbox: Sandbox, maker: FunctionModel, **options: float) -> Result:
    settings = Settings(build=BuildSettings(recipe="module", max_refused=0.9))
    bench = new_bench(store, sandbox, dict.fromkeys(Role, maker), settings=settings, **options)
    return await run_improve(bench, [FAMILY], REQUESTS, fresh=FRESH)


def covered(result: Result, method: str) -> Measurement:
    return next(one for one in result.figures if one.task == FAMILY and one.method == method)


@pytest.mark.anyio
async def test_what_the_first_version_refuses_the_next_one_answers(store: Store, sandbox: Sandbox) -> None:
    result = await run(store, sandbox, learns(tool([OWN]), tool(EVERY)))
    own = sum(one.question.startswith(PREFACE) for one in one_task_stream(FAMILY, REQUESTS + FRESH, 0)[REQUESTS:])
    assert (covered(result, FIRST).right, covered(result, FIRST).n) == (own, FRESH)
    assert covered(result, IMPROVED).right == FRESH
    assert covered(result, IMPROVED).cost_usd == 3 * PRICE  # the first one, a repair that repairs nothing, the second
    hits = result.figures[-1]
    served = REQUESTS - 12 - 4  # four that the first version refused are the material of the second
    assert hits.n == hits.right == served + own + FRESH
    assert result.tables[0].rows[0][-2:] == (str(served), "0")


@pytest.mark.anyio
async def test_a_version_that_nothing_improves_stays(store: Store, sandbox: Sandbox) -> None:
    result = await run(store, sandbox, learns(tool([OWN])))
    assert covered(result, IMPROVED).right == covered(result, FIRST).right < FRESH


@pytest.mark.anyio
async def test_a_family_without_a_tool_is_covered_by_nothing(store: Store, sandbox: Sandbox) -> None:
    result = await run(store, sandbox, learns("NO PARSER"))
    assert covered(result, IMPROVED).right == 0
    assert result.figures[-1].n == 0


@pytest.mark.anyio
async def test_a_bound_on_the_cost_leaves_a_family_out(store: Store, sandbox: Sandbox) -> None:
    result = await run(store, sandbox, learns(tool([OWN]), tool(EVERY)), max_cost=PRICE / 2)
    assert "the bound" in result.partial
    assert [one.task for one in result.figures] == ["false hits"]


@pytest.mark.anyio
async def test_what_is_not_recorded_is_noted_and_is_no_bound_on_the_cost(store: Store, sandbox: Sandbox) -> None:
    def reply(prompt: Prompt) -> str:
        if "lphabetical" in prompt.messages[0].content:
            return tool([OWN])
        raise RecordingError("no recorded reply", hint="record it")

    settings = Settings(build=BuildSettings(recipe="module", max_refused=0.9))
    bench = new_bench(store, sandbox, dict.fromkeys(Role, priced(reply, "maker")), settings=settings)
    result = await run_improve(bench, [FAMILY, "dyck"], REQUESTS, fresh=FRESH)
    assert result.partial == ""
    assert "dyck is not recorded to its end." in result.notes
    assert {one.task for one in result.figures} >= {FAMILY}


def test_every_family_is_a_stream_of_chats_with_one_system_prompt_and_no_question_twice() -> None:
    for name in FAMILIES:
        drawn = one_task_stream(name, 60, 0)
        assert len({one.question for one in drawn}) == 60
        systems = {one.chat.messages[0].content for one in drawn if one.chat is not None}
        assert len(systems) == 1
        assert all(one.chat is not None and one.chat.messages[-1].content == one.question for one in drawn)
        assert drawn[:20] == one_task_stream(name, 20, 0)


def test_half_of_a_tasks_requests_are_paraphrases() -> None:
    own = sum(one.question.startswith(PREFACE) for one in one_task_stream(FAMILY, 400, 0))
    assert 160 < own < 240


def test_there_are_three_companies_beside_the_eleven_tasks() -> None:
    assert (*TASKS, *COMPANIES) == FAMILIES
    assert (len(TASKS), len(COMPANIES)) == (11, 3)


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(InputError, match="improve cannot stream 'letters'"):
        check_families(["word_sorting", "letters"])
