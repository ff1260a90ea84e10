"""Question answering: a model, alone or with the passages that a search finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.models import Message, Model, Prompt, ask
from hammerstone.toolformer.apis import prompts
from hammerstone.toolformer.apis.api import ApiError, CallContext

if TYPE_CHECKING:
    from hammerstone.toolformer.apis.search import Search

__all__ = ["QuestionAnswering"]

READ = 5  # passages
UNKNOWN = "unknown"


class QuestionAnswering:
    """`QA(Where was the Knights of Columbus founded?)` is "New Haven, Connecticut" (table 1).

    The paper asks Atlas, a model that retrieves passages and reads them; with a `search`, any model does so here.
    """

    def __init__(self, model: Model, search: Search | None = None) -> None:
        self._model = model
        self._search = search

    @property
    def name(self) -> str:
        return "QA"

    @property
    def description(self) -> str:
        return "Takes a simple question of fact and gives a short answer, such as: New Haven, Connecticut."

    async def __call__(self, text: str, context: CallContext) -> str:  # noqa: ARG002 - the contract's
        if not text.strip():
            raise ApiError("no question")
        if self._search is None:
            asked = prompts.fill("answer", question=text)
        else:
            passages = await self._search.passages(text, READ)
            written = "\n\n".join(f"{passage.title}\n{passage.text}".strip() for passage in passages)
            asked = prompts.fill("answer_from_passages", question=text, passages=written)
        reply = await ask(self._model, Prompt(messages=(Message(role="user", content=asked),), temperature=0.0))
        answer = reply.text.strip()
        if answer.rstrip(".").casefold() == UNKNOWN:
            raise ApiError("no answer")
        return answer
