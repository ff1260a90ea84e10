"""Tools as values: what the digest covers, and their JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hammerstone.errors import ToolRefusedError
from hammerstone.requests.frame import Form, Frame
from hammerstone.tools.tool import Check, Demonstration, Provenance, Tool, is_tool_name, task_name, tool_name
from hammerstone.types import Route, Usage

from ..samples.tools import a_tool

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
arguments = st.dictionaries(st.text(), json_values, max_size=3)
counts = st.integers(0, 2**60)


def several(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, max_size=3).map(tuple)


provenances = st.builds(
    Provenance,
    maker=st.text(),
    recipe=st.sampled_from(["module", "latm"]),
    prompts=st.text(),
    shown=counts,
    verified=counts,
    held_out=counts,
    instances=several(st.text()),
    attempts=counts,
    usage=st.builds(Usage, input_tokens=st.none() | counts, output_tokens=st.none() | counts),
    cost_usd=st.none() | st.floats(min_value=0, allow_infinity=False),
    made=st.text(),
)
tools = st.builds(
    Tool,
    name=st.text(),
    description=st.text(),
    source=st.text(),
    demonstrations=several(st.builds(Demonstration, question=st.text(), arguments=arguments)),
    checks=several(st.builds(Check, question=st.text(), arguments=arguments, answer=st.text(), parsed=st.booleans())),
    routes=several(st.sampled_from(Route)),
    wording=several(st.text()),
    provenance=provenances,
)


@settings(max_examples=50)
@given(tools)
def test_a_tool_comes_back_from_its_json(tool: Tool) -> None:
    back = Tool.from_json(tool.to_json())
    assert back == tool
    assert back.digest == tool.digest


def test_the_json_is_canonical() -> None:
    text = a_tool().to_json()
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    assert text.isascii()


def changed(value: Any) -> Iterator[Any]:
    """Values that each differ from `value` in exactly one leaf."""
    match value:
        case bool():
            yield not value
        case Route():
            yield Route.LABELER
        case str():
            yield value + "x"
        case int() | float():
            yield value + 1
        case None:
            yield 1
        case tuple():
            for index, item in enumerate(value):
                yield from ((*value[:index], other, *value[index + 1 :]) for other in changed(item))
            yield value[1:]
        case list():
            yield [*value, "x"]
        case dict():
            for key, item in value.items():
                yield from ({**value, key: other} for other in changed(item))
        case _:
            assert is_dataclass(value)
            assert not isinstance(value, type)
            for one in fields(value):
                for other in changed(getattr(value, one.name)):
                    yield replace(value, **{one.name: other})


def test_the_digest_covers_every_single_value() -> None:
    tool = replace(a_tool(), forms=(("Sort ", "words"), ("Order",)), frame=Frame(form=Form.LAST, digest="0123"))
    tool = replace(tool, users=("openai:small",))
    variations = list(changed(tool))
    assert len({one.digest for one in variations} | {tool.digest}) == len(variations) + 1
    assert {one.name for one in fields(Tool)} == {
        one.name for one in fields(Tool) if any(getattr(v, one.name) != getattr(tool, one.name) for v in variations)
    }


def test_equal_tools_have_equal_digests() -> None:
    assert a_tool().digest == a_tool().digest
    assert len(a_tool().digest) == 64


def edited(**values: Any) -> str:
    return json.dumps(json.loads(a_tool().to_json()) | values)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        "not JSON",
        edited(name=1),
        edited(routes=["telepathy"]),
        edited(checks=[{"question": "q"}]),
        edited(wording=None),
        edited(surprise=1),
        edited(checks=[{"question": "q", "arguments": {}, "answer": "a", "parsed": "yes"}]),
        edited(provenance=json.loads(a_tool().to_json())["provenance"] | {"shown": "2"}),
        edited(provenance=json.loads(a_tool().to_json())["provenance"] | {"recipe": "cake"}),
        json.dumps({key: value for key, value in json.loads(a_tool().to_json()).items() if key != "source"}),
    ],
)
def test_other_json_is_no_tool(text: str) -> None:
    with pytest.raises(ToolRefusedError, match="not a tool"):
        Tool.from_json(text)


def test_the_refusal_says_where() -> None:
    with pytest.raises(ToolRefusedError, match=r"checks\.0\.answer"):
        Tool.from_json(edited(checks=[{"question": "q", "arguments": {}, "answer": 1, "parsed": True}]))


@pytest.mark.parametrize("name", ["word_sorting", "a", "task_2", "größte_zahl", "排序", "x" * 60])
def test_a_snake_case_name_is_a_tools_name(name: str) -> None:
    assert is_tool_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", "Word", "word sorting", "word-sorting", "2words", "_word", "__init__", "class", "a/b", "..", "a\n"),
        *("x" * 61, "\ufb01ne", "a.b"),
    ],
)
def test_what_python_could_not_import_by_that_name_is_not(name: str) -> None:
    assert not is_tool_name(name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        *(("Word sorting", "word_sorting"), ("a-b", "a_b"), (" A  b\n", "a_b"), ("class", "task_class")),
        *(("2 words", "task_2_words"), ("cafe\u0301", "caf\u00e9"), ("x" * 60, "x" * 60), ("?!", "")),
    ],
)
def test_a_text_becomes_the_nearest_name(text: str, name: str) -> None:
    assert tool_name(text) == name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("x > 0", "x < 0"), ("C", "C++"), ("C++", "C#"), ("-1", "1"), ("x - 1", "x 1"), ("x\u00b2", "x2")),
        *(("a, b", "a b"), ("a\0\ud800b", "a b"), ("_word", "word"), ("\ufb01ne", "fine"), ("no, go", "no go")),
    ],
)
def test_texts_that_differ_only_in_signs_stay_two_names(one: str, other: str) -> None:
    assert tool_name(one) != tool_name(other)
    assert is_tool_name(tool_name(one))


def test_case_and_what_joins_the_words_make_no_other_name() -> None:
    texts = ["x > 0", "X > 0", " x  >\n0 "]
    assert len({tool_name(text) for text in texts}) == 1
    assert {tool_name(text) for text in ("Word sorting", "word-sorting", "WORD_SORTING")} == {"word_sorting"}


@pytest.mark.parametrize("start", ["sort these words ", "2", "排序", "class "])
@pytest.mark.parametrize("length", [30, 50, 60, 400])
def test_names_that_begin_alike_stay_apart(start: str, length: int) -> None:
    long = (start * length)[:length]
    texts = [f"{long}{end}" for end in ("ascending", "descending", "", "ascending ascending")]
    names = {tool_name(text) for text in texts}
    assert len(names) == len(texts)
    assert all(is_tool_name(name) for name in names)


@given(st.text(max_size=120))
def test_the_name_of_a_name_is_that_name(text: str) -> None:
    name = tool_name(text)
    assert tool_name(name) == name


@pytest.mark.parametrize("text", ["\N{GRINNING FACE}", "?!", "_", "\N{GRINNING FACE}\N{GRINNING FACE}"])
def test_a_task_of_which_no_name_is_left_is_named_by_its_digest(text: str) -> None:
    assert re.fullmatch("task_[0-9a-f]{8}", task_name(text))
    assert is_tool_name(task_name(text))
    assert task_name(text) != task_name(f"{text}.")


def test_a_blank_text_names_no_task() -> None:
    assert (task_name(""), task_name(" \n"), task_name("Word sorting")) == ("", "", "word_sorting")
