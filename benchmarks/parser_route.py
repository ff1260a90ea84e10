"""Answers a second by the parser route, end to end with the store, against the bare sandbox calls they consist of.

    uv run python benchmarks/parser_route.py -n 1200

Runs the demonstration first, for its tools; then asks fresh generated instances of its six tasks, without any model.
Target: at least 300 answers a second on two cores.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import anyio

from hammerstone import Request, Route, Settings
from hammerstone.concurrency import map_concurrently
from hammerstone.environment import recordings
from hammerstone.evals.demo_run import run_demo
from hammerstone.evals.role_models import open_role_models
from hammerstone.evals.tasks import generate_instances
from hammerstone.evals.traffic.demo_stream import DEMO_TASKS
from hammerstone.loop import Hammerstone, Models
from hammerstone.sandbox import Sandbox, open_sandbox
from hammerstone.store import Store, open_store
from hammerstone.tools import parser

SEED = 77  # other instances than the demonstration's


def fresh_requests(n: int) -> list[Request]:
    """The six tasks mixed."""
    each = -(-n // len(DEMO_TASKS))
    instances = [one for task in DEMO_TASKS for one in generate_instances(task, each, SEED)]
    random.Random(SEED).shuffle(instances)
    return [Request.plain(id=str(i), question=one.question, answer=one.answer) for i, one in enumerate(instances[:n])]


async def end_to_end(store: Store, sandbox: Sandbox, requests: Sequence[Request]) -> tuple[float, int, int]:
    """Seconds, answers by the parser route, and how many of those are wrong."""
    async with Hammerstone(store=store, sandbox=sandbox, models=Models(), settings=Settings()) as hammerstone:
        started = time.perf_counter()
        answers = [answered async for answered in hammerstone.stream(requests)]
        seconds = time.perf_counter() - started
    by_parser = [one for one in answers if one.route is Route.PARSER]
    return seconds, len(by_parser), sum(not one.correct for one in by_parser)


async def bare_calls(store: Store, sandbox: Sandbox, requests: Sequence[Request]) -> float:
    """The same sandbox calls (parse; unparse and solve side by side), each with the tool that is known to fit."""
    tools = {tool.task: tool.tool.source for tool in store.live_tools()}
    by_question = {}
    async with Hammerstone(store=store, sandbox=sandbox, models=Models()) as hammerstone:
        for request in requests:
            by_question[request.question] = tools.get((await hammerstone.solve(request)).tool or "")
    jobs = [(source, question) for question, source in by_question.items() if source]
    limiter = anyio.CapacityLimiter(8)

    async def one(job: tuple[str, str]) -> None:
        async with limiter:
            await parser.answer(sandbox, *job)

    started = time.perf_counter()
    await map_concurrently(one, jobs)
    return (time.perf_counter() - started) / len(jobs) * len(requests)


async def measure(n: int, rounds: int) -> None:
    requests = fresh_requests(n)
    with tempfile.TemporaryDirectory() as home:
        await run_demo(Path(home), open_role_models(recordings("demo"), maker=None, user=None, record=False))
        with open_store(home) as store:
            async with open_sandbox() as sandbox:
                for _ in range(rounds):
                    whole, answered, wrong = await end_to_end(store, sandbox, requests)
                    bare = await bare_calls(store, sandbox, requests)
                    print(
                        f"{n / whole:.0f} answers a second end to end, {n / bare:.0f} by sandbox calls alone, "
                        f"ratio {whole / bare:.2f}; {answered} of {n} by parser, {wrong} wrong; sandbox {sandbox.name}"
                    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("-n", type=int, default=1_200)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    anyio.run(partial(measure, given.n, given.rounds))


if __name__ == "__main__":
    main()
