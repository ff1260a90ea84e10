"""The guide's `curl` lines run against a gateway that listens, in their order."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from hammerstone.server.controls import HEADER
from hammerstone.store import open_stores
from hammerstone.store.key_records import KeyRole

from ..samples.sums import tool
from .fake_upstream import FakeUpstream
from .live import Listening, frame, listening, publish_sums
from .sums import CHAT, adding, body

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "administration.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)
LINES = [line for block in BLOCKS for line in re.sub(r"\\\n\s+", "", block).splitlines() if line.startswith("curl ")]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    """One whose tool has the name that the guide gives, and that has keys."""
    home = tmp_path_factory.mktemp("guide") / "home"
    publish_sums(home)
    assert tool().name == "sum"
    assert frame()
    with open_stores(home) as stores:
        os.environ["ADMIN_KEY"] = stores.keys.create("root", role=KeyRole.ADMIN).secret
    with listening(home, FakeUpstream(adding)) as one:
        yield one
    del os.environ["ADMIN_KEY"]


def test_the_guide_shows_feedback_and_administration() -> None:
    assert len(LINES) >= 10


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.split("127.0.0.1:8000")[1][:40])
def test_a_line_of_the_guide_runs(gateway: Listening, line: str) -> None:
    key = os.environ["ADMIN_KEY"]
    headers = {"authorization": f"Bearer {key}"}
    answered = httpx2.post(f"{gateway.url}{CHAT}", json=body("What is the sum of 1 and 2?"), headers=headers)
    line = line.replace("http://127.0.0.1:8000", gateway.url).replace("9f1c…", answered.headers[HEADER + "request-id"])
    if "/v1/feedback" in line:
        line += ' -H "Authorization: Bearer $ADMIN_KEY"'  # the guide's gateway has no keys yet
    if "older_than" not in line and "acme-web" not in line:
        httpx2.post(f"{gateway.url}/admin/tools/sum/enable", json={"version": 1}, headers=headers)
    done = subprocess.run(["/bin/sh", "-c", f"{line} --silent --fail-with-body"], capture_output=True, text=True)
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
