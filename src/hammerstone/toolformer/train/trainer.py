"""One training run on TRL's `SFTTrainer`: exact held-out loss, complete checkpoints, and no output of its own."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false
# The types of transformers, datasets and TRL are partial.
from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import torch
import transformers
from accelerate import PartialState
from accelerate.utils import parse_flag_from_env
from datasets import Dataset
from torch import Tensor
from transformers import PrinterCallback, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from hammerstone.errors import OperatorError, SettingsError
from hammerstone.toolformer.lm import LanguageModel
from hammerstone.toolformer.train.disk import write_errors
from hammerstone.toolformer.train.finetune_settings import FinetuneSettings, TrainingStep
from hammerstone.toolformer.train.packing import TokenRows

__all__ = ["TrainingOutcome", "first_alone", "one_after_another", "train"]

TRAINING_STATE = "trainer_state.json"  # the last file of a checkpoint: without it, the checkpoint is incomplete


@dataclass(frozen=True, kw_only=True)
class TrainingOutcome:
    """The measurements of a run, by step, in nats per token and as perplexity; and its best checkpoint."""

    losses: Mapping[int, float]
    perplexities: Mapping[int, float]
    best_step: int
    best_checkpoint: Path


def train(
    lm: LanguageModel,
    rows: TokenRows,
    held_out: TokenRows,
    checkpoints: Path,
    settings: FinetuneSettings,
    on_progress: Callable[[TrainingStep], None],
) -> TrainingOutcome:
    """Train `lm` itself, from its last complete checkpoint if there is one. Raises as `finetune`."""
    last = _last_checkpoint(checkpoints)
    if last is None or _step(last) < settings.steps:
        with _quiet():
            trainer = _trainer(lm, rows, held_out, checkpoints, settings, on_progress, resumed=last is not None)
            try:
                trainer.train(resume_from_checkpoint=str(last) if last else None)
            except torch.OutOfMemoryError as error:
                raise OperatorError(
                    "the GPU's memory is full",
                    hint="lower per_device (the same command resumes from the last checkpoint), or use lora or FSDP",
                ) from error
        last = checkpoints / f"checkpoint-{settings.steps}"
        _everyone().wait_for_everyone()  # the first process writes it
    return _trained(last)


@contextmanager
def one_after_another() -> Generator[None]:
    """Let the first process go before the others under `accelerate launch`, and give each process its own GPU."""
    with _everyone().main_process_first():
        yield


@contextmanager
def first_alone() -> Generator[bool]:
    """True in the first process; the others wait for it."""
    everyone = _everyone()
    yield everyone.is_main_process
    everyone.wait_for_everyone()


def _everyone() -> PartialState:
    """All processes; a single one without a launcher."""
    return PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU"))


def _on_gpu() -> bool:
    device = _everyone().device
    return device is not None and device.type == "cuda"


def _trained(last: Path) -> TrainingOutcome:
    state = TrainerState.load_from_json(str(last / TRAINING_STATE))
    best = int(state.best_global_step or 0)
    return TrainingOutcome(
        losses={int(entry["step"]): float(entry["loss"]) for entry in state.log_history if "loss" in entry},
        perplexities={
            int(entry["step"]): _exp(entry["eval_loss"]) for entry in state.log_history if "eval_loss" in entry
        },
        best_step=best,
        best_checkpoint=last.with_name(f"checkpoint-{best}"),
    )


def _last_checkpoint(folder: Path) -> Path | None:
    """The last complete checkpoint; those that an interrupted run left incomplete are removed."""
    found = sorted(folder.glob("checkpoint-*"), key=_step)
    for path in found:
        if not (path / TRAINING_STATE).exists():
            shutil.rmtree(path, ignore_errors=True)
    return next((path for path in reversed(found) if path.exists()), None)


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


def _trainer(
    lm: LanguageModel,
    rows: TokenRows,
    held_out: TokenRows,
    checkpoints: Path,
    settings: FinetuneSettings,
    on_progress: Callable[[TrainingStep], None],
    *,
    resumed: bool,
) -> _Trainer:
    if lm.tokenizer.pad_token is None:  # TRL requires one; rows are packed, so it is never read
        lm.tokenizer.pad_token = lm.tokenizer.eos_token or lm.tokenizer.bos_token
    half = _on_gpu() or (settings.lora and lm.model.dtype == torch.bfloat16)
    trainer = _Trainer(
        model=_placed(lm.model, torch.bfloat16 if half and settings.lora else torch.float32),
        args=_arguments(checkpoints, settings, half=half, resumed=resumed),
        train_dataset=Dataset.from_dict({"input_ids": rows.rows}),
        eval_dataset=Dataset.from_dict({"input_ids": held_out.rows}),
        processing_class=lm.tokenizer,
        peft_config=_lora(lm, settings) if settings.lora else None,
        callbacks=[_ProgressCallback(on_progress)],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _placed(model: Any, dtype: torch.dtype) -> Any:
    """Accelerate moves the model, or this process's shard of it, to its device."""
    return model.to(device="cpu", dtype=dtype)


def _arguments(checkpoints: Path, settings: FinetuneSettings, *, half: bool, resumed: bool) -> SFTConfig:
    cuda = _on_gpu()
    return SFTConfig(
        output_dir=str(checkpoints),
        seed=settings.seed,
        # optimisation
        learning_rate=settings.learning_rate,
        lr_scheduler_type="constant_with_warmup",
        warmup_steps=settings.warmup,  # below 1, it is a share of all steps
        max_steps=settings.steps,
        per_device_train_batch_size=settings.per_device,
        per_device_eval_batch_size=settings.per_device,
        gradient_accumulation_steps=_accumulated(settings),
        max_length=settings.length,
        packing=True,
        shuffle_dataset=True,
        # evaluation and checkpoints
        eval_strategy="steps",
        eval_steps=settings.evaluate_every,
        eval_on_start=not resumed,
        save_strategy="steps",
        save_steps=settings.evaluate_every,
        save_total_limit=2,  # the last and the best; with 1, the library removes the last at the end
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        # the machine
        bf16=half,
        use_cpu=half and not cuda,
        gradient_checkpointing=cuda,
        dataloader_pin_memory=cuda,
        ddp_find_unused_parameters=False,
        # logging
        logging_steps=1,
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        report_to="none",
        log_level="error",
        log_level_replica="error",
    )


def _accumulated(settings: FinetuneSettings) -> int:
    """The number of batches that each device reads per update."""
    processes = _everyone().num_processes
    if processes == 1 and _on_gpu() and torch.cuda.device_count() > 1:
        raise SettingsError(
            "there are several GPUs, but one process",
            hint="start it with `accelerate launch`, or make one GPU visible: CUDA_VISIBLE_DEVICES=0",
        )
    at_once = settings.per_device * processes
    if settings.batch % at_once:
        raise SettingsError(
            f"batch is {settings.batch}, which {processes} processes cannot read {settings.per_device} rows at a time",
            hint="choose per_device so that per_device times the number of processes divides batch",
        )
    return settings.batch // at_once


def _lora(lm: LanguageModel, settings: FinetuneSettings) -> Any:
    from peft import LoraConfig
    from transformers.pytorch_utils import Conv1D

    return LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.rank,
        lora_alpha=2 * settings.rank,
        target_modules="all-linear",
        fan_in_fan_out=any(isinstance(layer, Conv1D) for layer in lm.model.modules()),  # GPT-2's linear layers
    )


class _Trainer(SFTTrainer):
    """TRL's trainer with the held-out loss per token over all batches, instead of the mean of the batches' means."""

    _summed: Tensor

    def _send_telemetry(self) -> None:
        """No telemetry."""

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """No model card: a checkpoint is not a publication."""

    def evaluate(self, *args: Any, **options: Any) -> dict[str, float]:
        self._summed = torch.zeros(2, dtype=torch.float64, device="cpu")
        return super().evaluate(*args, **options)

    def prediction_step(self, model: Any, inputs: Any, prediction_loss_only: bool, ignore_keys: Any = None) -> Any:
        loss, *others = super().prediction_step(model, inputs, prediction_loss_only, ignore_keys)
        tokens = int((inputs["labels"][:, 1:] != -100).sum())
        self._summed += torch.tensor([float(loss) * tokens, tokens], dtype=torch.float64)
        return loss, *others

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        if "eval_loss" in logs:
            summed: Any = self.accelerator.reduce(self._summed.to(self.args.device), "sum")
            logs["eval_loss"] = float(summed[0] / summed[1])
        super().log(logs, start_time)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        with write_errors(Path(self.args.output_dir or "")):
            super()._save_checkpoint(model, trial)


class _ProgressCallback(TrainerCallback):
    """Reports each step, and stops at a non-finite loss before it reaches a checkpoint."""

    def __init__(self, on_progress: Callable[[TrainingStep], None]) -> None:
        self._on_progress = on_progress
        self._begun = (0, 0.0)

    # The library sets the names of the parameters.
    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:  # noqa: ARG002
        self._begun = (state.global_step, time.monotonic())

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:  # noqa: ARG002
        logs: Mapping[str, float] = kwargs["logs"]
        loss, held_out = logs.get("loss"), logs.get("eval_loss")
        if loss is None and held_out is None:
            return
        for value in (loss, held_out, logs.get("grad_norm")):
            if value is not None and not math.isfinite(value):
                raise _non_finite(state.global_step)
        if state.is_world_process_zero:
            self._on_progress(
                TrainingStep(
                    step=state.global_step,
                    steps=state.max_steps,
                    loss=loss,
                    perplexity=None if held_out is None else _exp(held_out),
                    seconds_left=self._seconds_left(state),
                )
            )

    def _seconds_left(self, state: TrainerState) -> float | None:
        first, started = self._begun
        done = state.global_step - first
        return (time.monotonic() - started) / done * (state.max_steps - state.global_step) if done else None


def _non_finite(step: int) -> SettingsError:
    if step == 0:
        return SettingsError(
            "non-finite loss before any training", hint="the weights may be damaged: download them again"
        )
    return SettingsError(
        f"non-finite loss at step {step}",
        hint="lower learning_rate, in another folder; earlier checkpoints stay",
    )


def _exp(loss: float) -> float:
    """Infinite if it is too large for a float."""
    return float(torch.tensor(loss, dtype=torch.float64).exp())


@contextmanager
def _quiet() -> Generator[None]:
    """Switch the libraries' own logs and progress bars off: progress goes through `on_progress`."""
    logs = transformers.utils.logging
    verbosity, bars = logs.get_verbosity(), logs.is_progress_bar_enabled()
    maps = not datasets.are_progress_bars_disabled()
    logs.set_verbosity_error()
    logs.disable_progress_bar()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        logs.set_verbosity(verbosity)
        if bars:
            logs.enable_progress_bar()
        if maps:
            datasets.enable_progress_bars()
