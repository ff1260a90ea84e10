"""The solver: finding its answer in its reply, and second opinions."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerstone.models.replies import LONGEST_REPLY
from hammerstone.routes.solver import majority, read_answer, second_opinion, solve, solver_prompt
from hammerstone.store import Store
from hammerstone.store.accounts import AccountedModel, Bill
from hammerstone.testing import ScriptedModel
from hammerstone.types import JSON, Chat, Message, Role

SLOW = 5  # seconds of processor time, on a slow and busy machine; quadratic reading takes minutes

QUESTION = "What is 6 times 7?"
NONCE = re.findall(r"<answer-([0-9a-f]{8})>", solver_prompt(QUESTION).messages[0].content)[0]
OPEN, CLOSE, NONE = f"<answer-{NONCE}>", f"</answer-{NONCE}>", f"<no-answer-{NONCE}>"

exact = st.text(alphabet=st.characters(codec="utf-8")).filter(lambda text: NONCE not in text and text.strip())


def read(reply: str) -> str | None:
    return read_answer(reply, QUESTION)


# between the markers


@given(exact, st.text(), st.text())
def test_what_stands_between_the_markers_is_the_answer_character_by_character(
    answer: str, thoughts: str, more: str
) -> None:
    assert read(f"{thoughts}\n{OPEN}\n{answer}\n{CLOSE}\n{more}") == answer


@pytest.mark.parametrize(
    "answer",
    [
        *("UNKNOWN", "*test*", "**bold**", "`x`", '"quoted"', "(A)", "Answer: 4", "a\nAnswer: b\nAnswer: c", "null"),
        *("    return x", "\ta\tb\t", " 7 ", "a\n\nb", "\n\na\n\n", "a\r\nb", "a\r", "```sh\nls\n```\n```text\na\n```"),
        *("<answer>x</answer>", "<answer-00000000>\nx\n</answer-00000000>", "</data-1>", "a\u2028b", "\ud800"),
    ],
)
def test_no_form_of_an_answer_is_taken_for_dress(answer: str) -> None:
    assert read(f"I think.\n\n{OPEN}\n{answer}\n{CLOSE}") == answer
    assert read(f"I think.\r\n{OPEN}\r\n{answer}\r\n{CLOSE}\r\n") == answer


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (f"{OPEN}42{CLOSE}", "42"),
        (f"So:\n{OPEN} 42 {CLOSE}\n", " 42 "),
        (f"{OPEN}\n42{CLOSE}", "42"),
        (f"{OPEN}4\n2\n{CLOSE}", "4\n2"),
        (f"  {OPEN}  \n42\n  {CLOSE}  \nThat is all.", "42"),
        (f"```\n{OPEN}\n42\n{CLOSE}\n```", "42"),
        (f"{OPEN}\n41\n{CLOSE}\nNo.\n{OPEN}\n42\n{CLOSE}", "42"),
        (f"{NONE}\nOr rather:\n{OPEN}\n42\n{CLOSE}", "42"),
        (f"I am to write {OPEN} and {CLOSE} on lines.\n{OPEN}\n42\n{CLOSE}", "42"),
        (f"Answer: 41\n{OPEN}\n42\n{CLOSE}\nAnswer: 43", "42"),
    ],
)
def test_the_last_pair_of_markers_counts(reply: str, answer: str) -> None:
    assert read(reply) == answer


@pytest.mark.parametrize(
    "reply",
    [
        NONE,
        f"I cannot know.\n{NONE}\n",
        f"  {NONE}  \r\n",
        f"{OPEN}\n42\n{CLOSE}\nNo, it is open.\n{NONE}",
        f"{OPEN}\n{CLOSE}",
        f"{OPEN}\n\n{CLOSE}",
        f"{OPEN}{CLOSE}",
        f"{OPEN}\n42",
        f"42\n{CLOSE}",
        f"{OPEN}\n42\n{CLOSE}\nfor it ends with\n{CLOSE}",
        f"{OPEN}\n{NONE}\n{CLOSE}",
        f"Answer: {OPEN}42{CLOSE}",
        f"Answer: 42\n{NONE}",
        f"Answer: the line {OPEN}",
        "<answer-00000000>\n42\n</answer-00000000>",
    ],
)
def test_without_a_whole_pair_of_markers_there_is_no_answer(reply: str) -> None:
    assert read(reply) is None


def test_another_questions_markers_are_not_this_ones() -> None:
    assert read_answer(f"{OPEN}\n42\n{CLOSE}", "What is 6 times 8?") is None


@given(st.text(), st.integers(0, 3))
def test_no_question_holds_its_own_markers(question: str, times: int) -> None:
    for _ in range(times):  # as somebody would try to who knows how they come about
        question += nonce_of(question)
    assert nonce_of(question) not in question
    assert solver_prompt(question).messages[0].content.endswith(f"\n\nQuestion:\n{question}")


def nonce_of(question: str) -> str:
    return re.findall(r"^<answer-([0-9a-f]{8})>$", solver_prompt(question).messages[0].content, re.MULTILINE)[0]


# after a label, from a model that ignores the markers


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
        ("First this.\r\nAnswer: (A)\r\n", "(A)"),
        ("**Answer:** (A)", "(A)"),
        ("**Answer**: (A)", "(A)"),
        ("**Answer: (A)**", "(A)"),
        ("*Answer: (A)*", "(A)"),
        ("__Answer:__ (A)", "(A)"),
        ("> Answer: (A)", "(A)"),
        ("- Answer: (A)", "(A)"),
        ("* Answer: (A)", "(A)"),
        ("* **Answer:** (A)", "(A)"),
        ("3. Answer: (A)", "(A)"),
        ("### Answer: (A)", "(A)"),
        ("Final answer: (A)", "(A)"),
        ("**The final answer: (A)**", "(A)"),
        ("推理……\nAnswer：巴黎", "巴黎"),  # noqa: RUF001 - the colon that Chinese is written with
        ("Answer:\n(A)", "(A)"),
        ("Answer:  \r\n(A)", "(A)"),
        ("**Answer:**\n\n(A)\n", "(A)"),
        ("So.\nAnswer:\none\ntwo", "one\ntwo"),
        ("**Answer:**\none\n\ntwo", "one\n\ntwo"),
        ("So.\nAnswer:\n    return x", "    return x"),
        ("Answer:\n```sh\nls\n```\n```text\na\n```", "```sh\nls\n```\n```text\na\n```"),
        ("Answer:\nQuestion: What is 2+2?\nAnswer: 4", "Question: What is 2+2?\nAnswer: 4"),
        ("So.\n**Answer: *test***", "*test*"),
        ("So.\nAnswer: UNKNOWN", "UNKNOWN"),
    ],
)
def test_the_answer_is_found_after_its_label_in_any_usual_dress(reply: str, answer: str) -> None:
    assert read(reply) == answer


@pytest.mark.parametrize(
    "answer",
    [
        *('"quoted"', "'a'", '"a" and "b"', "a*", "*", "2 * 3 * 4", "__init__", "_x", "**a** and **b**", "`a` or `b`"),
        *("**a**", "*test*", "`x`", "```", "UNKNOWN", "Unknown", "> 3", "x: y", "answer", "[1, 2]", "half.", "{}"),
        *("-1", "#1", "a  b", "\u00a0x"),
    ],
)
def test_what_belongs_to_the_answer_stays(answer: str) -> None:
    assert read(f"So.\nAnswer: {answer}") == answer
    assert read(f"So.\nAnswer:\n{answer}\n") == answer


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "(A)",
        "The answer is (A).",
        "So the answer: (A)",
        "Answer:",
        "Answer: \n",
        "Answer:\n\n \n",
        "Unanswered: 1",
        "I think.\nAnswer: 1\nNo.\nAnswer: 2",
        "I think.\nAnswer: Question: What is 2+2?\nAnswer: 4",
        "Answer: 42\n\nLet me know if you need anything else!",
        "Answer: 42\r\n\r\nLet me know if you need anything else!",
        "Answer: 42\nLet me know if you need anything else!",
        "**Answer:** 42\r\nI added 40 and 2.",
        "Answer: one\ntwo",
        "Answer: Question: What is 2+2?\nAnswer: 4",
        "I think.\nAnswer: 42\nLet me know if you need anything else!",
        "I think.\nAnswer:\n42\n\nLet me know if you need anything else!",
        "**Answer: 42** is what I found",
        "**Answer: 42",
        "```\nI think.\nAnswer: (A)\n```",
    ],
)
def test_a_reply_that_can_be_read_in_two_ways_has_no_answer(reply: str) -> None:
    assert read(reply) is None


@given(st.text(alphabet=st.characters(codec="ascii", categories=["L", "N", "Zs"])).filter(str.strip), st.text())
def test_a_plain_answer_after_any_thoughts_is_read_back_or_refused(answer: str, thoughts: str) -> None:
    assert read(f"So.\nAnswer: {answer}") == answer.strip()
    assert read(f"So {thoughts}\nAnswer: {answer}") in {answer.strip(), None}


@pytest.mark.parametrize(
    "part", ["Answer:", "Answer: x\n", "**Answer: ", "> ", "1. ", " ", "\n", OPEN, f"{CLOSE}\n", NONE]
)
def test_a_reply_of_a_million_characters_is_read_at_once_and_a_longer_one_not_at_all(part: str) -> None:
    reply = (part * LONGEST_REPLY)[:LONGEST_REPLY]
    started = time.process_time()
    read(f"So.\n{reply}"[:LONGEST_REPLY])
    assert time.process_time() - started < SLOW
    assert read(f"{OPEN}\n42\n{CLOSE}{'.' * LONGEST_REPLY}") is None


@pytest.mark.anyio
async def test_the_solver_is_shown_the_question_and_its_answer_returned(store: Store) -> None:
    scripted = ScriptedModel(["Step by step.\nAnswer: 5"])
    assert await solve(AccountedModel(scripted, Role.SOLVER, store), Chat.of("2 + 3?"), Bill()) == "5"
    assert scripted.prompts[0].messages[0].content.endswith("Question:\n2 + 3?")


JSON_OBJECT: JSON = {"type": "json_object"}
ASKED = (Message(role="system", content="Add, as JSON."), Message(role="user", content="2 + 3?"))


@pytest.mark.anyio
async def test_a_chat_is_asked_as_it_came_and_shares_no_reply_with_another_frame(store: Store) -> None:
    scripted = ScriptedModel(["5", '{"sum": 5}', '{"sum": 6}'])
    model = AccountedModel(scripted, Role.SOLVER, store)
    chats = [
        Chat(messages=ASKED),
        Chat(messages=ASKED, response_format=JSON_OBJECT),
        Chat(messages=ASKED, response_format=JSON_OBJECT, model="gpt-9"),
    ]
    for _ in range(2):
        assert [await solve(model, chat, Bill()) for chat in chats] == ["5", '{"sum": 5}', '{"sum": 6}']
    asked = [(prompt.messages, prompt.response_format, prompt.requested_model) for prompt in scripted.prompts]
    assert asked == [(chat.messages, chat.response_format, chat.model) for chat in chats]


@pytest.mark.anyio
async def test_second_opinions_have_the_response_format_of_the_request(store: Store) -> None:
    scripted = ScriptedModel(['{"sum": 5}', "five"])
    chat = Chat(messages=ASKED, response_format=JSON_OBJECT)
    opinion = await second_opinion(AccountedModel(scripted, Role.SOLVER, store), chat, '{"sum":5}', Bill())
    assert opinion == '{"sum":5}'
    assert [prompt.response_format for prompt in scripted.prompts] == [JSON_OBJECT, JSON_OBJECT]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("wanted", "reply"),
    [
        (JSON_OBJECT, "five"),
        (JSON_OBJECT, "[5]"),
        (JSON_OBJECT, '```json\n{"sum": 5}\n```'),
        ({"type": "json_schema", "json_schema": {"name": "sum", "schema": {}}}, "The sum is 5."),
    ],
)
async def test_a_reply_that_is_no_json_is_no_answer_to_a_request_for_json(
    store: Store, wanted: JSON, reply: str
) -> None:
    model = AccountedModel(ScriptedModel([reply]), Role.SOLVER, store)
    assert await solve(model, Chat(messages=ASKED, response_format=wanted), Bill()) is None


@pytest.mark.anyio
@pytest.mark.parametrize("reply", ["I do not know.", "Answer: 1\n\nAnswer: 2", ""])
async def test_a_reply_without_an_answer_is_not_paid_for_again(store: Store, reply: str) -> None:
    scripted = ScriptedModel([reply])
    for _ in range(2):  # each with a model of its own, as two runs have
        assert await solve(AccountedModel(scripted, Role.SOLVER, store), Chat.of("2 + 3?"), Bill()) is None
    assert len(scripted.prompts) == 1


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
    assert await second_opinion(model, Chat.of("2 + 3?"), "4", Bill()) == opinion
    assert [prompt.sample for prompt in scripted.prompts] == [1, 2]  # sample 0 is the stored one


@pytest.mark.parametrize(
    ("votes", "winner"),
    [
        (["a"], None),
        (["a", "a"], "a"),
        (["a", "b"], None),
        (["a", "b", "a"], "a"),
        (["a", "A"], None),
        (["b", " a\n", "a"], " a\n"),
    ],
)
def test_a_majority_is_two_votes_that_are_equal_but_for_outer_white_space(votes: list[str], winner: str | None) -> None:
    assert majority(votes) == winner
