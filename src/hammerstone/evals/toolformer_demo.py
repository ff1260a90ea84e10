"""The whole of Toolformer on a model small enough for a laptop, from random weights to the four rows.

Nothing in it is staged: the calls are sampled from the tiny model, run by the real tools, and selected by their scores.
Only the form of calls, and that one may be anywhere, the model could not know: it has learned that from texts whose
calls are random (`toolformer/tiny/language.py`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from anyio import to_thread

from hammerstone.evals.report.experiment_result import Result, Series, Table
from hammerstone.evals.toolformer_result import evaluation_result

if TYPE_CHECKING:
    from hammerstone.toolformer.config import RunConfig
    from hammerstone.toolformer.tiny.preparation import Size

__all__ = ["PARTS", "run_tiny"]

PARTS = {
    "pretraining": "steps",
    **dict.fromkeys(("corpus", "annotate", "execute", "filter"), "documents"),
    **dict.fromkeys(("fine-tuning", "fine-tuning the control"), "steps"),
    "evaluating": "rows",
}
"""The parts of the run, in order, and what is counted in each."""

EXAMPLES = 6  # of each tool, in the table of scored calls
EVERY = 10  # steps of the pretraining between two points of its curve
PRETRAINING = "pretraining, from random weights"
NUMBER = re.compile(r"\d+(?:\.\d+)?")
_Curve = Mapping[int, float]
_T = TypeVar("_T")

OnPart = Callable[[str, int, int | None, float | None], None]
"""Progress: which of the `PARTS` is running, how much of it is done, of how much, and the seconds that it will take
(`None`: not known)."""


async def run_tiny(
    folder: Path, size: Size, seed: int = 0, report: OnPart = lambda _what, _done, _total, _left: None
) -> Result:
    """Prepare a run in `folder` and run every stage; finished stages are not repeated.

    Raises `InputError` for a folder that contains anything else, and whatever the stages raise.
    """
    from hammerstone.toolformer import runs
    from hammerstone.toolformer.apis.api_specs import open_api
    from hammerstone.toolformer.comparison import run_evaluate
    from hammerstone.toolformer.config import read_config
    from hammerstone.toolformer.stage_progress import StageClock, StageProgress
    from hammerstone.toolformer.tiny.preparation import CONFIG, prepare
    from hammerstone.toolformer.train.finetune_settings import TrainingStep

    def staged(progress: StageProgress) -> None:
        report(progress.stage, progress.done, progress.total, progress.seconds_left)

    def step(what: str) -> Callable[[TrainingStep], None]:
        return lambda made: report(what, made.step, made.steps, made.seconds_left)

    clock = StageClock("pretraining", total=size.shape.steps)
    pretraining = await _apart(lambda: prepare(folder, size, seed, lambda _step, _loss: staged(clock.advance(1))))
    config = read_config(folder / CONFIG)
    apis = [open_api(spec) for spec in config.tools]
    await _apart(lambda: runs.run_corpus(config, apis, staged))
    await _apart(lambda: runs.run_annotate(config, apis, staged))
    await runs.run_execute(config, apis, staged)
    await _apart(lambda: runs.run_filter(config, staged))
    await _apart(lambda: runs.run_dataset(config))
    fine_tuned = await _apart(lambda: runs.run_finetune(config, "finetune", step("fine-tuning")))
    control = await _apart(lambda: runs.run_finetune(config, "control", step("fine-tuning the control")))
    evaluation = await run_evaluate(config, apis, lambda made: report("evaluating", made.done, made.total, None))
    curves = {PRETRAINING: pretraining, "fine-tuning": fine_tuned.losses, "fine-tuning, control": control.losses}
    return evaluation_result(
        evaluation,
        seed=seed,
        notes=_notes(config),
        series=[_series(name, curve) for name, curve in curves.items() if curve],
        tables=[_kept(config), _useless(config), _examples(config)],
    )


def _apart(work: Callable[[], _T]) -> Awaitable[_T]:
    """Run the work in a thread, so that the event loop stays free for the tools."""
    return to_thread.run_sync(work)


def _series(name: str, curve: _Curve) -> Series:
    points = [(step, loss) for step, loss in sorted(curve.items()) if name != PRETRAINING or step % EVERY == 0]
    return Series(
        plot="loss", name=name, x=tuple(float(step) for step, _ in points), y=tuple(loss for _, loss in points)
    )


def _notes(config: RunConfig) -> tuple[str, ...]:
    return (
        "Proposals: the tiny model cannot follow a prompt with examples. It has learned the form of the annotation "
        "task beforehand, from texts whose calls are random: any numbers, any operator, anywhere. Calls are then "
        "sampled from it, and the filter decides.",
        f"Texts, questions and held-out texts are generated, and disjoint; the run is in {config.folder.name}.",
    )


def _kept(config: RunConfig) -> Table:
    """Selected calls of each tool, at three thresholds."""
    from hammerstone.toolformer.score.explanation import count_kept

    thresholds = (0.5, 1.0, 2.0)
    rows: Sequence[tuple[str, ...]] = [
        (one.api, f"{one.measured:,}", *(f"{one.kept[tau]:,}" for tau in thresholds))
        for one in count_kept(config.stage("filter"), thresholds)
    ]
    return Table(
        title="What the filter kept",
        columns=("tool", "#calls with a result", *(f"#kept at {tau:g}" for tau in thresholds)),
        rows=tuple(rows),
        caption="The paper's thresholds are 0.5 for the calculator and 1 for the calendar.",
    )


def _useless(config: RunConfig) -> Table:
    """Selected calls, by whether a number of the result follows in the text."""
    from hammerstone.toolformer.score.selection import is_selected, tau_f
    from hammerstone.toolformer.shards import read_shards

    counted: Counter[tuple[str, bool, bool]] = Counter()
    for document in read_shards(config.stage("filter")):
        for one in document.proposals:
            if one.losses is not None and one.result is not None:
                later = {*NUMBER.findall(document.text[one.position :])}
                follows = not later.isdisjoint(NUMBER.findall(one.result))
                counted[one.api, follows, is_selected(one, tau_f(one.api))] += 1
    return Table(
        title="Useful and useless calls: what the filter kept",
        columns=("tool", "a number of its result follows in the text", "#calls", "#kept", "#per cent"),
        rows=tuple(
            _share(
                api,
                follows,
                kept=counted[api, follows, True],
                dropped=counted[api, follows, False],
            )
            for api in sorted({api for api, _, _ in counted})
            for follows in (True, False)
        ),
        caption="A number that follows more than five tokens later does not count for the filter.",
    )


def _share(api: str, follows: bool, *, kept: int, dropped: int) -> tuple[str, ...]:
    calls = kept + dropped
    return (api, "yes" if follows else "no", f"{calls:,}", f"{kept:,}", f"{100 * kept / max(1, calls):.1f}")


def _examples(config: RunConfig) -> Table:
    from hammerstone.toolformer.score.explanation import explain

    rows = tuple(
        (
            one.api,
            f"{one.before} {one.call}{one.after}",
            f"{one.losses.with_result:.2f}",
            f"{min(one.losses.with_call, one.losses.without):.2f}",
            f"{one.losses.gain:.2f}",
            "kept" if one.kept else "dropped",
        )
        for one in explain(config.stage("filter"), EXAMPLES, config.dataset.tau_f)
    )
    return Table(
        title="Calls, from the one that helps most to the one that harms most",
        columns=("tool", "text¶", "#L⁺", "#L⁻", "#gain", "verdict"),
        rows=rows,
        caption="L⁺: the loss with the result. L⁻: the loss with the call alone or with nothing, whichever is less.",
    )
