"""The evaluation of a fine-tuned model as a result for tables and the report (Toolformer, tables 3 to 9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hammerstone.evals.report.experiment_result import Measurement, Result, Series, Table

if TYPE_CHECKING:
    from hammerstone.toolformer.comparison import Evaluation
    from hammerstone.toolformer.evaluate.evaluation import EvaluationRow

__all__ = ["evaluation_result"]

NAMES: Mapping[str, str] = {
    "base": "base",
    "control": "control: same texts, no calls",
    "disabled": "fine-tuned, calls disabled",
    "fine-tuned": "fine-tuned",
}
MODELS = {"disabled": "fine-tuned"}  # whose model a row is of, where it is not its name


def evaluation_result(
    evaluation: Evaluation,
    *,
    seed: int,
    notes: Sequence[str] = (),
    series: Sequence[Series] = (),
    tables: Sequence[Table] = (),
) -> Result:
    """The four rows of every benchmark, the fine-tuned model at each k, and the given notes, curves and tables."""
    return Result(
        experiment="toolformer",
        title="A model fine-tuned to call tools (Toolformer, tables 3 to 9)",
        seed=seed,
        models=evaluation.models,
        figures=(
            *(_figure(row, row.benchmark, NAMES[row.name], evaluation.models) for row in evaluation.rows),
            *(
                _figure(row, f"{row.benchmark}, by decoding k", f"fine-tuned, k = {row.k}", evaluation.models)
                for row in evaluation.by_k
            ),
        ),
        series=tuple(series),
        tables=tuple(tables),
        notes=(*_perplexities(evaluation), *notes),
    )


def _figure(row: EvaluationRow, task: str, method: str, models: Mapping[str, str]) -> Measurement:
    by_tool = ", ".join(f"{use.api} {use.right}/{use.called}" for use in row.tools)
    detail = (
        f"a call in {row.called} of {row.n}: {row.right_with_call} right with one, {row.right_without_call} of "
        f"{row.n - row.called} without; right by tool: {by_tool}"
    )
    return Measurement(
        task=task,
        method=method,
        model=models[MODELS.get(row.name, row.name)],
        n=row.n,
        right=row.right,
        detail=detail if row.called else "no call",
    )


def _perplexities(evaluation: Evaluation) -> list[str]:
    found = evaluation.perplexities
    tokens = ", ".join(dict.fromkeys(f"{one.tokens:,} tokens" for one in found.values()))
    said = "; ".join(f"{NAMES[name]} {one.perplexity:.4f}" for name, one in found.items())
    ratio = (
        found["disabled"].perplexity / found["control"].perplexity if {"disabled", "control"} <= set(found) else None
    )
    more = f"; disabled is {ratio:.4f} times the control's" if ratio is not None else ""
    return [f"Perplexity on held-out text ({tokens}): {said}{more}."]
