"""What tells one model from another: whoever would answer otherwise is another model."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from pydantic_ai.messages import ModelResponse, TextPart
from pydantic_ai.models.function import FunctionModel as PydanticFunctionModel

from hammerstone.models import MailboxModel, Prompt, RecordedModel, RecordingModel, Reply, identity_of, open_model
from hammerstone.models.provider import ProviderModel
from hammerstone.testing import FunctionModel, ScriptedModel

from .local_provider import ask

pytestmark = pytest.mark.anyio

BASE_URLS = ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "OLLAMA_BASE_URL")


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "OPENROUTER_API_KEY"):
        monkeypatch.setenv(key, "not-a-real-key")
    for variable in BASE_URLS:
        monkeypatch.delenv(variable, raising=False)


def at(url: str, spec: str = "openai:small") -> str:
    return identity_of(open_model(spec, base_url=url))


# providers


@pytest.mark.parametrize(
    "spec",
    [
        "openai:gpt-5-mini",
        "openai-chat:gpt-5-mini",
        "anthropic:claude-haiku-4-5",
        "google:gemini-2.5-flash",
        "ollama:llama3.2:3b",
        "openrouter:a/b",
    ],
)
def test_at_its_providers_public_endpoint_a_model_is_known_by_its_name(spec: str) -> None:
    assert identity_of(open_model(spec)) == spec


@pytest.mark.parametrize(
    "url", ["https://api.openai.com/v1", "https://api.openai.com/v1/", "https://API.openai.com:443/v1"]
)
def test_the_public_endpoint_may_be_named_as_well(url: str) -> None:
    assert at(url) == "openai:small"


def test_another_endpoint_is_another_model() -> None:
    urls = [
        "http://127.0.0.1:8001/v1",
        "http://127.0.0.1:8002/v1",
        "https://127.0.0.1:8002/v1",
        "http://localhost:8001/v1",
        "http://127.0.0.1:8001/v2",
        "http://127.0.0.1:8001/V1",
        "https://api.deepseek.com",
        "http://[::1]:8001/v1",
    ]
    assert len({at(url) for url in urls} | {"openai:small"}) == len(urls) + 1
    assert at(urls[0]) == "openai:small at http://127.0.0.1:8001/v1"


def test_one_endpoint_written_in_several_ways_is_one_model() -> None:
    urls = ["http://Server/v1", "http://server:80/v1", "http://server/v1/", "http://server:80/v1//"]
    assert {at(url) for url in urls} == {"openai:small at http://server/v1"}


@pytest.mark.parametrize(
    ("variable", "spec"),
    [
        ("OPENAI_BASE_URL", "openai:gpt-5-mini"),
        ("ANTHROPIC_BASE_URL", "anthropic:claude-haiku-4-5"),
        ("OLLAMA_BASE_URL", "ollama:llama3.2"),
    ],
)
def test_an_endpoint_from_the_environment_counts_as_well(
    variable: str, spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "http://gateway.local/v1")
    assert identity_of(open_model(spec)) == f"{spec} at http://gateway.local/v1"


def test_an_identity_shows_no_secret_of_the_address_but_knows_whom_it_selects() -> None:
    plain, ann, bob = (at(f"http://{user}server/v1") for user in ("", "ann:open-sesame@", "bob:open-sesame@"))
    one, other = (at(f"http://server/v1?key={key}") for key in ("AIzaOpenSesame", "AIzaOther"))

    assert len({plain, ann, bob, one, other}) == 5
    assert at("http://ann:new-password@server/v1") == ann
    for hidden in ("sesame", "ann", "bob", "AIza", "key"):
        assert hidden not in f"{ann} {bob} {one} {other}".lower().replace("openai", "")


def test_a_model_without_an_endpoint_is_known_by_its_name() -> None:
    inner = PydanticFunctionModel(lambda *_: ModelResponse(parts=[TextPart("a")]))
    assert ProviderModel(inner, name="m", timeout_seconds=1, concurrency=1, attempts=1).identity == "m"


# folders and files


def test_two_mailboxes_are_two_models_and_one_is_itself_from_wherever_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    identities = []
    for name in ("one", "two"):
        monkeypatch.chdir(tmp_path / name)
        identities.append(MailboxModel("box").identity)
    assert len(set(identities)) == 2
    assert MailboxModel(tmp_path / "two" / "box").identity == identities[1]


async def test_another_recording_is_another_model_also_at_the_same_path(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    identities = []
    for text in ("a", "b", "a"):
        file.unlink(missing_ok=True)
        await RecordingModel(ScriptedModel([text]), file).complete(ask("q"))
        identities.append(RecordedModel(file).identity)
    assert identities[0] == identities[2] != identities[1]


def test_a_recording_model_is_the_model_that_it_records(tmp_path: Path) -> None:
    live = open_model("openai:small", base_url="http://server/v1")
    assert RecordingModel(live, tmp_path / "r.jsonl").identity == identity_of(live)


async def test_another_models_replies_in_a_recording_are_not_replayed_for_this_one(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    for text in ("from A", "from B"):
        assert (await RecordingModel(FunctionModel(answers(text)), file).complete(ask("q"))).text == text

    for text in ("from A", "from B"):
        live = FunctionModel(answers(text))
        assert (await RecordingModel(live, file).complete(ask("q"))).text == text
        assert live.prompts == []


async def test_a_recording_says_nothing_of_the_server_that_was_asked(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    live = ScriptedModel([Reply(text="a", model="m")], name="m at http://inner.host/v1")
    await RecordingModel(live, file).complete(ask("q"))
    assert "inner.host" not in file.read_text()


async def test_recordings_of_earlier_versions_do_not_name_the_model_and_are_replayed(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    await RecordingModel(ScriptedModel(["a"]), file).complete(ask("q"))
    record = json.loads(file.read_text())
    del record["model"]
    file.write_text(json.dumps(record) + "\n")

    assert (await RecordingModel(ScriptedModel([], name="any"), file).complete(ask("q"))).text == "a"


def test_a_model_that_knows_its_name_alone_is_known_by_it() -> None:
    class Own:
        name = "own"

        async def complete(self, prompt: Prompt) -> None: ...

    assert identity_of(Own()) == "own"  # type: ignore[arg-type]  # as one without types would write it


# functions


def answers(text: str) -> Callable[[Prompt], str]:
    return lambda _: text


def looked_up(table: dict[str, str]) -> Callable[[Prompt], str]:
    return lambda prompt: table[prompt.messages[-1].content]


def fixed(text: str, _: Prompt) -> str:
    return text


async def later(_: Prompt) -> str:
    return "a"


class Bot:
    def __init__(self, text: str) -> None:
        self.text = text
        self.asked: list[Prompt] = []

    def reply(self, prompt: Prompt) -> str:
        self.asked.append(prompt)
        return self.text

    def __call__(self, prompt: Prompt) -> str:
        return self.reply(prompt)


PAIRS = {
    "two lambdas": (lambda _: "a", lambda _: "b"),
    "closures": (answers("a"), answers("b")),
    "closures over tables": (looked_up({"q": "a"}), looked_up({"q": "b"})),
    "defaults": (lambda _, text="a": text, lambda _, text="b": text),
    "bound arguments": (partial(fixed, "a"), partial(fixed, "b")),
    "methods": (Bot("a").reply, Bot("b").reply),
    "objects": (Bot("a"), Bot("b")),
    "functions inside": (lambda prompt: answers("a")(prompt), lambda prompt: answers("b")(prompt)),
    "sync and async": (answers("a"), later),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_two_functions_are_two_models(pair: str) -> None:
    one, other = PAIRS[pair]
    assert FunctionModel(one).identity != FunctionModel(other).identity
    assert FunctionModel(one).name == FunctionModel(other).name == "function"


@pytest.mark.parametrize("pair", PAIRS)
def test_one_function_is_one_model_whatever_it_has_been_asked(pair: str) -> None:
    function, _ = PAIRS[pair]
    before = FunctionModel(function).identity
    if pair in ("methods", "objects"):
        function(ask("q"))  # it writes into a list of its own
    assert FunctionModel(function).identity == before


def test_functions_made_alike_are_one_model() -> None:
    assert FunctionModel(answers("a")).identity == FunctionModel(answers("a")).identity
    assert FunctionModel(Bot("a").reply).identity == FunctionModel(Bot("a").reply).identity


PROGRAM = """
import sys
from hammerstone.testing import FunctionModel
REPLIES, calls, kinds = {{"q": {reply!r}}}, [], {{"x", "y", "z"}}
def helper(text): return REPLIES[text]
def model(prompt):
    calls.append(prompt)
    return helper(prompt.messages[-1].content) if kinds else ""
print(FunctionModel(model).identity)
"""


def test_the_same_function_in_another_process_is_the_same_model_and_one_with_other_values_is_not() -> None:
    def run(reply: str, seed: int) -> str:
        command = [sys.executable, "-c", PROGRAM.format(reply=reply)]
        environment = {"PYTHONHASHSEED": str(seed)}
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout

    assert run("a", 1) == run("a", 2) != run("b", 1)


def test_a_function_over_anything_has_an_identity() -> None:
    loop: list[object] = [object(), b"\xff", "\ud800", 1e999, {"a": {1, (2, "x")}}, sys, print, type]
    loop.append(loop)
    for _ in range(30):
        loop = [loop, *loop]
    assert FunctionModel(lambda _: str(loop)).identity.startswith("function#")


def test_a_scripted_model_is_known_by_its_name() -> None:
    assert identity_of(ScriptedModel(["a"], name="s")) == identity_of(ScriptedModel([], name="s")) == "s"
