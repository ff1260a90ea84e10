"""Fine-tuning: what is trained, what is kept, and how an interrupted run resumes."""

from __future__ import annotations

import json
import math
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

import hammerstone.toolformer.train
from hammerstone.errors import InputError, OperatorError, SettingsError
from hammerstone.toolformer.evaluate.perplexity import perplexity
from hammerstone.toolformer.lm import LanguageModel, load_model
from hammerstone.toolformer.train.finetune_settings import FinetuneSettings, TrainingStep
from hammerstone.toolformer.train.finetuning import finetune
from hammerstone.toolformer.train.packing import hold_out, read_texts, token_rows

from ..tiny_models import MODELS, TEXTS, language_model

QUICK = FinetuneSettings(
    learning_rate=1e-3, batch=4, per_device=2, length=64, steps=4, evaluate_every=2, held_out=2, seed=1
)


@pytest.fixture
def train_file(tmp_path: Path) -> Path:
    return written(tmp_path / "train.jsonl", 24)


def written(path: Path, count: int) -> Path:
    texts = [f"{TEXTS[number % len(TEXTS)]} {number}" for number in range(count)]
    lines = [json.dumps({"id": str(number), "text": text, "calls": 0}) for number, text in enumerate(texts)]
    path.write_text("\n".join(lines) + "\n")
    return path


def weights(lm: LanguageModel) -> dict[str, Tensor]:
    return {name: weight.detach().cpu().float() for name, weight in lm.model.state_dict().items()}


def literal_loss(lm: LanguageModel, rows: Iterator[tuple[int, ...]] | tuple[tuple[int, ...], ...]) -> float:
    """The mean over all tokens but the first of each row, every row read by itself."""
    losses: list[float] = []
    for row in rows:
        with torch.inference_mode():
            chances = lm.model(input_ids=torch.tensor([row], device=lm.device)).logits[0].float().log_softmax(-1)
        losses += [-float(chances[at, token]) for at, token in enumerate(row[1:])]
    return sum(losses) / len(losses)


@pytest.mark.parametrize("name", MODELS)
def test_every_parameter_moves_and_the_loss_falls(name: str, train_file: Path, tmp_path: Path) -> None:
    lm = language_model(name)
    report = finetune(lm, train_file, tmp_path / "out", QUICK)
    before, after = weights(lm), weights(load_model(tmp_path / "out" / "model", dtype="float32"))
    assert before.keys() == after.keys()
    assert [key for key in before if torch.equal(before[key], after[key])] == []
    assert report.perplexities[4] < report.perplexities[2] < report.perplexities[0]
    assert report.best_step == 4


def test_the_model_that_was_given_is_not_changed(train_file: Path, tmp_path: Path) -> None:
    lm = language_model("llama")
    before = {name: weight.clone() for name, weight in weights(lm).items()}
    finetune(lm, train_file, tmp_path / "out", replace(QUICK, steps=1))
    assert all(torch.equal(before[name], weight) for name, weight in weights(lm).items())


@pytest.mark.parametrize("name", MODELS)
def test_documents_in_one_row_do_not_see_one_another(name: str, train_file: Path, tmp_path: Path) -> None:
    lm = language_model(name)
    settings = replace(QUICK, steps=1, length=128, batch=1, per_device=1)
    report = finetune(lm, train_file, tmp_path / "out", settings)
    rows = token_rows(lm, hold_out(read_texts(train_file), 2, settings.seed)[1], 128).rows
    assert len(rows) == 2  # packed into one
    assert sum(map(len, rows)) <= 128
    assert report.perplexities[0] == pytest.approx(math.exp(literal_loss(lm, rows)), rel=1e-4)


def test_held_out_tokens_weigh_the_same_in_whichever_batch_they_are(tmp_path: Path) -> None:
    lm = language_model("llama")
    train_file = written(tmp_path / "train.jsonl", 90)
    settings = replace(QUICK, steps=1, held_out=9, length=32)
    report = finetune(lm, train_file, tmp_path / "out", settings)
    rows = token_rows(lm, hold_out(read_texts(train_file), 9, settings.seed)[1], 32).rows
    assert sum(map(len, rows)) > 3 * settings.per_device * 32  # some batches, none of the same size
    assert report.perplexities[0] == pytest.approx(math.exp(literal_loss(lm, rows)), rel=1e-4)


def test_the_end_of_a_document_is_learnt_though_it_is_the_padding_token_too(train_file: Path, tmp_path: Path) -> None:
    lm = language_model("llama")
    assert lm.tokenizer.pad_token_id == lm.tokenizer.eos_token_id
    finetune(lm, train_file, tmp_path / "out", replace(QUICK, steps=12, learning_rate=1e-2))
    fine_tuned = load_model(tmp_path / "out" / "model", dtype="float32")
    rows = [lm.encode(one.text) for one in read_texts(train_file)]

    def chance(of: LanguageModel) -> float:
        logits, _ = of.forward([[of.start_id, *row] for row in rows], keep=1)
        return float(logits[:, 0].float().softmax(-1)[:, of.tokenizer.eos_token_id].mean())

    assert chance(fine_tuned) > 3 * chance(lm)


def test_lora_trains_beside_the_weights_and_is_merged_into_the_saved_model(train_file: Path, tmp_path: Path) -> None:
    for name in ("gpt2", "llama"):
        lm = language_model(name)
        report = finetune(lm, train_file, tmp_path / name, replace(QUICK, lora=True, rank=4, learning_rate=1e-2))
        fine_tuned = load_model(tmp_path / name / "model", dtype="float32")
        before, after = weights(lm), weights(fine_tuned)
        assert before.keys() == after.keys()
        moved = {key for key in before if not torch.equal(before[key], after[key])}
        linear = {key for key in before if before[key].dim() == 2 and (".h." in key or "_proj" in key)}
        assert moved == linear
        held = hold_out(read_texts(train_file), 2, QUICK.seed)[1]
        loss = literal_loss(fine_tuned, token_rows(lm, held, QUICK.length).rows)
        assert report.perplexities[report.best_step] == pytest.approx(math.exp(loss), rel=1e-3)
        assert report.perplexities[report.best_step] < report.perplexities[0]


def test_the_best_model_is_kept_and_not_the_last(train_file: Path, tmp_path: Path) -> None:
    """A rate at which a model first learns and then breaks: its last perplexity is worse than an earlier one."""
    lm = language_model("llama")
    settings = replace(QUICK, learning_rate=0.5, warmup=0.8, steps=10, evaluate_every=1)
    report = finetune(lm, train_file, tmp_path / "out", settings)
    best = min((step for step in report.perplexities if step), key=lambda step: report.perplexities[step])
    assert report.best_step == best < 10
    fine_tuned = load_model(tmp_path / "out" / "model", dtype="float32")
    held = hold_out(read_texts(train_file), 2, settings.seed)[1]
    found = math.exp(literal_loss(fine_tuned, token_rows(lm, held, settings.length).rows))
    assert found == pytest.approx(report.perplexities[best], rel=1e-4)
    kept = sorted(path.name for path in (tmp_path / "out" / "checkpoints").iterdir())
    assert kept == sorted({f"checkpoint-{best}", "checkpoint-10"})


class BreakError(Exception):
    pass


def broken_at(step: int) -> object:
    def on_progress(told: TrainingStep) -> None:
        if told.step == step:
            raise BreakError

    return on_progress


def test_a_broken_run_goes_on_from_its_last_checkpoint_to_the_same_model(train_file: Path, tmp_path: Path) -> None:
    lm = language_model("gpt2")  # it has dropout: the random numbers must go on too
    settings = replace(QUICK, steps=6)
    whole = finetune(lm, train_file, tmp_path / "whole", settings)
    with pytest.raises(BreakError):
        finetune(lm, train_file, tmp_path / "out", settings, on_progress=broken_at(5))
    told: list[TrainingStep] = []
    again = finetune(lm, train_file, tmp_path / "out", settings, on_progress=told.append)
    assert min(step.step for step in told) == 5
    assert again == whole
    one, other = (weights(load_model(tmp_path / name / "model", dtype="float32")) for name in ("whole", "out"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_checkpoint_that_was_not_finished_is_not_gone_on_from(train_file: Path, tmp_path: Path) -> None:
    lm = language_model("llama")
    with pytest.raises(BreakError):
        finetune(lm, train_file, tmp_path / "out", QUICK, on_progress=broken_at(3))
    unfinished = tmp_path / "out" / "checkpoints" / "checkpoint-3"
    unfinished.mkdir()
    (unfinished / "model.safetensors").write_bytes(b"half of it")
    told: list[TrainingStep] = []
    finetune(lm, train_file, tmp_path / "out", QUICK, on_progress=told.append)
    assert min(step.step for step in told) == 3
    assert not unfinished.exists()


def test_a_finished_run_is_not_done_again(train_file: Path, tmp_path: Path) -> None:
    lm = language_model("llama")
    first = finetune(lm, train_file, tmp_path / "out", QUICK)
    told: list[TrainingStep] = []
    assert finetune(lm, train_file, tmp_path / "out", replace(QUICK, per_device=1), on_progress=told.append) == first
    assert told == []


def test_what_a_run_broke_after_its_last_step_is_only_saved(train_file: Path, tmp_path: Path) -> None:
    lm = language_model("llama")
    first = finetune(lm, train_file, tmp_path / "out", QUICK)
    (tmp_path / "out" / "report.json").unlink()
    told: list[TrainingStep] = []
    assert finetune(lm, train_file, tmp_path / "out", QUICK, on_progress=told.append) == first
    assert told == []


def test_a_folder_of_another_configuration_is_refused(train_file: Path, tmp_path: Path) -> None:
    lm = language_model("llama")
    out = tmp_path / "out"
    with pytest.raises(BreakError):
        finetune(lm, train_file, out, QUICK, on_progress=broken_at(1))
    with pytest.raises(InputError, match=r"another learning_rate \(0\.001, now 0\.1\)") as told:
        finetune(lm, train_file, out, replace(QUICK, learning_rate=0.1))
    assert "another folder" in told.value.hint
    with pytest.raises(InputError, match="another model"):
        finetune(language_model("llama", seed=1), train_file, out, QUICK)
    train_file.write_text(train_file.read_text().replace("2019", "2018"))
    with pytest.raises(InputError, match="another file of texts"):
        finetune(lm, train_file, out, QUICK)


def test_a_folder_that_holds_something_else_is_refused(train_file: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not the folder of a fine-tuning run"):
        finetune(language_model(), train_file, tmp_path, QUICK)


def test_progress_is_reported_and_nothing_is_printed(
    train_file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    lm = language_model("llama")
    capfd.readouterr()
    told: list[TrainingStep] = []
    report = finetune(lm, train_file, tmp_path / "out", QUICK, on_progress=told.append)
    assert capfd.readouterr() == ("", "")
    assert {step.step: step.loss for step in told if step.loss is not None} == report.losses
    assert {step.step: step.perplexity for step in told if step.perplexity is not None} == report.perplexities
    assert list(report.losses) == [1, 2, 3, 4]
    assert list(report.perplexities) == [0, 2, 4]
    assert all(step.steps == 4 for step in told)
    assert told[0].seconds_left is None
    assert told[-1].seconds_left == 0


def test_a_model_that_is_damaged_is_reported_before_any_training(train_file: Path, tmp_path: Path) -> None:
    lm = language_model("llama")
    with torch.no_grad():
        next(lm.model.parameters())[:] = torch.nan
    with pytest.raises(SettingsError, match="non-finite loss before any training"):
        finetune(lm, train_file, tmp_path / "out", QUICK)


def test_a_loss_that_is_no_number_stops_the_run_before_it_reaches_a_checkpoint(
    train_file: Path, tmp_path: Path
) -> None:
    """One embedding is no number, of a token that is in the training texts and not in those held out."""
    lm = language_model("llama")
    lm.tokenizer.pad_token = "<|end|>"  # noqa: S105 - a token of the vocabulary, no password
    held = {token for one in hold_out(read_texts(train_file), 2, 1)[1] for token in lm.encode(one.text)}
    (token,) = lm.encode("~")
    assert token not in held
    lines = train_file.read_text().splitlines()
    kept = {one.id for one in hold_out(read_texts(train_file), 2, 1)[0]}
    changed = [line.replace('"text": "', '"text": "~') if json.loads(line)["id"] in kept else line for line in lines]
    train_file.write_text("\n".join(changed))
    with torch.no_grad():
        lm.model.get_input_embeddings().weight[token] = torch.nan
    with pytest.raises(SettingsError, match="non-finite loss at step 1") as told:
        finetune(lm, train_file, tmp_path / "out", replace(QUICK, evaluate_every=1))
    assert "learning_rate" in told.value.hint
    assert not list((tmp_path / "out").glob("checkpoints/*"))


@contextmanager
def little_room(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes: the system refuses it in the middle, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    "size", [20_000, 200_000]
)  # the weights do not fit; they do, but the optimizer's state does not
def test_a_full_disk_is_reported_and_the_run_goes_on_when_there_is_room(
    size: int, train_file: Path, tmp_path: Path
) -> None:
    lm = language_model("llama")
    with little_room(size), pytest.raises(OperatorError, match="cannot write") as told:
        finetune(lm, train_file, tmp_path / "out", QUICK)
    assert "free some space" in told.value.hint
    assert finetune(lm, train_file, tmp_path / "out", QUICK).best_step == 4


def test_texts_of_which_none_fits_are_told(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    text = f"[Calculator({'1 + ' * 60}1) -> 61]"
    path.write_text("".join(json.dumps({"id": str(at), "text": text}) + "\n" for at in range(3)))
    with pytest.raises(InputError, match="no document fits into rows of 64 tokens") as told:
        finetune(language_model(), path, tmp_path / "out", QUICK)
    assert "length" in told.value.hint


def test_rows_longer_than_the_model_can_read_are_refused(train_file: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="length is 64, but tiny gpt2 reads at most 32"):
        finetune(language_model(context=32), train_file, tmp_path / "out", QUICK)


def test_a_batch_that_cannot_be_divided_is_refused(train_file: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="batch is 4") as told:
        finetune(language_model(), train_file, tmp_path / "out", replace(QUICK, per_device=3))
    assert "per_device" in told.value.hint


SCRIPT = """
import sys
from pathlib import Path
from hammerstone.toolformer.train.finetune_settings import FinetuneSettings
from hammerstone.toolformer.train.finetuning import finetune

model, train_file, out = map(Path, sys.argv[1:])
settings = FinetuneSettings(
    learning_rate=1e-3, batch=4, per_device=2, length=64, steps=4, evaluate_every=2, held_out=2, seed=1
)
finetune(model, train_file, out, settings)
"""


def test_two_processes_train_the_same_model_as_one(tmp_path: Path) -> None:
    train_file = written(tmp_path / "train.jsonl", 80)  # all steps in one epoch: at its end the rows are not even
    lm = language_model("llama")
    lm.model.save_pretrained(tmp_path / "model")
    lm.tokenizer.save_pretrained(tmp_path / "model")
    (tmp_path / "script.py").write_text(SCRIPT)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    paths = [str(tmp_path / name) for name in ("script.py", "model", "train.jsonl", "two")]
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([*launch, *paths], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert finetune(lm, train_file, tmp_path / "one", QUICK).losses == pytest.approx(
        finetune(tmp_path / "model", train_file, tmp_path / "two", QUICK).losses, rel=1e-5
    )
    one, two = (weights(load_model(tmp_path / name / "model", dtype="float32")) for name in ("one", "two"))
    assert all(torch.allclose(one[name], two[name], atol=1e-5) for name in one)


CONFIGURATIONS = sorted((Path(__file__).parents[3] / "examples" / "toolformer" / "accelerate").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.name)
def test_the_configuration_files_are_ones_of_accelerate(path: Path) -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    read = load_config_from_file(str(path))
    assert read.num_machines == 1
    assert f"--config_file {path.relative_to(path.parents[3])}" in path.read_text()


def test_there_is_a_configuration_for_one_gpu_and_one_for_several() -> None:
    assert [path.name for path in CONFIGURATIONS] == ["fsdp.yaml", "one_gpu.yaml"]


def test_a_library_that_is_not_installed_is_named_with_the_extra(
    train_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hammerstone.toolformer.train import trainer

    monkeypatch.setitem(sys.modules, "trl.trainer.sft_config", None)  # as if it were not there
    monkeypatch.delitem(sys.modules, trainer.__name__)
    monkeypatch.delattr(hammerstone.toolformer.train, "trainer")
    with pytest.raises(SettingsError, match=r"fine-tuning needs trl.*, which is not installed") as told:
        finetune(language_model(), train_file, tmp_path / "out", QUICK)
    assert told.value.hint == "uv run --extra toolformer hammerstone …"


def test_what_is_overridden_of_the_library_is_still_there() -> None:
    """`_send_telemetry` reports each run to the maker of the library; `create_model_card` writes about it."""
    from trl.trainer.sft_trainer import SFTTrainer

    for name in ("_send_telemetry", "create_model_card", "evaluate", "prediction_step", "log", "_save_checkpoint"):
        assert callable(getattr(SFTTrainer, name))


@pytest.mark.parametrize(
    ("name", "value"), [("steps", 0), ("batch", -1), ("learning_rate", 2), ("warmup", 1), ("length", 3), ("rank", 0)]
)
def test_settings_that_make_no_sense_are_refused(name: str, value: float) -> None:
    with pytest.raises(SettingsError, match=name):
        replace(QUICK, **{name: value})


def test_the_defaults_are_the_papers() -> None:
    settings = FinetuneSettings()
    assert (settings.batch, settings.learning_rate, settings.warmup, settings.length) == (128, 1e-5, 0.1, 1024)
    assert (settings.steps, settings.evaluate_every, settings.held_out) == (2000, 500, 1000)


def test_a_fine_tuned_model_gets_its_perplexity_as_any_other(train_file: Path, tmp_path: Path) -> None:
    finetune(language_model("gptj"), train_file, tmp_path / "out", QUICK)
    plain = [one.text for one in read_texts(train_file)]
    fine_tuned, base = load_model(tmp_path / "out" / "model", dtype="float32"), language_model("gptj")
    assert perplexity(fine_tuned, plain).perplexity < perplexity(base, plain).perplexity
