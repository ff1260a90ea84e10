"""Execute: run every call that was proposed, once, and keep those that have a result (Toolformer, section 2).

Whatever a tool does, the run goes on: a call that fails is dropped, and counted by its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
from anyio import from_thread, to_thread

from hammerstone.errors import OperatorError, SettingsError
from hammerstone.toolformer.apis.api import Api, Context
from hammerstone.toolformer.apis.executor import Asked, Executor, Ran
from hammerstone.toolformer.corpus_document import Document, Proposal
from hammerstone.toolformer.shards import Progress, run_stage
from hammerstone.types import JSON

__all__ = ["ExecuteSettings", "execute"]

OUTAGE = 10  # calls of one tool that all failed, for what the operator must repair


@dataclass(frozen=True, kw_only=True)
class ExecuteSettings:
    """How calls are run. `specs` are the names that the tools were opened by (`open_api`), for the manifest."""

    specs: tuple[str, ...] = ()
    seconds: float = 30.0  # for one call
    at_once: int = 16

    def __post_init__(self) -> None:
        if self.seconds <= 0 or self.at_once < 1:
            raise SettingsError(
                "a call needs some time, and one call at least must run at once", hint="give seconds > 0, at_once ≥ 1"
            )


Worked = tuple[Sequence[Document], Mapping[str, int]]

DEFAULTS = ExecuteSettings()


async def execute(
    source: Path,
    target: Path,
    apis: Iterable[Api],
    *,
    settings: ExecuteSettings = DEFAULTS,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Counter[str]:
    """Run the proposals of every document. A document keeps those that have a result, and stays if it keeps none.

    Counted: `proposed: NAME`, `kept: NAME`, and `dropped: NAME: REASON`; the reason of a call that was proposed twice
    at one position is `duplicate`, and it is not run. Raises as `run_stage`, as `Executor`, and the `OperatorError` of
    a tool all of whose calls in a shard (ten or more) failed by one: what is finished stays, and the next run goes on.

    It is asynchronous so that all calls run in the caller's event loop, where models and sandboxes have been opened;
    the shards are read and written in a thread.
    """
    executor = Executor(apis, seconds=settings.seconds, at_once=settings.at_once)

    async def execute_shard(documents: Sequence[Document]) -> Worked | None:
        try:
            return await _execute_shard(executor, documents)
        except anyio.get_cancelled_exc_class():  # nobody awaits this task but the thread, which is told by `None`
            return None

    def work(documents: Sequence[Document]) -> Worked:
        worked = from_thread.run(execute_shard, documents)
        if worked is None:
            raise CancelledError
        return worked

    def tell(progress: Progress) -> None:
        from_thread.run_sync(on_progress, progress)

    def run() -> Counter[str]:
        manifest: dict[str, JSON] = {"tools": [*(settings.specs or executor.names)], "seconds": settings.seconds}
        return run_stage("execute", source, target, work, settings=manifest, on_progress=tell)

    return await to_thread.run_sync(run, abandon_on_cancel=True)


async def _execute_shard(executor: Executor, documents: Sequence[Document]) -> Worked:
    counts: Counter[str] = Counter()
    distinct = [_distinct(document.proposals, counts) for document in documents]
    asked = [
        Asked(proposal.api, proposal.input, Context(date=document.date or ""))
        for document, proposals in zip(documents, distinct, strict=True)
        for proposal in proposals
    ]
    ran = await executor.run_all(asked)
    _stop_at_outage(asked, ran)
    came = iter(ran)
    made: list[Document] = []
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


def _filled(proposal: Proposal, ran: Ran) -> Proposal:
    return replace(proposal, result=ran.result, failure=ran.failure)


def _fate(proposal: Proposal) -> str:
    return f"kept: {proposal.api}" if proposal.failure is None else f"dropped: {proposal.api}: {proposal.failure}"


def _stop_at_outage(asked: Sequence[Asked], ran: Sequence[Ran]) -> None:
    """A model that is down must not pass for a corpus in which nothing can be answered."""
    outages: dict[str, list[OperatorError | None]] = {}
    for call, came in zip(asked, ran, strict=True):
        outages.setdefault(call.api, []).append(came.outage)
    for of_one in outages.values():
        last = of_one[-1]
        if last is not None and len(of_one) >= OUTAGE and None not in of_one:
            raise last
