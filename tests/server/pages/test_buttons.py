"""Each button of the pages, pressed in a real browser: what the store holds then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hammerstone.server.pages.site import PAGES
from hammerstone.store.key_records import KeyRole
from hammerstone.store.records import Answered, ToolState
from hammerstone.types import Chat, Message, Route

from ...samples.sums import ask, tool
from ..live import eventually
from .desk import PRESSED, Desk, desk_at, presses
from .looking import disagree

NEW = "What is the sum of 4000 and 321?"
LOG = "".join(
    f"{json.dumps({'task': 'sum', 'question': f'What is the sum of {n} and 1?', 'answer': str(n + 1)})}\n"
    for n in range(20)
)


@pytest.fixture
def desk(browser: Any, tmp_path: Path) -> Iterator[Desk]:
    with desk_at(browser, tmp_path / "home") as one:
        yield one


def test_each_form_of_the_pages_is_sent_by_some_test_below() -> None:
    forms = {page.path for page in PAGES if page.method == "POST"}
    assert forms | {"/login", "/logout"} == PRESSED


# requests


def answered(desk: Desk) -> None:
    """Request 1, answered by the tool."""
    desk.store.publish(tool())
    desk.store.add_answers(
        [Answered(id="r1", question=ask(0), answer="7", route=Route.PARSER, task="sum", tool="sum", version=1)]
    )


@presses("/requests/{number:int}/wrong")
def test_an_answer_is_said_to_be_wrong(desk: Desk) -> None:
    answered(desk)
    desk.look("/requests/1")
    desk.page.get_by_text("Say whether it is right").click()
    desk.page.get_by_label("What is right, if you know it").fill("eight")
    desk.press("It is wrong", sure=True)
    desk.reads("Noted: that answer was wrong.")
    desk.reads("sum version 1 is quarantined")
    assert desk.store.person_label("sum", ask(0)) == "eight"
    assert desk.state() == ToolState.QUARANTINED
    assert desk.acts() == ["correct_answer"]


@presses("/requests/{number:int}/right")
def test_an_answer_is_said_to_be_right(desk: Desk) -> None:
    answered(desk)
    desk.look("/requests/1")
    desk.page.get_by_text("Say whether it is right").click()
    desk.press("It is right")
    desk.reads("Noted: that answer is right")
    assert desk.store.person_label("sum", ask(0)) == "7"
    assert desk.state() == ToolState.LIVE
    assert desk.acts() == ["confirm_answer"]


@presses("/tasks/{name}/disable")
def test_a_kind_of_requests_bypasses_its_tool(desk: Desk) -> None:
    answered(desk)
    desk.look("/requests/1")
    desk.press("Take out of service")
    desk.reads("It is out of service")
    assert desk.state() == ToolState.DISABLED


def test_requests_are_found_by_their_text(desk: Desk) -> None:
    answered(desk)
    desk.store.add_answer(Answered(id="r2", question="Another?", answer="yes", route=Route.SOLVER))
    desk.look("/requests")
    desk.page.keyboard.press("/")
    desk.page.keyboard.type("another")
    desk.page.keyboard.press("Enter")
    desk.page.get_by_role("link", name=ask(0)).wait_for(state="detached")
    assert desk.page.get_by_role("link", name="Another?").is_visible()


# a tool


@presses("/tasks/{name}/approve")
def test_a_tool_that_waits_is_approved(desk: Desk) -> None:
    desk.store.publish(tool(), state=ToolState.GATED)
    desk.look("/tasks/sum")
    desk.press("Approve version 1")
    desk.reads("It is live")
    assert desk.state() == ToolState.LIVE
    assert desk.acts() == ["approve_tool"]


@presses("/tasks/{name}/disable")
def test_a_tool_is_taken_out_of_service_once_that_is_confirmed(desk: Desk) -> None:
    desk.store.publish(tool())
    desk.look("/tasks/sum")
    desk.page.once("dialog", lambda dialog: dialog.dismiss())
    desk.press("Take out of service")
    assert desk.state() == ToolState.LIVE
    desk.press("Take out of service", sure=True)
    desk.reads("It is out of service")
    assert desk.state() == ToolState.DISABLED


@presses("/tasks/{name}/enable")
def test_a_tool_is_put_back_into_service(desk: Desk) -> None:
    desk.store.publish(tool())
    desk.store.set_tool_state("sum", 1, ToolState.DISABLED)
    desk.look("/tasks/sum?version=1")
    desk.press("Put version 1 into service")
    desk.reads("It is live")
    assert desk.state() == ToolState.LIVE


@presses("/tasks/{name}/rollback")
def test_the_version_before_is_brought_back(desk: Desk) -> None:
    first = tool()
    desk.store.publish(first)
    desk.store.publish(replace(first, source=f"{first.source}\n# once more\n"))
    desk.look("/tasks/sum")
    desk.press("Roll back")
    desk.reads("It is live")
    assert (desk.state(1), desk.state(2)) == (ToolState.LIVE, ToolState.REPLACED)


@presses("/tasks/{name}/quarantine")
def test_a_tool_is_quarantined_with_a_reason(desk: Desk) -> None:
    desk.store.publish(tool())
    desk.look("/tasks/sum")
    desk.page.get_by_text("Report this tool as wrong").click()
    desk.press("Quarantine version 1")
    assert desk.state() == ToolState.LIVE, "it wants a reason"
    desk.page.get_by_label("What is wrong with it").fill("adds days to months")
    desk.press("Quarantine version 1")
    desk.reads("It is quarantined")
    assert desk.state() == ToolState.QUARANTINED
    desk.reads("adds days to months")


@presses("/tasks/{name}/build")
def test_a_build_begins_once_its_cost_is_accepted_and_a_tool_comes_of_it(desk: Desk) -> None:
    name = desk.learn_sums()
    desk.store.remove_tool(name)
    desk.look(f"/tasks/{name}")
    desk.press("Build now", sure=True)
    desk.reads("A build has begun.")
    eventually(lambda: any(one.state == ToolState.LIVE for one in desk.store.tools()))
    assert desk.acts() == ["build_tool"]


@presses("/tasks/{name}/publish")
def test_a_tool_is_given_to_another_tenant(desk: Desk) -> None:
    desk.store.publish(tool())
    theirs = desk.stores.of("acme")
    desk.look("/tasks/sum")
    desk.page.get_by_text("Give it to other tenants").click()
    desk.page.get_by_label("To", exact=True).select_option("acme")
    desk.press("Give version 1")
    eventually(lambda: [one.state for one in theirs.tools()] == [ToolState.SHADOW])
    assert [one.what for one in theirs.acts(5)] == ["publish_tool"]


@presses("/import")
def test_a_tool_is_exported_and_imported_again(desk: Desk) -> None:
    desk.store.publish(tool())
    desk.look("/tasks/sum")
    with desk.page.expect_download() as file:
        desk.page.get_by_role("link", name="Export").click()
    desk.store.remove_tool("sum")
    desk.look("/import")
    desk.page.get_by_label("Exported tool (JSON)").fill(Path(file.value.path()).read_text())
    desk.press("Import")
    desk.reads("is live; 5 checks were run.")
    assert desk.store.tools()[0].tool.source == tool().source


@presses("/tasks/{name}/try")
def test_a_tool_is_tried_by_its_form_and_by_a_question(desk: Desk) -> None:
    desk.store.publish(tool())
    desk.look("/tasks/sum/try")
    desk.page.get_by_label("left").fill("4000")
    desk.page.get_by_label("right").fill("321")
    desk.press("Call")
    desk.page.get_by_role("heading", name="Its answer").wait_for()
    assert desk.page.locator("pre.question").inner_text() == "4321"
    desk.page.get_by_label("It answers what it can write again").fill(ask(1))
    desk.press("Ask")
    desk.page.get_by_role("heading", name="Its answer").wait_for()
    assert desk.page.locator("pre.question").inner_text() == "22"
    assert desk.store.newest_answer() == 0


# labels

RULED = Chat(messages=(Message(role="system", content="You add."), Message(role="user", content=ask(0))))


def waiting(desk: Desk) -> None:
    """Two questions for people, the first in front."""
    for number in range(2):
        desk.store.enqueue(f"q{number}", f"{number}?", "sum")
    desk.look("/labels")


def label(desk: Desk, number: int) -> str | None:
    queued = desk.store.queued(number)
    assert queued is not None
    return queued.answer


@presses("/labels/{number:int}/answer")
def test_a_question_is_answered(desk: Desk) -> None:
    waiting(desk)
    desk.page.get_by_label("What is right").fill("8")
    desk.press("Keep")
    desk.reads("Kept.")
    assert (label(desk, 1), label(desk, 2)) == ("8", None)


@presses("/labels/{number:int}/skip")
def test_a_question_is_put_off(desk: Desk) -> None:
    waiting(desk)
    desk.press("Skip")
    desk.reads("Put off")
    desk.reads("1?")
    assert label(desk, 1) is None
    assert desk.acts() == ["skip_queued"]


@presses("/labels/{number:int}/unsure")
def test_somebody_is_unsure_of_a_question(desk: Desk) -> None:
    waiting(desk)
    desk.press("Unsure")
    desk.reads("Noted, and put off")
    assert desk.acts() == ["unsure_of_queued"]


def test_questions_are_labeled_by_keyboard_alone(desk: Desk) -> None:
    waiting(desk)
    desk.page.keyboard.type("8")
    desk.page.keyboard.press("Control+Enter")
    desk.reads("Kept.")
    desk.page.keyboard.press("Escape")
    desk.page.keyboard.press("s")
    desk.reads("Put off")
    assert (label(desk, 1), label(desk, 2)) == ("8", None)
    assert desk.acts() == ["skip_queued", "answer_queued"]


@presses("/labels/{number:int}/draft")
def test_the_strong_model_s_draft_is_asked_for_and_not_kept_by_itself(desk: Desk) -> None:
    desk.store.enqueue("q", ask(0), "sum", RULED)
    desk.look("/labels")
    desk.press("Draft")
    desk.reads("The strong model's draft")
    assert "def solve" in desk.page.get_by_label("What is right").input_value()
    assert label(desk, 1) is None


@presses("/tasks/{name}/settle")
@pytest.mark.parametrize(("button", "right"), [("The tool is right", "8"), ("The stored answer stands", "7")])
def test_a_disagreement_is_settled(desk: Desk, button: str, right: str) -> None:
    disagree(desk.store)
    desk.look("/labels")
    desk.press(button)
    desk.reads("Settled.")
    assert desk.store.instances("sum")[0].answer == right
    assert desk.acts() == ["settle_task"]


# the playground


@presses("/playground")
def test_tools_are_asked_in_the_playground_and_a_turn_is_added(desk: Desk) -> None:
    desk.store.publish(tool())
    desk.look("/playground")
    desk.press("Add a turn")
    desk.page.get_by_label("Text of turn 3").wait_for()
    desk.look("/playground")
    desk.page.get_by_label("Text of turn 2").fill(ask(1))
    desk.press("Ask the tools")
    desk.page.get_by_role("heading", name="Parser").wait_for()
    assert desk.page.locator("section", has=desk.page.locator("#by-parser")).get_by_text("22").is_visible()
    assert desk.store.newest_answer() == 0


@presses("/playground/models")
def test_the_upstream_is_asked_in_the_playground(desk: Desk) -> None:
    desk.look("/playground")
    desk.page.get_by_label("Text of turn 2").fill(NEW)
    desk.page.get_by_label("Model, as a client would name it").fill("gpt-4o-mini")
    desk.press("Ask the models, too")
    desk.page.get_by_role("heading", name="Strong model", exact=True).wait_for()
    assert desk.page.locator("section", has=desk.page.locator("#by-upstream")).get_by_text("4321").is_visible()


# learning from logs


def drop(desk: Desk) -> None:
    desk.look("/learn")
    desk.page.set_input_files("#log", {"name": "log.jsonl", "mimeType": "text/plain", "buffer": LOG.encode()})
    desk.press("Learn")


@presses("/learn")
@presses("/learn/{number:int}/stop")
@presses("/learn/{number:int}/remove")
def test_a_log_is_dropped_and_its_run_stopped_and_removed(desk: Desk) -> None:
    """Its maker is a person who never answers, so that the first build goes on until it is stopped."""
    drop(desk)
    desk.page.locator("#builds + .soft, ul.learning .badge", has_text="building").first.wait_for(timeout=60_000)
    desk.press("Stop", sure=True)
    desk.page.get_by_role("heading", name="Stopped").wait_for(timeout=60_000)
    desk.press("Remove this run", sure=True)
    desk.reads("Removed.")
    desk.reads("Nothing yet.")
    assert desk.acts() == ["remove_learning", "stop_learning", "learn_from_log"]


# keys, and who one is


def sign_in(desk: Desk, secret: str) -> None:
    desk.page.get_by_label("Your key").fill(secret)
    desk.press("Sign in")
    desk.page.get_by_role("heading", name="Health").wait_for()


@presses("/login")
@presses("/logout")
@presses("/health/keys")
@presses("/health/keys/revoke")
def test_the_first_key_is_created_signed_in_with_revoked_and_lets_nobody_in(desk: Desk) -> None:
    desk.look("/health")
    desk.page.get_by_label("Name").fill("..")
    assert desk.page.get_by_label("Role").locator("option").all_inner_texts() == ["admin"]
    desk.press("Create")
    secret = desk.page.locator("#secret").inner_text()
    desk.page.get_by_role("link", name="sign in with this key").click()
    sign_in(desk, secret)
    desk.press("Sign out")
    desk.page.get_by_role("button", name="Sign in").wait_for()
    desk.look("/health")
    assert desk.page.get_by_label("Your key").is_visible(), "whoever has signed out is out"
    sign_in(desk, secret)
    desk.press("Revoke ..", sure=True)
    eventually(lambda: [one.name for one in desk.stores.keys.every() if one.revoked] == [".."])
    assert desk.stores.keys.every()[0].role == KeyRole.ADMIN
