"""Prompts for annotation, and a proposer that only needs a prompt: any model of `hammerstone.models`.

Each tool of the paper has a prompt with worked examples, a Markdown file in `prompts/`. The prompt of any other tool
is written from its name and description, so your own tools need no examples to start with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import anyio

from hammerstone.concurrency import map_concurrently
from hammerstone.errors import ModelError
from hammerstone.models import Message, Prompt, ask
from hammerstone.templates import fill_template
from hammerstone.toolformer.annotate.annotation import PAPER_SAMPLING
from hammerstone.toolformer.call_format import ApiCall, find_calls, remove_calls
from hammerstone.toolformer.corpus_document import CorpusDocument, Proposal

if TYPE_CHECKING:
    from hammerstone.models import Model
    from hammerstone.toolformer.annotate.annotation import AnnotateSettings
    from hammerstone.toolformer.apis.api import Api

__all__ = ["PromptedProposer", "annotation_prompt", "instructions", "is_continued", "read_rewriting"]

PROMPTS = "hammerstone.toolformer.prompts"


def annotation_prompt(api: Api) -> str:
    """Instructions and examples for one tool. `Input:`, a text, and `Output:`, each on its own line, follow it."""
    if api.name in PAPER_SAMPLING:
        return fill_template(PROMPTS, f"annotate_{api.name.lower()}", {})
    return fill_template(PROMPTS, "describe_tool", {"name": api.name, "description": api.description})


def is_continued(prompt: str, api: str) -> bool:
    """Whether a prompt consists of annotated texts alone: it has calls of the tool, and no line `Input:`.

    Other prompts are followed by `Input:` and `Output:`, as the paper's are (appendix A). A small model that has not
    been trained to follow instructions does better with texts alone, which it only has to continue.
    """
    return "\nInput:\n" not in f"\n{prompt}\n" and bool(find_calls(prompt, [api]))


def instructions(api: Api) -> str:
    """The beginning of a prompt for one tool; its examples follow in the form of `annotation_prompt`."""
    if api.name in PAPER_SAMPLING:
        return annotation_prompt(api).partition("\n\nInput:\n")[0]
    return fill_template(PROMPTS, "annotate_like", {"name": api.name, "description": api.description})


class PromptedProposer:
    """Asks a model to rewrite each text with calls in it. A reply that changes anything else is dropped.

    `prompt` gives the prompt of a tool, without the text. Such models report no token probabilities: no settings apply,
    and 1.0 is recorded as the probability of `[`.
    Failed requests are counted; if all requests of a unit of work fail, the model is unavailable, and its error is
    raised. Call it from synchronous code: the requests of each unit run in their own event loop.
    """

    def __init__(self, model: Model, *, prompt: Callable[[Api], str] = annotation_prompt) -> None:
        self._model = model
        self._prompt = prompt

    @property
    def name(self) -> str:
        return self._model.name

    def prepare(self, api: Api, settings: AnnotateSettings) -> str:
        del settings  # see above
        return fill_template(PROMPTS, "rewrite_text", {"head": self._prompt(api), "text": ""})

    def propose(
        self, documents: Sequence[CorpusDocument], api: Api, settings: AnnotateSettings
    ) -> tuple[list[list[Proposal]], Counter[str]]:
        del settings
        head = self._prompt(api)

        async def rewrite(document: CorpusDocument) -> str | ModelError:
            return await self._rewritten(document, head)

        replies = anyio.run(map_concurrently, rewrite, documents)
        errors = [reply for reply in replies if isinstance(reply, ModelError)]
        if documents and len(errors) == len(documents):
            raise errors[0]
        counts: Counter[str] = Counter()
        made = [_proposals(*pair, api.name, counts) for pair in zip(replies, documents, strict=True)]
        return made, counts

    async def _rewritten(self, document: CorpusDocument, head: str) -> str | ModelError:
        asked = fill_template(PROMPTS, "rewrite_text", {"head": head, "text": document.text})
        try:
            return (await ask(self._model, Prompt(messages=(Message(role="user", content=asked),)))).text
        except ModelError as error:
            return error


def _proposals(reply: str | ModelError, document: CorpusDocument, api: str, counts: Counter[str]) -> list[Proposal]:
    counts[f"replies: {api}"] += 1
    if isinstance(reply, ModelError):
        counts[f"dropped: {api}: no reply"] += 1
        return []
    calls = read_rewriting(reply, document.text, api)
    if calls is None:
        counts[f"dropped: {api}: text was changed"] += 1
        return []
    return [Proposal(api=api, input=call.input.strip(), position=position, probability=1.0) for position, call in calls]


def read_rewriting(reply: str, text: str, api: str) -> list[tuple[int, ApiCall]] | None:
    """The calls in a reply, with their positions in the text; `None` if removing them does not give the text back.

    Spaces are ignored, since models place them differently around calls: positions are counted in other characters.
    """
    reply = reply.strip().removeprefix("Output:")
    if _solid(remove_calls(reply, [api])) != _solid(text):
        return None
    ends = [
        0,
        *(at + 1 for at, letter in enumerate(text) if not letter.isspace()),
    ]  # the position after that many letters
    calls: list[tuple[int, ApiCall]] = []
    letters = done = 0
    for start, end, call in find_calls(reply, [api]):
        letters += len(_solid(reply[done:start]))
        calls.append((ends[letters], call))
        done = end
    return calls


def _solid(text: str) -> str:
    return "".join(letter for letter in text if not letter.isspace())
