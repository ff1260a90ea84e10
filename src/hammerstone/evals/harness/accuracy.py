"""The accuracy of one method on one task."""

from __future__ import annotations

from hammerstone.evals.baselines.answer_methods import Method, NoAnswer
from hammerstone.evals.harness.bench_run import BenchRun, for_each, one_bill
from hammerstone.evals.harness.samples import Samples
from hammerstone.evals.report.experiment_result import Measurement
from hammerstone.requests import agree
from hammerstone.store import Bill

__all__ = ["measure_accuracy"]


async def measure_accuracy(
    bench: BenchRun, samples: Samples, method: Method, model: str, *, paper: float | None = None, detail: str = ""
) -> Measurement:
    """Ask every instance once.

    Raises `CostReachedError` and the errors of model and sandbox: no measurement then, but no completion is lost.
    """
    bills = [Bill() for _ in samples.asked]
    done = 0

    async def one(index: int) -> str | NoAnswer:
        nonlocal done
        given = await method.answer(samples.asked[index].question, bills[index])
        done += 1
        bench.on_progress(f"{samples.task}: {method.name}", done, len(samples.asked))
        return given

    answers = await for_each(one, range(len(samples.asked)))
    total = one_bill(bills)
    right = [
        isinstance(given, str) and agree(given, one.answer) for given, one in zip(answers, samples.asked, strict=True)
    ]
    return Measurement(
        task=samples.task,
        method=method.name,
        model=model,
        n=len(answers),
        right=sum(right),
        wrong=sum(isinstance(given, str) for given in answers) - sum(right),
        lacking={why.value: answers.count(why) for why in NoAnswer if why in answers},
        paper=paper,
        input_tokens=total.usage.input_tokens,
        output_tokens=total.usage.output_tokens,
        cost_usd=total.cost_usd,
        seconds=total.seconds or None,
        model_calls=total.calls,
        detail=detail,
    )
