"""Dispatch without a model among 1,000 live tools and 100,000 stored instances, against trying every tool.

    uv run python benchmarks/dispatch.py            # about two minutes, most of it to fill the store

Target: under 20 ms to find out which tools' parsers reproduce a question, or that none does.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import anyio

from hammerstone.concurrency import map_concurrently
from hammerstone.routes import Asked
from hammerstone.routes.catalog import Catalog
from hammerstone.sandbox import Sandbox, open_sandbox
from hammerstone.store import Store, open_store
from hammerstone.store.records import StoredTool
from hammerstone.tools import parser
from hammerstone.tools.shortlist import wording
from hammerstone.tools.tool import Provenance, Tool
from hammerstone.types import Instance, Route, Source, Usage

WORDS = (
    "amount balance cargo delivery estimate factor grain height index journey kernel ledger margin number order price "
    "quota range sample total unit value weight yield zone angle batch cycle depth energy flow gap hour input joint"
).split()

SOURCE = '''
import re
_FORM = re.compile(r"{form}")

def solve(left: int, right: int) -> str:
    """The sum."""
    return str(left + right + {number})

def parse(question: str) -> dict | None:
    found = _FORM.fullmatch(question)
    return {{"left": int(found[1]), "right": int(found[2])}} if found else None

def unparse(left: int, right: int) -> str:
    return f"{template}"
'''


def question(number: int, left: object, right: object) -> str:
    """One of a thousand kinds: three words of its own among wording that all of them share."""
    rng = random.Random(number)
    a, b, c = rng.sample(WORDS, 3)
    asked = f"Please work out the {a} {b} of case {number}"
    return f"{asked} when its {c} is {left} and the other one is {right}. Give a number."


def tool(number: int) -> Tool:
    samples = [question(number, 17, 23), question(number, 404, 9)]
    return Tool(
        name=f"task_{number}",
        description="a sum",
        source=SOURCE.format(
            form=question(number, r"(\\d+)", r"(\\d+)")
            .replace("\\\\", "\\")
            .replace(". Give", r"\. Give")
            .replace("number.", r"number\."),
            template=question(number, "{left}", "{right}"),
            number=number,
        ),
        demonstrations=(),
        checks=(),
        routes=(Route.PARSER,),
        wording=wording(samples),
        provenance=Provenance(
            maker="benchmark",
            recipe="module",
            prompts="0",
            shown=0,
            verified=0,
            held_out=0,
            instances=(),
            attempts=0,
            usage=Usage(),
            cost_usd=None,
            made="2026-01-01T00:00:00+00:00",
        ),
    )


def fill(store: Store, tools: int, instances: int) -> None:
    for number in range(tools):
        store.publish(tool(number))
    for index in range(instances):
        number = index % tools
        instance = Instance(question=question(number, index, index // 7), answer=str(index), source=Source.SOLVER)
        store.add_instance(f"task_{number}", instance, request_id=str(index))


async def by_shortlist(catalog: Catalog, sandbox: Sandbox, asked: str) -> list[str]:
    await catalog.refresh()
    return await reproduced_by(sandbox, asked, catalog.parsers(Asked.of(asked)))


async def reproduced_by(sandbox: Sandbox, asked: str, tools: Sequence[StoredTool]) -> list[str]:
    answers = await map_concurrently(lambda one: parser.answer(sandbox, one.tool.source, asked), tools)
    return [one.task for one, (_, answer) in zip(tools, answers, strict=True) if answer is not None]


async def timed(function: Callable[[], Awaitable[list[str]]]) -> tuple[float, list[str]]:
    started = time.perf_counter()
    found = await function()
    return (time.perf_counter() - started) * 1000, found


async def measure(store: Store, questions: int, tools: int) -> None:
    rng = random.Random(1)
    asked_tools = rng.sample(range(tools), min(questions, tools, 200))  # each with a worker of its own
    hits = [question(number, rng.randrange(9999), rng.randrange(9999)) for number in asked_tools]
    again = [question(number, rng.randrange(9999), rng.randrange(9999)) for number in asked_tools]
    misses = [asked.replace("other one", "third one") for asked in hits]
    async with open_sandbox() as sandbox:
        catalog = Catalog(store)
        loading, _ = await timed(partial(by_shortlist, catalog, sandbox, hits[0]))
        print(f"first question, which reads {tools} tools from the store: {loading:.0f} ms (at each change)")
        passes = (
            ("one tool reproduces it, its first question since the start", hits),
            ("one tool reproduces it, a later question", again),
            ("no tool reproduces it, though one is asked", misses),
        )
        for name, asked in passes:
            times = [(await timed(partial(by_shortlist, catalog, sandbox, one)))[0] for one in asked]
            quantiles = statistics.quantiles(times, n=100)
            print(
                f"{name}: median {statistics.median(times):.1f} ms, 99th percentile {quantiles[98]:.1f} ms, "
                f"largest {max(times):.1f} ms, n = {len(times)}"
            )
        short, found = await timed(partial(by_shortlist, catalog, sandbox, hits[0]))
        every = store.live_tools()
        full, found_by_all = await timed(partial(reproduced_by, sandbox, hits[0], every))
        same = "the same answer" if found == found_by_all else "ANOTHER ANSWER"
        print(f"trying all {tools} tools: {full:.0f} ms against {short:.1f} ms, ratio {full / short:.0f}, {same}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--tools", type=int, default=1_000)
    options.add_argument("--instances", type=int, default=100_000)
    options.add_argument("--questions", type=int, default=200)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as home, open_store(home) as store:
        fill(store, given.tools, given.instances)
        print(f"{len(store.live_tools())} live tools, {sum(task.instances for task in store.tasks())} instances")
        anyio.run(measure, store, given.questions, given.tools)


if __name__ == "__main__":
    main()
