"""Tasks told apart without a model: by frame and wording, also after a restart."""

from __future__ import annotations

import gc
from dataclasses import replace

import pytest

from hammerstone.requests.frame import Form, Frame, frame_of
from hammerstone.routes import kinds as kinds_module
from hammerstone.routes.kinds import Kinds
from hammerstone.routes.kinds_of_tasks import KindsOfTasks
from hammerstone.store import Store
from hammerstone.types import JSON, Chat, Instance, Message, Source

PAIRS = ((3, 4), (17, 5), (208, 31), (6, 66), (90, 12), (41, 7))
SUM, SORT = "What is the sum of {} and {}?", "Please write the numbers {} and {} in ascending order."


def chat(question: str, system: str | None = None) -> Chat:
    turns = [Message(role="system", content=system)] if system is not None else []
    return Chat(messages=(*turns, Message(role="user", content=question)), model="m")


def test_two_wordings_of_one_frame_are_two_tasks() -> None:
    kinds = KindsOfTasks()
    sums = {kinds.of(chat(SUM.format(*pair)))[0] for pair in PAIRS}
    sorts = {kinds.of(chat(SORT.format(*pair)))[0] for pair in PAIRS}
    assert len(sums) == len(sorts) == 1
    assert sums != sorts
    assert sums.pop().startswith("what_is_the_sum_of_")


def test_another_model_is_another_task() -> None:
    kinds = KindsOfTasks()
    one = kinds.of(chat(SUM.format(1, 2)))[0]
    other = kinds.of(Chat(messages=chat(SUM.format(3, 4)).messages, model="n"))[0]
    assert one != other


def in_order(*properties: str) -> Chat:
    form: JSON = {"type": "json_schema", "json_schema": {"schema": {"properties": {name: {} for name in properties}}}}
    return replace(chat(SUM.format(1, 2), "Add the numbers that you are given."), response_format=form)


def test_another_order_of_a_schemas_properties_is_another_task() -> None:
    kinds = KindsOfTasks()
    found = [kinds.of(in_order(*names)) for names in (("why", "sum"), ("sum", "why"), ("why", "sum"))]
    assert found[0][0] == found[2][0] != found[1][0]
    assert {form for _, form in found} == {Form.LAST}


def test_a_task_whose_frame_is_that_of_an_earlier_release_is_no_kind_of_todays(store: Store) -> None:
    asked = in_order("why", "sum")
    store.add_task("adding", "", Frame(digest="0" * 16), asked)
    given = Instance(question=asked.messages[-1].content, answer="x", source=Source.SOLVER, chat=asked)
    store.add_instance("adding", given, request_id="1")
    assert KindsOfTasks.stored(store).of(asked)[0] != "adding"


def test_a_date_in_the_system_prompt_makes_the_whole_chat_the_question() -> None:
    kinds = KindsOfTasks()
    days = ("Monday", "Tuesday", "Wednesday")
    found = [kinds.of(chat(SUM.format(*pair), f"Today is {day}.")) for pair, day in zip(PAIRS, days, strict=False)]
    assert len({name for name, _ in found}) == 1
    assert found[-1][1] is Form.WHOLE


GREETINGS = ("You are a helpful assistant.", "You are ChatGPT", "You're a friendly, concise AI assistant!")
NOUNS = "house garden tree window apple river mountain bread yellow seven".split()
VERBS = "paint sell lift find"
FREE = [f"{verb} {noun} {noun[::-1]} {len(verb) * noun}" for verb in VERBS.split() for noun in NOUNS]


@pytest.mark.parametrize("greeting", [None, *GREETINGS])
def test_unlike_questions_behind_a_greeting_are_many_kinds(greeting: str | None) -> None:
    """A build from all of them could never succeed."""
    kinds = KindsOfTasks()
    for text in FREE:
        kinds.of(chat(text, greeting))
    assert len({kinds.of(chat(text, greeting))[0] for text in FREE}) > 1


def test_unlike_questions_behind_an_instruction_are_one_kind_once_they_are_many() -> None:
    kinds = KindsOfTasks()
    for text in FREE:
        kinds.of(chat(text, "Say which language this is."))
    assert len({kinds.of(chat(text, "Say which language this is."))[0] for text in FREE}) == 1


def test_nothing_is_known_of_what_was_never_seen() -> None:
    assert KindsOfTasks().find(chat(SUM.format(1, 2))) is None


def test_after_a_restart_requests_are_of_the_stored_tasks(store: Store) -> None:
    for name, words in (("adding", SUM), ("sorting", SORT)):
        first = chat(words.format(*PAIRS[0]))
        store.add_task(name, "", frame_of(first), first)
        for number, pair in enumerate(PAIRS[:4]):
            asked = chat(words.format(*pair))
            given = Instance(question=asked.messages[-1].content, answer="x", source=Source.SOLVER, chat=asked)
            store.add_instance(name, given, request_id=str(number))
    kinds = KindsOfTasks.stored(store)
    assert kinds.find(chat(SUM.format(5, 6))) == "adding"
    assert kinds.of(chat(SORT.format(5, 6)))[0] == "sorting"


def stored(store: Store, name: str, *chats: Chat) -> None:
    store.add_task(name, "", frame_of(chats[0]), chats[0])
    for number, one in enumerate(chats):
        given = Instance(question=one.messages[-1].content, answer="x", source=Source.SOLVER, chat=one)
        store.add_instance(name, given, request_id=f"{name}{number}")


@pytest.mark.parametrize("known", [1, 4])
def test_a_kind_that_another_process_has_stored_is_of_its_task(store: Store, known: int) -> None:
    kinds = KindsOfTasks.stored(store)
    stored(store, "adding", *(chat(SUM.format(*pair)) for pair in PAIRS[:known]))
    assert kinds.of(chat(SUM.format(5, 6)), store=store)[0] == "adding"
    assert kinds.of(chat(SORT.format(5, 6)), store=store)[0] != "adding"


def test_a_task_is_known_before_its_first_instance_is_stored(store: Store) -> None:
    kinds = KindsOfTasks.stored(store)
    first = chat(SUM.format(*PAIRS[0]))
    store.add_task("adding", "", frame_of(first), first)
    assert kinds.of(chat(SUM.format(5, 6)), store=store)[0] == "adding"


def test_chats_of_ever_new_turns_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds_module, "MAX_FAMILIES", 3)
    monkeypatch.setattr(kinds_module, "MAX_SHAPES", 2)
    kinds = Kinds()
    for number, noun in enumerate(NOUNS):
        turns = [Message(role="user", content=f"{noun} {noun[::-1]}") for _ in range(number % 4 + 2)]
        kinds.of(Chat(messages=tuple(turns), model="m"))
    assert (len(kinds._families), len(kinds._alike)) == (3, 2)


def test_the_name_of_a_kind_that_is_forgotten_is_forgotten_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds_module, "MAX_FRAMES", 3)
    monkeypatch.setattr(kinds_module, "MAX_FAMILIES", 3)
    kinds = KindsOfTasks()
    for noun in NOUNS:
        kinds.of(replace(chat(SUM.format(1, 2)), model=noun))
    gc.collect()
    assert len(kinds._names) <= 2 * 3 < len(NOUNS)
    assert kinds.find(replace(chat(SUM.format(3, 4)), model=NOUNS[-1])) is not None
