"""Many at a time, results in order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import anyio
import pytest
from anyio.abc import TaskGroup

from hammerstone.concurrency import task_group
from hammerstone.errors import ModelError
from hammerstone.ordered import ordered_map

pytestmark = pytest.mark.anyio


class Workshop:
    """Work that ends when it is told to. Counts how much is under way."""

    def __init__(self) -> None:
        self.started: list[int] = []
        self.most = 0
        self._under_way = 0
        self._ends: dict[int, anyio.Event] = {}

    def end(self, *items: int) -> None:
        for item in items:
            self._ends.setdefault(item, anyio.Event()).set()

    async def work(self, item: int) -> str:
        self.started.append(item)
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        await self._ends.setdefault(item, anyio.Event()).wait()
        self._under_way -= 1
        return f"made {item}"


async def settle() -> None:
    """Let every task run until it waits."""
    for _ in range(20):
        await anyio.lowlevel.checkpoint()


async def gather(group: TaskGroup, shop: Workshop, items: Iterator[int] | AsyncIterator[int], width: int) -> list[str]:
    return [one async for one in ordered_map(group, shop.work, items, width=width)]


async def test_results_come_in_the_order_of_the_items_whatever_ends_first() -> None:
    shop = Workshop()
    results: list[str] = []

    async def collect() -> None:
        results.extend(await gather(group, shop, iter(range(5)), 5))

    async with task_group() as group:
        group.start_soon(collect)
        await settle()
        shop.end(4, 3, 2, 1)
        await settle()
        assert results == []
        shop.end(0)
    assert results == [f"made {item}" for item in range(5)]


async def test_never_more_than_the_width_is_under_way_and_never_less_without_need() -> None:
    shop = Workshop()

    async def release() -> None:
        for item in range(10):
            await settle()
            assert shop.started == list(range(min(item + 3, 10)))
            shop.end(item)

    async with task_group() as group:
        group.start_soon(release)
        assert len(await gather(group, shop, iter(range(10)), 3)) == 10
    assert shop.most == 3


async def test_a_stream_of_items_is_read_only_as_far_as_the_window_needs() -> None:
    shop = Workshop()
    read: list[int] = []

    async def items() -> AsyncIterator[int]:
        for item in range(100):
            read.append(item)
            yield item

    async with task_group() as group:
        results = ordered_map(group, shop.work, items(), width=2)
        shop.end(0)
        assert await anext(results) == "made 0"
        await settle()
        assert read == [0, 1, 2]  # two under way, and one in hand
        await results.aclose()
        shop.end(1, 2)


async def test_an_empty_source_gives_nothing() -> None:
    async with task_group() as group:
        assert await gather(group, Workshop(), iter(()), 3) == []


async def fail_on_odd(item: int) -> int:
    await anyio.lowlevel.checkpoint()
    if item % 2:
        raise ModelError(f"no {item}")
    return item


async def test_an_error_is_raised_where_its_result_would_have_come() -> None:
    seen: list[int] = []

    async def run() -> None:
        async with task_group() as group:
            async for one in ordered_map(group, fail_on_odd, [0, 2, 1, 4], width=4):
                seen.append(one)

    with pytest.raises(ModelError, match="no 1"):
        await run()
    assert seen == [0, 2]


async def test_an_error_in_the_source_comes_after_the_results_before_it_were_started() -> None:
    async def items() -> AsyncIterator[int]:
        yield 0
        raise ModelError("the source is gone")

    async def run() -> None:
        async with task_group() as group:
            async for _ in ordered_map(group, fail_on_odd, items(), width=3):
                pass

    with pytest.raises(ModelError, match="the source is gone"):
        await run()


async def test_a_bug_in_the_work_is_raised_as_itself_in_its_place() -> None:
    seen: list[float] = []

    async def divide(item: int) -> float:
        return 1 / item

    async def run() -> None:
        async with task_group() as group:
            async for one in ordered_map(group, divide, [1, 0, 2], width=3):
                seen.append(one)

    with pytest.raises(ZeroDivisionError):
        await run()
    assert seen == [1.0]


async def test_when_the_group_is_cancelled_its_cause_is_what_arrives() -> None:
    async def never(item: int) -> int:
        await anyio.sleep_forever()
        return item

    async def break_down() -> None:
        await settle()
        raise ModelError("elsewhere")

    async def run() -> None:
        async with task_group() as group:
            group.start_soon(break_down)
            async for _ in ordered_map(group, never, [1, 2], width=2):
                pass

    with pytest.raises(ModelError, match="elsewhere"):
        await run()


async def test_a_stream_that_is_left_half_read_does_not_stop_what_is_under_way() -> None:
    shop = Workshop()
    finished: list[str] = []

    async def work(item: int) -> str:
        finished.append(await shop.work(item))
        return finished[-1]

    async with task_group() as group:
        shop.end(0)
        results = ordered_map(group, work, range(3), width=2)
        assert await anext(results) == "made 0"
        await results.aclose()
        shop.end(1, 2)
    assert finished == ["made 0", "made 1"]
