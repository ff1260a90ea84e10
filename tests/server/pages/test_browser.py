"""The pages in a real browser: on a phone and a desk, by keyboard, for a screen reader, and what each button does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hammerstone.models import Reply
from hammerstone.models.recordings import Record, append_record
from hammerstone.routes import solver_prompt
from hammerstone.store import Store, open_store
from hammerstone.store.records import Answered, ComparisonKind, ToolState
from hammerstone.types import Route

from ...samples.sums import SUM, answer, ask, tool
from .looking import HOSTILE

PAGES = {
    "overview": "/ui",
    "requests": "/ui/requests",
    "request": "/ui/requests/1",
    "tasks": "/ui/tasks",
    "task": "/ui/tasks/sum?version=2",
    "form": "/ui/tasks/sum/try",
    "labels": "/ui/labels",
    "playground": "/ui/playground?request=1",
    "learn": "/ui/learn",
    "experiments": "/ui/experiments",
    "health": "/ui/health",
    "log": "/ui/log",
    "import": "/ui/import",
}
EXAMPLES = Path(__file__).parents[3] / "examples"
SIZES = {"phone": (390, 844), "desk": (1280, 900)}


def fill(store: Store) -> None:
    """Something on every page, and hostile text wherever somebody else writes."""
    store.publish(tool())
    store.publish(replace(tool(), source=f"{SUM}\n# </script><script>alert(1)</script>"), state=ToolState.SHADOW)
    store.add_answers(
        [
            Answered(id="r1", question=ask(0), answer="7", route=Route.PARSER, task="sum", tool="sum", version=1),
            Answered(id="r2", question=HOSTILE, answer=HOSTILE, route=Route.SOLVER, task="sum", refusals=(HOSTILE,)),
            Answered(id="r3", question=ask(1), answer=None, route=Route.SOLVER, error=HOSTILE),
        ]
    )
    for version, kind in ((1, ComparisonKind.AUDIT), (2, ComparisonKind.SHADOW)):
        store.add_comparison(
            "sum",
            version,
            request_id="r1",
            kind=kind,
            tool_answer="7",
            upstream_answer=HOSTILE,
            rule=lambda _: None,
        )
    for number in range(2):
        store.enqueue(f"q{number}", f"{ask(number)} {HOSTILE}", "sum")


@contextmanager
def pages_of(home: Path, *options: str) -> Iterator[str]:
    """`hammerstone ui` in a process of its own; its address."""
    command = [sys.executable, "-m", "hammerstone", "ui", "--home", str(home), "--port", "0", *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        found = next(filter(None, (re.search(r"http://127\.0\.0\.1:\d+", line) for line in process.stderr)))
        yield found[0]
    finally:
        process.terminate()
        process.communicate()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages") / "home"


@pytest.fixture(scope="module")
def store(home: Path) -> Iterator[Store]:
    with open_store(home) as opened:
        yield opened


@pytest.fixture(scope="module")
def url(home: Path, store: Store) -> Iterator[str]:
    del store
    with pages_of(home) as address:
        yield address


@pytest.fixture
def look(browser: Any, url: str) -> Iterator[Callable[..., Any]]:
    """Opens a page. Whatever the browser complains of, a violated policy or a script that ran, fails the test."""
    contexts: list[Any] = []
    complaints: list[str] = []

    def open_page(path: str, size: str = "desk", **options: Any) -> Any:
        width, height = SIZES[size]
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def test_the_first_page_goes_on_by_itself_when_a_request_has_come(look: Callable[..., Any], store: Store) -> None:
    """This home is empty until now: the tests below look at what is filled in here."""
    page = look("/ui", "phone")
    assert page.locator("h1").inner_text() == "Waiting for the first request"
    everybody_can_use(page)
    fill(store)
    page.locator("h1", has_text="Overview").wait_for()
    assert page.locator(".value").first.inner_text() == "3"


def everybody_can_use(page: Any) -> None:
    """It fits the screen, and axe has found nothing serious."""
    from axe_playwright_python.sync_playwright import Axe

    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "it is wider than the screen"
    found = [one for one in Axe().run(page).response["violations"] if one["impact"] in {"serious", "critical"}]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_and_everybody_can_use_it(look: Callable[..., Any], name: str, size: str) -> None:
    dialogs: list[str] = []
    page = look(PAGES[name], size, color_scheme="dark" if size == "phone" else "light")
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    if name == "request":
        page.get_by_text("proved").wait_for()
    everybody_can_use(page)
    assert dialogs == []


def test_nothing_touches_is_cut_or_stands_apart(look: Callable[..., Any]) -> None:
    page = look("/ui", "phone")
    cut = "[...document.querySelectorAll('.scroll')].filter(one => one.scrollWidth > one.clientWidth).length"
    assert page.evaluate(cut) == 0, "a table is wider than its card"
    page = look("/ui/requests")
    tops = {page.locator(f"#{name}").bounding_box()["y"] for name in ("text", "route", "task", "model")}
    assert len(tops) == 1, "a field stands lower than the others"
    page = look("/ui/requests/1")
    page.get_by_text("Say whether it is right").click()
    wrong, right = (page.get_by_role("button", name=f"It is {one}").bounding_box() for one in ("wrong", "right"))
    assert right["y"] - wrong["y"] - wrong["height"] >= 8


def test_requests_come_in_while_one_looks_until_the_list_is_paused(look: Callable[..., Any], store: Store) -> None:
    page = look("/ui/requests")
    store.add_answer(Answered(id="live", question="Live?", answer="yes", route=Route.SOLVER))
    page.get_by_role("link", name="Live?").wait_for()
    page.get_by_role("link", name="Pause").click()
    assert page.locator("#rows").get_attribute("hx-get") is None


def test_a_draft_is_asked_for_by_a_key_and_kept_by_another(browser: Any, tmp_path: Path) -> None:
    prompt, replies = solver_prompt("40 and 2?"), tmp_path / "replies.jsonl"
    reply = Reply(text="Answer: 42", model="strong")
    append_record(replies, Record(key=prompt.key, prompt=prompt, reply=reply, recorded="2026-11-30"))
    with open_store(tmp_path / "home") as store:
        number = store.enqueue("q", "40 and 2?", None).id
        with pages_of(tmp_path / "home", "--maker", f"recorded:{replies}") as address:
            page = browser.new_context().new_page()
            page.goto(f"{address}/ui/labels")
            page.keyboard.press("Escape")
            page.keyboard.press("d")
            page.get_by_text("The strong model's draft").wait_for()
            assert page.get_by_label("What is right").input_value() == "42"
            page.get_by_label("What is right").focus()
            page.keyboard.press("Control+Enter")
            page.get_by_text("Kept.").wait_for()
        queued = store.queued(number)
        assert queued is not None
        assert queued.answer == "42"
        assert [one.what for one in store.acts(9)] == ["answer_queued", "draft_answer"]


def test_a_log_is_dropped_and_its_report_opened(look: Callable[..., Any]) -> None:
    """No maker is set: kinds are found alone. The report runs nothing, and the browser complains of nothing."""
    page = look("/ui/learn")
    rows = ({"task": "sum", "question": ask(number), "answer": answer(ask(number))} for number in range(12))
    log = "".join(f"{json.dumps(row)}\n" for row in rows)
    page.set_input_files("#log", {"name": "log.jsonl", "mimeType": "text/plain", "buffer": log.encode()})
    page.get_by_role("button", name="Learn", exact=True).click()
    page.get_by_role("heading", name="Done").wait_for(timeout=60_000)
    page.get_by_role("link", name="Open the report").click()
    page.get_by_role("heading", level=1).wait_for()
    assert page.evaluate("window.origin") == "null"


def test_tools_are_built_from_a_log_while_one_watches(browser: Any, tmp_path: Path) -> None:
    """The example of the guide, whose maker is recorded."""
    with pages_of(tmp_path / "home", "--maker", f"recorded:{EXAMPLES / 'recordings' / 'bench' / 'maker.jsonl'}") as url:
        page = browser.new_page()
        page.goto(f"{url}/ui/learn")
        page.set_input_files("#log", EXAMPLES / "learn" / "log.jsonl")
        page.get_by_role("button", name="Learn", exact=True).click()
        page.get_by_text("cost so far").wait_for()
        page.get_by_role("heading", name="Done").wait_for(timeout=300_000)
        assert page.locator("ul.learning .badge", has_text="passed").count() == 2
        for width, height in SIZES.values():
            page.set_viewport_size({"width": width, "height": height})
            everybody_can_use(page)
        page.get_by_role("link", name="Open the report").click()
        page.get_by_role("heading", level=1).wait_for()
        page.close()
    with open_store(tmp_path / "home") as store:
        assert {one.state for one in store.tools()} == {ToolState.SHADOW}


def test_a_chat_is_asked_by_keyboard_in_the_playground(look: Callable[..., Any]) -> None:
    page = look("/ui/playground")
    page.keyboard.press("a")
    page.keyboard.type(ask(1))
    page.keyboard.press("Control+Enter")
    page.get_by_role("heading", name="Parser").wait_for()
    everybody_can_use(page)
