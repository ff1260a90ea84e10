"""Reports that lie in the home: listed, opened, and kept from acting with the reader's session."""

from __future__ import annotations

from pathlib import Path

import pytest

from hammerstone.evals.report import write_report
from hammerstone.server.pages.experiments import FOLDER
from hammerstone.store.key_records import KeyRole

from ..sums import Served
from .looking import HOSTILE, Person, person

pytestmark = pytest.mark.anyio

PAGE = '<!DOCTYPE html><meta name="generator" content="hammerstone bench"><title>TITLE</title><script>alert(1)</script>'


@pytest.fixture
def folder(tmp_path: Path, served: Served) -> Path:
    del served
    found = tmp_path / "home" / FOLDER
    found.mkdir()
    return found


async def test_an_empty_list_says_how_to_fill_it(me: Person, tmp_path: Path) -> None:
    assert f"--report {tmp_path}/home/{FOLDER}/use.html" in await me.look("/experiments")
    assert (tmp_path / "home" / FOLDER).stat().st_mode & 0o777 == 0o700


async def test_a_report_of_bench_and_one_of_a_run_are_listed_and_opened(me: Person, folder: Path) -> None:
    write_report([], folder / "bench.html", title="bench of Tuesday")
    (folder / "tiny").mkdir()
    write_report([], folder / "tiny" / "report.html", title="hammerstone toolformer demo")
    text = await me.look("/experiments")
    assert "bench of Tuesday" in text
    assert 'href="/ui/experiments/tiny/report.html"' in text
    assert await me.look("/experiments/bench.html") == (folder / "bench.html").read_text()
    assert await me.look("/experiments/tiny/report.html") == (folder / "tiny" / "report.html").read_text()


async def test_a_report_is_of_no_origin_and_may_run_nothing(me: Person, folder: Path) -> None:
    (folder / "x.html").write_text(PAGE)
    response = await me.client.get("/ui/experiments/x.html")
    policy = response.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none';")
    assert "script" not in policy
    assert "allow" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"


async def test_what_a_report_calls_itself_does_not_get_out_of_the_list(me: Person, folder: Path) -> None:
    (folder / "x.html").write_text(PAGE.replace("TITLE", HOSTILE.rstrip("\udc80").replace("<", "&lt;")))
    text = await me.look("/experiments")
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text


async def test_only_pages_of_ours_in_that_folder_are_shown(me: Person, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.html").write_text(PAGE)
    (folder / "link.html").symlink_to(tmp_path / "secret.html")
    (folder / "linked").symlink_to(tmp_path)
    (folder / "other.html").write_text("<title>of somebody else</title>")
    assert "How to write one" in await me.look("/experiments")
    names = ("link.html", "linked/secret.html", "other.html", "../secret.html", "%2e%2e/secret.html", "none.html")
    for name in names:
        response = await me.client.get(f"/ui/experiments/{name}")
        assert response.status_code in {303, 404}
        assert "alert(1)" not in response.text


async def test_whoever_looks_after_one_tenant_sees_no_report(served: Served, folder: Path) -> None:
    (folder / "x.html").write_text(PAGE)
    async with person(served, KeyRole.ADMIN, tenant="acme") as one:
        await one.look("/experiments", status=403)
        await one.look("/experiments/x.html", status=403)
    async with person(served, KeyRole.VIEWER) as viewer:
        assert "x.html" in await viewer.look("/experiments")
