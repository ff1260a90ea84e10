"""The tokens that open a call, and the one that ends it, agree with `read_call` on the whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerstone.toolformer.annotate.call_tokens import CallTokens, UnfinishedCall
from hammerstone.toolformer.annotate.sampling import read_call

from ..tiny_models import TOKENIZERS, language_model


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@pytest.mark.parametrize("api", ["C", "Calculator"])
def test_the_name_is_written_behind_any_form_of_the_bracket(tokenizer: str, api: str) -> None:
    lm = language_model(tokenizer=tokenizer)
    tokens = CallTokens.of(lm, name="")
    for form in tokens.forms:
        name = tokens.name(api)
        assert name is not None
        assert lm.decode([form, *name.ids]).lstrip(" ") == f"[{api}"
        assert {lm.decode([form, *name.ids, token]).lstrip(" ")[: len(api) + 2] for token in name.next_ids} == {
            f"[{api}("
        }


def test_a_name_that_the_tokenizer_cannot_write_is_left_to_the_model() -> None:
    lm = language_model(tokenizer="sentencepiece-like")
    assert CallTokens.of(lm, name="").name("my_tool") is None


def test_a_token_for_both_parentheses_may_follow_a_name() -> None:
    lm = language_model()
    name = CallTokens.of(lm, name="").name("Calendar")
    assert name is not None
    assert {lm.encode("[Calendar(")[-1], lm.encode("[Calendar()]")[-1]} <= {*name.next_ids}
    assert lm.decode(lm.encode("[Calendar()]")[-1:]) == "()]"


def test_the_end_of_a_text_and_tokens_without_a_text_end_a_call() -> None:
    lm = language_model()
    tokens = CallTokens.of(lm, name="")
    call = UnfinishedCall(name="C(").after("C(")
    assert call is not None
    for token in (*lm.tokenizer.all_special_ids, len(lm.tokenizer), len(lm.tokenizer) + 99):
        assert call.after(tokens.text(token)) is None


letters = st.lists(st.sampled_from(["C(", "(", ")", "]", "[", "-", ">", "->", " ", "\n", "1", ")]"]), max_size=7)


@given(parts=letters)
def test_a_call_is_never_given_up_before_its_end(parts: list[str]) -> None:
    call, written = UnfinishedCall(name="C(").after("C("), "[C("
    for part in parts:
        assert call is not None
        call, written = call.after(part), written + part
        if call is None:
            break
    completed = read_call(f"{written})]", "C")
    if call is None and "]" not in written:
        assert completed is None
    if call is not None and call.depth == 1 and not written.endswith("-"):
        assert completed is not None


@pytest.mark.parametrize(
    ("text", "goes_on"),
    [
        ("C(1 + 2", True),
        ("C((1)", True),
        ("C(1)", True),
        ("C(1 - 2 > 3", True),
        ("C(1)]", False),
        ("C(1) ", False),
        ("C(1) -> 2", False),
        ("C(1 ->", False),
        ("C([", False),
        ("C(1\n", False),
        ("D(", False),
        ("C", True),
        (" C(", False),
    ],
)
def test_a_call_goes_on_as_long_as_it_may_become_one(text: str, goes_on: bool) -> None:
    assert (UnfinishedCall(name="C(").after(text) is not None) == goes_on
    call: UnfinishedCall | None = UnfinishedCall(name="C(")
    for letter in text:
        call = call.after(letter) if call is not None else None
    assert (call is not None) == goes_on
