"""What a client may say about one request is read as it was meant, or refused."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from hammerstone.server.controls import HEADER, ControlError, Controls, read_controls


def controls(*lines: tuple[str, str]) -> Controls:
    return read_controls(Headers(raw=[(name.encode(), value.encode()) for name, value in lines]), None)


@pytest.mark.parametrize("ages", [("0", "3600"), ("3600", "0"), ("60", "many")])
def test_of_several_ages_the_least_holds(ages: tuple[str, str]) -> None:
    assert controls(*(("cache-control", f"max-age={age}") for age in ages)).max_age == 0
    assert controls(("cache-control", ", ".join(f"max-age={age}" for age in ages))).max_age == 0


@pytest.mark.parametrize("said", [("true", "false"), ("false", "true")])
def test_of_several_lines_of_a_control_the_strictest_holds(said: tuple[str, str]) -> None:
    def both(name: str) -> Controls:
        return controls(*((HEADER + name, one) for one in said))

    assert both("no-store").no_store
    assert both("bypass").bypass
    assert both("only-if-hit").only_if_hit
    assert both("share").share is False


def test_a_line_that_says_nothing_clear_is_refused_wherever_it_stands() -> None:
    for said in (("true", "perhaps"), ("perhaps", "true")):
        with pytest.raises(ControlError, match="'perhaps'"):
            controls(*((HEADER + "no-store", one) for one in said))


def test_a_request_is_of_one_kind() -> None:
    assert controls((HEADER + "task", "sums"), (HEADER + "task", " sums ")).task == "sums"
    with pytest.raises(ControlError, match="one kind"):
        controls((HEADER + "task", "sums"), (HEADER + "task", "words"))


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
