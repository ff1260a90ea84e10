"""Two gateways on one store are one gateway: they build once, know each other's tools, and share what a key may use."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx2

from hammerstone.server.controls import HEADER
from hammerstone.server.feedback import FEEDBACK
from hammerstone.store import open_store, open_stores
from hammerstone.store.answers import WantedAnswers
from hammerstone.store.key_records import KeyLimits
from hammerstone.store.records import BuildState

from ..samples.sums import SUM
from ..store.conftest import where as where  # in SQLite always, in PostgreSQL where there is one
from .fake_upstream import FakeUpstream
from .live import eventually, listening, publish_sums
from .sums import CHAT, adding, body

UNDER_WAY = 4  # connections while a replica is restarted
BETWEEN = 60  # answers between two restarts
EVERY = 1_000_000

Replicas = tuple[str, str]


@contextmanager
def two_replicas(where: str, *options: str) -> Iterator[Replicas]:
    """Their URLs."""
    upstream = FakeUpstream(adding)
    with listening(where, upstream, *options) as one, listening(where, upstream, *options) as other:
        yield one.url, other.url


def ask(url: str, number: int = 4000, headers: dict[str, str] | None = None) -> httpx2.Response:
    question = f"What is the sum of {number} and {number * number + 40}?"
    return httpx2.post(url + CHAT, json=body(question), headers=headers, timeout=60)


def route(url: str) -> str:
    return ask(url).headers[HEADER + "route"]


def test_a_tool_is_built_once_and_served_by_both(where: str, tmp_path: Path) -> None:
    mailbox, settings = tmp_path / "box", tmp_path / "hammerstone.toml"
    settings.write_text("[life]\nshadow = 0\n")
    with (
        two_replicas(where, "--maker", f"mailbox:{mailbox}", "--config", str(settings)) as replicas,
        open_store(where) as store,
    ):
        for number in range(16):
            ask(replicas[number % 2], number, {HEADER + "task": "sums"})
        eventually(lambda: len(list((mailbox / "prompts").glob("*.md"))) == 1)
        (prompt,) = (mailbox / "prompts").glob("*.md")
        (mailbox / "replies" / prompt.name).write_text(f"```python\n{SUM}\n```")
        eventually(lambda: [route(url) for url in replicas] == ["parser", "parser"])
        assert [build.state for build in store.builds()] == [BuildState.LIVE]


def test_a_kind_that_no_client_names_is_one_task_whichever_replica_meets_it_first(where: str) -> None:
    with two_replicas(where) as replicas, open_store(where) as store:
        for number in range(4):
            ask(replicas[number % 2], number)
            eventually(lambda number=number: len(ledger(where)) == number + 1)
        assert [task.instances for task in store.tasks()] == [4]


def test_a_tool_that_was_wrong_is_served_by_neither(where: str) -> None:
    publish_sums(where)
    with two_replicas(where) as replicas:
        assert [route(url) for url in replicas] == ["parser", "parser"]
        wrong = ask(replicas[0]).headers[HEADER + "request-id"]
        eventually(lambda: len(ledger(where)) == 3)
        said = httpx2.post(replicas[1] + FEEDBACK, json={"request_id": wrong, "correct": False}, timeout=60)
        assert said.json()["quarantined"] is True
        eventually(lambda: [route(url) for url in replicas] == ["upstream", "upstream"])


def test_what_a_key_may_use_is_shared(where: str) -> None:
    publish_sums(where)
    with open_stores(where) as stores:
        busy = stores.keys.create("busy", limits=KeyLimits(requests_per_minute=30))
        poor = stores.keys.create("poor", limits=KeyLimits(budget_usd=0.0000001))
    with two_replicas(where) as (one, other):
        headers = {"authorization": f"Bearer {busy.secret}"}
        assert {ask(one, headers=headers).status_code for _ in range(30)} == {200}
        assert ask(one, headers=headers).json()["error"]["code"] == "rate_limit_exceeded"
        eventually(lambda: ask(other, headers=headers).status_code == 429)
        headers = {"authorization": f"Bearer {poor.secret}", HEADER + "bypass": "true"}
        assert ask(one, headers=headers).status_code == 200
        eventually(lambda: ask(other, headers=headers).json().get("error", {}).get("code") == "insufficient_quota")


def test_a_rolling_restart_loses_no_request_and_no_answer(where: str) -> None:
    publish_sums(where)
    upstream = FakeUpstream(adding)
    with ExitStack() as started:
        running = [started.enter_context(listening(where, upstream)) for _ in range(2)]
        balancer = Balancer([one.url for one in running])
        with balancer.load():
            balancer.wait_for_more()
            for number, old in enumerate(running):
                old.process.terminate()
                assert old.process.wait(60) == 0
                balancer.wait_for_more()
                balancer.urls[number] = started.enter_context(listening(where, upstream)).url
                balancer.wait_for_more()
    assert balancer.lost == []
    assert sorted(ledger(where)) == sorted(balancer.answered)


@dataclass
class Balancer:
    """Requests take turns at the replicas; where nobody listens, the next one is asked, as any load balancer does."""

    urls: list[str]
    answered: list[str] = field(default_factory=list[str])
    lost: list[object] = field(default_factory=list[object])
    _turns: count[int] = field(default_factory=count)
    _ends: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def load(self) -> Iterator[None]:
        with ThreadPoolExecutor(UNDER_WAY) as pool:
            clients = [pool.submit(self._ask_on) for _ in range(UNDER_WAY)]
            try:
                yield
            finally:
                self._ends.set()
        for client in clients:
            client.result()

    def wait_for_more(self) -> None:
        enough = len(self.answered) + BETWEEN
        eventually(lambda: len(self.answered) >= enough)

    def _ask_on(self) -> None:
        while not self._ends.is_set():
            turn = next(self._turns)
            try:
                reply = self._ask(turn)
            except httpx2.TransportError as error:
                self.lost.append(error)
                continue
            if reply.status_code == 200:
                self.answered.append(reply.headers[HEADER + "request-id"])
            else:
                self.lost.append(reply)

    def _ask(self, turn: int) -> httpx2.Response:
        try:
            return ask(self.urls[turn % 2], turn)
        except httpx2.ConnectError:
            return ask(self.urls[(turn + 1) % 2], turn)


def ledger(where: str) -> list[str]:
    """The id of each request that is in it."""
    with open_store(where) as store:
        return [one.id for one in store.answers(WantedAnswers(), EVERY)]
