"""A log is dropped, learned from in a process of its own, and watched: by whom it may be, and what is kept of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from hammerstone.admin.learning_runs import LearningRun, TenantRuns
from hammerstone.sandbox import Sandbox
from hammerstone.server.pages import site
from hammerstone.server.pages.uploads import read_upload
from hammerstone.settings import Roles, RoleSettings, ServeSettings
from hammerstone.store.key_records import KeyRole

from ...samples.sums import SETTINGS
from ..sums import Served, open_gateway
from .looking import HOSTILE, Person, person, token_in

pytestmark = pytest.mark.anyio

LOG = "".join(
    f"{json.dumps({'task': 'sum', 'question': f'What is the sum of {n} and 1?', 'answer': str(n + 1)})}\n"
    for n in range(20)
)


@pytest.fixture
async def waiting(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[Served]:
    """Its maker is a person who never answers."""
    roles = Roles(maker=RoleSettings(model=f"mailbox:{tmp_path / 'box'}"))
    async with open_gateway(tmp_path / "home", sandbox, settings=replace(SETTINGS, roles=roles)) as one:
        yield one


async def drop(one: Person, status: int = 303, name: str = "log.jsonl", text: str = LOG, **fields: str) -> str:
    """The form of the page, with a file; where it leads, or what it says."""
    given = {"token": token_in(await one.look("/import")), **fields}
    files = {"log": (name, text.encode())}
    response = await one.client.post("/ui/learn", data=given, files=files)
    assert response.status_code == status, response.text
    return response.headers.get("location", response.text)


def runs(tmp_path: Path, tenant: str = "") -> TenantRuns:
    return TenantRuns(home=tmp_path / "home", tenant=tenant)


async def ended(of: TenantRuns, number: int = 1) -> LearningRun:
    with anyio.fail_after(60):
        while of.progress(run := of.run(number)).is_under_way:  # noqa: ASYNC110 - another process sets no event
            await anyio.sleep(0.02)
    return run


async def test_a_log_is_learned_from_and_its_report_is_opened(me: Person, tmp_path: Path) -> None:
    assert await drop(me) == "/ui/learn/1"
    run = await ended(runs(tmp_path))
    text = await me.look("/learn/1")
    assert "Done" in text
    assert '<th scope="row">sum<' in text
    assert "20 requests read." in text
    assert "No maker is set, so no tool was built." in text
    assert "<progress" not in text
    assert "cost so far" not in text
    assert run.logs == ()
    response = await me.client.get("/ui/learn/1/report")
    assert response.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert response.content == run.report.read_bytes()
    assert "log.jsonl" in await me.look("/learn")


async def test_who_has_begun_stopped_and_removed_it_is_noted(served: Served, me: Person, tmp_path: Path) -> None:
    await drop(me)
    await ended(runs(tmp_path))
    await me.send("/learn/1/remove")
    assert list(runs(tmp_path)) == []
    acts = [(one.what, one.about) for one in (await served.loop()).store.acts(5)]
    assert acts == [("remove_learning", "run 1"), ("learn_from_log", "run 1")]


async def test_a_run_is_watched_one_at_a_time_and_stopped(waiting: Served, tmp_path: Path) -> None:
    async with person(waiting) as me:
        await drop(me, max_usd="1.50")
        with anyio.fail_after(60):
            while "building" not in (text := (await me.client.get("/ui/learn/1", headers={"hx-request": "true"})).text):  # noqa: ASYNC110
                await anyio.sleep(0.02)
        assert "<html" not in text
        assert "of $1.50" in text
        assert 'hx-trigger="every 2s"' in text
        assert "a log is being learned from already" in await drop(me, status=422)
        await me.send("/learn/1/remove", status=422)
        await me.send("/learn/1/stop")
        await ended(runs(tmp_path))
        text = await me.look("/learn/1")
        assert "Stopped" in text
        assert "hx-get" not in text
        await me.send("/learn/1/stop", status=422)


async def test_the_processes_end_with_the_gateway(waiting: Served, tmp_path: Path, sandbox: Sandbox) -> None:
    async with (
        open_gateway(tmp_path / "other", sandbox, settings=(await waiting.loop()).settings) as other,
        person(other) as me,
    ):
        await drop(me)
    of = TenantRuns(home=tmp_path / "other", tenant="")
    assert not of.is_held()
    assert of.progress(of.run(1)).state in {"stopped", "interrupted"}


@pytest.mark.parametrize("role", [KeyRole.VIEWER, KeyRole.LABELER])
async def test_whoever_is_no_admin_begins_nothing(served: Served, role: KeyRole, tmp_path: Path) -> None:
    async with person(served, role) as one:
        token = token_in(await one.look("/learn"))
        response = await one.client.post("/ui/learn", data={"token": token}, files={"log": ("a.jsonl", LOG.encode())})
        assert response.status_code == 403
        assert 'type="file"' not in await one.look("/learn")
    assert list(runs(tmp_path)) == []


@pytest.mark.parametrize("token", ["", "0" * 64])
async def test_a_file_without_the_session_s_token_is_refused(me: Person, tmp_path: Path, token: str) -> None:
    await me.look()
    assert "another session" in await drop(me, status=403, token=token)
    assert list(runs(tmp_path)) == []


async def test_a_log_that_is_too_large_is_refused_and_not_kept(
    me: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site, "read_upload", lambda http, _: read_upload(http, 0.0005))
    assert "larger than 0.0005 MB" in await drop(me, status=413)
    assert list(runs(tmp_path)) == []


async def test_a_body_that_is_no_form_is_refused(me: Person) -> None:
    await me.look()
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x"):
        response = await me.client.post("/ui/learn", content=b"nothing", headers={"content-type": kind})
        assert response.status_code in {400, 403}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"max_usd": "much"}, "'much' is not an amount"),
        ({"max_usd": "-1"}, "is not an amount"),
        ({"kinds": "nan"}, "is not an amount"),
        ({"price_in": "5"}, "a price has two parts"),
    ],
)
async def test_an_order_that_makes_no_sense_is_refused(me: Person, fields: dict[str, str], said: str) -> None:
    assert said in (await drop(me, status=422, **fields)).replace("&#39;", "'")


async def test_what_a_file_is_called_and_holds_does_not_get_out_of_its_place(me: Person, tmp_path: Path) -> None:
    hostile = HOSTILE.rstrip("\udc80").replace('"', "'")
    row = json.dumps({"task": hostile, "question": hostile, "answer": hostile})
    await drop(me, name=f"../../{hostile}", text=f"{row}\n" * 3)
    await ended(runs(tmp_path))
    for path in ("/learn", "/learn/1"):
        text = await me.look(path)
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "\u202e" not in text
    assert sorted(path.name for path in (tmp_path / "home").iterdir() if path.is_dir()) == ["learning"]


async def test_a_tenant_s_runs_are_its_own(served: Served, tmp_path: Path) -> None:
    async with person(served, KeyRole.ADMIN, tenant="acme") as one, person(served, KeyRole.ADMIN) as root:
        await drop(one)
        await ended(runs(tmp_path, "acme"))
        assert "log.jsonl" not in await root.look("/learn")
        assert "log.jsonl" in await root.look("/learn?tenant=acme")
        await root.look("/learn/1", status=404)
        await one.look("/learn/1?tenant=", status=403)


async def test_where_texts_are_not_kept_as_they_came_no_log_is(tmp_path: Path, sandbox: Sandbox) -> None:
    async with (
        open_gateway(tmp_path / "home", sandbox, serve=ServeSettings(store="none")) as served,
        person(served) as me,
    ):
        assert "Not here" in await me.look("/learn")
        await drop(me, status=422)
    assert list(runs(tmp_path)) == []


async def test_a_run_goes_when_it_is_as_old_as_requests_become(tmp_path: Path, sandbox: Sandbox) -> None:
    async with (
        open_gateway(tmp_path / "home", sandbox, serve=ServeSettings(keep_days=7)) as served,
        person(served) as me,
    ):
        await drop(me)
        run = await ended(runs(tmp_path))
        assert "log.jsonl" in await me.look("/learn")
        file = run.folder / "order.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "started": "2020-01-01T00:00:00+00:00"}))
        assert "log.jsonl" not in await me.look("/learn")
    assert list(runs(tmp_path)) == []
