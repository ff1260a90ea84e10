"""A language model on this machine as one of hammerstone's models."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from hammerstone.errors import InputError, ModelError, SettingsError
from hammerstone.models import identity_of, open_model
from hammerstone.models.model import Message, Prompt
from hammerstone.toolformer.local import LocalModel, open_local, read_tools, write_tools

from .tiny_models import language_model

pytestmark = pytest.mark.anyio


def ask(text: str, **options) -> Prompt:
    return Prompt(messages=(Message(role="user", content=text),), **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model."""
    where = tmp_path_factory.mktemp("model")
    lm = language_model()
    lm.model.save_pretrained(where)
    lm.tokenizer.save_pretrained(where)
    return where


async def test_it_is_named_by_its_folder_wherever_a_model_is_named(folder: Path) -> None:
    model = open_model(f"local:{folder}")
    assert model.name == f"local:{folder}"
    reply = await model.complete(ask("The sum of 12 and 30 is", max_tokens=5))
    assert (reply.model, reply.cost_usd) == (model.name, 0.0)
    assert reply.usage.input_tokens is not None
    assert reply.usage.output_tokens is not None
    assert 0 < reply.usage.output_tokens <= 5


def test_another_folder_and_weights_trained_anew_are_other_models(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    before = identity_of(open_local(str(copy)))
    monkeypatch.chdir(tmp_path)

    assert identity_of(open_local("copy")) == before != identity_of(open_local(str(folder)))
    os.utime(copy / "model.safetensors", (1, 1))  # as another training would leave it
    assert identity_of(open_local("copy")) != before


async def test_half_a_surrogate_pair_can_be_asked_about(folder: Path) -> None:
    assert await open_local(str(folder)).complete(ask("half \ud83d", max_tokens=2))


async def test_the_same_prompt_has_the_same_reply_and_another_draw_another_one(folder: Path) -> None:
    model = open_local(str(folder))
    one, again, other = [
        await model.complete(ask("The sum", temperature=1.0, max_tokens=12, sample=sample)) for sample in (0, 0, 1)
    ]
    assert one.text == again.text
    assert one.text != other.text


async def test_a_prompt_that_does_not_fit_is_the_models_error() -> None:
    model = LocalModel(language_model(context=16))
    with pytest.raises(ModelError, match="reads at most 16 tokens"):
        await model.complete(ask("a b c d e f g h " * 10))


async def test_a_chat_template_is_used_where_there_is_one() -> None:
    lm = language_model()
    lm.tokenizer.chat_template = "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% endfor %}<assistant>"
    read = LocalModel(lm)
    reply = await read.complete(ask("hi", max_tokens=1))
    assert reply.usage.input_tokens == len(lm.encode("<user>hi<assistant>"))


def test_a_fine_tuned_model_names_its_tools_beside_its_weights(tmp_path: Path) -> None:
    assert read_tools(tmp_path) == ()
    write_tools(tmp_path, ("calculator", "calendar"))
    assert read_tools(tmp_path) == ("calculator", "calendar")


@pytest.mark.parametrize("written", ["{", '{"a": 1}'])
def test_a_list_of_tools_of_another_shape_is_reported(tmp_path: Path, written: str) -> None:
    (tmp_path / "tools.json").write_text(written)
    with pytest.raises(InputError, match="is not a list of tools"):
        read_tools(tmp_path)


def test_a_tool_that_nobody_knows_is_reported(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).symlink_to(file)
    (tmp_path / "tools.json").write_text(json.dumps(["abacus"]))
    with pytest.raises(SettingsError, match="abacus"):
        open_local(str(tmp_path))


def test_a_folder_that_is_not_there_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no folder"):
        open_model(f"local:{tmp_path / 'none'}")
