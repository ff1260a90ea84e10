"""Server time of every page, with many requests and tools: what a person waits for before the network.

    python benchmarks/pages.py --requests 100000 --tools 1000 --looks 40

Fills a home with requests of the last 30 days, tools in all states, comparisons and a queue, and asks the application
itself for each page, in this process and without a network. Before each look another request has come in, so that
nothing is as it was. CPU is the median of this process' processor time: on a machine that others use, it says more than
the clock. Figures that are summed up beside the looks are said with how long that took: the first look of all waits for
it, which is not among the n.
"""

from __future__ import annotations

import argparse
import random
import re
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

import anyio
import httpx2

from hammerstone.host import Host
from hammerstone.loop import Models
from hammerstone.sandbox import open_sandbox
from hammerstone.server.access import Access
from hammerstone.server.app import build_pages_app
from hammerstone.server.telemetry.signals import open_signals
from hammerstone.settings import ServeSettings
from hammerstone.store import Store, open_stores
from hammerstone.store.records import Answered, ComparisonKind, ToolState
from hammerstone.tools.shortlist import wording
from hammerstone.tools.tool import Check, Provenance, Tool
from hammerstone.types import Chat, Instance, Message, Route, Source, Usage

AT_ONCE = 1_000
TARGET_MS = 200
SOURCE = '''
import re

def solve(left: int, right: int) -> str:
    """The sum of two whole numbers, in digits."""
    return str(left + right)

def parse(question: str) -> dict | None:
    match = re.fullmatch(r"What is the NAME of (\\d+) and (\\d+)\\?", question)
    return {"left": int(match[1]), "right": int(match[2])} if match else None

def unparse(left: int, right: int) -> str:
    return f"What is the NAME of {left} and {right}?"
'''
PAGES = {
    "overview, last day": "/ui",
    "overview, 30 days": "/ui?span=month",
    "overview, one task": "/ui?span=month&task=kind_1",
    "requests": "/ui/requests",
    "requests, one route": "/ui/requests?route=labeler",
    "requests, one task": "/ui/requests?task=kind_7",
    "requests, a text that is there": "/ui/requests?text=kind_5+of",
    "requests, a text that is nowhere": "/ui/requests?text=nowhere+at+all",
    "one request": "/ui/requests/{middle}",
    "how it is read": "/ui/requests/{middle}/reading",
    "tasks": "/ui/tasks",
    "tasks, the last page": "/ui/tasks?at={last}",
    "tasks in shadow": "/ui/tasks?state=shadow",
    "one task": "/ui/tasks/kind_1",
    "its form": "/ui/tasks/kind_1/try",
    "labels": "/ui/labels",
    "health": "/ui/health",
    "log": "/ui/log",
}


def tool(name: str) -> Tool:
    questions = [f"What is the {name} of {number} and {number + 1}?" for number in range(5)]
    checks = [
        Check(question=one, arguments={"left": n, "right": n + 1}, answer=str(2 * n + 1), parsed=True)
        for n, one in enumerate(questions)
    ]
    made = Provenance(
        maker="bench",
        recipe="module",
        prompts="1",
        shown=3,
        verified=1,
        held_out=1,
        instances=(),
        attempts=1,
        usage=Usage(),
        cost_usd=0.02,
        made="2026-01-02T03:04:05+00:00",
    )
    return Tool(
        name=name,
        description=f"The {name} of two numbers.",
        source=SOURCE.replace("NAME", name),
        demonstrations=(),
        checks=tuple(checks),
        routes=(Route.PARSER,),
        wording=wording(questions),
        provenance=made,
    )


def requests(count: int, tools: int) -> Iterator[list[Answered]]:
    """Most of a few kinds, as traffic is: answered by tools, by the strong model, and a few by people."""
    draw = random.Random(0)
    for start in range(0, count, AT_ONCE):
        yield [_request(draw, number, tools) for number in range(start, min(start + AT_ONCE, count))]


def _request(draw: random.Random, number: int, tools: int) -> Answered:
    name = f"kind_{min(int(draw.expovariate(12 / tools)), tools - 1)}"
    question = f"What is the {name} of {number} and {number + 1}?"
    route = draw.choices((Route.PARSER, Route.SOLVER, Route.EXACT, Route.LABELER), (70, 25, 4, 1))[0]
    by_tool, by_model = route is Route.PARSER, route is Route.SOLVER
    system = Message(role="system", content="You add numbers for a company. " * 20)
    return Answered(
        id=f"request-{number}",
        question=question,
        answer=str(2 * number + 1),
        route=route,
        task=name,
        tool=name if by_tool else None,
        version=1 if by_tool else None,
        model_calls=int(by_model),
        cost_usd=0.002 if by_model else 0.0,
        ms=900.0 if by_model else 4.0,
        refusals=(f"{name}: parse returned None",) if by_model and number % 3 == 0 else (),
        chat=Chat(messages=(system, Message(role="user", content=question)), model=f"model-{number % 4}"),
    )


def fill(store: Store, count: int, tools: int) -> None:
    states = (ToolState.LIVE, ToolState.LIVE, ToolState.LIVE, ToolState.SHADOW, ToolState.GATED)
    for number in range(tools):
        name = f"kind_{number}"
        one = tool(name)
        store.publish(one, state=states[number % len(states)])
        for check in one.checks:
            instance = Instance(question=check.question, answer=check.answer, source=Source.SOLVER)
            store.add_instance(name, instance, request_id=check.question)
    for number in range(200):
        store.enqueue(f"queued-{number}", f"What is {number}?", "kind_1")
        store.add_comparison(
            "kind_1",
            1,
            request_id=f"request-{number}",
            kind=ComparisonKind.AUDIT,
            tool_answer=str(number),
            upstream_answer=str(number + (number % 20 == 0)),
            rule=lambda _: None,
        )
    for batch in requests(count, tools):
        store.add_answers(batch)


def spread(file: str, count: int) -> None:
    """Spread the rows over the last 30 days, oldest first."""
    with sqlite3.connect(file) as database:
        ago = f"((({count} - id) * 2592000) / {count})"
        moment = f"strftime('%Y-%m-%dT%H:%M:%f000+00:00', 'now', '-' || {ago} || ' seconds')"
        database.execute(f"UPDATE answers SET created = {moment}")  # noqa: S608 - numbers of ours
    database.close()


async def measure(home: Path, arguments: argparse.Namespace) -> None:
    signals = open_signals(ServeSettings())
    with open_stores(home) as stores:
        if not stores.of("").newest_answer():
            fill(stores.of(""), arguments.requests, arguments.tools)
            spread(stores.of("").where, arguments.requests)
        async with (
            open_sandbox() as sandbox,
            Host(stores=stores, sandbox=sandbox, models=Models(), fresh_s=1.0) as host,
        ):
            access = Access(host.keys)
            app = build_pages_app(host, ServeSettings(), access, signals)
            transport = httpx2.ASGITransport(app)
            async with (
                app.router.lifespan_context(app),
                httpx2.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as client,
            ):
                print(f"{arguments.requests:,} requests, {arguments.tools:,} tools, n = {arguments.looks} of each page")
                for name, path in PAGES.items():
                    path = path.format(middle=arguments.requests // 2, last=max(0, arguments.tools - 50))
                    await report(client, stores.of(""), name, path, arguments)


async def report(client: httpx2.AsyncClient, store: Store, name: str, path: str, arguments: argparse.Namespace) -> None:
    took: list[float] = []
    busy: list[float] = []
    draw, text = random.Random(name), ""
    for _ in range(arguments.looks + 1):  # the first one reads templates and fills caches
        store.add_answers([_request(draw, draw.randrange(arguments.requests), arguments.tools)])
        began, used = time.perf_counter(), time.process_time()
        response = await client.get(path)
        took.append((time.perf_counter() - began) * 1000)
        busy.append((time.process_time() - used) * 1000)
        if response.status_code != 200:
            raise SystemExit(f"{path}: {response.status_code} {response.text[:500]}")
        text = response.text
    cuts, cpu = quantiles(took[1:], n=20), median(busy[1:])
    late = "" if cuts[18] <= TARGET_MS else f"  above {TARGET_MS} ms"
    size = len(text.encode()) / 1000
    summed = re.search(r"summing them up took ([^,<]+),", text)
    late += f"  summed up beside it in {summed[1]}" if summed else ""
    print(
        f"{name:<34} p50 {cuts[9]:7.1f} ms   p95 {cuts[18]:7.1f} ms   CPU {cpu:6.1f} ms   {size:6.1f} kB{late}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--tools", type=int, default=1_000)
    parser.add_argument("--looks", type=int, default=40)
    parser.add_argument("--home", type=Path, help="Where the home is kept: one that is there is not filled again.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        anyio.run(measure, arguments.home or Path(folder), arguments)


if __name__ == "__main__":
    main()
