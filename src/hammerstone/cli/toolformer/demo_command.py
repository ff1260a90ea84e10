"""`hammerstone toolformer demo`: a whole run on a model small enough for a laptop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hammerstone.cli.options import Json
from hammerstone.cli.terminal import print_json, progress, talk
from hammerstone.cli.toolformer.shared import needs_extra
from hammerstone.cli.toolformer.shown_progress import time_left

__all__ = ["demo"]

EXAMPLE = "There were 23 rooms with 81 chairs each, so"


def demo(
    folder: Annotated[Path, typer.Option("--folder", help="Folder of the run; an interrupted run resumes.")] = Path(
        "toolformer-demo"
    ),
    seed: Annotated[int, typer.Option("--seed", min=0, help="Random seed.")] = 0,
    json: Json = False,
) -> None:
    """Train a tiny model from scratch, fine-tune it to use a calculator and a calendar, and show the gain."""
    import anyio

    with needs_extra():
        from hammerstone.cli.results import show_result
        from hammerstone.evals.report import write_report
        from hammerstone.evals.toolformer_demo import PARTS, run_tiny
        from hammerstone.toolformer.tiny.preparation import CONFIG, Size

        with progress("pretraining") as bar:

            def report_progress(what: str, done: int, total: int) -> None:
                task = bar.tasks[0]
                if what != task.description:
                    bar.reset(task.id, description=what)
                part = f"part {PARTS.index(what) + 1} of {len(PARTS)}{time_left(task.time_remaining)}"
                bar.update(task.id, completed=done, total=total or None, note=part)

            result = anyio.run(run_tiny, folder, Size(), seed, report_progress)
        print_json(result) if json else show_result(result)
        write_report([result], folder / "report.html", title="hammerstone toolformer demo")
        talk(f"the report is in {folder / 'report.html'}")
        talk(f"try it: hammerstone toolformer generate --config {folder / CONFIG} '{EXAMPLE}'")
