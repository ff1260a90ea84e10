"""Measures the cost of confinement, and of a tool's answer.

    python benchmarks/sandbox_call.py [calls]

First, one warm call in each backend, beside the same worker without confinement. All arms are warm and take turns, call
by call, so that whatever else the machine does falls on all of them alike. The ratio is the median of the paired ratios
to the unconfined worker, which exists only here and in the tests: it is the same code with an empty system call filter
and no confinement around it, and `open_sandbox` cannot choose it.

Then, for each tool that the demonstration makes, the CPU time of one answer by its parser (parse and solve in one fresh
process, unparse in another), of this process and of all inside the sandbox together. Beside it, as a measure of the
machine, the cost of forking and ending a bare interpreter that does nothing. Target: at most 1.2 ms.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from hammerstone.environment import recordings
from hammerstone.errors import SandboxError
from hammerstone.evals.demo_run import run_demo
from hammerstone.evals.role_models import open_role_models
from hammerstone.evals.tasks import generate_instances
from hammerstone.evals.traffic.demo_stream import DEMO_TASKS
from hammerstone.sandbox import Limits, open_sandbox
from hammerstone.sandbox.choose import BACKENDS
from hammerstone.sandbox.cpython import CPythonSandbox
from hammerstone.sandbox.interpreter import find_interpreter
from hammerstone.sandbox.process import Launch
from hammerstone.store import open_store
from hammerstone.tools import parser

if TYPE_CHECKING:
    from hammerstone.sandbox import Sandbox

PROGRAM = '''
def solve(numbers, factor):
    """The work of a small tool: some arithmetic over a short list."""
    return {"total": sum(n * factor for n in numbers), "largest": max(numbers)}
'''
ARGUMENTS = {"numbers": list(range(20)), "factor": 3}
EXPECTED = {"total": 570, "largest": 19}
WARM_UP = 20
SEED = 77  # other instances than the demonstration's
QUESTIONS = 60  # different ones for each tool

BARE = """
import os, resource
def once():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
def used():
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)
before = used()
for _ in range({forks}):
    once()
print((used() - before) / {forks})
"""


async def main(calls: int) -> None:
    async with AsyncExitStack() as stack:
        arms = await open_arms(stack)
        for _ in range(WARM_UP):
            for sandbox in arms.values():
                await timed(sandbox)
        seconds: dict[str, list[float]] = {name: [] for name in arms}
        for _ in range(calls):
            for name, sandbox in arms.items():
                seconds[name].append(await timed(sandbox))
    report(seconds)


async def open_arms(stack: AsyncExitStack) -> dict[str, Sandbox]:
    interpreter = await find_interpreter()
    launch = Launch(name="unconfined", command=lambda _seed: interpreter.command, filter=b"", zones=interpreter.zones)
    arms: dict[str, Sandbox] = {
        "unconfined": await stack.enter_async_context(CPythonSandbox(launch, workers=1, limits=Limits()))
    }
    for backend in BACKENDS:
        try:
            arms[backend] = await stack.enter_async_context(open_sandbox(backend, workers=1))
        except SandboxError as error:
            sys.stderr.write(f"{backend}: {error.message}\n")
    return arms


async def timed(sandbox: Sandbox) -> float:
    started = time.perf_counter()
    outcome = await sandbox.call(PROGRAM, "solve", ARGUMENTS)
    seconds = time.perf_counter() - started
    if outcome.value != EXPECTED:
        raise SandboxError(f"{sandbox.name}: {outcome.error}")
    return seconds


def report(seconds: dict[str, list[float]]) -> None:
    plain = seconds["unconfined"]
    sys.stdout.write(f"n = {len(plain)} calls an arm, Python {platform.python_version()}, Linux {platform.release()}\n")
    sys.stdout.write(f"{'backend':<12} {'median ms':>10} {'90th ms':>10} {'ratio':>7}\n")
    for name, own in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(own, plain, strict=True))
        ninetieth = statistics.quantiles(own, n=10)[-1]
        sys.stdout.write(f"{name:<12} {statistics.median(own) * 1e3:10.3f} {ninetieth * 1e3:10.3f} {ratio:7.2f}\n")


async def answers(calls: int) -> None:
    """The second table."""
    sys.stdout.write(f"\n{'tool':<36} {'answers':>7} {'CPU ms':>7} {'here':>7} {'inside':>7}\n")
    totals: list[float] = []
    async with open_sandbox(workers=1) as sandbox:
        for name, (source, questions) in (await demonstration_tools(sandbox)).items():
            for question in questions[:WARM_UP]:
                await parser.answer(sandbox, source, question)
            here, inside = time.process_time(), cpu_of_descendants()
            for number in range(calls):
                _, given = await parser.answer(sandbox, source, questions[number % len(questions)])
                assert given is not None  # noqa: S101 - these questions are the tool's
            here, inside = (time.process_time() - here) / calls, (cpu_of_descendants() - inside) / calls
            totals.append(here + inside)
            ms = (1e3 * value for value in (here + inside, here, inside))
            sys.stdout.write(f"{name:<36} {calls:>7} {' '.join(f'{value:7.3f}' for value in ms)}\n")
    sys.stdout.write(f"median of the tools: {statistics.median(totals) * 1e3:.3f} ms ({sandbox.name})\n")
    sys.stdout.write(f"a bare interpreter, forked and ended: {bare_fork(calls) * 1e3:.3f} ms\n")


async def demonstration_tools(sandbox: Sandbox) -> dict[str, tuple[str, list[str]]]:
    """Source of each tool that the demonstration makes, and questions that it answers."""
    found: dict[str, tuple[str, list[str]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        await run_demo(Path(folder), open_role_models(recordings("demo"), maker=None, user=None, record=False))
        with open_store(folder) as store:
            sources = {tool.task: tool.tool.source for tool in store.live_tools()}
    for task in DEMO_TASKS:
        questions = [one.question for one in generate_instances(task, QUESTIONS, SEED)]
        for name, source in sources.items():
            answered = [one for one in questions if (await parser.answer(sandbox, source, one))[1] is not None]
            if answered:
                found[name] = (source, answered)
    return found


def bare_fork(forks: int) -> float:
    code = BARE.format(forks=forks)
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True, capture_output=True, text=True)
    return float(done.stdout)


def cpu_of_descendants() -> float:
    """CPU seconds of every living descendant of this process, and of those that these have reaped."""
    parents: dict[int, int] = {}
    used: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(folder.name)] = int(fields[1])
        used[int(folder.name)] = sum(int(ticks) for ticks in fields[11:15])
    family = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(used[pid] for pid in family - {os.getpid()}) / os.sysconf("SC_CLK_TCK")


async def both(calls: int) -> None:
    await main(calls)
    await answers(calls)


if __name__ == "__main__":
    anyio.run(both, int(sys.argv[1]) if len(sys.argv) > 1 else 500)
