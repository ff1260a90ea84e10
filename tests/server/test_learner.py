"""What is learned beside the traffic: in order, together where it can be, and not lost while the store is away."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import anyio
import pytest

from hammerstone.errors import StoreError
from hammerstone.journal import Served
from hammerstone.loop import Hammerstone
from hammerstone.routes import Answer, Asked, Routed
from hammerstone.server.learner import LARGE, WAITING, WAITING_BYTES, Learner
from hammerstone.server.lessons import Lesson
from hammerstone.types import Request, Route

pytestmark = pytest.mark.anyio


@dataclass
class Kept:
    """A loop that keeps what it is given; its store is away at first, as often as `away` says."""

    away: int = 0
    batches: list[list[str]] = field(default_factory=list)
    tried_before: list[bool] = field(default_factory=list)

    async def keep_all(self, served: Sequence[Served], *, again: bool = False) -> None:
        self.tried_before.append(again)
        if self.away:
            self.away -= 1
            raise StoreError("the disk is full")
        self.batches.append([asked.request.question for asked, _, _ in served])


def serve(learner: Learner, loop: Kept, *questions: str, tenant: str = "") -> None:
    for question in questions:
        routed = Routed(answer=Answer(text="x", route=Route.PARSER), refusals=())
        asked = Asked(request=Request.plain(id="", question=question, tenant=tenant))
        learner.served(cast("Hammerstone", loop), asked, routed, 1.0, len(question))


async def run(learner: Learner) -> None:
    learner.close()
    await learner.run()


async def test_answers_that_wait_are_stored_together_and_in_order() -> None:
    learner, loop, other = Learner(), Kept(), Kept()
    serve(learner, loop, "a", "b")
    serve(learner, other, "c")
    serve(learner, loop, "d")
    await run(learner)
    assert (loop.batches, other.batches) == ([["a", "b"], ["d"]], [["c"]])


async def test_nothing_is_lost_while_the_store_is_away() -> None:
    learner, loop = Learner(retry_s=0), Kept(away=2)
    serve(learner, loop, "a", "b")
    async with anyio.create_task_group() as group:
        group.start_soon(learner.run)
        await learner.caught_up()
        learner.close()
    assert loop.batches == [["a", "b"]]
    assert loop.tried_before == [False, True, True]


async def test_a_store_that_stays_away_does_not_keep_the_gateway_from_ending() -> None:
    learner, loop = Learner(retry_s=0), Kept(away=1_000)
    serve(learner, loop, "a")
    await run(learner)
    assert (loop.batches, learner.waiting) == ([], 0)


async def test_what_comes_in_beyond_the_bound_is_counted_and_dropped() -> None:
    learner, loop = Learner(), Kept()
    serve(learner, loop, *(str(number) for number in range(WAITING + 3)))
    assert (learner.waiting, learner.dropped) == (WAITING, 3)


async def test_where_too_much_waits_whoever_has_most_waiting_loses_the_latest() -> None:
    learner, loop = Learner(), Kept()
    serve(learner, loop, *(str(number) for number in range(WAITING)))
    serve(learner, other := Kept(), "b", tenant="other")
    await run(learner)
    assert (other.batches, learner.dropped) == ([["b"]], 1)
    assert [question for batch in loop.batches for question in batch] == [str(one) for one in range(WAITING - 1)]


async def test_what_waits_is_bounded_in_bytes_too() -> None:
    learner, loop = Learner(), Kept()
    serve(learner, loop, *["x" * (WAITING_BYTES // 2)] * 3)
    assert (learner.waiting, learner.dropped) == (2, 1)


async def test_one_tenants_slow_store_keeps_no_other_tenant_waiting() -> None:
    goes_on = anyio.Event()

    class Slow(Kept):
        async def keep_all(self, served: Sequence[Served], *, again: bool = False) -> None:
            await goes_on.wait()
            await super().keep_all(served, again=again)

    learner, slow, quick = Learner(), Slow(), Kept()
    serve(learner, slow, "a", tenant="slow")
    serve(learner, quick, "b", tenant="quick")
    async with anyio.create_task_group() as group:
        group.start_soon(learner.run)
        assert await learner.flushed("quick", 20)
        serve(learner, slow, "c", tenant="slow")
        assert (slow.batches, [one for batch in quick.batches for one in batch]) == ([], ["b"])
        goes_on.set()
        learner.close()
    assert [one for batch in slow.batches for one in batch] == ["a", "c"]


async def test_a_large_lesson_is_read_outside_the_event_loop() -> None:
    read_by: list[int] = []

    def read() -> Served | None:
        read_by.append(threading.get_ident())
        return None

    async def known() -> Hammerstone:
        return cast("Hammerstone", Kept())

    learner = Learner()
    for size in (1, LARGE):
        learner.take("", Lesson(read=read, loop=known, size=size))
    await run(learner)
    assert [one == threading.get_ident() for one in read_by] == [True, False]


async def test_what_is_lost_at_the_end_is_counted_and_said(caplog: pytest.LogCaptureFixture) -> None:
    learner, loop = Learner(retry_s=0), Kept(away=1_000)
    serve(learner, loop, "a", "b")
    await run(learner)
    assert learner.dropped == 2
    assert "as the gateway ends: 2 answers and lessons" in caplog.text


async def test_a_fault_of_one_lesson_is_logged_without_what_it_quotes(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Kept):
        async def keep_all(self, served: Sequence[Served], *, again: bool = False) -> None:
            del again
            raise KeyError(served[0][0].request.question)

    learner = Learner()
    serve(learner, Broken(), "dear Zebedee")
    await run(learner)
    assert "KeyError in test_learner.py" in caplog.text
    assert "Zebedee" not in caplog.text


async def test_a_lesson_that_gives_nothing_is_counted_once_however_often_the_store_is_away() -> None:
    learner, loop = Learner(retry_s=0), Kept(away=2)

    async def known() -> Hammerstone:
        return cast("Hammerstone", loop)

    learner.take("", Lesson(read=lambda: None, loop=known, size=1))
    serve(learner, loop, "a")
    async with anyio.create_task_group() as group:
        group.start_soon(learner.run)
        await learner.caught_up()
        learner.close()
    assert (learner.unread, loop.batches) == (1, [["a"]])
