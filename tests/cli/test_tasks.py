from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hammerstone.requests.frame import frame_of
from hammerstone.store import open_store, this_process
from hammerstone.store.records import Attempt, BuildState, Disagreement
from hammerstone.types import Chat, Instance, Message, Source, Usage

from ..samples.sums import ask, instances, tool
from .conftest import Cli

LONG = "Wrong answer: solve returned '7' where nobody had expected anything of the kind, not in the least, ever\nat all"


@pytest.fixture
def needing_review(home: Path) -> Path:
    """A home where a tool needs review: it says 7, the stored answer is 999."""
    with open_store(home) as store:
        store.add_task("sum", "The sum of two numbers.")
        for number, one in enumerate(
            [Instance(question=ask(0), answer="999", source=Source.SOLVER), *instances(5)[1:]]
        ):
            store.add_instance("sum", one, request_id=f"r{number}")
        build = store.start_build("sum", owner=this_process())
        assert build is not None
        usage = Usage(input_tokens=10, output_tokens=20)
        attempt = Attempt(
            recipe="module", number=1, stage="passed", source="…", problems=(LONG,), usage=usage, cost_usd=0.5
        )
        store.add_attempt(build, attempt)
        differ = Disagreement(instance_id=store.instances("sum")[0].id, question=ask(0), stored="999", tool="7")
        store.end_build(build, BuildState.NEEDS_REVIEW, reason="one differs", tool=tool(), disagreement=differ)
    return home


@pytest.mark.usefixtures("needing_review")
def test_the_list_shows_how_far_each_tasks_tool_is(cli: Cli, needing_review: Path) -> None:
    with open_store(needing_review) as store:
        store.publish(tool("other"))
        store.add_task("new", "Something else.")
    done = cli("tasks", "list")
    assert " sum             5   build needs-review        The sum of two numbers." in done.out
    assert " other           0   tool live: parser, user   " in done.out
    assert " new             0   collecting                Something else." in done.out


@pytest.mark.usefixtures("made")
def test_the_list_as_json_is_a_line_for_each_task(cli: Cli) -> None:
    assert cli("tasks", "list", "--json").lines == [
        {
            "name": "sum",
            "description": "The sum of two numbers.",
            "instances": 5,
            "standing": "tool live: parser, user",
            "time_dependent": False,
        }
    ]


@pytest.mark.usefixtures("made")
def test_a_task_may_be_marked_as_time_dependent(cli: Cli) -> None:
    assert cli("tasks", "mark", "sum", "--time-dependent").out == "sum: time-dependent\n"
    assert "parser, user, time-dependent" in cli("tasks", "list").out
    assert "depend on the time" in cli("tasks", "show", "sum").out
    assert cli("tasks", "mark", "sum", "--timeless", "--json").lines == [{"name": "sum", "time_dependent": False}]
    assert "there is no task 'other'" in cli("tasks", "mark", "other", "--timeless").err


@pytest.mark.usefixtures("needing_review")
def test_a_task_is_shown_with_instances_builds_and_the_disagreement(cli: Cli) -> None:
    done = cli("tasks", "show", "sum")
    assert done.code == 0
    assert f" r0        solver   999               {ask(0)}" in done.out
    assert "from 5 instances: needs-review" in done.out
    assert " module         1   passed     $0.5000   Wrong answer: solve returned '7' where nobody" in done.out
    assert "ever\\nat all\n" in done.out, "in a pipe nothing is cut, and a row stays on its line"
    assert "\none differs\n" in done.out
    assert "needs review: the tool says '7', the stored answer is '999', for:" in done.err
    assert "hint: hammerstone tasks settle sum --tool, or --label" in done.err


@pytest.mark.usefixtures("needing_review")
def test_a_task_as_json_is_one_document(cli: Cli) -> None:
    (shown,) = cli("tasks", "show", "sum", "--json").lines
    assert [one["answer"] for one in shown["instances"]][:2] == ["999", "22"]
    (build,) = shown["builds"]
    assert (build["state"], build["disagreement"]["tool"]) == ("needs-review", "7")
    assert build["attempts"][0]["problems"] == [LONG]


def test_a_task_of_chats_is_shown_with_its_frame_and_a_disagreement_with_the_whole_request(
    cli: Cli, home: Path
) -> None:
    rules = "Add.\nAnswer with the number\x1b[2J alone."
    turns = (Message(role="system", content=rules), Message(role="user", content=ask(0)))
    chat = Chat(messages=turns, model="gpt-9", response_format={"type": "json_object"})
    with open_store(home) as store:
        store.add_task("sum", "The sum of two numbers.", frame_of(chat), chat)
        instance = Instance(question=ask(0), answer="999", source=Source.SOLVER, chat=chat)
        store.add_instance("sum", instance, request_id="r0")
        build = store.start_build("sum", owner=this_process())
        assert build is not None
        differ = Disagreement(instance_id=store.instances("sum")[0].id, question=ask(0), stored="999", tool="7")
        store.end_build(build, BuildState.NEEDS_REVIEW, reason="one differs", tool=tool(), disagreement=differ)

    fixed = "system: 2 lines\nAdd.\nAnswer with the number\\x1b[2J alone.\n"
    form = 'response format: 3 lines\n{\n  "type": "json_object"\n}\n'
    done = cli("tasks", "show", "sum")
    assert "model        gpt-9" in done.out
    assert f"All of its requests have in common\n{fixed}{form}" in done.out
    whole = f"the tool says '7', the stored answer is '999', for:\n{fixed}user: 1 line\n{ask(0)}\n{form}"
    assert whole in done.err
    assert whole in cli("tasks", "settle", "sum").err
    (document,) = cli("tasks", "show", "sum", "--json").lines
    assert (document["model"], document["frame"][0]) == ("gpt-9", {"heading": "system", "text": rules})


@pytest.mark.usefixtures("made")
def test_questions_that_the_tool_refused_are_shown(cli: Cli) -> None:
    row = json.dumps({"id": "1", "question": "What is the sum of 3 and 4?!", "task": "sum"})
    cli("solve", "-", "--solver", "labeler", stdin=row)
    done = cli("tasks", "show", "sum")
    assert "Questions that the parser refused (material for a next version)" in done.rows
    assert "What is the sum of 3 and 4?!" in done.rows


@pytest.mark.usefixtures("needing_review")
def test_when_the_tool_is_right_it_goes_live(cli: Cli) -> None:
    done = cli("tasks", "settle", "sum", "--tool")
    assert (done.code, done.out) == (0, "sum: live\n")
    assert cli("solve", "-", stdin=ask(0)).out == "1\tparser\t7\n"
    (shown,) = cli("tasks", "show", "sum", "--json").lines
    assert (shown["instances"][0]["answer"], shown["instances"][0]["former_answer"]) == ("7", "999")


@pytest.mark.usefixtures("needing_review")
def test_when_the_label_is_right_the_tool_is_dropped(cli: Cli) -> None:
    done = cli("tasks", "settle", "sum", "--label")
    assert (done.code, done.out) == (0, "sum: failed\n")
    assert cli("tools", "list", "--json").out == ""
    assert cli("tasks", "settle", "sum", "--label").code == 2


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("show", "nix"), "there is no task nix"),
        (("settle", "nix", "--tool"), "no tool of nix needs review"),
        (("settle", "sum"), "say who is right"),
        (("settle", "sum", "--tool", "--label"), "say who is right"),
    ],
)
@pytest.mark.usefixtures("needing_review")
def test_what_cannot_be_done_is_reported(cli: Cli, arguments: tuple[str, ...], error: str) -> None:
    done = cli("tasks", *arguments)
    assert (done.code, done.out) == (2, "")
    assert f"error: {error}\nhint: " in done.err


@pytest.mark.parametrize("typed", ["y\n", "yes\n"])
def test_a_task_is_removed_after_a_question(cli: Cli, made: Path, typed: str) -> None:
    done = cli("tasks", "remove", "sum", stdin=typed)
    assert (done.code, done.out) == (0, "sum: removed\n")
    assert "Delete the task sum, its 5 instances, its builds and its tools? [y/N]" in done.err
    with open_store(made) as store:
        assert (store.tasks(), store.tools(all_versions=True)) == ((), ())


@pytest.mark.parametrize("typed", ["", "\n", "n\n", "sum\n"])
def test_without_a_yes_no_task_is_removed(cli: Cli, made: Path, typed: str) -> None:
    done = cli("tasks", "remove", "sum", stdin=typed)
    assert (done.code, done.out) == (1, "")
    assert "nothing was deleted" in done.err
    with open_store(made) as store:
        assert len(store.instances("sum")) == 5


@pytest.mark.usefixtures("made")
def test_a_removed_task_is_not_there_any_more(cli: Cli) -> None:
    assert cli("tasks", "remove", "sum", "--yes", "--json").lines == [{"name": "sum", "state": "removed"}]
    for command in ("remove", "show"):
        done = cli("tasks", command, "sum")
        assert done.code == 2
        assert "error: there is no task sum\nhint: `hammerstone tasks list` lists them" in done.err


def test_a_task_whose_tool_is_being_made_is_not_removed(cli: Cli, made: Path) -> None:
    with open_store(made) as store:
        store.start_build("sum", owner=this_process())
    done = cli("tasks", "remove", "sum", "--yes")
    assert done.code == 2
    assert "error: a tool for sum is being built\nhint: wait until the build has ended" in done.err


@pytest.fixture
def two(made: Path) -> Path:
    """A second task, with one question of the first one under another label."""
    with open_store(made) as store:
        store.add_task("total", "")
        store.add_instance("total", replace(instances(1)[0], answer="999"), request_id="r7")
        store.add_instance("total", instances(9)[8], request_id="r8")
    return made


def test_two_tasks_become_one_and_contradictory_labels_are_listed(cli: Cli, two: Path) -> None:
    done = cli("tasks", "merge", "sum", "total")
    assert done.code == 0
    assert done.out.startswith(
        "total: 4 instances of sum moved here\ntotal: its tools are kept here, replaced: version 1\n"
        "Questions with two labels\n"
    )
    assert f"999 7 {ask(0)}" in done.rows
    with open_store(two) as store:
        assert [(task.name, task.instances) for task in store.tasks()] == [("total", 6)]


@pytest.mark.usefixtures("two")
def test_a_merge_as_json_is_one_document(cli: Cli) -> None:
    assert cli("tasks", "merge", "sum", "total", "--json").lines == [
        {
            "name": "total",
            "instances": 4,
            "tools": [1],
            "conflicts": [{"question": ask(0), "answer": "999", "former_answer": "7"}],
        }
    ]


@pytest.mark.usefixtures("made")
def test_a_renamed_task_answers_under_its_new_name(cli: Cli) -> None:
    assert cli("tasks", "rename", "sum", "addition").out == "sum: renamed to addition\n"
    assert cli("solve", "-", stdin=ask(0)).out == "1\tparser\t7\n"
    assert [one["name"] for one in cli("tools", "list", "--json").lines] == ["addition"]
    assert cli("tasks", "rename", "addition", "sum", "--json").lines == [{"name": "sum", "former_name": "addition"}]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("rename", "sum", "total"), "there is a task total already"),
        (("rename", "sum", "Two Words"), "'Two Words' is not a name for a task"),
        (("rename", "nix", "new"), "there is no task 'nix'"),
        (("merge", "sum", "nix"), "there is no task 'nix'"),
        (("merge", "sum", "sum"), "sum and sum are one task"),
    ],
)
@pytest.mark.usefixtures("two")
def test_what_cannot_be_merged_or_renamed_is_reported(cli: Cli, arguments: tuple[str, ...], error: str) -> None:
    done = cli("tasks", *arguments)
    assert (done.code, done.out) == (2, "")
    assert f"error: {error}\nhint: " in done.err


def test_a_build_without_attempts_is_shown_with_its_reason(cli: Cli, home: Path) -> None:
    with open_store(home) as store:
        store.add_task("sum", "")
        build = store.start_build("sum", owner=this_process())
        assert build is not None
        store.end_build(build, BuildState.FAILED, reason="the maker refuses the key (401)")
    assert "from 0 instances: failed: the maker refuses the key (401)" in cli("tasks", "show", "sum").out
