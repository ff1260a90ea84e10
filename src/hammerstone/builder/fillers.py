"""Fillers that probes put into a question: invented words of the same shape, numbers, signs, negations, sentences."""

from __future__ import annotations

import random
import unicodedata
from collections import Counter
from collections.abc import Sequence

from hammerstone.builder.tokens import Token, is_spaceless, script, tokens

__all__ = ["Fillers"]

# A negation, an exception and a sentence in each script: what would change the answer for a reader.
_PHRASES = {
    "LATIN": ("not", "except the last one", "Leave out the first one."),
    "CYRILLIC": ("не", "кроме последнего", "Первый не считается."),
    "GREEK": ("δεν", "εκτός από το τελευταίο", "Το πρώτο δεν μετράει."),  # noqa: RUF001 - Greek on purpose
    "CJK": ("不", "最后一个除外", "第一个不算。"),
    "HIRAGANA": ("ない", "最後を除いて", "最初は数えない。"),
    "HANGUL": ("안", "마지막을 제외하고", "첫째는 세지 않는다."),
    "ARABIC": ("ليس", "ما عدا الأخير", "لا تحسب الأول."),
    "HEBREW": ("לא", "חוץ מהאחרון", "אל תספור את הראשון."),
    "DEVANAGARI": ("नहीं", "अंतिम को छोड़कर", "पहले को मत गिनो।"),
    "THAI": ("ไม่", "ยกเว้นตัวสุดท้าย", "ไม่นับตัวแรก"),
}
_NEAR = 200  # code points on either side of a character, among which there are others of its shape
_NUMBERS = 6  # to try in the place of one
_ODD = ("§", "†")  # for a sign that has none


class Fillers:
    """Fillers for one task's questions. The same questions and random numbers give the same fillers."""

    def __init__(self, questions: Sequence[str], rng: random.Random) -> None:
        self._rng = rng
        self._words = [token.text for question in questions for token in tokens(question) if token.kind == "word"]
        self._known = frozenset(word.lower() for word in self._words)
        self._chars = sorted({char for question in questions for char in question})
        self._alikes: dict[str, list[str]] = {}
        scripts = Counter(script(word[0]) for word in self._words)
        self._script = scripts.most_common(1)[0][0] if scripts else "LATIN"
        negation, exception, sentence = self._phrases()
        word = self.made_up(max(self._words, key=len, default="zorble")[:9].lower())
        own = rng.sample(self._words, min(5, len(self._words)))
        echo = ("" if is_spaceless(sentence[0]) else " ").join(own) + sentence[-1]
        self._to_put_in = (negation, exception, word), (sentence, echo)

    def instead(self, token: Token) -> tuple[str, ...]:
        """Two words or signs, or several numbers, that may stand where `token` does: of its script and shape."""
        if token.kind == "word":
            return self.made_up(token.text), self.made_up(token.text + token.text[-1] * 2)
        made: list[str] = []
        while len(made) < (_NUMBERS if token.kind == "number" else 2):
            made.append(self._other(token.text, {token.text, *made}))
        return tuple(made)

    def made_up(self, word: str) -> str:
        """A word that no question has, with capitals, accents and marks where `word` has them."""
        for _ in range(20):
            made = "".join(self._rng.choice(self._alike(char)) for char in word)
            if made.lower() not in self._known:
                return made
        return "".join(self._rng.choice(_neighbours(char) or [char]) for char in word)

    def pair(self, number: int) -> tuple[str, str]:
        """Words to put in (a negation, an exception or a made-up word), and a sentence."""
        return self._to_put_in[0][number % 3], self._to_put_in[1][number % 2]

    def _phrases(self) -> tuple[str, str, str]:
        """The phrases in the questions' script; invented words for a script that is not listed."""
        listed = _PHRASES.get("HIRAGANA" if self._script == "KATAKANA" else self._script)
        if listed:
            return listed
        one, *more = (self.made_up(self._rng.choice(self._words)) for _ in range(6))
        return one, " ".join(more[:2]), " ".join(more[2:]) + "."

    def _other(self, text: str, taken: set[str]) -> str:
        """Another number of as many digits, with a zero in front only if it has one; or another sign."""
        for _ in range(100):
            made = "".join(self._rng.choice(self._alike(char)) for char in text)
            if made not in taken and _leads_with_zero(made) <= _leads_with_zero(text):
                return made
        return text + text[-1]

    def _alike(self, char: str) -> list[str]:
        """Characters of the same shape: those that the questions use or, where they are few, its neighbours too."""
        if char not in self._alikes:
            found = [one for one in self._chars if one != char and _shape(one) == _shape(char)]
            odd = _ODD if _shape(char)[0][0] in "PS" else ()
            self._alikes[char] = found if len(found) > 4 else [*found, *_neighbours(char), *odd] or [char]
        return self._alikes[char]


def _leads_with_zero(number: str) -> bool:
    return len(number) > 1 and unicodedata.numeric(number[0], 1) == 0


def _shape(char: str) -> tuple[str, str, bool]:
    """Category, script of a letter or digit, and whether it has an accent."""
    category = unicodedata.category(char)
    belongs = script(char) if category[0] in "LMN" else ""
    return category, belongs, len(unicodedata.normalize("NFD", char)) > 1


def _neighbours(char: str) -> list[str]:
    codes = range(max(0, ord(char) - _NEAR), min(0x10FFFF, ord(char) + _NEAR) + 1)
    return [one for one in map(chr, codes) if one != char and one.isprintable() and _shape(one) == _shape(char)]
