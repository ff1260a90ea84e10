"""A person at a real browser, before a gateway that listens, with an upstream and a maker; and its stores beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx2
import uvicorn
from anyio.from_thread import start_blocking_portal
from starlette.routing import compile_path

from hammerstone.sandbox import open_sandbox
from hammerstone.settings import Roles, RoleSettings
from hammerstone.store import Store, Stores, open_stores
from hammerstone.store.records import ToolState

from ...samples.sums import SETTINGS
from ..live import eventually
from ..sums import CHAT, body, open_gateway

__all__ = ["PRESSED", "Desk", "desk_at", "presses"]

PRESSED: set[str] = set()  # the forms whose buttons some test presses, by the paths of the pages


@dataclass(frozen=True, kw_only=True)
class Desk:
    """`sent` are the paths of all forms that the browser has sent."""

    page: Any
    url: str
    stores: Stores
    sent: list[str]

    @property
    def store(self) -> Store:
        return self.stores.of("")

    def look(self, path: str = "") -> None:
        self.page.goto(f"{self.url}/ui{path}")

    def press(self, name: str, *, sure: bool = False) -> None:
        """Click the button of this name, and say yes if the page asks whether one is sure."""
        if sure:
            self.page.once("dialog", lambda dialog: dialog.accept())
        self.page.get_by_role("button", name=name, exact=True).click()

    def reads(self, text: str) -> None:
        """Wait until the page says this."""
        self.page.get_by_text(text).first.wait_for()

    def ask(self, question: str) -> None:
        """A client's request to the gateway."""
        httpx2.post(self.url + CHAT, json=body(question)).raise_for_status()

    def learn_sums(self) -> str:
        """Ask until a tool is live; its name."""
        for number in range(5):
            self.ask(f"What is the sum of {17 * number + 3} and {number * number + 40}?")
        eventually(lambda: any(one.state == ToolState.LIVE for one in self.store.tools()))
        return self.store.tools()[0].tool.name

    def state(self, version: int = 1, name: str = "sum") -> ToolState:
        found = self.store.tool(name, version)
        assert found is not None
        return found.state

    def acts(self) -> list[str]:
        """What was noted, the newest first."""
        return [one.what for one in self.store.acts(20)]


@asynccontextmanager
async def _gateway(home: Path, box: Path) -> AsyncIterator[str]:
    """Its address. The maker of what is learned from logs is a person who never answers."""
    settings = replace(SETTINGS, roles=Roles(maker=RoleSettings(model=f"mailbox:{box}")))
    async with open_sandbox() as sandbox, open_gateway(home, sandbox, settings=settings) as served:
        config = uvicorn.Config(served.app, port=0, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
        listening = config.bind_socket()
        server = uvicorn.Server(config)
        async with anyio.create_task_group() as group:
            group.start_soon(server.serve, [listening])
            try:
                with anyio.fail_after(20):
                    while not server.started:  # noqa: ASYNC110 - uvicorn sets no event
                        await anyio.sleep(0.005)
                yield f"http://127.0.0.1:{listening.getsockname()[1]}"
            finally:
                server.should_exit = True


@contextmanager
def desk_at(browser: Any, home: Path) -> Iterator[Desk]:
    """Whatever the browser complains of, a violated policy or a script that ran, is an error at the end."""
    complaints: list[str] = []
    sent: list[str] = []
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(_gateway(home, home.parent / "box")) as url,
        open_stores(home) as stores,
        browser.new_context(viewport={"width": 1280, "height": 900}) as context,
    ):
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda asked: sent.append(urlsplit(asked.url).path) if asked.method == "POST" else None)
        yield Desk(page=page, url=url, stores=stores, sent=sent)
    assert complaints == []


def presses(path: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Marks a test that presses the button of this form, and sees to it that it does."""
    PRESSED.add(path)
    form = compile_path(f"/ui{path}")[0]

    def mark(test: Callable[..., None]) -> Callable[..., None]:
        @wraps(test)
        def checked(desk: Desk, **parameters: str) -> None:
            test(desk, **parameters)
            assert any(form.fullmatch(one) for one in desk.sent), f"no form was sent to {path}"

        return checked

    return mark
