"""Turns a valid input into a damaged or hostile one, the same one for the same random generator."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["damaged_bytes", "damaged_json", "damaged_text", "hostile_value"]

_MOST_CHARS = 1_000_000

_CHARACTERS = (
    *("\0", "\ufeff", "\ud800", "\udfff", "\udc80", "\u202e", "\u2028", "\x85", "\x1b]52;c;YQ==\x07", "\ufb01"),
    *(
        "\r",
        "\r\n",
        "\n",
        "\t",
        '"',
        "'",
        '"""',
        "'''",
        "\\",
        "`",
        "[",
        "]",
        "{",
        "}",
        "(",
        ")",
        "<",
        ">",
        "\U0001d7d8",
    ),
    *(",", ";", "=", "@", ": ", "| ", "\\u0000", "\\ud800", "\\N{DASH}"),
)
_NUMBERS = (
    *("NaN", "-Infinity", "1e999", "-0", "0.1", "1_0", "\u0663", "\u22121", "9" * 5_000, "0x" + "f" * 4_000),
)  # fmt: skip
_WORDS = (
    *(
        "null",
        "UNKNOWN",
        "question",
        "answer",
        "id",
        "kind",
        "Answer:",
        "Answer\uff1a",
        "</answer-",
        "<answer-00000000>",
    ),
    *(
        "```",
        "```json\n",
        "~~~~",
        "````python\n",
        "[/bold]",
        ":x:",
        "$question",
        "%(a)s",
        "{0}",
        "{a.b[c]!r}",
        "sep=;\n",
    ),
    *("def solve(", "lambda:", "import a.b", "Literal[", "__class__", "# coding: utf-7\n"),
)
_LONG = (
    *("[" * 500, "(" * 300, '{"a":' * 300, "-" * 3_000, "a" * 10_000, " " * 5_000, "\n" * 3_000, "null " * 500),
)  # fmt: skip
TOKENS = (*_CHARACTERS, *_NUMBERS, *_WORDS, *_LONG)

_KEYS = (
    *("question", "input", "answer", "target", "id", "kind", "type", "line", "examples", "a"),
    *("", "\0", "\ud800", "a" * 300),
)


def damaged_text(rng: random.Random, seeds: Sequence[str]) -> str:
    """One seed after a few changes; one in fifty is blown up."""
    text = rng.choice(seeds)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3, 5, 8))):
        text = rng.choice(_CHANGES)(rng, text, seeds)
    if rng.random() < 0.02:
        text = _blown_up(rng, text)
    return text[:_MOST_CHARS]


def damaged_bytes(rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """The same for bytes, which may also be text in another encoding, or not text at all."""
    data = rng.choice(seeds)
    if rng.random() < 0.7:
        text = damaged_text(rng, [one.decode("utf-8", "surrogateescape") for one in seeds])
        data = text.encode(rng.choice(_ENCODINGS), "replace") if rng.random() < 0.2 else _encoded(text)
    if data and rng.random() < 0.4:
        for _ in range(rng.choice((1, 2, 10))):
            at = rng.randrange(len(data))
            data = data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
    return data


_ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "utf-7")


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def damaged_json(rng: random.Random, seeds: Sequence[Any]) -> Any:
    """One seed with some of its values, keys or items replaced, doubled or removed."""
    value = json.loads(json.dumps(rng.choice(seeds)))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        changed = _changed(rng, value)
        if len(json.dumps(changed)) <= _MOST_CHARS:
            value = changed
    return value


def hostile_value(rng: random.Random) -> Any:
    """A JSON value, of any kind, that few expect."""
    return rng.choice(_VALUES)(rng)


# changes of text


def _slice(rng: random.Random, text: str) -> tuple[int, int]:
    start = rng.randint(0, len(text))
    return start, min(len(text), start + rng.choice((1, 1, 2, 5, 20, 100, 1_000)))


def _insert(rng: random.Random, text: str, _seeds: Sequence[str]) -> str:
    at = rng.randint(0, len(text))
    return text[:at] + rng.choice(TOKENS) + text[at:]


def _replace(rng: random.Random, text: str, _seeds: Sequence[str]) -> str:
    start, end = _slice(rng, text)
    return text[:start] + rng.choice(TOKENS) + text[end:]


def _delete(rng: random.Random, text: str, _seeds: Sequence[str]) -> str:
    start, end = _slice(rng, text)
    return text[:start] + text[end:]


def _truncate(rng: random.Random, text: str, _seeds: Sequence[str]) -> str:
    return text[: rng.randint(0, len(text))]


def _repeat(rng: random.Random, text: str, _seeds: Sequence[str]) -> str:
    start, end = _slice(rng, text)
    return text[:end] + text[start:end] * rng.choice((1, 2, 10, 100)) + text[end:]


def _splice(rng: random.Random, text: str, seeds: Sequence[str]) -> str:
    other = rng.choice(seeds)
    return text[: rng.randint(0, len(text))] + other[rng.randint(0, len(other)) :]


def _change_letter(rng: random.Random, text: str, _seeds: Sequence[str]) -> str:
    if not text:
        return text
    at = rng.randrange(len(text))
    return text[:at] + chr((ord(text[at]) ^ 1 << rng.randrange(16)) % 0x110000) + text[at + 1 :]


def _blown_up(rng: random.Random, text: str) -> str:
    """A piece of it so often that readers which take quadratic time show it."""
    start, end = _slice(rng, text)
    piece = text[start:end] or rng.choice(TOKENS)
    return text[:start] + piece * (rng.choice((30_000, 150_000)) // len(piece)) + text[end:]


_CHANGES: Sequence[Callable[[random.Random, str, Sequence[str]], str]] = (
    *(_insert, _insert, _replace, _replace, _delete, _truncate, _repeat, _splice, _change_letter),
)


# changes of JSON


def _changed(rng: random.Random, value: Any) -> Any:
    """Somewhere in the tree: the way down is drawn, too."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = rng.choice(list(value))
        match rng.randrange(8):
            case 0:
                return {name: one for name, one in value.items() if name != key}
            case 1:
                return value | {rng.choice(_KEYS): value[key]}
            case _:
                return value | {key: _changed(rng, value[key])}
    if isinstance(value, list) and value and rng.random() < 0.85:
        at = rng.randrange(len(value))
        match rng.randrange(8):
            case 0:
                return value[:at] + value[at + 1 :]
            case 1:
                return value + [value[at]] * (1 if isinstance(value[at], list | dict) else rng.choice((1, 5, 50)))
            case _:
                return [*value[:at], _changed(rng, value[at]), *value[at + 1 :]]
    if isinstance(value, str) and rng.random() < 0.5:
        return damaged_text(rng, [value])
    return hostile_value(rng)


def _nested(rng: random.Random) -> Any:
    value: Any = rng.choice((1, "a", [], {}))
    for _ in range(rng.choice((3, 30, 70, 400))):
        value = [value] if rng.random() < 0.5 else {"a": value}
    return value


_VALUES: Sequence[Callable[[random.Random], Any]] = (
    lambda _: None,
    lambda rng: rng.choice((True, False)),
    lambda rng: rng.choice((0, 1, -1, 2**53, 2**53 + 1, 2**63, -(2**64), 10**30, 10**400, 10**4_000)),
    lambda rng: rng.choice((0.0, -0.0, 1.5, 21.0, 1e300, 5e-324, float("nan"), float("inf"))),
    lambda rng: rng.choice(TOKENS),
    lambda rng: damaged_text(rng, TOKENS),
    lambda rng: [hostile_value(rng) for _ in range(rng.randrange(4))],
    lambda rng: {rng.choice(_KEYS): hostile_value(rng) for _ in range(rng.randrange(4))},
    lambda rng: [rng.choice((1, "x", None, []))] * rng.choice((10, 1_000, 30_000)),
    _nested,
)
