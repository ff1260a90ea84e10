"""Who may ask, as whom, and how much: the keys of the gateway, their limits and budgets.

Everything that a request needs to know is in memory: the keys, by their digests, and what each has used. About every
half second `Access.exchange` reads the keys, tells the store what this process has counted and reads what the others
have, in the background. The keys come first, whatever becomes of the counts. So a revoked key stops everywhere within a
second, and a limit holds for all processes together but for what the others let pass between two exchanges: at most
(processes - 1) x rate of one process x `INTERVAL`, and the time that an exchange takes. A call counts by an estimate
until its reply has been read: a budget can be overrun by what the calls under way cost beyond their estimates. If the
store is out of reach, each process goes on with what it knew, and counts for itself; if the process is killed, what it
counted since the last exchange is lost.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hmac import compare_digest
from secrets import token_bytes
from typing import TYPE_CHECKING
from weakref import WeakSet

import anyio
from anyio import to_thread
from starlette.requests import Request as HttpRequest

from hammerstone.digests import sha256
from hammerstone.faults import LogReporter, Reporter
from hammerstone.server.access.charges import Charge, Ended, NoCharge, came_to, estimated, tokens_of
from hammerstone.server.access.counts import PART, WINDOW, Counts, part_of
from hammerstone.server.access.credentials import key_in
from hammerstone.server.access.limits import check_budget, check_requests, check_tokens, rate_headers
from hammerstone.server.access.prices import Prices
from hammerstone.server.entry import Administrator, OpenEntry
from hammerstone.server.protocols.contract import Body, TextApi
from hammerstone.server.replies import GatewayError
from hammerstone.store import DAY, Amount, Key, KeyPeriod, Per, UsageNews, budget_span, day_start

if TYPE_CHECKING:
    from hammerstone.store import Keys

__all__ = ["Access", "Caller"]

INTERVAL = 0.5  # seconds between two exchanges
UNKNOWN_PRICE_USD = 0.1
FREE = frozenset(("GET", "HEAD", "OPTIONS", "DELETE"))
"""No model is asked by these."""
UNPAID = frozenset(("/v1/messages/count_tokens", "/v1/responses/input_tokens", "/v1/moderations"))
"""What providers do for nothing."""
_CHALLENGE = {"www-authenticate": "Bearer"}


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who sent a request. Without a key it is anybody on this machine, as the default tenant.

    `headers` of the response say what is left of the key's limits.
    """

    tenant: str = ""
    key: Key | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class Access:
    """The front door. Without `keys`, or while there are none, everybody on this machine may ask.

    Where a key exists, even a revoked one, a request needs one. A call whose price is not known counts as
    `unknown_price_usd`. `reporter` hears whether the exchange with the store works.
    """

    def __init__(
        self,
        keys: Keys | None = None,
        *,
        unknown_price_usd: float = UNKNOWN_PRICE_USD,
        reporter: Reporter | None = None,
    ) -> None:
        self._store = keys
        self._prices = Prices(unknown_price_usd)
        self._reporter = reporter or LogReporter()
        self._open = OpenEntry()
        self._keys: dict[str, Key] = {}
        self._counts = Counts()
        self._under_way: WeakSet[Charge] = WeakSet()
        self._ended: list[Ended] = []
        self._seen = 0
        self._keys_revision: int | None = None
        self._minute = 0
        self._exchanging = anyio.Lock()
        self._closing = anyio.Event()

    @property
    def required(self) -> bool:
        """Whether a request needs a key."""
        return bool(self._keys)

    async def enter(self, http: HttpRequest) -> Caller:
        """Let a request in by its head, and count it. Raises `GatewayError` 401, or 429 where its minute is full."""
        if not self._keys:
            return Caller(tenant=await self._open.admit(http))
        key, now = self._known(http), time.time()
        check_requests(key, self._counts, now)
        self._count(key.id, now, Amount(requests=1))
        return Caller(tenant=key.tenant, key=key, headers=rate_headers(key, self._counts, now))

    async def admit(self, http: HttpRequest) -> str:
        """See `Entry`."""
        return (await self.enter(http)).tenant

    async def admit_admin(self, http: HttpRequest) -> Administrator:
        """See `Entry`. An admin key of a tenant is for that one, and one of the default tenant for all."""
        if not self._keys:
            return await self._open.admit_admin(http)
        caller = await self.enter(http)
        if caller.key is None or not caller.key.admin:
            message = "this needs an admin key: hammerstone keys create NAME --admin"
            raise GatewayError(message, status=403, code="admin_key_required", kind="permission_error")
        return Administrator(name=caller.key.name, scope=caller.tenant or None)

    def sign_in(self, secret: str) -> Key:
        """The key that this is. Raises `GatewayError` 401."""
        return self._of_secret(secret)

    def key(self, key_id: int) -> Key | None:
        """A key by its number, unless it is revoked."""
        return next((one for one in self._keys.values() if one.id == key_id and one.revoked is None), None)

    async def page_secret(self) -> bytes:
        """What the pages' cookies are signed with. Raises `StoreError`."""
        return bytes.fromhex(await to_thread.run_sync(self._store.page_secret)) if self._store else token_bytes(32)

    async def charge(
        self,
        caller: Caller,
        *,
        method: str,
        path: str,
        body: bytes = b"",
        fields: Body | None = None,
        api: TextApi | None = None,
    ) -> Charge | NoCharge:
        """Begin a call of the upstream for a caller.

        Raises `GatewayError` 429 where the budget or the minute's tokens are used up.
        """
        key = caller.key
        if key is None or method in FREE or path in UNPAID:
            return NoCharge()
        named = (fields or {}).get("model")
        model = named if isinstance(named, str) else None
        read = tokens_of(body)
        estimate = await estimated(read, fields, model, self._prices)
        now = time.time()
        under_way = (one.estimate.usd for one in self._under_way if one.key_id == key.id)
        check_budget(key, self._counts, now, under_way)
        check_tokens(key, self._counts, now)
        self._count(key.id, now, estimate)
        charge = Charge(
            key_id=key.id,
            started=now,
            model=model,
            api=api,
            read=read,
            estimate=estimate,
            on_end=self._ended.append,
        )
        self._under_way.add(charge)
        return charge

    # beside the traffic

    async def run(self) -> None:
        """Exchange with the store until `close` is called, and once more then."""
        while not self._closing.is_set():
            with anyio.move_on_after(INTERVAL):
                await self._closing.wait()
            await self.exchange()

    def close(self) -> None:
        self._closing.set()

    async def load(self) -> None:
        """Read the keys. Raises `StoreError`: before they are known nobody can be let in."""
        if self._store is not None:
            await self._read_keys(self._store)
            await self._exchange(self._store)

    async def exchange(self) -> None:
        """Read the replies of calls that have ended and the keys, send what was counted, and read what is new."""
        async with self._exchanging:
            try:
                await self._settle()
                if self._store is not None:
                    await self._read_keys(self._store)
                    await self._exchange(self._store)
            except Exception as error:
                self._reporter.failed(error)
            else:
                self._reporter.works()

    async def _settle(self) -> None:
        ended, self._ended[:] = self._ended[:], []
        if ended:
            amounts = await to_thread.run_sync(self._amounts, ended)
            for one, amount in zip(ended, amounts, strict=True):
                self._correct(one.charge, amount)

    def _amounts(self, ended: Sequence[Ended]) -> list[Amount]:
        return [came_to(one, self._prices) for one in ended]

    def _correct(self, charge: Charge, amount: Amount) -> None:
        """Replace the estimate in its part of a minute; once that is over, add only what exceeds the estimate."""
        self._under_way.discard(charge)
        more = amount - charge.estimate
        self._counts.add(KeyPeriod(charge.key_id, DAY, day_start(charge.started)), more)
        tokens, now = Amount(tokens=more.tokens), time.time()
        part = part_of(charge.started)
        if part > now - WINDOW:
            self._counts.add(KeyPeriod(charge.key_id, PART, part), tokens)
        elif tokens.tokens > 0:
            self._counts.add(KeyPeriod(charge.key_id, PART, part_of(now)), tokens)

    async def _read_keys(self, store: Keys) -> None:
        revision = await to_thread.run_sync(store.revision)
        if revision != self._keys_revision:
            every = await to_thread.run_sync(store.every)
            self._keys = {one.sha256: one for one in every}
            self._keys_revision = revision

    async def _exchange(self, store: Keys) -> None:
        now, sent = time.time(), self._counts.send()
        month, _ = budget_span(Per.MONTH, now)
        forget = int(now - 2 * WINDOW)

        def exchanged() -> UsageNews:
            return store.exchange(sent, seen=self._seen, since=min(month, forget), forget_before=forget)

        try:
            news = await to_thread.run_sync(exchanged)
        except BaseException:
            self._counts.returned()
            raise
        self._counts.received(news.usage)
        self._seen = news.revision
        self._forget(now)

    def _forget(self, now: float) -> None:
        if int(now // 60) != self._minute:
            self._minute = int(now // 60)
            self._counts.forget(now)

    # a request

    def _count(self, key_id: int, now: float, amount: Amount) -> None:
        self._counts.add(KeyPeriod(key_id, DAY, day_start(now)), amount)
        in_a_minute = Amount(requests=amount.requests, tokens=amount.tokens)
        self._counts.add(KeyPeriod(key_id, PART, part_of(now)), in_a_minute)

    def _known(self, http: HttpRequest) -> Key:
        """The key that a request carries, found by its digest: the time that takes says nothing of the key itself."""
        secret = key_in(http.headers)
        if secret is None:
            raise _refused("a key of hammerstone's is needed, as `Authorization: Bearer hs-…`, x-api-key or api-key")
        return self._of_secret(secret)

    def _of_secret(self, secret: str) -> Key:
        digest = sha256(secret)
        key = self._keys.get(digest)
        if key is None or not compare_digest(key.sha256, digest):
            raise _refused("this key is not known here")
        if key.revoked is not None:
            raise _refused("this key is revoked")
        return key


def _refused(message: str) -> GatewayError:
    return GatewayError(message, status=401, code="invalid_api_key", headers=_CHALLENGE)
