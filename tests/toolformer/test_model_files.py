"""A model is a folder, a GGUF file or a name on the hub; what looks like a path is never looked up there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from hammerstone.errors import OperatorError, SettingsError
from hammerstone.toolformer.lm import LanguageModel, load_model, load_tokenizer
from hammerstone.toolformer.model_files import find_model, is_path, one_line

from .tiny_gguf import write_gguf
from .tiny_models import TEXTS, language_model


class TinyFile(NamedTuple):
    path: Path
    lm: LanguageModel


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyFile:
    """A GGUF file that has been dequantised once, and the model it was written from."""
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    lm = language_model("llama")
    write_gguf(path, lm)
    find_model(path)
    return TinyFile(path, lm)


# --- GGUF ---


def test_a_gguf_file_is_the_model_that_it_was_written_from(tiny: TinyFile) -> None:
    loaded = load_model(tiny.path, dtype="float32")
    for text in TEXTS:
        assert loaded.encode(text) == tiny.lm.encode(text)
    ids = tiny.lm.encode(TEXTS[0])
    found, expected = loaded.forward([ids])[0], tiny.lm.forward([ids])[0]
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-4, atol=1e-4)
    assert (loaded.context, loaded.name) == (tiny.lm.context, str(tiny.path))
    assert loaded.end_ids == {tiny.lm.tokenizer.eos_token_id}


def test_its_tokenizer_is_read_without_the_weights(tiny: TinyFile) -> None:
    assert load_tokenizer(tiny.path, context=64).encode(TEXTS[1]) == tiny.lm.encode(TEXTS[1])


def test_the_folder_beside_it_says_what_it_was_made_from(tiny: TinyFile) -> None:
    folder = tiny.path.with_name("tiny.dequantised")
    made = json.loads((folder / "from_gguf.json").read_text())
    assert (made["file"], made["architecture"], made["tensors"]) == ("tiny.gguf", "llama", {"F32": 5, "Q8_0": 16})
    assert "quantization_config" not in json.loads((folder / "config.json").read_text())


def test_it_is_dequantised_once_and_again_only_if_the_file_has_changed(tiny: TinyFile, tmp_path: Path) -> None:
    folder = tiny.path.with_name("tiny.dequantised")
    written = (folder / "model.safetensors").stat().st_mtime_ns
    assert find_model(tiny.path) == str(folder)
    assert (folder / "model.safetensors").stat().st_mtime_ns == written
    path = tmp_path / "tiny.gguf"
    write_gguf(path, language_model("llama", context=64))
    find_model(path)
    write_gguf(path, language_model("llama", context=128, seed=1))
    assert load_model(path).context == 128


def test_a_folder_that_is_not_ours_is_never_deleted(tiny: TinyFile, tmp_path: Path) -> None:
    (tmp_path / "tiny.dequantised").mkdir()
    (tmp_path / "tiny.gguf").write_bytes(tiny.path.read_bytes())
    with pytest.raises(SettingsError, match=r"is not a dequantised model, and tiny\.gguf would be dequantised there"):
        find_model(tmp_path / "tiny.gguf")
    assert (tmp_path / "tiny.dequantised").is_dir()


def test_a_folder_that_cannot_be_written_is_an_error_that_leaves_nothing(
    tiny: TinyFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tiny.gguf").write_bytes(tiny.path.read_bytes())

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OperatorError, match=r"cannot write .*: No space left on device"):
        find_model(tmp_path / "tiny.gguf")
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.gguf"]


@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        ({"architecture": "rwkv7"}, "holds a model of the architecture rwkv7", "hf download OWNER/NAME"),
        ({"parts": 3}, "is one of the 3 parts of a model", "llama-gguf-split --merge"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_command_that_helps(
    tmp_path: Path, change: dict[str, object], message: str, hint: str
) -> None:
    write_gguf(tmp_path / "x.gguf", language_model("llama"), **change)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=message) as caught:
        load_model(tmp_path / "x.gguf")
    assert hint in caught.value.hint
    assert "\n" not in str(caught.value)


def test_tensors_of_a_type_that_cannot_be_dequantised_name_the_command_that_converts_them(
    tiny: TinyFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import transformers

    (tmp_path / "x.gguf").write_bytes(tiny.path.read_bytes())

    def refuse(*_: object, **__: object) -> None:
        raise NotImplementedError("Dequantization for Q1_0 is not yet implemented")

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", refuse)
    with pytest.raises(SettingsError, match=r"cannot be dequantised \(F32, Q8_0\): Dequantization for Q1_0") as caught:
        find_model(tmp_path / "x.gguf")
    assert "llama-quantize --allow-requantize x.gguf x-q8.gguf Q8_0" in caught.value.hint


@pytest.mark.parametrize("size", [4, 40, 3000])
def test_a_damaged_file_is_refused(tiny: TinyFile, tmp_path: Path, size: int) -> None:
    (tmp_path / "x.gguf").write_bytes(tiny.path.read_bytes()[:size])
    with pytest.raises(SettingsError, match=r"x\.gguf is damaged: .") as caught:
        load_model(tmp_path / "x.gguf")
    assert "download it again" in caught.value.hint


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_text("{}")
    with pytest.raises(SettingsError, match=r"x\.gguf is a file, but not a GGUF file"):
        load_model(tmp_path / "x.gguf")


# --- Names ---


@pytest.mark.parametrize(
    "name",
    [
        "/models/x",
        "./x",
        "../x",
        "~/x",
        "a/b/c",
        "x.gguf",
        "owner/x.gguf",
        "model.safetensors",
        "models/",
        "here/x",
        "here",
    ],
)
def test_what_looks_like_a_path_is_one(tmp_path: Path, name: str) -> None:
    (tmp_path / "here").mkdir()
    assert is_path(name, tmp_path)


@pytest.mark.parametrize("name", ["gpt2", "owner/name", "Qwen/Qwen2.5-0.5B", "EleutherAI/gpt-j-6b"])
def test_a_name_on_the_hub_is_none(tmp_path: Path, name: str) -> None:
    assert not is_path(name, tmp_path)
    assert find_model(name) == name


@pytest.mark.parametrize("load", [load_model, lambda name: load_tokenizer(name, context=64)])
@pytest.mark.parametrize("name", ["models/of/mine", "none.gguf", "./none"])
def test_a_path_that_is_not_there_is_not_looked_up_on_the_hub(load, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import transformers

    def look_up(*_: object, **__: object) -> None:
        raise AssertionError("the hub was asked")

    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", look_up)
    with pytest.raises(SettingsError, match=f"there is no folder {name}"):
        load(name)


def test_a_message_of_several_lines_is_shown_whole_on_one() -> None:
    assert one_line(OSError("We could not connect:\n  check the connection\nor the name.")) == (
        "We could not connect: check the connection or the name."
    )
    assert one_line(ValueError()) == "ValueError"
