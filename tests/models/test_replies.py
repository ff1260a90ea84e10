"""Reading code and JSON out of replies as chat models write them."""

from __future__ import annotations

import contextlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerstone.models.replies import LONGEST_REPLY, NotJSONError, code_block, json_value
from hammerstone.types import JSON

SLOW = 5  # seconds of processor time, on a slow and busy machine; quadratic reading takes minutes
LONG = 200_000  # characters

SOURCE = "def solve(a: int) -> str:\n    return str(a)\n"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
containers = st.lists(json_values, max_size=4) | st.dictionaries(st.text(), json_values, max_size=4)


@pytest.mark.parametrize(
    "reply",
    [
        f"```python\n{SOURCE}```",
        f"Here it is:\n\n```python\n{SOURCE}```\n\nIt sorts.",
        f"```Python\n{SOURCE}```",
        f"```py\n{SOURCE}```",
        f"```python3\n{SOURCE}```",
        f'``` python title="made.py"\n{SOURCE}```',
        f"~~~python\n{SOURCE}~~~",
        f"````python\n{SOURCE}````",
        f"```\n{SOURCE}```",
        f"```python\n{SOURCE}",
        f"```json\n[]\n```\n```python\n{SOURCE}```\n```text\ndone\n```",
        f"```python\nold\n```\nThat was wrong. Now:\n```python\n{SOURCE}```",
        f"```\ndef old(): ...\n```\n```python\n{SOURCE}```\n```\ndef newer(): ...\n```",
        f"```python\n{SOURCE}```\n```python-traceback\nboom\n```",
        f"```python\n{SOURCE}```".replace("\n", "\r\n"),
    ],
)
def test_the_last_python_block_is_found(reply: str) -> None:
    assert code_block(reply, "python") == SOURCE


def test_an_indented_block_is_found_too() -> None:
    assert code_block("1. So:\n   ```python\n   x = 1\n   ```\n", "python") == "   x = 1\n"


def test_a_longer_fence_holds_shorter_ones() -> None:
    inner = 'DOC = """\n```\nx\n```\n"""\n'
    assert code_block(f"````python\n{inner}````", "python") == inner


@pytest.mark.parametrize("reply", ["", "NO PARSER", "`x = 1`", "```json\n[]\n```", "```\nplain words\n```", SOURCE])
def test_a_reply_without_a_python_block_has_none(reply: str) -> None:
    assert code_block(reply, "python") is None


def test_a_block_without_a_language_counts_as_what_it_looks_like() -> None:
    reply = f'```\n{SOURCE}```\n```\n[{{"a": 1}}]\n```'
    assert code_block(reply, "python") == SOURCE
    assert code_block(reply, "json") == '[{"a": 1}]\n'


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ('  {"a": 1}\n', {"a": 1}),
        ("null", None),
        ("`null`", None),
        ("3", 3),
        ('"a"', "a"),
        ('`{"a": 1}`', {"a": 1}),
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('```JSON\n{"a": 1}\n```', {"a": 1}),
        ('```\n{"a": 1}\n```', {"a": 1}),
        ('```javascript\n{"a": 1}\n```', {"a": 1}),
        ('```json {"a": 1}```', {"a": 1}),
        ('First:\n```json\n{"a": 0}\n```\nNo:\n```json\n{"a": 1}\n```', {"a": 1}),
        ('```python\nx = 1\n```\n```json\n{"a": 1}\n```', {"a": 1}),
        ('```json\n{"a": 1}\n```\n```python\nx = 1\n```', {"a": 1}),
        ('The arguments are {"a": 1}.', {"a": 1}),
        ('The set {x} and the list [1, 2] (see {"a": 1})', {"a": 1}),
        ('{"a": 0} is wrong, {"a": 1} is right', {"a": 1}),
        ('{"a": {"b": [1]}}, I think', {"a": {"b": [1]}}),
        ('Arguments: {"a": "}"} done', {"a": "}"}),
        ("```json\nnull\n```", None),
    ],
)
def test_the_json_value_is_found(reply: str, value: JSON) -> None:
    assert json_value(reply) == value


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "no",
        "{'a': 1}",
        '{"a": NaN}',
        '{"a": Infinity}',
        '{"a": -Infinity}',
        '```json\n{"a": NaN}\n```',
        '{"a": 1',
        "{x} and [y]",
        "[" * 5_000,
        '{"a": ' * 5_000,
        "1" * 5_000,
    ],
)
def test_what_is_no_json_is_refused(reply: str) -> None:
    with pytest.raises(NotJSONError):
        json_value(reply)


@given(json_values, st.sampled_from(["{}", "```json\n{}\n```", "Well:\n\n```json\n{}\n```\nThat is all."]))
def test_json_in_any_usual_dress_is_read_back(value: JSON, dress: str) -> None:
    assert json_value(dress.replace("{}", json.dumps(value, indent=1))) == value


@given(containers)
def test_json_in_a_sentence_is_read_back(value: JSON) -> None:
    assert json_value(f"I would say {json.dumps(value)}, if anything.") == value


@given(st.text())
def test_no_reply_is_worse_than_refused(reply: str) -> None:
    code_block(reply, "python")
    with contextlib.suppress(NotJSONError):
        json_value(reply)


def test_a_fence_holds_lines_that_another_program_might_take_for_breaks() -> None:
    body = "a = '\x0b\x0c\x85\u2028'\n\rb = 1\n"
    assert code_block(f"```python\n{body}```\n", "python") == body


def test_many_brackets_in_prose_do_not_hide_the_value_behind_them() -> None:
    assert json_value(f'{"{x} [y] " * 300} so {{"a": 1}}') == {"a": 1}
    assert json_value(f'{"[1, oh] " * 300} so {{"a": 1}}') == {"a": 1}


# replies that were written to be slow

PARTS = [
    *("```\n", "```json\n", "````\n```\n", "~~~", "`", "```" + "a" * 50, "``` a`\n", " ", "\n", "\r\n"),
    *("[", "[ ", "{", "{x ", '{"a":', '{"a": [', '["', "[1,", "[[],", "[1],x", '{"a":1} ', "[NaN "),
    *('[\\"', "1", "null "),
]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("start", ["", "```json\n", "[" * 900, '{"a":' * 900])
def test_a_long_reply_is_read_at_once(part: str, start: str) -> None:
    reply = (start + part * LONG)[:LONG] + "x"
    started = time.process_time()
    code_block(reply, "python")
    with contextlib.suppress(NotJSONError):
        json_value(reply)
    assert time.process_time() - started < SLOW


def test_a_longer_reply_is_not_read() -> None:
    padding = "." * LONGEST_REPLY
    assert code_block(f"```python\n{SOURCE}```\n{padding}", "python") is None
    with pytest.raises(NotJSONError):
        json_value(f'{{"a": 1}}{padding}')
