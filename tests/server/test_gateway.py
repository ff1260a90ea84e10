"""Requests through the gateway: what a tool answers, what goes to the upstream as it came, and what is learned."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest

from hammerstone.sandbox import Sandbox
from hammerstone.server.controls import HEADER
from hammerstone.server.protocols.anthropic_messages import AnthropicMessages
from hammerstone.server.protocols.chat_completions import ChatCompletions
from hammerstone.server.protocols.completions import Completions
from hammerstone.server.protocols.contract import Completion, NotServedError, TextApi
from hammerstone.server.protocols.responses import Responses
from hammerstone.settings import LifeSettings, ServeSettings

from ..samples.sums import SETTINGS
from .fake_upstream import FakeUpstream, Reply
from .sums import CHAT, Served, body, open_gateway

pytestmark = pytest.mark.anyio

NEW = "What is the sum of 4000 and 321?"


@pytest.fixture
async def served(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[Served]:
    async with open_gateway(tmp_path / "home", sandbox) as one:
        yield one


async def test_after_a_few_requests_a_tool_answers_without_the_upstream(served: Served) -> None:
    await served.learn_sums()
    asked = len(served.upstream.seen)
    response = await served.ask(NEW)
    reply = response.json()
    assert reply["choices"][0]["message"]["content"] == "4321"
    assert reply["choices"][0]["finish_reason"] == "stop"
    assert reply["model"] == "gpt-4o-mini"
    assert reply["usage"] == {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    assert len(served.upstream.seen) == asked
    assert response.headers[HEADER + "route"] == "parser"
    assert response.headers[HEADER + "tool"].endswith("@1")
    assert float(response.headers[HEADER + "saved-usd"]) > 0


async def test_a_streamed_hit_says_the_same_in_pieces(served: Served) -> None:
    await served.learn_sums()
    response = await served.ask(NEW, stream=True, stream_options={"include_usage": True})
    events = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
    assert events[-1] == "[DONE]"
    chunks = [json.loads(one) for one in events[:-1]]
    said = "".join(one["choices"][0]["delta"].get("content", "") for one in chunks if one["choices"])
    assert said == "4321"
    assert [one["choices"][0]["finish_reason"] for one in chunks if one["choices"]][-1] == "stop"
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["total_tokens"] == 0


async def test_a_miss_reaches_the_upstream_byte_for_byte(served: Served) -> None:
    sent = b'{ "messages":[{"role":"user","content":"caf\\u00e9 \xc3\xa9"}],  "model":"m", "x_unknown": {"b":1,"a":2} }'
    headers = {
        "authorization": "Bearer mine",
        "x-custom": "1",
        "content-type": "application/json",
        HEADER + "task": "t",
    }
    response = await served.client.post(CHAT + "?beta=1&x=%20", content=sent, headers=headers)
    assert response.status_code == 200
    seen = served.upstream.seen[0]
    assert (seen.method, seen.path, seen.query, seen.body) == ("POST", CHAT, b"beta=1&x=%20", sent)
    assert (seen.header("authorization"), seen.header("x-custom")) == ("Bearer mine", "1")
    assert seen.header(HEADER + "task") is None
    assert response.headers[HEADER + "route"] == "upstream"


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
async def test_the_upstreams_errors_come_back_as_they_are(tmp_path: Path, sandbox: Sandbox, status: int) -> None:
    said = b'{"error": {"message":  "no", "type": "x"}}'
    head = (
        (b"content-type", b"application/json"),
        (b"retry-after", b"7"),
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
    )
    upstream = FakeUpstream(lambda _: Reply(chunks=(said,), status=status, headers=head))
    async with open_gateway(tmp_path, sandbox, upstream) as served:
        response = await served.ask(NEW)
        assert (response.status_code, response.content) == (status, said)
        assert response.headers["retry-after"] == "7"
        assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
        assert (await served.loop()).store.tasks() == ()


async def test_streams_are_learned_from_like_whole_replies(served: Served) -> None:
    await served.learn_sums(stream=True)
    response = await served.ask(NEW)
    assert response.headers[HEADER + "route"] == "parser"


@pytest.mark.parametrize(
    ("control", "route"),
    [
        ({HEADER + "bypass": "true"}, "upstream"),
        ({"cache-control": "no-cache"}, "upstream"),
        ({HEADER + "shadow": "1"}, "upstream"),
        ({HEADER + "only-if-hit": "true"}, "parser"),
        ({"cache-control": "only-if-cached"}, "parser"),
        ({"cache-control": "max-age=10, no-transform"}, "parser"),
        ({HEADER + "bypass": "false"}, "parser"),
        ({HEADER + "no-store": "true"}, "upstream"),
        ({"cache-control": "no-store"}, "upstream"),
    ],
)
async def test_a_client_controls_one_request(served: Served, control: dict[str, str], route: str) -> None:
    await served.learn_sums()
    response = await served.ask(NEW, headers=control)
    assert response.headers[HEADER + "route"] == route


async def test_cache_control_may_stand_in_several_lines(served: Served) -> None:
    await served.learn_sums()
    lines = [("cache-control", "max-age=60"), ("cache-control", "no-cache")]
    response = await served.client.post(CHAT, json=body(NEW), headers=lines)
    assert response.headers[HEADER + "route"] == "upstream"


async def test_controls_may_stand_in_the_metadata(served: Served) -> None:
    await served.learn_sums()
    response = await served.ask(NEW, metadata={"hammerstone-bypass": "true"})
    assert response.headers[HEADER + "route"] == "upstream"
    assert served.upstream.seen[-1].json["metadata"] == {"hammerstone-bypass": "true"}


async def test_only_if_hit_is_an_error_where_no_tool_answers(served: Served) -> None:
    response = await served.ask(NEW, headers={HEADER + "only-if-hit": "yes"})
    assert (response.status_code, response.json()["error"]["code"]) == (504, "no_hit")
    assert served.upstream.seen == []


async def test_contradicting_controls_are_refused(served: Served) -> None:
    response = await served.ask(NEW, headers={HEADER + "only-if-hit": "1", "cache-control": "no-cache"})
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_control")


async def test_what_must_not_be_stored_leaves_nothing(served: Served) -> None:
    await served.learn_sums(headers={"cache-control": "no-store"})
    loop = await served.loop()
    assert loop.store.tasks() == ()
    assert (await served.ask(NEW)).headers[HEADER + "route"] == "upstream"


async def test_nothing_is_learned_from_a_reply_that_a_stop_sequence_may_have_cut(served: Served) -> None:
    await served.learn_sums(stop=[" because"])
    loop = await served.loop()
    assert loop.store.tasks() == ()
    assert (await served.ask(NEW)).headers[HEADER + "route"] == "upstream"
    await served.learn_sums(stop=[])
    assert (await served.ask(NEW, stop=[" because"])).headers[HEADER + "route"] == "parser"


@pytest.mark.parametrize(
    ("api", "stops", "tells"),
    [
        (ChatCompletions(), {"stop": ["."]}, False),
        (Completions(), {"stop": "."}, False),
        (Completions(), {"stop": []}, True),
        (AnthropicMessages(), {"stop_sequences": ["."]}, True),
        (Responses(), {}, True),
    ],
)
def test_only_an_api_that_names_the_stop_sequence_tells_how_a_reply_ended(
    api: TextApi, stops: dict[str, object], tells: bool
) -> None:
    assert api.reports_end({"model": "m", **stops}) is tells


def test_a_list_of_one_prompt_is_read_as_that_prompt_and_longer_ones_go_to_the_upstream() -> None:
    api = Completions()
    assert api.read({"model": "m", "prompt": [NEW]}) == api.read({"model": "m", "prompt": NEW})
    for prompt in ([NEW, NEW], [], [[1, 2]], [7]):
        with pytest.raises(NotServedError):
            api.read({"model": "m", "prompt": prompt})


def test_a_hit_of_the_responses_repeats_what_was_asked_for() -> None:
    asked = {"parallel_tool_calls": False, "service_tier": "flex", "user": "u-1", "temperature": 0.5}
    whole = Responses().whole(Completion(id="1", text="4321", created=1, body={"model": "m", "input": NEW, **asked}))
    assert {name: whole[name] for name in asked} == asked


async def test_the_caller_may_name_the_task(served: Served) -> None:
    await served.learn_sums(headers={HEADER + "task": "adding"})
    loop = await served.loop()
    assert [task.name for task in loop.store.tasks()] == ["adding"]


@pytest.mark.parametrize("name", ["сумма", "合計", "somme_à_faire"])
async def test_a_tool_may_have_a_name_in_any_script(served: Served, name: str) -> None:
    await served.learn_sums(metadata={"hammerstone-task": name})
    for named in (name.encode(), quote(name).encode()):
        response = await served.client.post(CHAT, json=body(NEW), headers={HEADER.encode() + b"task": named})
        assert response.headers[HEADER + "route"] == "parser"
    response = await served.ask(NEW)
    assert response.headers[HEADER + "route"] == "parser"
    assert HEADER + "fault" not in response.headers
    assert unquote(response.headers[HEADER + "tool"]) == f"{name}@1"


async def test_a_limit_that_the_upstreams_answer_kept_to_is_kept_to_when_it_is_given_again(served: Served) -> None:
    limited: dict[str, Any] = {"temperature": 0, "max_tokens": 1}
    routes = [(await served.ask("How much is 70 and 50?", **limited)).headers[HEADER + "route"] for _ in range(2)]
    assert routes == ["upstream", "exact"]


async def test_the_very_same_request_at_temperature_zero_is_answered_again(served: Served) -> None:
    question = "How much is 1 and 2 and 3?"
    first = await served.ask(question, temperature=0)
    second = await served.ask(question, temperature=0, stream=True, user="somebody else")
    assert (first.headers[HEADER + "route"], second.headers[HEADER + "route"]) == ("upstream", "exact")
    assert "6" in second.text
    others = [
        await served.ask(question, temperature=0, max_tokens=500),
        await served.ask(question, temperature=0, headers={"openai-beta": "x=v1"}),
        await served.ask(question, temperature=0, headers=[("openai-beta", "x=v1"), ("openai-beta", "y=v1")]),
        await served.ask(question, f"{CHAT}?api-version=2", temperature=0),
    ]
    assert [one.headers[HEADER + "route"] for one in others] == ["upstream"] * 4


@pytest.mark.parametrize("status", [101, 199, 600, 999])
async def test_a_status_that_ends_no_request_is_an_error(tmp_path: Path, sandbox: Sandbox, status: int) -> None:
    async with open_gateway(tmp_path, sandbox, FakeUpstream(lambda _: Reply.of({}, status))) as served:
        for response in (await served.ask(NEW), await served.client.get("/v1/models")):
            assert (response.status_code, response.json()["error"]["code"]) == (502, "upstream_unreadable")


async def test_without_a_temperature_nothing_is_answered_by_repetition(served: Served) -> None:
    question = "How much is 1 and 2 and 3?"
    routes = [(await served.ask(question)).headers[HEADER + "route"] for _ in range(2)]
    assert routes == ["upstream", "upstream"]


async def test_a_body_that_is_too_large_is_refused(tmp_path: Path, sandbox: Sandbox) -> None:
    async with open_gateway(tmp_path, sandbox, serve=ServeSettings(max_body_mb=0.001)) as served:
        response = await served.ask("x" * 2000)
        assert (response.status_code, response.json()["error"]["code"]) == (413, "request_too_large")
        assert served.upstream.seen == []


@pytest.mark.parametrize(
    "sent",
    [
        *(b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe"),
        b'{"messages": [{"role":"user","content":"x"}], "messages": []}',
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
    ],
    ids=range(8),
)
async def test_what_is_no_request_goes_to_the_upstream_as_it_came(
    tmp_path: Path, sandbox: Sandbox, sent: bytes
) -> None:
    upstream = FakeUpstream(lambda _: Reply.of({"error": {"message": "bad"}}, 400))
    async with open_gateway(tmp_path, sandbox, upstream) as served:
        response = await served.client.post(CHAT, content=sent)
        assert response.status_code == 400
        assert served.upstream.seen[0].body == sent


async def test_other_endpoints_are_passed_through(served: Served) -> None:
    listed = await served.client.get("/v1/models?limit=1")
    assert listed.json()["data"][0]["id"] == "gpt-4o-mini"
    deleted = await served.client.delete("/v1/files/f-1")
    assert deleted.status_code == 200
    assert [(one.method, one.path, one.query) for one in served.upstream.seen] == [
        ("GET", "/v1/models", b"limit=1"),
        ("DELETE", "/v1/files/f-1", b""),
    ]


@pytest.mark.parametrize("control", [{HEADER + "only-if-hit": "true"}, {"cache-control": "only-if-cached"}], ids=str)
async def test_what_no_tool_could_answer_is_not_passed_on_where_only_a_hit_is_wanted(
    served: Served, control: dict[str, str]
) -> None:
    response = await served.client.post("/v1/embeddings", json={"input": "a"}, headers=control)
    assert (response.status_code, response.json()["error"]["code"]) == (504, "no_hit")
    assert served.upstream.seen == []


async def test_if_our_own_parts_fail_requests_still_reach_the_upstream(served: Served) -> None:
    await served.learn_sums()
    loop = await served.loop()

    async def broken(_: object) -> None:
        raise OSError("disk gone")

    loop.router.cheaply = broken
    response = await served.ask(NEW)
    assert (response.status_code, response.headers[HEADER + "route"]) == (200, "upstream")
    assert response.headers[HEADER + "fault"] == "OSError"


async def test_a_tool_in_shadow_serves_after_it_has_agreed_with_the_upstream(tmp_path: Path, sandbox: Sandbox) -> None:
    settings = replace(SETTINGS, life=LifeSettings(shadow=3))
    async with open_gateway(tmp_path / "home", sandbox, settings=settings) as served:
        await served.learn_sums()
        routes = [
            (await served.ask(f"What is the sum of {number * 7919 + 11} and {number * number + 5}?")).headers[
                HEADER + "route"
            ]
            for number in range(5)
        ]
        assert routes == ["upstream", "upstream", "upstream", "parser", "parser"]
