"""The demonstration while it runs: a line for each task, a letter for each request as it is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.cli.terminal import console, talk

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

    from hammerstone.evals.demo_run import DemoRun

__all__ = ["Strips"]

LEGEND = (
    "[bold]One letter per request.[/] [red]S[/]: the strong model answered. [yellow]U[/]: a cheap model wrote the "
    "tool's arguments. [green]P[/]: the tool's own parser did, without a model.\n"
    "[bold cyan]|[/]: the tool went live. Lower case: a reworded question. [reverse]Reversed[/]: a wrong answer.\n"
)
MARK = {"parser": ("P", "green"), "user": ("U", "yellow"), "solver": ("S", "red"), None: ("!", "magenta")}


class Strips:
    """A line for each task, a letter for each request as it is answered."""

    def __init__(self) -> None:
        self._live: Live | None = None

    def start(self) -> None:
        """Explain the letters, and begin."""
        from rich.live import Live
        from rich.text import Text

        talk(Text.from_markup(LEGEND))
        self._live = Live(console=console(stderr=True), refresh_per_second=12)
        self._live.start()

    def update(self, demonstration: DemoRun) -> None:
        """Show what has been answered by now."""
        if self._live is not None:
            self._live.update(_strips(demonstration))

    def stop(self) -> None:
        """Leave the last state on the screen."""
        if self._live is not None:
            self._live.stop()
            if not self._live.console.is_terminal:
                talk("")  # ends the last line: rich does that for a terminal alone


def _strips(demonstration: DemoRun) -> Text:
    from rich.text import Text

    lines = {item.task: Text(f"{item.task or 'one-offs':<28}") for item in sorted(demonstration.items, key=_by_task)}
    live = set(demonstration.live_at.values())
    for index, (item, answered) in enumerate(demonstration.pairs()):
        letter, colour = MARK[answered.route]
        letter = letter.lower() if item.kind == "paraphrase" else letter
        lines[item.task].append(letter, f"{colour} reverse" if answered.correct is False else colour)
        if index in live:
            lines[item.task].append("|", "bold cyan")
    calls = sum(answered.model_calls for answered in demonstration.answers)
    foot = Text(f"\n{len(demonstration.answers)} of {len(demonstration.items)} requests, {calls} model calls", "dim")
    return Text("\n").join([*lines.values(), foot])


def _by_task(item: object) -> str:
    return getattr(item, "task", None) or "~"  # one-offs last
