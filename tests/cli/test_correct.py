from __future__ import annotations

from pathlib import Path

import pytest

from hammerstone.store import open_store
from hammerstone.store.records import Answered, ToolState
from hammerstone.types import Route, Source

from ..samples.sums import ask, instances, tool
from .conftest import Cli


@pytest.fixture
def answered(made: Path) -> Path:
    """A home whose tool has answered fourteen requests, and a solver one."""
    with open_store(made) as store:
        for number in range(14):
            store.add_answer(
                Answered(
                    id=f"q{number}",
                    question=ask(number),
                    answer=instances(14)[number].answer,
                    route=Route.PARSER,
                    task="sum",
                    tool="sum",
                    version=1,
                )
            )
        store.add_answer(Answered(id="s", question=ask(4), answer="999", route=Route.SOLVER, task="sum"))
    return made


def test_the_tool_is_quarantined_the_label_kept_and_its_other_answers_are_listed(cli: Cli, answered: Path) -> None:
    done = cli("correct", "q3", "--answer", "73")
    assert done.code == 0
    assert done.out.startswith(
        "sum: version 1 is quarantined\nsum: '73' is the label of this question instead of '72'\n"
        "Other answers of sum version 1: 13\n"
    )
    assert f"q13 134 {ask(13)}" in done.rows
    assert "3 more: see --json" in done.rows
    assert "hint: to bring back the version before, if there is one: hammerstone tools rollback sum" in done.err
    with open_store(answered) as store:
        assert [one.state for one in store.tools()] == [ToolState.QUARANTINED]
        (label,) = [one for one in store.instances("sum") if one.question == ask(3)]
        assert (label.answer, label.former_answer, label.source) == ("73", "72", Source.CALLER)


@pytest.mark.usefixtures("answered")
def test_a_quarantined_tool_answers_no_more_and_the_reason_is_shown(cli: Cli) -> None:
    cli("correct", "q0")
    assert cli("solve", "-", stdin=ask(0)).out.startswith("1\t-\t")
    shown = cli("tools", "show", "sum")
    assert "its answer to 'q0' was corrected" in shown.out
    assert "served 14 answers, of which 1 were corrected" in shown.rows


@pytest.mark.usefixtures("answered")
def test_an_answer_of_the_solver_is_corrected_without_a_tool(cli: Cli) -> None:
    done = cli("correct", "s", "--answer", "102")
    assert (done.code, done.out) == (0, "sum: '102' is the label of this question\n")


def test_a_wrong_answer_that_was_learned_is_an_instance_no_more(cli: Cli, answered: Path) -> None:
    with open_store(answered) as store:
        store.add_answer(Answered(id="t", question=ask(2), answer="239", route=Route.SOLVER, task="sum"))
    done = cli("correct", "t")
    assert (done.code, done.out) == (0, "sum: the wrong answer is no instance any more\n")
    with open_store(answered) as store:
        assert [one.question for one in store.instances("sum")] == [ask(0), ask(1), ask(3), ask(4)]


@pytest.mark.usefixtures("answered")
def test_as_json_all_of_the_other_answers_are_there(cli: Cli) -> None:
    (told,) = cli("correct", "q3", "--answer", "73", "--json").lines
    assert len(told.pop("others")) == 13
    assert told == {
        "request_id": "q3",
        "question": ask(3),
        "wrong": "72",
        "answer": "73",
        "task": "sum",
        "tool": "sum",
        "version": 1,
        "quarantined": True,
        "labeled": True,
        "former_label": "72",
        "dropped": False,
    }


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("none", "--answer", "1"), "no request 'none' was answered here"),
        (("s",), "no tool answered s, so there is nothing to take out of service"),
        (("q0", "--answer", "7"), "q0 was answered so"),
    ],
)
@pytest.mark.usefixtures("answered")
def test_what_cannot_be_corrected_is_reported_with_a_hint(cli: Cli, arguments: tuple[str, ...], error: str) -> None:
    done = cli("correct", *arguments)
    assert (done.code, done.out) == (2, "")
    assert f"error: {error}\nhint: " in done.err


def test_the_version_before_is_brought_back_after_a_correction(cli: Cli, answered: Path) -> None:
    with open_store(answered) as store:
        store.publish(tool(source=f"{tool().source}\n"))
        store.add_answer(
            Answered(id="q14", question=ask(14), answer="0", route=Route.PARSER, task="sum", tool="sum", version=2)
        )
    assert cli("correct", "q14").out == "sum: version 2 is quarantined\n"
    assert cli("tools", "rollback", "sum").out == "sum: version 1 is live\n"
