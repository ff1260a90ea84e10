"""A person at the pages of a gateway under test: looks, signs in, and sends forms."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import httpx2

from hammerstone.store import Store
from hammerstone.store.key_records import KeyRole
from hammerstone.store.records import BuildState, Disagreement
from hammerstone.types import Chat

from ...samples.sums import ask, instances, tool
from ..sums import Served

__all__ = ["HOSTILE", "Person", "disagree", "person", "token_in"]

HOSTILE = "<script>alert(1)</script> [/quote] root:x:0:0 \u202e \"'><img src=x onerror=alert(2)> {{ 7 * 7 }} \udc80"
"""What breaks out of a page, of a template or of a line, if anything lets it."""


def token_in(text: str) -> str:
    """What the forms of a page hold."""
    found = re.search(r'name="token" value="([0-9a-f]{64})"', text)
    assert found is not None
    return found[1]


@dataclass(kw_only=True)
class Person:
    """A browser of one person: it keeps its cookies."""

    client: httpx2.AsyncClient

    async def look(self, path: str = "", status: int = 200, **headers: str) -> str:
        response = await self.client.get(f"/ui{path}", headers=headers)
        assert response.status_code == status, response.text
        return response.text

    async def send(self, path: str, status: int = 303, **fields: str) -> httpx2.Response:
        """A form, with the token that some page of this session holds."""
        token = token_in(await self.look("/import")) if "token" not in fields else fields.pop("token")
        response = await self.client.post(f"/ui{path}", data={"token": token, **fields})
        assert response.status_code == status, response.text
        return response

    async def sign_in(self, secret: str, status: int = 303, after: str = "") -> httpx2.Response:
        token = token_in((await self.client.get("/ui/login")).text)
        response = await self.client.post("/ui/login", data={"token": token, "key": secret, "after": after})
        assert response.status_code == status, response.text
        return response


@asynccontextmanager
async def person(served: Served, role: KeyRole | None = None, tenant: str = "") -> AsyncIterator[Person]:
    """Somebody with a new browser, signed in with a new key of this role."""
    transport = httpx2.ASGITransport(served.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        one = Person(client=client)
        if role is not None:
            made = served.host.keys.create(f"{role}-{tenant}-{id(one)}", tenant=tenant, role=role)
            await served.access.exchange()
            await one.sign_in(made.secret)
        yield one


def disagree(store: Store, chat: Chat | None = None) -> None:
    """A tool of the task `sum` says 8 where 7 is stored."""
    store.add_task("sum", "")
    one = store.add_instance("sum", replace(instances(1)[0], answer="7", chat=chat), request_id="r")
    build = store.start_build("sum", owner="x:1:1")
    assert one is not None
    assert build is not None
    differ = Disagreement(instance_id=one.id, question=ask(0), stored="7", tool="8")
    unchecked = replace(tool(), checks=())
    store.end_build(build, BuildState.NEEDS_REVIEW, reason="?", tool=unchecked, disagreement=differ)
