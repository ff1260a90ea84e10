"""Task groups whose errors arrive as themselves."""

from __future__ import annotations

import anyio
import pytest

from hammerstone.concurrency import map_concurrently, task_group
from hammerstone.errors import ModelError

pytestmark = pytest.mark.anyio


async def fail(error: BaseException) -> None:
    raise error


async def test_an_error_of_a_task_is_raised_alone() -> None:
    with pytest.raises(ModelError, match="down"):
        async with task_group() as group:
            group.start_soon(fail, ModelError("down"))


async def test_an_error_of_the_body_is_raised_alone() -> None:
    with pytest.raises(ModelError, match="down"):
        async with task_group():
            raise ModelError("down")


async def test_of_several_errors_one_is_raised_alone() -> None:
    async def run() -> None:
        async with task_group() as group:
            group.start_soon(fail, ModelError("one"))
            group.start_soon(fail, ModelError("two"))

    with pytest.raises(ModelError):
        await run()


async def test_an_error_in_a_group_within_a_group_is_raised_alone() -> None:
    async def inner() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(fail, ModelError("deep"))

    with pytest.raises(ModelError, match="deep"):
        async with task_group() as group:
            group.start_soon(inner)


async def test_an_error_stops_the_other_tasks() -> None:
    stopped = anyio.Event()

    async def wait() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            stopped.set()

    async def run() -> None:
        async with task_group() as group:
            group.start_soon(wait)
            await anyio.lowlevel.checkpoint()
            group.start_soon(fail, ModelError("down"))

    with pytest.raises(ModelError):
        await run()
    assert stopped.is_set()


async def test_cancelling_from_outside_stays_a_cancellation() -> None:
    with anyio.CancelScope() as scope:
        async with task_group() as group:
            group.start_soon(anyio.sleep_forever)
            scope.cancel()
    assert scope.cancelled_caught


async def test_the_results_of_a_map_are_in_the_order_of_the_items() -> None:
    turns = [anyio.Event() for _ in range(4)]
    turns[3].set()

    async def backwards(item: int) -> int:
        await turns[item].wait()
        if item:
            turns[item - 1].set()
        return item * item

    assert await map_concurrently(backwards, range(4)) == [0, 1, 4, 9]


async def test_a_map_of_nothing_is_nothing() -> None:
    assert await map_concurrently(anyio.sleep, []) == []


async def test_an_error_in_a_map_is_raised_alone() -> None:
    with pytest.raises(ModelError, match="b"):
        await map_concurrently(lambda name: fail(ModelError(name)), ["b"])
