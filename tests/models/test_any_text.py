"""Half a surrogate pair, NUL and the like: sent as what UTF-8 can hold, kept exactly, and never paid for twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hammerstone.errors import ModelTimeoutError
from hammerstone.models import MailboxModel, RecordedModel, RecordingModel, open_model
from hammerstone.models.model import sendable
from hammerstone.testing import FunctionModel

from .local_provider import LocalProvider, ask, completion

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_waits")]

TEXTS = {
    "first half": "Answer: half \ud83d",
    "second half": "\udc00 half",
    "two halves": "\ud83d\ude00",
    "a byte that is no text": "caf\udce9",
    "NUL": "a\x00b",
    "no character": "\ufdd0\uffff",
    "an escape typed out": "\ufdd0d83d",
    "line separators": "a\u2028b\u2029c\x85d\x0ce",
    "byte-order mark": "\ufeffa",
}


@pytest.fixture(params=TEXTS)
def text(request: pytest.FixtureRequest) -> str:
    return TEXTS[request.param]


async def test_a_reply_is_replayed_as_it_came(tmp_path: Path, text: str) -> None:
    file, live = tmp_path / "r.jsonl", FunctionModel(lambda _: text)
    replies = [
        await RecordingModel(live, file).complete(ask("q")),
        await RecordingModel(live, file).complete(ask("q")),
        await RecordedModel(file).complete(ask("q")),
    ]
    assert [reply.text for reply in replies] == [text] * 3
    assert len(live.prompts) == 1


async def test_a_prompt_is_found_again(tmp_path: Path, text: str) -> None:
    file, live = tmp_path / "r.jsonl", FunctionModel(lambda _: "a")
    for _ in range(2):
        await RecordingModel(live, file).complete(ask(text))
    assert (await RecordedModel(file).complete(ask(text))).text == "a"
    assert len(live.prompts) == 1


async def test_a_prompt_can_be_left_in_a_mailbox(tmp_path: Path, text: str) -> None:
    with pytest.raises(ModelTimeoutError):
        await MailboxModel(tmp_path, timeout_seconds=0).complete(ask(text))
    (prompt_file,) = (tmp_path / "prompts").iterdir()
    assert prompt_file.read_bytes().decode() == f"{sendable(text)}\n"


async def test_a_provider_is_sent_what_utf8_can_hold(provider: LocalProvider, text: str) -> None:
    provider.answers = [completion("a")]
    await open_model("openai:small", base_url=provider.url).complete(ask(text))
    (message,) = provider.requests[0]["messages"]
    assert message["content"] == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@pytest.mark.parametrize("half", [chr(0xD83D), chr(0xDC00)], ids=["first", "second"])
async def test_half_a_pair_from_a_server_is_a_reply(provider: LocalProvider, half: str, tmp_path: Path) -> None:
    answer: Any = completion(f"Answer: half {half}")  # sent as a JSON escape, as a server that cuts texts does
    provider.answers = [answer]
    for _ in range(2):
        model = RecordingModel(open_model("openai:small", base_url=provider.url), tmp_path / "r.jsonl")
        assert (await model.complete(ask("q"))).text == f"Answer: half {half}"
    assert len(provider.requests) == 1
