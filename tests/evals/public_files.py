"""The place of the public benchmark files: `HAMMERSTONE_DATA`, else `../shared/data` beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("HAMMERSTONE_DATA") or Path(__file__).parents[3] / "shared" / "data")
FILES = {
    "chinese_remainder": DATA / "bigbench" / "chinese_remainder_theorem.json",
    "dyck": DATA / "bbh" / "dyck_languages.json",
    "logical_deduction": DATA / "bbh" / "logical_deduction_five_objects.json",
    "tracking_shuffled_objects": DATA / "bbh" / "tracking_shuffled_objects_five_objects.json",
    "word_sorting": DATA / "bbh" / "word_sorting.json",
}

without_files = pytest.mark.skipif(
    not DATA.is_dir() and "HAMMERSTONE_DATA" not in os.environ, reason=f"no public files in {DATA}"
)
"""Skips where nobody has said where the files are; a folder that is named and not there is a failure."""
