"""Every stage on real input: a small checkpoint teaches itself the calculator and the calendar, and is better for it.

The checkpoint beside this file is the model of `python -m hammerstone.toolformer.tiny FOLDER` (seed 0): pretrained, and
not taught yet.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import anyio
import pytest

from hammerstone.evals.toolformer_demo import PARTS, run_tiny
from hammerstone.toolformer import runs
from hammerstone.toolformer.apis.api_specs import open_api
from hammerstone.toolformer.comparison import Evaluation, run_evaluate
from hammerstone.toolformer.config import read_config
from hammerstone.toolformer.corpus_document import CorpusDocument
from hammerstone.toolformer.data.dataset import DatasetSettings, selected_calls
from hammerstone.toolformer.score.selection import is_selected, tau_f
from hammerstone.toolformer.shards import read_shards
from hammerstone.toolformer.tiny.preparation import CONFIG, MODEL, Size, write_run

pytestmark = pytest.mark.timeout(900)  # the run that they share takes one or two minutes

CHECKPOINT = Path(__file__).parent / "checkpoint"
SIZE = Size(texts=600, questions=60, held_out=60, finetune_steps=200)


class Run(NamedTuple):
    folder: Path
    evaluation: Evaluation
    documents: tuple[CorpusDocument, ...]
    right: Mapping[tuple[str, str], int]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("run")
    write_run(folder, SIZE, seed=0)
    shutil.copytree(CHECKPOINT, folder / MODEL)
    toml = (folder / CONFIG).read_text()
    for usual, small in (("batch = 16", "batch = 4"), ("per_device = 16", "per_device = 4"), ("1e-3", "2e-3")):
        assert usual in toml
        toml = toml.replace(usual, small)
    (folder / CONFIG).write_text(toml)
    config = read_config(folder / CONFIG)
    apis = [open_api(spec) for spec in config.tools]
    runs.run_corpus(config, apis)
    runs.run_annotate(config, apis)
    anyio.run(runs.run_execute, config, apis)
    runs.run_filter(config)
    runs.run_dataset(config)
    runs.run_finetune(config)
    runs.run_finetune(config, "control")
    evaluation = anyio.run(run_evaluate, config, apis)
    right = {(row.benchmark, row.name): row.right for row in evaluation.rows}
    return Run(folder, evaluation, tuple(read_shards(config.stage("filter"))), right)


@pytest.mark.parametrize("task", ["arithmetic", "dates"])
def test_the_fine_tuned_model_answers_what_its_control_cannot(run: Run, task: str) -> None:
    others = {name: run.right[task, name] for name in ("base", "control", "disabled")}
    assert run.right[task, "fine-tuned"] >= 5 * max(1, *others.values()), others


def test_without_calls_it_is_as_good_a_language_model_as_its_control(run: Run) -> None:
    found = {name: one.perplexity for name, one in run.evaluation.perplexities.items()}
    assert found["disabled"] < 1.05 * found["control"]
    assert found["disabled"] < found["base"]


def test_the_filter_drops_most_of_what_is_sampled_and_keeps_what_tells_the_date(run: Run) -> None:
    proposals = [one for document in run.documents for one in document.proposals if one.losses is not None]
    reckoned = [one for one in proposals if one.api == "Calculator"]
    assert sum(is_selected(one, tau_f("Calculator")) for one in reckoned) < 0.1 * len(reckoned)
    before_dates = [
        is_selected(one, tau_f("Calendar"))
        for document in run.documents
        for one in document.proposals
        if one.api == "Calendar" and document.text[: one.position].endswith(" is")
    ]
    assert sum(before_dates) > 0.9 * len(before_dates) > 0


def test_no_call_is_kept_after_the_number_that_it_gives(run: Run) -> None:
    for document in run.documents:
        for one in selected_calls(document, DatasetSettings()):
            rest = document.text[one.position :]
            assert any(character.isdigit() for character in rest), f"{one.call.answered} before {rest!r}"


def test_the_demonstration_goes_on_from_what_is_there_and_tells_all_of_it(run: Run) -> None:
    (run.folder / "prepared.json").write_text(json.dumps({"numbers": f"{SIZE} seed 0", "losses": {"10": 2.5}}))
    told: list[tuple[str, int, int | None, float | None]] = []
    result = anyio.run(run_tiny, run.folder, SIZE, 0, lambda *one: told.append(one))
    assert {what for what, *_ in told} <= {*PARTS}
    assert [done for what, done, total, _ in told if (what, total) == ("evaluating", 12)] == [*range(1, 13)]
    rights = {(one.task, one.method): one.right for one in result.figures}
    assert rights["dates", "fine-tuned"] == run.right["dates", "fine-tuned"]
    assert result.series[0].name == "pretraining, from random weights"
    useful = next(table for table in result.tables if table.title.startswith("Useful and useless calls"))
    kept = {(api, follows): int(count) for api, follows, _, count, _ in useful.rows}
    assert kept["Calendar", "no"] == 0 < kept["Calendar", "yes"]
    assert kept["Calculator", "no"] < kept["Calculator", "yes"]
