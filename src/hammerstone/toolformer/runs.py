"""The stages of one run, each from its configuration alone: what the commands call, and what a script can."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from accelerate import PartialState  # pyright: ignore[reportMissingTypeStubs] - it ships none

from hammerstone.errors import InputError
from hammerstone.models import open_model
from hammerstone.text_files import text_lines
from hammerstone.toolformer.annotate.annotation import Proposer, annotate
from hammerstone.toolformer.annotate.execution import execute
from hammerstone.toolformer.apis.api import Api, Context
from hammerstone.toolformer.apis.api_specs import placed
from hammerstone.toolformer.config import Config
from hammerstone.toolformer.data.corpus import build_corpus
from hammerstone.toolformer.data.dataset import build_dataset
from hammerstone.toolformer.data.heuristics import fasttext_language_id
from hammerstone.toolformer.data.sources import find_sources, open_dataset, read_rows
from hammerstone.toolformer.decode import DecodeSettings, generate
from hammerstone.toolformer.decode.partial_call import vocabulary_of
from hammerstone.toolformer.evaluate.benchmark_files import Task, read_task
from hammerstone.toolformer.evaluate.date_questions import dateset
from hammerstone.toolformer.evaluate.evaluation import Answerer, Given, Row, by_k, four_rows
from hammerstone.toolformer.evaluate.perplexity import Perplexity, perplexity
from hammerstone.toolformer.lm import LanguageModel, load_model
from hammerstone.toolformer.local import write_tools
from hammerstone.toolformer.score.losses import filter_calls
from hammerstone.toolformer.shards import Progress
from hammerstone.toolformer.train.finetune_settings import Step
from hammerstone.toolformer.train.finetuning import Report, finetune
from hammerstone.toolformer.train.packing import hold_out, read_texts

__all__ = [
    "Evaluation",
    "answerer",
    "index_documents",
    "run_annotate",
    "run_corpus",
    "run_dataset",
    "run_evaluate",
    "run_execute",
    "run_filter",
    "run_finetune",
]

LOCAL = "local:"
OnProgress = Callable[[Progress], None]
Taught = Literal["finetune", "control"]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The four rows of every task, the taught model at each k, and the perplexity without calls of every model."""

    rows: tuple[Row, ...]
    by_k: tuple[Row, ...]
    perplexities: Mapping[str, Perplexity]


def run_corpus(config: Config, apis: Sequence[Api], on_progress: OnProgress = lambda _: None) -> Counter[str]:
    """Tokens are those of the model to be taught. Raises as `build_corpus`."""
    settings = replace(config.corpus, tokenizer=config.model)
    lm = load_model(config.model)
    languages = config.corpus.language_id
    return build_corpus(
        config.corpus.sources,
        config.stage("corpus"),
        [api.name for api in apis],
        settings,
        count_tokens=lambda text: len(lm.encode(text)),
        identify=fasttext_language_id(Path(languages)) if languages else None,
        on_progress=on_progress,
    )


def index_documents(sources: Sequence[str], folder: Path) -> int:
    """Index the texts of files, folders, patterns or data sets for `search:FOLDER`; how many passages there are.

    A text's title is its field `title`, or the name of its file. Raises as `find_sources` and `build_index`.
    """
    from hammerstone.toolformer.apis.search import Passage, build_index

    rows = read_rows(find_sources(sources), ("text", "title"), "train", open_dataset)
    read = ((row.name, row.fields or {}) for row in rows)
    passages = (Passage(_plain(fields.get("title")) or name, _plain(fields.get("text"))) for name, fields in read)
    return build_index(passages, folder)


def _plain(value: object) -> str:
    """Text, also of bytes that are not quite UTF-8; empty for anything else."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value if isinstance(value, str) else ""


def run_annotate(config: Config, apis: Sequence[Api], on_progress: OnProgress = lambda _: None) -> Counter[str]:
    """Raises as `annotate`, and what opening the annotating model raises."""
    return annotate(
        config.stage("corpus"),
        config.stage("annotate"),
        _proposer(config),
        apis,
        settings=config.annotate,
        on_progress=on_progress,
    )


def _proposer(config: Config) -> Proposer:
    """The model itself, another one on this machine, or any that can be asked."""
    from hammerstone.toolformer.annotate.prompting import ModelAnnotator, annotation_prompt
    from hammerstone.toolformer.annotate.sampling import SelfAnnotator

    by = config.annotate.by
    if by != "self" and not by.startswith(LOCAL):
        return ModelAnnotator(open_model(by))
    lm = load_model(config.model if by == "self" else by.removeprefix(LOCAL))
    return SelfAnnotator(lm, prompt=lambda api: config.annotate.prompts.get(api.name) or annotation_prompt(api))


async def run_execute(config: Config, apis: Sequence[Api], on_progress: OnProgress = lambda _: None) -> Counter[str]:
    """Raises as `execute`."""
    settings = replace(config.execute, specs=config.tools)
    source, target = config.stage("annotate"), config.stage("execute")
    return await execute(source, target, apis, settings=settings, on_progress=on_progress)


def run_filter(config: Config, on_progress: OnProgress = lambda _: None) -> Counter[str]:
    """By the model to be taught, whoever has proposed the calls. Raises as `filter_calls`."""
    lm = load_model(config.model)
    return filter_calls(config.stage("execute"), config.stage("filter"), lm, on_progress=on_progress)


def run_dataset(config: Config) -> Counter[str]:
    """Raises as `build_dataset`."""
    return build_dataset(config.stage("filter"), config.stage("dataset"), config.dataset)


def run_finetune(config: Config, what: Taught = "finetune", on_step: Callable[[Step], None] = lambda _: None) -> Report:
    """Teach the model, or train its control on the same texts without calls. Raises as `finetune`."""
    file = "train.jsonl" if what == "finetune" else "control.jsonl"
    report = finetune(
        config.model, config.stage("dataset") / file, config.stage(what), config.finetune, on_progress=on_step
    )
    if what == "finetune" and PartialState().is_main_process:
        write_tools(config.stage(what) / "model", [placed(spec, Path.cwd()) for spec in config.tools])
    return report


def answerer(lm: LanguageModel, apis: Mapping[str, Api], settings: DecodeSettings) -> Answerer:
    """How a model is asked the questions of a benchmark."""

    async def answer(prompts: Sequence[str], contexts: Sequence[Context]) -> Sequence[Given]:
        made = await generate(lm, prompts, apis, settings, contexts=contexts)
        return [Given(text=one.text, calls=one.calls) for one in made]

    return answer


async def run_evaluate(
    config: Config, apis: Sequence[Api], on_row: Callable[[Row], None] = lambda _: None
) -> Evaluation:
    """The model untouched, its control, and the taught one with calls disabled and enabled.

    Raises `InputError` for benchmark files that cannot be read and where a model has not been trained yet.
    """
    untouched, control, taught = (load_model(folder) for folder in _models(config))
    tools = {api.name: api for api in apis}
    tasks = _tasks(config)

    def calling(k: int) -> Answerer:
        return answerer(taught, tools, replace(config.generate, k=k))

    silent = replace(config.generate, k=0)
    rows = await four_rows(
        tasks,
        untouched=answerer(untouched, {}, silent),
        control=answerer(control, {}, silent),
        taught=calling,
        k=config.generate.k,
        on_row=on_row,
    )
    compared = await by_k(tasks, calling, config.evaluate.ks, on_row=on_row)
    texts = _held_out(config)
    perplexities = {
        "untouched": perplexity(untouched, texts),
        "control": perplexity(control, texts),
        "disabled": perplexity(taught, texts, never=vocabulary_of(taught).starts),
    }
    return Evaluation(rows=rows, by_k=compared, perplexities=perplexities)


def _models(config: Config) -> tuple[str, str, str]:
    """The folders of the untouched model, the control, and the taught one."""
    made = [config.stage(name) / "model" for name in ("control", "finetune")]
    for folder in made:
        if not folder.is_dir():
            raise InputError(
                f"there is no trained model in {folder}",
                hint="run `hammerstone toolformer finetune`, and once more with --control",
            )
    return config.model, str(made[0]), str(made[1])


def _tasks(config: Config) -> list[Task]:
    files = [read_task(form, Path(file)) for form, files in config.evaluate.files.items() for file in files]
    return [*files, *([dateset(config.evaluate.dateset, seed=config.evaluate.seed)] if config.evaluate.dateset else [])]


def _text(line: str, where: str) -> str:
    try:
        value: object = json.loads(line)["text"]
    except (ValueError, RecursionError, TypeError, KeyError, IndexError):
        value = None
    if not isinstance(value, str):
        raise InputError(f'{where} is no object with "text"', hint='one text a line is read: {"text": "…"}')
    return value


def _held_out(config: Config) -> list[str]:
    """Plain texts that no model was trained on."""
    if config.evaluate.texts is not None:
        path = Path(config.evaluate.texts)
        return [
            _text(line, f"{path}, line {number}") for number, line in enumerate(text_lines(path), 1) if line.strip()
        ]
    texts = read_texts(config.stage("dataset") / "control.jsonl")
    return [one.text for one in hold_out(texts, config.finetune.held_out, config.finetune.seed)[1]]
