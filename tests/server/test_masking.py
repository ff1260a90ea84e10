"""What is masked before it is stored, and what is not stored at all; and that neither teaches a wrong rule."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from hammerstone.sandbox import Sandbox
from hammerstone.server.controls import HEADER
from hammerstone.settings import ServeSettings
from hammerstone.store import WantedAnswers

from ..samples.sums import SETTINGS
from .fake_upstream import FakeUpstream, Reply, Seen
from .sums import CHAT, Served, adding, body, open_gateway
from .test_feedback import say

pytestmark = pytest.mark.anyio

NEW = "What is the sum of 4000 and 321?"
ROUTE = HEADER + "route"
MASKED = ServeSettings(mask=frozenset({"email", "credit-card"}))
NOTHING = ServeSettings(store="none")


@pytest.fixture
async def served(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[Served]:
    async with open_gateway(tmp_path / "home", sandbox, serve=MASKED) as one:
        yield one


def local_part(seen: Seen) -> Reply:
    """An upstream that says what stands before the @."""
    found = re.search(r"([\w.]+)@", seen.json["messages"][-1]["content"])
    text = found[1] if found else "none"
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return Reply.of({"id": "up", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]})


def files_of(home: Path) -> bytes:
    return b"".join(file.read_bytes() for file in home.rglob("*") if file.is_file())


async def test_what_is_masked_reaches_the_upstream_whole_and_the_database_never(served: Served, tmp_path: Path) -> None:
    question = "Write to ann@example.com of card 4111111111111111: 1 and 2"
    answered = await served.ask(question)
    assert served.upstream.seen[-1].json["messages"][-1]["content"] == question
    assert answered.json()["choices"][0]["message"]["content"] == "4111111111111114"
    stored = files_of(tmp_path)
    assert b"ann" not in stored
    assert b"411111" not in stored.replace(b"4111111111111114", b""), "that answer is no card's number"
    assert b"Write to [email] of card [credit-card]" in stored


async def test_a_request_of_which_anything_is_masked_teaches_nothing(tmp_path: Path, sandbox: Sandbox) -> None:
    async with open_gateway(tmp_path / "home", sandbox, FakeUpstream(local_part), serve=MASKED) as served:
        for name in ("ann", "bob", "cleo", "dan", "eve", "fay"):
            await served.ask(f"Who is {name}@example.com?")
        store = (await served.loop()).store
        assert (store.tasks(), store.builds()) == ((), ())
        assert sum(row.requests for row in store.routes()) == 6, "but it is counted"


async def test_nor_does_one_whose_system_prompt_or_answer_is_masked(tmp_path: Path, sandbox: Sandbox) -> None:
    async with open_gateway(tmp_path / "home", sandbox, FakeUpstream(local_part), serve=MASKED) as served:
        store = (await served.loop()).store
        sent = body("Who?")
        sent["messages"][0]["content"] = "You know ann@example.com."
        await served.client.post(CHAT, json=sent)
        await served.learner.caught_up()
        assert store.tasks() == ()
    telling = FakeUpstream(lambda seen: adding(seen) if "sum" not in str(seen.json) else with_address(seen))
    async with open_gateway(tmp_path / "other", sandbox, telling, serve=MASKED) as served:
        await served.learn_sums()
        store = (await served.loop()).store
        assert [task.instances for task in store.tasks()] == [0]


def with_address(seen: Seen) -> Reply:
    choice = {"index": 0, "message": {"role": "assistant", "content": "ask ann@example.com"}, "finish_reason": "stop"}
    head = {"id": "up", "object": "chat.completion", "created": 1, "model": seen.json["model"]}
    return Reply.of({**head, "choices": [choice]})


async def test_a_tool_reads_the_real_text_and_what_it_answers_is_kept_masked(served: Served) -> None:
    await served.learn_sums()
    card = 4111111111111111
    answered = await served.ask(f"What is the sum of {card} and 4?")
    assert answered.headers[ROUTE] == "parser"
    assert answered.json()["choices"][0]["message"]["content"] == str(card + 4)
    store = (await served.loop()).store
    (tool,) = store.live_tools()
    assert [one.question for one in store.answers_of(tool.task, 1)] == ["What is the sum of [credit-card] and 4?"]


async def test_feedback_on_masked_text_withdraws_and_labels_nothing(served: Served) -> None:
    await served.learn_sums()
    before = len((await served.loop()).store.instances((await served.loop()).store.tasks()[0].name))
    answered = await served.ask("What is the sum of 4111111111111111 and 4?")
    said = (await say(served, answered, correct=False, answer="5")).json()
    assert (said["quarantined"], said["labeled"]) == (True, False)
    store = (await served.loop()).store
    assert len(store.instances(store.tasks()[0].name)) == before


async def test_a_wrong_answer_to_a_masked_question_leaves_the_exact_cache(served: Served) -> None:
    question = "How much is 1 and 2, ann@example.com?"
    for _ in range(2):
        answered = await served.ask(question, temperature=0)
    assert answered.headers[ROUTE] == "exact"
    await say(served, answered, correct=False)
    assert (await served.ask(question, temperature=0)).headers[ROUTE] == "upstream"


@pytest.mark.parametrize("error", ["ValueError", "SystemExit", "KeyboardInterrupt"])
async def test_a_mask_that_fails_leaves_the_text_out_and_no_request_unanswered(
    error: str, tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "failing_mask.py").write_text(f"def fail(text):\n    raise {error}(text)\n")
    monkeypatch.delitem(sys.modules, "failing_mask", raising=False)
    monkeypatch.chdir(tmp_path)
    serve = ServeSettings(mask=frozenset({"failing_mask:fail"}))
    async with open_gateway(tmp_path / "home", sandbox, serve=serve) as served:
        assert (await served.ask("How much is 1 and 2?")).status_code == 200
        store = (await served.loop()).store
        assert sum(row.requests for row in store.routes()) == 1
    assert b"How much" not in files_of(tmp_path / "home")


async def test_where_nothing_is_stored_nothing_is_learned_and_everything_counted(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    home = tmp_path / "home"
    async with open_gateway(home, sandbox, serve=NOTHING) as served:
        await served.learn_sums(temperature=0)
        await served.ask("What is the sum of 3 and 40?", temperature=0)
        store = (await served.loop()).store
        assert (store.tasks(), store.builds()) == ((), ())
        assert [(row.route, row.requests) for row in store.routes()] == [("solver", 6)], "no exact cache either"
    assert b"sum of" not in files_of(home)


@pytest.mark.parametrize("more", [{}, {HEADER + "bypass": "true"}, {HEADER + "shadow": "true"}])
async def test_the_name_that_a_client_gives_a_task_is_masked_as_well(
    served: Served, tmp_path: Path, more: dict[str, str]
) -> None:
    await served.ask("How much is 1 and 2?", headers={HEADER + "task": "Sums of ann@example.com", **more})
    (kept,) = (await served.loop()).store.answers(WantedAnswers(), 1)
    assert (kept.task or "").startswith("sums_of_email")
    assert b"ann" not in files_of(tmp_path)


async def test_where_nothing_is_stored_the_name_that_a_client_gives_a_task_is_not_either(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    home = tmp_path / "home"
    async with open_gateway(home, sandbox) as served:
        await served.learn_sums(headers={HEADER + "task": "sums"})
    async with open_gateway(home, sandbox, serve=NOTHING) as served:
        for more in ({}, {"cache-control": "no-cache"}, {HEADER + "shadow": "true"}):
            await served.ask("How much is 1 and 2?", headers={HEADER + "task": "zebra", **more})
        answered = await served.ask(NEW, headers={HEADER + "task": "sums"})
        assert (answered.headers[ROUTE], answered.headers[HEADER + "tool"]) == ("parser", "sums@1")
    assert b"zebra" not in files_of(home)


async def test_where_nothing_is_stored_the_tools_of_the_home_serve(tmp_path: Path, sandbox: Sandbox) -> None:
    home = tmp_path / "home"
    async with open_gateway(home, sandbox) as served:
        await served.learn_sums()
    async with open_gateway(home, sandbox, serve=NOTHING) as served:
        answered = await served.ask(NEW)
        assert answered.headers[ROUTE] == "parser"
        store = (await served.loop()).store
        (tool,) = store.live_tools()
        assert [(one.question, one.answer) for one in store.answers_of(tool.task, 1)] == [("", "")]
        said = (await say(served, answered, correct=False, answer="5")).json()
        assert (said["quarantined"], said["labeled"]) == (True, False)
    assert b"4000 and 321" not in files_of(home)


async def test_a_tool_in_shadow_is_compared_on_real_answers_whatever_is_kept(tmp_path: Path, sandbox: Sandbox) -> None:
    settings = replace(SETTINGS, life=replace(SETTINGS.life, shadow=2))
    home = tmp_path / "home"
    async with open_gateway(home, sandbox, settings=settings) as served:
        await served.learn_sums()
        assert (await served.ask(NEW)).headers[ROUTE] == "upstream"
    async with open_gateway(home, sandbox, settings=settings, serve=NOTHING) as served:
        await served.ask(NEW)
        await served.ask(NEW)
        assert (await served.ask(NEW)).headers[ROUTE] == "parser"
        store = (await served.loop()).store
        (tool,) = store.live_tools()
        texts = {one.tool_answer for one in store.comparisons(tool.task, tool.version)}
        assert texts == {"4321", ""}
