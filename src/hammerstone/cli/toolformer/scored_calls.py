"""Scored calls on the terminal: one by one, and by threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hammerstone.cli.tables import show_table
from hammerstone.cli.terminal import print_json, print_line, show_text
from hammerstone.formatting import percent

if TYPE_CHECKING:
    from hammerstone.toolformer.score.explanation import ExplainedCall
    from hammerstone.toolformer.score.sweep import KeptCalls

__all__ = ["show_explained", "show_sweep"]


def show_explained(found: Sequence[ExplainedCall], json: bool) -> None:
    """Text, losses, verdict."""
    for one in found:
        if json:
            print_json(one)
            continue
        verdict, losses = "kept" if one.kept else "dropped", one.losses
        print_line(_in_its_text(one))
        show_text(
            f"    {verdict}: L⁺ {losses.with_result:.2f}, L(e(c, ε)) {losses.with_call:.2f}, "
            f"L(ε) {losses.without:.2f}; gain {losses.gain:.2f}, threshold {one.threshold:g}\n"
        )


def show_sweep(found: Sequence[KeptCalls], json: bool) -> None:
    """A table of the thresholds, then the examples of each band."""
    if json:
        for one in found:
            print_json(one)
        return
    rows = [
        (
            one.api,
            f"{one.tau_f:g}{' (default)' if one.is_default else ''}",
            f"{one.kept:,}",
            f"{one.scored:,}",
            f"{one.documents:,}",
            percent(one.followed, one.kept),
        )
        for one in found
    ]
    columns = ("tool", "#τ_f", "#kept", "#of scored", "#documents", "#result comes next")
    show_table("Calls kept, by threshold", columns, rows)
    for one in found:
        if one.examples:
            show_text(f"{one.api}, kept at {one.tau_f:g} and not above:")
        for example in one.examples:
            print_line(f"    {example.losses.gain:.2f}  {_in_its_text(example)}")


def _in_its_text(one: ExplainedCall) -> str:
    return f"{one.before} {one.call}{'' if one.after[:1].isspace() else ' '}{one.after}"
