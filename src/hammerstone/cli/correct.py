"""`hammerstone correct`: an answer was wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hammerstone.cli.home import by_hand, open_home
from hammerstone.cli.options import Home, Json, Tenant
from hammerstone.cli.tables import show_table
from hammerstone.cli.terminal import print_json, print_line, talk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hammerstone.store import Answered, Correction

__all__ = ["correct"]

SHOWN = 10  # other answers of the tool


def correct(
    request_id: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="The request's id, from `solve --json` or the header x-hammerstone-request-id."
        ),
    ],
    answer: Annotated[str | None, typer.Option("--answer", help="The right answer.")] = None,
    home: Home = None,
    tenant: Tenant = "",
    json: Json = False,
) -> None:
    """Say that an answer was wrong. The tool that gave it is taken out of service, and the right answer is kept.

    Of several requests with this id the newest is meant. The other answers of that tool are listed: they may be wrong,
    too.
    """
    from hammerstone.admin.corrections import correct as correct_answer

    with open_home(home, tenant, by_hand("correct_answer", request_id)) as store:
        corrected = correct_answer(store, request_id, answer)
    correction, others = corrected.correction, corrected.others
    if json:
        from dataclasses import asdict

        print_json(asdict(correction) | {"others": others})
        return
    _show(correction)
    _show_others(correction, others)


def _show(correction: Correction) -> None:
    tool = f"{correction.tool}: version {correction.version}"
    if correction.quarantined:
        print_line(f"{tool} is quarantined")
        talk(
            f"to bring back the version before, if there is one: hammerstone tools rollback {correction.tool}", "hint:"
        )
    elif correction.tool is not None:
        print_line(f"{tool} was out of service already")
    if correction.labeled:
        former = f" instead of {correction.former_label!r}" if correction.former_label is not None else ""
        print_line(f"{correction.task}: {correction.answer!r} is the label of this question{former}")
    elif correction.dropped:
        print_line(f"{correction.task}: the wrong answer is no instance any more")
    elif correction.answer is not None:
        print_line(f"{correction.request_id}: the right answer is no label: its task is gone, or not all was stored")


def _show_others(correction: Correction, others: Sequence[Answered]) -> None:
    if not others:
        return
    rows = [(one.id, one.answer or "", one.question) for one in others[:SHOWN]]
    more = f"{len(others) - SHOWN} more: see --json" if len(others) > SHOWN else ""
    title = f"Other answers of {correction.tool} version {correction.version}: {len(others)}"
    show_table(title, ("request", "answer…", "question…"), rows, caption=more)
