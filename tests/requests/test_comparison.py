"""When two answers are the same, and when two labels are."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerstone.requests.comparison import LONGEST_JSON, agree, same_label

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Paris", " Paris\n"),
        ('{"a": 1, "b": [true, null]}', '{"b":[true,null],"a":1}'),
        ("[1, 2.50, 100]", "[1.0,2.5,1e2]"),
        ("[-0, 0.001]", "[0.0, 1E-3]"),
        ('["é"]', '["\\u00e9"]'),
        ("[NaN]", "[NaN]"),
        ("[1e999999999999]", "[10e999999999998]"),
    ],
)
def test_answers_agree(one: str, other: str) -> None:
    assert agree(one, other)
    assert agree(other, one)
    assert same_label(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Paris", "paris"),
        ("a b", "a  b"),
        ("[true]", "[1]"),
        ('["1"]', "[1]"),
        ("[null]", "[0]"),
        ("[1, 2]", "[2, 1]"),
        ('{"a": 1}', '{"a": 1, "b": null}'),
        ('{"a": 1, "a": 1}', '{"a":1,"a":1}'),
        ("[NaN]", "[ NaN ]"),
        ("[1] [1]", "[1][1]"),
        ("[1e10000000000000000000]", "[1e10000000000000000001]"),
        ("", "[]"),
    ],
)
def test_answers_do_not_agree(one: str, other: str) -> None:
    assert not agree(one, other)
    assert not agree(other, one)
    assert not same_label(one, other)


@pytest.mark.parametrize(("one", "other"), [("5", "5.0"), ("5", "5e0"), ("-0.50", "-5E-1"), ("1000", "1e3")])
def test_a_number_in_another_spelling_is_another_answer_but_the_same_label(one: str, other: str) -> None:
    assert not agree(one, other)
    assert same_label(one, other)


@pytest.mark.parametrize(
    ("one", "other"), [("5", "05"), ("1", "true"), ("+5", "5"), ("5.", "5"), ("5", "\u0665"), ("5", "6")]
)
def test_only_json_numbers_of_one_value_are_one_label(one: str, other: str) -> None:
    assert not same_label(one, other)


@given(VALUES, st.booleans(), st.sampled_from([None, 3]))
def test_a_json_value_agrees_with_itself_however_it_is_written(value: object, ascii_only: bool, indent: int) -> None:
    written = json.dumps([value], ensure_ascii=ascii_only, indent=indent, sort_keys=True)
    assert agree(json.dumps([value], separators=(",", ":")), written)


@given(VALUES, VALUES)
def test_json_values_agree_only_if_they_are_equal(one: object, other: object) -> None:
    equal = json.dumps([one], sort_keys=True) == json.dumps([other], sort_keys=True)
    assert agree(json.dumps([one]), json.dumps([other])) or not equal


def test_what_is_very_long_or_nested_very_deeply_is_text() -> None:
    long, deep = f"[{'1,' * (LONGEST_JSON // 2)}1]", "[" * 200 + "]" * 200
    for text in (long, deep, "[" * 50_000 + "]" * 50_000):
        assert agree(text, text)
        assert not agree(text, text.replace("]", " ]"))
