"""Results that no experiment found: made up, of every kind that the report can be given."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter

from hammerstone.evals.report.experiment_result import Confusion, Measurement, Result, Series

TASKS = (
    *("logical_deduction", "tracking_shuffled_objects", "dyck"),
    *("word_sorting", "chinese_remainder", "schedule_meeting"),
)
MODELS = {"maker": "made-up:strong-1", "user": "made-up:cheap-1"}
METHODS = ("direct, few-shot", "chain of thought, few-shot", "program of thought", "tool, user", "tool, parser")
REQUESTS = 300


def read_results(path: Path) -> tuple[Result, ...]:
    """The results that `write_results` wrote."""
    return TypeAdapter(tuple[Result, ...]).validate_json(path.read_bytes())


def use() -> Result:
    """Thirty-seven of each, a cost that is known, one that is not, and a parser that pays nothing."""
    figures = [
        Measurement(
            task=task,
            method=method,
            model="none" if method == "tool, parser" else MODELS["user"],
            n=37,
            right=min(37, 11 + 3 * row + 4 * column),
            paper=(None, 61.6, None, 98.3, None)[column],
            input_tokens=0 if column == 4 else 40_000 + 1_000 * row,
            output_tokens=0 if column == 4 else 9_000 + 100 * column,
            cost_usd=(0.0371, None, 0.00002, 0.0113, 0.0)[column],
            model_calls=0 if column == 4 else 37,
        )
        for row, task in enumerate(TASKS)
        for column, method in enumerate(METHODS)
    ]
    counts = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
    series = (
        Series(plot="cost", name=METHODS[1], x=counts, y=(0.031,) * 7),
        Series(plot="cost", name=METHODS[3], x=counts, y=tuple(0.4 / one + 0.004 for one in counts), mark=14.8),
        Series(plot="cost", name=METHODS[4], x=counts, y=tuple(0.4 / one for one in counts), mark=12.9),
    )
    return Result(
        experiment="use",
        title="Tool users against prompting alone (LATM, tables 2 and 4)",
        seed=7,
        models=MODELS,
        figures=(*figures, *(_over_all(figures, method) for method in METHODS)),
        series=series,
        notes=("One model played both roles: the gap between strong and cheap models is not measured.",),
        recorded="2026-11-17",
    )


def _over_all(figures: list[Measurement], method: str) -> Measurement:
    of = [one for one in figures if one.method == method]
    return replace(of[0], task="all", n=sum(one.n for one in of), right=sum(one.right for one in of), paper=None)


def make() -> Result:
    valid = (3, 4, 5, 5, 5, 3)
    figures = [
        Measurement(
            task=task,
            method="build, recipe auto",
            model=MODELS["maker"],
            n=5,
            right=right,
            paper=20.0 * right,
            input_tokens=21_000,
            output_tokens=6_100,
            cost_usd=0.257,
            model_calls=9,
            detail="9 maker replies; propose: a name that is not defined; gate: 2 of 4 instances disagree"
            if right < 5
            else "6 maker replies",
        )
        for task, right in zip(TASKS, valid, strict=True)
    ]
    return Result(
        experiment="make",
        title="Valid tools (LATM, table 3)",
        seed=7,
        models={"maker": MODELS["maker"]},
        figures=tuple(figures),
        recorded="2026-11-17",
        partial="$2.05 spent, the bound is $2.00",
    )


def dispatch() -> Result:
    kinds = (*TASKS, "(new)")
    counts = tuple(
        tuple(61 + row if row == column else (row * column) % 3 for column in range(len(kinds)))
        for row in range(len(kinds))
    )
    figures = [
        Measurement(
            task=task,
            method=method,
            model="none" if method == "parsers" else MODELS["user"],
            n=500,
            right=right,
            paper=None if method == "parsers" else paper,
        )
        for task, paper in (("an existing tool", 95.0), ("a new tool or an existing one", 96.0))
        for method, right in (("dispatcher model", 471), ("parsers", 463), ("parsers, then model", 493))
    ]
    return Result(
        experiment="dispatch",
        title="The dispatcher (LATM, section 4.4)",
        seed=7,
        models={"dispatcher": MODELS["user"]},
        figures=tuple(figures),
        confusion=Confusion(rows=kinds, columns=kinds, counts=counts),
        recorded="2026-11-18",
    )


def stream() -> Result:
    ways = ("hammerstone", "everything to the strong model", "everything to the cheap model", "exact cache")
    ways += ("semantic cache, 0.9", "cost-matched random mix")
    right = (291, 288, 201, 288, 247, 226)
    xs = tuple(float(one) for one in range(1, REQUESTS + 1))
    cost = {
        ways[0]: tuple(0.021 * min(x, 80) / x + 0.6 * min(x, 60) / 60 / x + 0.0002 for x in xs),
        ways[1]: tuple(0.021 for _ in xs),
        ways[2]: tuple(0.0011 for _ in xs),
        ways[4]: tuple(0.021 * (0.4 + 0.6 * math.exp(-x / 60)) for x in xs),
    }
    settled = tuple(1 - math.exp(-max(0.0, x - 20) / 45) for x in xs)
    routes = {
        "parser": tuple(0.86 * one for one in settled),
        "user": tuple(0.09 * one for one in settled),
        "solver": tuple(1 - 0.95 * one for one in settled),
    }
    accuracy = {
        ways[0]: tuple(0.97 + 0.02 * math.sin(x / 19) for x in xs),
        ways[1]: tuple(0.96 + 0.02 * math.sin(x / 23) for x in xs),
        ways[2]: tuple(0.67 + 0.08 * math.sin(x / 17) for x in xs),
    }
    return Result(
        experiment="stream",
        title="A mixed stream from cold, end to end",
        seed=7,
        models={**MODELS, "solver": MODELS["maker"], "dispatcher": MODELS["user"]},
        figures=(
            *(
                Measurement(task="all", method=way, model="", n=REQUESTS, right=one, cost_usd=0.31 + 0.017 * at)
                for at, (way, one) in enumerate(zip(ways, right, strict=True))
            ),
            *(
                Measurement(task="false hits", method=way, model="", n=REQUESTS, right=REQUESTS - wrong)
                for way, wrong in ((ways[0], 0), (ways[3], 0), (ways[4], 41))
            ),
        ),
        series=(
            *(Series(plot="cost", name=k, x=xs, y=v, mark=87 if k == ways[0] else None) for k, v in cost.items()),
            *(Series(plot="routes", name=name, x=xs, y=y) for name, y in routes.items()),
            *(Series(plot="accuracy", name=name, x=xs, y=y) for name, y in accuracy.items()),
        ),
        recorded="2026-11-19",
    )


def near_miss() -> Result:
    ways = ("hammerstone, parser route", "exact cache", "semantic cache, threshold 0.8")
    ways += ("semantic cache, threshold 0.9", "semantic cache, at hammerstone's hit rate")
    figures = [
        Measurement(
            task=task, method=way, model="none", n=23, right=23 - wrong, model_calls=0, detail="own form: 21 of 23 hit"
        )
        for task in TASKS
        for way, wrong in zip(ways, (0, 0, 19, 11, 17), strict=True)
    ]
    return Result(
        experiment="near-miss",
        title="False hits on look-alike questions",
        seed=7,
        models={"maker": MODELS["maker"]},
        figures=tuple(figures),
    )


def reuse_cot() -> Result:
    kept = {METHODS[1]: "strong model's chain of thought", METHODS[3]: METHODS[3]}
    figures = tuple(replace(one, method=kept[one.method]) for one in use().figures if one.method in kept)
    return replace(
        use(),
        experiment="reuse-cot",
        title="A strong model's chain of thought against its tool",
        figures=figures,
        series=(),
    )


def audit() -> Result:
    rates, found = (1, 2, 5), (320, 433, 497)
    xs = tuple(float(x) for x in range(0, 301, 5))
    audits = [f"audit of {rate} %" for rate in rates]
    return Result(
        experiment="audit",
        title="A rule that changes under the same words, found by audits",
        seed=7,
        models={},
        figures=(
            *(
                Measurement(task="change found within 100 requests", method=name, model="", n=500, right=right)
                for name, right in zip(audits, found, strict=True)
            ),
            *(
                Measurement(task="bound holds at every look, false-hit rate 5 %", method=name, model="", n=500, right=n)
                for name, n in (("time-uniform bound", 484), ("bound for a single look", 367))
            ),
        ),
        series=tuple(
            Series(plot="found", name=name, x=xs, y=tuple(1 - (1 - rate / 100) ** x for x in xs))
            for name, rate in zip(audits, rates, strict=True)
        ),
    )


def unheard_of() -> Result:
    """An experiment that the report knows nothing of, with a plot that it knows nothing of."""
    return Result(
        experiment="drift",
        title="Tasks that change under the same words",
        seed=7,
        models={},
        figures=(Measurement(task="a <b>task</b> & $x^2$", method="_hidden", model="m|1", n=19, right=13),),
        series=(Series(plot="age", name="_hidden", x=(1, 2, 3), y=(5, 8, 13), mark=2),),
    )


def everything() -> tuple[Result, ...]:
    return (use(), make(), reuse_cot(), dispatch(), stream(), near_miss(), audit(), unheard_of())
