"""Stages that read a model, opened from a run's configuration alone: in this process, or on another machine."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial

from hammerstone.models import open_model
from hammerstone.toolformer.annotate.annotation import Proposer, annotation_work
from hammerstone.toolformer.annotate.prompting import PromptedProposer, annotation_prompt
from hammerstone.toolformer.apis.api import Api
from hammerstone.toolformer.config import LOCAL, RunConfig
from hammerstone.toolformer.lm import best_device, chosen_dtype, load_model, name_in_dtype
from hammerstone.toolformer.score.losses import scoring_work
from hammerstone.toolformer.shards import StageWork

__all__ = ["is_local", "open_annotation", "open_annotator", "open_filter", "open_proposer", "prompts"]


@contextmanager
def open_annotation(config: RunConfig, describe_apis: Callable[[], Sequence[Api]]) -> Generator[StageWork]:
    """The work of `annotate`. Raises as `annotation_work`, and what opening the annotating model raises."""
    apis = describe_apis()
    yield annotation_work(open_annotator(config, apis), apis, config.annotate)


@contextmanager
def open_filter(config: RunConfig) -> Generator[StageWork]:
    """The work of `filter`: by the model that will be fine-tuned, whichever model proposed the calls.

    The model is loaded for the first unit, and may raise as `load_model` then.
    """
    model = name_in_dtype(config.model, chosen_dtype(config.dtype, best_device()))  # which no folder is to mix
    yield scoring_work(model, partial(load_model, config.model, dtype=config.dtype))


def open_annotator(config: RunConfig, apis: Sequence[Api]) -> Proposer:
    """The model that annotates, with the run's prompts."""
    return open_proposer(config, config.annotate.by, prompts(config, apis))


def prompts(config: RunConfig, apis: Sequence[Api]) -> Callable[[Api], str]:
    """The prompt of each tool: the run's own, or the built-in one."""
    own = config.annotate.own_prompts([api.name for api in apis])
    return lambda api: own[api.name] if api.name in own else annotation_prompt(api)


def is_local(by: str) -> bool:
    """Whether hammerstone itself runs the annotating model."""
    return by == "self" or by.startswith(LOCAL)


def open_proposer(config: RunConfig, by: str, prompt: Callable[[Api], str]) -> Proposer:
    """The model itself, another local one, or any model that can be prompted."""
    from hammerstone.toolformer.annotate.sampling import SamplingProposer

    if not is_local(by):
        return PromptedProposer(open_model(by), prompt=prompt)
    lm = load_model(config.model if by == "self" else by.removeprefix(LOCAL), dtype=config.dtype)
    return SamplingProposer(lm, prompt=prompt)
