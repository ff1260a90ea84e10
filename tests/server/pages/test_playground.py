"""A chat that is typed: what each route says to it, why, and what of that is stored."""

from __future__ import annotations

import html
import re

import pytest

from hammerstone.server.pages.playground import PLAYGROUND
from hammerstone.store import Store
from hammerstone.store.key_records import KeyLimits, KeyRole
from hammerstone.types import Instance, Source

from ..fake_upstream import Reply
from ..sums import Served, body
from .looking import HOSTILE, Person, person, token_in

pytestmark = pytest.mark.anyio

MODEL = body("")["model"]
NEW = "What is the sum of 4000 and 321?"


@pytest.fixture
async def served(served: Served) -> Served:
    """Its default tenant has learned to add."""
    await served.learn_sums()
    return served


@pytest.fixture
async def store(served: Served) -> Store:
    return (await served.loop()).store


def chat(question: str, **fields: str) -> dict[str, str]:
    """The form of a request of the kind that the tool is for."""
    turns = {"role-0": "system", "content-0": "You add.", "role-1": "user", "content-1": question}
    return {**turns, "model": MODEL, "response_format": "", **fields}


async def asked(me: Person, where: str = "/playground", **fields: str) -> str:
    return html.unescape((await me.send(where, status=200, **fields)).text)


def cards(text: str) -> list[str]:
    """What each of the three routes says."""
    return re.findall(r'<section class="card" aria-labelledby="by-\w+">.*?</section>', text, re.DOTALL)


async def test_a_tool_answers_with_its_proof_and_nothing_is_stored(served: Served, me: Person, store: Store) -> None:
    before, calls = store.newest_answer(), len(served.upstream.seen)
    text = await asked(me, **chat(NEW))
    assert "answers" in cards(text)[0]
    assert "4321" in cards(text)[0]
    assert "proved" in text
    assert '<span class="c-mi">4000</span>' in text
    assert "Not asked" in cards(text)[1]
    assert "Not asked" in cards(text)[2]
    assert (store.newest_answer(), len(served.upstream.seen)) == (before, calls)
    assert store.acts(10) == ()


async def test_why_a_tool_refuses_is_said_with_what_differs(me: Person) -> None:
    text = await asked(me, **chat("What is the sum of 4000 and 0321?"))
    assert "refuses" in cards(text)[0]
    assert "What unparse writes" in text


async def test_a_chat_that_no_tool_is_for_is_said_to_be_one(me: Person) -> None:
    for other in ({"content-0": "You multiply."}, {"model": "another"}, {"response_format": '{"type": "json_object"}'}):
        said = cards(await asked(me, **chat(NEW, **other)))[0]
        assert "the one live tool is not for such a chat" in said or f"serve model `{MODEL}`; you named" in said


async def test_a_chat_for_another_model_is_told_which_one_the_tools_serve(me: Person) -> None:
    for named, said in (("", "none"), ("another", "`another`")):
        text = cards(await asked(me, **chat(NEW, model=named)))[0]
        assert f"the tools for such chats serve model `{MODEL}`; you named {said}" in text


async def test_the_model_that_is_asked_for_most_stands_in_the_empty_form(me: Person) -> None:
    text = await me.look("/playground")
    assert f'name="model" value="{MODEL}"' in text
    assert f'<option value="{MODEL}">' in text


async def test_the_upstream_is_asked_once_and_what_it_costs_is_in_the_ledger(
    served: Served, me: Person, store: Store
) -> None:
    before, calls = store.newest_answer(), len(served.upstream.seen)
    text = await asked(me, "/playground/models", **chat(NEW))
    assert "4321" in cards(text)[2]
    assert "1 call, <$0.0001" in cards(text)[2]
    assert "no cheap model is set" in cards(text)[1]
    again = await asked(me, "/playground/models", **chat(NEW))
    assert "the same was asked before" in cards(again)[2]
    assert len(served.upstream.seen) == calls + 1
    assert served.upstream.seen[-1].json["messages"][0] == {"role": "system", "content": "You add."}
    assert [(one.task, one.calls) for one in store.ledger() if one.task == PLAYGROUND] == [(PLAYGROUND, 1)]
    assert store.newest_answer() == before
    assert {one.what for one in store.acts(10)} == {"ask_models"}


async def test_answers_that_differ_and_a_person_s_label_are_said(me: Person, store: Store) -> None:
    assert "The answers differ" not in await asked(me, "/playground/models", **chat(NEW))
    label = Instance(question=NEW, answer="5", source=Source.LABELER)
    store.add_instance(store.tasks()[0].name, label, request_id="r")
    assert "A person has answered this very question" in await asked(me, **chat(NEW))


async def test_an_upstream_that_refuses_is_a_reason_and_no_error(served: Served, me: Person) -> None:
    served.upstream.answer = lambda _: Reply.of({"error": {"message": "no key"}}, status=401)
    said = cards(await asked(me, "/playground/models", **chat(NEW)))[2]
    assert "the upstream answered with status 401" in said
    assert ">failed<" in said


async def test_whoever_may_only_look_asks_no_model(served: Served) -> None:
    calls = len(served.upstream.seen)
    async with person(served, KeyRole.VIEWER) as viewer:
        token = token_in(await viewer.look("/playground"))
        await viewer.send("/playground/models", status=403, token=token, **chat(NEW))
        said = await viewer.send("/playground", status=200, token=token, **chat(NEW))
        assert "4321" in said.text
        assert "Ask the models" not in said.text
    assert len(served.upstream.seen) == calls


async def test_the_budget_of_the_key_holds(served: Served) -> None:
    made = served.host.keys.create("root", role=KeyRole.ADMIN, limits=KeyLimits(budget_usd=0.0))
    await served.access.exchange()
    calls = len(served.upstream.seen)
    async with person(served) as admin:
        await admin.sign_in(made.secret)
        text = await asked(admin, "/playground/models", **chat(NEW))
        assert "budget" in text
    assert len(served.upstream.seen) == calls


async def test_turns_are_added_and_kept(me: Person) -> None:
    added = (await me.send("/playground", status=200, add="turn", **chat(HOSTILE.rstrip("\udc80")))).text
    assert 'name="content-2"' in added
    assert "assistant" in added[added.index('name="role-2"') :]
    assert "<script>alert" not in added


async def test_a_stored_request_is_asked_again(me: Person, store: Store) -> None:
    text = await me.look(f"/playground?request={store.newest_answer()}")
    assert "You add." in text
    assert f'value="{MODEL}"' in text
    assert "playground?request=" in await me.look(f"/requests/{store.newest_answer()}")
    await me.look("/playground?request=999", status=404)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"content-0": "", "content-1": ""}, "there is nothing in any turn"),
        ({"response_format": '{"type": "text"}, "model": "x"'}, "cannot be read as JSON"),
        ({"role-1": "assistant"}, "no tool answers this: "),
    ],
)
async def test_what_is_no_chat_is_said(me: Person, fields: dict[str, str], said: str) -> None:
    assert said in await asked(me, **chat(NEW, **fields))


async def test_line_breaks_come_as_they_were_typed(me: Person) -> None:
    """Browsers send each of them as two characters."""
    text = (await me.send("/playground", status=200, **chat("one\r\ntwo"))).text
    assert "one\ntwo" in text
    assert "\\r" not in text
