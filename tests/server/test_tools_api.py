"""Live tools as APIs of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from hammerstone.errors import SandboxError
from hammerstone.requests import Form, Frame
from hammerstone.sandbox import Sandbox
from hammerstone.server.tools_api import MAX_BATCH
from hammerstone.store.records import ToolState
from hammerstone.types import JSON, Instance, Route, Source

from ..samples.sums import PRODUCT, SUM, tool
from .sums import Served, body, open_gateway

pytestmark = pytest.mark.anyio


@pytest.fixture
async def served(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[Served]:
    async with open_gateway(tmp_path / "home", sandbox) as one:
        store = (await one.loop()).store
        store.publish(tool())
        store.publish(tool("product", PRODUCT, routes=(Route.USER,)))
        yield one


async def test_the_live_tools_are_listed_with_the_schema_of_their_arguments(served: Served) -> None:
    listed = (await served.client.get("/tools")).json()["data"]
    assert [one["name"] for one in listed] == ["product", "sum"]
    assert listed[1]["parameters"]["properties"]["left"] == {"type": "integer"}
    assert listed[1]["parameters"]["required"] == ["left", "right"]
    assert [one["reads_questions"] for one in listed] == [False, True]


async def test_a_tool_describes_itself_as_openapi(served: Served) -> None:
    document = (await served.client.get("/tools/sum")).json()
    assert document["openapi"] == "3.1.0"
    assert set(document["paths"]) == {"/tools/sum", "/tools/sum/batch"}
    assert set(document["components"]["schemas"]) == {"Arguments", "Question", "Result", "Error"}
    assert "The sum of two whole numbers, in digits." in document["info"]["description"]


async def test_a_tool_answers_from_arguments(served: Served) -> None:
    response = await served.client.post("/tools/sum", json={"left": 40, "right": 2})
    assert response.json() == {"tool": "sum", "version": 1, "answer": "42"}
    assert served.upstream.seen == []


async def test_a_tool_answers_a_question_that_it_reads(served: Served) -> None:
    response = await served.client.post("/tools/sum", json={"question": "What is the sum of 40 and 2?"})
    assert response.json()["answer"] == "42"
    await served.learner.caught_up()
    [kept] = (await served.loop()).store.answers_of("sum", 1)
    assert (kept.id, kept.answer) == (response.json()["request_id"], "42")
    assert response.headers["x-hammerstone-request-id"] == kept.id


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"left": "4", "right": 2}, "left: Input should be a valid integer"),
        ({"left": 4}, "right: Field required"),
        ({"left": 4, "right": 2, "third": 1}, "third: Extra inputs are not permitted"),
        ({"question": 4}, "question: Input should be a valid string"),
        ([4, 2], "the arguments are a JSON object"),
    ],
)
async def test_an_error_names_the_argument(served: Served, given: object, said: str) -> None:
    response = await served.client.post("/tools/sum", json=given)
    assert (response.status_code, response.json()["error"]["code"]) == (422, "invalid_arguments")
    assert said in response.json()["error"]["message"]


async def test_a_question_that_the_parser_refuses_is_an_error_with_the_reason(served: Served) -> None:
    response = await served.client.post("/tools/sum", json={"question": "How much is 40 and 2?"})
    assert (response.status_code, response.json()["error"]["code"]) == (422, "refused")
    assert "parse returned None" in response.json()["error"]["message"]


async def test_a_tool_without_a_parser_takes_arguments_only(served: Served) -> None:
    asked = await served.client.post("/tools/product", json={"question": "What is the product of 4 and 2?"})
    assert (asked.status_code, asked.json()["error"]["code"]) == (422, "no_parser")
    assert (await served.client.post("/tools/product", json={"left": 4, "right": 2})).json()["answer"] == "8"


async def test_a_call_that_fails_says_how(served: Served) -> None:
    store = (await served.loop()).store
    store.publish(tool("broken", SUM.replace("str(left + right)", "str(left // right)")))
    response = await served.client.post("/tools/broken", json={"left": 4, "right": 0})
    assert (response.status_code, response.json()["error"]["code"]) == (422, "tool_failed")
    assert "ZeroDivisionError" in response.json()["error"]["message"]


async def test_a_tool_that_is_not_live_is_not_there(served: Served) -> None:
    store = (await served.loop()).store
    store.set_tool_state("sum", None, ToolState.DISABLED)
    for path in ("/tools/sum", "/tools/nothing"):
        response = await served.client.post(path, json={"left": 4, "right": 2})
        assert (response.status_code, response.json()["error"]["code"]) == (404, "tool_not_found")


async def test_a_batch_has_a_result_or_an_error_for_each_item(served: Served) -> None:
    items = [{"left": 4, "right": 2}, {"left": 4}, {"question": "What is the sum of 1 and 2?"}, 7]
    data = (await served.client.post("/tools/sum/batch", json=items)).json()["data"]
    assert [one.get("answer") for one in data] == ["6", None, "3", None]
    assert data[1]["error"]["message"] == "right: Field required"
    assert data[2]["request_id"].endswith("-3")


@pytest.mark.parametrize("given", [{"question": "What is the sum of 40 and 2?"}, {"left": 40, "right": 2}])
async def test_a_sandbox_that_fails_is_told_to_the_operator_alone(
    served: Served, monkeypatch: pytest.MonkeyPatch, given: dict[str, JSON]
) -> None:
    async def fails(*_: object, **__: object) -> NoReturn:
        raise SandboxError("/srv/own/bwrap cannot be started")

    monkeypatch.setattr("hammerstone.routes.parser_route.parser.answer", fails)
    monkeypatch.setattr("hammerstone.server.tool_calls.call_solve", fails)
    response = await served.client.post("/tools/sum", json=given)
    assert (response.status_code, response.json()["error"]["code"]) == (503, "sandbox")
    assert "bwrap" not in response.text


async def test_a_batch_is_bounded(served: Served) -> None:
    for items in ([{}] * (MAX_BATCH + 1), {"left": 4}):
        response = await served.client.post("/tools/sum/batch", json=items)
        assert (response.status_code, response.json()["error"]["code"]) == (422, "invalid_batch")
    assert (await served.client.post("/tools/sum/batch", json=[])).json()["data"] == []


async def test_a_person_s_label_wins_over_the_tool(served: Served) -> None:
    store = (await served.loop()).store
    question = "What is the sum of 5000 and 1?"
    store.add_instance("sum", Instance(question=question, answer="five", source=Source.LABELER), request_id="1")
    response = await served.client.post("/tools/sum", json={"question": question})
    assert (response.json()["answer"], response.json()["labeled"]) == ("five", True)


@pytest.mark.parametrize("form", list(Form))
async def test_a_person_s_label_wins_over_a_tool_for_chats_whose_other_turns_are_not_known(
    served: Served, form: Form
) -> None:
    store = (await served.loop()).store
    store.publish(replace(tool("of_chats"), frame=Frame(digest="0" * 16, form=form)))
    question = "What is the sum of 5000 and 1?"
    store.add_instance("of_chats", Instance(question=question, answer="five", source=Source.LABELER), request_id="1")
    response = await served.client.post("/tools/of_chats", json={"question": question})
    assert (response.json()["answer"], response.json()["labeled"]) == ("five", True)


async def test_a_tool_for_chats_is_asked_by_the_question_alone(served: Served) -> None:
    await served.learn_sums()
    listed = (await served.client.get("/tools")).json()["data"]
    [name] = {one["name"] for one in listed} - {"product", "sum"}
    response = await served.client.post(f"/tools/{name}", json={"question": "What is the sum of 4000 and 321?"})
    assert response.json()["answer"] == "4321"
    await served.learner.caught_up()
    [kept] = (await served.loop()).store.answers_of(name, 1)
    assert kept.chat is not None
    assert [one.content for one in kept.chat.messages] == [one["content"] for one in body(kept.question)["messages"]]


@pytest.mark.parametrize(
    ("sent", "kind", "status"),
    [
        (b'{"left": 1, "left": 2}', "application/json", 400),
        (b'{"left": NaN, "right": 2}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"\xff", "application/json", 400),
        (b'{"left": 1, "right": 2}', "text/plain", 415),
    ],
)
async def test_a_body_that_is_no_json_is_refused(served: Served, sent: bytes, kind: str, status: int) -> None:
    response = await served.client.post("/tools/sum", content=sent, headers={"content-type": kind})
    assert response.status_code == status


async def test_web_pages_of_another_site_may_not_ask(served: Served) -> None:
    arguments = {"left": 1, "right": 2}
    response = await served.client.post("/tools/sum", json=arguments, headers={"origin": "https://evil.example"})
    assert (response.status_code, response.json()["error"]["code"]) == (403, "cross_site")
    own = await served.client.post("/tools/sum", json=arguments, headers={"origin": "http://localhost"})
    assert own.status_code == 200
