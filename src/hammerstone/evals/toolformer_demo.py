"""The whole of Toolformer on a model small enough for a laptop, from random weights to the four rows.

Nothing in it is planted: the calls are sampled from the tiny model, run by the real tools, and kept by the filter or
dropped. What the model could not know by itself is how a call is written and that one may stand anywhere: that it has
learned from texts whose calls are random (`toolformer/tiny/language.py`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from anyio import to_thread

from hammerstone.evals.report.experiment_result import Result, Series, Table
from hammerstone.evals.toolformer_result import evaluation_result

if TYPE_CHECKING:
    from hammerstone.toolformer.config import Config
    from hammerstone.toolformer.tiny.preparation import Size

__all__ = ["PARTS", "run_tiny"]

PARTS = (
    *("pretraining", "corpus", "annotate", "execute", "filter"),
    *("fine-tuning", "fine-tuning the control", "evaluating"),
)

EXAMPLES = 6  # of each tool, in the table of what the filter kept and dropped
EVERY = 10  # steps of the pretraining between two points of its curve
PRETRAINING = "pretraining, from random weights"
NUMBER = re.compile(r"\d+(?:\.\d+)?")
_Curve = Mapping[int, float]
_T = TypeVar("_T")

Tell = Callable[[str, int, int], None]
"""Of each step: which of the `PARTS` is being done, how much of it, of how much (0: not known)."""


async def run_tiny(folder: Path, size: Size, seed: int = 0, tell: Tell = lambda _what, _done, _total: None) -> Result:
    """Prepare a run in `folder` and carry out every stage; what is finished there is not done again.

    Raises `InputError` for a folder that holds anything else, and whatever the stages raise.
    """
    from hammerstone.toolformer import runs
    from hammerstone.toolformer.apis.api_specs import open_api
    from hammerstone.toolformer.config import read_config
    from hammerstone.toolformer.shards import Progress
    from hammerstone.toolformer.tiny.preparation import CONFIG, QUESTIONS, prepare
    from hammerstone.toolformer.train.finetune_settings import Step

    def shard(progress: Progress) -> None:
        tell(progress.stage, progress.done, progress.total or 0)

    def step(what: str) -> Callable[[Step], None]:
        return lambda made: tell(what, made.step, made.steps)

    steps = size.shape.steps
    pretraining = await _apart(lambda: prepare(folder, size, seed, lambda done, _: tell("pretraining", done, steps)))
    config = read_config(folder / CONFIG)
    apis = [open_api(spec) for spec in config.tools]
    await _apart(lambda: runs.run_corpus(config, apis, shard))
    await _apart(lambda: runs.run_annotate(config, apis, shard))
    await runs.run_execute(config, apis, shard)
    await _apart(lambda: runs.run_filter(config, shard))
    await _apart(lambda: runs.run_dataset(config))
    taught = await _apart(lambda: runs.run_finetune(config, "finetune", step("fine-tuning")))
    control = await _apart(lambda: runs.run_finetune(config, "control", step("fine-tuning the control")))
    rows, asked = len(QUESTIONS) * (4 + len(config.evaluate.ks)), count(1)
    tell("evaluating", 0, rows)
    evaluation = await runs.run_evaluate(config, apis, lambda _: tell("evaluating", next(asked), rows))
    curves = {PRETRAINING: pretraining, "fine-tuning": taught.losses, "fine-tuning, control": control.losses}
    return evaluation_result(
        evaluation,
        model="a model of about a million parameters",
        seed=seed,
        notes=_notes(config),
        series=[_series(name, curve) for name, curve in curves.items() if curve],
        tables=[_kept(config), _useless(config), _examples(config)],
    )


def _apart(work: Callable[[], _T]) -> Awaitable[_T]:
    """In a thread, so that the event loop stays free for the tools."""
    return to_thread.run_sync(work)


def _series(name: str, curve: _Curve) -> Series:
    points = [(step, loss) for step, loss in sorted(curve.items()) if name != PRETRAINING or step % EVERY == 0]
    return Series(
        plot="loss", name=name, x=tuple(float(step) for step, _ in points), y=tuple(loss for _, loss in points)
    )


def _notes(config: Config) -> tuple[str, ...]:
    return (
        "Proposals: the tiny model cannot follow a prompt with examples. It has learned the form of the annotation "
        "task beforehand, from texts whose calls are random: any numbers, any operator, anywhere. Calls are then "
        "sampled from it, and the filter decides.",
        f"Texts, questions and held-out texts are generated, and disjoint; the run is in {config.folder.name}.",
    )


def _kept(config: Config) -> Table:
    """What the filter kept of each tool's calls, at three thresholds."""
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


def _useless(config: Config) -> Table:
    """What was kept of the calls whose result has a number that follows in the text, and of the others."""
    from hammerstone.toolformer.score.selection import is_kept, tau_f
    from hammerstone.toolformer.shards import read_shards

    counted: Counter[tuple[str, bool, bool]] = Counter()
    for document in read_shards(config.stage("filter")):
        for one in document.proposals:
            if one.losses is not None and one.result is not None:
                follows = {*NUMBER.findall(document.text[one.position :])}
                tells = not follows.isdisjoint(NUMBER.findall(one.result))
                counted[one.api, tells, is_kept(one, tau_f(one.api))] += 1
    return Table(
        title="Useful and useless calls: what the filter kept",
        columns=("tool", "a number of its result follows in the text", "#calls", "#kept", "#per cent"),
        rows=tuple(
            _share(api, tells, kept=counted[api, tells, True], dropped=counted[api, tells, False])
            for api in sorted({api for api, _, _ in counted})
            for tells in (True, False)
        ),
        caption="A number that follows more than five tokens later does not count for the filter.",
    )


def _share(api: str, tells: bool, *, kept: int, dropped: int) -> tuple[str, ...]:
    calls = kept + dropped
    return (api, "yes" if tells else "no", f"{calls:,}", f"{kept:,}", f"{100 * kept / max(1, calls):.1f}")


def _examples(config: Config) -> Table:
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
