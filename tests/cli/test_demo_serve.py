"""`hammerstone demo --serve`: somebody without a key sees questions go upstream at first, and tools answer then."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from .conftest import Cli
from .test_process import listen_to_ctrl_c

IN_NO_TIME = """
import sys
from hammerstone.cli import demo_serve, main
demo_serve.THINK_SECONDS = demo_serve.PAUSE_SECONDS = 0.0
sys.argv = ["hammerstone", "demo", "--serve", "--port", "0", "--home", sys.argv[1]]
main()
"""


@contextmanager
def hurried_demo(home: Path) -> Generator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", IN_NO_TIME, str(home)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "preexec_fn": listen_to_ctrl_c}
    with subprocess.Popen(command, text=True, **pipes) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()


def asked(url: str, question: str) -> httpx2.Response:
    body = {"model": "recorded", "messages": [{"role": "user", "content": question}]}
    return httpx2.post(f"{url}/v1/chat/completions", json=body, timeout=60)


def test_without_a_key_tools_are_built_beside_the_traffic_and_answer_what_nobody_recorded(tmp_path: Path) -> None:
    with hurried_demo(tmp_path / "demo") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        found = re.search(r"serving: (http://127\.0\.0\.1:\d+)/v1", process.stderr.readline())
        assert found
        unknown = asked(found[1], "Who are you?")
        assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "not_recorded")
        rows = [[cell.strip() for cell in process.stdout.readline().split("\t")] for _ in range(136)]
        first, new = rows[:76], rows[130:]
        assert {route for _, _, route, _, _ in first} == {"upstream"}
        assert [(number, route, verdict) for number, _, route, _, verdict in new] == [("new", "parser", "right")] * 6
        assert {verdict for *_, verdict in rows} == {"right"}
        mine = asked(found[1], "Sort the following words alphabetically: List: zebra apple quince mango")
        assert mine.headers["x-hammerstone-route"] == "parser"
        assert mine.json()["choices"][0]["message"]["content"] == "apple mango quince zebra"
        assert float(mine.headers["x-hammerstone-saved-usd"]) > 0
        for path in ("", "/tasks/word_sorting"):
            text = httpx2.get(f"{found[1]}/ui{path}", timeout=60).text
            assert ">unknown<" not in text
            assert "Prices are illustrations: $5 and $25 per million tokens" in text
        process.send_signal(signal.SIGINT)
        assert "Traceback" not in process.stderr.read()
        assert process.wait() == 0


def test_the_pages_show_it_from_the_first_request_to_live_tools(browser: Any, tmp_path: Path) -> None:
    with hurried_demo(tmp_path / "demo") as process:
        assert process.stderr is not None
        found = re.search(r"serving: (http://127\.0\.0\.1:\d+)/v1", process.stderr.readline())
        assert found
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(120_000)
        page.goto(found[1])
        page.get_by_role("heading", name="Overview").wait_for()
        page.get_by_role("link", name="Requests", exact=True).click()
        page.locator("#rows .badge", has_text="parser").first.wait_for()
        page.get_by_role("link", name="Tasks", exact=True).click()
        page.locator("main .badge.live").first.wait_for()
        page.close()


def test_live_models_have_no_place_behind_the_recorded_gateway(cli: Cli, tmp_path: Path) -> None:
    done = cli("demo", "--serve", "--maker", "openai:gpt-5.4", "--home", tmp_path / "new")
    assert (done.code, done.out) == (2, "")
    assert "hint: leave out --maker" in done.err
