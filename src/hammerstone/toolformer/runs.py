"""The stages of one run as functions of its configuration: the commands call them, and so can a script."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Literal

from accelerate import PartialState  # pyright: ignore[reportMissingTypeStubs] - it ships none

from hammerstone.errors import SettingsError
from hammerstone.toolformer.annotate.annotation import annotate
from hammerstone.toolformer.annotate.execution import ExecuteSettings, execute
from hammerstone.toolformer.apis.api import Api
from hammerstone.toolformer.apis.api_specs import resolve_spec
from hammerstone.toolformer.comparison import benchmark_files, perplexity_texts
from hammerstone.toolformer.config import LOCAL, RunConfig
from hammerstone.toolformer.data.corpus import build_corpus
from hammerstone.toolformer.data.dataset import build_dataset
from hammerstone.toolformer.data.heuristics import fasttext_language_id
from hammerstone.toolformer.data.piece_selection import NearText
from hammerstone.toolformer.data.plain_texts import plain_pieces
from hammerstone.toolformer.data.sources import find_sources, open_dataset, read_rows
from hammerstone.toolformer.lm import load_model, load_tokenizer
from hammerstone.toolformer.local import write_tools
from hammerstone.toolformer.near_questions import EvaluationQuestions
from hammerstone.toolformer.score.sweep import KeptCalls, sweep
from hammerstone.toolformer.shards import StageWork, read_shards, run_stage, run_units
from hammerstone.toolformer.stage_openings import is_local, open_annotator, open_filter, open_proposer, prompts
from hammerstone.toolformer.stage_progress import StageProgress
from hammerstone.toolformer.suggest.suggestion import SuggestedPrompt, sample_documents, suggest_prompt
from hammerstone.toolformer.train.finetune_settings import TrainingStep
from hammerstone.toolformer.train.finetuning import FinetuneReport, finetune

__all__ = [
    "SpreadStage",
    "execute_settings",
    "index_documents",
    "run_annotate",
    "run_corpus",
    "run_dataset",
    "run_execute",
    "run_filter",
    "run_finetune",
    "run_over_ray",
    "run_suggest_prompt",
    "run_sweep",
]

RULE = "rule"  # calls that a suggested prompt shows come from rules, not from a model
OnProgress = Callable[[StageProgress], None]
TrainedModel = Literal["finetune", "control"]
SpreadStage = Literal["annotate", "execute", "filter"]
SOURCE: dict[SpreadStage, str] = {"annotate": "corpus", "execute": "annotate", "filter": "execute"}


def run_corpus(
    config: RunConfig,
    apis: Sequence[Api],
    on_progress: OnProgress = lambda _: None,
    on_near: Callable[[NearText], None] = lambda _: None,
) -> Counter[str]:
    """Tokens are counted by the tokenizer of the model that will be fine-tuned.

    Raises as `build_corpus`, and as `read_benchmark` for evaluation files, whose questions no text may be near to.
    """
    settings = replace(config.corpus, tokenizer=config.model)
    tokenizer = load_tokenizer(config.model)
    languages = config.corpus.language_id
    return build_corpus(
        config.corpus.sources,
        config.stage("corpus"),
        [api.name for api in apis],
        settings,
        count_tokens=lambda text: len(tokenizer.encode(text)),
        load=open_dataset if settings.limit is None else partial(open_dataset, seed=settings.seed),
        identify=fasttext_language_id(Path(languages)) if languages else None,
        questions=_questions(config),
        on_near=on_near,
        on_progress=on_progress,
    )


def _questions(config: RunConfig) -> EvaluationQuestions:
    return EvaluationQuestions(_asked(config))


def _asked(config: RunConfig) -> Iterator[str]:
    return (one.prompt for benchmark in benchmark_files(config) for one in benchmark.questions)


def index_documents(sources: Sequence[str], folder: Path) -> int:
    """Index the texts of files, folders, patterns or datasets for `search:FOLDER`. Returns the number of passages.

    A text's title is its field `title`, or the name of its file. Raises as `find_sources` and `build_index`.
    """
    from hammerstone.toolformer.apis.search import IndexedPassage, build_index

    rows = read_rows(find_sources(sources), ("text", "title"), "train", open_dataset)
    read = ((row.name, row.fields or {}) for row in rows)
    passages = (
        IndexedPassage(_plain(fields.get("title")) or name, _plain(fields.get("text"))) for name, fields in read
    )
    return build_index(passages, folder)


def _plain(value: object) -> str:
    """The text, also from bytes that are not valid UTF-8; empty for anything else."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value if isinstance(value, str) else ""


def run_annotate(config: RunConfig, apis: Sequence[Api], on_progress: OnProgress = lambda _: None) -> Counter[str]:
    """Run the stage `annotate`. Raises as `annotate`, and what opening the annotating model raises."""
    source, target = config.stage(SOURCE["annotate"]), config.stage("annotate")
    annotator = open_annotator(config, apis)
    return annotate(source, target, annotator, apis, settings=config.annotate, on_progress=on_progress)


async def run_suggest_prompt(
    config: RunConfig, apis: Sequence[Api], name: str, *, by: str, examples: int, documents: int
) -> SuggestedPrompt:
    """A prompt for one tool from documents of the `corpus` stage, measured for the annotating model.

    Calls come from rules, or from the model `by` (as `[annotate] by`). Where a model that reports no probabilities
    annotates, the prompt is measured on the one that is fine-tuned. Raises as `suggest_prompt`, `read_shards` and
    `read_benchmark`, and `SettingsError` for a tool that is not in use.
    """
    named = {api.name: api for api in apis}
    if name not in named:
        raise SettingsError(f"{name} is not a tool of this run", hint=f"the tools are {', '.join(named)}")
    prompt = prompts(config, apis)
    corpus = read_shards(config.stage("corpus"))
    sample = sample_documents(corpus, name, documents, config.corpus.seed, _questions(config))
    annotator = config.annotate.by
    return await suggest_prompt(
        sample,
        named[name],
        load_model(annotator.removeprefix(LOCAL) if annotator.startswith(LOCAL) else config.model, dtype=config.dtype),
        prompt(named[name]),
        proposer=None if by == RULE else open_proposer(config, by, prompt),
        count=examples,
        settings=config.annotate,
    )


async def run_execute(config: RunConfig, apis: Sequence[Api], on_progress: OnProgress = lambda _: None) -> Counter[str]:
    """Run the stage `execute`. Raises as `execute`."""
    source, target = config.stage(SOURCE["execute"]), config.stage("execute")
    return await execute(source, target, apis, settings=execute_settings(config), on_progress=on_progress)


def execute_settings(config: RunConfig) -> ExecuteSettings:
    """The settings by which the run's calls are executed."""
    return replace(config.execute, specs=config.tools)


def run_filter(config: RunConfig, on_progress: OnProgress = lambda _: None) -> Counter[str]:
    """Run the stage `filter`. Raises as `run_stage` and `open_filter`."""
    source, target = config.stage(SOURCE["filter"]), config.stage("filter")
    with open_filter(config) as opened:
        return run_stage("filter", source, target, opened.work, settings=opened.settings, on_progress=on_progress)


def run_over_ray(
    stage: SpreadStage,
    config: RunConfig,
    open_work: Callable[[], AbstractContextManager[StageWork]],
    address: str,
    on_progress: OnProgress = lambda _: None,
) -> Counter[str]:
    """A stage over the workers of a Ray cluster, each of which opens it.

    Raises as `ray_workers` and `run_units`, and what the workers raise.
    """
    from hammerstone.toolformer.ray_workers import ray_workers

    reads_model = stage == "filter" or (stage == "annotate" and is_local(config.annotate.by))
    with ray_workers(address, open_work, on_gpus=reads_model) as workers:
        source, target = config.stage(SOURCE[stage]), config.stage(stage)
        return run_units(stage, source, target, workers.run, settings=workers.settings, on_progress=on_progress)


def run_sweep(config: RunConfig, examples: int) -> tuple[KeptCalls, ...]:
    """The calls of the `filter` stage at each threshold; only the model's tokenizer is loaded. Raises as `sweep`."""
    tokenizer = load_tokenizer(config.model)
    return sweep(
        config.stage("filter"),
        lambda text: tokenizer.encode_with_offsets(text)[1],
        examples=examples,
        chosen=config.dataset.tau_f,
    )


def run_dataset(config: RunConfig) -> Counter[str]:
    """No plain text is near to a question of the evaluation, nor to the text for its perplexity.

    Raises as `build_dataset`, `plain_pieces`, `read_benchmark` and `perplexity_texts`.
    """
    settings = config.dataset
    plain: Iterator[str] = iter(())
    if settings.plain:
        plain = plain_pieces(settings.plain, EvaluationQuestions(chain(_asked(config), perplexity_texts(config))))
    return build_dataset(config.stage("filter"), config.stage("dataset"), settings, plain)


def run_finetune(
    config: RunConfig, what: TrainedModel = "finetune", on_step: Callable[[TrainingStep], None] = lambda _: None
) -> FinetuneReport:
    """Fine-tune the model, or its control on the same texts without calls. Raises as `finetune`."""
    file = "train.jsonl" if what == "finetune" else "control.jsonl"
    report = finetune(
        config.model,
        config.stage("dataset") / file,
        config.stage(what),
        config.finetune,
        dtype=config.dtype,
        on_progress=on_step,
    )
    if what == "finetune" and PartialState().is_main_process:
        write_tools(config.stage(what) / "model", [resolve_spec(spec, Path.cwd()) for spec in config.tools])
    return report
