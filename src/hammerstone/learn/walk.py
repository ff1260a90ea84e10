"""The pass over a log, line by line: hammerstone learns from its first part and is tested on the last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from anyio import to_thread

from hammerstone.concurrency import task_group
from hammerstone.host import Host
from hammerstone.learn.budget import Budget
from hammerstone.learn.findings import DISAGREEMENTS, Findings, KindFinding, LogDisagreement
from hammerstone.learn.kinds import KindKey, LogKind
from hammerstone.learn.log import Log
from hammerstone.learn.names import suggest_name
from hammerstone.learn.replay import IN_USE, Replay, Said
from hammerstone.learn.saving import AssumedPrices, Costs, estimated_usage
from hammerstone.loop import Hammerstone
from hammerstone.models import Model, known_sum
from hammerstone.requests import agree
from hammerstone.settings import Settings
from hammerstone.store import Bill, Build, BuildState, ToolState
from hammerstone.types import Request, Usage

__all__ = ["OnProgress", "Walk"]

PARTS, LEAST = 40, 15  # of the log in each of which coverage is measured, and requests of each
RULES, REPLY, TRIES = 1_500, 2_500, 1.5  # about the tokens of a build: its rules, one reply, and how often it replies

OnProgress = Callable[[int, int], None]
"""Called with the number of lines that are done, and the number of all."""


class Walk:
    """One pass over the lines, from the first to the last, and what is found on the way."""

    def __init__(
        self,
        log: Log,
        keys: list[KindKey],
        kinds: list[LogKind],
        settings: Settings,
        budget: Budget,
        prices: AssumedPrices,
    ) -> None:
        self._log = log
        self._keys = keys
        self._kinds = kinds
        self._needed = settings.build.needed
        self._budget = budget
        self._costs = Costs(prices=prices)
        due = [kind.key for kind in kinds if kind.different >= self._needed]
        self._chosen = due[: budget.kinds]
        self._found = {kind.key: self._kind_finding(kind) for kind in kinds}
        self._coverage: list[tuple[int, float]] = []
        self._naming_usd: float | None = 0.0

    def _kind_finding(self, kind: LogKind) -> KindFinding:
        needed = self._needed
        if kind.different < needed:
            why = f"{kind.different} of the {needed} different requests it needs"
        elif kind.key not in self._chosen:
            why = f"not among the {self._budget.kinds} most frequent kinds (--limit)"
        else:
            why = ""
        usage = estimated_usage(kind.first)
        each = (usage.input_tokens or 0) + (usage.output_tokens or 0)
        estimate = (round(TRIES * (RULES + needed * each)), round(TRIES * REPLY))
        rates, tokens = self._costs.prices.rates, Usage(input_tokens=estimate[0], output_tokens=estimate[1])
        return KindFinding(
            name=kind.name,
            tenant=kind.key[0],
            sample=kind.first.question,
            lines=kind.lines,
            share=kind.lines / len(self._log.lines),
            why=why,
            estimate=estimate,
            estimate_usd=None if rates is None else rates.cost(tokens),
        )

    async def name(self, host: Host, model: Model) -> None:
        """Let the maker name the kinds that get tools and have no name yet, as far as the budget goes."""
        unnamed = [kind for kind in self._kinds if kind.key in self._chosen and not kind.named]
        for kind in unnamed:
            if not self._budget.may_spend():
                return
            tenant, bill = kind.key[0], Bill()
            taken = {one.name for one in self._kinds if one.key[0] == tenant}
            name = await suggest_name(await host.of(tenant), model, kind, taken, bill)
            self._budget.pay(bill.cost_usd)
            self._naming_usd = known_sum((self._naming_usd, bill.cost_usd))
            if name is not None:
                self._rename(kind, (tenant, name))

    def _rename(self, kind: LogKind, key: KindKey) -> None:
        old, kind.key = kind.key, key
        self._keys = [key if one == old else one for one in self._keys]
        self._chosen = [key if one == old else one for one in self._chosen]
        self._found[key] = replace(self._found.pop(old), name=key[1])

    async def through(self, host: Host, on_progress: OnProgress, on_build: Callable[[str, Build | None], None]) -> None:
        """Pass over the lines: learn from the first part of the log, test on the last."""

        def note(task: str, build: Build | None) -> None:
            self._budget.note(build)
            on_build(task, build)

        lines = self._log.lines
        replays: dict[str, Replay] = {}
        for tenant in dict.fromkeys(one.tenant for one in lines):
            chosen = {name for of, name in self._chosen if of == tenant}
            loop = await host.of(tenant)
            replays[tenant] = Replay(loop, chosen, may_spend=self._budget.may_spend, on_build=note)
            await replays[tenant].open([(at, one) for at, one in enumerate(lines) if one.tenant == tenant])
        asked: set[tuple[str, object]] = set()
        part: list[bool] = []
        async with task_group() as group:
            for number, line in enumerate(lines):
                said = await replays[line.tenant].answer(number, line)
                part.append(said is not None)
                if number < self._log.training:
                    if said is None:
                        await replays[line.tenant].learn(line, self._keys[number][1], group)
                else:
                    self._test(number, line, said, repeated=(line.tenant, line.chat.messages) in asked)
                asked.add((line.tenant, line.chat.messages))
                if len(part) >= max(LEAST, len(lines) / PARTS) or number == len(lines) - 1:
                    self._coverage.append((number + 1, sum(part) / len(part)))
                    part.clear()
                on_progress(number + 1, len(lines))

    def _test(self, number: int, line: Request, said: Said | None, *, repeated: bool) -> None:
        found = self._found[self._keys[number]]
        tested = found.tested
        tested.n += 1
        if said is None:
            return
        tested.answered += 1
        tested.repeated += repeated
        tested.tool_ms.append(said.ms)
        agrees = agree(said.text, line.answer or "")
        cost = self._costs.of(line)
        if cost is not None:
            tested.priced += 1
            tested.paid_usd += cost
            tested.saved_usd += cost if agrees else 0.0
        if line.logged is not None and line.logged.seconds is not None:
            tested.timed += 1
            tested.waited_s += line.logged.seconds
            tested.saved_s += line.logged.seconds if agrees else 0.0
        if not agrees:
            tested.disagreed += 1
            if len(tested.disagreements) < DISAGREEMENTS:
                tested.disagreements.append(
                    LogDisagreement(
                        id=line.id,
                        kind=found.name,
                        question=line.question,
                        logged=line.answer or "",
                        tool=said.text,
                    )
                )

    def findings(self, files: Sequence[str]) -> Findings:
        log = self._log
        return Findings(
            files=tuple(files),
            lines=len(log.lines),
            training=log.training,
            days=log.days,
            timed=log.timed,
            untimed=log.untimed,
            bad=log.bad,
            not_for_tools=dict(log.not_for_tools.most_common()),
            kinds=[self._found[kind.key] for kind in self._kinds],
            coverage=self._coverage,
            stopped=self._budget.stopped,
            naming_usd=self._naming_usd,
            estimated=self._costs.estimated,
            unknown=self._costs.unknown,
        )

    async def add_tools(self, host: Host, findings: Findings) -> None:
        """Add each kind's tool and the cost of its builds, in this run and before."""
        for kind in findings.kinds:
            loop = await host.of(kind.tenant)
            await to_thread.run_sync(_add_tool, loop, kind, (kind.tenant, kind.name) in self._chosen)
            if not kind.tool and not kind.why and self._budget.stopped:
                kind.why = self._budget.stopped


def _add_tool(loop: Hammerstone, kind: KindFinding, chosen: bool) -> None:
    unended = {BuildState.RUNNING, BuildState.INTERRUPTED}
    builds = [one for one in loop.store.builds(kind.name) if one.state not in unended]
    tool = loop.store.tool(kind.name)
    kind.builds = len(builds)
    kind.build_usd = known_sum(one.cost_usd for one in builds)
    if tool is not None and tool.state in IN_USE:
        kind.tool, kind.versions, kind.why = f"{tool.task}@{tool.version}", tool.version, ""
    elif tool is not None and tool.state is ToolState.QUARANTINED:
        kind.why = "its tool was found to be wrong, and is quarantined"
    elif builds and chosen:
        kind.why = _why(builds[0])


def _why(build: Build) -> str:
    found = build.disagreement
    if found is None:
        return build.reason
    return f"{build.reason} (log: {found.stored!r}, tool: {found.tool!r}; `hammerstone tasks show {build.task}`)"
