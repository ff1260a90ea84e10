from __future__ import annotations

from pathlib import Path

import pytest

from hammerstone.latm.records import MakingState
from hammerstone.latm.store import open_store
from hammerstone.types import Request

from ..latm.sums import ask, instances
from .conftest import Cli, Recorded, write_lines


@pytest.fixture
def models(recorded: Recorded) -> tuple[str, ...]:
    return ("--maker", recorded.strong, "--user", recorded.cheap)


@pytest.fixture
def twelve(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "solved.jsonl", instances(12))


def test_a_tool_is_made_from_a_file_of_solved_instances(cli: Cli, twelve: Path, models: tuple[str, ...]) -> None:
    done = cli("make", twelve, "--name", "sum", *models)
    assert (done.code, done.out) == (0, "sum: live by parser and user after 1 replies\n")
    assert cli("solve", "-", stdin=ask(13)).out == "1\tparser\t134\n"


def test_with_json_the_making_is_one_line(cli: Cli, twelve: Path, models: tuple[str, ...]) -> None:
    done = cli("make", twelve, "--name", "sum", "--json", *models)
    assert done.lines == [{"task": "sum", "state": "live", "reason": "", "instances": 12}]


def test_a_making_that_fails_ends_with_code_1_and_says_why(
    cli: Cli, home: Path, twelve: Path, models: tuple[str, ...]
) -> None:
    done = cli("make", twelve, "--name", "product", *models)
    assert done.code == 1
    assert done.out.startswith("product: failed: module: ")
    assert "; latm: no function agreed with the shown instances" in done.out
    assert "hint: every attempt is kept: hammerstone tasks show product" in done.err
    with open_store(home) as store:
        (making,) = store.makings()
        assert making.state is MakingState.FAILED
        assert len(store.attempts(making.id)) == 8


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
        (Request(id="r1", question="What is the sum of 1 and 2?"), "line 1: request r1 has no answer"),
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
    rows = ["{broken", *instances(12), Request(id="r1", question="What is the sum of 1 and 2?")]
    done = cli("make", write_lines(tmp_path / "mixed.jsonl", rows), "--name", "sum", *models)
    assert done.code == 2
    assert done.out.startswith("sum: live by parser and user")
    assert "error: line 1: the line is not JSON" in done.err
    assert "error: line 14: request r1 has no answer" in done.err
