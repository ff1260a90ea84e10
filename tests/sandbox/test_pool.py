"""The workers of the CPython backends: what they measure, and what happens when they die."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import zoneinfo
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from hammerstone.errors import SandboxError
from hammerstone.sandbox import Limits, Outcome, Sandbox, Status, open_sandbox, pool
from hammerstone.sandbox.choose import BACKENDS
from hammerstone.sandbox.cpython import WORKER_ENDED, CPythonSandbox
from hammerstone.sandbox.inside.modules import PRELOADED
from hammerstone.sandbox.interpreter import find_interpreter
from hammerstone.sandbox.process import Launch
from hammerstone.settings import ALLOWED_IMPORTS
from hammerstone.types import JSON

from ..processes import family, kill_and_await, parents, processes_of_a_new_call

pytestmark = pytest.mark.anyio

SPIN = "def spin():\n    while True:\n        pass\n"
ONE = "def one():\n    return 1\n"
TWO = "def two():\n    return 2\n"
PATIENT = Limits(cpu_seconds=300.0, wall_seconds=300.0)


@pytest.fixture
def others() -> set[int]:
    """The processes that other sandboxes have already started."""
    return family()


@pytest.fixture(params=[name for name in BACKENDS if name != "monty"])
async def fresh(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    """A sandbox of its own, whose workers a test may kill."""
    try:
        opened = open_sandbox(request.param)
        sandbox = await opened.__aenter__()
    except SandboxError as error:
        pytest.skip(error.message)
    yield sandbox
    await opened.__aexit__(None, None, None)


@pytest.mark.parametrize("victim", [0, 1], ids=["template", "worker"])
async def test_a_worker_that_dies_in_a_call_makes_it_killed_and_the_next_is_served(fresh: Sandbox, victim: int) -> None:
    await fresh.call(SPIN, "nothing", {}, limits=PATIENT)  # so that the next new process is the call
    before = family()
    outcomes: list[Outcome] = []

    async def spin() -> None:
        outcomes.append(await fresh.call(SPIN, "spin", {}, limits=PATIENT))

    async with anyio.create_task_group() as group:
        group.start_soon(spin)
        os.kill((await processes_of_a_new_call(before))[victim], signal.SIGKILL)
    assert outcomes[0].status is Status.KILLED
    assert outcomes[0].error == WORKER_ENDED
    assert (await fresh.call(ONE, "one", {})).value == 1


async def test_a_template_whose_interpreter_has_ended_is_replaced_though_its_launcher_lives(others: set[int]) -> None:
    interpreter = await find_interpreter()
    launcher = [
        "sh",
        "-c",
        'exec 3<&0; "$@" <&3 3<&- & exec 0<&- 3<&-; wait; exec sleep 1000',
        "launcher",
        *interpreter.command,
    ]
    launch = Launch(name="launched", command=lambda _seed: launcher, filter=b"", zones=interpreter.zones)
    async with CPythonSandbox(launch, workers=1, limits=Limits()) as sandbox:
        await sandbox.call(SPIN, "nothing", {})
        all_parents = parents()
        kill_and_await({pid for pid in family() - others if all_parents[pid] not in {os.getpid()}})
        assert (await sandbox.call(ONE, "one", {})).value == 1


async def test_other_calls_are_served_while_a_worker_dies(fresh: Sandbox) -> None:
    outcomes: dict[str, Outcome] = {}

    async def call(name: str, program: str) -> None:
        outcomes[name] = await fresh.call(program, name, {}, limits=PATIENT)

    await fresh.call(SPIN, "nothing", {}, limits=PATIENT)
    before = family()
    async with anyio.create_task_group() as group:
        group.start_soon(call, "spin", SPIN)
        _, worker = await processes_of_a_new_call(before)
        await call("one", ONE)
        os.kill(worker, signal.SIGKILL)
    assert outcomes["one"].value == 1
    assert outcomes["spin"].status is Status.KILLED


async def test_a_worker_that_died_while_idle_is_replaced_unnoticed(others: set[int], fresh: Sandbox) -> None:
    await fresh.call(ONE, "one", {})
    kill_and_await(family() - others)
    assert (await fresh.call(ONE, "one", {})).value == 1


async def test_the_workers_of_the_proof_do_not_stay(others: set[int], fresh: Sandbox) -> None:
    with anyio.fail_after(120):
        while len(childless(family() - others)) > 1:  # the template
            await anyio.lowlevel.checkpoint()
    assert (await fresh.call(ONE, "one", {})).value == 1


def childless(pids: set[int]) -> set[int]:
    return pids - set(parents().values())


async def test_a_worker_that_nobody_has_asked_for_long_ends(fresh: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    await fresh.call(ONE, "one", {})
    before = family()
    await fresh.call(TWO, "two", {})
    assert before <= family()
    monkeypatch.setattr(pool, "IDLE_SECONDS", 0.0)
    await fresh.call(TWO, "two", {})
    with anyio.fail_after(120):
        while before <= family():
            await anyio.lowlevel.checkpoint()
    assert (await fresh.call(ONE, "one", {})).value == 1


async def test_a_cancelled_call_leaves_no_process_and_no_answer_for_the_next(fresh: Sandbox) -> None:
    await fresh.call(SPIN, "nothing", {}, limits=PATIENT)
    idle = family()
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: fresh.call(SPIN, "spin", {}, limits=PATIENT))
        await processes_of_a_new_call(family())
        group.cancel_scope.cancel()
    assert family() <= idle
    assert (await fresh.call(ONE, "one", {})).value == 1


async def test_closing_leaves_no_process() -> None:
    processes = family()
    async with open_sandbox() as sandbox:
        await sandbox.call(ONE, "one", {})
        assert family() > processes
    assert family() == processes
    with pytest.raises(SandboxError, match="closed"):
        await sandbox.call(ONE, "one", {})


HOST = """
import json, os, sys
import anyio
from hammerstone.sandbox import Limits, open_sandbox
sys.path.insert(0, sys.argv[2])
from processes import family, processes_of_a_new_call

async def main():
    async with open_sandbox(sys.argv[1]) as sandbox:
        await sandbox.call("def spin(): pass", "spin", {}, hash_seed=1)
        limits = Limits(cpu_seconds=300.0, wall_seconds=300.0)
        await sandbox.call("def spin():\\n while True: pass", "nothing", {}, limits=limits)
        idle = family()
        async with anyio.create_task_group() as group:
            call = "def spin():\\n while True: pass"
            group.start_soon(lambda: sandbox.call(call, "spin", {}, limits=limits))
            await processes_of_a_new_call(idle)
            print(json.dumps(sorted(family())), flush=True)

anyio.run(main)
"""


async def test_when_the_host_is_killed_no_process_of_it_is_left(cpython: Sandbox) -> None:
    command = [sys.executable, "-c", HOST, cpython.name, str(Path(__file__).parents[1])]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as host:  # noqa: ASYNC220 - nothing else runs; our own script
        assert host.stdout is not None
        pids: list[int] = json.loads(host.stdout.readline())
        ends: list[int] = []
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):  # a worker that was no longer wanted
                ends.append(os.pidfd_open(pid))
        host.kill()
    assert len(ends) >= 4  # two workers, a monitor and a call
    for end in ends:
        assert select.select([end], [], [], 120)[0], "a process outlived the host"
        os.close(end)


async def test_time_is_measured_by_the_worker(cpython: Sandbox) -> None:
    limits = Limits(cpu_seconds=0.2, wall_seconds=60.0)
    outcome = await cpython.call(SPIN, "spin", {}, limits=limits)
    assert outcome.status is Status.TIMEOUT
    assert 0.2 <= outcome.cpu_seconds < 2.0
    assert outcome.wall_seconds >= outcome.cpu_seconds * 0.5


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("while True: pass", "(line 4: while True: pass)"),
        ("re.fullmatch('(a+)+b', 'a' * 60)", "(line 4: re.fullmatch('(a+)+b', 'a' * 60))"),
        ("import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [24])\n    while True: pass", ""),
    ],
)
async def test_a_call_says_in_which_line_its_time_was_up(cpython: Sandbox, body: str, line: str) -> None:
    program = f"import re\ndef solve():\n  try:\n    {body}\n  except BaseException:\n    return 'less exactly'\n"
    outcome = await cpython.call(program, "solve", {}, limits=Limits(cpu_seconds=1.0, wall_seconds=60.0))
    assert (outcome.status, outcome.value) == (Status.TIMEOUT, None)
    assert outcome.error == f"took more than 1 s of processor time {line}".rstrip()


async def test_no_generated_code_hears_that_its_time_is_up(cpython: Sandbox) -> None:
    program = "import signal\ndef solve():\n    signal.signal(signal.SIGXCPU, lambda *_: None)\n"
    outcome = await cpython.call(program, "solve", {})
    assert "PermissionError" in outcome.error


async def test_waiting_uses_wall_time_and_no_cpu_time(cpython: Sandbox) -> None:
    program = "import _thread\nlock = _thread.allocate_lock()\ndef solve():\n    lock.acquire()\n    lock.acquire()\n"
    outcome = await cpython.call(program, "solve", {}, limits=Limits(wall_seconds=0.2))
    assert outcome.status is Status.TIMEOUT
    assert outcome.cpu_seconds < 0.2 <= outcome.wall_seconds


async def test_a_call_never_sees_anothers_state(cpython: Sandbox) -> None:
    program = "seen = []\ndef solve(x):\n    seen.append(x)\n    return seen\n"
    assert [(await cpython.call(program, "solve", {"x": x})).value for x in range(3)] == [[0], [1], [2]]


async def test_the_random_numbers_of_two_calls_differ_only_with_the_hash_seed(cpython: Sandbox) -> None:
    program = "import random\ndef solve():\n    return random.random()\n"
    first, again, other = [(await cpython.call(program, "solve", {}, hash_seed=seed)).value for seed in (0, 0, 1)]
    assert first == again != other


async def test_a_tool_that_asks_for_the_time_fails_or_always_gets_the_same(cpython: Sandbox) -> None:
    program = "import datetime\ndef solve():\n    return str(datetime.datetime.now(datetime.timezone.utc))\n"
    first, second = [(await cpython.call(program, "solve", {})).value for _ in range(2)]
    assert first == second


async def test_the_modules_that_a_tool_names_are_loaded_before_it_runs(cpython: Sandbox) -> None:
    program = "import sys\nbefore = set(sys.modules)\ndef solve(names):\n    return sorted(set(names) - before)\n"
    named = "".join(f"def never_{number}():\n    import {name}\n" for number, name in enumerate(PRELOADED))
    assert (await cpython.call(program + named, "solve", {"names": list(PRELOADED)})).value == []


@pytest.mark.parametrize("name", PRELOADED)
async def test_a_module_that_is_not_named_where_it_is_imported_is_there_too(cpython: Sandbox, name: str) -> None:
    program = "import importlib\ndef solve(name):\n    return importlib.import_module(name).__name__\n"
    outcome = await cpython.call(program, "solve", {"name": name})
    assert outcome.value is not None, outcome.error


async def test_every_module_that_a_tool_may_import_can_be_imported(cpython: Sandbox) -> None:
    packages = {"xml": ["xml.etree.ElementTree", "xml.dom.minidom", "xml.sax", "xml.sax.saxutils"]}
    names = [full for name in sorted(ALLOWED_IMPORTS) for full in packages.get(name, [name])]
    program = "".join(f"import {name}\n" for name in names if name != "__future__") + "def solve():\n    return 1\n"
    outcome = await cpython.call(program, "solve", {})
    assert outcome.value == 1, outcome.error


async def test_other_modules_of_the_standard_library_are_not_there(cpython: Sandbox) -> None:
    outcome = await cpython.call("import colorsys\ndef solve():\n    return 1\n", "solve", {})
    assert outcome.error.startswith("ModuleNotFoundError: No module named 'colorsys'")


WITHOUT_FILES = """
import datetime, html, json, uuid, zoneinfo
import xml.dom.minidom, xml.etree.ElementTree, xml.sax, xml.sax.saxutils
def time_of(zone: str) -> str:
    noon = datetime.datetime.strptime("1 July 2024 12:00", "%d %B %Y %H:%M").replace(tzinfo=datetime.timezone.utc)
    return noon.astimezone(zoneinfo.ZoneInfo(zone)).strftime("%A %H:%M")
def zones() -> int:
    return len(zoneinfo.available_timezones())
def encoded(text: str, encoding: str) -> str:
    return text.encode(encoding).hex()
def parsed(text: str) -> list:
    class Names(xml.sax.ContentHandler):
        found = []
        def startElement(self, name, attributes):
            self.found.append(name)
    xml.sax.parseString(text.encode(), Names())
    return [
        xml.etree.ElementTree.fromstring(text).tag, xml.dom.minidom.parseString(text).documentElement.tagName,
        Names.found[0], xml.sax.saxutils.escape("<"),
    ]
def identified(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))
"""


@pytest.mark.parametrize(
    ("function", "arguments", "value"),
    [
        ("time_of", {"zone": "Europe/Berlin"}, "Monday 14:00"),
        ("time_of", {"zone": "America/New_York"}, "Monday 08:00"),
        ("encoded", {"text": "é", "encoding": "cp1252"}, "e9"),
        ("encoded", {"text": "日本", "encoding": "shift_jis"}, "93fa967b"),
        ("encoded", {"text": "müller.de", "encoding": "idna"}, "786e2d2d6d6c6c65722d6b76612e6465"),
        ("parsed", {"text": "<a/>"}, ["a", "a", "a", "&lt;"]),
        ("identified", {"name": "python.org"}, "886313e1-3b8a-5372-9b90-0c9aee199e5d"),
    ],
)
async def test_what_python_reads_from_files_when_it_is_first_used_is_there_without_a_file(
    cpython: Sandbox, function: str, arguments: dict[str, JSON], value: JSON
) -> None:
    outcome = await cpython.call(WITHOUT_FILES, function, arguments)
    assert outcome.value == value, outcome.error


async def test_an_unknown_time_zone_is_the_tools_own_error(cpython: Sandbox) -> None:
    outcome = await cpython.call(WITHOUT_FILES, "time_of", {"zone": "Europe/Atlantis"})
    assert outcome.error.startswith("ZoneInfoNotFoundError")
    assert (await cpython.call(WITHOUT_FILES, "zones", {})).value == len(zoneinfo.available_timezones())


async def test_dataclasses_and_annotations_work_in_a_tool(cpython: Sandbox) -> None:
    program = """
from __future__ import annotations
import dataclasses, typing
@dataclasses.dataclass
class Point:
    x: int
    next: typing.Optional[Point] = None
def solve() -> dict:
    typing.get_type_hints(Point)
    return dataclasses.asdict(Point(1, Point(2)))
"""
    assert (await cpython.call(program, "solve", {})).value == {"x": 1, "next": {"x": 2, "next": None}}


CLAIMS = """
import os, struct, sys
def solve(kind, code):
    os.write(3, struct.pack("!BI", kind, 4) + b"null")
    os._exit(code)
def unconfined():
    sys.modules["hammerstone.sandbox.inside.child"].CONFINED = b"?"
    os.close(3)
    os._exit(1)
"""


@pytest.mark.parametrize("kind", [0, 5, 6, 77, 255])
async def test_a_call_cannot_claim_that_it_was_not_confined(cpython: Sandbox, kind: int) -> None:
    for code in (0, 1):
        outcome = await cpython.call(CLAIMS, "solve", {"kind": kind, "code": code})
        assert outcome.status is Status.KILLED
    assert (await cpython.call(CLAIMS, "unconfined", {})).status is Status.KILLED
    assert (await cpython.call(ONE, "one", {})).value == 1


async def test_a_compiler_crash_is_the_calls_own(cpython: Sandbox) -> None:
    for source in ("(" * 100_000, "x = " + "-" * 100_000 + "1", "\0", "x = '\ud800'"):
        assert not (await cpython.call(source, "solve", {})).ok
    assert (await cpython.call(ONE, "one", {})).value == 1


async def test_more_programs_than_are_kept_compiled_all_work(cpython: Sandbox) -> None:
    for n in range(300):
        assert (await cpython.call(f"def solve():\n    return {n}\n", "solve", {})).value == n


async def test_a_worker_that_cannot_be_started_says_why() -> None:
    launch = Launch(
        name="broken",
        command=lambda _seed: [sys.executable, "-c", "raise OSError('no such luck')"],
        filter=b"",
        zones="",
    )
    with pytest.raises(SandboxError, match="no such luck"):
        await CPythonSandbox(launch, workers=1, limits=Limits()).__aenter__()


async def test_a_program_that_is_not_there_says_so() -> None:
    launch = Launch(name="broken", command=lambda _seed: ["/no/such/program"], filter=b"", zones="")
    with pytest.raises(SandboxError, match="cannot start the broken worker"):
        await CPythonSandbox(launch, workers=1, limits=Limits()).__aenter__()


async def test_a_child_that_cannot_be_confined_runs_nothing() -> None:
    """A filter that the kernel refuses: an error of ours, and never an unconfined call."""
    interpreter = await find_interpreter()
    launch = Launch(
        name="broken", command=lambda _seed: interpreter.command, filter=b"\xff" * 8, zones=interpreter.zones
    )
    async with CPythonSandbox(launch, workers=1, limits=Limits()) as sandbox:
        with pytest.raises(SandboxError, match="nothing was run"):
            await sandbox.call(ONE, "one", {})


async def test_a_sandbox_needs_a_worker() -> None:
    with pytest.raises(SandboxError, match="at least one worker"):
        async with open_sandbox(workers=0):
            pass
