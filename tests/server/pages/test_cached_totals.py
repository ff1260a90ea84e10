from __future__ import annotations

from collections.abc import AsyncIterator
from threading import Event

import anyio
import pytest

from hammerstone.errors import StoreError
from hammerstone.server.pages.cached_totals import OLD_SECONDS, QUICK_SECONDS, TIMES, CachedTotals

from ..sums import eventually

pytestmark = pytest.mark.anyio


class Sums:
    """Counts how often it was asked; each time takes so many seconds of a clock that stands still otherwise."""

    def __init__(self, seconds: float) -> None:
        self.now, self.seconds, self.times = 0.0, seconds, 0
        self.fails = False

    def clock(self) -> float:
        return self.now

    def __call__(self) -> int:
        self.now += self.seconds
        self.times += 1
        if self.fails:
            raise StoreError("the disk is gone")
        return self.times


@pytest.fixture
async def slow() -> AsyncIterator[tuple[Sums, CachedTotals]]:
    sums = Sums(seconds=2.0)
    figures = CachedTotals(sums.clock)
    async with figures.running():
        yield sums, figures


async def test_what_is_quick_is_summed_up_for_each_look() -> None:
    sums = Sums(seconds=QUICK_SECONDS / 2)
    figures = CachedTotals(sums.clock)
    async with figures.running():
        assert [(await figures.look("day", sums)).value for _ in range(3)] == [1, 2, 3]


async def test_what_is_slow_is_kept_as_many_times_as_long_as_it_took(slow: tuple[Sums, CachedTotals]) -> None:
    sums, figures = slow
    assert (await figures.look("day", sums)).value == 1
    sums.now += TIMES * sums.seconds
    assert (await figures.look("day", sums)).value == 1
    assert sums.times == 1


async def test_after_that_it_is_shown_while_it_is_summed_up_beside_the_look(slow: tuple[Sums, CachedTotals]) -> None:
    sums, figures = slow
    await figures.look("day", sums)
    sums.now += TIMES * sums.seconds + 1
    assert (await figures.look("day", sums)).value == 1
    await eventually(lambda: sums.times == 2)
    await eventually(lambda: "day" not in figures._turns)
    assert (await figures.look("day", sums)).value == 2


async def test_what_nobody_has_looked_at_for_long_is_waited_for(slow: tuple[Sums, CachedTotals]) -> None:
    sums, figures = slow
    await figures.look("day", sums)
    sums.now += TIMES * sums.seconds + OLD_SECONDS + 1
    assert (await figures.look("day", sums)).value == 2


async def test_other_figures_are_others(slow: tuple[Sums, CachedTotals]) -> None:
    sums, figures = slow
    assert [(await figures.look(key, sums)).value for key in ("day", "week", "day")] == [1, 2, 1]


async def test_those_who_come_while_figures_are_summed_up_wait_for_these() -> None:
    begun, may_end, times = Event(), Event(), 0

    def sum_up() -> int:
        nonlocal times
        times += 1
        begun.set()
        may_end.wait()
        return times

    figures, seen = CachedTotals(), list[int]()

    async def look() -> None:
        seen.append((await figures.look("day", sum_up)).value)

    async with figures.running(), anyio.create_task_group() as group:
        group.start_soon(look)
        await eventually(begun.is_set)
        for _ in range(4):
            group.start_soon(look)
        await anyio.wait_all_tasks_blocked()
        may_end.set()
    assert (seen, times) == ([1] * 5, 1)


async def test_what_fails_beside_a_look_is_said_to_whoever_has_to_wait(slow: tuple[Sums, CachedTotals]) -> None:
    sums, figures = slow
    await figures.look("day", sums)
    sums.fails = True
    sums.now += TIMES * sums.seconds + 1
    assert (await figures.look("day", sums)).value == 1
    await eventually(lambda: sums.times == 2)
    sums.now += OLD_SECONDS + TIMES * sums.seconds
    with pytest.raises(StoreError, match="the disk is gone"):
        await figures.look("day", sums)
