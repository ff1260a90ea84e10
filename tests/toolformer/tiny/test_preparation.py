"""The beginnings of a tiny run: texts, questions and held-out texts that share nothing, a model, a configuration."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hammerstone.errors import InputError
from hammerstone.toolformer.config import read_config
from hammerstone.toolformer.lm import load_model
from hammerstone.toolformer.tiny.preparation import CONFIG, Size, prepare
from hammerstone.toolformer.tiny.pretraining import Shape, pretraining_texts, train_tokenizer

SHAPE = Shape(width=16, layers=1, heads=2, context=128, steps=12, batch=8, texts=300)
SIZE = Size(shape=SHAPE, texts=20, questions=5, held_out=6, finetune_steps=6)


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, float]]:
    folder = tmp_path_factory.mktemp("tiny") / "run"
    return folder, prepare(folder, SIZE, 0)


def test_texts_questions_and_held_out_texts_share_nothing(prepared: tuple[Path, dict[int, float]]) -> None:
    folder, _ = prepared
    texts = [row["text"] for name in ("texts", "held_out") for row in rows(folder / f"{name}.jsonl")]
    prompts = [row["prompt"] for name in ("arithmetic", "dates") for row in rows(folder / f"{name}.jsonl")]
    assert (len(texts), len(set(texts)), len(prompts)) == (26, 26, 10)
    asked = [row["prompt"] + " " + row["answers"][0] for row in rows(folder / "arithmetic.jsonl")]
    assert not any(text.startswith(question) for text in texts for question in asked)


def test_its_configuration_is_one_that_the_commands_read(prepared: tuple[Path, dict[int, float]]) -> None:
    config = read_config(prepared[0] / CONFIG)
    assert config.tools == ("calculator", "calendar")
    assert config.annotate.prompts == {"Calculator": "Calculator:", "Calendar": "Calendar:"}
    assert (config.finetune.steps, config.annotate.sampling("Calculator").positions) == (6, 6)
    assert [Path(file).name for file in config.evaluate.files["prompts"]] == ["arithmetic.jsonl", "dates.jsonl"]


def test_its_model_has_learned_something_and_is_loaded_again(prepared: tuple[Path, dict[int, float]]) -> None:
    folder, losses = prepared
    assert list(losses) == list(range(1, 13))
    assert losses[12] < losses[1]
    lm = load_model(folder / "model")
    assert lm.context == 128


def test_what_is_prepared_stays_and_other_numbers_are_refused(prepared: tuple[Path, dict[int, float]]) -> None:
    folder, losses = prepared
    before = (folder / "model" / "model.safetensors").stat().st_mtime_ns
    assert prepare(folder, SIZE, 0) == losses
    assert (folder / "model" / "model.safetensors").stat().st_mtime_ns == before
    with pytest.raises(InputError, match="prepared with other numbers"):
        prepare(folder, replace(SIZE, texts=21), 0)


def test_a_folder_with_anything_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(InputError, match="is not empty"):
        prepare(tmp_path, SIZE, 0)


def test_its_tokenizer_writes_every_digit_with_the_space_before_it() -> None:
    tokenizer = train_tokenizer(pretraining_texts(300, 0))
    text = "There were 23 rooms [Calculator(23 * 81) -> 1863], so 1863."
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.decode(ids) == text
    assert tokenizer.tokenize(" 1863") == ["\u01201", "8", "6", "3"]
