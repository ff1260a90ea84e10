"""One call for both: the model names one of the few nearest tools and writes its arguments."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

import pytest

from hammerstone.errors import ModelError
from hammerstone.models.model import Prompt
from hammerstone.prompts import quoted
from hammerstone.requests.frame import Form, Frame, frame_of
from hammerstone.routes import Answer, Asked, Catalog, OneCallRoute, Refusal, text_of
from hammerstone.routes.one_call import TOOLS_SHOWN, nearest_tools
from hammerstone.routes.user import MODEL_REFUSED
from hammerstone.sandbox import Sandbox
from hammerstone.store import Store
from hammerstone.store.accounts import AccountedModel
from hammerstone.testing import FunctionModel, ScriptedModel
from hammerstone.tools.signature import read_signature
from hammerstone.tools.tool import Demonstration, Tool
from hammerstone.types import Chat, Message, Request, Role

from ..samples.sums import PAIRS, SUM, ask, reworded, tool

pytestmark = pytest.mark.anyio

KINDS = {"sum": "left + right", "product": "left * right", "difference": "left - right", "maximum": "max(left, right)"}


def a_tool(kind: str) -> Tool:
    """A tool for another kind of question about two numbers, with two demonstrations."""
    source = SUM.replace("left + right", KINDS[kind]).replace("sum", kind)
    shown = tuple(
        Demonstration(question=ask(number, kind), arguments={"left": PAIRS[number][0], "right": PAIRS[number][1]})
        for number in (0, 2)
    )
    return replace(tool(kind, source), demonstrations=shown)


async def published(store: Store, tools: Iterable[Tool]) -> Catalog:
    for one in tools:
        store.publish(one)
    catalog = Catalog(store)
    await catalog.refresh()
    return catalog


def call(function: str, left: int, right: int) -> str:
    return json.dumps({"function": function, "arguments": {"left": left, "right": right}})


async def attempted(
    store: Store, sandbox: Sandbox, reply: str, asked: Asked, tools: Iterable[Tool] = tuple(map(a_tool, KINDS))
) -> tuple[Answer | Refusal, list[Prompt]]:
    model = ScriptedModel([reply])
    catalog = await published(store, tools)
    route = OneCallRoute(catalog, sandbox, AccountedModel(model, Role.USER, store))
    return await route.attempt(asked), model.prompts


async def test_the_function_that_the_model_names_is_called_with_its_arguments(store: Store, sandbox: Sandbox) -> None:
    asked = Asked.of(reworded(1, "product"))
    result, prompts = await attempted(store, sandbox, call("product", 17, 5), asked)
    assert isinstance(result, Answer)
    assert (result.text, asked.task, asked.bill.calls) == ("85", "product", 1)
    assert result.tool is not None
    assert result.tool.task == "product"
    assert prompts[0].temperature == 0.0


async def test_the_model_is_shown_the_few_nearest_tools_by_name_and_the_question_last(
    store: Store, sandbox: Sandbox
) -> None:
    question = f"{reworded(1, 'sum')} Or is it the maximum of them, or the product?"
    _, (prompt,) = await attempted(store, sandbox, "null", Asked.of(question))
    text = prompt.messages[0].content
    at = [text.find(f"def {kind}(left: int, right: int) -> str:") for kind in ("maximum", "product", "sum")]
    assert at == sorted(at)
    assert at[0] > 0
    assert "def difference(" not in text
    assert "def solve(" not in text
    assert '"""The sum of two whole numbers, in digits."""' in text
    assert "left + right" not in text  # how it is done is no matter of the user's
    assert text.endswith(quoted(question))


async def test_each_function_is_shown_with_that_demonstration_which_is_most_like_the_question(
    store: Store, sandbox: Sandbox
) -> None:
    _, (prompt,) = await attempted(store, sandbox, "null", Asked.of("The sum of 208 and 31, please."))
    text = prompt.messages[0].content
    example = f"Question:\n{quoted(ask(2))}\nReply:\n{quoted(call('sum', 208, 31))}"
    assert example in text
    assert ask(0) not in text


async def test_the_reply_may_be_a_call_with_all_arguments_or_null(store: Store, sandbox: Sandbox) -> None:
    source = SUM.replace("right: int)", "right: int = 0)")
    _, (prompt,) = await attempted(store, sandbox, "null", Asked.of(ask(1)), [a_tool("product"), tool(source=source)])
    assert prompt.schema is not None
    product, total, null = prompt.schema["anyOf"]
    assert null == {"type": "null"}
    assert product["properties"]["function"] == {"const": "product"}
    assert total["properties"]["function"] == {"const": "sum"}
    assert total["properties"]["arguments"]["required"] == ["left", "right"]
    assert total["properties"]["arguments"]["properties"] == read_signature(source).schema["properties"]
    assert (total["required"], total["additionalProperties"]) == (["function", "arguments"], False)


async def test_arguments_that_do_not_account_for_the_question_are_refused(store: Store, sandbox: Sandbox) -> None:
    result, _ = await attempted(store, sandbox, call("sum", 17, 6), Asked.of(reworded(1)))
    assert isinstance(result, Refusal)
    assert result.reasons == ("sum: the arguments stand for a question without: '5'",)
    assert result.parsed.arguments == {"left": 17, "right": 6}


async def test_arguments_that_do_not_fit_the_function_are_refused(store: Store, sandbox: Sandbox) -> None:
    reply = json.dumps({"function": "sum", "arguments": {"left": "17"}})
    result, _ = await attempted(store, sandbox, reply, Asked.of(reworded(1)))
    assert isinstance(result, Refusal)
    assert result.reasons[0].startswith("sum: the user model's arguments do not fit: ")


async def test_a_null_is_the_models_refusal_and_names_no_task(store: Store, sandbox: Sandbox) -> None:
    asked = Asked.of(reworded(1))
    result, _ = await attempted(store, sandbox, "null", asked)
    assert isinstance(result, Refusal)
    assert (result.reasons, asked.task) == ((MODEL_REFUSED,), None)


@pytest.mark.parametrize(
    "reply",
    [
        call("quotient", 17, 5),
        call("difference", 17, 5),  # there is one, but it was not shown
        '{"left": 17, "right": 5}',
        '{"function": "sum", "arguments": [17, 5]}',
        '{"function": "sum", "arguments": {"left": 17, "right": 5}, "sure": false}',
        '{"function": ["sum"], "arguments": {"left": 17, "right": 5}}',
    ],
)
async def test_what_is_no_call_of_a_function_that_was_shown_is_refused(
    store: Store, sandbox: Sandbox, reply: str
) -> None:
    asked = Asked.of(f"{reworded(1, 'sum')} Or is it the maximum of them, or the product?")
    result, _ = await attempted(store, sandbox, reply, asked)
    assert isinstance(result, Refusal)
    assert result.reasons == ("the user model's reply is no call of a function that it was shown",)
    assert asked.task is None


async def test_tools_of_another_frame_or_user_or_that_cannot_be_called_are_not_shown(
    store: Store, sandbox: Sandbox
) -> None:
    tools = [
        a_tool("sum"),
        replace(a_tool("product"), users=("another",)),
        replace(a_tool("difference"), frame=Frame(form=Form.LAST, digest="0" * 64)),
        replace(a_tool("maximum"), source=f"def solve(number: int = 0x{'f' * 4_000}) -> str:\n    return ''\n"),
    ]
    _, (prompt,) = await attempted(store, sandbox, "null", Asked.of(reworded(1)), tools)
    assert prompt.schema is not None
    assert len(prompt.schema["anyOf"]) == 2


async def test_a_prompt_holds_one_form_of_a_chat_and_the_tools_that_read_it(store: Store, sandbox: Sandbox) -> None:
    """The nearest of two tools for one chat reads its last message, and the other one all of it."""
    turns = (Message(role="system", content="Answer briefly."), Message(role="user", content=reworded(1)))
    chat = Chat(messages=turns)
    tools = [
        replace(a_tool("sum"), frame=frame_of(chat, Form.LAST)),
        replace(a_tool("product"), frame=frame_of(chat, Form.WHOLE)),
    ]
    _, (prompt,) = await attempted(store, sandbox, "null", Asked(request=Request(id="1", chat=chat)), tools)
    text = prompt.messages[0].content
    assert "def product(" not in text
    assert text.endswith(quoted(reworded(1)))


async def test_of_a_named_task_only_its_tool_is_shown(store: Store, sandbox: Sandbox) -> None:
    asked = Asked(request=Request.plain(id="1", question=reworded(1)), task="product")
    _, (prompt,) = await attempted(store, sandbox, "null", asked)
    assert "def product(" in prompt.messages[0].content
    assert "def sum(" not in prompt.messages[0].content


async def test_without_tools_no_model_is_asked(store: Store, sandbox: Sandbox) -> None:
    result, prompts = await attempted(store, sandbox, "null", Asked.of(ask(1)), [])
    assert (result, prompts) == (Refusal(reasons=()), [])


async def test_a_model_that_fails_is_a_refusal(store: Store, sandbox: Sandbox) -> None:
    def fail(_: Prompt) -> str:
        raise ModelError("out of order")

    route = OneCallRoute(
        await published(store, [tool()]), sandbox, AccountedModel(FunctionModel(fail), Role.USER, store)
    )
    result = await route.attempt(Asked.of(ask(1)))
    assert (text_of(result), result) == (None, Refusal(reasons=("one call: out of order",)))


async def test_the_nearest_tool_has_a_demonstration_that_shares_most_with_the_question(store: Store) -> None:
    catalog = await published(store, [*map(a_tool, KINDS), replace(tool("none"), demonstrations=())])
    near = nearest_tools(catalog.tools, Asked.of("The maximum of 3 and 4 is wanted."))
    assert near[0].task == "maximum"
    assert near[-1].task == "none"
    assert len(near) == len(KINDS) + 1 > TOOLS_SHOWN
