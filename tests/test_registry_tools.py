"""Tools of the closed loop as tools of Toolformer: what a call stands for, and that it runs in the sandbox."""

from __future__ import annotations

import pytest

from hammerstone.errors import NotFoundError, SandboxError, ToolRefusedError
from hammerstone.registry_tools import live_tool, read_arguments
from hammerstone.sandbox import Sandbox
from hammerstone.store import Store
from hammerstone.toolformer.apis.api import ApiError, CallContext
from hammerstone.toolformer.apis.api_specs import open_api

from .samples.sums import SUM, tool

pytestmark = pytest.mark.anyio

WORDS = "def solve(words: list[str]) -> str:\n    return ' '.join(sorted(words))\n"


@pytest.fixture
def made(store: Store) -> Store:
    """A store with one live tool, `sum`."""
    store.add_task("sum", "The sum of two numbers.")
    store.publish(tool())
    return store


@pytest.mark.parametrize(
    "text", ["What is the sum of 3 and 4?", '{"left": 3, "right": 4}'], ids=["its question", "its arguments"]
)
async def test_a_made_tool_answers_a_call(made: Store, sandbox: Sandbox, text: str) -> None:
    api = open_api("registry:sum", open_live_tool=lambda name: live_tool(made, name, sandbox))
    assert api.name == "sum"
    assert await api(text, CallContext()) == "7"


async def test_what_it_does_not_understand_has_no_result(made: Store, sandbox: Sandbox) -> None:
    api = open_api("registry:sum", open_live_tool=lambda name: live_tool(made, name, sandbox))
    with pytest.raises(ApiError, match="not understood"):
        await api("three and four", CallContext())


@pytest.mark.parametrize("text", ["pear apple fig", "pear, apple, fig", '["pear", "apple", "fig"]'])
def test_where_a_tool_takes_one_argument_the_text_may_be_that_alone(text: str) -> None:
    assert read_arguments(text, WORDS) == {"words": ["pear", "apple", "fig"]}


@pytest.mark.parametrize("text", ['{"left": 3}', "3 4", "{", "[3, 4]"])
def test_arguments_that_do_not_fit_are_none(text: str) -> None:
    assert read_arguments(text, SUM) is None


@pytest.mark.parametrize("text", ["21", '{"number": 21}', "21.0"])
def test_a_number_is_passed_as_the_float_that_the_tool_takes(text: str) -> None:
    assert repr(read_arguments(text, "def solve(number: float) -> str:\n    return ''\n")) == "{'number': 21.0}"


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 5_000, '"\\ud800"', "NaN"])
def test_a_hostile_text_has_no_arguments(text: str) -> None:
    assert read_arguments(text, "def solve(number: float) -> str:\n    return ''\n") is None


def test_arguments_that_may_all_be_left_out_are_arguments() -> None:
    assert read_arguments("{}", "def solve(number: int = 1) -> str:\n    return ''\n") == {}


def test_its_description_says_what_to_write(made: Store) -> None:
    description = live_tool(made, "sum").description
    assert description.startswith("The sum of two numbers. ")
    assert '{"left": 3, "right": 4}' in description


def test_a_stored_tool_that_is_beyond_todays_bounds_is_refused(store: Store) -> None:
    store.add_task("sum", "The sum of two numbers.")
    store.publish(tool(source=SUM.replace("right: int", f"right: int = 0x{'f' * 4_000}")))
    with pytest.raises(ToolRefusedError, match="sum cannot be called: the source has an integer"):
        live_tool(store, "sum")


async def test_one_that_was_opened_to_be_described_is_not_run(made: Store) -> None:
    with pytest.raises(SandboxError, match="to be described alone"):
        await live_tool(made, "sum").answer("What is the sum of 3 and 4?")


def test_a_name_without_a_live_tool_is_reported_with_those_that_there_are(made: Store) -> None:
    with pytest.raises(NotFoundError, match="no live tool 'product'") as told:
        live_tool(made, "product")
    assert told.value.hint == "live are: sum"
