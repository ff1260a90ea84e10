"""Several tenants side by side: a loop and a store each, one sandbox and one set of models."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from hammerstone.errors import InputError, NotFoundError, RecordingError, StoreError
from hammerstone.host import Host
from hammerstone.loop import Models
from hammerstone.models.model import Prompt
from hammerstone.opening import open_blocking, open_hammerstone, open_host
from hammerstone.sandbox import Sandbox
from hammerstone.settings import LoopSettings
from hammerstone.store import Store, Stores, open_stores
from hammerstone.store.database import Database
from hammerstone.store.records import Answered, BuildState
from hammerstone.store.tenants import DEFAULT
from hammerstone.testing import FakeSandbox, FunctionModel
from hammerstone.types import Request, Route

from .samples.flaky import FlakyStores, Outage
from .samples.sums import SETTINGS, ask, dispatcher, instances, maker, requests, solver, user

pytestmark = pytest.mark.anyio

NO_SANDBOX = FakeSandbox({})
BESIDE = replace(SETTINGS, loop=LoopSettings(concurrency=1, background=True))


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    with open_stores(tmp_path / "home") as opened:
        yield opened


def everyone() -> Models:
    return Models(maker=maker(), user=user(), dispatcher=dispatcher(), solver=solver())


def of(tenant: str, count: int, *, start: int = 0) -> list[Request]:
    return [replace(one, id=f"{tenant}-{one.id}", tenant=tenant) for one in requests(count, start=start)]


def letters(answers: list[Answered]) -> str:
    return "".join((one.route or "-")[0] for one in answers)


async def answers_of(host: Host, asked: list[Request]) -> list[Answered]:
    return [answered async for answered in host.stream(asked)]


async def test_what_one_tenant_teaches_never_answers_another(stores: Stores, sandbox: Sandbox) -> None:
    async with Host(stores=stores, sandbox=sandbox, models=everyone(), settings=SETTINGS) as host:
        assert letters(await answers_of(host, of("a", 7))) == "ssssspp"
        assert letters(await answers_of(host, of("b", 7))) == "ssssspp"
        assert letters(await answers_of(host, of("", 3))) == "sss"
        assert host.tenants() == (DEFAULT, "a", "b")
    kept = {name: [row.requests for row in stores.of(name).routes()] for name in host.tenants()}
    assert {name: sum(counts) for name, counts in kept.items()} == {"": 3, "a": 7, "b": 7}


async def test_tenants_may_take_turns_in_one_stream(stores: Stores, sandbox: Sandbox) -> None:
    turns = [one for pair in zip(of("a", 8), of("b", 8), strict=True) for one in pair]
    async with Host(stores=stores, sandbox=sandbox, models=everyone(), settings=SETTINGS) as host:
        answers = await answers_of(host, turns)
    assert [one.id for one in answers] == [one.id for one in turns]
    assert letters(answers) == "s" * 10 + "p" * 6
    assert [len(stores.of(tenant).instances("sum")) for tenant in ("", "a", "b")] == [0, 5, 5]


async def test_a_completion_that_one_tenant_paid_for_is_paid_for_again_by_another(stores: Stores) -> None:
    strong = solver()
    async with Host(stores=stores, sandbox=NO_SANDBOX, models=Models(solver=strong), settings=SETTINGS) as host:
        for tenant in ("a", "b", "b"):
            await host.solve(Request.plain(id="1", question=ask(0), tenant=tenant))
    assert len(strong.prompts) == 2


async def test_a_plain_question_is_the_default_tenants(stores: Stores) -> None:
    async with Host(stores=stores, sandbox=NO_SANDBOX, models=Models(solver=solver())) as host:
        answered = await host.solve(ask(0))
    assert (answered.answer, answered.route) == ("7", Route.SOLVER)
    assert stores.tenants() == (DEFAULT,)


async def test_the_loop_of_a_tenant_is_opened_once_whoever_asks_for_it(stores: Stores) -> None:
    opened: list[object] = []
    async with Host(stores=stores, sandbox=NO_SANDBOX, models=Models()) as host:

        async def first_request() -> None:
            opened.append(await host.of("a"))

        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(first_request)
    assert len(opened) == 5
    assert len(set(map(id, opened))) == 1


async def test_a_store_that_hangs_while_it_is_opened_keeps_no_other_tenant_waiting(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs, opened = threading.Event(), Stores._kept_open

    def slow(self: Stores, database: Database) -> Store:
        if "slow" in str(database.where):
            assert hangs.wait(60)
        return opened(self, database)

    monkeypatch.setattr(Stores, "_kept_open", slow)
    async with Host(stores=stores, sandbox=NO_SANDBOX, models=Models()) as host, anyio.create_task_group() as group:
        group.start_soon(host.of, "slow")
        await anyio.wait_all_tasks_blocked()
        assert (await host.of("quick")).tenant == "quick"
        hangs.set()
    assert {one.tenant for one in host.loops} == {"slow", "quick"}


async def test_a_loop_refuses_a_request_of_another_tenant_and_stores_nothing_of_it(stores: Stores) -> None:
    async with Host(stores=stores, sandbox=NO_SANDBOX, models=Models(solver=solver())) as host:
        loop = await host.of("a")
        with pytest.raises(InputError, match="of the tenant 'b'"):
            await loop.solve(Request.plain(id="1", question=ask(0), tenant="b"))
    assert stores.of("a").routes() == ()
    assert host.tenants() == (DEFAULT, "a")


async def test_builds_in_the_background_end_with_the_host(stores: Stores, sandbox: Sandbox) -> None:
    async with Host(stores=stores, sandbox=sandbox, models=everyone(), settings=BESIDE) as host:
        await answers_of(host, of("a", 5) + of("b", 5))
    assert [len(stores.of(tenant).live_tools()) for tenant in ("a", "b")] == [1, 1]


async def test_what_ends_a_run_ends_the_host(stores: Stores, sandbox: Sandbox) -> None:
    def unrecorded(_: Prompt) -> str:
        raise RecordingError("no recording of this prompt")

    models = replace(everyone(), maker=FunctionModel(unrecorded, name="maker"))

    async def serve() -> None:
        async with Host(stores=stores, sandbox=sandbox, models=models, settings=BESIDE) as host:
            await answers_of(host, of("a", 5))
            await anyio.sleep_forever()

    with pytest.raises(RecordingError, match="no recording of this prompt"):
        await serve()


async def test_a_store_that_cannot_be_opened_fails_the_requests_of_that_tenant_alone(tmp_path: Path) -> None:
    with open_stores(tmp_path) as stores:
        stores.of("a")
    (file,) = (tmp_path / "tenants").glob("a_*.db")
    file.write_bytes(b"no database at all" * 100)
    async with open_host(tmp_path, solver=solver()) as host:
        with pytest.raises(StoreError, match="not a database"):
            await host.of("a")
        assert (await host.solve(ask(0))).answer == "7"


async def test_builds_that_are_due_start_when_the_tenants_loop_is_opened(stores: Stores, sandbox: Sandbox) -> None:
    for tenant in ("", "a"):
        stores.of(tenant).add_task("sum", "")
        for number, instance in enumerate(instances(5)):
            stores.of(tenant).add_instance("sum", instance, request_id=str(number))
    async with Host(stores=stores, sandbox=sandbox, models=everyone(), settings=SETTINGS) as host:
        await host.catch_up()
        assert [len(stores.of(tenant).live_tools()) for tenant in ("", "a")] == [1, 0]
        assert (await host.solve(of("a", 1, start=6)[0])).route == Route.PARSER


async def test_a_host_is_opened_by_a_home_and_the_default_tenants_loop_is_the_one_of_old(tmp_path: Path) -> None:
    async with open_host(tmp_path, solver=solver()) as host:
        await host.solve(Request.plain(id="1", question=ask(0)))
        await host.solve(Request.plain(id="1", question=ask(0), tenant="a"))
    async with open_hammerstone(tmp_path, solver=solver()) as loop:
        assert sum(row.requests for row in loop.store.routes()) == 1


def test_blocking_code_keeps_tenants_apart_as_well(tmp_path: Path) -> None:
    with open_blocking(tmp_path, maker=maker(), settings=SETTINGS) as loops:
        loops.make(instances(5), name="sum", tenant="a")
        asked = [Request.plain(id="1", question=ask(7), tenant=tenant) for tenant in ("a", "")]
        assert [one.route for one in loops.stream(asked)] == [Route.PARSER, Route.SOLVER]
    with open_stores(tmp_path) as stores, pytest.raises(NotFoundError):
        stores.known("b")


async def test_where_somebody_hears_of_it_a_lost_store_ends_no_run(stores: Stores, sandbox: Sandbox) -> None:
    outage = Outage(tenants={"a"}, names=frozenset({"start_build"}))
    heard: list[str] = []
    flaky = FlakyStores.over(stores, outage)
    async with Host(
        stores=flaky,
        sandbox=sandbox,
        models=everyone(),
        settings=BESIDE,
        on_fault=lambda error: heard.append(error.code),
    ) as host:
        assert letters(await answers_of(host, of("a", 6))) == "ssssss"
        await anyio.wait_all_tasks_blocked()
        outage.tenants.clear()
        assert (await host.solve(of("b", 1)[0])).answer is not None
        assert (await host.solve(of("a", 1, start=6)[0])).answer is not None
    assert set(heard) == {"store"}
    assert len(stores.of("a").instances("sum")) in {6, 7}  # a tool may have answered the last one
    assert len(stores.of("b").instances("sum")) == 1


async def test_builds_that_are_interrupted_are_taken_up_by_the_next_run(stores: Stores, sandbox: Sandbox) -> None:
    asked = anyio.Event()

    async def never(_: Prompt) -> str:
        asked.set()
        await anyio.sleep_forever()
        raise AssertionError

    models = replace(everyone(), maker=FunctionModel(never))
    async with Host(stores=stores, sandbox=sandbox, models=models, settings=BESIDE) as host:
        await answers_of(host, of("", 5))
        await asked.wait()
        host.interrupt()
    assert [build.state for build in stores.of("").builds()] == [BuildState.INTERRUPTED]
    async with Host(stores=stores, sandbox=sandbox, models=everyone(), settings=BESIDE) as host:
        await host.catch_up()
    assert [tool.task for tool in stores.of("").live_tools()] == ["sum"]
