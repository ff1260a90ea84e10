"""Checks that a model's arguments account for a question: a round trip up to the wording.

`unparse` writes the arguments as a question of the tool's own form. A question in that form must come back word for
word; only small words may differ. One that was reworded must come back with all that is data in it: every number, every
name and every symbol, none added, and a part of its other words. It is a proof of nothing: words that a model overlooks
in a reworded question stay overlooked. But what small models do wrong mostly shows.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Sequence
from difflib import SequenceMatcher

__all__ = ["differences", "overlooked"]

LEAST = 0.3  # of a reworded question's content words: measured, see docs/log.md

AROUND = 4  # words before and after a difference
LONGEST_COMPARED = 2_000  # words: comparing takes the square of it at worst

_TOKEN = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+|[^\w\s]")
_ASIDE = re.compile(r"\(([^()\[\]{}<>]*\w[^()\[\]{}<>]*)\)")  # words in parentheses, or the letter of an option
_ENDS = frozenset(".?!:;\n")
_MARKS = frozenset(".,:;?!'\"`´‘’“”«»-‐–—…_*/\\")  # punctuation: how a question is written, not what is asked  # noqa: RUF001
_SMALL = frozenset(
    """a an the of to in on at by for from with and or but if is are was were be been do does did have has had will
    would can could may might shall should must it its this that these those there they them their he she his her we us
    our you your i me my as so than then when where which who what how why s t""".split()
)


def overlooked(question: str, written: str, *, own_form: bool, fixed: Sequence[str] = ()) -> str:
    """What `written` lacks of the question or adds to it, in words; the empty string if nothing.

    `own_form` says that the question has the tool's wording. What every one of the questions `fixed` holds may stand in
    `written` alone.
    """
    if own_form:
        asked, given = _content(question), _content(written)
        return "" if asked == given else _words("in other words", *_differing(asked, given))
    names = _names(question) | _names(written)
    asked, given = _data(question, names), _data(written, names)
    common = set[str].intersection(*(set(_data(one, names)) for one in fixed)) if fixed else set[str]()
    if lost := Counter(asked) - Counter(given):
        return _words("without", *lost)
    if added := set(given) - set(asked) - common:
        return _words("with", *sorted(added))
    if _symbols(question) != _symbols(written):
        return "the arguments stand for a question with other symbols"
    words = Counter(_content(question))
    kept, every = (words & Counter(_content(written))).total(), words.total()
    return "" if kept >= LEAST * every else f"the arguments account for {kept} of the question's {every} words"


def differences(question: str, written: str) -> list[tuple[str, str]]:
    """The differences of two texts, in order: words of `question` and of `written`, each with a few around them.

    Both have at most `LONGEST_COMPARED` words: what lies behind is left out.
    """
    asked, given = question.split()[:LONGEST_COMPARED], written.split()[:LONGEST_COMPARED]
    codes = SequenceMatcher(None, asked, given, autojunk=False).get_opcodes()
    return [(_around(asked, i, j), _around(given, k, m)) for kind, i, j, k, m in codes if kind != "equal"]


def _around(words: Sequence[str], start: int, end: int) -> str:
    return " ".join(words[max(0, start - AROUND) : end + AROUND])


def _content(text: str) -> list[str]:
    """The tokens in order, small words and punctuation left out."""
    lower = (token.lower() for token in _TOKEN.findall(text))
    return [token for token in lower if token not in _SMALL and token not in _MARKS]


def _names(text: str) -> set[str]:
    """Capitalised words of two letters or more, except for those that only ever begin a sentence."""
    found: set[str] = set()
    begins = True
    for word in re.findall(rf"\n|{_TOKEN.pattern}", _ASIDE.sub(r" \1 ", text)):
        if word[0].isupper() and len(word) > 1 and not begins:
            found.add(word)
        begins = word in _ENDS
    return found


def _data(text: str, names: Container[str]) -> list[str]:
    """The numbers, and those names."""
    return [one for one in _TOKEN.findall(text) if one[0].isdigit() or one in names]


def _symbols(text: str) -> list[str]:
    """The symbols that are not punctuation, in order: brackets, operators."""
    return [one for one in _TOKEN.findall(_ASIDE.sub(r" \1 ", text)) if not one[0].isalnum() and one not in _MARKS]


def _differing(asked: Sequence[str], given: Sequence[str]) -> tuple[str, ...]:
    """The first words in which two lists differ."""
    at = next((i for i, (a, b) in enumerate(zip(asked, given, strict=False)) if a != b), min(len(asked), len(given)))
    return tuple(asked[at : at + 1]) or tuple(given[at : at + 1])


def _words(how: str, *tokens: str) -> str:
    return f"the arguments stand for a question {how}: {', '.join(repr(one) for one in tokens[:5])}"
