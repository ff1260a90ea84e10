"""Instances written as they are read back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal, TextIO, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hammerstone.types import Instance

__all__ = ["InstanceForm", "write_instances"]

InstanceForm: TypeAlias = Literal["jsonl", "bigbench"]


def write_instances(instances: Iterable[Instance], stream: TextIO, form: InstanceForm = "jsonl") -> None:
    """Write instances as `read_requests` reads them: JSON lines, or one object in the shape of BIG-bench files."""
    if form == "jsonl":
        for instance in instances:
            row = {"question": instance.question, "answer": instance.answer}
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
        return
    separator = '{"examples": ['
    for instance in instances:
        example = {"input": instance.question, "target": instance.answer}
        stream.write(f"{separator}\n{json.dumps(example, ensure_ascii=False)}")
        separator = ","
    stream.write("\n]}\n" if separator == "," else '{"examples": []}\n')
