"""Fine-tuning on the texts with their calls: the usual loss on every token (Toolformer, sections 2 and 4.1).

out/
  manifest.json   the settings, and hashes of the model and the texts: a run with others is refused
  checkpoints/    the last one, from which a broken run goes on by itself, and the best one
  model/          the best one by held-out perplexity, with its tokenizer: what `load_model` reads
  report.json     written last: a finished run is not done again

Several documents share a row (TRL's packing), and none sees another: the library's attention masks keep them apart.
On a GPU the arithmetic is bfloat16 on weights in float32, for a step of 1e-5 is lost in bfloat16's eight bits; with
LoRA the frozen weights are bfloat16 too.
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
from hammerstone.toolformer.lm import LanguageModel, load_model
from hammerstone.toolformer.train.disk import write_whole, writing
from hammerstone.toolformer.train.finetune_settings import FinetuneSettings, Step
from hammerstone.toolformer.train.packing import TokenRows, hold_out, read_texts, token_rows
from hammerstone.types import JSON

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from hammerstone.toolformer.train.trainer import Trained

__all__ = ["Report", "finetune"]

MANIFEST, REPORT = "manifest.json", "report.json"
NOT_THE_MODEL = ("*.pt", "*.pth", "*.bin", "trainer_state.json", "README.md")  # what else a checkpoint holds


@dataclass(frozen=True, kw_only=True)
class Report:
    """What came of a run, by step: `losses` in nats a token, held-out `perplexities`. Step 0 is the untouched model.

    The perplexity is that of the held-out texts as they are trained on, calls and all. `dropped` counts the documents
    whose call fits into no row.
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
    on_progress: Callable[[Step], None] = lambda _: None,
) -> Report:
    """Train on `train.jsonl` (or `control.jsonl`) of the dataset stage; the best model is in `out/model` after it.

    `model` is a folder or a name, or a model that is copied and not changed. A broken run goes on from its last
    checkpoint, a finished one is only reported. Under `accelerate launch` all processes call this alike.

    Raises `InputError` for texts that cannot be trained on and for a folder of another configuration; `SettingsError`
    for settings that do not fit the model or the machine, for a loss that is no number, and where the extra is not
    installed; `OperatorError` where the disk or the GPU's memory is full. Finished checkpoints stay.
    """
    try:
        from hammerstone.toolformer.train import trainer
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"fine-tuning needs {error.name}, which is not installed", hint="pip install 'hammerstone[toolformer]'"
        ) from error
    with trainer.one_after_another():
        lm = _own(model, dtype=None if settings.lora else torch.float32)
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


class _Texts(NamedTuple):
    rows: TokenRows
    held_out: TokenRows
    documents: int


def _texts(lm: LanguageModel, train_file: Path, settings: FinetuneSettings) -> _Texts:
    trained, held = hold_out(read_texts(train_file), settings.held_out, settings.seed)
    made = _Texts(token_rows(lm, trained, settings.length), token_rows(lm, held, settings.length), len(trained))
    if not made.rows.rows or not made.held_out.rows:
        raise InputError(f"no document fits into rows of {settings.length} tokens", hint="raise length")
    return made


def _report(done: Trained, texts: _Texts) -> Report:
    return Report(
        losses=done.losses,
        perplexities=done.perplexities,
        best_step=done.best_step,
        documents=texts.documents,
        dropped=texts.rows.dropped + texts.held_out.dropped,
        tokens=texts.rows.tokens,
    )


def _own(model: LanguageModel | str | Path, *, dtype: torch.dtype | None) -> LanguageModel:
    """A model that may be changed. From a folder it is loaded as `dtype`: weights to be trained must not be rounded."""
    if not isinstance(model, LanguageModel):
        return load_model(model, dtype=dtype)
    return LanguageModel(copy.deepcopy(model.model), copy.deepcopy(model.tokenizer), name=model.name)


def _check_length(lm: LanguageModel, settings: FinetuneSettings) -> None:
    if settings.length > lm.context:
        raise SettingsError(
            f"length is {settings.length}, and {lm.name} reads at most {lm.context} tokens",
            hint=f"set length to {lm.context} or less",
        )


def _save_model(
    model: LanguageModel | str | Path, tokenizer: PreTrainedTokenizerFast, checkpoint: Path, target: Path, *, lora: bool
) -> None:
    """The model of a checkpoint, as it is or merged with what LoRA has trained beside it; whole or not at all."""
    unfinished = target.with_name(f".{target.name}.tmp")
    shutil.rmtree(unfinished, ignore_errors=True)
    with writing(target):
        if lora:
            from peft import PeftModel

            base: Any = _own(model, dtype=torch.float32).model  # what is merged in bfloat16 is rounded
            base = base.to(device="cpu", dtype=torch.float32)
            PeftModel.from_pretrained(base, str(checkpoint)).merge_and_unload().save_pretrained(unfinished)
            tokenizer.save_pretrained(unfinished)
        else:
            shutil.copytree(checkpoint, unfinished, ignore=shutil.ignore_patterns(*NOT_THE_MODEL))
        shutil.rmtree(target, ignore_errors=True)
        unfinished.replace(target)


def _manifest(lm: LanguageModel, train_file: Path, settings: FinetuneSettings) -> dict[str, JSON]:
    """All that the result depends on; how many rows a device reads at once is no part of it."""
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
    """Tells models apart: a hash of each weight's name, shape and first numbers. To hash all takes minutes."""
    total = hashlib.sha256()
    for name, weight in lm.model.state_dict().items():
        first = weight.flatten()[:16].float().tolist()
        total.update(json.dumps([name, list(weight.shape), first]).encode())
    return total.hexdigest()


def _claim(out: Path, manifest: Mapping[str, JSON]) -> None:
    """A folder belongs to one configuration. Raises `InputError` for a folder of another, or of anything else."""
    path = out / MANIFEST
    if path.exists():
        other = _differing(json.loads(path.read_text(encoding="utf-8")), manifest)
        if other:
            raise InputError(f"{out} was made with another {other}", hint="give another folder, or delete this one")
        return
    if out.is_dir() and any(out.iterdir()):
        raise InputError(f"{out} exists and holds no fine-tuning", hint="give a new or empty folder")
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(manifest, indent=1, sort_keys=True) + "\n")


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """What two manifests differ in, in words."""
    names = {"source": "file of texts", "model": "model", "stage": "stage"}
    other = [word for name, word in names.items() if old.get(name) != new[name]]
    was: Mapping[str, Any] = old.get("settings", {})
    now: Mapping[str, Any] = new["settings"]
    return ", ".join(
        [*other, *(f"{name} ({was.get(name)}, now {now[name]})" for name in now if was.get(name) != now[name])]
    )


def _read_report(path: Path) -> Report:
    return TypeAdapter(Report).validate_json(path.read_bytes())
