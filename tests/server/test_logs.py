"""A line for each request, for programs or for people, without what was asked."""

from __future__ import annotations

import errno
import io
import json
import logging
import threading
from pathlib import Path
from typing import Any

import pytest

from hammerstone.sandbox import Sandbox
from hammerstone.server.telemetry.log import open_log
from hammerstone.server.upstream import UpstreamError
from hammerstone.settings import LogFormat, ServeSettings

from .sums import CHAT, body, open_gateway

pytestmark = pytest.mark.anyio

NEW = "What is the sum of 4000 and 321?"


async def lines(
    tmp_path: Path,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    form: LogFormat,
    serve: ServeSettings | None = None,
) -> list[str]:
    """What is written of five misses, a build, a hit and a request that is refused."""
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    with open_log(form):
        async with open_gateway(tmp_path, sandbox, serve=serve) as served:
            await served.learn_sums()
            await served.ask(NEW, headers={"authorization": "Bearer sk-secret"})
            await served.client.post(CHAT, json=body("hm?"), headers={"x-hammerstone-only-if-hit": "1"})
            await served.client.get("/healthz")
    return written.getvalue().splitlines()


def of_requests(said: list[str]) -> list[str]:
    return [line for line in said if CHAT in line]


async def test_each_request_is_one_json_line(tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[dict[str, Any]] = [
        json.loads(line) for line in of_requests(await lines(tmp_path, sandbox, monkeypatch, "json"))
    ]
    assert [one["route"] for one in said] == [*["upstream"] * 5, "parser", "none"]
    hit = said[5]
    assert hit.keys() == {
        *("time", "level", "message", "request_id", "tenant", "api", "model", "route", "tool", "status", "ms"),
        *("added_ms", "saved_usd", "fault"),
    }
    assert (hit["api"], hit["model"], hit["status"], hit["fault"]) == (CHAT, "gpt-4o-mini", 200, None)
    assert hit["tool"].endswith("@1")
    assert hit["saved_usd"] > 0
    assert 0 < hit["added_ms"] <= hit["ms"]
    assert said[6]["status"] == 504


@pytest.mark.parametrize("form", ["text", "json"])
async def test_neither_prompts_nor_keys_are_logged(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, form: LogFormat
) -> None:
    said = "\n".join(await lines(tmp_path, sandbox, monkeypatch, form))
    assert "4000" not in said
    assert "sk-secret" not in said


async def test_what_was_asked_is_logged_where_a_setting_wants_it(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = await lines(tmp_path, sandbox, monkeypatch, "json", ServeSettings(log_questions=True))
    assert json.loads(of_requests(said)[5])["question"] == NEW


async def test_a_logged_question_is_masked_and_one_that_is_not_to_be_stored_is_not_logged(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    serve = ServeSettings(log_questions=True, mask=frozenset({"email"}))
    with open_log("json"):
        async with open_gateway(tmp_path, sandbox, serve=serve) as served:
            await served.ask("Of ann@example.com: 1 and 2?")
            await served.ask("Of Zebedee: 1 and 2?", headers={"x-hammerstone-no-store": "true"})
    asked = [json.loads(line).get("question") for line in of_requests(written.getvalue().splitlines())]
    assert asked == ["Of [email]: 1 and 2?", None]


async def test_people_read_a_line_without_braces(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = of_requests(await lines(tmp_path, sandbox, monkeypatch, "text"))
    assert said[5].startswith(f"{CHAT} 200 parser ")
    assert " ms " in said[5]


def test_what_a_client_writes_cannot_begin_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    with open_log("text"):
        logging.getLogger("hammerstone").warning("the tasks %r are one", "a\nerror: hacked \x1b[31m")
    assert len(written.getvalue().splitlines()) == 1
    assert "\x1b" not in written.getvalue()


def test_a_reply_that_breaks_off_is_a_warning_about_the_upstream(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    with open_log("json"):
        broken = UpstreamError("the upstream's reply broke off", status=502, code="upstream_broke_off")
        logging.getLogger("a.server").error("Exception in ASGI application\n", exc_info=broken)
    said = json.loads(written.getvalue())
    assert (said["level"], said["message"]) == ("warning", "the upstream's reply broke off")


def test_lines_that_cannot_be_written_are_lost_and_the_next_ones_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = threading.Event()

    class Full(io.StringIO):
        def write(self, text: str) -> int:
            if not tried.is_set():
                tried.set()
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(text)

    written = Full()
    monkeypatch.setattr("sys.stderr", written)
    with open_log("text"):
        logging.getLogger("hammerstone").warning("one")
        assert tried.wait(20)
        logging.getLogger("hammerstone").warning("two")
    assert written.getvalue() == "warning: two\n"


def test_a_reader_that_went_away_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = io.StringIO()
    gone.close()
    monkeypatch.setattr("sys.stderr", gone)
    with open_log("json"):
        for _ in range(20_000):
            logging.getLogger("hammerstone").warning("said")
