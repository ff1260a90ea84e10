"""`hammerstone demo --serve`: the demonstration's requests through a gateway, offline, with recordings behind it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from hammerstone.cli.extras import needs_extra
from hammerstone.cli.tables import show_table
from hammerstone.cli.terminal import print_line, talk

if TYPE_CHECKING:
    import httpx2

    from hammerstone.store import Store

__all__ = ["demo_serve"]

THINK_SECONDS = 0.4  # before a recorded answer: a model takes seconds, and a demonstration should not
PAUSE_SECONDS = 0.2  # between two requests
SHADOW = 2  # agreements in a row before a tool serves
LOOK_SECONDS = 0.1  # between two looks at what is being built
PATIENCE_SECONDS = 300.0  # for one build
MODEL = "recorded"  # the name that requests carry
EXAMPLE = "word_sorting"
PATH, TASK = "/v1/chat/completions", "x-hammerstone-task"
MEANING = {"shadow": f" serves once it has agreed with the upstream {SHADOW} times in a row"}


def demo_serve(home: Path, recordings: Path | None, sandbox: str, port: int) -> None:
    """Serve on 127.0.0.1 until Ctrl-C, and walk through the demonstration's stream meanwhile."""
    import anyio

    with needs_extra("the gateway", "demo --serve"):
        from hammerstone.server.recorded_upstream import recorded_upstreams
        from hammerstone.server.serving import open_tenants, serve
        from hammerstone.server.telemetry import open_signals
        from hammerstone.server.upstream import UpstreamPrices
    from hammerstone.concurrency import task_group
    from hammerstone.environment import recordings as shipped
    from hammerstone.evals.demo_gateway import PRICES, recorded_maker, recorded_replies
    from hammerstone.evals.illustrative_prices import STRONG
    from hammerstone.loop import Models
    from hammerstone.settings import ImproveSettings, LifeSettings, ServeSettings, Settings

    folder = recordings or shipped("demo")
    settings = Settings(
        improve=ImproveSettings(after=0), life=LifeSettings(shadow=SHADOW), serve=ServeSettings(port=port)
    )
    models = Models(maker=recorded_maker(folder / "maker.jsonl"))
    prices = UpstreamPrices(of=lambda _, usage: STRONG.cost(usage), note=PRICES)
    signals = open_signals(settings.serve)

    async def run() -> None:
        replies = await recorded_replies(folder / "solver.jsonl")
        upstreams = recorded_upstreams(replies, think_s=THINK_SECONDS, prices=prices)
        async with open_tenants(str(home), settings, sandbox, signals, models) as tenants, task_group() as group:
            client = DemoClient((await tenants.of()).store)

            def on_start(url: str, needs_key: bool) -> None:
                del needs_key
                group.start_soon(client.send_stream, url)

            await serve(tenants, upstreams, settings.serve, signals, on_start)
            group.cancel_scope.cancel()

    try:
        anyio.run(run)
    finally:
        signals.close()


class DemoClient:
    """A client that sends the stream, request by request, and prints which route answered."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._states: dict[str, str] = {}
        self._seen: dict[str, list[tuple[float, str]]] = {}  # by route: milliseconds, and whether it was right

    async def send_stream(self, url: str) -> None:
        """Send the whole stream, then a question of each task that was never recorded."""
        import httpx2

        from hammerstone.evals.demo_gateway import PRICES
        from hammerstone.evals.traffic import new_questions, stream_items

        stream, new = stream_items(), new_questions()
        example = next(item.request.question for item in stream if item.task == EXAMPLE)
        talk(f"{url}/v1, with recorded answers behind it, {THINK_SECONDS} s each; stop with Ctrl-C", "serving:")
        talk(f"{url}/ui in a browser shows what happens", "pages:")
        talk(PRICES)
        talk("Ask one of the recorded questions yourself, now and when its tool is live:")
        talk(f"  {_curl(url, example)}")
        talk(f"The {len(stream)} requests of the demonstration are sent now, one after the other. Each line:")
        talk("request, its kind (x-hammerstone-task), route, time, and whether the answer is right")
        async with httpx2.AsyncClient(base_url=url, timeout=PATIENCE_SECONDS) as client:
            for item in stream:
                task = item.task if item.kind == "own" else None
                await self._send(client, item.request.id, item.request.question, item.request.answer, task)
            talk("Questions that were never recorded:")
            for task, instance in new.items():
                await self._send(client, "new", instance.question, instance.answer, task)
        self._show_routes()
        talk("The gateway goes on. Put other words into this one:")
        talk(f"  {_curl(url, new[EXAMPLE].question)}")

    async def _send(
        self, client: httpx2.AsyncClient, number: str, question: str, answer: str | None, task: str | None
    ) -> None:
        """Send one request, after the build that it might profit from."""
        import anyio

        await self._wait_for_build(task)
        response = await client.post(PATH, json=_body(question), headers={TASK: task} if task else {})
        route, ms = response.headers.get("x-hammerstone-route", "-"), response.elapsed.total_seconds() * 1000
        verdict = _verdict(response, answer)
        self._seen.setdefault(route, []).append((ms, verdict))
        print_line(number, f"{task or '-':<25}", f"{route:<8}", f"{ms:6.1f} ms", verdict)
        if response.status_code == 200:
            await self._wait_until_learned(response.headers["x-hammerstone-request-id"])
        await self._say_changes()
        await anyio.sleep(PAUSE_SECONDS)

    def _show_routes(self) -> None:
        rows = [
            (
                route,
                str(len(seen)),
                str(sum(verdict == "right" for _, verdict in seen)),
                f"{median(ms for ms, _ in seen):.0f} ms",
            )
            for route, seen in self._seen.items()
        ]
        show_table("By route", ("route", "#requests", "#right", "#median time"), rows, stderr=True)

    async def _wait_until_learned(self, request_id: str) -> None:
        """Wait until the gateway has stored what it gathers for a moment."""
        import anyio
        from anyio import to_thread

        from hammerstone.store import WantedAnswers

        wanted = WantedAnswers(request_id=request_id)
        with anyio.move_on_after(PATIENCE_SECONDS):
            while not await to_thread.run_sync(self._store.answers, wanted, 1):  # noqa: ASYNC110 - a store sets no event
                await anyio.sleep(LOOK_SECONDS / 2)

    async def _wait_for_build(self, task: str | None) -> None:
        """Wait for a build, which runs beside the traffic: a demonstration has time."""
        import anyio
        from anyio import to_thread

        if task is None or not await to_thread.run_sync(self._is_being_built, task):
            return
        talk(task, "building")
        with anyio.move_on_after(PATIENCE_SECONDS):
            while await to_thread.run_sync(self._is_being_built, task):  # noqa: ASYNC110 - a store sets no event
                await anyio.sleep(LOOK_SECONDS)
        await self._say_changes()

    def _is_being_built(self, task: str) -> bool:
        from hammerstone.store import BuildState

        return any(build.state is BuildState.RUNNING for build in self._store.builds(task))

    async def _say_changes(self) -> None:
        """Report changes of the tools' states."""
        from anyio import to_thread

        for tool in await to_thread.run_sync(self._store.tools):
            name, state = f"{tool.task}@{tool.version}", tool.state.value
            if self._states.get(name) != state:
                self._states[name] = state
                talk(f"{name}{MEANING.get(state, '')}", f"{state}:")


def _body(question: str) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": question}]}


def _curl(url: str, question: str) -> str:
    data = shlex.quote(json.dumps(_body(question)))
    return f"curl -i {url}{PATH} -H 'content-type: application/json' -d {data}"


def _verdict(response: httpx2.Response, answer: str | None) -> str:
    from hammerstone.requests import agree

    if response.status_code != 200:
        return str(response.status_code)
    text = response.json()["choices"][0]["message"]["content"]
    return "right" if agree(text, answer or "") else "wrong"
