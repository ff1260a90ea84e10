"""Running the hostile programs: each must fail, and the worker must serve the next call as if nothing had been."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from hammerstone.concurrency import map_concurrently
from hammerstone.sandbox.conformance import (
    channels,
    clocks,
    concurrent,
    files,
    kernel,
    network,
    processes,
    resources,
    results,
    state,
)
from hammerstone.sandbox.conformance.attack import LIMITS, Attack, Outside
from hammerstone.sandbox.contract import Outcome, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from hammerstone.sandbox.contract import Sandbox

__all__ = ["ATTACKS", "PropertyFinding", "run_attack", "run_conformance"]

ATTACKS: tuple[Attack, ...] = (
    *(*files.ATTACKS, *network.ATTACKS, *processes.ATTACKS, *kernel.ATTACKS),
    *(*resources.ATTACKS, *results.ATTACKS, *state.ATTACKS),
    *(*channels.ATTACKS, *concurrent.ATTACKS, *clocks.ATTACKS),
)

LOOKS = 100

HONEST = "def double(x):\n    print('fine')\n    return x * 2\n"


@dataclass(frozen=True, kw_only=True)
class PropertyFinding:
    """Whether one property holds; `detail` says what was seen if it does not."""

    name: str
    description: str
    passed: bool
    detail: str


async def run_conformance(
    sandbox: Sandbox, on_result: Callable[[PropertyFinding], None] | None = None
) -> tuple[PropertyFinding, ...]:
    """Run every hostile program against `sandbox`, one after another; tens of seconds on CPython.

    `on_result` is called with each finding as it comes. Raises `SandboxError` if the sandbox itself breaks.
    """
    findings: list[PropertyFinding] = []
    for attack in ATTACKS:
        finding = await run_attack(sandbox, attack)
        findings.append(finding)
        if on_result is not None:
            on_result(finding)
    return tuple(findings)


async def run_attack(sandbox: Sandbox, attack: Attack) -> PropertyFinding:
    """One hostile program, and an honest one after it."""
    for seed in (0, 1):  # so that the number of processes is settled before it is taken
        for program in (HONEST, attack.program):
            call = partial(sandbox.call, program, "nothing", {}, limits=LIMITS, hash_seed=seed)
            await map_concurrently(lambda _, call=call: call(), [*attack.steps, HONEST])
    processes_before = _descendants()
    with Outside(worker=min(processes_before, default=0)) as outside:
        outcomes = await _steps(sandbox, attack, outside)
        wrong = attack.verdict(outcomes, outside, subset=sandbox.name == "monty")
    after = await sandbox.call(HONEST, "double", {"x": 21}, limits=LIMITS)
    wrong = wrong or _not_honest(after) or await _left_behind(processes_before)
    return PropertyFinding(name=attack.name, description=attack.description, passed=not wrong, detail=wrong)


async def _steps(sandbox: Sandbox, attack: Attack, outside: Outside) -> list[Outcome]:
    """All of an attack's steps, one after another, or all at the same time."""
    if attack.concurrent:
        return await map_concurrently(lambda step: _step(sandbox, attack, step, outside), attack.steps)
    return [await _step(sandbox, attack, step, outside) for step in attack.steps]


async def _step(sandbox: Sandbox, attack: Attack, step: str, outside: Outside) -> Outcome:
    function, _, seed = step.partition("@")
    arguments = attack.arguments(outside)
    return await sandbox.call(attack.program, function, arguments, limits=LIMITS, hash_seed=int(seed or 0))


def _not_honest(outcome: Outcome) -> str:
    if outcome.status is Status.OK and outcome.value == 42 and outcome.printed == "fine\n":
        return ""
    return f"the next call went wrong: {outcome.status} {outcome.value!r} {outcome.error}"[:200]


async def _left_behind(before: set[int]) -> str:
    """Processes of a call are on their way out when its outcome arrives: they are given a moment."""
    looks = 0
    while (more := len(_descendants()) - len(before)) > 0 and looks < LOOKS:
        looks += 1
        await anyio.sleep(0.02)
    return f"{more} processes were left behind" if more > 0 else ""


def _descendants() -> set[int]:
    """The living processes that descend from this one (none where there is no /proc to look at)."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z":
            parents[int(folder.name)] = int(parent)
    return {pid for pid in parents if _descends(pid, parents)}


def _descends(pid: int, parents: dict[int, int]) -> bool:
    me = os.getpid()
    while pid in parents:
        pid = parents[pid]
        if pid == me:
            return True
    return False
