"""What is taken out of texts before they are stored: built-in patterns by name, and functions of one's own.

The patterns find what has a fixed form and, where there is one, a check digit. They do not find names, addresses,
telephone numbers, or what is written in an unusual way.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from ipaddress import ip_address
from typing import TYPE_CHECKING, cast

from hammerstone.errors import SettingsError
from hammerstone.settings import ServeSettings
from hammerstone.store.keeping import ALL, KEEP_NOTHING, Keeping

if TYPE_CHECKING:
    from hammerstone.store.keeping import Mask

__all__ = ["PATTERNS", "open_keeping", "open_mask"]


def open_keeping(settings: ServeSettings) -> Keeping:
    """How much of texts is stored. Raises `SettingsError` for a mask that cannot be used."""
    if settings.store == "none":
        return KEEP_NOTHING
    return Keeping(open_mask(settings.mask)) if settings.mask else ALL


def open_mask(names: Iterable[str]) -> Mask:
    """One mask of patterns' names and of functions as `module:function`, which come after the patterns.

    Raises `SettingsError` for a name that is neither, and for a function that cannot be imported.
    """
    chosen = sorted(set(names), key=lambda name: (":" in name, name))
    masks = [_function(name) if ":" in name else _pattern(name) for name in chosen]

    def mask(text: str) -> str:
        for one in masks:
            text = one(text)
        return text

    return mask


def _card(found: str) -> int:
    """A card number's last digit is that of its others (ISO/IEC 7812)."""
    digits = [int(one) for one in found if one.isdigit()]
    doubled = [sum(divmod(2 * one, 10)) for one in digits[-2::-2]]
    return 0 if (sum(digits[-1::-2]) + sum(doubled)) % 10 else len(found)


def _iban(found: str) -> int:
    """The check digits of an account number are right (ISO 13616); a word may follow it."""
    parts = found.split(" ")
    for count in range(len(parts), 0, -1):
        plain = "".join(parts[:count]).upper()
        number = "".join(str(int(one, 36)) for one in plain[4:] + plain[:4])
        if 15 <= len(plain) <= 34 and int(number) % 97 == 1:
            return len(" ".join(parts[:count]))
    return 0


def _address(found: str) -> int:
    try:
        ip_address(found)
    except ValueError:
        return 0
    return len(found) if any(one.isdigit() for one in found) else 0  # `a::b` is a name in many programs


PATTERNS: dict[str, tuple[re.Pattern[str], Callable[[str], int]]] = {
    "credit-card": (
        re.compile(
            r"(?<![\d-])(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{1,3})?|\d{4}([ -])\d{6}\2\d{5})(?!\d)",
            re.ASCII,
        ),
        _card,
    ),
    "email": (re.compile(r"(?<![\w.+%'-])[\w.+%'-]+@(?:[\w-]+\.)+[\w-]{2,}"), len),
    "iban": (re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b", re.ASCII | re.IGNORECASE), _iban),
    "ip-address": (
        re.compile(r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[\da-f:]{0,39}:[\da-f:.]{1,39})(?![\w:])", re.IGNORECASE),
        _address,
    ),
}
"""What each looks like, and how much of what was found is one."""


def _pattern(name: str) -> Mask:
    if name not in PATTERNS:
        raise SettingsError(
            f"serve.mask: there is no pattern {name!r}",
            hint=f"there are {', '.join(PATTERNS)}; a function of your own is module:function",
        )
    pattern, length = PATTERNS[name]

    def replaced(match: re.Match[str]) -> str:
        end = length(match[0])
        return f"[{name}]{match[0][end:]}" if end else match[0]

    return lambda text: pattern.sub(replaced, text)


def _function(name: str) -> Mask:
    """A function that the working folder has, or that is installed."""
    module, _, attribute = name.partition(":")
    if os.getcwd() not in sys.path:  # noqa: PTH109 - the text that is compared
        sys.path.append(os.getcwd())  # noqa: PTH109
    hint = "module:function names a function from a text to a text, of a module that is installed or in this folder"
    try:
        found: object = getattr(import_module(module), attribute)
    except (Exception, SystemExit) as error:
        raise SettingsError(f"serve.mask: {name} cannot be imported: {error}", hint=hint) from error
    if not callable(found):
        raise SettingsError(f"serve.mask: {name} is no function", hint=hint)
    return cast("Mask", found)
