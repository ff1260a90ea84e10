"""Fine-tuning on the texts with their calls: the usual loss on every token (Toolformer, sections 2 and 4.1).

out/
  manifest.json   the settings, and hashes of the model and the texts: a run with different ones is refused
  checkpoints/    the last one, from which an interrupted run resumes, and the best one
  model/          the best checkpoint by held-out perplexity, with its tokenizer, for `load_model`
  report.json     written last: a finished run is not repeated

Several documents share a row (TRL's packing) without seeing each other: the library's attention masks separate them.
On a GPU the arithmetic is bfloat16 with float32 weights, since bfloat16's eight bits lose a step of 1e-5. With LoRA the
frozen weights are bfloat16 too, also on a processor that multiplies it.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The types of transformers and PEFT are partial.
from __future__ import annotations

import copy
import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from pydantic import TypeAdapter

from hammerstone.errors import InputError, SettingsError
from hammerstone.toolformer.lm import DtypeName, LanguageModel, load_model
from hammerstone.toolformer.train.disk import write_errors, write_whole
from hammerstone.toolformer.train.finetune_settings import FinetuneSettings, TrainingStep
from hammerstone.toolformer.train.packing import TokenRows, hold_out, read_texts, token_rows
from hammerstone.types import JSON

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from hammerstone.toolformer.train.trainer import TrainingOutcome

__all__ = ["FinetuneReport", "finetune"]

MANIFEST, REPORT = "manifest.json", "report.json"
NOT_THE_MODEL = ("*.pt", "*.pth", "*.bin", "trainer_state.json", "README.md")  # what else a checkpoint contains


@dataclass(frozen=True, kw_only=True)
class FinetuneReport:
    """The result of a run, by step: `losses` in nats per token, held-out `perplexities`. Step 0 is the base model.

    The perplexity is that of held-out training texts, including their calls. `dropped` counts the documents with a
    call that does not fit into a row.
    """

    losses: Mapping[int, float]
    perplexities: Mapping[int, float]
    best_step: int
    documents: int
    dropped: int
    tokens: int


def finetune(
    model: LanguageModel | str | Path,
    train_file: Path,
    out: Path,
    settings: FinetuneSettings = FinetuneSettings(),  # noqa: B008 - frozen
    *,
    dtype: DtypeName = "auto",
    on_progress: Callable[[TrainingStep], None] = lambda _: None,
) -> FinetuneReport:
    """Train on `train.jsonl` (or `control.jsonl`) of the dataset stage, and write the best model to `out/model`.

    `model` is a folder or a name, or a model, which is copied and not changed. `dtype` is that of the weights that LoRA
    leaves as they are, if they are read from a folder; trained weights are float32. An interrupted run resumes from its
    last checkpoint; of a finished one, only the report is read. Under `accelerate launch` every process calls this.

    Raises `InputError` for texts that cannot be trained on and for a folder of another configuration; `SettingsError`
    for settings that do not fit the model or the machine, for a non-finite loss, and if the extra is not installed;
    `OperatorError` if the disk or the GPU's memory is full. Finished checkpoints stay.
    """
    try:
        from hammerstone.toolformer.train import trainer
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"fine-tuning needs {error.name}, which is not installed", hint="uv run --extra toolformer hammerstone …"
        ) from error
    with trainer.one_after_another():
        lm = _own(model, dtype=dtype if settings.lora else "float32")
        _check_length(lm, settings)
        _claim(out, _manifest(lm, train_file, settings))
        if (out / REPORT).exists():
            return _read_report(out / REPORT)
    texts = _texts(lm, train_file, settings)
    done = trainer.train(lm, texts.rows, texts.held_out, out / "checkpoints", settings, on_progress)
    report = _report(done, texts)
    with trainer.first_alone() as first:
        if first:
            _save_model(model, lm.tokenizer, done.best_checkpoint, out / "model", lora=settings.lora)
            write_whole(out / REPORT, json.dumps(asdict(report), indent=1) + "\n")
    return report


class _EncodedTexts(NamedTuple):
    rows: TokenRows
    held_out: TokenRows
    documents: int


def _texts(lm: LanguageModel, train_file: Path, settings: FinetuneSettings) -> _EncodedTexts:
    trained, held = hold_out(read_texts(train_file), settings.held_out, settings.seed)
    made = _EncodedTexts(token_rows(lm, trained, settings.length), token_rows(lm, held, settings.length), len(trained))
    if not made.rows.rows or not made.held_out.rows:
        raise InputError(f"no document fits into rows of {settings.length} tokens", hint="raise length")
    return made


def _report(done: TrainingOutcome, texts: _EncodedTexts) -> FinetuneReport:
    return FinetuneReport(
        losses=done.losses,
        perplexities=done.perplexities,
        best_step=done.best_step,
        documents=texts.documents,
        dropped=texts.rows.dropped + texts.held_out.dropped,
        tokens=texts.rows.tokens,
    )


def _own(model: LanguageModel | str | Path, *, dtype: DtypeName) -> LanguageModel:
    """A model that may be changed. From a folder it is loaded as `dtype`: weights to train must not be rounded."""
    if not isinstance(model, LanguageModel):
        return load_model(model, dtype=dtype)
    return LanguageModel(copy.deepcopy(model.model), copy.deepcopy(model.tokenizer), name=model.name)


def _check_length(lm: LanguageModel, settings: FinetuneSettings) -> None:
    if settings.length > lm.context:
        raise SettingsError(
            f"length is {settings.length}, but {lm.name} reads at most {lm.context} tokens",
            hint=f"set length to {lm.context} or less",
        )


def _save_model(
    model: LanguageModel | str | Path, tokenizer: PreTrainedTokenizerFast, checkpoint: Path, target: Path, *, lora: bool
) -> None:
    """Save the model of a checkpoint, merged with its LoRA matrices if there are any. The write is atomic."""
    unfinished = target.with_name(f".{target.name}.tmp")
    shutil.rmtree(unfinished, ignore_errors=True)
    with write_errors(target):
        if lora:
            from peft import PeftModel

            base: Any = _own(model, dtype="float32").model  # merging in bfloat16 would round
            base = base.to(device="cpu", dtype=torch.float32)
            PeftModel.from_pretrained(base, str(checkpoint)).merge_and_unload().save_pretrained(unfinished)
            tokenizer.save_pretrained(unfinished)
        else:
            shutil.copytree(checkpoint, unfinished, ignore=shutil.ignore_patterns(*NOT_THE_MODEL))
        shutil.rmtree(target, ignore_errors=True)
        unfinished.replace(target)


def _manifest(lm: LanguageModel, train_file: Path, settings: FinetuneSettings) -> dict[str, JSON]:
    """All that the result depends on; the number of rows that a device reads at once is not part of it."""
    kept = {name: value for name, value in asdict(settings).items() if name != "per_device"}
    try:
        with train_file.open("rb") as file:
            source = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(
            f"cannot read {train_file}: {error.strerror}", hint="give train.jsonl or control.jsonl of the dataset stage"
        ) from error
    return {"stage": "finetune", "settings": kept, "source": source, "model": _fingerprint(lm)}


def _fingerprint(lm: LanguageModel) -> str:
    """Identifies a model: a hash of each weight's name, shape and first numbers. Hashing all of them takes minutes."""
    total = hashlib.sha256()
    for name, weight in lm.model.state_dict().items():
        first = weight.flatten()[:16].float().tolist()
        total.update(json.dumps([name, list(weight.shape), first]).encode())
    return total.hexdigest()


def _claim(out: Path, manifest: Mapping[str, JSON]) -> None:
    """A folder belongs to one configuration. Raises `InputError` for any other folder."""
    path = out / MANIFEST
    if path.exists():
        other = _differing(json.loads(path.read_text(encoding="utf-8")), manifest)
        if other:
            raise InputError(f"{out} was written with another {other}", hint="give another folder, or delete this one")
        return
    if out.is_dir() and any(out.iterdir()):
        raise InputError(f"{out} exists and is not the folder of a fine-tuning run", hint="give a new or empty folder")
    with write_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(manifest, indent=1, sort_keys=True) + "\n")


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """The differences between two manifests, in words."""
    names = {"source": "file of texts", "model": "model", "stage": "stage"}
    other = [word for name, word in names.items() if old.get(name) != new[name]]
    was: Mapping[str, Any] = old.get("settings", {})
    now: Mapping[str, Any] = new["settings"]
    return ", ".join(
        [*other, *(f"{name} ({was.get(name)}, now {now[name]})" for name in now if was.get(name) != now[name])]
    )


def _read_report(path: Path) -> FinetuneReport:
    return TypeAdapter(FinetuneReport).validate_json(path.read_bytes())
