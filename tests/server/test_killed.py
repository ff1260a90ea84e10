"""A gateway that is killed (SIGKILL) under load and started again on its home: what the store had is there, once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx2

from hammerstone.server.controls import HEADER
from hammerstone.store import open_store, open_stores
from hammerstone.store.answers import WantedAnswers
from hammerstone.store.key_records import Amount, Key, KeyLimits
from hammerstone.store.records import BuildState

from ..samples.sums import SUM
from .fake_upstream import FakeUpstream
from .live import eventually, listening, publish_sums
from .sums import CHAT, adding, body

CONNECTIONS = 8
UNDER_LOAD = 300  # answers before the kill
EVERY = 1_000_000
ROUTES = {"parser": "parser", "upstream": "solver"}  # of a response, and of its row in the ledger


@dataclass
class Clients:
    """Ask over several connections, and remember what they were answered: the route, by the request's id."""

    headers: dict[str, str]
    got: dict[str, str] = field(default_factory=dict[str, str])
    enough: threading.Event = field(default_factory=threading.Event)
    _numbers: count[int] = field(default_factory=count)

    def ask(self, client: httpx2.Client) -> None:
        """Every tenth question is one that no tool answers."""
        number = next(self._numbers)
        question = f"What is the sum of {number} and 7?" if number % 10 else f"{number} and 7 are together?"
        reply = client.post(CHAT, json=body(question))
        assert reply.status_code == 200
        self.got[reply.headers[HEADER + "request-id"]] = ROUTES[reply.headers[HEADER + "route"]]

    def ask_some(self, url: str, number: int) -> None:
        with httpx2.Client(base_url=url, headers=self.headers, timeout=60) as client:
            for _ in range(number):
                self.ask(client)

    def ask_until_it_is_gone(self, url: str) -> None:
        def one(_: int) -> None:
            with httpx2.Client(base_url=url, headers=self.headers, timeout=60) as client:
                while True:
                    try:
                        self.ask(client)
                    except httpx2.TransportError:
                        return
                    if len(self.got) >= UNDER_LOAD:
                        self.enough.set()

        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(one, range(CONNECTIONS)))


def test_what_was_accounted_is_neither_lost_nor_doubled(tmp_path: Path) -> None:
    publish_sums(tmp_path)
    with open_stores(tmp_path) as stores:
        made = stores.keys.create("web", limits=KeyLimits(budget_usd=1.0))
    clients = Clients({"authorization": f"Bearer {made.secret}"})
    upstream = FakeUpstream(adding)
    with listening(tmp_path, upstream) as gateway:
        clients.ask_some(gateway.url, 40)
        assert "no keys" not in gateway.said
        eventually(lambda: len(ledger(tmp_path)) == 40 and used(tmp_path, made.key).requests == 40)
        settled = dict(clients.got)
        load = threading.Thread(target=clients.ask_until_it_is_gone, args=(gateway.url,))
        load.start()
        assert clients.enough.wait(60)
        gateway.process.kill()
        load.join()
    before, spent = ledger(tmp_path), used(tmp_path, made.key)
    ids = [request_id for request_id, _ in before]
    assert len(set(ids)) == len(ids)
    assert set(settled.items()) <= set(before)
    assert all(clients.got.get(request_id, route) == route for request_id, route in before)
    assert len(set(ids) - clients.got.keys()) <= CONNECTIONS, "no more than were on their way back"
    assert 40 <= spent.requests <= len(clients.got) + CONNECTIONS

    later = Clients(clients.headers)
    asked = len(upstream.seen)
    with listening(tmp_path, upstream) as gateway:
        later.ask_some(gateway.url, 20)
    after, more = ledger(tmp_path), used(tmp_path, made.key)
    assert set(after) == {*before, *later.got.items()}
    assert len(after) == len(before) + 20
    assert more.requests == spent.requests + 20
    assert (len(upstream.seen) - asked, more.tokens - spent.tokens) == (2, 2 * 23)


def test_a_build_under_way_is_taken_up_and_its_task_has_one_tool(tmp_path: Path) -> None:
    home, mailbox, settings = tmp_path / "home", tmp_path / "box", tmp_path / "hammerstone.toml"
    settings.write_text("[life]\nshadow = 0\n")
    options = ("--maker", f"mailbox:{mailbox}", "--config", str(settings))
    upstream = FakeUpstream(adding)
    with listening(home, upstream, *options) as gateway:
        for number in range(14):
            question = f"What is the sum of {17 * number + 3} and {number * number + 40}?"
            httpx2.post(gateway.url + CHAT, json=body(question), headers={HEADER + "task": "sums"}, timeout=60)
        eventually(lambda: len(prompts(mailbox)) == 1)
        gateway.process.kill()
    with listening(home, upstream, *options), open_store(home) as store:
        eventually(lambda: reply_to_all(mailbox) and [one.task for one in store.live_tools()] == ["sums"])
        states = [one.state for one in store.builds("sums")]
        assert states == [BuildState.LIVE, BuildState.INTERRUPTED]
        assert len(store.instances("sums")) == len({one.question for one in store.instances("sums")})


def ledger(home: Path) -> list[tuple[str, str | None]]:
    """Id and route of each request that is in it."""
    with open_store(home) as store:
        return [(one.id, one.route and one.route.value) for one in store.answers(WantedAnswers(), EVERY)]


def prompts(mailbox: Path) -> list[Path]:
    return list((mailbox / "prompts").glob("*.md"))


def reply_to_all(mailbox: Path) -> bool:
    for prompt in prompts(mailbox):
        unfinished = mailbox / "unfinished"
        unfinished.write_text(f"```python\n{SUM}\n```")
        unfinished.replace(mailbox / "replies" / prompt.name)
    return True


def used(home: Path, key: Key) -> Amount:
    with open_stores(home) as stores:
        return stores.keys.used(key, time.time())
