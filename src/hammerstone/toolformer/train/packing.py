"""A file of texts as rows of tokens for training: no call is ever cut, and none is lost without being counted.

A document becomes  start t₁ … tₙ end,  where `start` is the token that every stage puts before a text, and `end` the
tokenizer's end of a text. A document that is longer than a row goes on in further rows, each after `start` again. Where
it may be cut:

    … Out of 1400 participants, 400 (or [Calculator(400 / 1400) -> 0.29] 29%) passed …
      └── 32 tokens before a call ────┘└────────── the call ───────────┘└ 5 after ┘      never here, if it can be helped
                                       └────────── the call ───────────┘                 never here

for a call without the text it was drawn from, or without the words that it was kept for, teaches the wrong thing. A
document with a call that is longer than a row is dropped, and counted.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from hammerstone.errors import InputError
from hammerstone.text_files import text_lines
from hammerstone.toolformer.call_format import find_calls
from hammerstone.toolformer.lm import LanguageModel

__all__ = ["Text", "TokenRows", "hold_out", "read_texts", "token_rows"]

BEFORE, AFTER = 32, 5  # tokens that stay with a call, where they can: what it follows from, and the filter's window

_CALLED = re.compile(r"\[([A-Za-z]\w*)\(")


@dataclass(frozen=True, kw_only=True)
class Text:
    """One line of a training file."""

    id: str
    text: str


@dataclass(frozen=True, kw_only=True)
class TokenRows:
    """Rows of at most `length` tokens. `dropped` counts the documents that are in none of them."""

    rows: tuple[tuple[int, ...], ...]
    dropped: int

    @property
    def tokens(self) -> int:
        return sum(map(len, self.rows))


def read_texts(path: Path) -> tuple[Text, ...]:
    """The lines of `train.jsonl` or `control.jsonl`. Raises `InputError` for what is no such file, and for none."""
    try:
        lines = enumerate(text_lines(path), 1)
        texts = tuple(_text(line, f"{path}, line {number}") for number, line in lines if line.strip())
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error}", hint="give train.jsonl or control.jsonl of the dataset stage"
        ) from error
    if not texts:
        raise InputError(f"{path} holds no document", hint="lower the filter's threshold, or annotate more documents")
    return texts


def _text(line: str, where: str) -> Text:
    try:
        fields = json.loads(line)
        if isinstance(fields, dict) and isinstance(fields["id"], str) and isinstance(fields["text"], str):
            return Text(id=fields["id"], text=fields["text"])
    except (ValueError, KeyError):
        pass
    raise InputError(
        f'{where} is no object with "id" and "text"', hint="give train.jsonl or control.jsonl of the dataset stage"
    )


def hold_out(texts: Sequence[Text], count: int, seed: int) -> tuple[tuple[Text, ...], tuple[Text, ...]]:
    """The texts to train on, and at most `count` (but no more than a tenth, and at least one) that are kept from it.

    Chosen by their ids alone: of a training file and its control, the same documents are held out. Raises
    `InputError` where there are fewer than two.
    """
    if len(texts) < 2:
        raise InputError("one document is too few: one is held out", hint="annotate more documents")
    count = max(1, min(count, len(texts) // 10))
    ranked = sorted(texts, key=lambda one: hashlib.sha256(f"{seed} {one.id}".encode(errors="surrogatepass")).digest())
    held = {one.id for one in ranked[:count]}
    return tuple(one for one in texts if one.id not in held), tuple(one for one in texts if one.id in held)


def token_rows(lm: LanguageModel, texts: Sequence[Text], length: int) -> TokenRows:
    """All texts in rows of at most `length` tokens, cut as the head of this module shows."""
    rows: list[tuple[int, ...]] = []
    dropped = 0
    for one in texts:
        made = _document_rows(lm, one.text, length)
        rows.extend(made or ())
        dropped += not made
    return TokenRows(rows=tuple(rows), dropped=dropped)


def _document_rows(lm: LanguageModel, text: str, length: int) -> tuple[tuple[int, ...], ...] | None:
    """The rows of one document; `None` if it has no token, or a call that fits into no row."""
    ids, spans = lm.encode_with_offsets(text)
    cuts = _cuts(len(ids), _calls(text, spans), length - 2)  # room for the tokens at the start and the end
    if not ids or cuts is None:
        return None
    parts = [(lm.start_id, *ids[begin:end]) for begin, end in zip([0, *cuts], [*cuts, len(ids)], strict=True)]
    return (*parts[:-1], (*parts[-1], _end_id(lm)))


def _end_id(lm: LanguageModel) -> int:
    """The token after a document: the tokenizer's end of a text, or else the one that a text begins after."""
    # The library's type allows a list, which no tokenizer gives for its one end token.
    found = cast("int | None", lm.tokenizer.eos_token_id)
    return lm.start_id if found is None else found


def _calls(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The tokens of each call, first and one past the last; of any tool, known here or not."""
    names = sorted(set(_CALLED.findall(text)))
    tokens: list[tuple[int, int]] = []
    for found in find_calls(text, names):
        inside = [at for at, (begin, end) in enumerate(spans) if begin < found.end and end > found.start]
        tokens.append((inside[0], inside[-1] + 1))
    return tokens


def _cuts(total: int, calls: Sequence[tuple[int, int]], room: int) -> list[int] | None:
    """Where `total` tokens are cut so that each part has at most `room` of them; `None` if a call is in the way."""
    cuts: list[int] = []
    begin = 0
    while total - begin > room:
        end = next(_ends(begin, begin + room, calls), None)
        if end is None:
            return None
        cuts.append(begin := end)
    return cuts


def _ends(begin: int, limit: int, calls: Sequence[tuple[int, int]]) -> Iterator[int]:
    """The last places up to `limit` where a part may end, the better one first."""
    for before, after in ((BEFORE, AFTER), (0, 0)):
        end = limit
        for first, last in reversed(calls):
            if first - before < end < last + after:
                end = first - before
        if end > begin:
            yield end
