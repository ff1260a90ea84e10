"""The experiment on audits, with few streams: what is counted, and how it is put."""

from __future__ import annotations

import pytest

from hammerstone.evals.experiments.audit import run_audit
from hammerstone.evals.report.result_tables import tables
from hammerstone.sandbox import Sandbox
from hammerstone.store import Store

from ..toys import new_bench, roles

pytestmark = pytest.mark.anyio

SEED = 23  # the first stream of this seed is found early at each rate
AUDITS = ["audit of 1 %", "audit of 2 %", "audit of 5 %"]


async def test_audits_are_measured_by_simulation_and_through_the_loop_without_a_model(
    store: Store, sandbox: Sandbox
) -> None:
    models, steps = roles(), []
    bench = new_bench(store, sandbox, models, seed=SEED, on_progress=lambda *step: steps.append(step))
    result = await run_audit(bench, streams=200, in_loop=1)
    assert [len(model.prompts) for model in models.values()] == [0] * len(models)
    assert result.models == {}
    assert steps[-1] == ("streams through the loop", 3, 3)

    found = [one for one in result.figures if one.task == "change found within 100 requests"]
    assert [one.method for one in found] == AUDITS
    assert [one.share for one in found] == pytest.approx([0.63, 0.87, 0.99], abs=0.08)
    same = [one for one in result.figures if one.task == "loop and simulation quarantine at the same request"]
    assert [(one.right, one.n) for one in same] == [(1, 1)] * 3
    held = {(one.task[-5:], one.method): one.share for one in result.figures if one.task.startswith("bound holds")}
    assert min(share for (_, method), share in held.items() if method == "time-uniform bound") >= 0.93
    assert held[" 20 %", "bound for a single look"] < 0.8

    for line in result.series:
        assert list(line.y) == sorted(line.y)
        assert (line.x[0], line.y[0]) == (0, 0)
    assert [line.name for line in result.series] == AUDITS
    rows = next(table for table in tables(result) if table.title.startswith("Requests from the change")).rows
    assert [row[:3] for row in rows] == [
        (changed, rate, "200") for changed in ("every answer", "one answer in five") for rate in ("1 %", "2 %", "5 %")
    ]
    assert all(row[3:5] == row[5:7] for row in rows[:3]), "where every answer changes, all until then are wrong"
