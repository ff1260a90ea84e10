"""The last stage: base, control and fine-tuned model on benchmarks and plain texts, one model after the other."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from hammerstone.errors import InputError
from hammerstone.text_files import read_text, text_lines
from hammerstone.toolformer.apis.api import Api, CallContext
from hammerstone.toolformer.config import RunConfig
from hammerstone.toolformer.decode import DecodeSettings, generate
from hammerstone.toolformer.decode.partial_call import vocabulary_of
from hammerstone.toolformer.evaluate.benchmark_files import Benchmark, read_benchmark
from hammerstone.toolformer.evaluate.date_questions import date_questions
from hammerstone.toolformer.evaluate.evaluation import (
    Answerer,
    Continuation,
    EvaluationRow,
    by_k,
    four_rows,
    model_rows,
)
from hammerstone.toolformer.evaluate.perplexity import Perplexity, perplexity
from hammerstone.toolformer.lm import LanguageModel, load_model
from hammerstone.toolformer.train.packing import hold_out, read_texts

__all__ = ["Evaluation", "EvaluationProgress", "answerer", "benchmark_files", "perplexity_texts", "run_evaluate"]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The four rows of each benchmark, the fine-tuned model at each k, and every model's perplexity without calls.

    `models` names the folder, file or hub name of `base`, `control` and `fine-tuned`.
    """

    rows: tuple[EvaluationRow, ...]
    by_k: tuple[EvaluationRow, ...]
    perplexities: Mapping[str, Perplexity]
    models: Mapping[str, str]


def answerer(lm: LanguageModel, apis: Mapping[str, Api], settings: DecodeSettings) -> Answerer:
    """An answerer that continues the prompts of a benchmark with a model."""

    async def answer(prompts: Sequence[str], contexts: Sequence[CallContext]) -> Sequence[Continuation]:
        made = await generate(lm, prompts, apis, settings, contexts=contexts)
        return [Continuation(text=one.text, calls=one.calls) for one in made]

    return answer


@dataclass(frozen=True, kw_only=True)
class EvaluationProgress:
    """`done` of `total` rows; the last was of a `model` (`base`, `control` or `fine-tuned`) on a `benchmark`."""

    done: int
    total: int
    model: str
    benchmark: str


async def run_evaluate(
    config: RunConfig, apis: Sequence[Api], on_progress: Callable[[EvaluationProgress], None] = lambda _: None
) -> Evaluation:
    """Evaluate the base model, its control, and the fine-tuned model with calls disabled and enabled.

    One model is in memory at a time. Raises `InputError` for benchmark files that cannot be read, and if a model has
    not been trained yet.
    """
    folders, benchmarks, texts = _models(config), _benchmarks(config), _held_out(config)
    tools = {api.name: api for api in apis}
    ks = (0, config.generate.k, *config.evaluate.ks)
    asked = {"base": (0,), "control": (0,), "fine-tuned": (*dict.fromkeys(ks),)}
    total = len(benchmarks) * sum(map(len, asked.values()))
    rows: dict[str, tuple[EvaluationRow, ...]] = {}
    perplexities: dict[str, Perplexity] = {}
    count = itertools.count(1)

    def report(row: EvaluationRow) -> None:
        on_progress(EvaluationProgress(done=next(count), total=total, model=row.name, benchmark=row.benchmark))

    for name, folder in folders.items():
        fine_tuned = name == "fine-tuned"
        lm = load_model(folder, dtype=config.dtype)
        answering = partial(_answering, lm, tools if fine_tuned else {}, config.generate)
        rows[name] = await model_rows(name, benchmarks, answering, asked[name], on_row=report)
        never = vocabulary_of(lm).starts if fine_tuned else ()
        perplexities["disabled" if fine_tuned else name] = perplexity(lm, texts, never=never)
        del lm, answering  # before the next one is loaded
    return Evaluation(
        rows=four_rows(rows["base"], rows["control"], rows["fine-tuned"], config.generate.k),
        by_k=by_k(rows["fine-tuned"], config.evaluate.ks),
        perplexities=perplexities,
        models=folders,
    )


def _answering(lm: LanguageModel, apis: Mapping[str, Api], settings: DecodeSettings, k: int) -> Answerer:
    return answerer(lm, apis, replace(settings, k=k))


def _models(config: RunConfig) -> Mapping[str, str]:
    """The folders of the models that are compared."""
    made = [config.stage(name) / "model" for name in ("control", "finetune")]
    for folder in made:
        if not folder.is_dir():
            raise InputError(
                f"there is no trained model in {folder}",
                hint="run `hammerstone toolformer finetune`, and once more with --control",
            )
    return {"base": config.model, "control": str(made[0]), "fine-tuned": str(made[1])}


def benchmark_files(config: RunConfig) -> list[Benchmark]:
    """The benchmarks of a run that are files. Raises as `read_benchmark`."""
    return [read_benchmark(form, Path(file)) for form, files in config.evaluate.files.items() for file in files]


def _benchmarks(config: RunConfig) -> list[Benchmark]:
    return [
        *benchmark_files(config),
        *([date_questions(config.evaluate.dateset, seed=config.evaluate.seed)] if config.evaluate.dateset else []),
    ]


def _plain_text(path: Path) -> str:
    try:
        return read_text(path)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", hint="check `texts` of [evaluate]") from error


def _text(line: str, where: str) -> str:
    try:
        value: object = json.loads(line)["text"]
    except (ValueError, RecursionError, TypeError, KeyError, IndexError):
        value = None
    if not isinstance(value, str):
        raise InputError(f'{where} is not an object with "text"', hint='write one text per line: {"text": "…"}')
    return value


def perplexity_texts(config: RunConfig) -> list[str]:
    """The texts that the configuration names for the perplexity; empty if it names none. Raises `InputError`."""
    if config.evaluate.texts is None:
        return []
    path = Path(config.evaluate.texts)
    if path.suffix == ".txt":
        return [_plain_text(path)]
    return [_text(line, f"{path}, line {number}") for number, line in enumerate(text_lines(path), 1) if line.strip()]


def _held_out(config: RunConfig) -> list[str]:
    """Plain texts that no model was trained on."""
    if config.evaluate.texts is not None:
        return perplexity_texts(config)
    texts = read_texts(config.stage("dataset") / "control.jsonl")
    return [one.text for one in hold_out(texts, config.finetune.held_out, config.finetune.seed)[1]]
