"""The check finds what a model's arguments leave out of a question, or add to it."""

from __future__ import annotations

import random

import pytest

from hammerstone.evals.harness.samples import PAPER_TASKS
from hammerstone.evals.tasks import generate_instances, task
from hammerstone.tools.rewording import differences, overlooked

SHELF = "Anna puts 3 red books and 12 blue books on a shelf. Then Bob takes 2 red books away. How many are left?"
SHELF_REWORDED = (
    "How many books does the shelf hold after Bob took 2 red ones, if Anna had put 3 red and 12 blue there?"
)


def own(written: str, question: str = SHELF) -> str:
    return overlooked(question, written, own_form=True)


def reworded(written: str, question: str = SHELF_REWORDED) -> str:
    return overlooked(question, written, own_form=False, fixed=[SHELF])


def test_a_question_in_the_tools_own_form_comes_back_but_for_small_words_and_punctuation() -> None:
    assert own(SHELF) == ""
    assert own(SHELF.replace("a shelf. Then", "the shelf; then")) == ""


@pytest.mark.parametrize(
    ("there", "instead", "word"),
    [
        ("3 red", "red", "3"),
        ("Bob", "Eve", "bob"),
        ("blue", "green", "blue"),
        ("left?", "left over?", "over"),
    ],
)
def test_what_a_question_in_the_tools_own_form_says_otherwise_is_named(there: str, instead: str, word: str) -> None:
    assert own(SHELF.replace(there, instead)) == f"the arguments stand for a question in other words: '{word}'"


def test_the_order_counts_in_the_tools_own_form() -> None:
    assert "in other words" in own(SHELF.replace("3 red books and 12 blue books", "12 blue books and 3 red books"))


def test_a_reworded_question_is_accounted_for_by_its_data() -> None:
    assert reworded(SHELF) == ""


@pytest.mark.parametrize(
    ("there", "instead", "problem"),
    [
        ("12", "2", "without: '12'"),
        ("Bob", "Eve", "without: 'Bob'"),
        ("3 red", "3.0 red", "without: '3'"),
    ],
)
def test_a_number_or_a_name_that_does_not_come_back_is_named(there: str, instead: str, problem: str) -> None:
    assert reworded(SHELF.replace(there, instead)).endswith(problem)


def test_a_number_or_a_name_that_was_not_asked_is_named() -> None:
    assert reworded(SHELF.replace("books on", "books and 7 others on")).endswith("with: '7'")
    assert reworded(SHELF.replace("Bob takes", "Bob and Eve take")).endswith("with: 'Eve'")


def test_what_all_of_the_tools_questions_hold_may_be_added() -> None:
    shown = ["On a shelf for 40 books, Anna has 3.", "On a shelf for 40 books, Bob has 5."]
    written, question = "On a shelf for 40 books, Dan has 9.", "Of the shelf, 9 books are those of Dan."
    assert overlooked(question, written, own_form=False, fixed=shown) == ""
    assert overlooked(question, written, own_form=False, fixed=[*shown, "Eve has 6."]).endswith("with: '40'")


@pytest.mark.parametrize("written", ["Close these: ( [ ( <", "Close these: ( [ [ (", "Close these: ( [ ( ("])
def test_brackets_come_back_in_their_order_and_none_is_added(written: str) -> None:
    question = "Which brackets must follow (write them alone) to close these? ( [ ("
    assert overlooked(question, "Close these: ( [ (", own_form=False) == ""
    assert overlooked(question, written, own_form=False).endswith("other symbols")


def test_letters_of_options_are_no_symbols_and_no_names() -> None:
    question = "Which one is it, (A) to (B)? I have two owls.\n(A) two owls\n(B) one owl"
    assert overlooked(question, "There are two owls.\n(A) two owls\n(B) one owl", own_form=False) == ""


def test_a_question_about_something_else_is_not_accounted_for() -> None:
    assert "of the question's" in overlooked("Who wrote the longest of all novels?", "Sort: owl, fig.", own_form=False)


@pytest.mark.parametrize("name", [name for name in PAPER_TASKS if name != "dyck"])
def test_rewordings_of_the_papers_tasks_are_accounted_for(name: str) -> None:
    rng = random.Random(1)  # noqa: S311 - samples
    drawn = generate_instances(name, 30, 909)
    shown = [one.question for one in drawn[:4]]
    found = [
        overlooked(task(name).paraphrase(one, rng).question, one.question, own_form=False, fixed=shown) for one in drawn
    ]
    assert found.count("") >= 28


def test_a_difference_is_shown_with_a_few_words_around_it() -> None:
    written = SHELF.replace("12 blue", "21 blue")
    assert differences(SHELF, written) == [
        ("3 red books and 12 blue books on a", "3 red books and 21 blue books on a"),
    ]


def test_what_is_left_out_or_added_is_a_difference() -> None:
    assert differences("a b c d e f g", "a b c d e f") == [("c d e f g", "c d e f")]
    assert differences("one two", "one and two") == [("one two", "one and two")]


def test_equal_texts_have_no_differences() -> None:
    assert differences(SHELF, SHELF) == []


def test_of_very_long_texts_the_beginnings_are_compared() -> None:
    long = "word " * 100_000
    assert differences(long, f"{long} more") == []
    assert differences(f"first {long}", long)
