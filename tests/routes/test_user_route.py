"""One tool with a model's arguments: what does not account for the question is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from hammerstone.models.model import Model
from hammerstone.routes import Answer, Asked, Catalog, Refusal, ToolCard, ToolUserRoute, text_of
from hammerstone.routes.user import MODEL_REFUSED
from hammerstone.routes.user_route import UserRoute
from hammerstone.sandbox import Sandbox
from hammerstone.store import Store
from hammerstone.store.accounts import AccountedModel
from hammerstone.testing import FunctionModel, ScriptedModel
from hammerstone.tools.parser import Parsed
from hammerstone.tools.tool import Tool
from hammerstone.types import Request, Role, Route

from ..samples.sums import SUM, ask, reworded
from ..samples.sums import tool as a_tool

pytestmark = pytest.mark.anyio


async def refreshed(store: Store) -> Catalog:
    catalog = Catalog(store)
    await catalog.refresh()
    return catalog


async def answered(
    store: Store, sandbox: Sandbox, tool: Tool, question: str, left: int, right: int
) -> tuple[str | None, str]:
    """The answer, if any, and the reason why there is none. The model keeps to its arguments."""
    model = FunctionModel(lambda _: arguments(left, right), name="stubborn")
    result = await asked(store, sandbox, tool, question, model)
    return text_of(result), result.reasons[0] if isinstance(result, Refusal) else ""


async def asked(store: Store, sandbox: Sandbox, tool: Tool, question: str, model: Model) -> Answer | Refusal:
    route = ToolUserRoute(sandbox, AccountedModel(model, Role.USER, store), ToolCard.of(tool))
    return await route.attempt(Asked.of(question))


def arguments(left: int, right: int) -> str:
    return json.dumps({"left": left, "right": right})


@pytest.mark.parametrize("question", [ask(1), reworded(1)])
async def test_arguments_that_account_for_the_question_are_called_with(
    store: Store, sandbox: Sandbox, question: str
) -> None:
    assert await answered(store, sandbox, a_tool(), question, 17, 5) == ("22", "")


@pytest.mark.parametrize("question", [ask(1), reworded(1)])
@pytest.mark.parametrize(("left", "right"), [(17, 17), (17, 6), (5, 5)])
async def test_arguments_that_leave_a_number_out_are_refused(
    store: Store, sandbox: Sandbox, question: str, left: int, right: int
) -> None:
    text, reason = await answered(store, sandbox, a_tool(), question, left, right)
    assert text is None
    assert reason.startswith("the arguments stand for a question ")


async def test_a_look_alike_in_the_tools_own_form_is_refused(store: Store, sandbox: Sandbox) -> None:
    question = ask(1).replace("?", ", doubled?")
    assert await answered(store, sandbox, a_tool(), question, 17, 5) == (
        None,
        "the arguments stand for a question in other words: 'doubled'",
    )


async def test_a_model_that_is_shown_where_its_arguments_differ_may_mend_them(store: Store, sandbox: Sandbox) -> None:
    model = ScriptedModel([arguments(17, 6), arguments(17, 5)])
    result = await asked(store, sandbox, a_tool(), ask(1), model)
    assert text_of(result) == "22"
    first, second = (prompt.messages[0].content for prompt in model.prompts)
    assert second.startswith(first)
    assert "of 17 and 5?" in second.removeprefix(first)
    assert "of 17 and 6?" in second.removeprefix(first)


async def test_there_is_no_third_try(store: Store, sandbox: Sandbox) -> None:
    model = ScriptedModel([arguments(17, 6), arguments(5, 17), arguments(17, 5)])
    assert isinstance(await asked(store, sandbox, a_tool(), ask(1), model), Refusal)
    assert len(model.prompts) == 2


async def test_a_second_try_that_refuses_gives_no_answer(store: Store, sandbox: Sandbox) -> None:
    model = ScriptedModel([arguments(17, 6), "null"])
    assert await asked(store, sandbox, a_tool(), ask(1), model) == Refusal(
        reasons=(MODEL_REFUSED,), parsed=Parsed(refusal=MODEL_REFUSED)
    )


@pytest.mark.parametrize(
    ("question", "first"),
    [
        pytest.param(reworded(1), arguments(17, 6), id="reworded: being told what is missing, it could add just that"),
        pytest.param(ask(1), "null", id="it refused"),
        pytest.param(ask(1), '{"left": "seventeen"}', id="no arguments of this function"),
    ],
)
async def test_a_model_is_asked_once(store: Store, sandbox: Sandbox, question: str, first: str) -> None:
    model = ScriptedModel([first])
    assert isinstance(await asked(store, sandbox, a_tool(), question, model), Refusal)


async def test_without_a_parser_that_passed_the_gate_the_arguments_are_the_models_word(
    store: Store, sandbox: Sandbox
) -> None:
    tool = a_tool(routes=(Route.USER,))
    assert await answered(store, sandbox, tool, ask(1), 17, 6) == ("23", "")


async def test_a_tool_is_called_with_the_arguments_of_those_models_alone_with_which_it_passed_the_gate(
    store: Store, sandbox: Sandbox
) -> None:
    store.publish(replace(a_tool(), users=("passed",)))
    catalog = await refreshed(store)
    of_sum = Asked(request=Request.plain(id="1", question=reworded(1)), task="sum")
    for name, expected in (("passed", "22"), ("another", None)):
        model = FunctionModel(lambda _: '{"left": 17, "right": 5}', name=name)
        route = UserRoute(catalog, sandbox, AccountedModel(model, Role.USER, store))
        assert route.may_answer(of_sum) is (expected is not None)
        assert text_of(await route.attempt(of_sum)) == expected


async def test_a_tool_that_does_not_say_with_which_model_it_passed_is_called_with_any_ones_arguments(
    store: Store, sandbox: Sandbox
) -> None:
    store.publish(a_tool())
    model = FunctionModel(lambda _: '{"left": 17, "right": 5}', name="another")
    route = UserRoute(await refreshed(store), sandbox, AccountedModel(model, Role.USER, store))
    of_sum = Asked(request=Request.plain(id="1", question=reworded(1)), task="sum")
    assert text_of(await route.attempt(of_sum)) == "22"


async def test_a_tool_that_cannot_write_the_arguments_as_a_question_does_not_answer(
    store: Store, sandbox: Sandbox
) -> None:
    source = SUM.replace('return f"What', 'return 1 // 0 or f"What')
    text, reason = await answered(store, sandbox, a_tool(source=source), ask(1), 17, 5)
    assert text is None
    assert reason.startswith("the tool does not write these arguments as a question: ZeroDivisionError")
