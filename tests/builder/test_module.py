"""The module recipe: propose, verify without a model, repair."""

from __future__ import annotations

import json
import re

import pytest

from hammerstone.models.model import Prompt
from hammerstone.prompts import quoted
from hammerstone.sandbox import Sandbox
from hammerstone.store import Store
from hammerstone.store.records import BuildState
from hammerstone.testing import FunctionModel, ScriptedModel
from hammerstone.types import Instance, Route, Source

from ..samples.sums import PAIRS, SUM, ask, asked, block, instances
from ..samples.sums import user as a_user
from .bench import (
    attempts,
    each_time_another,
    fill,
    make,
    misreading,
    number_of,
    relabeled,
    said,
    saying,
    split_of,
    stages,
)

pytestmark = pytest.mark.anyio

WRONG = SUM.replace("left + right", "left - right")
BY_SETS = SUM.replace("return str(left + right)", 'return " ".join({"a", "b", "c", "d", "e", "f", "g"})')
PARSED_BY_SETS = """
def solve(words: list[str]) -> str:
    return str(sum(map(int, words)))

def parse(question: str) -> dict | None:
    return {"words": list(set(question.removeprefix("What is the sum of ").rstrip("?").split(" and ")))}

def unparse(words: list[str]) -> str:
    return "What is the sum of " + " and ".join(sorted(words, key=lambda word: ORDER.index(word))) + "?"

ORDER = [__ORDER__]
""".replace("__ORDER__", ", ".join(repr(str(number)) for pair in PAIRS for number in pair))
ANY_WORD = r"""
import re

def solve(left: int, right: int, of: str) -> str:
    return str(left + right)

def parse(question: str) -> dict | None:
    match = re.fullmatch(r"What is the (\w+) of (\d+) and (\d+)\?", question)
    return {"of": match[1], "left": int(match[2]), "right": int(match[3])} if match else None

def unparse(left: int, right: int, of: str) -> str:
    return f"What is the {of} of {left} and {right}?"
"""


def refusing(*numbers: int) -> str:
    """The right module, but its parser refuses these questions."""
    lefts = [PAIRS[number][0] for number in numbers]
    return SUM.replace("if match else None", f"if match and int(match[1]) not in {lefts} else None")


async def test_a_module_that_is_right_at_once_goes_live(store: Store, sandbox: Sandbox) -> None:
    fill(store, instances(5))
    maker = ScriptedModel([f"Here it is.\n{block(SUM)}\nGood luck."])
    build = await make(store, sandbox, maker, user=a_user())
    assert (build.state, build.reason) == (BuildState.LIVE, "")
    assert build.tool is not None
    assert build.tool.routes == (Route.PARSER, Route.USER)
    assert [(one.stage, one.problems, one.source) for one in attempts(store)] == [("passed", (), SUM + "\n")]


async def test_the_maker_is_shown_the_varied_instances_and_no_other(store: Store, sandbox: Sandbox) -> None:
    fill(store, instances(5))
    maker = ScriptedModel([block(SUM)])
    await make(store, sandbox, maker)
    split = split_of(store)
    prompt = said(maker.prompts[0])
    assert all(f"{quoted(one.question)}\nAnswer" in prompt for one in split.shown)
    assert not any(one.question in prompt for one in split.verified + split.held_out)
    assert maker.prompts[0].temperature == 0.3


@pytest.mark.parametrize(
    ("first", "problem", "stage"),
    [
        (block(WRONG), "Wrong answer: solve returned '-1', the stored answer is '7'", "verify"),
        (block(f"import os\n{SUM}"), "`os` may not be imported", "checks"),
        (block(SUM.split("def parse")[0]), "`parse` and `unparse` are missing", "checks"),
        ("I would rather talk about it first.", "the reply holds no ```python block", "reply"),
        (block(SUM.replace("left + right", "left / 0")), "Failure: solve failed: ZeroDivisionError", "verify"),
        (block(BY_SETS), "when string hashes differ", "verify"),
        (block(PARSED_BY_SETS), "parse gives other arguments when string hashes differ", "verify"),
        (block(refusing(0, 1, 2, 3, 4)), "Not taken by the parser: parse returned None", "verify"),
        (block(SUM.replace("the sum of {left}", "the sum of 0{left}")), "Not taken by the parser: unparse", "verify"),
    ],
)
async def test_what_is_wrong_goes_back_to_the_maker_and_is_repaired(
    store: Store, sandbox: Sandbox, first: str, problem: str, stage: str
) -> None:
    if "hashes" in problem and sandbox.name == "monty":
        pytest.skip("monty has one hash seed")
    fill(store, instances(5))
    maker = ScriptedModel([first, block(SUM)])
    build = await make(store, sandbox, maker)
    assert build.state is BuildState.LIVE
    assert problem in said(maker.prompts[1])
    assert [message.role for message in maker.prompts[1].messages] == ["user", "assistant", "user"]
    assert stages(store) == [("module", 1, stage), ("module", 2, "passed")]
    assert problem in "\n".join(attempts(store)[0].problems)


async def test_all_differences_go_back_in_one_message(store: Store, sandbox: Sandbox) -> None:
    fill(store, instances(5))
    maker = ScriptedModel([block(WRONG), block(SUM)])
    await make(store, sandbox, maker)
    seen = split_of(store).shown + split_of(store).verified
    assert all(one.question in said(maker.prompts[1]) for one in seen)
    assert split_of(store).held_out[0].question not in said(maker.prompts[1])


async def test_after_the_last_repair_the_build_fails_with_its_reason_and_every_attempt_kept(
    store: Store, sandbox: Sandbox
) -> None:
    fill(store, instances(5))
    replies = ["Nothing yet.", "Nothing still.", block(f"import os\n{SUM}")]
    maker = ScriptedModel(replies)
    build = await make(store, sandbox, maker)
    assert maker.unused == 0, "one proposal and two repairs, as set"
    assert build.state is BuildState.FAILED
    assert build.reason.startswith("module: no module passed; at last: line 1: `os` may not be imported")
    assert [one.source for one in attempts(store)] == ["Nothing yet.", "Nothing still.", f"import os\n{SUM}\n"]
    assert store.tools() == ()


async def test_a_maker_that_sees_no_parser_is_not_asked_again(store: Store, sandbox: Sandbox) -> None:
    fill(store, instances(5))
    build = await make(store, sandbox, ScriptedModel(["NO PARSER"]))
    assert build.state is BuildState.FAILED
    assert build.reason == "module: the maker says that no parser can read these questions"
    assert stages(store) == [("module", 1, "reply")]


async def test_a_module_whose_parser_never_passes_may_serve_the_user_route(store: Store, sandbox: Sandbox) -> None:
    fill(store, instances(5))
    shown = [number_of(one) for one in split_of(store).shown]
    maker = ScriptedModel([block(refusing(*shown[1:]))] * 3)
    build = await make(store, sandbox, maker, user=a_user())
    assert build.state is BuildState.LIVE
    assert build.tool is not None
    assert build.tool.routes == (Route.USER,)
    assert build.reason == "parser route: no parser passed verification"


@pytest.mark.parametrize("understood", [True, False], ids=["a user that answers them", "a user that refuses them"])
async def test_a_function_that_is_wrong_on_what_it_was_shown_does_not_serve_by_the_user_route(
    store: Store, sandbox: Sandbox, understood: bool
) -> None:
    given = relabeled(0, "7777", relabeled(2, "7777", instances(5, source=Source.CALLER)))
    fill(store, given)
    assert {0, 2} <= {number_of(one) for one in (*split_of(store).shown, *split_of(store).verified)}

    def write(prompt: Prompt) -> str:
        if not understood and asked(prompt) in {ask(0), ask(2)}:
            return "null"
        left, right = map(int, re.findall(r"\d+", asked(prompt)))
        return json.dumps({"left": left, "right": right})

    build = await make(store, sandbox, ScriptedModel([block(SUM)] * 3), user=FunctionModel(write))
    assert build.state is BuildState.FAILED
    assert "'7777'" in build.reason
    assert store.live_tools() == ()


async def test_a_parser_that_misreads_what_it_was_shown_leaves_the_user_route(store: Store, sandbox: Sandbox) -> None:
    fill(store, instances(5))
    seen = [*split_of(store).shown, *split_of(store).verified]
    user = a_user()
    maker = ScriptedModel([block(misreading(number_of(seen[0])))] * 3)
    build = await make(store, sandbox, maker, user=user, solver=saying(seen[0].answer))
    assert build.state is BuildState.LIVE
    assert build.tool is not None
    assert build.tool.routes == (Route.USER,)
    assert seen[0].question in {asked(prompt) for prompt in user.prompts}


async def test_a_few_refusals_do_not_keep_a_parser_out_but_are_shown_to_the_maker_once(
    store: Store, sandbox: Sandbox
) -> None:
    fill(store, instances(5))
    number = number_of(split_of(store).shown[1])
    maker = ScriptedModel([block(refusing(number))] * 2)
    build = await make(store, sandbox, maker)
    assert maker.unused == 0
    assert (build.state, stages(store)) == (BuildState.LIVE, [("module", 1, "passed"), ("module", 2, "passed")])
    assert build.tool is not None
    assert ask(number) not in [one.question for one in build.tool.checks]


# what a parser must not take


async def test_a_parser_that_takes_another_tasks_question_is_reported_to_refuse_it(
    store: Store, sandbox: Sandbox
) -> None:
    fill(store, instances(2, "product"), "product")
    fill(store, instances(5))
    maker = ScriptedModel([block(ANY_WORD), block(SUM)])
    build = await make(store, sandbox, maker)
    assert build.state is BuildState.LIVE
    assert stages(store) == [("module", 1, "verify"), ("module", 2, "passed")]
    told = said(maker.prompts[1])
    assert f"Of another kind, and must be refused, but is answered:\n{ask(0, 'product')}" in told
    assert f"Of another kind, and must be refused, but is answered:\n{ask(1, 'product')}" in told


STORY = (
    "A farmer has {} sheep in the meadow and buys {} more at the market in the next village. "
    "It rains a little, and on the way home none of them is lost or stolen. How many has she now?"
)
READ_WHOLE = r"""
import re

def solve(has: int, buys: int) -> str:
    return str(has + buys)

def parse(question: str) -> dict | None:
    has = r"A farmer has (\d+) sheep in the meadow and buys (\d+) more at the market in the next village. "
    way = "It rains a little, and on the way home none of them is lost or stolen. "
    match = re.fullmatch(has + way + r"How many has she now\?", question)
    return {"has": int(match[1]), "buys": int(match[2])} if match else None

def unparse(has: int, buys: int) -> str:
    return (f"A farmer has {has} sheep in the meadow and buys {buys} more at the market in the next village."
            " It rains a little, and on the way home none of them is lost or stolen. How many has she now?")
"""
CARRIES_THE_REST = r"""
import re

def solve(has: int, buys: int, rest: str) -> str:
    return str(has + buys)

def parse(question: str) -> dict | None:
    match = re.fullmatch(r"A farmer has (\d+) sheep in the meadow and buys (\d+) more at the market(.*)", question)
    return {"has": int(match[1]), "buys": int(match[2]), "rest": match[3]} if match else None

def unparse(has: int, buys: int, rest: str) -> str:
    return f"A farmer has {has} sheep in the meadow and buys {buys} more at the market{rest}"
"""


async def test_a_parser_that_carries_unread_text_through_its_arguments_is_caught(
    store: Store, sandbox: Sandbox
) -> None:
    stories = [
        Instance(question=STORY.format(left, right), answer=str(left + right), source=Source.SOLVER)
        for left, right in PAIRS[:5]
    ]
    fill(store, stories)
    maker = ScriptedModel([block(CARRIES_THE_REST), block(READ_WHOLE)])
    build = await make(store, sandbox, maker)
    assert build.state is BuildState.LIVE
    assert stages(store) == [("module", 1, "verify"), ("module", 2, "passed")]
    told = said(maker.prompts[1])
    assert "The fixed word 'village' is not read: with " in told
    assert "'sheep' is not read" not in told, "that word it does read"


# labels that may be wrong


async def test_a_solvers_wrong_label_is_corrected_by_the_majority(store: Store, sandbox: Sandbox) -> None:
    fill(store, relabeled(0, "999"))
    solver = saying("7")
    maker = ScriptedModel([block(SUM)])
    build = await make(store, sandbox, maker, solver=solver)
    assert build.state is BuildState.LIVE
    first = store.instances("sum")[0]
    assert (first.answer, first.former_answer, first.source) == ("7", "999", Source.SOLVER)
    assert [prompt.sample for prompt in solver.prompts] == [1, 2]


async def test_a_second_opinion_does_not_overrule_a_person_who_has_answered_meanwhile(
    store: Store, sandbox: Sandbox
) -> None:
    fill(store, relabeled(0, "999"))

    def say(_: Prompt) -> str:
        label = Instance(question=ask(0), answer="1000", source=Source.LABELER)
        store.add_instance("sum", label, request_id="later")
        return "Answer: 7"

    build = await make(store, sandbox, ScriptedModel([block(SUM)] * 3), solver=FunctionModel(say))
    assert build.state is BuildState.FAILED
    first = store.instances("sum")[0]
    assert (first.answer, first.former_answer, first.source) == ("1000", "999", Source.LABELER)


async def test_where_the_majority_is_for_the_label_the_maker_must_repair(store: Store, sandbox: Sandbox) -> None:
    fill(store, relabeled(0, "999"))
    special = SUM.replace("str(left + right)", '"999" if left == 3 else str(left + right)')
    maker = ScriptedModel([block(SUM), block(special)])
    build = await make(store, sandbox, maker, solver=saying("999"))
    assert build.state is BuildState.LIVE
    assert "Wrong answer: solve returned '7', the stored answer is '999'" in said(maker.prompts[1])
    assert store.instances("sum")[0].former_answer is None


@pytest.mark.parametrize("who", ["nobody", "no majority", "a labeler"])
async def test_a_difference_that_nobody_can_settle_keeps_the_tool_back(
    store: Store, sandbox: Sandbox, who: str
) -> None:
    source = Source.LABELER if who == "a labeler" else Source.SOLVER
    fill(store, relabeled(0, "999", instances(5, source=source)))
    solver = {"nobody": None, "no majority": each_time_another(), "a labeler": saying("7")}[who]
    maker = ScriptedModel([block(SUM)] * 2)
    build = await make(store, sandbox, maker, solver=solver, user=a_user())
    assert build.state is BuildState.NEEDS_REVIEW
    assert build.disagreement is not None
    assert (build.disagreement.question, build.disagreement.stored, build.disagreement.tool) == (ask(0), "999", "7")
    assert build.tool is not None
    assert build.tool.routes == (Route.PARSER, Route.USER)
    assert store.live_tools() == ()
    assert store.instances("sum")[0].answer == "999"
    if solver is not None:
        assert len(solver.prompts) == (2 if who == "no majority" else 0)


async def test_two_differences_are_the_makers_fault_and_no_second_opinion_is_asked_for(
    store: Store, sandbox: Sandbox
) -> None:
    fill(store, relabeled(0, "999", relabeled(2, "999")))
    solver = saying("7")
    build = await make(store, sandbox, ScriptedModel([block(SUM)] * 3), solver=solver)
    assert build.state is BuildState.FAILED
    assert solver.prompts == []


async def test_a_label_that_was_corrected_is_the_one_that_later_repairs_are_held_to(
    store: Store, sandbox: Sandbox
) -> None:
    fill(store, relabeled(0, "999"))
    refused = number_of(next(one for one in split_of(store).shown if number_of(one) != 0))
    fits_the_wrong_label = SUM.replace("str(left + right)", '"999" if left == 3 else str(left + right)')
    maker = ScriptedModel([block(refusing(refused)), block(fits_the_wrong_label)])
    build = await make(store, sandbox, maker, solver=saying("7"))
    assert build.state is BuildState.LIVE
    assert build.tool is not None
    assert build.tool.source == refusing(refused) + "\n"
    assert stages(store)[1] == ("module", 2, "verify")
