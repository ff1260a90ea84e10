"""The demonstration's stream of requests."""

from __future__ import annotations

from collections import Counter

import pytest

from hammerstone.errors import InputError
from hammerstone.evals.tasks import TASKS, task
from hammerstone.evals.tasks.one_offs import ONE_OFFS
from hammerstone.evals.traffic.demo_stream import DEMO_TASKS, StreamItem, stream_items

FIRST = 72 + 4


def kinds(items: tuple[StreamItem, ...]) -> Counter[tuple[str | None, str]]:
    return Counter((item.task, item.kind) for item in items)


def test_the_first_part_makes_the_tools() -> None:
    assert kinds(stream_items()[:FIRST]) == {**{(name, "own"): 12 for name in DEMO_TASKS}, (None, "one-off"): 4}


def test_the_second_part_asks_more_and_in_other_words() -> None:
    expected = {(name, kind): n for name in DEMO_TASKS for kind, n in (("own", 6), ("paraphrase", 2))}
    assert kinds(stream_items()[FIRST:]) == {**expected, (None, "one-off"): 6}


def test_the_tasks_come_mixed() -> None:
    tasks = [item.task for item in stream_items()]
    assert len({*tasks[:20]}) >= 5
    assert len({*tasks[FIRST : FIRST + 20]}) >= 5


def test_requests_have_ids_and_answers_but_no_task() -> None:
    requests = [item.request for item in stream_items()]
    assert [request.id for request in requests] == [f"r{number:03}" for number in range(1, 131)]
    assert all(request.answer for request in requests)
    assert all(request.task is None for request in requests)
    assert len({request.question for request in requests}) == 130


def test_a_seed_always_gives_the_same_stream_and_another_a_different_one() -> None:
    assert stream_items(3) == stream_items(3)
    assert stream_items(3) != stream_items(4)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_item_is_what_it_says(seed: int) -> None:
    for item in stream_items(seed):
        question, answer = item.request.question, item.request.answer or ""
        if item.kind == "own":
            assert item.task is not None
            assert task(item.task).check(question, answer)
        else:
            for found in TASKS.values():
                with pytest.raises(InputError):
                    found.check(question, answer)


def test_the_scenes_of_a_task_are_evenly_covered_in_both_parts() -> None:
    openings = ["On a branch", "On a shelf", "antique car show", "golf tournament", "fruit stand"]
    own = [item for item in stream_items() if item.task == "logical_deduction" and item.kind == "own"]
    for part in (own[:12], own[12:]):
        seen = Counter(next(mark for mark in openings if mark in item.request.question) for item in part)
        assert set(seen) == set(openings)


def test_one_offs_are_twelve_different_questions_with_an_answer() -> None:
    assert len({instance.question for instance in ONE_OFFS}) == 12
    assert all(0 < len(instance.answer) < 20 for instance in ONE_OFFS)
