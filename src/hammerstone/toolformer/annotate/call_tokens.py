"""A call as a tokenizer writes it: the tokens for `[`, those of `[Name(`, and which token ends a call's input."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# transformers' own types are partial.
from __future__ import annotations

from dataclasses import dataclass

from hammerstone.errors import InputError
from hammerstone.toolformer.call_format import CLOSE, OPEN
from hammerstone.toolformer.lm import ModelTokenizer

__all__ = ["CallTokens", "UnfinishedCall"]


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
        """Raises `InputError`, which names the model, for a tokenizer without a token for `[`."""
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

    def naming(self, api: str) -> list[int]:
        """The tokens of `Name(` after `[`.

        Empty if the tokenizer cannot write them apart from the bracket: then the model has to.
        """
        for written in (f"{OPEN}{api}(", f" {OPEN}{api}("):
            ids = self.tokenizer.encode(written)
            if ids[0] in self.forms and self.tokenizer.decode(ids).lstrip(" ") == f"{OPEN}{api}(":
                return ids[1:]
        return []

    def text(self, token: int) -> str:
        """Tokens beyond the tokenizer's vocabulary, which some models have, end a call too."""
        return self.texts[token] if token < len(self.texts) else "\n"


class UnfinishedCall:
    """Reads a call token by token, from behind its `[`, and says when it is over or cannot be one any more.

    An input is one line with balanced parentheses, and has neither brackets nor an arrow: those end it.
    """

    def __init__(self, api: str) -> None:
        self._name = f"{api}("
        self._named = 0  # characters of it
        self._depth = 1
        self._last = ""

    def goes_on(self, text: str) -> bool:
        """Whether the call is still open after a token of this text."""
        return all(self._takes(letter) for letter in text)

    def _takes(self, letter: str) -> bool:
        if self._named < len(self._name):
            self._named += 1
            return letter == self._name[self._named - 1]
        if self._depth == 0 or letter in ("\n", OPEN, CLOSE) or (self._last, letter) == ("-", ">"):
            return False
        self._depth += (letter == "(") - (letter == ")")
        self._last = letter
        return True
