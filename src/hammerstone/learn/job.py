"""One run over a log in a process of its own, watched from elsewhere: `python -m hammerstone.learn.job FOLDER`.

The folder is that of a `LearningRun`, and says what is to be done. The process ends in good order when it
is interrupted (SIGINT), and removes the log's files when it has ended.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio

from hammerstone.admin.learning_runs import BuildNote, KindNote, LearningRun, Order, RunProgress
from hammerstone.errors import HammerstoneError, SettingsError
from hammerstone.learn.budget import Budget
from hammerstone.learn.findings import Findings, KindFinding
from hammerstone.learn.log import read_log
from hammerstone.learn.page import write_findings
from hammerstone.learn.run import learn
from hammerstone.learn.saving import AssumedPrices
from hammerstone.learn.words import headline
from hammerstone.settings import Settings
from hammerstone.store import Build
from hammerstone.toml_sections import read_sections

__all__ = ["run_job"]

EACH_SECONDS = 0.5  # between two notes of how far it is
MOST_KINDS = 100  # that are noted, the most frequent ones


def run_job(run: LearningRun) -> RunProgress:
    """Carry out the run's order, note its progress, and return the last one."""
    noted = _Noted(run)
    try:
        findings = anyio.run(_learn, run, noted)
        has_report = _report(findings, run.report)
        said = tuple(headline(findings))
        hint = "" if has_report else "the page with plots needs the extra `bench`"
        noted.change(state="done", headline=said, hint=hint, kinds=_kinds(findings.kinds))
    except KeyboardInterrupt:
        noted.change(state="stopped", hint="tools that are built stay in shadow; what was paid is not paid again")
    except HammerstoneError as error:
        noted.change(state="failed", problem=error.message, hint=error.hint)
    except Exception:
        noted.change(state="failed", problem="it has failed", hint=f"{run.folder / 'errors.txt'} says more")
        raise
    finally:
        run.drop_logs()
    return noted.progress


async def _learn(run: LearningRun, noted: _Noted) -> Findings:
    order = run.order
    settings, _ = read_sections(Settings(), run.settings)
    noted.change(state="reading")
    files, hottest = [str(one) for one in run.logs], settings.serve.max_temperature
    read = partial(read_log, files, max_temperature=hottest)
    log = await anyio.to_thread.run_sync(read, abandon_on_cancel=True)
    apart, has_maker = sum(log.not_for_tools.values()), settings.roles.maker.model is not None
    noted.change(state="learning", bad=log.bad, apart=apart, of=len(log.lines), has_maker=has_maker)
    log.check()
    log.lines = [replace(one, tenant=order.tenant) for one in log.lines]  # whatever tenant a line may name
    return await learn(
        log,
        order.names,
        home=order.home,
        settings=settings,
        sandbox=order.sandbox,
        budget=Budget(kinds=order.kinds, max_usd=order.max_usd),
        prices=_prices(order),
        on_progress=noted.went_on,
        on_build=noted.built,
        on_kinds=noted.found,
    )


def _prices(order: Order) -> AssumedPrices:
    return AssumedPrices(read=order.price_in, written=order.price_out)


def _report(findings: Findings, path: Path) -> bool:
    try:
        write_findings(findings, path)
    except SettingsError:  # without the extra that draws it
        return False
    return True


def _kinds(kinds: Sequence[KindFinding]) -> tuple[KindNote, ...]:
    return tuple(
        KindNote(name=one.name, lines=one.lines, share=one.share, tool=one.tool, why=one.why)
        for one in kinds[:MOST_KINDS]
    )


class _Noted:
    """The progress of the run on disk: each change is written at once, except for the count of lines."""

    def __init__(self, run: LearningRun) -> None:
        self._run = run
        self._written = 0.0
        self.progress = RunProgress()

    def change(self, **values: object) -> None:
        self.progress = replace(self.progress, **values)  # pyright: ignore[reportArgumentType] - of its own fields
        self._written = time.monotonic()
        self._run.write(self.progress)

    def went_on(self, done: int, of: int) -> None:
        self.progress = replace(self.progress, done=done, of=of)
        if time.monotonic() - self._written >= EACH_SECONDS:
            self.change()

    def found(self, kinds: Sequence[KindFinding]) -> None:
        self.change(kinds=_kinds(kinds))

    def built(self, task: str, build: Build | None) -> None:
        """Note a build; its end replaces its beginning."""
        builds = [one for one in self.progress.builds if (one.task, one.state) != (task, "building")]
        note = BuildNote(task=task, state="building")
        if build is not None:
            note = BuildNote(task=task, state=build.state, reason=build.reason, cost_usd=build.cost_usd)
        self.change(builds=(*builds, note))


def main() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # who starts it may have ignored this
    run_job(LearningRun(folder=Path(sys.argv[1])))


if __name__ == "__main__":
    main()
