"""A prompt for a tool, suggested from a sample of the corpus and measured beside the one in use.

sample ─► calls by rule, or proposed by a model ─► run ─► those whose result comes next
            ├─► of a few documents: the examples of the prompt
            └─► of the others: places at which both prompts are measured
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from anyio import to_thread

from hammerstone.errors import InputError
from hammerstone.toolformer.annotate.annotation import AnnotateSettings, Proposer
from hammerstone.toolformer.apis.api import Api
from hammerstone.toolformer.corpus_document import CorpusDocument
from hammerstone.toolformer.lm import LanguageModel
from hammerstone.toolformer.near_questions import EvaluationQuestions
from hammerstone.toolformer.suggest.example_prompt import ExamplePassage, choose_examples, example_prompt, example_texts
from hammerstone.toolformer.suggest.prompt_measure import PromptMeasure, measure_prompt
from hammerstone.toolformer.suggest.result_places import ResultPlace, places_by_rule, places_of_proposals

__all__ = ["SuggestedPrompt", "sample_documents", "suggest_prompt"]

MEASURED = 100  # places at which a prompt is measured: at most


@dataclass(frozen=True, kw_only=True)
class SuggestedPrompt:
    """A prompt with `examples`, from a sample of `documents`; in `with_places` of them a result comes next.

    The examples are shown as `pairs`, the text and the text with calls, after the tool's instructions, or as annotated
    `texts` alone. `prompt` is the better of the two: where more results are among the likeliest positions, then where
    p(`[`) is higher. Both are measured beside the `present` prompt, on the same places of documents that are no
    examples. If the sample has no others, nothing is measured, and the prompt has pairs.
    """

    api: str
    documents: int
    with_places: int
    examples: tuple[ExamplePassage, ...]
    prompt: str
    present: PromptMeasure | None
    pairs: PromptMeasure | None
    texts: PromptMeasure | None


def sample_documents(
    documents: Iterable[CorpusDocument], api: str, count: int, seed: int, questions: EvaluationQuestions
) -> list[CorpusDocument]:
    """`count` documents that may be useful for a tool, drawn with `seed`, without any that is near to an evaluation
    question: a model must not see those in its prompt.
    """
    fitting = [one for one in documents if (not one.apis or api in one.apis) and not questions.shared(one.text)]
    return random.Random(seed).sample(fitting, min(count, len(fitting)))  # noqa: S311 - a sample is no secret


async def suggest_prompt(
    documents: Sequence[CorpusDocument],
    api: Api,
    lm: LanguageModel,
    present: str,
    *,
    proposer: Proposer | None = None,
    count: int = 3,
    settings: AnnotateSettings = AnnotateSettings(),  # noqa: B008 - frozen
) -> SuggestedPrompt:
    """A prompt with `count` examples for the tool, measured beside the `present` one as annotation by `lm` uses them.

    Calls come from the rules of `known_inputs`, or from `proposer`. Raises `InputError` if no result comes next
    anywhere, and as `measure_prompt`.
    """
    places = await _places(documents, api, proposer, settings)
    examples = choose_examples(places, count)
    if not examples:
        raise InputError(
            f"in none of {len(documents)} documents a result of {api.name} comes next",
            hint="take more documents (--documents), let a model propose calls (--by), or use texts that fit the tool",
        )
    prompts = (present, example_prompt(api, examples), example_texts(examples))
    shown = {one.document for one in examples}
    others = [place for place in places if place.document.id not in shown][:MEASURED]
    in_use, pairs, texts = (measure_prompt(lm, api, one, others, settings) if others else None for one in prompts)
    return SuggestedPrompt(
        api=api.name,
        documents=len(documents),
        with_places=len({place.document.id for place in places}),
        examples=tuple(examples),
        prompt=prompts[2] if pairs and texts and _goodness(texts) > _goodness(pairs) else prompts[1],
        present=in_use,
        pairs=pairs,
        texts=texts,
    )


def _goodness(measure: PromptMeasure) -> tuple[int, float]:
    return measure.chosen, measure.probability


async def _places(
    documents: Sequence[CorpusDocument], api: Api, proposer: Proposer | None, settings: AnnotateSettings
) -> list[ResultPlace]:
    if proposer is None:
        return await places_by_rule(documents, api)
    asked = [replace(document, proposals=()) for document in documents]
    proposed, _ = await to_thread.run_sync(proposer.propose, asked, api, settings)
    filled = [replace(document, proposals=tuple(made)) for document, made in zip(asked, proposed, strict=True)]
    return await places_of_proposals(filled, api)
