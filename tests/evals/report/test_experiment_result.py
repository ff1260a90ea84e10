"""Results as values, and as JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hammerstone.evals.report.experiment_result import Measurement, Result, write_results
from hammerstone.types import Role

from .made_up import everything, read_results, use

FIGURE = Measurement(task="dyck", method="tool, user", model="m", n=20, right=19)


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    write_results(everything(), tmp_path / "all.json")
    assert read_results(tmp_path / "all.json") == everything()


def test_the_models_of_a_result_are_written_by_role(tmp_path: Path) -> None:
    given = replace(use(), models={Role.MAKER: "ä:strong", Role.USER: "b"}, partial="$1 is spent")
    write_results((given,), tmp_path / "one.json")
    (read,) = read_results(tmp_path / "one.json")
    assert read == given
    assert read.models == {"maker": "ä:strong", "user": "b"}


def test_the_file_is_a_list_of_results_with_every_field(tmp_path: Path) -> None:
    write_results(everything(), tmp_path / "all.json")
    written = json.loads((tmp_path / "all.json").read_text())
    assert [one["experiment"] for one in written] == [one.experiment for one in everything()]
    assert written[0].keys() == vars(use()).keys()
    assert written[0]["figures"][0]["cost_usd"] == 0.0371
    assert written[0]["figures"][1]["cost_usd"] is None


def test_no_results_are_results_too(tmp_path: Path) -> None:
    write_results((), tmp_path / "none.json")
    assert read_results(tmp_path / "none.json") == ()


def test_a_share_has_its_interval() -> None:
    assert FIGURE.share == 0.95
    assert FIGURE.interval == pytest.approx((0.763869, 0.991119), abs=1e-6)


def test_a_figure_of_nothing_counted_claims_nothing() -> None:
    nothing = replace(FIGURE, n=0, right=0)
    assert nothing.share == 0.0
    assert nothing.interval == (0.0, 1.0)


def test_a_result_is_a_value() -> None:
    with pytest.raises(AttributeError):
        Result.__setattr__(use(), "seed", 8)
