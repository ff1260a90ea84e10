"""`hammerstone learn`: what hammerstone would save, from the logs that are there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hammerstone.cli.options import Answers, Backend, BaseURL, Config, Home, Json, Maker, Record, SandboxName, dollars
from hammerstone.cli.shown_progress import shown_progress
from hammerstone.cli.terminal import brief, print_json, talk
from hammerstone.errors import InputError

if TYPE_CHECKING:
    from hammerstone.learn import Findings

__all__ = ["learn"]

MOST_SHOWN = 5  # lines that cannot be read: the others are likely to be wrong in the same way


Files = Annotated[list[str], typer.Argument(help="Logs, exports, or the two files of a batch; `-` is standard input.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="Most kinds to build tools for, the most frequent first.")]
MaxUsd = Annotated[
    float | None,
    typer.Option("--max-usd", min=0, callback=dollars, help="Start no more builds once the maker has cost this much."),
]
PriceIn = Annotated[
    float | None,
    typer.Option(
        "--price-in", min=0, callback=dollars, help="US dollars per million tokens read, where a price is unknown."
    ),
]
PriceOut = Annotated[
    float | None,
    typer.Option(
        "--price-out", min=0, callback=dollars, help="US dollars per million tokens written, where a price is unknown."
    ),
]
Report = Annotated[Path | None, typer.Option("--report", help="Write the findings as one HTML page to this file.")]


def learn(
    files: Files,
    answers: Answers = None,
    home: Home = None,
    maker: Maker = None,
    base_url: BaseURL = None,
    record: Record = None,
    limit: Limit = 10,
    max_usd: MaxUsd = None,
    price_in: PriceIn = None,
    price_out: PriceOut = None,
    report: Report = None,
    config: Config = None,
    sandbox: SandboxName = Backend.AUTO,
    json: Json = False,
) -> None:
    """Learn from logs what hammerstone would save, before anything changes.

    Kinds of requests are found without a model. --maker builds tools for the most frequent ones from the first 70 % of
    the log, by time, and they are tested on the rest. They stay in shadow: `hammerstone serve` on the same home goes on
    with them. Without --maker nothing is built.
    """
    from hammerstone.learn import AssumedPrices, Budget, read_log
    from hammerstone.learn import learn as learn_from
    from hammerstone.settings_file import load_settings

    if (price_in is None) != (price_out is None):
        raise InputError("a price has two parts", hint="give both --price-in and --price-out")
    _check_report(report)
    settings = load_settings(config, {"roles.maker.model": maker}).settings
    bad, hottest = _Bad(many=len(files) > 1), settings.serve.max_temperature
    log = read_log(files, answers, max_temperature=hottest, on_bad=bad)
    log.check()
    budget, prices = Budget(kinds=limit, max_usd=max_usd), AssumedPrices(read=price_in, written=price_out)
    run = partial(learn_from, log, files, home=home, base_url=base_url, record=record, settings=settings)
    findings = _run(partial(run, sandbox=sandbox, budget=budget, prices=prices), len(log.lines))
    _show(findings, report, json=json)
    if log.bad:
        raise typer.Exit(2)


def _run(learn_from: Callable[..., Awaitable[Findings]], lines: int) -> Findings:
    import anyio

    from hammerstone.cli.learned import say_build

    async def run() -> Findings:
        with shown_progress("learning from the log", "requests", total=lines) as progress:
            return await learn_from(on_progress=progress, on_build=say_build)

    return anyio.run(run)


def _show(findings: Findings, report: Path | None, *, json: bool) -> None:
    from hammerstone.cli.learned import show
    from hammerstone.learn import write_findings

    if json:
        print_json(findings.document())
    else:
        show(findings)
    if report is not None:
        write_findings(findings, report)
        talk(str(report), "written:")


def _check_report(report: Path | None) -> None:
    """Check the path of the report before anything is paid for."""
    from hammerstone.evals.report import check_report_path

    if report is not None:
        check_report_path(report)


class _Bad:
    """Shows the first lines that cannot be read."""

    def __init__(self, *, many: bool) -> None:
        self._many = many
        self._count = 0

    def __call__(self, file: str, line: int, why: str) -> None:
        self._count += 1
        if self._count <= MOST_SHOWN:
            talk(f"{f'{file}, ' if self._many else ''}line {line}: {brief(why)}", "error:")
