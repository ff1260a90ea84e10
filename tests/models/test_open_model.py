from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import hammerstone.models
from hammerstone.errors import RecordingError, SettingsError
from hammerstone.models import MailboxModel, RecordedModel, identity_of, open_model
from hammerstone.models.spec import split_url

KEYS = ["OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_KEY"]


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in KEYS:
        monkeypatch.delenv(key, raising=False)


def test_a_recording_and_a_mailbox_are_named_by_their_path(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").touch()

    recorded, mailbox = open_model(f"recorded:{tmp_path}/r.jsonl"), open_model(f"mailbox:{tmp_path}/box")

    assert isinstance(recorded, RecordedModel)
    assert recorded.name == f"recorded:{tmp_path}/r.jsonl"
    assert isinstance(mailbox, MailboxModel)
    assert mailbox.name == f"mailbox:{tmp_path}/box"


@pytest.mark.parametrize("spec", ["", "gpt-5", "openai:", ":gpt-5", "recorded:"])
def test_a_name_without_provider_or_model_shows_how_to_write_one(spec: str) -> None:
    with pytest.raises(SettingsError, match="does not name a model") as caught:
        open_model(spec)
    for form in ("provider:model", "openai:", "anthropic:", "ollama:", "recorded:FILE", "mailbox:DIR"):
        assert form in caught.value.hint


def test_an_unknown_provider_is_a_settings_error() -> None:
    with pytest.raises(SettingsError, match="antropic") as caught:
        open_model("antropic:claude-sonnet-5-5")
    assert "provider:model" in caught.value.hint


@pytest.mark.parametrize(
    ("spec", "variable"),
    [
        ("openai:gpt-5.4-mini", "OPENAI_API_KEY"),
        ("anthropic:claude-sonnet-5-5", "ANTHROPIC_API_KEY"),
        ("google:gemini-3.5-flash", "GOOGLE_API_KEY"),
    ],
)
def test_a_missing_key_names_the_variable_to_set(spec: str, variable: str) -> None:
    with pytest.raises(SettingsError) as caught:
        open_model(spec)
    assert caught.value.hint == f"set {variable} in the environment"
    assert "`" + variable in caught.value.message
    assert "Agent(" not in caught.value.message
    assert "Provider(" not in caught.value.message


def test_a_provider_whose_sdk_is_missing_says_what_to_install() -> None:
    with pytest.raises(SettingsError, match="SDK is not installed") as caught:
        open_model("mistral:mistral-large-latest")
    assert caught.value.hint == 'pip install "pydantic-ai-slim[mistral]"'


def test_ollama_needs_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OLLAMA_BASE_URL", raising=False)

    assert open_model("ollama:llama3.2:3b").name == "ollama:llama3.2:3b"


@pytest.mark.parametrize("spec", ["recorded:r.jsonl", "mailbox:box"])
def test_a_base_url_is_refused_where_there_is_no_server(spec: str) -> None:
    with pytest.raises(SettingsError, match="takes no base URL"):
        open_model(spec, base_url="http://127.0.0.1:8000/v1")


def test_a_base_url_is_refused_where_the_provider_has_one_address() -> None:
    with pytest.raises(SettingsError, match="takes no base URL") as caught:
        open_model("deepseek:deepseek-chat", base_url="http://127.0.0.1:8000/v1")
    assert "openai:NAME@URL" in caught.value.hint


def test_the_nearest_provider_is_offered_for_one_that_there_is_not() -> None:
    with pytest.raises(SettingsError) as caught:
        open_model("openia:gpt-5.4")
    assert caught.value.hint.startswith("did you mean openai?")


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        ("openai:qwen3@http://localhost:8000/v1", ("openai:qwen3", "http://localhost:8000/v1")),
        ("openai:qwen3@https://me:word@host/v1", ("openai:qwen3", "https://me:word@host/v1")),
        ("google:gemini@001@http://host/v1", ("google:gemini@001", "http://host/v1")),
        ("openai:@cf/meta/llama-3", ("openai:@cf/meta/llama-3", None)),
        ("ollama:llama3.2", ("ollama:llama3.2", None)),
    ],
)
def test_a_name_may_hold_the_address_of_a_server(spec: str, parts: tuple[str, str | None]) -> None:
    assert split_url(spec) == parts


def test_an_address_in_the_name_counts_before_the_base_url_and_is_the_same_model_as_with_it() -> None:
    url = "http://127.0.0.1:8000/v1"
    named = open_model(f"openai:small@{url}", base_url="http://127.0.0.1:1/v1")
    given = open_model("openai:small", base_url=url)
    assert (named.name, identity_of(named)) == ("openai:small", f"openai:small at {url}")
    assert (given.name, identity_of(given)) == (named.name, identity_of(named))


def test_a_path_of_a_recording_may_look_like_an_address(tmp_path: Path) -> None:
    file = tmp_path / "a@http:" / "r.jsonl"
    file.parent.mkdir()
    file.touch()
    assert open_model(f"recorded:{file}").name == f"recorded:{file}"


@pytest.mark.parametrize(("spec", "url"), [("openai:small", "http://127.0.0.1:1/v1"), ("anthropic:claude-x", None)])
def test_a_variable_that_holds_the_key_must_be_set(spec: str, url: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", "  ")
    with pytest.raises(SettingsError, match="no key in the environment variable MINE"):
        open_model(spec, base_url=url, api_key_env="MINE")


@pytest.mark.parametrize("spec", ["openai:gpt-5-mini", "anthropic:claude-haiku-4-5", "ollama:llama3.2"])
def test_a_variable_of_ones_own_holds_the_key_of_any_provider(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", "not-a-real-one")
    assert open_model(spec, api_key_env="MINE").name == spec


@pytest.mark.parametrize("option", [{"concurrency": 0}, {"attempts": 0}])
def test_less_than_one_request_or_attempt_is_refused(option: dict[str, int]) -> None:
    with pytest.raises(SettingsError, match="start at 1"):
        open_model("ollama:llama3.2", **option)  # type: ignore[arg-type]  # only the integer options


def test_a_missing_recording_is_noticed_when_it_is_opened(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="cannot read the recording"):
        open_model(f"recorded:{tmp_path}/none.jsonl")


def test_the_front_door_is_sorted_and_complete() -> None:
    assert hammerstone.models.__all__ == sorted(hammerstone.models.__all__)
    assert all(hasattr(hammerstone.models, name) for name in hammerstone.models.__all__)


def test_the_front_door_and_recordings_load_no_provider_and_no_price_table(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").touch()
    code = (
        "import sys; from hammerstone.models import open_model; "
        f"open_model('recorded:{tmp_path}/r.jsonl'); open_model('mailbox:{tmp_path}/box'); "
        "heavy = ('pydantic_ai', 'openai', 'anthropic', 'genai_prices', 'numpy'); "
        "print([name for name in heavy if name in sys.modules])"
    )

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("url", ["http://[::1", "http://host:port/v1"])
def test_a_mistyped_base_url_is_a_mistake_of_the_caller(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not-a-real-key")
    with pytest.raises(SettingsError, match="base URL") as caught:
        open_model("openai:small", base_url=url)
    assert "http://localhost:8000/v1" in caught.value.hint
