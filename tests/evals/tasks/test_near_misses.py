"""Near-misses: their answers are right, and what the task's own rule would make of them is not."""

from __future__ import annotations

import random
import re

import pytest

from hammerstone.errors import InputError, NotFoundError
from hammerstone.evals.tasks import TASKS, near_misses, task

from .. import reference
from ..near_miss_answers import RIGHT

# Each kind: what shows it, and the own wording with which its question would be one of the task's. `None`: its data are
# not in the task's form either, or the task's own rule leaves several answers.
KINDS: dict[str, dict[str, tuple[str, str | None]]] = {
    "chinese_remainder": {
        "at least": (r"no fewer than(.*)At least how", r"no more than\1How"),
        "too few": ("too few", "left"),
        "after eating": (r" after we eat \d+ of them", ""),
        "share": (r"a (\w+) of (.*) does each of the \d+ \w+ get", r"a \1 of \2 are in the \1"),
    },
    "dyck": {
        "count": (r"Count(.*) Answer with the number of brackets alone\.", r"Complete\1"),
        "first only": ("Give the first bracket of", "Complete"),
        "whole": ("Write out the completed sequence", "Complete the rest of the sequence"),
        "backwards": (" and write it backwards", ""),
        "beginning": ("beginning of(.*)opened", r"rest of\1closed"),
    },
    "email_meeting": {
        "latest": ("latest time", "earliest time"),
        "on one day": (r"earliest time on \w+", "earliest time"),
        "without one": (r"all of them but \w+", "all of them"),
        "longer": (r"( (\d+) minutes.*for )(?!\2)\d+( minutes\? Answer)", r"\1\2\3"),
    },
    "game_of_24": {
        "another target": (r"Make (?!24)\d+", "Make 24"),
        "three numbers": ("three of them once and leave one out", "each of them exactly once"),
        "lesser first": (r"lesser(.*)\(\(9-6\)\*\(3\+5\)\)", r"greater\1((5+3)*(9-6))"),
        "signs only": (r" Answer only with the three signs in it.*", ""),
    },
    "logical_deduction": {
        "one false": ("Options, all true but one:", None),
        "changed places": (r" Then [^.]* change places\.", ""),
        "reversed": (r" Then the whole order is turned around\.", ""),
        "six objects": ("set of six", None),
    },
    "routing": {
        "slowest": ("the most minutes", "the fewest minutes"),
        "second": ("second fewest", "fewest"),
        "fewest roads": ("fewest roads", "fewest minutes"),
        "one way": ("only in the direction named", "in both directions"),
        "open again": ("was closed and is open again", "is closed"),
    },
    "schedule_meeting": {
        "latest": ("latest", "earliest"),
        "lunch": (r"The hour .* lunch\. ", ""),
        "busy": ("busy", "free"),
        "either": ("at least one of them is", "both of them are"),
        "shortest": (
            r"What is the shortest.*\?",
            "When is the earliest time that both of them are free for the whole meeting?",
        ),
    },
    "sudoku": {
        "diagonals": ("two long diagonals", None),
        "columns": ("columns from left to right", "rows from top to bottom"),
        "bottom up": ("from bottom to top", "from top to bottom"),
        "blanks only": (
            "digits that belong in the empty cells, row by row and without spaces",
            "solved rows from top to bottom, separated by single spaces",
        ),
        "one row": ("second row from the top alone", "rows from top to bottom, separated by single spaces"),
    },
    "tracking_shuffled_objects": {
        "who": (r", who (?:has|is)", None),
        "called off": (r" But the \w+ of these exchanges never took place\.", ""),
        "undone": (r" Then the last two exchanges are undone\.", ""),
        "at first": (r"At the start of ([^:\n]*)\n", r"At the end of \1\n"),
        "six people": ("Fred", None),
    },
    "web_listing": {
        "some only": (r"(Every \w+) that is [-\w ]+? gives", r"\1 gives"),
        "other keys": (r'"item_(\w+)"', r'"\1"'),
        "backwards": ("in the reverse order", "in the order"),
        "spaced": ("with one space after each comma and colon outside", "without spaces outside"),
    },
    "word_sorting": {
        "descending": ("in descending alphabetical order", "alphabetically"),
        "by last letter": (" by their last letter", ""),
        "by length": ("by number of characters.*alphabetically", "alphabetically"),
        "without repeats": (", each of them once", ""),
        "spelled backwards": (" and spell each backwards", ""),
    },
}


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - samples, not secrets


@pytest.mark.parametrize("name", sorted(RIGHT))
def test_a_near_miss_has_the_right_answer(name: str) -> None:
    for instance in near_misses(name, 120, 31):
        assert RIGHT[name](instance.question) == instance.answer, instance.question


@pytest.mark.parametrize("name", sorted(TASKS))
def test_no_near_miss_is_in_the_own_form_of_a_task(name: str) -> None:
    for instance in near_misses(name, 60, 32):
        for other in TASKS.values():
            with pytest.raises(InputError):
                other.check(instance.question, instance.answer)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_the_kinds_come_evenly(name: str) -> None:
    assert tuple(KINDS[name]) == task(name).NEAR_MISSES
    assert len(KINDS[name]) >= 4
    questions = [instance.question for instance in near_misses(name, 4 * len(KINDS[name]), 33)]
    for near, _ in KINDS[name].values():
        assert sum(re.search(near, question, re.DOTALL) is not None for question in questions) == 4, near


@pytest.mark.parametrize(
    ("name", "kind"), [(n, kind) for n in sorted(TASKS) for kind, (_, own) in KINDS[n].items() if own is not None]
)
def test_in_the_own_wording_the_answer_would_be_wrong(name: str, kind: str) -> None:
    near, own = KINDS[name][kind]
    for seed in range(25):
        instance = task(name).near_miss(seeded(seed), kind)
        question = re.sub(near, own or "", instance.question, flags=re.DOTALL)
        assert not task(name).check(question, instance.answer), instance


def test_diagonals_matter_as_the_ordinary_rule_leaves_several_solutions() -> None:
    for seed in range(20):
        instance = task("sudoku").near_miss(seeded(seed), "diagonals")
        rows = re.findall(r"^[1-6.]{6}$", instance.question, re.MULTILINE)
        assert len(reference.sudokus(rows, 2, 3)) > 1


def test_without_its_remark_an_option_that_is_false_is_no_answer() -> None:
    for seed in range(20):
        instance = task("logical_deduction").near_miss(seeded(seed), "one false")
        own = instance.question.replace("Options, all true but one:", "Options:")
        assert not task("logical_deduction").check(own, instance.answer)


@pytest.mark.parametrize("name", sorted(TASKS))
def test_near_misses_repeat_with_their_seed_and_go_on_with_more(name: str) -> None:
    assert near_misses(name, 7, 3) == near_misses(name, 20, 3)[:7]
    assert near_misses(name, 5, 1) != near_misses(name, 5, 2)
    assert len({instance.question for instance in near_misses(name, 150, 4)}) == 150


def test_near_misses_of_an_unknown_task_or_of_a_negative_number_are_refused() -> None:
    with pytest.raises(NotFoundError):
        near_misses("sorting", 3, 1)
    with pytest.raises(InputError):
        near_misses("dyck", -1, 1)


def test_one_draw_needs_no_kind() -> None:
    for name in RIGHT:
        instance = task(name).near_miss(seeded(4))
        assert RIGHT[name](instance.question) == instance.answer
