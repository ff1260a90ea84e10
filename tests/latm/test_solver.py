"""The solver: finding its answer in its reply, and second opinions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerstone.latm.accounts import AccountedModel, Bill
from hammerstone.latm.solver import majority, read_answer, second_opinion, solve
from hammerstone.latm.store import Store
from hammerstone.testing import ScriptedModel
from hammerstone.types import Role


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("Answer: (A)", "(A)"),
        ("Answer:(A)", "(A)"),
        ("Answer : (A)", "(A)"),
        ("answer: (A)", "(A)"),
        ("ANSWER: (A)\n", "(A)"),
        ("  Answer: (A)", "(A)"),
        ("First this.\nThen that.\n\nAnswer: (A)", "(A)"),
        ("**Answer:** (A)", "(A)"),
        ("**Answer**: (A)", "(A)"),
        ("**Answer: (A)**", "(A)"),
        ("*Answer: (A)*", "(A)"),
        ("__Answer:__ (A)", "(A)"),
        ("Answer: **(A)**", "(A)"),
        ("Answer: *(A)*", "(A)"),
        ("Answer: `(A)`", "(A)"),
        ("> Answer: (A)", "(A)"),
        ("- Answer: (A)", "(A)"),
        ("* Answer: (A)", "(A)"),
        ("* **Answer:** (A)", "(A)"),
        ("3. Answer: (A)", "(A)"),
        ("### Answer: (A)", "(A)"),
        ("Final answer: (A)", "(A)"),
        ("**The final answer: (A)**", "(A)"),
        ("Answer:\n(A)", "(A)"),
        ("Answer:\n```\none\ntwo\n```", "one\ntwo"),
        ("Answer:\n```text\none\ntwo\n```\n", "one\ntwo"),
        ("```\nI think.\nAnswer: (A)\n```", "(A)"),
        ("Answer: 1\nNo.\nAnswer: 2", "2"),
        ("The answer: 1\nAnswer: 2", "2"),
        ("Answer:\none\ntwo", "one\ntwo"),
        ("**Answer:**\none\n\ntwo", "one\n\ntwo"),
    ],
)
def test_the_answer_is_found_in_any_usual_dress(reply: str, answer: str) -> None:
    assert read_answer(reply) == answer


@pytest.mark.parametrize(
    "answer",
    [
        *('"quoted"', "'a'", '"a" and "b"', "a*", "*", "2 * 3 * 4", "__init__", "_x", "**a** and **b**", "`a` or `b`"),
        *("unknown", "Unknown", "> 3", "x: y", "answer", "[1, 2]", "half.", "{}", "-1", "#1"),
    ],
)
def test_what_belongs_to_the_answer_stays(answer: str) -> None:
    assert read_answer(f"So.\nAnswer: {answer}") == answer


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "(A)",
        "The answer is (A).",
        "So the answer: (A)",
        "Answer:",
        "Answer: \n",
        "Answer: UNKNOWN",
        "Answer: UNKNOWN.",
        "**Answer:** UNKNOWN",
        "**Answer: UNKNOWN**",
        "Answer: `UNKNOWN`",
        "Answer: 1\nAnswer: UNKNOWN",
        "Unanswered: 1",
    ],
)
def test_a_reply_without_an_answer_has_none(reply: str) -> None:
    assert read_answer(reply) is None


@given(st.text(alphabet=st.characters(codec="ascii", categories=["L", "N", "Zs"]), min_size=1), st.text())
def test_a_plain_answer_after_any_thoughts_is_read_back(answer: str, thoughts: str) -> None:
    expected = answer.strip()
    assert read_answer(f"{thoughts.replace('`', '')}\nAnswer: {answer}") == (
        None if expected in {"", "UNKNOWN"} else expected
    )


@pytest.mark.anyio
async def test_the_solver_is_shown_the_question_and_its_answer_returned(store: Store) -> None:
    scripted = ScriptedModel(["Step by step.\nAnswer: 5"])
    assert await solve(AccountedModel(scripted, Role.SOLVER, store), "2 + 3?", Bill()) == "5"
    assert scripted.prompts[0].messages[0].content.endswith("Question:\n2 + 3?")


@pytest.mark.anyio
async def test_a_reply_without_an_answer_is_asked_for_again_by_a_later_run(store: Store) -> None:
    scripted = ScriptedModel(["I do not know.", "Answer: 5"])
    model = AccountedModel(scripted, Role.SOLVER, store)
    assert await solve(model, "2 + 3?", Bill()) is None
    assert await solve(model, "2 + 3?", Bill()) == "5"
    assert await solve(model, "2 + 3?", Bill()) == "5"
    assert scripted.unused == 0


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("replies", "opinion"),
    [
        (["Answer: 5", "Answer: 5"], "5"),
        (["Answer: 4", "Answer: 4"], "4"),
        (["Answer: 4", "Answer: 5"], "4"),
        (["Answer: 5", "Answer: 6"], None),
        (["Answer: 4", "no idea"], "4"),
        (["no idea", "no idea"], None),
    ],
)
async def test_a_second_opinion_needs_two_of_three_votes(store: Store, replies: list[str], opinion: str | None) -> None:
    scripted = ScriptedModel(replies)
    model = AccountedModel(scripted, Role.SOLVER, store)
    assert await second_opinion(model, "2 + 3?", "4", Bill()) == opinion
    assert [prompt.sample for prompt in scripted.prompts] == [1, 2]  # sample 0 is the stored one


@pytest.mark.parametrize(
    ("votes", "winner"),
    [(["a"], None), (["a", "a"], "a"), (["a", "b"], None), (["a", "b", "a"], "a"), (["a", "A"], None)],
)
def test_a_majority_is_two_equal_votes(votes: list[str], winner: str | None) -> None:
    assert majority(votes) == winner
