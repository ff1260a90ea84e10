"""What of the text of requests and answers a store keeps: all of it, what a mask leaves of it, or nothing.

Nothing is learned from a request of which anything is left out: its instance would say something else than what was
asked, and a tool built on that would be a rule for other questions. It is counted all the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from hammerstone.escaping import mapped
from hammerstone.store.records import Answered, Kept, PaidCall

if TYPE_CHECKING:
    from hammerstone.types import JSON, Chat, Instance, Message

__all__ = ["ALL", "KEEP_NOTHING", "Keeping", "Mask"]

Mask = Callable[[str], str]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Keeping:
    """`mask` is given each text before it is stored. A text that it fails on is left out."""

    mask: Mask | None = None

    def text(self, text: str) -> str:
        """What is kept of a text."""
        if self.mask is None or not text:
            return text
        try:
            left = cast("object", self.mask(text))
        except BaseException as error:  # no code of others ends the gateway; its words may quote the text
            _log.error("a mask failed with %s: the text is left out", type(error).__name__)
            return ""
        return left if isinstance(left, str) else ""

    def is_whole(self, *texts: str) -> bool:
        return self.mask is None or all(self.text(one) == one for one in texts)

    def is_whole_chat(self, chat: Chat) -> bool:
        """Whether a request may be learned from."""
        return self.mask is None or self.chat(chat) == chat

    def is_whole_instance(self, instance: Instance) -> bool:
        whole = self.is_whole(instance.question, instance.answer)
        return whole and (instance.chat is None or self.is_whole_chat(instance.chat))

    def document(self, value: JSON) -> JSON:
        return value if self.mask is None else mapped(self.text, value)

    def chat(self, chat: Chat) -> Chat:
        def left(message: Message) -> Message:
            return replace(message, content=self.text(message.content))

        messages = tuple(map(left, chat.messages))
        return replace(chat, messages=messages, response_format=self.document(chat.response_format))

    def answered(self, answered: Answered) -> tuple[Answered, Kept]:
        """What is kept of a request with its answer, and how much that is."""
        if self.mask is None:
            return answered, Kept.WHOLE
        left = replace(
            answered,
            question=self.text(answered.question),
            answer=None if answered.answer is None else self.text(answered.answer),
            error=None if answered.error is None else self.text(answered.error),
            refusals=tuple(map(self.text, answered.refusals)),
            chat=self._chat_or_none(answered.chat),
        )
        same = (left.question, left.answer, left.chat) == (answered.question, answered.answer, answered.chat)
        return left, Kept.WHOLE if same else Kept.NOTHING if self.mask is _nothing else Kept.MASKED

    def call(self, call: PaidCall) -> PaidCall:
        """A call of which anything is left out is never found again: its reply is not what was paid for."""
        prompt, text = self.document(dict(call.prompt)), self.text(call.text)
        if (prompt, text) == (call.prompt, call.text):
            return call
        kept = cast("dict[str, JSON]", prompt) if isinstance(prompt, dict) and self.mask is not _nothing else {}
        return replace(call, key="", prompt=kept, text=text)

    def _chat_or_none(self, chat: Chat | None) -> Chat | None:
        return None if chat is None or self.mask is _nothing else self.chat(chat)


def _nothing(text: str) -> str:
    del text
    return ""


ALL = Keeping()
KEEP_NOTHING = Keeping(_nothing)
