"""What a file under `evals/tasks/` offers: questions with answers, an independent check, and other wordings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from hammerstone.errors import InputError

if TYPE_CHECKING:
    import random
    import re

    from hammerstone.types import Instance

__all__ = ["Task", "match_form", "not_in_form"]


class Task(Protocol):
    """The shape of a task's module. The module itself is the task: there is no class to write.

    `FAMILIES` names the forms a question comes in (scenes, lengths), for small samples to cover all of them.
    """

    @property
    def NAME(self) -> str: ...  # noqa: N802 - a module's constant

    @property
    def DESCRIPTION(self) -> str: ...  # noqa: N802 - a module's constant

    @property
    def FAMILIES(self) -> tuple[str, ...]: ...  # noqa: N802 - a module's constant

    def generate(self, rng: random.Random, family: str | None = None) -> Instance:
        """Draw one question with its answer, of `family` or of any."""
        ...

    def check(self, question: str, answer: str) -> bool:
        """Is this the right answer, in the task's answer format, judged from the question's text alone?

        Reads the text with code of its own and solves it by another algorithm than `generate`, so that each can
        prove the other wrong. Raises `InputError` if the question is not in the task's own form.
        """
        ...

    def paraphrase(self, instance: Instance, rng: random.Random) -> Instance:
        """The same question with the same data and answer, in freer words that also state the answer format.

        Raises `InputError` if the question is not in the task's own form.
        """
        ...


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
