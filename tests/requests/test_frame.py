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
from hammerstone.types import JSON, Chat, Message

SYSTEM = Message(role="system", content="Answer in one word.")
texts = st.text(st.characters() | st.sampled_from("\n\r[]\\ "), max_size=40) | st.sampled_from(
    ["[user]", "\\[user]", "[system]\nx", "a\n[assistant]", ""]
)


def chat(*contents: str, **others: str) -> Chat:
    """A system prompt and a question, or a question alone."""
    roles = ("system", "user")[-len(contents) :]
    messages = tuple(Message(role=role, content=text) for role, text in zip(roles, contents, strict=True))
    return Chat(messages=messages, **others)


def test_a_question_alone_has_the_plain_frame() -> None:
    assert frame_of(chat("Q")) == frame_of(chat("Other")) == PLAIN
    assert frame_of(chat("Q"), Form.WHOLE) == PLAIN


def test_requests_with_the_same_other_turns_have_one_frame_and_their_last_message_is_the_question() -> None:
    one, other = chat("Rules.", "1 + 2?"), chat("Rules.", "3 + 4?")
    assert frame_of(one) == frame_of(other) != PLAIN
    assert (question_in(one), question_in(other)) == ("1 + 2?", "3 + 4?")


@pytest.mark.parametrize(
    "changed",
    [
        chat("Other rules.", "Q"),
        replace(chat("Rules.", "Q"), model="gpt"),
        replace(chat("Rules.", "Q"), response_format={"type": "json_object"}),
        chat("Q"),
        Chat(messages=(Message(role="developer", content="Rules."), Message(role="user", content="Q"))),
    ],
)
def test_what_belongs_to_a_requests_identity_belongs_to_its_frame(changed: Chat) -> None:
    assert frame_of(changed) != frame_of(chat("Rules.", "Q"))


def test_a_frame_that_an_earlier_release_stored_is_the_same_today() -> None:
    assert frame_of(chat("Rules.", "Q")).digest == "c61d1724e7debc9c"
    assert frame_of(chat("Rules.", "Q"), Form.WHOLE).digest == "8b0826ba7b63ebec"


def test_the_order_of_a_schemas_properties_belongs_to_the_frame() -> None:
    def asking(**properties: JSON) -> Chat:
        form: JSON = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"properties": properties}}}
        return replace(chat("Rules.", "Q"), response_format=form)

    first, second = asking(reasoning={}, answer={}), asking(answer={}, reasoning={})
    assert frame_of(first) != frame_of(second)
    assert frame_of(first) == frame_of(asking(reasoning={}, answer={}))


def test_a_frame_without_a_schema_that_an_earlier_release_stored_is_the_same_today() -> None:
    assert frame_of(replace(chat("Rules.", "Q"), response_format={"type": "json_object"})).digest == "1c8d208ce95f8d59"


def test_where_the_other_turns_differ_the_whole_chat_is_the_question() -> None:
    one, other = chat("Today is Monday.", "1 + 2?"), chat("Today is Friday.", "1 + 2?")
    frame = shared_frame([one, other])
    assert frame == frame_of(one, Form.WHOLE) == frame_of(other, Form.WHOLE)
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
