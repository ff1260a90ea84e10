"""The catalog: what the loop knows of tools and tasks, and that it notices changes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

import anyio
import pytest
from anyio import to_thread

from hammerstone.errors import StoreError
from hammerstone.routes import Answer, Asked, Catalog
from hammerstone.routes.catalog import FEW
from hammerstone.routes.dispatcher import LISTED
from hammerstone.store import Store
from hammerstone.store.records import StoredTool, ToolState
from hammerstone.types import Chat, Instance, Message, Request, Route, Source

from ..samples.tools import a_tool, without_parser

pytestmark = pytest.mark.anyio

ASK = "Sort these words in ascending order: b a"


def asked(question: str, task: str | None = None) -> Asked:
    return Asked(request=Request.plain(id="1", question=question), task=task)


def names(tools: Sequence[StoredTool]) -> list[str]:
    return [tool.task for tool in tools]


async def test_a_tool_is_there_after_a_refresh_and_gone_after_it_is_disabled(store: Store) -> None:
    catalog = Catalog(store)
    await catalog.refresh()
    store.publish(a_tool())
    assert catalog.tool("word_sorting") is None
    await catalog.refresh()
    assert names(catalog.parsers(asked(ASK))) == ["word_sorting"]
    store.set_tool_state("word_sorting", None, ToolState.DISABLED)
    await catalog.refresh()
    assert (catalog.tool("word_sorting"), catalog.parsers(asked(ASK))) == (None, [])


async def test_a_refresh_without_a_change_keeps_what_was_read(store: Store) -> None:
    store.publish(a_tool())
    catalog = Catalog(store)
    await catalog.refresh()
    tool = catalog.tool("word_sorting")
    await catalog.refresh()
    assert catalog.tool("word_sorting") is tool


async def test_only_a_tool_with_the_parser_route_and_with_this_wording_is_asked_to_parse(store: Store) -> None:
    store.publish(a_tool())
    store.publish(replace(without_parser(), name="by_user"))
    store.publish(replace(a_tool(), name="other", wording=("zzzzz",)))
    catalog = Catalog(store)
    await catalog.refresh()
    assert names(catalog.parsers(asked(ASK))) == ["word_sorting"]
    assert catalog.parsers(asked("What is the sum of 1 and 2?")) == []
    by_user = catalog.tool("by_user")
    assert by_user is not None
    assert by_user.tool.routes == (Route.USER,)


async def test_a_task_hint_leaves_only_its_own_tool(store: Store) -> None:
    store.publish(a_tool())
    store.publish(replace(a_tool(), name="twin"))
    catalog = Catalog(store)
    await catalog.refresh()
    assert names(catalog.parsers(asked(ASK))) == ["twin", "word_sorting"]
    assert names(catalog.parsers(asked(ASK, task="twin"))) == ["twin"]
    assert catalog.parsers(asked(ASK, task="nothing")) == []
    assert catalog.tool(None) is None


async def test_few_tasks_are_all_listed(store: Store) -> None:
    for number in range(3):
        store.add_task(f"task_{number}", "")
    assert [task.name for task in await Catalog(store).tasks("any")] == ["task_0", "task_1", "task_2"]


async def test_of_many_tasks_the_most_similar_are_listed_by_their_instances_or_descriptions(store: Store) -> None:
    for number in range(LISTED + 5):
        store.add_task(f"task_{number}", f"Something else, number {number}.")
    like = Instance(question="Sort these words in descending order: d c", answer="d c", source=Source.CALLER)
    store.add_instance(f"task_{LISTED + 2}", like, request_id="1")
    store.add_task("described", ASK)
    catalog = Catalog(store)
    listed = [task.name for task in await catalog.tasks(ASK)]
    assert len(listed) == LISTED
    assert {f"task_{LISTED + 2}", "described"} <= set(listed)
    store.add_task("new_one", ASK)
    assert "new_one" in [task.name for task in await catalog.tasks(ASK)]


def in_chat(question: str, system: str | None = "You sort.") -> Asked:
    turns = [Message(role="system", content=system)] if system is not None else []
    chat = Chat(messages=(*turns, Message(role="user", content=question)), model="m")
    return Asked(request=Request(id="1", chat=chat))


def publish_for(store: Store, of: Asked, *names: str) -> None:
    """Tools for requests of this frame, each with a wording of its own."""
    for name in names:
        store.add_task(name, "", of.frame(), of.request.chat)
        store.publish(replace(a_tool(), name=name, frame=of.frame(), wording=(f"{name:.5}",)))


async def test_where_a_system_prompt_tells_the_kind_its_tools_are_asked_in_whatever_words(store: Store) -> None:
    publish_for(store, in_chat(ASK), "alpha", "gamma")
    catalog = Catalog(store)
    await catalog.refresh()
    assert names(catalog.parsers(in_chat("Words that no version has seen."))) == ["alpha", "gamma"]
    assert catalog.parsers(in_chat("Words that no version has seen.", system="You add.")) == []


async def test_a_system_prompt_of_many_kinds_tells_nothing(store: Store) -> None:
    kinds = [f"{letter * 5}" for letter in "abcdefg"[: FEW + 1]]
    publish_for(store, in_chat(ASK), *kinds)
    catalog = Catalog(store)
    await catalog.refresh()
    assert names(catalog.parsers(in_chat("Words that hold bbbbb."))) == ["bbbbb"]


async def test_a_question_alone_is_reported_by_its_words(store: Store) -> None:
    publish_for(store, in_chat(ASK, system=None), "alpha")
    catalog = Catalog(store)
    await catalog.refresh()
    assert catalog.parsers(in_chat("Words that no version has seen.", system=None)) == []


async def test_a_shadow_is_asked_as_a_live_tool_is(store: Store) -> None:
    publish_for(store, in_chat(ASK), "alpha")
    store.publish(
        replace(a_tool(), name="alpha", frame=in_chat(ASK).frame(), wording=("zzzzz",)), state=ToolState.SHADOW
    )
    catalog = Catalog(store)
    await catalog.refresh()
    assert names(catalog.shadows(in_chat("Words that no version has seen."))) == ["alpha"]


async def test_under_load_one_request_looks_for_changes_and_the_others_go_on(store: Store) -> None:
    seconds = [0.0]
    catalog = Catalog(store, fresh_s=0.5, clock=lambda: seconds[0])
    await catalog.refresh()
    store.publish(a_tool())
    seconds[0] = 0.4
    await catalog.refresh()
    assert catalog.tools == ()
    seconds[0] = 0.6
    await catalog.refresh()  # beside this request, which does not wait for it
    await eventually(lambda: names(catalog.tools) == ["word_sorting"])


async def test_after_a_pause_the_first_request_knows_what_has_changed(store: Store) -> None:
    seconds = [0.0]
    catalog = Catalog(store, fresh_s=0.5, clock=lambda: seconds[0])
    await catalog.refresh()
    store.publish(a_tool())
    seconds[0] = 60.0
    with anyio.fail_after(20):
        while not catalog.tools:
            await catalog.refresh()


async def test_a_store_that_hangs_keeps_no_request_waiting(store: Store) -> None:
    answers, asked_store = threading.Event(), store.tools_revision
    seconds = [0.0]
    catalog = Catalog(store, fresh_s=0.5, clock=lambda: seconds[0])
    await catalog.refresh()
    store.publish(a_tool())

    def hanging() -> int:
        answers.wait()
        return asked_store()

    store.tools_revision = hanging
    for now in (1.0, 2.0):
        seconds[0] = now
        await catalog.refresh()
        assert catalog.tools == ()
    answers.set()
    await eventually(lambda: bool(catalog.tools))


async def test_changes_are_looked_for_even_where_no_thread_is_free_to_wait_for_them(store: Store) -> None:
    seconds = [0.0]
    catalog = Catalog(store, fresh_s=0.5, clock=lambda: seconds[0])
    await catalog.refresh()
    store.publish(a_tool())
    seconds[0] = 60.0
    threads = to_thread.current_default_thread_limiter()
    busy = [object() for _ in range(int(threads.available_tokens))]
    for one in busy:
        threads.acquire_on_behalf_of_nowait(one)
    await catalog.refresh()
    for one in busy:
        threads.release_on_behalf_of(one)
    await eventually(lambda: names(catalog.tools) == ["word_sorting"])


async def test_a_store_that_is_lost_leaves_what_is_known(store: Store) -> None:
    store.publish(a_tool())
    seconds = [0.0]
    catalog = Catalog(store, fresh_s=0.5, clock=lambda: seconds[0])
    await catalog.refresh()

    def lost() -> int:
        raise StoreError("gone")

    store.tools_revision = lost
    seconds[0] = 1.0
    await catalog.refresh()
    assert names(catalog.tools) == ["word_sorting"]
    with pytest.raises(StoreError):
        await catalog.refresh(at_once=True)


async def test_a_persons_label_is_known_after_a_refresh(store: Store) -> None:
    store.publish(a_tool())
    catalog = Catalog(store)
    await catalog.refresh()
    assert await catalog.person_label(asked(ASK), "word_sorting") is None
    store.add_instance("word_sorting", Instance(question=ASK, answer="b a", source=Source.LABELER), request_id="1")
    await catalog.refresh()
    assert await catalog.person_label(asked(ASK), "word_sorting") == "b a"


async def eventually(holds: Callable[[], bool]) -> None:
    with anyio.fail_after(20):
        while not holds():  # noqa: ASYNC110 - it comes from a thread
            await anyio.sleep(0.005)


async def test_a_persons_label_wins_over_a_tools_answer_and_keeps_why_other_tools_refused(store: Store) -> None:
    store.publish(a_tool())
    catalog = Catalog(store)
    await catalog.refresh()
    answer = Answer(text="a b", route=Route.PARSER, tool=catalog.tool("word_sorting"), refusals=("other: no",))
    assert await catalog.unless_labeled(answer, asked(ASK)) is answer
    store.add_instance("word_sorting", Instance(question=ASK, answer="b, a", source=Source.LABELER), request_id="1")
    await catalog.refresh()
    labeled = await catalog.unless_labeled(answer, asked(ASK))
    assert (labeled.text, labeled.route) == ("b, a", Route.LABELER)
    assert labeled.refusals == ("other: no", "word_sorting: a person's label says otherwise")
