"""Who may see the pages, whose forms are taken, and what every reply carries."""

from __future__ import annotations

import re

import pytest

from hammerstone.server.pages.site import COOKIE, PAGES
from hammerstone.store.key_records import KeyRole

from ...samples.sums import ask
from ..sums import Served
from .looking import Person, person, token_in

pytestmark = pytest.mark.anyio

LOOKS = (
    "",
    "?span=month",
    "/requests",
    "/requests/1",
    "/tasks",
    "/labels",
    "/playground",
    "/health",
    "/log",
    "/import",
)
FORMS = [page for page in PAGES if page.method == "POST"]


@pytest.fixture
async def served(served: Served) -> Served:
    """Its default tenant has learned to add."""
    await served.learn_sums()
    return served


async def name_of(served: Served) -> str:
    return (await served.loop()).store.tasks()[0].name


async def test_the_front_door_leads_to_the_pages(me: Person) -> None:
    response = await me.client.get("/")
    assert (response.status_code, response.headers["location"]) == (307, "/ui")


@pytest.mark.parametrize("path", LOOKS)
async def test_every_page_is_whole_and_holds_nothing_inline(me: Person, path: str) -> None:
    response = await me.client.get(f"/ui{path}")
    assert response.status_code == 200, response.text
    policy = response.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert response.headers["cache-control"] == "no-store"
    assert response.text.rstrip().endswith("</html>")
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|(src|href|action)=\"(?![/#])", response.text)


async def test_a_task_and_its_form_are_whole_too(served: Served, me: Person) -> None:
    name = await name_of(served)
    for path in (f"/tasks/{name}", f"/tasks/{name}/try"):
        text = await me.look(path)
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", text)


async def test_files_are_kept_by_browsers_until_they_change(me: Person) -> None:
    found = re.findall(r'"(/ui/static/[^"]+)"', await me.look())
    assert {re.sub(r"\?.*", "", one).rpartition(".")[2] for one in found} == {"css", "js", "svg"}
    for one in found:
        response = await me.client.get(one)
        assert response.status_code == 200
        assert "immutable" in response.headers["cache-control"]
    for path in ("/ui/static/none.css", "/ui/static/pages", "/ui/static/%2e%2e%2fsite.py"):
        assert (await me.client.get(path)).status_code == 404


async def test_without_keys_this_machine_alone_may_look(me: Person) -> None:
    for headers in ({"origin": "https://evil.example"}, {"host": "pages.example"}, {"x-forwarded-for": "192.0.2.1"}):
        assert (await me.client.get("/ui", headers=headers)).status_code == 403


@pytest.mark.parametrize("page", FORMS, ids=lambda one: one.path)
async def test_a_form_needs_the_token_of_its_own_session(served: Served, me: Person, page) -> None:
    name = await name_of(served)
    path = page.path.replace("{name}", name).replace("{number:int}", "1")
    async with person(served) as other:
        theirs = token_in(await other.look("/import"))
    await me.look()
    for token in ("", theirs, "0" * 64):
        refused = await me.client.post(f"/ui{path}", data={"token": token, "answer": "1", "reason": "x"})
        assert refused.status_code == 403
        assert "another session" in refused.text
    assert (await served.loop()).store.tools()[0].state == "live"
    assert (await served.loop()).store.acts(10) == ()


async def test_a_form_of_another_site_is_refused_even_with_its_token(served: Served, me: Person) -> None:
    token = token_in(await me.look("/import"))
    path = f"/ui/tasks/{await name_of(served)}/disable"
    refused = await me.client.post(path, data={"token": token}, headers={"origin": "https://evil.example"})
    assert refused.status_code == 403


async def test_looking_is_no_request_of_the_gateway_s(served: Served, me: Person) -> None:
    def lines() -> int:
        return served.signals.metrics.page().count(b"hammerstone_requests_total{")

    before = lines()
    await me.look()
    await me.look("/requests")
    assert lines() == before


# with keys


async def test_with_keys_a_page_needs_a_session_and_comes_after_signing_in(served: Served, me: Person) -> None:
    secret = served.host.keys.create("eve", role=KeyRole.VIEWER).secret
    await served.access.exchange()
    away = await me.client.get("/ui/requests?route=solver")
    assert away.headers["location"] == "/ui/login?after=/ui/requests%3Froute%3Dsolver"
    part = await me.client.get("/ui/requests", headers={"hx-request": "true"})
    assert (part.status_code, part.headers["hx-redirect"]) == (204, "/ui/login")
    done = await me.sign_in(secret, after="/ui/requests?route=solver")
    assert done.headers["location"] == "/ui/requests?route=solver"
    cookie = done.headers["set-cookie"]
    assert all(one in cookie for one in ("HttpOnly", "SameSite=strict", "Path=/ui"))
    assert secret not in cookie
    assert "eve, viewer" in await me.look("/requests")


async def test_a_cookie_is_for_https_alone_where_the_page_came_by_it(me: Person) -> None:
    assert "Secure" not in (await me.client.get("/ui")).headers["set-cookie"]
    response = await me.client.get("/ui", headers={"x-forwarded-proto": "https"})
    assert "Secure" in response.headers["set-cookie"]


@pytest.mark.parametrize("after", ["https://evil.example", "//evil.example", "/ui\\@evil.example", "/admin", ""])
async def test_nobody_is_led_elsewhere_by_signing_in(served: Served, me: Person, after: str) -> None:
    secret = served.host.keys.create("eve", role=KeyRole.VIEWER).secret
    await served.access.exchange()
    assert (await me.sign_in(secret, after=after)).headers["location"] == "/ui"


async def test_a_key_that_is_wrong_revoked_or_a_client_s_signs_nobody_in(served: Served, me: Person) -> None:
    keys = served.host.keys
    client, gone = keys.create("web"), keys.create("gone", role=KeyRole.ADMIN)
    keys.revoke("gone")
    await served.access.exchange()
    for secret, said in (("hs-" + "x" * 43, "not known"), (gone.secret, "revoked"), (client.secret, "sees no pages")):
        assert said in (await me.sign_in(secret, status=401)).text
    assert (await me.client.get("/ui")).status_code == 303


async def test_one_wrong_key_does_not_forget_where_one_was_going(served: Served, me: Person) -> None:
    secret = served.host.keys.create("eve", role=KeyRole.VIEWER).secret
    await served.access.exchange()
    again = (await me.sign_in("hs-" + "x" * 43, status=401, after="/ui/health")).text
    assert 'name="after" value="/ui/health"' in again
    done = await me.client.post("/ui/login", data={"token": token_in(again), "key": secret, "after": "/ui/health"})
    assert done.headers["location"] == "/ui/health"
    assert "evil" not in (await me.sign_in("hs-x", status=401, after="https://evil.example/ui/")).text


async def test_a_session_ends_with_its_key_and_by_signing_out(served: Served) -> None:
    async with person(served, KeyRole.ADMIN) as first, person(served, KeyRole.ADMIN) as second:
        await first.send("/logout", token=token_in(await first.look()))
        assert (await first.client.get("/ui")).status_code == 303
        for one in served.host.keys.every():
            served.host.keys.revoke(one.name)
        await served.access.exchange()
        assert (await second.client.get("/ui")).status_code == 303


async def test_a_cookie_that_was_written_elsewhere_is_no_session(served: Served) -> None:
    async with person(served, KeyRole.VIEWER) as viewer:
        admin = served.host.keys.create("root", role=KeyRole.ADMIN).key
        await served.access.exchange()
        cookie = viewer.client.cookies[COOKIE]
        parts = cookie.split(".")
        for forged in (
            ".".join([parts[0], str(admin.id), *parts[2:]]),
            ".".join([*parts[:2], "9999999999", parts[3]]),
            cookie[:-1] + ("0" if cookie[-1] != "0" else "1"),
            "x",
            "a.b.c.d",
        ):
            viewer.client.cookies.clear()
            response = await viewer.client.get("/ui", headers={"cookie": f"{COOKIE}={forged}"})
            assert response.status_code == 303


@pytest.mark.parametrize("role", [KeyRole.VIEWER, KeyRole.LABELER])
async def test_a_role_may_do_what_it_is_for_and_no_more(served: Served, role: KeyRole) -> None:
    name = await name_of(served)
    async with person(served, role) as one:
        token = token_in(await one.look())
        for page in PAGES:
            if role.includes(page.role):
                continue
            path = "/ui" + page.path.replace("{name}", name).replace("{number:int}", "1")
            refused = await one.client.request(page.method, path, data={"token": token, "answer": "1"})
            assert refused.status_code == 403
            assert f"needs a key of the role {page.role}" in refused.text
        text = await one.look(f"/tasks/{name}")
        assert "Take out of service" not in text
        assert ">Log<" not in text
        assert ("Say whether it is right" in await one.look("/requests/1")) == (role is KeyRole.LABELER)
    assert (await served.loop()).store.tools()[0].state == "live"


async def test_a_key_of_a_tenant_sees_that_tenant_alone(served: Served) -> None:
    async with person(served, KeyRole.ADMIN, tenant="acme") as one:
        text = await one.look()
        assert "tenant <b>acme</b>" in text
        assert "Waiting for the first request" in text
        for tenant in ("", "globex"):
            await one.look(f"/tasks?tenant={tenant}", status=403)
        assert '<h2 id="tenants">' not in await one.look("/health")


async def test_a_tenant_that_is_not_there_and_a_page_that_is_not_are_said(me: Person) -> None:
    assert "has no tenant" in await me.look("/tasks?tenant=nobody", status=404)
    assert "there is no page" in await me.look("/nowhere", status=404)
    assert "there is no request 999" in await me.look("/requests/999", status=404)
    assert "before is a number" in await me.look("/requests?before=x", status=422)


async def test_what_did_not_work_leads_back_to_the_page_it_came_from(me: Person) -> None:
    token = token_in(await me.look("/import"))
    for referer, back in (
        ("http://localhost/ui/health?tenant=", "/ui/health?tenant="),
        ("http://evil.example/ui/health", "/ui"),
        ("http://localhost/admin/keys", "/ui"),
        ("http://localhost//evil.example", "/ui"),
        ("http://[evil/ui/health", "/ui"),
        ("", "/ui"),
    ):
        refused = await me.client.post("/ui/health/keys", data={"token": token}, headers={"referer": referer})
        assert refused.status_code == 422
        assert f'<p><a href="{back}">Back to' in refused.text


async def test_the_address_of_a_form_leads_to_the_page_above_it(me: Person) -> None:
    for form, page in (
        ("/health/keys", "/health"),
        ("/health/keys/revoke", "/health"),
        ("/requests/1/wrong", "/requests/1"),
        ("/labels/1/skip", "/labels"),
    ):
        response = await me.client.get(f"/ui{form}")
        assert (response.status_code, response.headers["location"]) == (303, f"/ui{page}")


async def test_links_keep_the_tenant(served: Served, me: Person) -> None:
    served.host.stores.of("acme").add_task("theirs", "")
    text = await me.look("/tasks?tenant=acme")
    assert "/ui/tasks/theirs?tenant=acme" in text
    assert "/ui/requests?tenant=acme" in text
    assert ask(0) not in await me.look("/requests?tenant=acme")
