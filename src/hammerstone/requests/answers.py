"""The answer that a row gives."""

from __future__ import annotations

from operator import eq
from typing import TYPE_CHECKING, cast

from hammerstone.requests.choices import Choices, best_scored, choices_of
from hammerstone.requests.comparison import same_label
from hammerstone.requests.json_text import Constant, Number, as_json
from hammerstone.requests.rows import UnreadableRowError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hammerstone.requests.rows import Fields

__all__ = ["ANSWERS", "answer_of"]

_ONE = ("answer", "output", "answerkey")
_ACCEPTED = ("target", "answers")  # any of several

ANSWERS = frozenset((*_ONE, *_ACCEPTED, "target_scores"))


def answer_of(fields: Fields) -> str | None:
    """The answer; of several that are accepted the first. `None` if there is none, or a blank one.

    Raises `UnreadableRowError` where two fields give different ones.
    """
    choices = choices_of(fields)
    given = [accepted for name in (*_ONE, *_ACCEPTED) if (accepted := list(_accepted(fields, name, choices)))]
    best = best_scored(fields)[1]
    if not given and len(best) > 1:
        raise UnreadableRowError(f"{len(best)} of its `target_scores` are the best")
    if best:
        given.append(list(best) if choices is None else [choices.named(one) for one in best])
    if not given:
        return None
    same = same_label if choices is None and not best else eq  # two choices may well be `5` and `5.0`
    common = [text for text in given[0] if all(any(same(text, one) for one in others) for others in given[1:])]
    if not common:
        names = ", ".join(name for name in fields if name in ANSWERS)
        raise UnreadableRowError(f"its fields {names} give different answers")
    return common[0]


def _accepted(fields: Fields, name: str, choices: Choices | None) -> Iterator[str]:
    value = fields.get(name)
    values = _several(value) if name in _ACCEPTED else [value]
    for one in values:
        text = _text(one, name)
        if text is not None and text.strip():
            yield text if choices is None else choices.named(Number(text) if isinstance(one, Number) else text)


def _several(value: object) -> list[object]:
    """The accepted answers: one, a list, or what SQuAD writes."""
    if isinstance(value, dict) and isinstance(texts := cast("Fields", value).get("text"), list):
        return cast("list[object]", texts)
    if not isinstance(value, list):
        return [value]
    return [_text_of(one) for one in cast("list[object]", value)]


def _text_of(answer: object) -> object:
    """The text of one of SQuAD's answers; any other answer is itself."""
    if not isinstance(answer, dict):
        return answer
    fields = cast("Fields", answer)
    return fields.get("text", fields)


def _text(value: object, name: str) -> str | None:
    """A value as text: a number as it was written, `true` or `false`, an object or a list as JSON."""
    if value is None or (isinstance(value, str) and not isinstance(value, Constant)):
        return value
    try:
        return as_json(value)
    except UnreadableRowError as error:
        raise UnreadableRowError(f"its {name} cannot be read: {error}") from error
