"""A JSON file that is one value: an array of requests, a page of an API (`data`), or a BIG-bench file (`examples`)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TextIO, TypeAlias, cast

from hammerstone.errors import InputError
from hammerstone.requests.json_text import as_json, load_json, weighs_nothing
from hammerstone.requests.rows import MAX_LINE_CHARS, ROW_EXAMPLE, Row, UnreadableRowError, not_utf8
from hammerstone.text_files import BAD_BYTE, bad_byte

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MAX_DOCUMENT_CHARS", "document_rows", "is_document"]

_Fields: TypeAlias = "dict[str, object]"

MAX_DOCUMENT_CHARS = 200_000_000

# What a BIG-bench file says once for all its examples, and belongs to each of their questions.
_SHARED = frozenset(
    ("task_prefix", "append_choices_to_input", "example_input_prefix", "choice_prefix", "example_output_prefix")
)
# What it says about itself, its scoring and its few-shot prompts.
_ABOUT = frozenset(
    ("name", "description", "keywords", "canary", "metrics", "preferred_score", "output_regex", "stop_string")
) | {"few_shot_example_separator", "version", "author", "authors", "license", "locale"}


def is_document(first: str) -> bool:
    """Is a JSON file that begins with this line one value, and not JSON lines?"""
    if first.lstrip().startswith("[") or len(first) > MAX_LINE_CHARS:
        return True
    try:
        value = load_json(first)
    except (ValueError, RecursionError):
        # One object over several lines breaks where another thing must follow; a damaged JSON line seldom does.
        return first.rstrip().endswith(("{", "[", ","))
    return isinstance(value, dict) and ("examples" in value or _is_page(cast("_Fields", value)))


def _is_page(fields: Mapping[str, object]) -> bool:
    """Is it what an API lists, as Langfuse's does: `data`, and how much there is?"""
    return isinstance(fields.get("data"), list) and fields.keys() <= {"data", "meta", "error"}


def document_rows(first: str, rest: TextIO) -> Iterator[Row]:
    """The items, by their position. Raises `InputError` for what is wrong with the whole."""
    text = first + rest.read(MAX_DOCUMENT_CHARS)
    items = _items(text)
    if bad_byte(text) is not None:
        mark = f"\ufdd1{secrets.token_hex(8)}"  # in no file: an escape of JSON's may stand for any character
        items = (_checked(item, mark) for item in _items(BAD_BYTE.sub(rf"{mark}\g<0>", text)))
    yield from enumerate(items, start=1)


def _items(text: str) -> Iterable[object]:
    value = _value(text)
    if isinstance(value, UnreadableRowError):
        raise InputError(f"the file cannot be read: {value}", hint="keep each field once")
    if isinstance(value, dict):
        fields = cast("_Fields", value)
        value = fields["data"] if _is_page(fields) else _with_shared(fields) if "examples" in fields else [fields]
    if not isinstance(value, list):
        hint = 'give a list of objects, or {"examples": [...]} as BIG-bench files do'
        raise InputError("the JSON holds no list of requests", hint=hint)
    return cast("list[object]", value)


def _value(text: str) -> object:
    if len(text) > MAX_DOCUMENT_CHARS:
        hint = "a JSON array is read whole; write it as JSON lines, which are read one by one"
        raise InputError(f"the JSON is longer than {MAX_DOCUMENT_CHARS} characters", hint=hint)
    try:
        return load_json(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"not valid JSON: {error}", hint=f"one request a line is simpler: {ROW_EXAMPLE}") from error


def _with_shared(fields: Mapping[str, object]) -> object:
    """The examples of a BIG-bench file, each with what the file says for all of them."""
    for name, value in fields.items():
        if name not in _SHARED | _ABOUT | {"examples"} and not weighs_nothing(value):
            hint = "put it into each question, or take it out of the file if no answer depends on it"
            raise InputError(f"the file's field `{name[:80]}` could change the answers and is not read", hint=hint)
    shared = {name: value for name, value in fields.items() if name in _SHARED}
    examples = fields["examples"]
    if not isinstance(examples, list):
        return examples
    listed = cast("list[object]", examples)
    return [{**shared, **cast("_Fields", one)} if isinstance(one, dict) else one for one in listed]


def _checked(item: object, mark: str) -> object:
    """The item, unless it holds a byte that was not UTF-8, after its mark."""
    try:
        _, _, bad = as_json(item).partition(mark)
    except UnreadableRowError as error:
        return error
    return not_utf8(bad[:1]) or item
