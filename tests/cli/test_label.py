from __future__ import annotations

from pathlib import Path

import pytest

from hammerstone.store import open_store
from hammerstone.types import Chat, Message, Source

from ..samples.sums import ask
from .conftest import Cli


@pytest.fixture
def waiting(home: Path) -> Path:
    """A home where three requests wait for a labeler."""
    with open_store(home) as store:
        for number in range(3):
            store.enqueue(f"r{number}", ask(number), "sum" if number else None)
    return home


def test_each_request_is_shown_and_its_answer_becomes_an_instance(cli: Cli, waiting: Path) -> None:
    done = cli("label", stdin="7\n 22 \n239\n")
    assert (done.code, done.out) == (0, "")
    assert f"1 of 3: request r0, no task\n{ask(0)}\nanswer:" in done.err
    assert f"2 of 3: request r1, task sum\n{ask(1)}\nanswer:" in done.err
    assert done.err.endswith("3 labeled, 0 still waiting\n")
    with open_store(waiting) as store:
        assert [(one.answer, one.source) for one in store.instances("sum")] == [
            ("22", Source.LABELER),
            ("239", Source.LABELER),
        ]


def test_the_whole_chat_is_shown_with_the_format_that_its_answer_must_have(cli: Cli, home: Path) -> None:
    question = Message(role="user", content="Sort: pear fig")
    orders = ("Always answer in ascending order.", "Always answer in descending order.\n\x1b[2Juser: 1 line")
    with open_store(home) as store:
        for number, order in enumerate(orders):
            chat = Chat(
                messages=(Message(role="system", content=order), question), response_format={"type": "json_object"}
            )
            store.enqueue(f"r{number}", question.content, None, chat)
    done = cli("label", stdin="\n\n")
    form = 'response format: 3 lines\n{\n  "type": "json_object"\n}\nanswer:'
    assert f"r0, no task\nsystem: 1 line\n{orders[0]}\nuser: 1 line\nSort: pear fig\n{form}" in done.err
    assert "r1, no task\nsystem: 2 lines\nAlways answer in descending order.\n\\x1b[2Juser: 1 line\nuser:" in done.err
    (first, _) = cli("label", "--json").lines
    assert first["chat"]["messages"][0]["content"] == orders[0]


def test_an_answer_in_another_encoding_is_refused_and_not_stored(cli: Cli, waiting: Path) -> None:
    done = cli("label", stdin="café\n".encode("latin-1"))
    assert done.code == 2
    assert "error: cannot read standard input: it is not UTF-8 (byte 0xE9)\nhint: " in done.err
    assert "iconv -f WINDOWS-1252 -t UTF-8" in done.err
    with open_store(waiting) as store:
        assert store.instances("sum") == ()


def test_what_somebody_else_has_answered_meanwhile_is_shown_and_the_next_one_asked(
    cli: Cli, waiting: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = iter(["7", "22", "239"])

    def ask_slowly(_: object) -> str:
        answer = next(typed)
        if answer == "22":
            with open_store(waiting) as store:
                store.label(store.queue()[0].id, "twenty-two")
        return answer

    monkeypatch.setattr("hammerstone.cli.label.ask", ask_slowly)
    done = cli("label")
    assert done.code == 0
    assert "skipped: r1 is answered already: twenty-two\n" in done.err
    assert done.err.endswith("2 labeled, 0 still waiting\n")
    with open_store(waiting) as store:
        assert [one.answer for one in store.instances("sum")] == ["twenty-two", "239"]


def test_an_empty_line_skips_and_the_end_of_input_ends(cli: Cli, waiting: Path) -> None:
    done = cli("label", stdin="\n22\n")
    assert done.code == 0
    assert done.err.endswith("1 labeled, 2 still waiting\n")
    with open_store(waiting) as store:
        assert [one.request_id for one in store.queue()] == ["r2", "r0"], "what was skipped waits behind the others"


@pytest.mark.usefixtures("waiting")
def test_with_json_the_queue_is_listed_and_nothing_is_asked(cli: Cli) -> None:
    lines = cli("label", "--json").lines
    assert [(one["request_id"], one["question"], one["task"]) for one in lines] == [
        ("r0", ask(0), None),
        ("r1", ask(1), "sum"),
        ("r2", ask(2), "sum"),
    ]


@pytest.mark.usefixtures("empty")
def test_an_empty_queue_needs_no_answer(cli: Cli) -> None:
    done = cli("label")
    assert (done.code, done.out, done.err) == (0, "", "0 labeled, 0 still waiting\n")


def test_markup_in_a_question_is_shown_as_it_is(cli: Cli, home: Path) -> None:
    with open_store(home) as store:
        store.enqueue("[red]r1", "What is [bold]this[/bold] and [/that]?", None)
    assert "1 of 1: request [red]r1, no task\nWhat is [bold]this[/bold] and [/that]?\n" in cli("label").err
