from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hammerstone.store import open_store, open_stores
from hammerstone.store.records import BuildState
from hammerstone.types import Request, Source

from ..samples.sums import ask, instances
from .conftest import Cli, Recorded, write_lines


@pytest.fixture
def models(recorded: Recorded) -> tuple[str, ...]:
    return ("--maker", recorded.strong, "--user", recorded.cheap)


@pytest.fixture
def twelve(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "solved.jsonl", instances(12))


def test_a_tool_is_made_from_a_file_of_solved_instances(
    cli: Cli, home: Path, twelve: Path, models: tuple[str, ...]
) -> None:
    done = cli("make", twelve, "--name", "sum", *models)
    assert (done.code, done.out) == (0, "sum: live by parser and user after 1 attempt\n")
    assert cli("solve", "-", stdin=ask(13)).out == "1\tparser\t134\n"
    with open_store(home) as store:
        assert [(one.what, one.about) for one in store.acts(9)] == [("build_tool", "sum")]


def test_with_json_the_build_is_one_line(cli: Cli, twelve: Path, models: tuple[str, ...]) -> None:
    done = cli("make", twelve, "--name", "sum", "--json", *models)
    assert done.lines == [{"task": "sum", "state": "live", "reason": "", "instances": 12}]


def test_a_build_that_fails_ends_with_code_1_and_says_why(
    cli: Cli, home: Path, twelve: Path, models: tuple[str, ...]
) -> None:
    done = cli("make", twelve, "--name", "product", *models)
    assert done.code == 1
    assert done.out.startswith("product: failed: module: ")
    assert "; latm: no function agreed with the shown instances" in done.out
    assert "hint: every attempt is kept: hammerstone tasks show product" in done.err
    with open_store(home) as store:
        (build,) = store.builds()
        assert build.state is BuildState.FAILED
        assert len(store.attempts(build.id)) == 8


def test_without_a_maker_nothing_is_stored(cli: Cli, home: Path, twelve: Path) -> None:
    done = cli("make", twelve, "--name", "sum")
    assert done.code == 2
    assert "error: there is no maker model\nhint: name one, for example --maker " in done.err
    with open_store(home) as store:
        assert store.tasks() == ()


def test_too_few_instances_are_kept_for_the_next_time(
    cli: Cli, home: Path, tmp_path: Path, models: tuple[str, ...]
) -> None:
    done = cli("make", write_lines(tmp_path / "few.jsonl", instances(3)), "--name", "sum", *models)
    assert done.code == 2
    assert "error: sum has 3 different instances; a tool is made from 12 or more" in done.err
    with open_store(home) as store:
        assert len(store.instances("sum")) == 3


def test_a_tenant_with_too_few_instances_keeps_no_other_from_its_tool(
    cli: Cli, home: Path, tmp_path: Path, models: tuple[str, ...]
) -> None:
    lines = [
        json.dumps({"question": one.question, "answer": one.answer, "tenant": tenant})
        for tenant, count in (("acme", 3), ("zeta", 12))
        for one in instances(count)
    ]
    done = cli("make", write_lines(tmp_path / "two.jsonl", lines), "--name", "sum", *models)
    assert done.code == 2
    assert "error: acme: sum has 3 different instances" in done.err
    assert "sum of zeta: live" in done.out
    with open_stores(home) as stores:
        assert len(stores.of("acme").instances("sum")) == 3


@pytest.mark.parametrize(("name", "better"), [("Word sorting", "word_sorting"), ("class", "task_class"), ("", "word")])
def test_a_name_that_no_tool_can_have_is_refused_with_one_that_it_can(
    cli: Cli, twelve: Path, name: str, better: str
) -> None:
    done = cli("make", twelve, "--name", name, "--maker", "mailbox:box")
    assert done.code == 2
    assert f"error: {name!r} is not a name for a tool\nhint: snake_case, as in {better}" in done.err


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ("{broken", "line 1: the line is not JSON"),
        (Request.plain(id="r1", question="What is the sum of 1 and 2?"), "line 1: request r1 has no answer"),
    ],
)
def test_without_an_instance_that_can_be_used_nothing_is_paid(
    cli: Cli, tmp_path: Path, row: Request | str, error: str
) -> None:
    done = cli(
        "make", write_lines(tmp_path / "bad.jsonl", [row]), "--name", "sum", "--maker", f"mailbox:{tmp_path}/box"
    )
    assert done.code == 2
    assert f"error: {error}" in done.err
    assert "error: no solved request was read\nhint: " in done.err
    assert not (tmp_path / "box").exists()


def test_a_line_that_cannot_be_used_is_reported_and_a_tool_is_made_from_the_others(
    cli: Cli, tmp_path: Path, models: tuple[str, ...]
) -> None:
    rows = ["{broken", *instances(12), Request.plain(id="r1", question="What is the sum of 1 and 2?")]
    done = cli("make", write_lines(tmp_path / "mixed.jsonl", rows), "--name", "sum", *models)
    assert done.code == 2
    assert done.out.startswith("sum: live by parser and user")
    assert "error: line 1: the line is not JSON" in done.err
    assert "error: line 14: request r1 has no answer" in done.err


def test_labels_that_are_given_again_corrected_are_used(
    cli: Cli, home: Path, tmp_path: Path, models: tuple[str, ...]
) -> None:
    wrong = [replace(one, answer="999") if number in (2, 6) else one for number, one in enumerate(instances(12))]
    with open_store(home) as store:
        store.add_task("sum", "")
        for number, one in enumerate(wrong):
            store.add_instance("sum", replace(one, source=Source.CALLER), request_id=str(number))
    done = cli("make", write_lines(tmp_path / "right.jsonl", instances(12)), "--name", "sum", *models)
    assert (done.code, done.out) == (0, "sum: live by parser and user after 1 attempt\n")
    with open_store(home) as store:
        assert [one.answer for one in store.instances("sum")] == [one.answer for one in instances(12)]


def test_of_two_answers_to_one_question_the_later_line_wins_and_both_are_named(
    cli: Cli, home: Path, tmp_path: Path, models: tuple[str, ...]
) -> None:
    rows = [replace(instances(1)[0], answer="999"), *instances(12), *instances(1)]
    done = cli("make", write_lines(tmp_path / "twice.jsonl", rows), "--name", "sum", *models)
    assert (done.code, done.out) == (0, "sum: live by parser and user after 1 attempt\n")
    assert "later wins: line 14 answers the question of line 1 with '7' instead of '999'\n" in done.err
    with open_store(home) as store:
        assert [one.answer for one in store.instances("sum")] == [one.answer for one in instances(12)]


def test_many_questions_with_two_answers_are_counted(cli: Cli, tmp_path: Path, models: tuple[str, ...]) -> None:
    rows = [*(replace(one, answer="999") for one in instances(12)), *instances(12)]
    done = cli("make", write_lines(tmp_path / "twice.jsonl", rows), "--name", "sum", *models)
    assert done.code == 0
    assert done.err.count(" instead of '999'") == 10
    assert "later wins: 2 more lines are overruled by later ones" in done.err
