"""A call as it appears: read from its text as far as it goes, and continued by tokens of the tokenizer's own."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hammerstone.toolformer.call_format import ApiCall, find_calls, safe_result
from hammerstone.toolformer.decode.partial_call import (
    PartialCall,
    answer_tokens,
    encode_prompt,
    read_partial_call,
    text_after,
    vocabulary_of,
)
from hammerstone.toolformer.lm import LanguageModel

from ..tiny_models import TOKENIZERS, language_model

LANGUAGE_MODELS = {name: language_model(tokenizer=name) for name in TOKENIZERS}
APIS = ("C", "Ca", "Calculator")
inputs = st.recursive(
    st.text(st.sampled_from("12 +ac-[]>.,"), max_size=6), lambda inner: inner.map(lambda text: f"({text})")
)


def test_brackets_and_ends_are_found_in_the_vocabulary() -> None:
    for lm in LANGUAGE_MODELS.values():
        vocabulary = vocabulary_of(lm)
        assert {lm.decode([token]).strip() for token in vocabulary.starts} == {"["}
        assert len(vocabulary.starts) == 2
        assert vocabulary.ends == {lm.tokenizer.eos_token_id} | {lm.model.generation_config.eos_token_id}
        assert vocabulary_of(lm) is vocabulary


def test_a_model_may_have_several_tokens_that_end_a_text() -> None:
    lm = language_model()
    lm.model.generation_config.eos_token_id = [7, 8]
    ends = vocabulary_of(LanguageModel(lm.model, lm.tokenizer)).ends
    assert ends == {7, 8, lm.tokenizer.eos_token_id}


def test_a_prompt_begins_with_a_token_of_its_own_only_where_the_tokenizer_has_one() -> None:
    gpt, llama = LANGUAGE_MODELS["byte-level"], LANGUAGE_MODELS["sentencepiece-like"]
    assert encode_prompt(gpt, "of 12") == gpt.encode("of 12")
    assert encode_prompt(llama, "of 12") == [llama.tokenizer.bos_token_id, *llama.encode("of 12")]
    assert encode_prompt(gpt, "") == [gpt.start_id]


def test_a_start_token_that_a_chat_template_wrote_is_not_doubled() -> None:
    llama = LANGUAGE_MODELS["sentencepiece-like"]
    start = llama.tokenizer.bos_token
    assert encode_prompt(llama, f"{start}of 12") == llama.encode(f"{start}of 12")


@pytest.mark.parametrize("lm", LANGUAGE_MODELS.values(), ids=LANGUAGE_MODELS)
def test_the_space_before_what_was_written_is_kept(lm) -> None:
    prompt, new = encode_prompt(lm, "the sum of"), lm.encode(" 12")
    assert text_after(lm, prompt, new) == " 12"


@given(inputs, st.sampled_from(APIS), st.sampled_from([" ->", "->", "]"]))
def test_a_call_is_read_from_its_first_bracket_to_its_last(argument: str, api: str, ending: str) -> None:
    """`find_calls` reads it in the same way, and each of its beginnings may still become a call."""
    text = f"[{api}({argument})"
    reading = read_partial_call(text + ending, APIS, nested=False)
    assert reading == PartialCall(stage="complete", api=api, input=argument, end=len(text))
    (found, *_) = find_calls(f"{text}]", APIS)
    assert found.call == ApiCall(api=api, input=argument)
    for end in range(1, len(text + ending.rstrip(">]")) + 1):
        beginning = read_partial_call((text + ending)[:end], APIS, nested=False)
        assert beginning is not None
        assert beginning.stage == ("input" if end > len(api) + 1 else "name")


@pytest.mark.parametrize("text", ["[1", "[D(", "[ C(", "[C (", "[C(1\n", "[C(1) x", "[C(1) )", "[C(1) - >", "[C(1)["])
def test_what_cannot_become_a_call_is_seen_at_once(text: str) -> None:
    assert read_partial_call(text, APIS, nested=False) is None


def test_results_of_calls_within_an_argument_stand_in_their_place() -> None:
    text = "[C([Ca([C(1) -> 2] + (3)) -> 5 :)] * [C() -> ])"
    reading = read_partial_call(f"{text} ->", APIS, nested=True)
    assert reading == PartialCall(stage="complete", api="C", input="5 :) * ", end=len(text))
    assert read_partial_call(text[:-1], APIS, nested=True) == PartialCall(stage="input", api="C")


@pytest.mark.parametrize("lm", LANGUAGE_MODELS.values(), ids=LANGUAGE_MODELS)
@settings(max_examples=60)
@given(
    data=st.data(), argument=inputs, ending=st.sampled_from([" ->", "->", "]", " -> 12"]), result=st.text(max_size=9)
)
def test_a_continued_call_is_written_as_in_the_paper(
    lm, data: st.DataObject, argument: str, ending: str, result: str
) -> None:
    """However the model has cut it into tokens; and what stays is the model's own."""
    result = safe_result(result)
    asked = f"[C({argument})"
    text = lm.decode(lm.encode(f"{asked} -> {result}]"))  # without what the tokenizer has no token for
    cuts = sorted(data.draw(st.sets(st.integers(1, len(asked + ending)), max_size=5)))
    parts = [(asked + ending)[a:b] for a, b in zip([0, *cuts], [*cuts, None], strict=True)]
    said = [token for part in parts for token in _tokens(lm, part)]
    assert lm.decode(said) == asked + ending
    kept, inserted = answer_tokens(lm, said, asked, result)
    assert lm.decode([*said[:kept], *inserted]) == text
    assert lm.decode(said[:kept]) == f"{asked} -> "[: len(lm.decode(said[:kept]))]


def _tokens(lm, part: str) -> list[int]:
    """The tokens of a part of a text, by character if the tokenizer would mark it as the beginning of a word."""
    if lm is LANGUAGE_MODELS["byte-level"]:
        return lm.encode(part)
    return [lm.tokenizer.convert_tokens_to_ids(letter.replace(" ", "▁")) for letter in part]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("[ C ( 1 )]", "[ C ( 1"),
        ("[ C ( 1 ) _->", "[ C ( 1 ) _->"),
        ("[ C ( 1 ) ->", "[ C ( 1 )"),
        ("[ C ( 1 ) _-> _3", "[ C ( 1 ) _->"),
        ("[ C (1 ) ]", "[ C ( 1 )"),
    ],
)
def test_the_models_own_tokens_stay_as_far_as_they_agree(said: str, kept: str) -> None:
    lm = LANGUAGE_MODELS["byte-level"]
    ids = [token for part in said.split() for token in lm.encode(part.replace("_", " "))]
    count, inserted = answer_tokens(lm, ids, "[C(1)", "3")
    assert "".join(lm.decode([token]) for token in ids[:count]) == kept.replace(" ", "").replace("_", " ")
    assert lm.decode([*ids[:count], *inserted]) == "[C(1) -> 3]"
