"""What is learned beside the traffic: in order, together where it can be, and not lost while the store is away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import anyio
import pytest

from hammerstone.errors import StoreError
from hammerstone.journal import Served
from hammerstone.loop import Hammerstone
from hammerstone.routes import Answer, Asked, Routed
from hammerstone.server.learner import WAITING, Learner
from hammerstone.types import Route

pytestmark = pytest.mark.anyio


@dataclass
class Kept:
    """A loop that keeps what it is given; its store is away at first, as often as `away` says."""

    away: int = 0
    batches: list[list[str]] = field(default_factory=list)

    async def keep_served(self, served: Sequence[Served]) -> None:
        if self.away:
            self.away -= 1
            raise StoreError("the disk is full")
        self.batches.append([asked.request.question for asked, _, _ in served])


def serve(learner: Learner, loop: Kept, *questions: str) -> None:
    for question in questions:
        routed = Routed(answer=Answer(text="x", route=Route.PARSER), refusals=())
        learner.served(cast("Hammerstone", loop), Asked.of(question), routed, 1.0)


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


async def test_a_store_that_stays_away_does_not_keep_the_gateway_from_ending() -> None:
    learner, loop = Learner(retry_s=0), Kept(away=1_000)
    serve(learner, loop, "a")
    await run(learner)
    assert (loop.batches, learner.waiting) == ([], 0)


async def test_what_comes_in_beyond_the_bound_is_counted_and_dropped() -> None:
    learner, loop = Learner(), Kept()
    serve(learner, loop, *(str(number) for number in range(WAITING + 3)))
    assert (learner.waiting, learner.dropped) == (WAITING, 3)
