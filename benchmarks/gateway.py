"""The gateway under load: hits beside LiteLLM's cache hits, misses beside direct calls of the upstream.

    python benchmarks/gateway.py [--seconds 8] [--rounds 3] [--litellm PYTHON] [--only hits,misses,tools,memory]

Needs `wrk` (Debian's). All servers run on this machine side by side, and take turns under load, so that whatever else
the machine does falls on all of them alike; ratios are medians of the rounds' ratios. Hits are fresh questions of six
tasks, answered by the tools that the recorded builds of `hammerstone bench make` give: no question comes twice.
LiteLLM's proxy answers one request again and again from its cache in memory. `--litellm` names the Python of an
environment of its own that has `litellm[proxy]`; without it only hammerstone is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import anyio

from hammerstone.environment import recordings
from hammerstone.evals.harness.bench_run import BenchRun
from hammerstone.evals.harness.build_trials import tool_for
from hammerstone.evals.harness.samples import PAPER_TASKS, generated_samples
from hammerstone.evals.role_models import open_role_models
from hammerstone.evals.tasks import generate_instances
from hammerstone.requests.frame import frame_of
from hammerstone.sandbox import open_sandbox
from hammerstone.store import open_store
from hammerstone.tools.tool import Tool
from hammerstone.types import Chat, Message

MODEL = "gpt-4o-mini"
CONNECTIONS = 16
PAUSE_MS = 40
MISSES = (
    ("saturated", 50, CONNECTIONS, 0),
    ("in-step", 200, CONNECTIONS, 0),
    ("apart", 200, CONNECTIONS, PAUSE_MS),
    ("alone", 50, 1, 0),
)
"""Measurements of misses: the upstream's delay in ms, the connections, and a client's longest pause in ms."""
FRESH = 60_000  # different questions: more than any run asks
LITELLM = {
    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",  # neither gateway checks keys here
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # it would fetch the table of prices
}
UNKNOWN = "Tell me something about number {} that nobody has ever written down."


@dataclass(frozen=True, kw_only=True)
class Load:
    """The report of `wrk`. Latencies are in milliseconds."""

    per_second: float
    p50: float
    p99: float
    errors: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=8, help="length of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each server")
    parser.add_argument("--litellm", type=Path, help="a Python that has litellm[proxy]")
    parser.add_argument("--only", default="hits,misses,tools,memory", help="comma-separated parts")
    given = parser.parse_args()
    parts = given.only.split(",")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(folder=Path(folder), seconds=given.seconds, rounds=given.rounds)
        tools = anyio.run(recorded_tools)
        print(f"{len(tools)} tools, {CONNECTIONS} connections, {given.rounds} rounds of {given.seconds} s")
        if "hits" in parts:
            measure_hits(bench, tools, given.litellm)
        if "misses" in parts:
            measure_misses(bench, tools)
        if "tools" in parts:
            measure_many_tools(bench, tools)
        if "memory" in parts:
            measure_memory(bench, tools, given.litellm)


# what is measured


def measure_hits(bench: Bench, tools: Sequence[Tool], litellm: Path | None) -> None:
    with ExitStack() as stack:
        upstream = stack.enter_context(bench.upstream(0))
        ours = stack.enter_context(bench.gateway("hits", tools, upstream))
        script = bench.script("fresh", questions(FRESH))
        theirs = stack.enter_context(bench.litellm(litellm, upstream)) if litellm else None
        same = bench.script("same", [UNKNOWN.format(1)])
        check(ours, questions(1)[0], route="parser")
        rounds = [(bench.load(ours, script), bench.load(theirs, same) if theirs else None) for _ in range(bench.rounds)]
    report("hits, every question fresh", [own for own, _ in rounds])
    others = [other for _, other in rounds if other is not None]
    if others:
        report("LiteLLM's proxy, cache hits", others)
        pairs = [(own, other) for own, other in rounds if other is not None]
        more = statistics.median(own.per_second / other.per_second for own, other in pairs)
        p50 = statistics.median(own.p50 / other.p50 for own, other in pairs)
        print(f"  hits a second: {more:.1f} x LiteLLM's; p50: {p50:.3f} x LiteLLM's")


def measure_misses(bench: Bench, tools: Sequence[Tool]) -> None:
    """Requests that a tool might be asked, but none answers: with the process saturated, at a slower pace, and one at
    a time. In a closed loop 16 requests come in step: one that takes s ms of CPU waits for 8 s in the median. Clients
    that pause for a random time before each request come apart, as users who do not know of each other do.
    """
    for pace, delay_ms, connections, pause_ms in MISSES:
        with ExitStack() as stack:
            upstream = stack.enter_context(bench.upstream(delay_ms))
            ours = stack.enter_context(bench.gateway(f"misses-{pace}", tools, upstream))
            asked = [UNKNOWN.format(number) for number in range(FRESH)]
            for name, stream in (("whole replies", False), ("streams", True)):
                script = bench.script(f"{pace}-{stream}", asked, stream=stream, pause_ms=pause_ms)
                bench.load(ours, script, connections)  # its first requests find everything new
                before = ours.cpu_seconds()
                rounds = [
                    (bench.load(ours, script, connections), bench.load(upstream, script, connections))
                    for _ in range(bench.rounds)
                ]
                count = sum(own.per_second for own, _ in rounds) * bench.seconds
                report(f"misses, {name}, upstream of {delay_ms} ms ({pace})", [own for own, _ in rounds])
                report("the same upstream directly", [direct for _, direct in rounds])
                p50 = statistics.median(own.p50 - direct.p50 for own, direct in rounds)
                p99 = statistics.median(own.p99 - direct.p99 for own, direct in rounds)
                cpu = (ours.cpu_seconds() - before) / count * 1000
                print(f"  added: {p50:.2f} ms at p50, {p99:.2f} ms at p99; CPU {cpu:.2f} ms a miss, n = {count:,.0f}")


def measure_many_tools(bench: Bench, tools: Sequence[Tool]) -> None:
    """Hits with six live tools beside hits with a thousand: copies whose wording no question holds."""
    others = [renamed(tools[number % len(tools)], number) for number in range(1_000 - len(tools))]
    with ExitStack() as stack:
        upstream = stack.enter_context(bench.upstream(0))
        few = stack.enter_context(bench.gateway("few", tools, upstream))
        many = stack.enter_context(bench.gateway("many", [*tools, *others], upstream))
        script = bench.script("fresh-few", questions(FRESH))
        for one in (few, many):
            check(one, questions(1)[0], route="parser")  # the first request has the tools loaded
        rounds = [(bench.load(few, script), bench.load(many, script)) for _ in range(bench.rounds)]
    report("hits with 6 live tools", [one for one, _ in rounds])
    report("hits with 1,000 live tools", [one for _, one in rounds])
    print(f"  p50: {statistics.median(two.p50 / one.p50 for one, two in rounds):.2f} x that with 6")


def measure_memory(bench: Bench, tools: Sequence[Tool], litellm: Path | None) -> None:
    """Proportional memory of the gateway and its workers with 50 live tools, before and after a load, and LiteLLM's.

    Each is started twice: a start that finds no bytecode compiles its modules, and keeps memory from that.
    """
    others = [renamed(tools[number % len(tools)], number) for number in range(50 - len(tools))]
    with ExitStack() as stack:
        upstream = stack.enter_context(bench.upstream(0))
        with bench.gateway("compiled", tools, upstream):
            pass
        ours = stack.enter_context(bench.gateway("memory", [*tools, *others], upstream))
        script = bench.script("fresh-memory", questions(FRESH))
        bench.load(ours, script)
        before = ours.megabytes()
        asked = sum(bench.load(ours, script).per_second * bench.seconds for _ in range(bench.rounds))
        after = ours.megabytes()
        print(
            f"memory (PSS) of gateway and workers, 50 tools: {before:.0f} MB, {after:.0f} after {asked:,.0f} more hits"
        )
        if litellm is not None:
            with bench.litellm(litellm, upstream):
                pass
            theirs = stack.enter_context(bench.litellm(litellm, upstream))
            bench.load(theirs, bench.script("same-memory", [UNKNOWN.format(1)]))
            print(f"memory (PSS) of LiteLLM's proxy: {theirs.megabytes():.0f} MB")


# servers


@dataclass(frozen=True, kw_only=True)
class Server:
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/chat/completions"

    def cpu_seconds(self) -> float:
        """CPU seconds of the process itself, in user and system mode."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def megabytes(self) -> float:
        """Proportional set size of the process and all below it."""
        family = {self.process.pid}
        for _ in range(4):
            for status in Path("/proc").glob("[0-9]*/stat"):
                try:
                    fields = status.read_text().rsplit(")", 1)[1].split()
                except OSError:
                    continue
                if int(fields[1]) in family:
                    family.add(int(status.parent.name))
        return sum(map(pss, family)) / 1024


@dataclass(frozen=True, kw_only=True)
class Bench:
    folder: Path
    seconds: int
    rounds: int

    @contextmanager
    def upstream(self, delay_ms: int) -> Iterator[Server]:
        port = free_port()
        command = [sys.executable, str(Path(__file__).with_name("fake_upstream.py")), str(port), str(delay_ms)]
        with self.running(command, port) as server:
            yield server

    @contextmanager
    def gateway(self, name: str, tools: Sequence[Tool], upstream: Server) -> Iterator[Server]:
        home, port = self.folder / name, free_port()
        with open_store(home) as store:
            for tool in tools:
                store.publish(tool)
        command = [sys.executable, "-m", "hammerstone", "serve", "--home", str(home), "--port", str(port)]
        command += ["--audit", "0"]  # the fake upstream's answers are not right
        with self.running([*command, "--upstream", f"http://127.0.0.1:{upstream.port}"], port) as server:
            yield server

    @contextmanager
    def litellm(self, python: Path, upstream: Server) -> Iterator[Server]:
        port, config = free_port(), self.folder / "litellm.json"
        model = {"model": f"openai/{MODEL}", "api_base": f"http://127.0.0.1:{upstream.port}/v1", "api_key": "none"}
        caching = {"cache": True, "cache_params": {"type": "local"}}
        config.write_text(
            json.dumps({"model_list": [{"model_name": MODEL, "litellm_params": model}], "litellm_settings": caching})
        )
        command = [
            str(python.with_name("litellm")),
            "--config",
            str(config),
            "--port",
            str(port),
            "--host",
            "127.0.0.1",
        ]
        with self.running(command, port) as server:
            yield server

    @contextmanager
    def running(self, command: Sequence[str], port: int) -> Iterator[Server]:
        log = (self.folder / f"{port}.log").open("wb")
        environment = {**os.environ, **LITELLM}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # a server that is installed has bytecode
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, env=environment)
        server = Server(port=port, process=process)
        try:
            wait_for(server, log.name)
            yield server
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def script(self, name: str, asked: Sequence[str], *, stream: bool = False, pause_ms: int = 0) -> Path:
        """A program for `wrk` that posts one body after the other. A place in the list is kept from run to run.

        Each client pauses for up to `pause_ms` before a request; its latency is counted from after that.
        """
        bodies = self.folder / f"{name}.txt"
        fields = {"model": MODEL, **({"stream": True} if stream else {})}
        lines = [json.dumps({**fields, "messages": [{"role": "user", "content": one}]}) for one in asked]
        bodies.write_text("\n".join(lines))
        path = self.folder / f"{name}.lua"
        program = LUA.replace("BODIES", str(bodies)).replace("PLACE", str(self.folder / f"{name}.place"))
        path.write_text(program + (PAUSE % pause_ms if pause_ms else ""))
        return path

    def load(self, server: Server, script: Path, connections: int = CONNECTIONS) -> Load:
        command = ["wrk", "-t1", f"-c{connections}", f"-d{self.seconds}s", "--latency", "-s", str(script), server.url]
        return read_wrk(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


LUA = """
local bodies = {}
for line in io.lines("BODIES") do bodies[#bodies + 1] = line end
local file = io.open("PLACE", "r")
local at = file and tonumber(file:read("*a")) or 0
if file then file:close() end
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
function request()
  at = at + 1
  return wrk.format(nil, nil, nil, bodies[(at - 1) % #bodies + 1])
end
function done(summary)
  local out = io.open("PLACE", "a+")
  local before = tonumber(out:read("*a")) or 0
  out:close()
  out = io.open("PLACE", "w")
  out:write(tostring(before + summary.requests + 64))
  out:close()
end
"""

PAUSE = """
function delay()
  return math.random(0, %d)
end
"""


def wait_for(server: Server, log: str) -> None:
    """Wait until the server answers anything."""
    for _ in range(2_000):
        if server.process.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{server.port}/healthz", timeout=1).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    sys.exit(f"a server did not start:\n{Path(log).read_text(errors='replace')[-2000:]}")


def check(server: Server, question: str, *, route: str) -> None:
    """A load of answers that are not what is to be measured would be worth nothing."""
    body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": question}]}).encode()
    request = urllib.request.Request(server.url, data=body, headers={"content-type": "application/json"})
    with urllib.request.urlopen(request) as response:
        if response.headers["x-hammerstone-route"] != route:
            sys.exit(f"answered by {response.headers['x-hammerstone-route']}, not by {route}")


def read_wrk(text: str) -> Load:
    errors = sum(
        int(number) for number in re.findall(r"(?:Non-2xx or 3xx responses|connect|read|write|timeout):? (\d+)", text)
    )
    return Load(
        per_second=float(re.findall(r"Requests/sec:\s+([\d.]+)", text)[0]),
        p50=_ms(re.findall(r"^\s+50%\s+(\S+)", text, re.MULTILINE)[0]),
        p99=_ms(re.findall(r"^\s+99%\s+(\S+)", text, re.MULTILINE)[0]),
        errors=errors,
    )


def _ms(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()  # pyright: ignore[reportOptionalMemberAccess]
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}[unit]


def report(what: str, loads: Sequence[Load]) -> None:
    median = [statistics.median(getattr(one, name) for one in loads) for name in ("per_second", "p50", "p99")]
    errors = sum(one.errors for one in loads)
    print(f"{what:42} {median[0]:8.0f}/s  p50 {median[1]:8.2f} ms  p99 {median[2]:8.2f} ms  {errors} errors")


def pss(pid: int) -> int:
    """Kilobytes."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return int(re.findall(r"^Pss:\s+(\d+)", text, re.MULTILINE)[0])


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


# tools and questions


async def recorded_tools() -> list[Tool]:
    """One for each of the paper's tasks, for questions that come alone in a chat of this model."""
    frame = frame_of(Chat(messages=(Message(role="user", content="?"),), model=MODEL))
    models = open_role_models(recordings("bench"), maker=None, user=None, record=False)
    with tempfile.TemporaryDirectory() as folder, open_store(folder) as store:
        async with open_sandbox() as sandbox:
            bench = BenchRun(store=store, sandbox=sandbox, models=models, n=1)
            made = [(await tool_for(bench, generated_samples(name, 1, 0)))[0] for name in PAPER_TASKS]
    return [replace(tool, frame=frame) for tool in made if tool is not None]


def renamed(tool: Tool, number: int) -> Tool:
    """Another task's tool, whose wording is its own."""
    wording = tuple(sorted(f"{number:03}{gram}"[:5] for gram in tool.wording))
    return replace(tool, name=f"{tool.name}_{number}", wording=wording)


def questions(n: int) -> list[str]:
    """Fresh ones of the six tasks, mixed."""
    each = -(-n // len(PAPER_TASKS))
    drawn = [one.question for name in PAPER_TASKS for one in generate_instances(name, each, 77)]
    random.Random(77).shuffle(drawn)
    return drawn[:n]


if __name__ == "__main__":
    main()
