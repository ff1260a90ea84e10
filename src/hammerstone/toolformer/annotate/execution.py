"""Execute: run every proposed call once, and keep those that have a result (Toolformer, section 2).

Whatever a tool does, the run continues: a failed call is dropped, and counted by its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
from anyio import from_thread, to_thread

from hammerstone.errors import OperatorError, SettingsError
from hammerstone.toolformer.apis.api import Api, CallContext
from hammerstone.toolformer.apis.executor import CallOutcome, Executor, RequestedCall
from hammerstone.toolformer.corpus_document import CorpusDocument, Proposal
from hammerstone.toolformer.shards import StageWork, run_stage
from hammerstone.toolformer.stage_progress import StageProgress
from hammerstone.types import JSON

__all__ = ["ExecuteSettings", "execute", "execution_work"]

OUTAGE = 10  # failed calls of one tool, without a success, that stop the stage


@dataclass(frozen=True, kw_only=True)
class ExecuteSettings:
    """Settings by which calls are run. `specs` are the names that opened the tools (`open_api`), for the manifest."""

    specs: tuple[str, ...] = ()
    seconds: float = 30.0  # for one call
    at_once: int = 16

    def __post_init__(self) -> None:
        if self.seconds <= 0 or self.at_once < 1:
            raise SettingsError(
                f"seconds is {self.seconds} and at_once {self.at_once}", hint="give seconds > 0, at_once ≥ 1"
            )


Worked = tuple[Sequence[CorpusDocument], Mapping[str, int]]

DEFAULTS = ExecuteSettings()


async def execute(
    source: Path,
    target: Path,
    apis: Iterable[Api],
    *,
    settings: ExecuteSettings = DEFAULTS,
    on_progress: Callable[[StageProgress], None] = lambda _: None,
) -> Counter[str]:
    """Run the proposals of every document. A document keeps those with a result; one that keeps none stays.

    Counts are `proposed: NAME`, `kept: NAME`, and `dropped: NAME: REASON`. A call that was proposed twice at one
    position is dropped as a `duplicate` and not run. Raises as `run_stage` and `Executor`; if all calls of a tool in a
    unit of work (ten or more) failed with an `OperatorError`, that error: what is finished stays, and the next run
    resumes.

    All calls run in the caller's event loop, where models and sandboxes were opened; a thread reads and writes the
    shards.
    """
    executor = Executor(apis, seconds=settings.seconds, at_once=settings.at_once)

    async def execute_unit(documents: Sequence[CorpusDocument]) -> Worked | None:
        try:
            return await _execute_unit(executor, documents)
        except anyio.get_cancelled_exc_class():  # only the thread awaits this task; `None` tells it
            return None

    def work(documents: Sequence[CorpusDocument]) -> Worked:
        worked = from_thread.run(execute_unit, documents)
        if worked is None:
            raise CancelledError
        return worked

    def report(progress: StageProgress) -> None:
        from_thread.run_sync(on_progress, progress)

    def run() -> Counter[str]:
        manifest = _manifest(executor, settings)
        return run_stage("execute", source, target, work, settings=manifest, on_progress=report)

    return await to_thread.run_sync(run, abandon_on_cancel=True)


@contextmanager
def execution_work(
    open_apis: Callable[[], AbstractAsyncContextManager[Iterable[Api]]], settings: ExecuteSettings
) -> Generator[StageWork]:
    """The work of `execute` on a unit of documents, for code without an event loop: one runs in a thread."""
    with from_thread.start_blocking_portal() as portal, portal.wrap_async_context_manager(open_apis()) as apis:
        executor = Executor(apis, seconds=settings.seconds, at_once=settings.at_once)

        def work(documents: Sequence[CorpusDocument]) -> Worked:
            return portal.call(_execute_unit, executor, documents)

        yield StageWork(_manifest(executor, settings), work)


def _manifest(executor: Executor, settings: ExecuteSettings) -> dict[str, JSON]:
    return {"tools": [*(settings.specs or executor.names)], "seconds": settings.seconds}


async def _execute_unit(executor: Executor, documents: Sequence[CorpusDocument]) -> Worked:
    counts: Counter[str] = Counter()
    distinct = [_distinct(document.proposals, counts) for document in documents]
    asked = [
        RequestedCall(proposal.api, proposal.input, CallContext(date=document.date or ""))
        for document, proposals in zip(documents, distinct, strict=True)
        for proposal in proposals
    ]
    ran = await executor.run_all(asked)
    _stop_at_outage(asked, ran)
    came = iter(ran)
    made: list[CorpusDocument] = []
    for document, proposals in zip(documents, distinct, strict=True):
        filled = [_filled(proposal, next(came)) for proposal in proposals]
        counts.update(_fate(proposal) for proposal in filled)
        kept = tuple(proposal for proposal in filled if proposal.result is not None)
        made.append(replace(document, proposals=kept))
    return made, counts


def _distinct(proposals: Iterable[Proposal], counts: Counter[str]) -> Iterable[Proposal]:
    """Each call once at each position."""
    distinct: dict[tuple[str, str, int], Proposal] = {}
    for proposal in proposals:
        counts[f"proposed: {proposal.api}"] += 1
        if distinct.setdefault((proposal.api, proposal.input, proposal.position), proposal) is not proposal:
            counts[f"dropped: {proposal.api}: duplicate"] += 1
    return distinct.values()


def _filled(proposal: Proposal, ran: CallOutcome) -> Proposal:
    return replace(proposal, result=ran.result, failure=ran.failure)


def _fate(proposal: Proposal) -> str:
    return f"kept: {proposal.api}" if proposal.failure is None else f"dropped: {proposal.api}: {proposal.failure}"


def _stop_at_outage(asked: Sequence[RequestedCall], ran: Sequence[CallOutcome]) -> None:
    """An unavailable model must not look like a corpus whose calls have no results."""
    outages: dict[str, list[OperatorError | None]] = {}
    for call, came in zip(asked, ran, strict=True):
        outages.setdefault(call.api, []).append(came.outage)
    for of_one in outages.values():
        last = of_one[-1]
        if last is not None and len(of_one) >= OUTAGE and None not in of_one:
            raise last
