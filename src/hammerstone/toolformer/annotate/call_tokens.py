"""A call as a tokenizer writes it: the tokens for `[`, those of the name, and which token ends a call."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# transformers' own types are partial.
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hammerstone.errors import InputError
from hammerstone.toolformer.call_format import CLOSE, OPEN
from hammerstone.toolformer.lm import ModelTokenizer

__all__ = ["CallName", "CallTokens", "UnfinishedCall"]


class CallName(NamedTuple):
    """The tokens of a tool's name behind `[`, and those that may follow it: all that begin with its parenthesis."""

    ids: list[int]
    next_ids: list[int]


@dataclass(frozen=True, kw_only=True)
class CallTokens:
    """`forms` are the tokens for `[`, with or without spaces before it; `texts` are those of all tokens.

    The text of a special token is a line break, which no call contains either.
    """

    tokenizer: ModelTokenizer
    forms: tuple[int, ...]
    texts: tuple[str, ...]

    @classmethod
    def of(cls, tokenizer: ModelTokenizer, *, name: str) -> CallTokens:
        """The tokens of a tokenizer. Raises `InputError`, which names the model, if it has no token for `[`."""
        words = tokenizer.tokenizer
        texts = list[str](words.backend_tokenizer.decode_batch([[token] for token in range(len(words))]))
        forms = tuple(token for token, text in enumerate(texts) if text.lstrip(" ") == OPEN)
        if not forms:
            raise InputError(
                f"the tokenizer of {name} has no token for [, which begins a call",
                hint="use a model whose tokenizer covers ASCII, as byte-level ones do",
            )
        for token in words.all_special_ids:
            texts[token] = "\n"
        return cls(tokenizer=tokenizer, forms=forms, texts=tuple(texts))

    def name(self, api: str) -> CallName | None:
        """`None` if the tokenizer cannot write the name apart from the bracket: then the model has to.

        `()` and `(1` may be tokens too. A model that knows them as such hardly ever writes `)` or `1` after a `(`.
        """
        for written in (f"{OPEN}{api}", f" {OPEN}{api}"):
            ids = self.tokenizer.encode(written)
            if ids[0] in self.forms and self._reads(ids) == f"{OPEN}{api}":
                opened = [token for token, text in enumerate(self.texts) if text.startswith("(")]
                next_ids = [token for token in opened if self._reads([*ids, token]).startswith(f"{OPEN}{api}(")]
                return CallName(ids[1:], next_ids) if next_ids else None
        return None

    def _reads(self, ids: Sequence[int]) -> str:
        return self.tokenizer.decode(ids).lstrip(" ")

    def text(self, token: int) -> str:
        """Tokens beyond the tokenizer's vocabulary, which some models have, end a call too."""
        return self.texts[token] if token < len(self.texts) else "\n"


@dataclass(frozen=True, kw_only=True)
class UnfinishedCall:
    """The state of a call, from behind its `[` on: what is left of `Name(`, and then its open parentheses.

    An input is one line with balanced parentheses, and has neither brackets nor an arrow.
    """

    name: str
    depth: int = 1
    last: str = ""

    def after(self, text: str) -> UnfinishedCall | None:
        """`None` once a text has ended the call, or made one impossible."""
        named = min(len(text), len(self.name))
        if text[:named] != self.name[:named]:
            return None
        depth, last = self.depth, self.last
        for letter in text[named:]:
            if depth == 0 or letter in ("\n", OPEN, CLOSE) or (last, letter) == ("-", ">"):
                return None
            depth += (letter == "(") - (letter == ")")
            last = letter
        return UnfinishedCall(name=self.name[named:], depth=depth, last=last)
