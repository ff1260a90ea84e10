"""Decides for which tools a document is worth annotating (Toolformer, appendix A).

Most text needs no calculator. A document is kept for:

    Calculator   three numbers within 100 words, one of which results from the other two; or "=", "equals", "total
                 of" and the like before a number; or three numbers anywhere, and then 1 document in 100
    Calendar     the date of writing is known from the document's URL or its data
    MT           10 words that are not English, with English before and after them
    QA, Search, and every other tool: all documents

The paper does not say whose tokens it counts. This module counts words, separated by white space: rules that do not
depend on a model choose the same documents for every model.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from hammerstone.errors import SettingsError

__all__ = [
    "DocumentRules",
    "LanguageId",
    "calculator_rule",
    "fasttext_language_id",
    "has_foreign_chunk",
    "iso_date",
    "seeded_draw",
    "url_date",
]

LanguageId: TypeAlias = Callable[[str], tuple[str, float]]
"""The language of a text, as a code such as `en`, and its probability."""

WINDOW = 100  # words that must contain the three numbers
RARELY = 0.01  # of the documents with nothing but three numbers
CHUNK = 10  # words whose language is identified together
SURE = 0.8


@dataclass(frozen=True, kw_only=True)
class DocumentRules:
    """The rules of the tools in use. `seed` draws the 1 % of documents with nothing but three numbers."""

    apis: Sequence[str]
    seed: int = 0
    identify: LanguageId | None = None

    def __post_init__(self) -> None:
        if "MT" in self.apis and self.identify is None:
            raise SettingsError(
                "MT needs language identification to choose documents",
                hint="give a model for language identification (fastText's lid.176.bin), or leave MT out",
            )

    def that_keep(self, id: str, text: str, dated: str | None) -> dict[str, str]:  # noqa: A002 - as Document.id
        """The tools that the document may be useful for, each with the rule that matched; `dated` is where its date
        comes from. It depends on the document alone, not on those before it.
        """
        found = {api: self._rule(api, id, text, dated) for api in self.apis}
        return {api: rule for api, rule in found.items() if rule is not None}

    def _rule(self, api: str, document_id: str, text: str, dated: str | None) -> str | None:
        match api:
            case "Calculator":
                rule = calculator_rule(text)
                return None if rule == THREE_NUMBERS and seeded_draw(self.seed, document_id) >= RARELY else rule
            case "Calendar":
                return dated
            case "MT":
                foreign = self.identify is not None and has_foreign_chunk(text, self.identify)
                return "words of another language" if foreign else None
            case _:
                return "every document"


def seeded_draw(seed: int, name: str) -> float:
    """A number from 0 to 1 for each document or text, whatever their order."""
    digest = blake2b(f"{seed} {name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


# --- Calculator ---

RESULT, SIGN, THREE_NUMBERS = "result of two others", "sign before a number", "three numbers"

# 1,400 and 2.5 and 29%, but not the 4 of A4, a version (1.2.3), a list (1,2,3) or a number of more than 15 digits
_NUMBER_PATTERN = r"(?<![\w.,])(?:[0-9]{1,3}(?:,[0-9]{3}){1,4}|[0-9]{1,15})(?:\.[0-9]{1,9})?(?![.,]?[0-9])%?"
_NUMBER = re.compile(_NUMBER_PATTERN)
_SIGN = re.compile(
    rf"(?:=|\b(?:equals|equal\s+to|total\s+of|average\s+of))\s*[-\u2212+]?\s?[$€£¥]?\s?{_NUMBER_PATTERN}", re.IGNORECASE
)


class _Number(NamedTuple):
    """A number in a text: the index of its word, and its interpretations, each a value with its number of decimals."""

    word: int
    interpretations: tuple[tuple[float, int], ...]


def calculator_rule(text: str) -> str | None:
    """The first rule that matches a text for the calculator. `THREE_NUMBERS` alone rarely keeps it."""
    numbers = [
        _Number(word, _interpretations(match[0]))
        for word, written in enumerate(re.sub(r"(?<=[0-9])\s%", "%", text).split())
        for match in _NUMBER.finditer(written)
    ]
    if _one_results_from_two_others(numbers):
        return RESULT
    if _SIGN.search(text):
        return SIGN
    return THREE_NUMBERS if len(numbers) >= 3 else None


def _interpretations(written: str) -> tuple[tuple[float, int], ...]:
    """29% may mean 29 or 0.29: in "400 of 1400 (29%)" it is the second."""
    plain = written.replace(",", "").rstrip("%")
    value, decimals = float(plain), len(plain.partition(".")[2])
    return ((value, decimals), (value / 100, decimals + 2)) if written.endswith("%") else ((value, decimals),)


def _one_results_from_two_others(numbers: Sequence[_Number]) -> bool:
    """Whether c = a + b, a - b, a · b or a / b holds for three numbers within `WINDOW` words, in any order.

    All pairs are tried and the result is looked up, so a table of n numbers costs n², not n³.
    """
    where: defaultdict[tuple[int, int], list[int]] = defaultdict(list)  # (decimals, c · 10^decimals) to numbers
    for k, number in enumerate(numbers):
        for value, decimals in number.interpretations:
            where[decimals, round(value * 10**decimals)].append(k)
    scales = {decimals for decimals, _ in where}
    for i, j in _near_pairs(numbers):
        for result in _results(numbers[i], numbers[j]):
            for decimals in scales:
                for key in _as_written(result, decimals):
                    if any(_near(numbers, i, j, k) for k in where.get((decimals, key), ())):
                        return True
    return False


def _near_pairs(numbers: Sequence[_Number]) -> Iterator[tuple[int, int]]:
    for i, first in enumerate(numbers):
        for j in range(i + 1, len(numbers)):
            if numbers[j].word - first.word >= WINDOW:
                break
            yield i, j


def _near(numbers: Sequence[_Number], i: int, j: int, k: int) -> bool:
    words = (numbers[i].word, numbers[j].word, numbers[k].word)
    return k not in (i, j) and max(words) - min(words) < WINDOW


def _results(one: _Number, other: _Number) -> Iterator[float]:
    for a, _ in one.interpretations:
        for b, _ in other.interpretations:
            yield from (a + b, abs(a - b), a * b)
            if b:
                yield a / b
            if a:
                yield b / a


def _as_written(result: float, decimals: int) -> tuple[int, ...]:
    """`result · 10^decimals` as a writer may have rounded it. Whole numbers are not rounded: 7 / 2 is not 3 or 4."""
    scaled = result * 10**decimals
    slack = 1e-9 * max(1.0, scaled)  # for binary fractions
    if decimals == 0:
        return (round(scaled),) if abs(scaled - round(scaled)) <= slack else ()
    return (math.floor(scaled + 0.5 + slack), math.ceil(scaled - 0.5 - slack))


# --- Calendar ---

# /2023/02/09/ and 2023-02-09. Eight digits in a row are just as likely the number of an article.
_URL_DATES = (
    re.compile(r"(?<![^/])((?:1[5-9]|20)[0-9]{2})/([0-9]{1,2})/([0-9]{1,2})(?![^/?#.])"),
    re.compile(r"(?<![0-9A-Za-z])((?:1[5-9]|20)[0-9]{2})-([0-9]{2})-([0-9]{2})(?![0-9])"),
)
_ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ].*)?", re.DOTALL)


def url_date(url: str) -> str | None:
    """The first date in a URL, in ISO form: year/month/day as parts of its path, or YYYY-MM-DD. No guessing."""
    for pattern in _URL_DATES:
        for match in pattern.finditer(url):
            if found := _valid_date(match):
                return found
    return None


def iso_date(text: str) -> str | None:
    """The day of an ISO date, or of an ISO date and time as written (no time zone is applied)."""
    match = _ISO_DATE.fullmatch(text.strip())
    return _valid_date(match) if match else None


def _valid_date(match: re.Match[str]) -> str | None:
    try:
        return date(*map(int, match.groups())).isoformat()
    except ValueError:
        return None


# --- MT ---


def has_foreign_chunk(text: str, identify: LanguageId) -> bool:
    """Whether `CHUNK` words are in another language, with `CHUNK` English words somewhere before and after them.

    Words without a letter have no language. `identify` is asked about every `CHUNK` consecutive words.
    """
    words = text.split()
    languages = [_language(" ".join(words[k : k + CHUNK]), identify) for k in range(len(words) - CHUNK + 1)]
    english = [k for k, language in enumerate(languages) if language == "en"]
    if not english:
        return False
    between = languages[english[0] + CHUNK : max(english[-1] - CHUNK + 1, 0)]
    return any(language not in ("en", None) for language in between)


def _language(chunk: str, identify: LanguageId) -> str | None:
    if not any(letter.isalpha() for letter in chunk):
        return None
    language, sure = identify(chunk)
    return language if sure > SURE else None


def fasttext_language_id(path: Path) -> LanguageId:
    """fastText's language identification (Joulin et al., 2016), as in the paper; `path` is its lid.176.bin.

    Raises `SettingsError` without the `fasttext` package, and for a file that is not one of its models.
    """
    try:
        fasttext: Any = import_module("fasttext")
    except ImportError as error:
        raise SettingsError(
            "the package `fasttext` is not installed", hint="pip install fasttext, or leave MT out"
        ) from error
    try:
        model = fasttext.load_model(str(path))
    except ValueError as error:
        raise SettingsError(f"{path} is not a fastText model: {error}", hint="give the path of lid.176.bin") from error

    def identify(text: str) -> tuple[str, float]:
        # A list of one: with a string, fastText 0.9.3 fails on NumPy 2. A line break would end the text.
        labels, shares = model.predict([" ".join(text.split())])
        return str(labels[0][0]).removeprefix("__label__"), float(shares[0][0])

    return identify
