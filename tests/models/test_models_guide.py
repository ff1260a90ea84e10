"""The examples of docs/guides/models.md."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from hammerstone.models import Prompt, RecordedModel, open_model
from hammerstone.models.mailbox import prompt_text
from hammerstone.models.model import Message
from hammerstone.models.spec import split_url

from .local_provider import ask

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "models.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, flags=re.DOTALL)


@pytest.mark.anyio
async def test_the_record_in_the_guide_can_be_replayed(tmp_path: Path) -> None:
    prompt = ask("How many is a dozen?")
    (record,) = blocks("json")
    (tmp_path / "run.jsonl").write_text(record.replace("KEY", prompt.key))

    assert (await RecordedModel(tmp_path).complete(prompt)).text == "12"


def test_the_python_in_the_guide_prints_what_the_guide_says() -> None:
    (code,) = blocks("python")

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout in blocks("text")


@pytest.mark.parametrize("spec", sorted(set(re.findall(r"--(?:maker|user) ((?:anthropic|openai|ollama):\S+)", GUIDE))))
def test_the_providers_models_in_the_guide_can_be_opened(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(key, "not-a-real-key")

    assert open_model(spec).name == split_url(spec)[0]


def test_the_heading_in_the_guide_is_the_one_that_prompts_have() -> None:
    turns = tuple(Message(role=role, content="x") for role in ("user", "assistant", "user"))

    headings = [line for line in prompt_text(Prompt(messages=turns)).splitlines() if line.startswith("===")]
    assert "`=== user 5f0c81d9e2a7b346 ===`" in GUIDE
    assert re.fullmatch("=== user [0-9a-f]{16} ===", headings[0])
