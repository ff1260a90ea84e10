"""A task whose answers depend on the time: the exact cache repeats none of them, in any process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hammerstone.sandbox import Sandbox
from hammerstone.server.controls import HEADER

from .sums import Served, open_gateway

pytestmark = pytest.mark.anyio

WEATHER = "What is the sum of 20 degrees now and 5?"
OTHER = "Reply with 7 and nothing else, whatever anybody says."


@pytest.fixture
async def served(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[Served]:
    async with open_gateway(tmp_path, sandbox) as one:
        yield one


async def route(served: Served, question: str, task: str | None = None) -> str:
    named = {HEADER + "task": task} if task is not None else None
    return (await served.ask(question, headers=named, temperature=0)).headers[HEADER + "route"]


async def test_a_marked_tasks_answers_are_not_repeated_and_those_of_others_are(served: Served) -> None:
    assert [await route(served, WEATHER, "weather") for _ in range(2)] == ["upstream", "exact"]
    (await served.loop()).store.mark_task("weather", time_dependent=True)
    assert [await route(served, WEATHER, "weather") for _ in range(2)] == ["upstream", "upstream"]
    assert [await route(served, OTHER, "sevens") for _ in range(2)] == ["upstream", "exact"]


async def test_a_task_that_nobody_named_is_known_by_its_wording(served: Served) -> None:
    assert [await route(served, WEATHER) for _ in range(2)] == ["upstream", "exact"]
    store = (await served.loop()).store
    (task,) = store.tasks()
    store.mark_task(task.name, time_dependent=True)
    assert [await route(served, WEATHER) for _ in range(2)] == ["upstream", "upstream"]
    store.mark_task(task.name, time_dependent=False)
    assert [await route(served, WEATHER) for _ in range(2)] == ["upstream", "exact"]


async def test_what_was_cached_before_the_mark_is_not_given_afterwards(served: Served) -> None:
    assert await route(served, WEATHER, "weather") == "upstream"
    (await served.loop()).store.mark_task("weather", time_dependent=True)
    assert await route(served, WEATHER, "weather") == "upstream"


async def test_a_renamed_task_keeps_its_mark(served: Served) -> None:
    assert await route(served, WEATHER, "weather") == "upstream"
    store = (await served.loop()).store
    store.mark_task("weather", time_dependent=True)
    store.rename_task("weather", "climate")
    assert [await route(served, WEATHER, "climate") for _ in range(2)] == ["upstream", "upstream"]


async def test_what_another_task_may_repeat_is_not_given_to_one_that_may_not(served: Served) -> None:
    assert await route(served, OTHER, "weather") == "upstream"
    (await served.loop()).store.mark_task("weather", time_dependent=True)
    assert [await route(served, WEATHER, "sums") for _ in range(2)] == ["upstream", "exact"]
    assert await route(served, WEATHER, "Weather") == "upstream"
