"""`hammerstone learn`: what hammerstone would save, from the logs that are there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hammerstone.cli.options import Answers, Backend, BaseURL, Config, Home, Json, Maker, Record, SandboxName
from hammerstone.cli.terminal import brief, counted, print_json, progress, talk
from hammerstone.errors import InputError

if TYPE_CHECKING:
    from hammerstone.learn import Findings, Log

__all__ = ["learn"]

MOST_SHOWN = 5  # lines that cannot be read: the others are likely to be wrong in the same way
STEPS = 10  # of progress that are said where there is no terminal


def learn(
    files: Annotated[
        list[str], typer.Argument(help="Logs, exports, or the two files of a batch; `-` is standard input.")
    ],
    answers: Answers = None,
    home: Home = None,
    maker: Maker = None,
    base_url: BaseURL = None,
    record: Record = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, help="Most kinds to build tools for, the most frequent first.")
    ] = 10,
    max_usd: Annotated[
        float | None, typer.Option("--max-usd", min=0, help="Start no more builds once they have cost this much.")
    ] = None,
    price_in: Annotated[
        float | None,
        typer.Option("--price-in", min=0, help="US dollars per million tokens read, where a price is unknown."),
    ] = None,
    price_out: Annotated[
        float | None,
        typer.Option("--price-out", min=0, help="US dollars per million tokens written, where a price is unknown."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write the findings as one HTML page to this file.")
    ] = None,
    config: Config = None,
    sandbox: SandboxName = Backend.AUTO,
    json: Json = False,
) -> None:
    """Learn from logs what hammerstone would save, before anything changes.

    Kinds of requests are found without a model. --maker builds tools for the most frequent ones from the first 70 % of
    the log, by time, and they are tested on the rest. They stay in shadow: `hammerstone serve` on the same home goes on
    with them. Without --maker nothing is built.
    """
    import anyio

    from hammerstone.cli.learned import say_build, show
    from hammerstone.learn import AssumedPrices, Budget, check_page, read_log, write_findings
    from hammerstone.learn import learn as learn_from
    from hammerstone.settings_file import load_settings

    if (price_in is None) != (price_out is None):
        raise InputError("a price has two parts", hint="give both --price-in and --price-out")
    if report is not None:
        check_page(report)
    settings = load_settings(config, {"roles.maker.model": maker}).settings
    log = read_log(files, answers, on_bad=_Bad(many=len(files) > 1))
    _check(log)

    async def run() -> Findings:
        with progress("reading the log", total=len(log.lines)) as bar:

            def on_progress(done: int, of: int) -> None:
                bar.update(bar.task_ids[0], completed=done, description="learning from the log")
                if not sys.stderr.isatty() and done * STEPS // of > (done - 1) * STEPS // of:
                    talk(f"{done:,} of {of:,} requests", "learning:")

            return await learn_from(
                log,
                files,
                home=home,
                base_url=base_url,
                record=record,
                settings=settings,
                sandbox=sandbox,
                budget=Budget(kinds=limit, max_usd=max_usd),
                prices=AssumedPrices(read=price_in, written=price_out),
                on_progress=on_progress,
                on_build=say_build,
            )

    findings = anyio.run(run)
    if json:
        print_json(findings.document())
    else:
        show(findings, home)
    if report is not None:
        write_findings(findings, report)
        talk(str(report), "written:")
    if log.bad:
        raise typer.Exit(2)


class _Bad:
    """Shows the first lines that cannot be read."""

    def __init__(self, *, many: bool) -> None:
        self._many = many
        self._count = 0

    def __call__(self, file: str, line: int, why: str) -> None:
        self._count += 1
        if self._count <= MOST_SHOWN:
            talk(f"{f'{file}, ' if self._many else ''}line {line}: {brief(why)}", "error:")


def _check(log: Log) -> None:
    if log.lines:
        return
    unread = [f"{counted(log.bad, 'line')} cannot be read"] if log.bad else []
    others = [f"{count:,} {group}" for group, count in log.not_for_tools.most_common()]
    raise InputError(
        f"no request with a whole answer was read: {', '.join([*unread, *others]) or 'nothing is there'}",
        hint="each line needs a request and its answer; docs/guides/requests.md lists the formats",
    )
