"""One call for tool and arguments, against two, and against none for naming: what is counted, and as what."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from hammerstone.errors import RecordingError
from hammerstone.evals.experiments.one_call import LOOK_ALIKES, METHODS, PART, REWORDED, run_one_call
from hammerstone.evals.harness.bench_run import ExtraModel
from hammerstone.evals.harness.samples import Samples, generated_samples
from hammerstone.evals.report.experiment_result import Measurement, Result
from hammerstone.evals.tasks import near_misses
from hammerstone.models.model import Prompt
from hammerstone.sandbox import Sandbox
from hammerstone.store import Store
from hammerstone.testing import FunctionModel

from ..toys import PRICE, Fake, maker, new_bench, paid, priced, roles

pytestmark = pytest.mark.anyio

DISPATCHED, ONE_CALL, NEAREST = METHODS
SORTING = '''
def solve(words: list[str]) -> str:
    """The words in alphabetical order, with single spaces."""
    return " ".join(sorted(words))
'''
DYCK = '''
def solve(brackets: list[str]) -> str:
    """The closing brackets that are missing, with single spaces."""
    stack = []
    for one in brackets:
        if one in "([{<":
            stack.append(")]}>"["([{<".index(one)])
        else:
            stack.pop()
    return " ".join(reversed(stack))
'''
PARSERS = r"""
import re

def parse(question: str) -> dict | None:
    match = re.fullmatch(r"{form}(\S+(?: \S+)*)", question)
    return {{"{name}": match[1].split(" ")}} if match else None

def unparse({name}: list[str]) -> str:
    return "{form}" + " ".join({name})
"""
TOOLS = {
    "word_sorting": SORTING + PARSERS.format(name="words", form="Sort the following words alphabetically: List: "),
    "dyck": DYCK
    + PARSERS.format(
        name="brackets",
        form="Complete the rest of the sequence, making sure that the parentheses are closed properly. Input: ",
    ),
}
TASKS = [generated_samples(name, 4, 0) for name in TOOLS]
ALIKE = frozenset(one.question for name in TOOLS for one in near_misses(name, 9, 0))


def understood(question: str) -> tuple[str, dict[str, list[str]]]:
    """The task of a question, in whatever words, and what stands in it."""
    brackets = re.findall(r"[][(){}<>]", question)
    if brackets:
        return "dyck", {"brackets": brackets}
    if "List: " in question:
        return "word_sorting", {"words": question.split("List: ")[1].split(" ")}
    longest = max(re.findall(r"[a-z'&]+(?:, [a-z'&]+)+", question), key=len)
    return "word_sorting", {"words": longest.removeprefix("list ").split(", ")}


def question_of(prompt: Prompt) -> str:
    """The last of what the prompt quotes, but for a first try; a question may have several lines."""
    asked = prompt.messages[-1].content.partition("Others got this question wrong")[0]
    return re.findall(r"^<data-(\w+)>\n(.*?)\n</data-\1>$", asked, re.DOTALL | re.MULTILINE)[-1][1]


def careful(prompt: Prompt, *, careless: bool = False) -> str:
    """The reply of a model that knows every task; a careless one sees no difference in a look-alike."""
    text, question = prompt.messages[-1].content, question_of(prompt)
    task, arguments = understood(question)
    if question in ALIKE and not careless:
        return json.dumps({"new": "another", "description": "Another."}) if "Kinds seen" in text else "null"
    if "Kinds seen" in text:
        return json.dumps({"kind": task})
    return json.dumps({"function": task, "arguments": arguments} if "The functions:" in text else arguments)


def careless(prompt: Prompt) -> str:
    return careful(prompt, careless=True)


def beside(*models: Fake) -> tuple[ExtraModel, ...]:
    return tuple(ExtraModel(model=one, parts=frozenset({PART})) for one in models)


async def run(
    store: Store,
    sandbox: Sandbox,
    reply: Callable[[Prompt], str] = careful,
    *,
    tasks: Sequence[Samples] = TASKS,
    alike: int = 2,
    **options,
) -> Result:
    """The same model as the user of the gate and in the experiment; its dispatcher is a role of its own."""
    models = roles(maker=maker(TOOLS), user=priced(reply, "user"), dispatcher=priced(reply, "dispatcher"))
    return await run_one_call(new_bench(store, sandbox, models, **options), tasks, reworded=3, alike=alike)


def figures(result: Result, model: str = "user") -> dict[tuple[str, str], Measurement]:
    return {(one.task, one.method): one for one in result.figures if one.model == model}


async def test_a_careful_model_answers_what_is_reworded_and_refuses_look_alikes_by_every_method(
    store: Store, sandbox: Sandbox
) -> None:
    result = await run(store, sandbox)
    assert (result.experiment, result.partial) == ("one-call", "")
    found = figures(result)
    assert list(found) == [(what, method) for what in (REWORDED, LOOK_ALIKES) for method in METHODS]
    assert {(one.right, one.n) for (what, _), one in found.items() if what == REWORDED} == {(6, 6)}
    assert {(one.right, one.n) for (what, _), one in found.items() if what == LOOK_ALIKES} == {(4, 4)}
    assert found[LOOK_ALIKES, DISPATCHED].lacking == {"taken for questions of another task": 4}
    assert found[LOOK_ALIKES, ONE_CALL].lacking == found[LOOK_ALIKES, NEAREST].lacking == {"refused by the model": 4}
    assert "Parsers, which the loop asks before any of these methods, take 0 of the 10 questions." in result.notes


async def test_without_a_tool_that_a_model_could_use_nothing_is_measured(store: Store, sandbox: Sandbox) -> None:
    models = roles(maker=priced(lambda _: "no code", "maker"), user=priced(careful, "user"))
    result = await run_one_call(new_bench(store, sandbox, models), TASKS[:1], reworded=3, alike=2)
    assert (result.figures, result.partial, result.tables[0].rows) == ((), "", ())


async def test_a_look_alike_that_is_answered_is_a_false_hit(store: Store, sandbox: Sandbox) -> None:
    """The tools' own `unparse` notices the others, in whichever way their arguments were written."""
    found = figures(await run(store, sandbox, careless, alike=5))
    for method in METHODS:
        one = found[LOOK_ALIKES, method]
        assert (one.right, one.n, one.wrong) == (7, 10, None)
        assert one.lacking == {"whose arguments do not account for the question": 6, "on which the program failed": 1}


async def test_wrong_answers_to_reworded_questions_are_told(store: Store, sandbox: Sandbox) -> None:
    def sloppy(prompt: Prompt) -> str:
        """Overlooks the last of the words in another form than the tool's own, which nothing notices."""
        reply = careful(prompt)
        return reply if "List: " in question_of(prompt) else re.sub(r', "[^"]*"\](?=}+$)', "]", reply)

    found = figures(await run(store, sandbox, sloppy, tasks=TASKS[:1]))
    for method in METHODS:
        one = found[REWORDED, method]
        assert (one.right, one.wrong, one.n, one.detail) == (0, 3, 3, "right tool named for 3")


async def test_calls_tokens_and_cost_are_each_methods_own(store: Store, sandbox: Sandbox) -> None:
    """A call that an earlier method paid counts too: two of them ask the user the same."""
    result = await run(store, sandbox)
    found = figures(result)
    for method, calls in ((DISPATCHED, 12), (ONE_CALL, 6), (NEAREST, 6)):
        one = found[REWORDED, method]
        assert (one.model_calls, one.cost_usd) == (calls, calls * PRICE)
        assert (one.input_tokens, one.output_tokens) == (100 * calls, 10 * calls)
    (table,) = result.tables
    assert [row[1:6] for row in table.rows] == [
        (DISPATCHED, "10", "1.6", "160", "16"),
        (ONE_CALL, "10", "1", "100", "10"),
        (NEAREST, "10", "1", "100", "10"),
    ]


async def test_seconds_are_those_of_the_calls_when_they_were_made_and_else_unknown(
    store: Store, sandbox: Sandbox
) -> None:
    timed = FunctionModel(lambda prompt: replace(paid(careful(prompt)), seconds=0.5), name="timed")
    result = await run(store, sandbox, extra=beside(timed))
    (table,) = result.tables
    assert {(row[0], row[1]): row[-1] for row in table.rows} == {
        **{("user", method): "unknown" for method in METHODS},
        ("timed", DISPATCHED): "0.8",
        ("timed", ONE_CALL): "0.5",
        ("timed", NEAREST): "0.5",
    }


async def test_a_model_beside_those_of_the_roles_is_dispatcher_and_user_by_itself_whichever_passed_the_gate(
    store: Store, sandbox: Sandbox
) -> None:
    another = priced(lambda prompt: careful(prompt).replace("word_sorting", "dyck"), "another")
    found = figures(await run(store, sandbox, extra=beside(another)), "another")
    assert {(method, found[REWORDED, method].right) for method in METHODS} == {
        (DISPATCHED, 3),
        (ONE_CALL, 3),
        (NEAREST, 6),
    }
    for method in (DISPATCHED, ONE_CALL):
        one = found[REWORDED, method]
        assert (one.detail, one.lacking) == ("right tool named for 3", {"with an invalid reply": 3})
    assert (found[REWORDED, NEAREST].detail, found[REWORDED, NEAREST].lacking) == ("right tool named for 6", {})


async def test_a_dispatcher_that_cannot_be_read_is_an_invalid_reply(store: Store, sandbox: Sandbox) -> None:
    def mute(prompt: Prompt) -> str:
        return "" if "Kinds seen" in prompt.messages[-1].content else careful(prompt)

    found = figures(await run(store, sandbox, mute))
    assert found[REWORDED, DISPATCHED].detail == "right tool named for 0"
    assert found[REWORDED, DISPATCHED].lacking == {"with an invalid reply": 6}
    assert found[REWORDED, ONE_CALL].right == 6


def unrecorded(prompt: Prompt) -> str:
    if question_of(prompt).startswith(("Sort the following", "Complete the rest")):
        return careful(prompt)  # of the gate
    raise RecordingError("no recording of this prompt")


async def test_models_that_are_not_recorded_are_named_and_the_others_measured(store: Store, sandbox: Sandbox) -> None:
    result = await run(store, sandbox, unrecorded, extra=beside(priced(careful, "small")))
    assert {one.model for one in result.figures} == {"small"}
    assert result.notes[-1] == "user is not recorded on all of these questions."


async def test_where_no_model_is_recorded_the_missing_prompt_is_reported(store: Store, sandbox: Sandbox) -> None:
    with pytest.raises(RecordingError, match="no recording of this prompt"):
        await run(store, sandbox, unrecorded)


async def test_a_task_without_a_tool_is_left_out_and_a_note_says_so(store: Store, sandbox: Sandbox) -> None:
    models = roles(
        maker=maker({**TOOLS, "dyck": "x = ("}),
        user=priced(careful, "user"),
        dispatcher=priced(careful, "dispatcher"),
    )
    result = await run_one_call(new_bench(store, sandbox, models), TASKS, reworded=3, alike=2)
    assert {one.n for one in result.figures} == {3, 2}
    assert "dyck is left out: no build gave a tool with a user route." in result.notes


async def test_what_was_measured_before_the_bound_on_the_cost_stays(store: Store, sandbox: Sandbox) -> None:
    """Two builds of a reply and a word of the user each, then 12 calls for the first measurement."""
    result = await run(store, sandbox, max_cost=(4 + 13) * PRICE)
    assert [(one.task, one.method, one.n) for one in result.figures] == [(REWORDED, DISPATCHED, 6)]
    assert result.partial == "$4.25 spent, the bound is $4.25"
