"""Paid calls: every completion is stored before its reply is used, and a stored one is never paid again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

import anyio
from anyio import to_thread

from hammerstone.errors import ModelError, ReplyCutError
from hammerstone.models import Model, Prompt, Reply, identity_of, may_be_longer, paid_reply
from hammerstone.settings import Roles, RoleSettings
from hammerstone.store.records import PaidCall
from hammerstone.types import Role, Usage

if TYPE_CHECKING:
    from hammerstone.store import Store

__all__ = ["AccountedModel", "Bill"]

MAX_REPLY = 4_000_000  # characters; no answer and no tool is as long

_CUT_AT = "cut_at"  # in the stored prompt of a reply that was cut short: the limit in tokens


@dataclass(kw_only=True)
class Bill:
    """What one request or one build has cost so far. `cost_usd` turns `None` with the first unknown price.

    `seconds` are those from each prompt to its reply, added up.
    """

    request_id: str | None = None
    task: str | None = None
    calls: int = 0
    cost_usd: float | None = 0.0
    usage: Usage = field(default_factory=lambda: Usage(input_tokens=0, output_tokens=0))
    seconds: float = 0.0

    def add(self, other: Reply | Bill) -> None:
        self.calls += other.calls if isinstance(other, Bill) else 1
        self.cost_usd = _sum(self.cost_usd, other.cost_usd)
        self.seconds += other.seconds
        self.usage = Usage(
            input_tokens=_sum(self.usage.input_tokens, other.usage.input_tokens),
            output_tokens=_sum(self.usage.output_tokens, other.usage.output_tokens),
        )


N = TypeVar("N", int, float)


def _sum(total: N | None, more: N | None) -> N | None:
    return None if total is None or more is None else total + more


def _cut_at(call: PaidCall) -> int | None:
    """The limit at which the reply was cut short, if it was."""
    limit = call.prompt.get(_CUT_AT)
    return limit if isinstance(limit, int) else None


class AccountedModel:
    """A model in one role, with its calls in the store.

    A prompt that the store already holds a reply to is answered from there, for nothing: after a crash the
    same requests lead to the same prompts. Equal prompts at the same moment are asked once. Whatever goes wrong inside
    a model is a `ModelError` of that one call.

    A prompt without limits of its own gets those of `settings`, by default the role's. A reply that was cut short is
    kept and is a `ReplyCutError`, now and whenever it is asked for again under no higher limit. An empty one is kept
    and given as it is: who reads it finds nothing in it.
    """

    def __init__(self, model: Model, role: Role, store: Store, settings: RoleSettings | None = None) -> None:
        self._model = model
        self._role = role
        self._store = store
        self._settings = settings or Roles().of(role)
        self._asking: dict[str, anyio.Lock] = {}

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def identity(self) -> str:
        return identity_of(self._model)

    async def complete(self, prompt: Prompt, bill: Bill) -> str:
        """The text of the reply; what was paid is added to `bill`.

        Raises `ReplyCutError` and other `ModelError`, `RecordingError`, `StoreError`.
        """
        limited = self._limited(prompt)
        lock = self._asking.setdefault(prompt.key, anyio.Lock())
        try:
            async with lock:
                call = await to_thread.run_sync(self._store.find_call, prompt.key, self.identity)
                cut_at = _cut_at(call) if call is not None else None
                if call is None or (cut_at is not None and may_be_longer(limited.max_tokens, cut_at)):
                    call = await self._pay(limited, bill)
                return self._whole(call)
        finally:
            if not lock.locked() and self._asking.get(prompt.key) is lock:  # else the next one who waits has it
                del self._asking[prompt.key]

    def _limited(self, prompt: Prompt) -> Prompt:
        own = self._settings
        return replace(
            prompt,
            max_tokens=own.max_tokens if prompt.max_tokens is None else prompt.max_tokens,
            timeout_s=own.timeout_s if prompt.timeout_s is None else prompt.timeout_s,
        )

    async def _pay(self, prompt: Prompt, bill: Bill) -> PaidCall:
        reply = await paid_reply(self._model, prompt)
        call = self._call(prompt, reply, bill)
        with anyio.CancelScope(shield=True):  # it is paid: Ctrl-C must not lose it
            await to_thread.run_sync(self._store.add_call, call)
        bill.add(reply)
        return call

    def _whole(self, call: PaidCall) -> str:
        """The text, unless it is but the beginning of one: cut short, or as long as is kept at most."""
        if (limit := _cut_at(call)) is not None:
            raise ReplyCutError(
                f"{self.name} did not end its reply within {limit:,} tokens",
                hint=f"raise max_tokens of [roles.{self._role}] in hammerstone.toml, or use another model",
            )
        if len(call.text) < MAX_REPLY:
            return call.text
        raise ModelError(
            f"{self.name} sent a reply of {MAX_REPLY:,} characters or more",
            hint="limit the length of its replies where the model runs, or use another model",
        )

    def _call(self, prompt: Prompt, reply: Reply, bill: Bill) -> PaidCall:
        return PaidCall(
            key=prompt.key,
            role=self._role,
            model=self.identity,
            prompt=prompt.document | ({_CUT_AT: prompt.max_tokens} if reply.cut else {}),
            text=reply.text[:MAX_REPLY],
            usage=reply.usage,
            cost_usd=reply.cost_usd,
            seconds=reply.seconds,
            request_id=bill.request_id,
            task=bill.task,
        )
