"""Parquet files, where `pyarrow` is installed (it comes with the extra `toolformer`)."""

from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING, Any

from hammerstone.errors import InputError
from hammerstone.requests.json_text import load_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hammerstone.requests.rows import Row

__all__ = ["parquet_rows"]


def parquet_rows(path: Path) -> Iterator[Row]:
    """The rows, counted from 1. Raises `InputError` for a file that cannot be read, or without a reader for it."""
    try:
        parquet: Any = import_module("pyarrow.parquet")
    except ModuleNotFoundError as error:
        hint = "uv pip install pyarrow, or convert the file to JSON lines"
        raise InputError(f"{path} is a Parquet file, and pyarrow is not installed", hint=hint) from error
    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1_000):
                for row in batch.to_pylist():
                    number += 1
                    yield number, _plain(row)
    except (OSError, ValueError) as error:  # pyarrow's errors are both
        why = "it is not there" if isinstance(error, FileNotFoundError) else " ".join(str(error).split())[:200]
        raise InputError(f"{path} cannot be read: {why}", hint="check the path and the file") from error


def _plain(row: Any) -> object:
    """A row as JSON gives it: its numbers with their digits, a time as ISO 8601."""
    return load_json(json.dumps(row, default=str))
