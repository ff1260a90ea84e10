"""What clients say of the answers they got, and what becomes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hammerstone.sandbox import Sandbox
from hammerstone.server import feedback
from hammerstone.server.controls import HEADER
from hammerstone.server.feedback import FEEDBACK
from hammerstone.store import WantedAnswers
from hammerstone.store.records import ToolState
from hammerstone.types import Instance, Source

from .access.test_access import key
from .sums import Served, open_gateway

pytestmark = pytest.mark.anyio

NEW = "What is the sum of 4000 and 321?"
ID, ROUTE = HEADER + "request-id", HEADER + "route"


@pytest.fixture
async def served(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[Served]:
    async with open_gateway(tmp_path / "home", sandbox) as one:
        yield one


@asynccontextmanager
async def two_replicas(home: Path, sandbox: Sandbox) -> AsyncIterator[tuple[Served, Served]]:
    async with open_gateway(home, sandbox) as one, open_gateway(home, sandbox) as other:
        yield one, other


async def say(
    served: Served, answered: httpx2.Response | str, *, headers: Any = None, **fields: Any
) -> httpx2.Response:
    request_id = answered if isinstance(answered, str) else answered.headers[ID]
    return await served.client.post(FEEDBACK, json={"request_id": request_id, **fields}, headers=headers)


async def test_a_tool_that_was_wrong_serves_no_more_and_its_other_answers_are_listed(served: Served) -> None:
    await served.learn_sums()
    other, wrong = await served.ask("What is the sum of 1 and 2?"), await served.ask(NEW)
    said = (await say(served, wrong, correct=False, answer="4322")).json()
    assert (said["quarantined"], said["labeled"], said["wrong"]) == (True, True, "4321")
    assert [(one["request_id"], one["answer"]) for one in said["others"]] == [(other.headers[ID], "3")]
    assert (await served.ask(NEW)).headers[ROUTE] == "labeler"
    store = (await served.loop()).store
    (task,) = store.tasks()
    label = store.instances(task.name)[-1]
    assert (label.question, label.answer, label.source) == (NEW, "4322", Source.CALLER)
    assert (await served.ask("What is the sum of 1 and 2?")).headers[ROUTE] == "upstream"


async def test_an_answer_is_known_as_soon_as_it_has_gone_out(served: Served) -> None:
    await served.learn_sums()
    sent = {"model": "gpt-4o-mini", "messages": [{"role": "system", "content": "You add."}]}
    sent["messages"].append({"role": "user", "content": NEW})
    answered = await served.client.post("/v1/chat/completions", json=sent)  # and nobody waits until it is stored
    assert (await say(served, answered, correct=False)).json()["quarantined"]


async def test_the_same_feedback_again_changes_nothing_more(served: Served) -> None:
    await served.learn_sums()
    wrong = await served.ask(NEW)
    first, again = [await say(served, wrong, correct=False, answer="4322") for _ in range(2)]
    assert (first.status_code, again.status_code) == (200, 200)
    assert (again.json()["quarantined"], again.json()["labeled"]) == (False, True)
    store = (await served.loop()).store
    assert [row.corrected for row in store.tool_rows()] == [1]
    assert store.instances(store.tasks()[0].name)[-1].former_answer is None


async def test_an_answer_from_the_exact_cache_goes_with_its_source(served: Served) -> None:
    question = "How much is 1 and 2 and 3?"
    for _ in range(2):
        answered = await served.ask(question, temperature=0)
    assert answered.headers[ROUTE] == "exact"
    store = (await served.loop()).store
    assert [one.answer for one in store.instances(store.tasks()[0].name)] == ["6"]
    assert (await say(served, answered, correct=False)).json()["dropped"]
    assert store.instances(store.tasks()[0].name) == ()
    assert (await served.ask(question, temperature=0)).headers[ROUTE] == "upstream"
    assert (await served.ask(question, temperature=0)).headers[ROUTE] == "upstream", "it says again what is wrong"
    assert (await say(served, answered, correct=False)).status_code == 200


async def test_the_right_answer_corrects_the_source_of_an_exact_one(served: Served) -> None:
    question = "How much is 1 and 2 and 3?"
    for _ in range(2):
        answered = await served.ask(question, temperature=0)
    said = (await say(served, answered, correct=False, answer="7")).json()
    assert (said["labeled"], said["former_label"]) == (True, "6")


async def test_an_answer_of_the_upstream_is_corrected_and_cached_no_more(served: Served) -> None:
    question = "How much is 1 and 2 and 3?"
    answered = await served.ask(question, temperature=0)
    said = (await say(served, answered, correct=False, answer="7")).json()
    assert (said["labeled"], said["former_label"], said["quarantined"]) == (True, "6", False)
    assert (await served.ask(question, temperature=0)).headers[ROUTE] == "labeler"


@pytest.mark.parametrize("wishes", [{}, {"temperature": 0}])
async def test_the_right_answer_is_given_from_then_on(served: Served, wishes: dict[str, Any]) -> None:
    question = "How much is 1 and 2 and 3?"
    for _ in range(2):
        asked = await served.ask(question, **wishes)
    assert (await say(served, asked, correct=False, answer="seven")).json()["labeled"]
    again = await served.ask(question, **wishes)
    assert (again.headers[ROUTE], "seven" in again.text) == ("labeler", True)
    bypass = await served.ask(question, headers={HEADER + "bypass": "true"}, **wishes)
    other = await served.ask("How much is 1 and 2 and 4?", **wishes)
    assert [one.headers[ROUTE] for one in (bypass, other)] == ["upstream"] * 2
    assert (await served.ask(question, **wishes)).headers[ROUTE] == "labeler"


async def test_a_label_that_has_not_the_form_that_is_asked_for_is_not_served(served: Served) -> None:
    form = {"type": "json_object"}
    question = "How much is 1 and 2 and 3?"
    for _ in range(2):
        asked = await served.ask(question, response_format=form)
    assert (await say(served, asked, correct=False, answer="six, no JSON")).json()["labeled"]
    assert (await served.ask(question, response_format=form)).headers[ROUTE] == "upstream"
    assert (await say(served, asked, correct=False, answer='{"sum": 6}')).json()["labeled"]
    assert (await served.ask(question, response_format=form)).headers[ROUTE] == "labeler"


async def test_a_label_is_corrected_by_the_answer_that_showed_it(served: Served) -> None:
    question = "How much is 1 and 2 and 3?"
    await say(served, await served.ask(question), correct=False, answer="seven")
    said = (await say(served, await served.ask(question), correct=False, answer="six")).json()
    assert (said["labeled"], said["former_label"]) == (True, "seven")
    again = await served.ask(question)
    assert (again.headers[ROUTE], "six" in again.text) == ("labeler", True)
    assert (await say(served, again, correct=True)).json()["labeled"]


async def test_a_label_that_is_wrong_is_withdrawn(served: Served) -> None:
    question = "How much is 1 and 2 and 3?"
    await say(served, await served.ask(question), correct=False, answer="seven")
    assert (await say(served, await served.ask(question), correct=False)).json()["dropped"]
    assert (await served.ask(question)).headers[ROUTE] == "upstream"


async def test_a_label_that_overrules_a_tool_is_corrected_too(served: Served) -> None:
    await served.learn_sums()
    store = (await served.loop()).store
    (task,) = store.tasks()
    chat = store.instances(task.name)[0].chat
    store.add_instance(
        task.name, Instance(question=NEW, answer="4322", source=Source.CALLER, chat=chat), request_id="1"
    )
    overruled = await served.ask(NEW)
    assert overruled.headers[ROUTE] == "labeler"
    said = (await say(served, overruled, correct=False, answer="4323")).json()
    assert (said["labeled"], said["task"]) == (True, task.name)
    assert "4323" in (await served.ask(NEW)).text


async def test_a_label_for_a_request_that_is_of_no_task_is_refused(served: Served) -> None:
    named = {HEADER + "task": "numbers"}
    await served.ask("How much is 1 and 2?", headers=named)
    two_turns = [{"role": "user", "content": "4?"}]
    other = await served.ask("", headers=named, messages=two_turns)
    refused = await say(served, other, correct=False, answer="right")
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "settings")
    assert "no task is known of it" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    "control", [{HEADER + "bypass": "true"}, {HEADER + "shadow": "true"}, {"cache-control": "no-cache"}], ids=str
)
async def test_what_the_upstream_answers_by_request_is_of_the_named_task_too(
    served: Served, control: dict[str, str]
) -> None:
    named, question = {HEADER + "task": "Numbers"}, "How much is 1 and 2 and 3?"
    asked = await served.ask(question, headers={**named, **control})
    store = (await served.loop()).store
    assert [one.question for one in store.instances("numbers")] == [question]
    said = (await say(served, asked, correct=False, answer="seven")).json()
    assert (said["labeled"], said["task"]) == (True, "numbers")
    assert (await served.ask(question, headers=named)).headers[ROUTE] == "labeler"


async def test_an_answer_from_the_exact_cache_is_of_the_named_task(served: Served) -> None:
    named, question = {HEADER + "task": "numbers"}, "How much is 1 and 2 and 3?"
    for _ in range(2):
        asked = await served.ask(question, headers=named, temperature=0)
    assert asked.headers[ROUTE] == "exact"
    (newest,) = (await served.loop()).store.answers(WantedAnswers(), 1)
    assert (newest.id, newest.task) == (asked.headers[ID], "numbers")


async def test_what_was_built_from_a_wrong_answer_serves_no_more(served: Served) -> None:
    first = await served.ask("What is the sum of 3 and 40?")
    await served.learn_sums()
    assert (await served.ask(NEW)).headers[ROUTE] == "parser"
    assert (await say(served, first, correct=False)).json()["dropped"]
    assert (await served.ask(NEW)).headers[ROUTE] == "upstream"


async def test_an_agreement_is_a_label_and_counts_in_no_bound(served: Served) -> None:
    await served.learn_sums()
    right = await served.ask(NEW)
    first, again = [await say(served, right, correct=True) for _ in range(2)]
    assert (first.json(), again.json()["labeled"]) == (again.json(), True)
    store = (await served.loop()).store
    (row,) = store.tool_rows()
    assert (row.tally.compared, row.corrected, row.state) == (0, 0, ToolState.LIVE)
    label = store.instances(row.tool)[-1]
    assert (label.question, label.answer, label.source) == (NEW, "4321", Source.CALLER)
    assert sum(one.correct for one in store.routes()) == 1


async def test_who_first_says_wrong_and_then_right_is_believed_the_second_time(served: Served) -> None:
    question = "How much is 1 and 2 and 3?"
    answered = await served.ask(question, temperature=0)
    await say(served, answered, correct=False, answer="7")
    await say(served, answered, correct=True)
    store = (await served.loop()).store
    assert store.instances(store.tasks()[0].name)[-1].answer == "6"
    await served.ask(question, temperature=0)
    assert (await served.ask(question, temperature=0)).headers[ROUTE] == "exact"


async def test_nobody_says_anything_of_another_tenants_requests(served: Served) -> None:
    acme, other = await key(served, "acme", tenant="acme"), await key(served, "other", tenant="other")
    await served.learn_sums(headers=acme)
    answered = await served.ask(NEW, headers=acme)
    refused = await say(served, answered, correct=False, headers=other)
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "request_not_found")
    assert (await served.ask(NEW, headers=acme)).headers[ROUTE] == "parser"
    assert (await say(served, answered, correct=False)).status_code == 401


async def test_feedback_never_goes_to_the_upstream(served: Served) -> None:
    slash = await served.client.post(f"{FEEDBACK}/", json={"request_id": "never", "correct": True})
    assert (slash.status_code, slash.json()["error"]["code"]) == (404, "request_not_found")
    read = await served.client.get(FEEDBACK)
    assert (read.status_code, read.headers["allow"]) == (405, "POST")
    assert served.upstream.seen == []


async def test_an_unknown_id_is_refused_with_a_hint(served: Served) -> None:
    refused = await say(served, "never", correct=True)
    assert refused.status_code == 404
    assert "x-hammerstone-request-id" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"correct": "no"},
        {"correct": 1},
        {"correct": False, "answer": 5},
        {"correct": False, "answer": " "},
        {"correct": True, "answer": "5"},
        {"correct": False, "anwser": "5"},
        {"request_id": 5, "correct": True},
    ],
    ids=str,
)
async def test_what_is_no_feedback_is_refused(served: Served, fields: dict[str, Any]) -> None:
    refused = await say(served, "never", **fields)
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "invalid_feedback")


async def test_the_answer_that_was_given_corrects_nothing(served: Served) -> None:
    answered = await served.ask("How much is 1 and 2 and 3?")
    refused = await say(served, answered, correct=False, answer=" 6 ")
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "settings")


async def test_a_withdrawal_follows_in_the_other_replicas(tmp_path: Path, sandbox: Sandbox) -> None:
    question = "How much is 1 and 2 and 3?"
    async with two_replicas(tmp_path / "home", sandbox) as (one, other):
        for served in (one, one, other, other):
            cached = await served.ask(question, temperature=0)
        assert cached.headers[ROUTE] == "exact"
        await one.learn_sums()
        answered = await other.ask(NEW)
        assert answered.headers[ROUTE] == "parser"
        await say(one, answered, correct=False)  # of an answer that the other process gave
        await say(one, cached, correct=False)
        assert (await other.ask(NEW)).headers[ROUTE] == "upstream"
        assert (await other.ask(question, temperature=0)).headers[ROUTE] == "upstream"


async def test_of_many_other_answers_some_are_shown_and_all_are_counted(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feedback, "OTHERS_SHOWN", 2)
    await served.learn_sums()
    hits = [await served.ask(f"What is the sum of {number} and 7000?") for number in range(4)]
    said = (await say(served, hits[0], correct=False)).json()
    assert [one["request_id"] for one in said["others"]] == [hits[3].headers[ID], hits[2].headers[ID]]
    assert said["others_total"] == 3
