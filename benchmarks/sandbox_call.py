"""What confinement costs: one warm call in each backend, beside the same worker without confinement.

    python benchmarks/sandbox_call.py [calls]

All arms are warm and take turns, call by call, so that whatever else the machine does falls on all of them alike. The
ratio is the median of the paired ratios to the unconfined worker, which exists only here and in the tests: it is the
same code with an empty system call filter and no confinement around it, and `open_sandbox` cannot choose it.
"""

from __future__ import annotations

import platform
import statistics
import sys
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import anyio

from hammerstone.errors import SandboxError
from hammerstone.sandbox import open_sandbox
from hammerstone.sandbox.choose import BACKENDS
from hammerstone.sandbox.interpreter import find_interpreter
from hammerstone.sandbox.pool import CPythonSandbox
from hammerstone.sandbox.process import Launch

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
    arms: dict[str, Sandbox] = {"unconfined": await stack.enter_async_context(CPythonSandbox(launch, workers=1))}
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


if __name__ == "__main__":
    anyio.run(main, int(sys.argv[1]) if len(sys.argv) > 1 else 500)
