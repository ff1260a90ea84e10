"""Reads a message for a `check`: every piece of data by its own form, as often as it may occur."""

from __future__ import annotations

import re
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from hammerstone.evals.tasks.generated_task import not_in_form

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["AMOUNT", "find_amount", "find_dates", "find_one", "find_some", "to_cents", "which"]

_NAMES = "January|February|March|April|May|June|July|August|September|October|November|December"
_DATE = re.compile(
    rf"\b(?:(\d{{4}})-(\d\d)-(\d\d)|(\d\d?) ({_NAMES}) (\d{{4}})"
    rf"|({_NAMES}) (\d\d?), (\d{{4}})|(\d\d)\.(\d\d)\.(\d{{4}}))\b"
)
_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?k?"
AMOUNT = rf"(?:(?:€|EUR ){_NUMBER}|{_NUMBER} (?:EUR|euros|€))"


def find_one(form: str, text: str, task: str) -> re.Match[str]:
    """The one place of a message with that form, or `InputError`."""
    found = find_some(form, text, task)
    if found is None:
        raise not_in_form(text, task)
    return found


def find_some(form: str, text: str, task: str) -> re.Match[str] | None:
    """The one place of a message with that form, or `None`."""
    found = list(re.finditer(form, text))
    if len(found) > 1:
        raise not_in_form(text, task)
    return found[0] if found else None


def find_amount(text: str, task: str) -> Decimal:
    """The one amount of a text, in euros."""
    number = find_one(_NUMBER, find_one(AMOUNT, text, task)[0], task)[0].replace(",", "")
    return Decimal(number.removesuffix("k")) * (1000 if number.endswith("k") else 1)


def find_dates(text: str, task: str, n: int) -> list[date]:
    """The `n` dates of a message, the earliest first."""
    found = [_read_date(match, text, task) for match in _DATE.finditer(text)]
    if len(found) != n:
        raise not_in_form(text, task)
    return sorted(found)


def _read_date(match: re.Match[str], text: str, task: str) -> date:
    parts = [part for part in match.groups() if part is not None]
    if match[1] is None:
        parts = [parts[2], parts[0], parts[1]] if match[7] else parts[::-1]
    year, month, day = parts
    number = tuple(_NAMES.split("|")).index(month) + 1 if month.isalpha() else int(month)
    try:
        return date(int(year), number, int(day))
    except ValueError:
        raise not_in_form(text, task) from None


def which(words: Mapping[str, Iterable[str]], text: str, task: str) -> str:
    """The key whose words occur in the message: exactly one does."""
    found = find_one(rf"\b({'|'.join(word for some in words.values() for word in some)})\b", text, task)[0]
    return next(key for key, some in words.items() if found in some)


def to_cents(amount: Decimal) -> Decimal:
    """Rounded to cents, a half up."""
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)
