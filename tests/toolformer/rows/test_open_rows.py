"""Rows that are written on: shared, copied, dropped, joined and cut, each has the logits of being read alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from hammerstone.errors import InputError
from hammerstone.toolformer.kv_cache import KVCache
from hammerstone.toolformer.lm import LanguageModel
from hammerstone.toolformer.rows import OpenRows, branch_rows, open_rows, shares_prefixes
from hammerstone.toolformer.rows.buffered import BufferedRows
from hammerstone.toolformer.rows.ragged import RaggedRows
from hammerstone.toolformer.rows.softmax_parts import SoftmaxPart, attention_scores, merge_parts, softmax_part

from ..test_architectures import READ, model
from ..tiny_models import language_model

OWN_ATTENTION = {"gpt_neo", "bloom", "falcon", "mpt"}
"""Models that do not look their attention up."""
WORDS = 300


def drawn(*lengths: int) -> list[list[int]]:
    rng = random.Random(sum(lengths))  # noqa: S311 - samples, not secrets
    return [[rng.randint(1, WORDS - 1) for _ in range(length)] for length in lengths]


@dataclass
class Compared:
    """Open rows, and the same rows as lists of tokens."""

    lm: LanguageModel
    rows: OpenRows
    texts: list[list[int]] = field(default_factory=list)

    def read(self, *lengths: int) -> None:
        new = drawn(*lengths)
        self.texts = [text + more for text, more in zip(self.texts, new, strict=True)]
        found = self.rows.read(new)
        assert self.rows.lengths == [*map(len, self.texts)]
        for logits, text in zip(found, self.texts, strict=True):
            with torch.inference_mode():
                alone = self.lm.model(input_ids=torch.tensor([text])).logits[0, -1]
            torch.testing.assert_close(logits, alone, rtol=1e-3, atol=1e-3)

    def drop(self, *gone: int) -> None:
        self.texts = [self.texts[row] for row in self.rows.drop(gone)]
        assert len(self.rows) == len(self.texts)

    def join(self, other: Compared, *rows: int) -> None:
        self.rows.join(other.rows, rows)
        self.texts += [other.texts[row] for row in rows]

    def cut(self, *lengths: int) -> None:
        self.rows.cut(lengths)
        self.texts = [text[:length] for text, length in zip(self.texts, lengths, strict=True)]


def compared(lm: LanguageModel, cache: KVCache, docs: Sequence[list[int]], *at: tuple[int, int]) -> Compared:
    rows = branch_rows(lm, cache, [source for source, _ in at], [length for _, length in at])
    return Compared(lm, rows, [docs[source][:length] for source, length in at])


@pytest.mark.parametrize("kind", READ)
def test_rows_that_continue_shared_texts_are_read_as_each_alone(kind: str) -> None:
    lm = model(kind, READ[kind])
    assert shares_prefixes(lm) == (kind not in OWN_ATTENTION)
    docs = drawn(20, 15, 9)
    _, cache = lm.forward(docs, keep=1)
    rows = compared(lm, cache, docs, (0, 7), (0, 20), (1, 15), (2, 3), (1, 9))
    rows.read(1, 3, 2, 5, 1)  # beyond the windows of those that have some
    rows.read(1, 1, 1, 1, 1)
    more = compared(lm, cache, docs, (2, 5), (1, 6))
    more.read(4, 2)
    rows.drop(1, 2)
    rows.join(more, 1, 0, 1)
    rows.read(1, 1, 1, 1, 1, 1)
    rows.join(rows, 0, 4)
    rows.read(2, 1, 1, 1, 3, 1, 1, 1)
    rows.cut(*(len(text) - 1 for text in rows.texts))
    rows.read(1, 2, 1, 1, 1, 1, 1, 1)
    rows.drop(*range(1, 8))
    rows.read(8)


@pytest.mark.parametrize("kind", READ)
def test_rows_without_a_shared_text_are_read_as_each_alone(kind: str) -> None:
    lm = model(kind, READ[kind])
    rows = Compared(lm, open_rows(lm))
    for lengths in ((9, 2, 5), (3,)):
        texts = drawn(*lengths)
        _, cache = lm.forward(texts, keep=1)
        rows.join(Compared(lm, open_rows(lm, cache), texts), *range(len(lengths)))
    rows.read(1, 1, 1, 1)
    rows.read(2, 1, 7, 1)
    rows.drop(0, 3)
    rows.cut(3, 3)
    rows.read(1, 6)
    rows.drop(0, 1)
    assert len(rows.rows) == 0


def test_a_model_with_its_own_attention_gets_copies() -> None:
    assert isinstance(open_rows(language_model("llama")), BufferedRows)
    assert isinstance(open_rows(language_model("gptj")), RaggedRows)


def test_a_shared_text_is_not_copied() -> None:
    lm = language_model("llama")
    _, cache = lm.forward(drawn(50), keep=1)
    rows = branch_rows(lm, cache, [0] * 30, [50] * 30)
    rows.read([[1]] * 30)
    assert isinstance(rows, BufferedRows)
    assert rows.prefix is cache
    assert [keys.shape[2] for keys, _ in rows.buffers] == [1, 1]


def test_tokens_go_where_there_is_room_and_nothing_else_is_moved() -> None:
    lm = language_model("llama")
    rows = open_rows(lm, lm.forward(drawn(8, 8), keep=1)[1])
    rows.read([[1], [2]])
    assert isinstance(rows, BufferedRows)
    places = [states.data_ptr() for layer in rows.buffers for states in layer]
    for _ in range(7):
        rows.read([[1], [2]])
    assert [states.data_ptr() for layer in rows.buffers for states in layer] == places


def test_the_models_own_attention_is_back_after_a_reading() -> None:
    lm = language_model("llama")
    usual = lm.model.config._attn_implementation
    rows = open_rows(lm, lm.forward(drawn(3), keep=1)[1])
    with pytest.raises(InputError, match="reads at most 512 tokens"):
        rows.read(drawn(510))
    rows.read([[1]])
    assert lm.model.config._attn_implementation == usual
    assert rows.lengths == [4]


def test_what_is_tried_to_find_out_what_a_model_can_is_not_counted() -> None:
    lm = language_model("llama")
    shares_prefixes(lm)
    assert lm.read == 0


def test_attention_over_parts_is_attention_over_all_keys() -> None:
    torch.manual_seed(0)
    queries, keys, values = torch.randn(3, 5, 8), torch.randn(3, 20, 8) * 4, torch.randn(3, 20, 6)

    def part(some: slice) -> SoftmaxPart:
        return softmax_part(attention_scores(queries, keys[:, some], None), values[:, some])

    whole: Tensor = torch.softmax(queries @ keys.transpose(1, 2), dim=-1) @ values
    for cuts in ((0, 20), (0, 7, 20), (0, 1, 2, 20)):
        parts = [part(slice(*pair)) for pair in pairwise(cuts)]
        torch.testing.assert_close(merge_parts(parts), whole)
