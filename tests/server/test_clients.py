"""Official clients, unchanged but for one URL: what they read of an answer that no model gave."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import anthropic
import openai
import pytest
from pydantic import BaseModel

from ..samples.sums import SUM, tool
from .fake_upstream import FakeUpstream
from .live import MODEL, Listening, frame, listening, publish_sums
from .sums import adding

NODE = Path(__file__).parent / "node"
QUESTION = "What is the sum of 4000 and 321?"
SYSTEM = "You add."


class Total(BaseModel):
    total: int


CHAT_FORMAT = {
    "type": "json_schema",
    "json_schema": {
        "schema": {
            "properties": {"total": {"title": "Total", "type": "integer"}},
            "required": ["total"],
            "title": "Total",
            "type": "object",
            "additionalProperties": False,
        },
        "name": "Total",
        "strict": True,
    },
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    home = tmp_path_factory.mktemp("home") / "home"
    as_json = SUM.replace("return str(left + right)", "return '{\"total\": ' + str(left + right) + '}'")
    structured = replace(tool("sum_json"), source=as_json, checks=(), frame=frame(CHAT_FORMAT))
    with listening(publish(home, structured), FakeUpstream(adding)) as one:
        yield one


def publish(home: Path, *others) -> Path:
    publish_sums(home, *others)
    return home


@pytest.fixture
def client(gateway: Listening) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="mine", max_retries=0) as one:
        yield one


@pytest.fixture
def claude(gateway: Listening) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=gateway.url, api_key="mine", max_retries=0) as one:
        yield one


@pytest.fixture(autouse=True)
def no_upstream(gateway: Listening) -> Iterator[None]:
    """Every answer here is a hit."""
    yield
    assert gateway.upstream.seen == []


def chat() -> list[dict[str, str]]:
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}]


def test_chat_completions(client: openai.OpenAI) -> None:
    reply = client.chat.completions.create(model=MODEL, messages=chat())
    assert reply.choices[0].message.content == "4321"
    assert reply.usage is not None
    assert (reply.model, reply.usage.total_tokens) == (MODEL, 0)


def test_chat_completions_streamed(client: openai.OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model=MODEL, messages=chat(), stream=True, stream_options={"include_usage": True}
        )
    )
    assert "".join(one.choices[0].delta.content or "" for one in chunks if one.choices) == "4321"
    assert chunks[-1].usage is not None


def test_the_streaming_helper(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model=MODEL, messages=chat()) as stream:
        assert stream.get_final_completion().choices[0].message.content == "4321"


def test_structured_output(client: openai.OpenAI) -> None:
    reply = client.chat.completions.parse(model=MODEL, messages=chat(), response_format=Total)
    assert reply.choices[0].message.parsed == Total(total=4321)


def test_responses(client: openai.OpenAI) -> None:
    reply = client.responses.create(model=MODEL, instructions=SYSTEM, input=QUESTION, store=False)
    assert (reply.output_text, reply.status) == ("4321", "completed")


def test_a_response_repeats_what_was_wished_for(client: openai.OpenAI) -> None:
    wishes = {"temperature": 0.5, "max_output_tokens": 100, "metadata": {"a": "b"}}
    reply = client.responses.create(model=MODEL, instructions=SYSTEM, input=QUESTION, store=False, **wishes)
    assert (reply.instructions, reply.temperature, reply.max_output_tokens) == (SYSTEM, 0.5, 100)
    assert (reply.metadata, reply.top_p) == ({"a": "b"}, 1.0)


def test_structured_responses(client: openai.OpenAI) -> None:
    reply = client.responses.parse(model=MODEL, instructions=SYSTEM, input=QUESTION, store=False, text_format=Total)
    assert reply.output_parsed == Total(total=4321)


def test_responses_streamed(client: openai.OpenAI) -> None:
    with client.responses.stream(model=MODEL, instructions=SYSTEM, input=QUESTION, store=False) as stream:
        kinds = [event.type for event in stream]
        assert stream.get_final_response().output_text == "4321"
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"


def test_anthropic_messages(claude: anthropic.Anthropic) -> None:
    reply = claude.messages.create(
        model=MODEL, max_tokens=100, system=SYSTEM, messages=[{"role": "user", "content": QUESTION}]
    )
    assert reply.content[0].type == "text"
    assert (reply.content[0].text, reply.stop_reason) == ("4321", "end_turn")


def test_anthropic_messages_streamed(claude: anthropic.Anthropic) -> None:
    with claude.messages.stream(
        model=MODEL, max_tokens=100, system=SYSTEM, messages=[{"role": "user", "content": QUESTION}]
    ) as stream:
        assert "".join(stream.text_stream) == "4321"
        assert stream.get_final_message().stop_reason == "end_turn"


def test_curl(gateway: Listening) -> None:
    sent = json.dumps({"model": MODEL, "messages": chat()})
    command = ["curl", "-sS", "-H", "content-type: application/json", "-d", sent, f"{gateway.url}/v1/chat/completions"]
    reply = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert reply["choices"][0]["message"]["content"] == "4321"


@pytest.mark.skipif(
    shutil.which("node") is None or not (NODE / "node_modules").is_dir(),
    reason="needs Node and its clients: npm install --no-package-lock --prefix tests/server/node",
)
def test_the_node_clients(gateway: Listening) -> None:
    command = ["node", str(NODE / "clients.mjs"), gateway.url, QUESTION]
    lines = subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()
    said = {one["name"]: one["text"] for one in map(json.loads, lines)}
    names = ("chat", "stream", "runner", "responses", "responses stream", "messages", "messages stream")
    assert said == dict.fromkeys(names, "4321")


@pytest.mark.skipif("HAMMERSTONE_TEST_LLM" not in os.environ, reason="needs the `llm` command, which .ci/run installs")
def test_the_llm_command(gateway: Listening, tmp_path: Path) -> None:
    known = [{"model_id": MODEL, "model_name": MODEL, "api_base": f"{gateway.url}/v1"}]
    (tmp_path / "extra-openai-models.yaml").write_text(json.dumps(known))  # JSON is YAML
    environment = {**os.environ, "LLM_USER_PATH": str(tmp_path), "OPENAI_API_KEY": "mine"}
    command = [os.environ["HAMMERSTONE_TEST_LLM"], "-m", MODEL, "-s", SYSTEM, "--no-stream", QUESTION]
    reply = subprocess.run(command, capture_output=True, check=True, text=True, env=environment)
    assert reply.stdout.strip() == "4321"
