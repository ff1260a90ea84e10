"""Each route that tools answer on, asked by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hammerstone.loop import Hammerstone, Models
from hammerstone.routes import Answer, Asked, Refusal
from hammerstone.sandbox import Sandbox
from hammerstone.store import Store, open_store
from hammerstone.store.accounts import Bill
from hammerstone.types import Request

from ..samples.sums import PRODUCT, SETTINGS, SUM, answer, ask, dispatcher, reworded, tool, user

pytestmark = pytest.mark.anyio


@pytest.fixture
def store(tmp_path: Path):
    with open_store(tmp_path / "home") as opened:
        for name, source in (("sum", SUM), ("product", PRODUCT)):
            opened.publish(tool(name, source))
        yield opened


@asynccontextmanager
async def loop_over(store: Store, sandbox: Sandbox, models: Models) -> AsyncIterator[Hammerstone]:
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=SETTINGS) as loop:
        yield loop


def asking(question: str) -> Asked:
    return Asked(request=Request.plain(id="", question=question), bill=Bill(task="(here)"))


async def test_every_tool_that_would_be_asked_says_what_it_makes_of_the_question(
    store: Store, sandbox: Sandbox
) -> None:
    async with loop_over(store, sandbox, Models()) as loop:
        said = {one.task: result for one, result in await loop.side_by_side.by_parsers(asking(ask(12)))}
    result = said["sum"]
    assert isinstance(result, Answer)
    assert (result.text, result.parsed.proved) == (answer(ask(12)), True)


async def test_the_cheap_model_is_asked_whether_or_not_a_parser_can_read_it(store: Store, sandbox: Sandbox) -> None:
    models = Models(user=user(), dispatcher=dispatcher())
    async with loop_over(store, sandbox, models) as loop:
        for question in (ask(12), reworded(12, "product")):
            asked = asking(question)
            result = await loop.side_by_side.by_user(asked)
            assert isinstance(result, Answer)
            assert result.text == answer(question)
            assert asked.bill.calls >= 1
    assert {one.task for one in store.ledger()} == {"(here)"}


async def test_nothing_is_stored_but_what_was_paid(store: Store, sandbox: Sandbox) -> None:
    async with loop_over(store, sandbox, Models(user=user(), dispatcher=dispatcher())) as loop:
        result = await loop.side_by_side.by_user(asking("Which river is longest?"))
    assert isinstance(result, Refusal)
    assert result.reasons == ("dispatcher: a new task, other",)
    assert {task.name for task in store.tasks()} == {"sum", "product"}
    assert store.newest_answer() == 0


@pytest.mark.parametrize(
    ("models", "question", "said"),
    [
        (Models(), ask(12), "no cheap model is set"),
        (Models(user=user()), reworded(12), "no dispatcher is set"),
    ],
)
async def test_why_no_model_is_asked_is_said(
    store: Store, sandbox: Sandbox, models: Models, question: str, said: str
) -> None:
    async with loop_over(store, sandbox, models) as loop:
        result = await loop.side_by_side.by_user(asking(question))
    assert isinstance(result, Refusal)
    assert said in result.reasons[0]


async def test_a_model_that_no_tool_is_for_is_said(sandbox: Sandbox, tmp_path: Path) -> None:
    with open_store(tmp_path / "empty") as store:
        async with loop_over(store, sandbox, Models(user=user())) as loop:
            result = await loop.side_by_side.by_user(asking(ask(1)))
    assert result == Refusal(reasons=("no live tool that this model may use is for chats of this frame",))
