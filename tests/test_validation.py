"""Documents of strangers: valid ones are read, and one wrong list has one fault."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from pydantic import ValidationError

from hammerstone.validation import validator_of


@dataclass(frozen=True, kw_only=True)
class Leaf:
    size: int
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Branch:
    leaves: tuple[Leaf, ...]
    rows: list[list[int]]


def faults(document: object) -> list[tuple[int | str, ...]]:
    with pytest.raises(ValidationError) as caught:
        validator_of(Branch).validate_python(document)
    return [one["loc"] for one in caught.value.errors()]


def test_a_valid_document_is_read() -> None:
    read = validator_of(Branch).validate_json('{"leaves": [{"size": 1, "tags": ["a"]}], "rows": [[1], []]}')
    assert read == Branch(leaves=(Leaf(size=1, tags=("a",)),), rows=[[1], []])


def test_a_million_wrong_items_are_one_fault() -> None:
    assert faults({"leaves": [1] * 1_000_000, "rows": []}) == [("leaves", 0)]
    assert faults({"leaves": [], "rows": [["x"] * 1_000] * 1_000}) == [("rows", 0, 0)]


def test_each_field_has_its_own_fault() -> None:
    assert faults({"leaves": [{"size": "x", "tags": [1, 2]}], "rows": 1}) == [
        ("leaves", 0, "size"),
        ("leaves", 0, "tags", 0),
        ("rows",),
    ]
