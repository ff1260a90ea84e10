"""What a stage that reads a model says its results depend on."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from hammerstone.toolformer.config import RunConfig
from hammerstone.toolformer.stage_openings import open_filter


@pytest.mark.parametrize(("dtype", "named"), [("float32", "gpt"), ("bfloat16", "gpt (torch.bfloat16)")])
def test_losses_in_another_number_format_are_those_of_another_model(
    tmp_path: Path, dtype: Literal["float32", "bfloat16"], named: str
) -> None:
    with open_filter(RunConfig(model="gpt", folder=tmp_path, tools=("Calculator",), dtype=dtype)) as opened:
        assert opened.settings == {"model": named}
