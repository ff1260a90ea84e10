"""Streams with what real traffic has."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter

import pytest

from hammerstone.errors import InputError, NotFoundError
from hammerstone.evals.tasks import TASKS, generate_instances, task
from hammerstone.evals.tasks.generators.word_sorting import WORDS
from hammerstone.evals.traffic.mixed_traffic import SHARES, TrafficItem, generate_traffic

from ..near_miss_answers import RIGHT

DIGEST = f"""
import hashlib
from hammerstone.evals.traffic.mixed_traffic import generate_traffic
asked = [
    (item.request.id, item.request.question, item.request.answer, item.task, item.kind, item.rule_changed)
    for item in generate_traffic(300, 1, tasks={sorted(RIGHT)})
]
print(hashlib.sha256(repr(asked).encode()).hexdigest()[:16])
"""
PINNED = "62620308d67f908f"  # recordings are keyed by the exact questions


@pytest.fixture(scope="module")
def items() -> tuple[TrafficItem, ...]:
    return generate_traffic(300, 1, tasks=sorted(RIGHT))


def of_kind(items: tuple[TrafficItem, ...], kind: str) -> list[TrafficItem]:
    return [item for item in items if item.kind == kind]


def is_right(item: TrafficItem) -> bool:
    assert item.task is not None
    return task(item.task).check(item.request.question, item.request.answer or "")


def test_each_kind_has_its_share(items: tuple[TrafficItem, ...]) -> None:
    assert Counter(item.kind for item in items) == {kind: round(300 * share) for kind, share in SHARES.items()}
    assert len(generate_traffic(7, 1)) == 7
    assert generate_traffic(0, 1) == ()


def test_shares_are_relative_and_the_rest_is_nothing() -> None:
    drawn = generate_traffic(40, 2, shares={"own": 3, "one-off": 1})
    assert Counter(item.kind for item in drawn) == {"own": 30, "one-off": 10}


def test_requests_have_ids_in_turn_and_answers_but_no_task(items: tuple[TrafficItem, ...]) -> None:
    assert [item.request.id for item in items] == [f"t{number:04}" for number in range(1, 301)]
    assert all(item.request.answer and item.request.task is None for item in items)
    assert all((item.task is None) == (item.kind == "one-off") for item in items if item.kind != "repeat")


def test_only_repeats_come_twice_and_each_comes_after_what_it_repeats(items: tuple[TrafficItem, ...]) -> None:
    seen: dict[str, TrafficItem] = {}
    for item in items:
        if item.kind == "repeat":
            before = seen[item.request.question]
            assert (before.request.answer, before.task) == (item.request.answer, item.task)
        else:
            assert item.request.question not in seen
            seen[item.request.question] = item


def test_frequencies_fall_as_one_over_the_rank() -> None:
    drawn = generate_traffic(
        4000, 3, tasks=("dyck", "word_sorting", "chinese_remainder", "web_listing"), shares={"own": 1}
    )
    counts = [count for _, count in Counter(item.task for item in drawn).most_common()]
    assert [round(10 * counts[0] / count) for count in counts[:2]] == [10, 20]
    assert 3.3 < counts[0] / counts[3] < 4.8


def test_another_seed_makes_another_task_the_most_frequent() -> None:
    most = {
        Counter(i.task for i in generate_traffic(60, seed, shares={"own": 1})).most_common(1)[0][0]
        for seed in range(12)
    }
    assert len(most) > 4


def test_an_own_form_is_one_and_nothing_else_is_but_repeats_and_changed_rules(items: tuple[TrafficItem, ...]) -> None:
    for item in items:
        if item.kind == "own":
            assert is_right(item)
        elif item.kind != "repeat" and not item.rule_changed:
            for found in TASKS.values():
                with pytest.raises(InputError):
                    found.check(item.request.question, item.request.answer or "")


def test_near_misses_are_answered_rightly(items: tuple[TrafficItem, ...]) -> None:
    for item in of_kind(items, "near-miss"):
        assert RIGHT[item.task or ""](item.request.question) == item.request.answer


@pytest.mark.parametrize("name", sorted(TASKS))
def test_a_typing_error_spoils_one_word_of_the_fixed_wording_and_no_answer(name: str) -> None:
    originals = generate_instances(name, 40, 5)
    for item in generate_traffic(40, 5, tasks=(name,), shares={"typo": 1}):
        ((original, before, after),) = [
            (instance, *pair)
            for instance in originals
            for pair in words_apart(instance.question, item.request.question)
        ]
        assert original.answer == item.request.answer
        assert sorted(before) == sorted(after) or len(before) == len(after) + 1
        assert before[0] == after[0]
        # It comes in many questions, so it is no data.
        assert sum(f" {before}" in instance.question for instance in originals) >= 40 / len(task(name).FAMILIES) / 2
        assert name != "word_sorting" or before not in WORDS


def words_apart(one: str, other: str) -> list[tuple[str, str]]:
    """The pair of words by which texts differ, if it is one pair and nothing else."""
    words, others = re.split(r"(\W)", one), re.split(r"(\W)", other)
    differ = [pair for pair in zip(words, others, strict=False) if pair[0] != pair[1]]
    return differ if len(words) == len(others) and len(differ) == 1 else []


OLD_RULES = {
    "logical_deduction": lambda answer: f"({answer})",
    "tracking_shuffled_objects": lambda answer: f"({answer})",
    "word_sorting": lambda answer: answer.replace(", ", " "),
}


@pytest.mark.parametrize("seed", range(6))
def test_a_task_that_drifts_never_asks_in_its_old_way_again(seed: int) -> None:
    drawn = generate_traffic(200, seed)
    drifting = {(item.task, item.rule_changed) for item in of_kind(drawn, "drift")}
    assert sorted(changed for _, changed in drifting) == [False, True]
    for name, _ in drifting:
        kinds = [item.kind for item in drawn if item.task == name and item.kind in ("own", "drift")]
        assert kinds == sorted(kinds, key=("own", "drift").index)
        assert {*kinds} == {"own", "drift"}


@pytest.mark.parametrize("seed", range(6))
def test_a_changed_rule_keeps_the_words_and_changes_the_answer(seed: int) -> None:
    drawn = generate_traffic(200, seed)
    changed = [item for item in drawn if item.rule_changed]
    assert len(changed) >= 4
    for item in changed:
        answer = item.request.answer or ""
        assert not is_right(item)
        assert task(item.task or "").check(item.request.question, OLD_RULES[item.task or ""](answer))


@pytest.mark.parametrize("seed", range(6))
def test_of_a_task_whose_rule_changes_nothing_comes_whose_answer_would_be_open(seed: int) -> None:
    drawn = generate_traffic(200, seed)
    (name,) = {item.task for item in drawn if item.rule_changed}
    assert {item.kind for item in drawn if item.task == name} <= {"own", "drift", "paraphrase", "repeat"}
    repeated = [item for item in drawn if item.task == name and item.kind == "repeat"]
    assert all(item.rule_changed or not_in_own_form(item) for item in repeated)


def not_in_own_form(item: TrafficItem) -> bool:
    try:
        is_right(item)
    except InputError:
        return True
    return False


def test_a_changed_template_is_one_other_wording() -> None:
    wordings: list[str] = []
    for seed in range(8):
        drawn = of_kind(generate_traffic(40, seed, tasks=("dyck",), shares={"own": 1, "drift": 1}), "drift")
        found = {re.sub(r"[][(){}<>] ?", "", item.request.question) for item in drawn}
        assert len(drawn) == 20
        assert len(found) == 1
        wordings += found
    assert len({*wordings}) > 1


def test_drift_takes_as_many_requests_as_its_share_says_even_of_few_tasks() -> None:
    drawn = generate_traffic(50, 1, tasks=("word_sorting", "dyck"), shares={"own": 1, "drift": 4})
    assert Counter(item.kind for item in drawn) == {"own": 10, "drift": 40}
    changed = sum(item.rule_changed for item in drawn)
    asked = sum(item.task == "word_sorting" for item in drawn)
    assert changed == round(40 * asked / 50)  # of both tasks the same part


def test_what_makes_no_stream_is_refused() -> None:
    with pytest.raises(NotFoundError):
        generate_traffic(10, 1, tasks=("sorting",))
    with pytest.raises(InputError, match="-1 requests"):
        generate_traffic(-1, 1)
    with pytest.raises(InputError, match="0 tasks"):
        generate_traffic(10, 1, tasks=())
    for shares in ({}, {"own": 0.0}, {"own": 1.0, "typo": -0.1}):
        with pytest.raises(InputError, match="invalid shares"):
            generate_traffic(10, 1, shares=shares)
    with pytest.raises(InputError, match="invalid shares"):
        generate_traffic(10, 1, shares={"owned": 1.0})  # type: ignore[dict-item]
    with pytest.raises(InputError, match="nothing to repeat"):
        generate_traffic(10, 1, shares={"repeat": 1.0})


def test_a_stream_is_the_same_as_ever_whatever_the_hash_seed() -> None:
    digests = set()
    for seed in ("0", "4242"):
        # Our own interpreter on a source of our own.
        done = subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(done.stdout.strip())
    assert digests == {PINNED}
    assert generate_traffic(20, 1) != generate_traffic(20, 2)
