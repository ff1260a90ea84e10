"""The stages of one run as functions of its configuration: the commands call them, and so can a script."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

from accelerate import PartialState  # pyright: ignore[reportMissingTypeStubs] - it ships none

from hammerstone.errors import SettingsError
from hammerstone.models import open_model
from hammerstone.toolformer.annotate.annotation import Proposer, annotate, annotation_work
from hammerstone.toolformer.annotate.execution import execute, execution_work
from hammerstone.toolformer.annotate.prompting import PromptedProposer, annotation_prompt
from hammerstone.toolformer.apis.api import Api
from hammerstone.toolformer.apis.api_specs import resolve_spec
from hammerstone.toolformer.comparison import benchmark_files
from hammerstone.toolformer.config import LOCAL, RunConfig
from hammerstone.toolformer.data.corpus import build_corpus
from hammerstone.toolformer.data.dataset import build_dataset
from hammerstone.toolformer.data.heuristics import fasttext_language_id
from hammerstone.toolformer.data.sources import find_sources, open_dataset, read_rows
from hammerstone.toolformer.lm import load_model, load_tokenizer
from hammerstone.toolformer.local import write_tools
from hammerstone.toolformer.score.losses import scoring_work
from hammerstone.toolformer.score.sweep import KeptCalls, sweep
from hammerstone.toolformer.shards import StageWork, read_shards, run_stage, run_units
from hammerstone.toolformer.stage_progress import StageProgress
from hammerstone.toolformer.suggest.suggestion import SuggestedPrompt, sample_documents, suggest_prompt
from hammerstone.toolformer.train.finetune_settings import TrainingStep
from hammerstone.toolformer.train.finetuning import FinetuneReport, finetune

__all__ = [
    "SpreadStage",
    "index_documents",
    "opened_annotation",
    "opened_execution",
    "opened_filter",
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


def run_corpus(config: RunConfig, apis: Sequence[Api], on_progress: OnProgress = lambda _: None) -> Counter[str]:
    """Tokens are counted by the tokenizer of the model that will be fine-tuned. Raises as `build_corpus`."""
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
        on_progress=on_progress,
    )


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
    """Raises as `annotate`, and what opening the annotating model raises."""
    return annotate(
        config.stage("corpus"),
        config.stage("annotate"),
        _annotator(config, apis),
        apis,
        settings=config.annotate,
        on_progress=on_progress,
    )


def _annotator(config: RunConfig, apis: Sequence[Api]) -> Proposer:
    return _proposer(config, config.annotate.by, _prompts(config, apis))


@contextmanager
def opened_annotation(config: RunConfig, describe_apis: Callable[[], Sequence[Api]]) -> Generator[StageWork]:
    """The work of `run_annotate`. Raises as `annotation_work`, and what opening the annotating model raises."""
    apis = describe_apis()
    yield annotation_work(_annotator(config, apis), apis, config.annotate)


def _prompts(config: RunConfig, apis: Sequence[Api]) -> Callable[[Api], str]:
    """The prompt of each tool: the run's own, or the built-in one."""
    own = config.annotate.own_prompts([api.name for api in apis])
    return lambda api: own[api.name] if api.name in own else annotation_prompt(api)


def _proposer(config: RunConfig, by: str, prompt: Callable[[Api], str]) -> Proposer:
    """The model itself, another local one, or any model that can be prompted."""
    from hammerstone.toolformer.annotate.sampling import SamplingProposer

    if not _is_local(by):
        return PromptedProposer(open_model(by), prompt=prompt)
    lm = load_model(config.model if by == "self" else by.removeprefix(LOCAL), dtype=config.dtype)
    return SamplingProposer(lm, prompt=prompt)


def _is_local(by: str) -> bool:
    """Whether an annotating model is read on this machine."""
    return by == "self" or by.startswith(LOCAL)


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
    prompt = _prompts(config, apis)
    questions = [question.prompt for benchmark in benchmark_files(config) for question in benchmark.questions]
    sample = sample_documents(read_shards(config.stage("corpus")), name, documents, config.corpus.seed, questions)
    annotator = config.annotate.by
    return await suggest_prompt(
        sample,
        named[name],
        load_model(annotator.removeprefix(LOCAL) if annotator.startswith(LOCAL) else config.model, dtype=config.dtype),
        prompt(named[name]),
        proposer=None if by == RULE else _proposer(config, by, prompt),
        count=examples,
        settings=config.annotate,
    )


async def run_execute(config: RunConfig, apis: Sequence[Api], on_progress: OnProgress = lambda _: None) -> Counter[str]:
    """Raises as `execute`."""
    settings = replace(config.execute, specs=config.tools)
    source, target = config.stage("annotate"), config.stage("execute")
    return await execute(source, target, apis, settings=settings, on_progress=on_progress)


@contextmanager
def opened_execution(
    config: RunConfig, open_apis: Callable[[], AbstractAsyncContextManager[Iterable[Api]]]
) -> Generator[StageWork]:
    """The work of `run_execute`. Raises as `Executor`, and what opening the tools raises."""
    with execution_work(open_apis, replace(config.execute, specs=config.tools)) as opened:
        yield opened


def run_filter(config: RunConfig, on_progress: OnProgress = lambda _: None) -> Counter[str]:
    """By the model that will be fine-tuned, whichever model proposed the calls; it is loaded if any are left to score.

    Raises as `run_stage` and `load_model`.
    """
    source, target = config.stage(SOURCE["filter"]), config.stage("filter")
    with opened_filter(config) as opened:
        return run_stage("filter", source, target, opened.work, settings=opened.settings, on_progress=on_progress)


@contextmanager
def opened_filter(config: RunConfig) -> Generator[StageWork]:
    """The work of `run_filter`, which raises as `load_model`."""
    yield scoring_work(config.model, partial(load_model, config.model, dtype=config.dtype))


def run_over_ray(
    config: RunConfig,
    stage: SpreadStage,
    opened: Callable[[], AbstractContextManager[StageWork]],
    address: str,
    on_progress: OnProgress = lambda _: None,
) -> Counter[str]:
    """A stage over the workers of a Ray cluster, which open it with one of the functions above.

    Raises as `ray_workers` and `run_units`, and what the workers raise.
    """
    from hammerstone.toolformer.ray_workers import ray_workers

    model = stage == "filter" or (stage == "annotate" and _is_local(config.annotate.by))
    with ray_workers(address, opened, on_gpus=model) as workers:
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
    """Raises as `build_dataset`."""
    return build_dataset(config.stage("filter"), config.stage("dataset"), config.dataset)


def run_finetune(
    config: RunConfig, what: TrainedModel = "finetune", on_step: Callable[[TrainingStep], None] = lambda _: None
) -> FinetuneReport:
    """Fine-tune the model, or its control on the same texts without calls. Raises as `finetune`."""
    file = "train.jsonl" if what == "finetune" else "control.jsonl"
    report = finetune(
        config.model, config.stage("dataset") / file, config.stage(what), config.finetune, on_progress=on_step
    )
    if what == "finetune" and PartialState().is_main_process:
        write_tools(config.stage(what) / "model", [resolve_spec(spec, Path.cwd()) for spec in config.tools])
    return report
