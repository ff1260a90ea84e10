"""The user: what it is shown, and what counts as arguments or as a refusal."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from hammerstone.prompts import quoted
from hammerstone.routes.user import ToolCard, read_arguments, write_arguments
from hammerstone.store import Store
from hammerstone.store.accounts import AccountedModel, Bill
from hammerstone.testing import ScriptedModel
from hammerstone.tools.parser import Parsed
from hammerstone.tools.signature import read_signature
from hammerstone.types import Role

from ..samples.tools import SORT, a_tool

GOOD = '{"words": ["b", "a"], "order": "ascending"}'
ARGUMENTS = {"words": ["b", "a"], "order": "ascending"}


@pytest.mark.parametrize(
    "reply",
    [
        GOOD,
        f"```json\n{GOOD}\n```",
        f"```\n{GOOD}\n```",
        f"`{GOOD}`",
        f"Arguments: {GOOD}",
        f"The question asks for ascending order.\n\n{GOOD}\n",
        f"Not null, since it is the same task: {GOOD}",
    ],
)
def test_arguments_that_fit_are_read(reply: str) -> None:
    assert read_arguments(reply, SORT) == Parsed(arguments=ARGUMENTS)


@pytest.mark.parametrize(
    "reply",
    [
        "null",
        " null\n",
        "`null`",
        "```json\nnull\n```",
        "```\nnull\n```",
        "Null.",
        "**null**",
        "null, because the order is not asked for",
        f"null\n\nThe nearest call would be {GOOD}, but the question asks for the longest word.",
        f"It could be {GOOD}, but it asks for something else, so: null",
        f"```json\n{GOOD}\n```\nNo, that leaves the second sentence out.\n\nnull",
        '"null"',
    ],
)
def test_a_refusal_stays_one_whatever_stands_beside_it(reply: str) -> None:
    assert read_arguments(reply, SORT) == Parsed(refusal="the user model refused")


@pytest.mark.parametrize("reply", ["", "I cannot do that.", "{'words': []}", '{"words": [NaN]}', GOOD[:-1]])
def test_a_reply_without_an_object_is_refused(reply: str) -> None:
    parsed = read_arguments(reply, SORT)
    assert parsed.arguments is None
    assert "reply is not" in parsed.refusal


@pytest.mark.parametrize("reply", ["[]", '"word"', "3", f"[{GOOD}]", "true"])
def test_a_reply_that_is_other_json_is_refused(reply: str) -> None:
    assert read_arguments(reply, SORT).refusal == "the user model's reply is not a JSON object"


@pytest.mark.parametrize(
    ("reply", "what"),
    [
        ("{}", "words: Field required"),
        ('{"words": ["b"]}', "order: Field required"),
        ('{"words": "b a", "order": "ascending"}', "words: Input should be a valid array"),
        ('{"words": ["b", null], "order": "ascending"}', "words.1"),
        ('{"words": ["b"], "order": "ascending", "limit": 1}', "limit: Extra inputs"),
        (f'{{"arguments": {GOOD}}}', "arguments: Extra inputs"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_with_what_is_wrong(reply: str, what: str) -> None:
    parsed = read_arguments(reply, SORT)
    assert parsed.arguments is None
    assert parsed.refusal.startswith("the user model's arguments do not fit: ")
    assert what in parsed.refusal


@pytest.mark.anyio
async def test_the_user_model_sees_the_signature_the_demonstrations_and_the_question(store: Store) -> None:
    scripted = ScriptedModel([GOOD])
    tool = a_tool()
    manual = ToolCard(source=tool.source, description=tool.description, demonstrations=tool.demonstrations)
    bill = Bill()
    parsed = await write_arguments(AccountedModel(scripted, Role.USER, store), manual, "Put b and a in order.", bill)
    asked = scripted.prompts[0].messages[0].content
    assert parsed == Parsed(arguments=ARGUMENTS)
    assert "def solve(words: list[str], order: str) -> str:" in asked
    assert '`order` is "ascending" or "descending".' in asked
    shown = tool.demonstrations[1]
    arguments = quoted(json.dumps(dict(shown.arguments)))
    assert f"Question:\n{quoted(shown.question)}\nArguments:\n{arguments}" in asked
    assert quoted("Put b and a in order.") in asked
    assert "sorted(words" not in asked  # how it is done is no matter of the user's
    assert (scripted.prompts[0].temperature, bill.calls) == (0.0, 1)


@pytest.mark.anyio
async def test_a_stored_tool_that_is_beyond_todays_bounds_is_refused_before_any_model_is_asked(store: Store) -> None:
    scripted = ScriptedModel([GOOD])
    source = f"def solve(number: int = 0x{'f' * 4_000}) -> str:\n    return ''\n"
    manual = ToolCard(source=source, description="", demonstrations=())
    parsed = await write_arguments(AccountedModel(scripted, Role.USER, store), manual, "Put b and a in order.", Bill())
    assert parsed.refusal.startswith("the tool cannot be called: the source has an integer of 16,000 bits")
    assert scripted.prompts == []
    assert read_arguments(GOOD, source).arguments is None


@pytest.mark.anyio
async def test_the_reply_may_be_the_arguments_or_the_null_of_a_refusal_and_the_prompt_is_the_same(store: Store) -> None:
    scripted = ScriptedModel([GOOD])
    tool = a_tool()
    card = ToolCard(source=tool.source, description=tool.description, demonstrations=())
    await write_arguments(AccountedModel(scripted, Role.USER, store), card, "Put b and a in order.", Bill())
    (asked,) = scripted.prompts
    assert asked.schema == {"anyOf": [read_signature(tool.source).schema, {"type": "null"}]}
    assert asked.key == replace(asked, schema=None, max_tokens=None).key


@pytest.mark.anyio
async def test_the_reply_holds_the_arguments_with_a_default_too(store: Store) -> None:
    """A small model leaves out what it may, and without it `unparse` does not give the question back."""
    source = SORT.replace(
        "def solve(words: list[str], order: str)", 'def solve(words: list[str], order: str = "ascending")'
    )
    assert read_signature(source).schema["required"] == ["words"]
    model, card = ScriptedModel([GOOD]), ToolCard(source=source, description="Sorts.", demonstrations=())
    await write_arguments(AccountedModel(model, Role.USER, store), card, "?", Bill())
    schema = model.prompts[0].schema
    assert schema is not None
    assert json.loads(json.dumps(schema))["anyOf"][0]["required"] == ["words", "order"]
