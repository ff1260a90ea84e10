"""Tools that get better, beyond the paper: how much of a stream a tool answers, version by version.

Each family of requests is streamed as chats through a loop of its own, from cold. The upstream is the family's own
rule, so every label is right, and the only model that is asked is the maker. After some numbers of requests, the tool
that is live then is asked fresh questions; `FIRST` is what the first version would have gone on to answer.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

from hammerstone.concurrency import map_concurrently
from hammerstone.errors import InputError, RecordingError
from hammerstone.evals.baselines.answer_methods import ToolWithParser
from hammerstone.evals.harness.accuracy import totals
from hammerstone.evals.harness.bench_run import BenchRun, CostReachedError
from hammerstone.evals.harness.metered import Meter, metered_models
from hammerstone.evals.report.experiment_result import Measurement, Result, Series, Table
from hammerstone.evals.traffic.one_task_stream import FAMILIES, one_task_stream
from hammerstone.formatting import exact_dollars
from hammerstone.loop import Hammerstone
from hammerstone.models import Prompt, Reply
from hammerstone.requests import agree
from hammerstone.store import Bill, Build, BuildState, open_store
from hammerstone.tools import Tool
from hammerstone.types import Instance, Message, Request, Role, Route

__all__ = ["AFTER", "FIRST", "FRESH", "IMPROVED", "check_families", "run_improve"]

AFTER = (12, 50, 100, 200, 400)
"""Requests after which coverage is measured."""
FRESH = 200  # questions that no stream holds
IMPROVED, FIRST = "hammerstone, parser", "first version, parser"
FALSE_HITS = "false hits"


async def run_improve(bench: BenchRun, families: Sequence[str], requests: int, *, fresh: int = FRESH) -> Result:
    """Run the families concurrently, `requests` of each and then `fresh` questions.

    If the cost reaches its bound, or the recordings end too early, the families that have finished remain.
    """
    done = 0
    unrecorded: dict[str, RecordingError] = {}

    async def one(name: str) -> _Growth | str | None:
        nonlocal done
        try:
            growth = await _grow(bench, name, requests, fresh)
        except CostReachedError as error:
            return error.message
        except RecordingError as error:
            unrecorded[name] = error
            return None
        done += 1
        bench.on_progress("families", done, len(families))
        return growth

    ended = await map_concurrently(one, families)
    whole = [one for one in ended if isinstance(one, _Growth)]
    if unrecorded and not whole:
        raise next(iter(unrecorded.values()))
    counts = [*(count for count in AFTER if count < requests), requests]
    return Result(
        experiment="improve",
        title="Tools that get better",
        seed=bench.seed,
        models={Role.MAKER: bench.models[Role.MAKER].name},
        figures=_measurements(whole, requests),
        series=_series(whole, counts),
        tables=(_table(whole, counts),),
        notes=(*_notes(requests), *(f"{name} is not recorded to its end." for name in unrecorded)),
        partial="; ".join(dict.fromkeys(one for one in ended if isinstance(one, str))),
    )


def check_families(families: Sequence[str]) -> None:
    """Check the families. Raises `InputError` for one that is not hammerstone's own."""
    for name in families:
        if name not in FAMILIES:
            raise InputError(f"improve cannot stream {name!r}", hint=f"its families are {', '.join(FAMILIES)}")


@dataclass(frozen=True, kw_only=True)
class _Version:
    """A tool, the number of the request after which it was live, and what it answers of the fresh questions."""

    live_after: int
    tool: Tool
    answered: int = 0
    right: int = 0


@dataclass(kw_only=True)
class _Growth:
    """One family. `served` requests of the stream were answered by a parser, `wrong` of them wrongly."""

    family: str
    fresh: int
    versions: list[_Version] = field(default_factory=list[_Version])
    builds: int = 0
    bill: Bill = field(default_factory=Bill)
    served: int = 0
    wrong: int = 0

    def share(self, requests: int, *, improved: bool) -> float:
        """The share of fresh questions that the version live after so many requests answers, or the first version."""
        live = [one for one in self.versions if one.live_after <= requests]
        return live[-1 if improved else 0].answered / self.fresh if live else 0.0


async def _grow(bench: BenchRun, family: str, requests: int, fresh: int) -> _Growth:
    """Run one family. Raises `CostReachedError`."""
    growth, meter = _Growth(family=family, fresh=fresh), Meter()
    drawn = one_task_stream(family, requests + fresh, bench.seed)
    number = 0

    def note(task: str, build: Build | None) -> None:
        del task
        growth.builds += build is not None
        if build is not None and build.state is BuildState.LIVE and build.tool is not None:
            growth.versions.append(_Version(live_after=number, tool=build.tool))

    with tempfile.TemporaryDirectory() as folder, open_store(folder) as store:
        async with Hammerstone(
            store=store,
            sandbox=bench.sandbox,
            models=replace(metered_models({Role.MAKER: bench.model(Role.MAKER)}, meter), solver=_Rule(drawn)),
            settings=replace(bench.settings, loop=replace(bench.settings.loop, background=False)),
            on_build=note,
        ) as hammerstone:
            for number, one in enumerate(drawn[:requests], 1):
                answered = await hammerstone.solve(_request(f"{family}-{number:03}", one, family))
                growth.served += answered.route is Route.PARSER
                growth.wrong += answered.route is Route.PARSER and not answered.correct
    growth.versions = [await _asked(bench, one, drawn[requests:]) for one in growth.versions]
    growth.bill = meter.bill
    return growth


def _request(number: str, one: Instance, family: str) -> Request:
    if one.chat is None:
        raise AssertionError("a stream of chats")
    return Request(id=number, chat=one.chat, task=family, answer=one.answer)


class _Rule:
    """The upstream: it answers by the family's own rule, and costs nothing here."""

    name = identity = "the family's own rule"

    def __init__(self, instances: Sequence[Instance]) -> None:
        self._answers = {one.chat.messages: one.answer for one in instances if one.chat is not None}

    async def complete(self, prompt: Prompt) -> Reply:
        messages = tuple(Message(role=one.role, content=one.content) for one in prompt.messages)
        return Reply(text=self._answers[messages], model=self.name, cost_usd=0.0)


async def _asked(bench: BenchRun, version: _Version, fresh: Sequence[Instance]) -> _Version:
    method = ToolWithParser(bench.sandbox, version.tool)
    given = await map_concurrently(lambda one: method.answer(one.question, Bill()), fresh)
    right = sum(isinstance(text, str) and agree(text, one.answer) for text, one in zip(given, fresh, strict=True))
    return replace(version, answered=sum(isinstance(text, str) for text in given), right=right)


def _measurements(families: Sequence[_Growth], requests: int) -> tuple[Measurement, ...]:
    """Coverage by the last and the first version, and every answer by a parser: on the stream and of fresh questions.

    Right counts the fresh questions that are answered; of false hits, the answers that are right.
    """
    covered = [
        Measurement(
            task=one.family,
            method=method,
            model="",
            n=one.fresh,
            right=round(one.fresh * one.share(requests, improved=improved)),
            cost_usd=one.bill.cost_usd if improved else None,
            model_calls=one.bill.calls if improved else None,
        )
        for one in families
        for method, improved in ((IMPROVED, True), (FIRST, False))
    ]
    answers = sum(one.served + sum(version.answered for version in one.versions) for one in families)
    wrong = sum(one.wrong + sum(version.answered - version.right for version in one.versions) for one in families)
    hits = Measurement(
        task=FALSE_HITS,
        method=IMPROVED,
        model="",
        n=answers,
        right=answers - wrong,
        detail=f"{sum(one.served for one in families)} answers on the streams, the others to fresh questions",
    )
    return (*totals(covered), *covered, hits)


def _series(families: Sequence[_Growth], counts: Sequence[int]) -> tuple[Series, ...]:
    """The mean and the lowest coverage over the families, with and without later versions."""
    lines: tuple[tuple[str, Callable[[list[float]], float], bool], ...] = (
        ("mean, improved", fmean, True),
        ("lowest, improved", min, True),
        ("mean, first version", fmean, False),
        ("lowest, first version", min, False),
    )
    xs = tuple(float(count) for count in counts)
    return tuple(
        Series(
            plot="coverage",
            name=name,
            x=xs,
            y=tuple(of([one.share(count, improved=improved) for one in families]) for count in counts),
        )
        for name, of, improved in lines
        if families
    )


def _table(families: Sequence[_Growth], counts: Sequence[int]) -> Table:
    return Table(
        title="Coverage by parser after so many requests, in per cent",
        columns=(
            "family",
            *(f"#{count}" for count in counts),
            "#first",
            "#builds",
            "#cost",
            "#served",
            "#wrong",
        ),
        rows=tuple(
            (
                one.family,
                *(f"{100 * one.share(count, improved=True):.1f}" for count in counts),
                f"{100 * one.share(counts[-1], improved=False):.1f}",
                str(one.builds),
                exact_dollars(one.bill.cost_usd),
                str(one.served),
                str(one.wrong + sum(version.answered - version.right for version in one.versions)),
            )
            for one in families
        ),
        caption="Coverage is the share of fresh questions that the tool live then answers; first is that of the first "
        "version. Cost is that of the builds. Served are the requests of the stream that a parser answered; wrong "
        "counts these and the fresh questions.",
    )


def _notes(requests: int) -> tuple[str, ...]:
    return (
        f"Each family is a stream of {requests} chats with a fixed system prompt, from cold. Half of a generated "
        "task's requests are in its own form, half in its paraphrases. The three families of companies have free "
        "templates, optional sentences, and several forms of numbers and dates.",
        "The upstream answers by the family's own rule, so every label is right; only the maker is a model.",
    )
