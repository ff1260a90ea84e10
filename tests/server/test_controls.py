"""What a client may say about one request is read as it was meant, or refused."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from hammerstone.server.controls import ControlError, read_controls


@pytest.mark.parametrize(
    ("headers", "metadata"),
    [({"x-hammerstone-byepass": "true"}, {}), ({}, {"hammerstone-byepass": "true"})],
    ids=["header", "metadata"],
)
def test_a_mistyped_control_is_refused_with_the_right_one(headers: dict[str, str], metadata: dict[str, str]) -> None:
    with pytest.raises(ControlError, match=r"did you mean (x-)?hammerstone-bypass"):
        read_controls(Headers(headers), {"metadata": metadata})


def test_what_is_no_control_of_hammerstone_is_let_by() -> None:
    controls = read_controls(Headers({"x-other-bypass": "1", "x-hammerstone-shadow": "1"}), {"metadata": {"team": "a"}})
    assert (controls.shadow, controls.bypass) == (True, False)
