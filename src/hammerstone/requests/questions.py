"""The question of a row: every field that belongs to it, in one order, with nothing left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.requests.choices import Choices, best_scored, choices_of
from hammerstone.requests.json_text import Constant, Number
from hammerstone.requests.rows import MAX_QUESTION_CHARS, UnreadableRowError

if TYPE_CHECKING:
    from hammerstone.requests.rows import Fields

__all__ = ["PARTS", "QUESTIONS", "question_of"]

_BEFORE = ("system", "task_prefix", "instruction", "title", "context")  # in this order
_APPEND = "append_choices_to_input"

QUESTIONS = frozenset(("question", "input", "instruction"))
"""One of these makes a row a request."""

PARTS = QUESTIONS | {*_BEFORE, _APPEND, "choices", "example_input_prefix", "choice_prefix", "example_output_prefix"}


def question_of(fields: Fields) -> str:
    """The parts with a blank line between them: what stands before the question, it, and its choices.

    Raises `UnreadableRowError`.
    """
    before = [text for name in _BEFORE if (text := _text(fields, name)).strip()]
    asked = _asked(fields)
    question = "\n\n".join([*before, asked] if asked else before)
    if len(question) > MAX_QUESTION_CHARS:
        raise UnreadableRowError(f"its question has {len(question)} characters; {MAX_QUESTION_CHARS} are allowed")
    return question


def _asked(fields: Fields) -> str:
    """The question with its choices, as BIG-bench puts them together where the file says how."""
    question, other = _text(fields, "question"), _text(fields, "input")
    if question.strip() and other.strip() and question != other:
        raise UnreadableRowError("it has both a `question` and an `input`: put them into one")
    asked = question if question.strip() else other
    if not asked.strip() and not _text(fields, "instruction").strip():
        there = QUESTIONS.intersection(name for name, value in fields.items() if value is not None)
        raise UnreadableRowError("its question is empty" if there else "it has no `question` (or `input`)")
    choices = _choices(fields)
    if not asked.strip():
        return choices.lstrip("\n")
    return f"{_text(fields, 'example_input_prefix').lstrip()}{asked}{choices}{_text(fields, 'example_output_prefix')}"


def _choices(fields: Fields) -> str:
    given, scored = choices_of(fields), best_scored(fields)[0]
    if given is not None and scored and set(scored) != set(given.texts):
        raise UnreadableRowError("its `choices` are not those of its `target_scores`")
    choices = given or Choices(texts=scored)
    if not choices.texts or not _appends(fields):
        return ""
    if prefix := _text(fields, "choice_prefix"):
        return "".join(f"{prefix}{line}" for line in choices.texts)
    return f"\n\nChoices:\n{choices.lines}"


def _appends(fields: Fields) -> bool:
    value = fields.get(_APPEND)
    if value is None or isinstance(value, bool):
        return value is not False
    raise UnreadableRowError(f"its `{_APPEND}` is neither true nor false")


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or isinstance(value, Number | Constant):
        raise UnreadableRowError(f"its {name} is not a string")
    return value
