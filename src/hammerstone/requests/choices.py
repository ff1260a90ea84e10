"""The choices of a question: a list, letters with texts, or what a BIG-bench example scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from hammerstone.requests.json_text import Number
from hammerstone.requests.rows import UnreadableRowError

if TYPE_CHECKING:
    from hammerstone.requests.rows import Fields

__all__ = ["Choices", "best_scored", "choices_of"]

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, kw_only=True)
class Choices:
    """The texts, and where the file gives them labels, those beside them; then a label is the answer."""

    texts: tuple[str, ...]
    labels: tuple[str, ...] = ()

    @property
    def lines(self) -> str:
        if self.labels:
            return "\n".join(f"{label}: {text}" for label, text in zip(self.labels, self.texts, strict=True))
        return "\n".join(f"- {text}" for text in self.texts)

    def named(self, answer: object) -> str:
        """The choice that an answer names by its label, text, letter or position. Raises `UnreadableRowError`."""
        text = str(answer)
        if text in self.labels:
            return text
        named = {self._answer(at) for at, one in enumerate(self.texts) if one == text}
        if not named and not self.labels and text in _LETTERS[: len(self.texts)] and len(text) == 1:
            named = {self.texts[_LETTERS.index(text)]}
        if isinstance(answer, Number) and text.isdigit() and int(text[:9]) < len(self.texts):
            named.add(self._answer(int(text[:9])))
        if len(named) != 1:
            why = "is none of its choices" if not named else "may be a choice or the position of another one"
            raise UnreadableRowError(f"its answer {text[:80]!r} {why}")
        return named.pop()

    def _answer(self, at: int) -> str:
        return self.labels[at] if self.labels else self.texts[at]


def choices_of(fields: Fields) -> Choices | None:
    """The `choices` of a row: a list, letters with their texts, or the form of ARC. Raises `UnreadableRowError`."""
    value = fields.get("choices")
    if value is None or value in ([], {}):
        return None
    if isinstance(value, list):
        return Choices(texts=_distinct(cast("list[object]", value)))
    if not isinstance(value, dict):
        raise UnreadableRowError("its choices are not a list")
    labelled = cast("Fields", value)
    if set(labelled) == {"text", "label"}:
        return _labelled(labelled["label"], labelled["text"])
    return _labelled(list(labelled), list(labelled.values()))


def _labelled(given_labels: object, given_texts: object) -> Choices:
    labels, texts = cast("list[object]", given_labels), cast("list[object]", given_texts)
    if not (isinstance(given_labels, list) and isinstance(given_texts, list) and len(labels) == len(texts)):
        raise UnreadableRowError("its choices do not have as many labels as texts")
    return Choices(texts=tuple(map(_scalar, texts)), labels=_distinct(labels))


def _distinct(values: list[object]) -> tuple[str, ...]:
    texts = tuple(map(_scalar, values))
    if len(set(texts)) < len(texts):
        raise UnreadableRowError("two of its choices are the same")
    return texts


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and value.strip():
        return str(value)
    raise UnreadableRowError("one of its choices is neither a string nor a number")


def best_scored(fields: Fields) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """BIG-bench's `target_scores`: all choices, and those with the best score. Raises `UnreadableRowError`."""
    value = fields.get("target_scores")
    if value is None:
        return (), ()
    if not isinstance(value, dict) or not value:
        raise UnreadableRowError("its `target_scores` is not an object of choices with numbers")
    scores = {choice: _score(score) for choice, score in cast("Fields", value).items()}
    best = max(scores.values())
    return tuple(scores), tuple(choice for choice, score in scores.items() if score == best)


def _score(value: object) -> float:
    if not isinstance(value, Number):
        raise UnreadableRowError("one of its `target_scores` is not a number")
    return float(value)
