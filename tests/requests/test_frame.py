"""Frame and question of a chat: what is compared by its digest, and what a tool reads."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerstone.requests.frame import (
    PLAIN,
    Form,
    chat_document,
    chat_from,
    frame_of,
    question_in,
    render,
    shared_frame,
)
from hammerstone.types import Chat, Message, Request

SYSTEM = Message(role="system", content="Answer in one word.")
texts = st.text(st.characters() | st.sampled_from("\n\r[]\\ "), max_size=40) | st.sampled_from(
    ["[user]", "\\[user]", "[system]\nx", "a\n[assistant]", ""]
)


def chat(*contents: str, **others: str) -> Chat:
    """A system prompt and a question, or a question alone."""
    roles = ("system", "user")[-len(contents) :]
    messages = tuple(Message(role=role, content=text) for role, text in zip(roles, contents, strict=True))
    return Chat(messages=messages, **others)


def asked(of: Chat, tenant: str = "") -> Request:
    return Request(id="1", chat=of, tenant=tenant)


def test_a_question_alone_has_the_plain_frame() -> None:
    assert frame_of(Request.plain(id="1", question="Q")) == frame_of(asked(chat("Other"))) == PLAIN
    assert frame_of(Request.plain(id="1", question="Q"), Form.WHOLE) == PLAIN


def test_requests_with_the_same_other_turns_have_one_frame_and_their_last_message_is_the_question() -> None:
    one, other = chat("Rules.", "1 + 2?"), chat("Rules.", "3 + 4?")
    assert frame_of(asked(one)) == frame_of(asked(other)) != PLAIN
    assert (question_in(one), question_in(other)) == ("1 + 2?", "3 + 4?")


@pytest.mark.parametrize(
    "changed",
    [
        asked(chat("Other rules.", "Q")),
        asked(chat("Rules.", "Q"), tenant="b"),
        asked(replace(chat("Rules.", "Q"), model="gpt")),
        asked(replace(chat("Rules.", "Q"), response_format={"type": "json_object"})),
        asked(chat("Q")),
        asked(Chat(messages=(Message(role="developer", content="Rules."), Message(role="user", content="Q")))),
    ],
)
def test_what_belongs_to_a_requests_identity_belongs_to_its_frame(changed: Request) -> None:
    assert frame_of(changed) != frame_of(asked(chat("Rules.", "Q")))


def test_a_tenants_plain_question_is_not_everybodys() -> None:
    assert frame_of(asked(chat("Q"), tenant="a")) not in {PLAIN, frame_of(asked(chat("Q"), tenant="b"))}


def test_where_the_other_turns_differ_the_whole_chat_is_the_question() -> None:
    one, other = chat("Today is Monday.", "1 + 2?"), chat("Today is Friday.", "1 + 2?")
    frame = shared_frame([one, other])
    assert frame == frame_of(asked(one), Form.WHOLE) == frame_of(asked(other), Form.WHOLE)
    assert question_in(one, Form.WHOLE) == "[system]\nToday is Monday.\n[user]\n1 + 2?"


def test_chats_of_several_shapes_share_no_frame() -> None:
    assert shared_frame([chat("Rules.", "Q"), chat("Q")]) is None
    assert shared_frame([chat("Rules.", "Q"), replace(chat("Rules.", "Q"), model="gpt")]) is None


@given(st.lists(texts, min_size=2, max_size=2), st.lists(texts, min_size=2, max_size=2))
def test_two_chats_of_one_shape_are_never_rendered_alike(one: list[str], other: list[str]) -> None:
    same = render(chat(*one).messages) == render(chat(*other).messages)
    assert same == (one == other)


@given(st.lists(texts, min_size=1, max_size=2), st.none() | st.text(min_size=1))
def test_a_chat_is_stored_and_read_back_as_it_was(contents: list[str], model: str | None) -> None:
    given = replace(chat(*contents), model=model)
    assert chat_from(chat_document(given)) == (None if given.plain else given)
