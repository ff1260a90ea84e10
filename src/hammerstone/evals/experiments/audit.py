"""A rule that changes under the same words: how soon audits find it, what is served wrongly meanwhile, and the bound.

Needs no model and no recordings. Whole streams go through the loop for a few seeds, and the distribution comes from
simulated ones, in which the same function decides what is audited.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from statistics import median, quantiles

from anyio import to_thread

from hammerstone.concurrency import map_concurrently
from hammerstone.evals.experiments.audit_bounds import FALSE_HIT_RATES, count_held, one_look_bound
from hammerstone.evals.experiments.audit_streams import Found, simulate, through_loop
from hammerstone.evals.harness.bench_run import BenchRun
from hammerstone.evals.report.experiment_result import Headline, Measurement, Result, Series, Table
from hammerstone.formatting import percent
from hammerstone.life import audit_rate, upper_bound
from hammerstone.settings import LifeSettings
from hammerstone.store import Tally

__all__ = ["run_audit"]

RATES = (0.01, 0.02, 0.05)  # of a tool's requests are audited
STREAMS = 1_000  # simulated, for each rate
IN_LOOP = 2  # of them, also through the loop
EVERY = "every answer"
CHANGES: Mapping[str, float] = {EVERY: 1.0, "one answer in five": 0.2}
WITHIN = 100  # requests, for the share of streams in which the change is found
LENGTH = 300  # requests of the plot
STEP = 5
LOOKS = 1_000  # at the bound, in each stream


async def run_audit(bench: BenchRun, *, streams: int = STREAMS, in_loop: int = IN_LOOP) -> Result:
    """`streams` are simulated for each rate, and the first `in_loop` of them go through the loop as well.

    Raises `StoreError` and `SandboxError`.
    """
    found = {
        (change, rate): await to_thread.run_sync(_simulated, bench.seed, rate, share, streams)
        for change, share in CHANGES.items()
        for rate in RATES
    }
    whole = {rate: found[EVERY, rate] for rate in RATES}
    return Result(
        experiment="audit",
        title="A rule that changes under the same words, found by audits",
        seed=bench.seed,
        models={},
        figures=(
            *(_found_within(rate, of) for rate, of in whole.items()),
            *await _same_in_loop(bench, whole, in_loop),
            *await to_thread.run_sync(_bounds, bench.seed, streams),
        ),
        series=tuple(_curve(rate, of) for rate, of in whole.items()),
        tables=(_table(found),),
        headlines=tuple(
            Headline(
                value=_spread([one.requests for one in of])[0],
                text=f"requests until audits of {100 * rate:g} % find a changed rule, median of {len(of):,} streams",
            )
            for rate, of in whole.items()
        ),
        notes=_notes(),
    )


def _simulated(seed: int, rate: float, share: float, streams: int) -> list[Found]:
    return [simulate(_stream(seed, number), rate, share) for number in range(streams)]


def _stream(seed: int, number: int) -> str:
    return f"{seed} {number}"


def _audit(rate: float) -> str:
    return f"audit of {100 * rate:g} %"


def _found_within(rate: float, found: Sequence[Found]) -> Measurement:
    return Measurement(
        task=f"change found within {WITHIN} requests",
        method=_audit(rate),
        model="",
        n=len(found),
        right=sum(one.requests <= WITHIN for one in found),
    )


async def _same_in_loop(bench: BenchRun, simulated: Mapping[float, Sequence[Found]], in_loop: int) -> list[Measurement]:
    """Whether the loop quarantines the tool at the request at which the simulation does, with as many wrong answers."""
    runs = [(rate, number) for rate in simulated for number in range(in_loop)]
    done = 0

    async def is_same(run: tuple[float, int]) -> bool:
        nonlocal done
        rate, number = run
        found = await through_loop(bench, _stream(bench.seed, number), rate)
        done += 1
        bench.on_progress("streams through the loop", done, len(runs))
        return found == simulated[rate][number]

    same = dict(zip(runs, await map_concurrently(is_same, runs), strict=True))
    return [
        Measurement(
            task="loop and simulation quarantine at the same request",
            method=_audit(rate),
            model="",
            n=in_loop,
            right=sum(same[rate, number] for number in range(in_loop)),
            detail=f"at requests {', '.join(str(one.requests) for one in of[:in_loop])}",
        )
        for rate, of in simulated.items()
    ]


def _bounds(seed: int, streams: int) -> list[Measurement]:
    """Count the streams in which the bound of the false-hit rate was never below the true rate."""
    return [
        Measurement(
            task=f"bound holds at every look, false-hit rate {100 * rate:g} %",
            method=name,
            model="",
            n=streams,
            right=count_held(bound, rate, streams=streams, requests=LOOKS, seed=seed),
        )
        for rate in FALSE_HIT_RATES
        for name, bound in (("time-uniform bound", upper_bound), ("bound for a single look", one_look_bound))
    ]


def _curve(rate: float, found: Sequence[Found]) -> Series:
    """The share of the streams in which the change is found within so many requests."""
    at = sorted(one.requests for one in found)
    xs = range(0, LENGTH + 1, STEP)
    return Series(
        plot="found",
        name=_audit(rate),
        x=tuple(map(float, xs)),
        y=tuple(bisect_right(at, x) / len(at) for x in xs),
    )


def _table(found: Mapping[tuple[str, float], Sequence[Found]]) -> Table:
    return Table(
        title="Requests from the change of the rule to the quarantine",
        columns=(
            "changed",
            "audited",
            "#streams",
            "#found after, median",
            "#95 % of streams",
            "#served wrongly, median",
            "#in 95 % of streams",
        ),
        rows=tuple(
            (
                change,
                f"{100 * rate:g} %",
                f"{len(of):,}",
                *_spread([one.requests for one in of]),
                *_spread([one.wrong for one in of]),
            )
            for (change, rate), of in found.items()
        ),
        caption="95 % of the streams are those between the 2.5th and the 97.5th percentile.",
    )


def _spread(counts: Sequence[int]) -> tuple[str, str]:
    """The median, and the range of the middle 95 %."""
    cuts = quantiles(counts, n=40)
    return f"{median(counts):,.0f}", f"{cuts[0]:,.0f} to {cuts[-1]:,.0f}"


def _notes() -> tuple[str, ...]:
    first, later = (audit_rate(Tally(compared=agreed), LifeSettings(audit=0.05)) for agreed in (0, 20))
    least = LifeSettings().audit_least
    return (
        "The tool answers by the former rule until it is quarantined. An audit comes after the answer went out, so the "
        "answer that shows the change is served, too. The strong model follows the new rule from the change on, in its "
        "second opinions as well. Here each comparison ends before the next request; where they run beside the stream, "
        "what is asked meanwhile is answered by the tool.",
        "A change of few answers takes longer to be found, but no more of them are served wrongly: on average 1 "
        "divided by the audited share, which is 100 at 1 %.",
        f"Each rate is held fixed here. With audit = 0.05, a tool starts at {100 * first:g} %, is audited at "
        f"{percent(later)} once it has agreed 20 times, and never at less than {100 * least:g} %.",
        f"The bound is looked at after each of {LOOKS:,} compared answers, and holds if it was never below the true "
        "rate. The time-uniform one promises this for 95 % of the streams. A bound for a single look does not.",
    )
