"""`hammerstone toolformer demo`: a whole run on a model small enough for a laptop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hammerstone.cli.options import Json
from hammerstone.cli.shown_progress import shown_progress, time_left
from hammerstone.cli.terminal import print_json, talk
from hammerstone.cli.toolformer.shared import needs_extra

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

        numbers = {part: number for number, part in enumerate(PARTS, 1)}
        with shown_progress("pretraining", "steps") as show:

            def report_progress(what: str, done: int, total: int | None, left: float | None) -> None:
                note = f"part {numbers[what]} of {len(PARTS)}{time_left(left)}"
                show(done, total, note, what=what, unit=PARTS[what])

            result = anyio.run(run_tiny, folder, Size(), seed, report_progress)
        print_json(result) if json else show_result(result)
        write_report([result], folder / "report.html", title="hammerstone toolformer demo")
        talk(f"the report is in {folder / 'report.html'}")
        talk(f"try it: hammerstone toolformer generate --config {folder / CONFIG} '{EXAMPLE}'")
