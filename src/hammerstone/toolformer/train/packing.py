"""A file of texts as rows of tokens for training: no call is ever cut, and every dropped one is counted.

A document becomes  start t₁ … tₙ end,  where `start` is the token that every stage puts before a text, and `end` the
tokenizer's EOS token. A document that is longer than a row continues in further rows, each after `start`. Where it may
be cut:

    … Out of 1400 participants, 400 (or [Calculator(400 / 1400) -> 0.29] 29%) passed …
      └── 32 tokens before a call ────┘└────────── the call ───────────┘└ 5 after ┘      never here, if possible
                                       └────────── the call ───────────┘                 never here

A model that sees a call without the text before it, or without the words that it helps to predict, learns the wrong
thing. A document with a call that is longer than a row is dropped, and counted.
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

__all__ = ["TokenRows", "TrainingText", "hold_out", "read_texts", "token_rows"]

BEFORE, AFTER = 32, 5  # tokens to keep with a call, if possible: its context, and the tokens that its score looks at

_CALLED = re.compile(r"\[([A-Za-z]\w*)\(")


@dataclass(frozen=True, kw_only=True)
class TrainingText:
    """One line of a training file."""

    id: str
    text: str


@dataclass(frozen=True, kw_only=True)
class TokenRows:
    """Rows of at most `length` tokens. `dropped` counts the documents that are in no row."""

    rows: tuple[tuple[int, ...], ...]
    dropped: int

    @property
    def tokens(self) -> int:
        return sum(map(len, self.rows))


def read_texts(path: Path) -> tuple[TrainingText, ...]:
    """The lines of `train.jsonl` or `control.jsonl`. Raises `InputError` for any other file, and for an empty one."""
    try:
        lines = enumerate(text_lines(path), 1)
        texts = tuple(_text(line, f"{path}, line {number}") for number, line in lines if line.strip())
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error}", hint="give train.jsonl or control.jsonl of the dataset stage"
        ) from error
    if not texts:
        raise InputError(f"{path} contains no document", hint="lower the thresholds (tau_f), or annotate more texts")
    return texts


def _text(line: str, where: str) -> TrainingText:
    try:
        fields = json.loads(line)
        if isinstance(fields, dict) and isinstance(fields["id"], str) and isinstance(fields["text"], str):
            return TrainingText(id=fields["id"], text=fields["text"])
    except (ValueError, KeyError):
        pass
    raise InputError(
        f'{where} is not an object with "id" and "text"', hint="give train.jsonl or control.jsonl of the dataset stage"
    )


def hold_out(
    texts: Sequence[TrainingText], count: int, seed: int
) -> tuple[tuple[TrainingText, ...], tuple[TrainingText, ...]]:
    """Split the texts into those to train on and at most `count` held out (no more than a tenth, and at least one).

    The split depends on ids alone: a training file and its control hold out the same documents. Raises `InputError`
    for fewer than two texts.
    """
    if len(texts) < 2:
        raise InputError("one document is too few: one is held out", hint="annotate more documents")
    count = max(1, min(count, len(texts) // 10))
    ranked = sorted(texts, key=lambda one: hashlib.sha256(f"{seed} {one.id}".encode(errors="surrogatepass")).digest())
    held = {one.id for one in ranked[:count]}
    return tuple(one for one in texts if one.id not in held), tuple(one for one in texts if one.id in held)


def token_rows(lm: LanguageModel, texts: Sequence[TrainingText], length: int) -> TokenRows:
    """All texts in rows of at most `length` tokens, cut as shown at the top of this module."""
    rows: list[tuple[int, ...]] = []
    dropped = 0
    for one in texts:
        made = _document_rows(lm, one.text, length)
        rows.extend(made or ())
        dropped += not made
    return TokenRows(rows=tuple(rows), dropped=dropped)


def _document_rows(lm: LanguageModel, text: str, length: int) -> tuple[tuple[int, ...], ...] | None:
    """The rows of one document; `None` if it has no token, or a call that does not fit into a row."""
    ids, spans = lm.encode_with_offsets(text)
    cuts = _cuts(len(ids), _calls(text, spans), length - 2)  # leaves room for the start and end tokens
    if not ids or cuts is None:
        return None
    parts = [(lm.start_id, *ids[begin:end]) for begin, end in zip([0, *cuts], [*cuts, len(ids)], strict=True)]
    return (*parts[:-1], (*parts[-1], _end_id(lm)))


def _end_id(lm: LanguageModel) -> int:
    """The token after a document: the tokenizer's EOS token, or else the start token."""
    # The library's type allows a list, which no tokenizer gives for its one end token.
    found = cast("int | None", lm.tokenizer.eos_token_id)
    return lm.start_id if found is None else found


def _calls(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The tokens of each call, first and one past the last; calls of any tool, known or not."""
    names = sorted(set(_CALLED.findall(text)))
    tokens: list[tuple[int, int]] = []
    for found in find_calls(text, names):
        inside = [at for at, (begin, end) in enumerate(spans) if begin < found.end and end > found.start]
        tokens.append((inside[0], inside[-1] + 1))
    return tokens


def _cuts(total: int, calls: Sequence[tuple[int, int]], room: int) -> list[int] | None:
    """The places to cut `total` tokens so that each part has at most `room`; `None` if a call is in the way."""
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
