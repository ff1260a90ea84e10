"""A generated task, one file under `evals/tasks/`: questions, answers, a check, mostly rewordings and look-alikes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from hammerstone.errors import InputError
from hammerstone.types import Chat, Instance, Message, Source

if TYPE_CHECKING:
    import random
    import re
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = [
    "LETTERS",
    "CompanyTask",
    "GeneratedTask",
    "LookAlike",
    "chat_instance",
    "draw_near_miss",
    "letter",
    "lettered",
    "match_form",
    "not_in_form",
]

LETTERS = "ABCDEF"


class GeneratedTask(Protocol):
    """The shape of a task's module. The module itself is the task: there is no class to write.

    `FAMILIES` names the forms a question comes in (scenes, lengths), for small samples to cover all of them, and
    `NEAR_MISSES` the kinds of look-alikes.
    """

    @property
    def NAME(self) -> str: ...  # noqa: N802 - a module's constant

    @property
    def DESCRIPTION(self) -> str: ...  # noqa: N802 - a module's constant

    @property
    def FAMILIES(self) -> tuple[str, ...]: ...  # noqa: N802 - a module's constant

    @property
    def NEAR_MISSES(self) -> tuple[str, ...]: ...  # noqa: N802 - a module's constant

    def generate(self, rng: random.Random, family: str | None = None) -> Instance:
        """Draw one question with its answer, of `family` or of any."""
        ...

    def check(self, question: str, answer: str) -> bool:
        """Whether this is the right answer, in the task's format, judged from the question's text alone.

        Reads the text with code of its own and solves it by another algorithm than `generate`, so that each can
        prove the other wrong. Raises `InputError` if the question is not in the task's own form.
        """
        ...

    def paraphrase(self, instance: Instance, rng: random.Random) -> Instance:
        """The same question with the same data and answer, in freer words that also state the answer format.

        Raises `InputError` if the question is not in the task's own form.
        """
        ...

    def near_miss(self, rng: random.Random, kind: str | None = None) -> Instance:
        """A look-alike of the task's questions: nearly the same text, another right answer.

        `kind` is one of `NEAR_MISSES`, or any. The task's own rule, on the same data, must give another answer: so
        whoever takes the question for one of the task's is wrong.
        """
        ...


class CompanyTask(Protocol):
    """The shape of a company's module: chats with one system prompt and what people write in their own words."""

    @property
    def NAME(self) -> str: ...  # noqa: N802 - a module's constant

    @property
    def DESCRIPTION(self) -> str: ...  # noqa: N802 - a module's constant

    @property
    def SYSTEM(self) -> str:  # noqa: N802 - a module's constant
        """The company's rules and the form of the answer."""
        ...

    def generate(self, rng: random.Random) -> Instance:
        """Draw one message with its answer; `Instance.chat` is the system prompt with the message."""
        ...

    def check(self, question: str, answer: str) -> bool:
        """Whether this is the right answer to the message. Like `GeneratedTask.check`."""
        ...


class LookAlike(NamedTuple):
    """A look-alike with its right answer, and the `usual` one: what the task's own rule gives on the same data.

    `usual` is empty where that rule gives no answer in the task's form.
    """

    question: str
    answer: str
    usual: str = ""


def chat_instance(system: str, message: str, answer: str) -> Instance:
    """A message under a system prompt, with its right answer."""
    chat = Chat(messages=(Message(role="system", content=system), Message(role="user", content=message)))
    return Instance(question=message, answer=answer, source=Source.CALLER, chat=chat)


def draw_near_miss(
    kinds: Mapping[str, Callable[[random.Random], LookAlike]], rng: random.Random, kind: str | None
) -> Instance:
    """Draw of a kind, or of any, until the right answer is not the usual one."""
    draw = kinds[kind or rng.choice(tuple(kinds))]
    while (drawn := draw(rng)).answer == drawn.usual:
        pass
    return Instance(question=drawn.question, answer=drawn.answer, source=Source.CALLER)


def match_form(form: re.Pattern[str], text: str, task: str) -> re.Match[str]:
    """Match the whole of a question, or of a part of one, or raise `InputError`."""
    found = form.fullmatch(text)
    if found is None:
        raise not_in_form(text, task)
    return found


def not_in_form(text: str, task: str) -> InputError:
    """The error for a question that `check` and `paraphrase` cannot read."""
    return InputError(
        f"not a question in the own form of {task}: {text[:80]!r}",
        hint=f"`hammerstone generate {task} -n 1` shows that form",
    )


def lettered(options: Iterable[str]) -> str:
    """Options as BIG-bench lists them: a line each, `(A) ...`."""
    return "\n".join(f"({letter}) {option}" for letter, option in zip(LETTERS, options, strict=False))


def letter(options: Sequence[str], right: str) -> str:
    """The answer that names an option: `(A)`."""
    return f"({LETTERS[options.index(right)]})"
