"""One conversation with the maker's model: the whole history is sent each time (LATM, section 4.1)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from hammerstone.models import Message, Prompt
from hammerstone.prompts import quoted
from hammerstone.requests import Form, render
from hammerstone.settings import MAKER_TEMPERATURE
from hammerstone.store import AccountedModel, Bill, StoredInstance, Task
from hammerstone.tools import short_description
from hammerstone.types import JSON, Chat

__all__ = [
    "Conversation",
    "show_arguments",
    "show_description",
    "show_frame",
    "show_instances",
    "show_problems",
    "show_questions",
]

MAX_PROBLEMS = 12  # in one message: enough to see the cause, short enough to be read


class Conversation:
    """Messages so far. `bill` is the build's, to which they are added, `last` that of the latest reply.

    `sample` tells several independent tries for one task apart.
    """

    def __init__(self, model: AccountedModel, bill: Bill, *, sample: int = 0) -> None:
        self._model = model
        self._sample = sample
        self._messages: list[Message] = []
        self.bill = bill
        self.last = Bill(task=bill.task)

    @property
    def replies(self) -> int:
        """The number of the maker's replies."""
        return sum(message.role == "assistant" for message in self._messages)

    @property
    def latest(self) -> str:
        """The maker's latest reply, or nothing."""
        return next((one.content for one in reversed(self._messages) if one.role == "assistant"), "")

    async def ask(self, text: str) -> str:
        self._messages.append(Message(role="user", content=text))
        prompt = Prompt(messages=tuple(self._messages), temperature=MAKER_TEMPERATURE, sample=self._sample)
        self.last = Bill(task=self.bill.task)
        try:
            reply = await self._model.complete(prompt, self.last)
        finally:
            self.bill.add(self.last)  # a reply that was cut short is paid as well
        self._messages.append(Message(role="assistant", content=reply))
        return reply


def show_description(description: str) -> str:
    return quoted(short_description(description) or "(none)")


def show_frame(task: Task) -> str:
    """The part of a chat that all requests of its kind share, around their question; empty for plain questions."""
    chat = task.chat
    if chat is None:
        return ""
    if task.frame.form is Form.WHOLE:
        return f"\n\n{_WHOLE_CHATS}{_show_format(chat)}"
    turns = quoted(render(chat.messages[:-1])) if len(chat.messages) > 1 else "(no other turns)"
    return f"\n\n{_FIXED_TURNS}\n\n{turns}{_show_format(chat)}"


_FIXED_TURNS = (
    "Each question is the last message of a chat. The turns before it are always these, to the letter. They are "
    "checked before the tool is called: `parse` gets the last message alone, and `unparse` writes it alone. What they "
    "demand of an answer holds for `solve`."
)
_WHOLE_CHATS = (
    "Each question is a whole chat, turn by turn below headings such as [user], since the turns before the last differ "
    "as well. A line of a message that looks like a heading has a backslash before it."
)


def _show_format(chat: Chat) -> str:
    if chat.response_format is None:
        return ""
    return f"\n\nThe answer must follow this response format:\n\n{quoted(json.dumps(chat.response_format))}"


def show_instances(instances: Sequence[StoredInstance]) -> str:
    return "\n\n".join(
        f"Question {i}:\n{quoted(one.question)}\nAnswer {i}:\n{quoted(one.answer)}"
        for i, one in enumerate(instances, 1)
    )


def show_questions(instances: Sequence[StoredInstance]) -> str:
    return "\n\n".join(f"Question {i}:\n{quoted(one.question)}" for i, one in enumerate(instances, 1))


def show_arguments(arguments: Mapping[str, JSON] | None) -> str:
    return json.dumps(arguments, ensure_ascii=False) if arguments is not None else "none"


def show_problems(problems: Sequence[str]) -> str:
    lines = [f"{number}.\n{quoted(problem)}" for number, problem in enumerate(problems[:MAX_PROBLEMS], 1)]
    more = len(problems) - MAX_PROBLEMS
    return "\n\n".join(lines + ([f"(and {more} more of the same sort)"] if more > 0 else []))
