"""Which characters of somebody else's text are seen as they are, and which as an escape."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hammerstone.visible import pieces, visible, visible_json

AS_THEY_ARE = [
    "root:x:0:0 [/quote] \\x1b \\frac{1}{2}",
    "é e\u0301 中文 かな 한국어 العربية עברית नमस्ते ไทย",
    "50\u00a0km, a\u3000b",  # spaces are seen, as spaces
    "🪨 👍🏽 👩‍👩‍👧 👩🏽‍🚀 ❤️‍🔥 ☂️ 1️⃣ 🇩🇪",
]
AS_ESCAPES = {
    "\x00\x07\x08\x1b[31m\x7f": r"\x00\x07\x08\x1b[31m\x7f",
    "a\x85b\x9b1m": r"a\x85b\x9b1m",
    "a\rb\x0b\x0c\u2028\u2029": r"a\rb\x0b\x0c\u2028\u2029",
    "\u200e\u200f\u061c\u202a\u202e\u2066\u2069": r"\u200e\u200f\u061c\u202a\u202e\u2066\u2069",
    "\u00ad\u200b\u200c\u2060\ufeff\U000e0041": r"\xad\u200b\u200c\u2060\ufeff\U000e0041",
    "\u115f\u1160\u3164\uffa0\u034f\u180b\u2800": r"\u115f\u1160\u3164\uffa0\u034f\u180b\u2800",
    "pay\u200dpal a\ufe0fb \U000e0100": r"pay\u200dpal a\ufe0fb \U000e0100",
    "☂\ufe0f\ufe0f 🪨\u200d": "☂\ufe0f" + r"\ufe0f 🪨\u200d",
    "\ud83e \udc80 \ue000 \ufdd0": r"\ud83e \udc80 \ue000 \ufdd0",
}


@pytest.mark.parametrize("text", AS_THEY_ARE)
def test_what_can_be_seen_is_shown_as_it_is(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(("text", "shown"), AS_ESCAPES.items(), ids=map(ascii, AS_ESCAPES))
def test_what_cannot_be_seen_is_shown_as_python_writes_it(text: str, shown: str) -> None:
    assert visible(text) == visible(text, lines=True) == shown


def test_a_block_keeps_its_line_breaks_and_tabs_and_a_name_does_not() -> None:
    assert visible("a\n\tb\r\n", lines=True) == "a\n\tb\\r\n"
    assert visible("a\n\tb\r\n") == r"a\n\tb\r\n"


def test_an_escape_is_told_apart_from_a_backslash_that_was_typed() -> None:
    assert list(pieces("\\x1b\x1b[")) == [("\\x1b", False), ("\\x1b", True), ("[", False)]


@given(st.text(st.characters(codec=None)))
@example("\ufe0f")
@example("\u200d🪨")
def test_nothing_is_hidden_lost_or_left_that_cannot_be_encoded(text: str) -> None:
    shown = visible(text)
    shown.encode()
    assert not {"\n", "\t", "\x1b", "\u202e"} & set(shown)
    assert "".join(piece for piece, _ in pieces(text)) == shown
    assert len(shown) >= len(text)


@given(st.text(st.characters(codec=None)).filter(lambda text: text == text.encode(errors="ignore").decode()))
@example("\x7f\x85\u2028\u202e\U000e0041😀")
def test_json_is_the_same_value_and_holds_nothing_that_cannot_be_seen(text: str) -> None:
    document = visible_json(json.dumps({text: [text]}, ensure_ascii=False))
    assert json.loads(document) == {text: [text]}
    assert visible(document) == document


def test_half_a_character_is_an_escape_of_json() -> None:
    assert visible_json(json.dumps("\udc80 é", ensure_ascii=False)) == r'"\udc80 é"'
