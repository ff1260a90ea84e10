"""Keys and passwords that a provider quotes in its errors are not shown."""

from __future__ import annotations

import time

import pytest

from hammerstone.errors import ModelError
from hammerstone.models import open_model
from hammerstone.models.masking import masked

from .local_provider import LocalProvider, ask, failure

KEYS = (
    "sk-proj-abcd1234efgh5678",
    "sk-ant-api03-AbCdEfGhIjKl",
    "sk-abc…xyz",
    "sk-abcd********wxyz",
    "AIzaSyD3f4ultK3yF0rTests_abc-123",
    "gsk_abcdefghijklmnop",
    "hf_abcdefghijklmnop",
    "xai-abcdefghijklmnop",
    "ghp_abcdefghijklmnop1234",
    "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a key/of no form")
    monkeypatch.setenv("OTHER_TOKEN", "short")


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "said",
    [
        "Incorrect API key provided: {}. You can find yours at https://example.com/keys.",
        "Incorrect API key provided: {}",
        "{} is not valid",
        'the header "Authorization: Bearer {}" was refused',
        "POST https://host/v1/models?key={}&alt=sse failed",
        '{{"api_key": "{}", "model": "small"}}',
        "{{'x-goog-api-key': '{}'}}",
        'body: "{{\\"apiKey\\": \\"{}\\"}}"',
    ],
)
def test_a_key_is_masked_wherever_it_stands(said: str, key: str) -> None:
    shown = masked(said.format(key))
    assert key not in shown
    assert key[:8] not in shown
    assert "***" in shown


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("http://ann:open-sesame@server/v1 is down", "http://***@server/v1 is down"),
        ("postgresql://ann@server/x", "postgresql://***@server/x"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic ***"),
        ("bearer dXNlcjpwYXNzd29yZA==", "bearer ***"),
        ("https://host/x?api-version=3&access_token=abc&b=1", "https://host/x?api-version=3&access_token=***&b=1"),
        ("client_secret = 'q1w2e3'", "client_secret = '***'"),
        ("password: hunter2", "password: ***"),
        ("refused: a key/of no form!", "refused: ***!"),
        ("refused: a%20key%2Fof%20no%20form", "refused: ***"),
    ],
)
def test_what_goes_around_a_secret_stays(said: str, shown: str) -> None:
    assert masked(said) == shown


@pytest.mark.parametrize(
    "said",
    [
        "This model's maximum context length is 8192 tokens, your messages have 9000 tokens.",
        "max_tokens=100 is too large; temperature: 0.7",
        "Unexpected token: foo in JSON",
        "Unknown key: messages",
        "Bearer authentication is required",
        "the risk-averse task-1 is short of disk-space",
        "mail ann@example.com or see https://example.com/@ann?page=2",
        "",
    ],
)
def test_ordinary_words_stay_as_they_are(said: str) -> None:
    assert masked(said) == said


@pytest.mark.parametrize("part", ["key=", "sk-", "Bearer ", "://", "api_key: '", "?key=", "a-", "eyJ.", " ", '\\"'])
def test_a_hostile_text_is_read_in_linear_time(part: str) -> None:
    started = time.process_time()
    masked(part * (200_000 // len(part)))
    assert time.process_time() - started < 5


@pytest.mark.anyio
@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
async def test_no_error_of_a_provider_shows_a_key(
    provider: LocalProvider, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "opensesame!")
    said = f"{'x' * 490} Incorrect API key provided: sk-abcd1234, not opensesame!"
    provider.answers = [failure(status, said), failure(status, "opensesame! and sk-abcd1234")]
    for _ in range(2):
        with pytest.raises(ModelError) as caught:
            await open_model("openai:small", base_url=provider.url, attempts=1).complete(ask("q"))
        assert "opensesame" not in caught.value.message + caught.value.hint
        assert "sk-" not in caught.value.message + caught.value.hint
