"""Paid calls: every completion is stored before its reply is used, and a stored one is never paid again."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, TypeVar

import anyio
from anyio import to_thread

from hammerstone.errors import ModelError
from hammerstone.models.asking import ask
from hammerstone.models.model import Message, Model, Prompt, Reply, identity_of
from hammerstone.store.records import Call
from hammerstone.types import Role, Usage

if TYPE_CHECKING:
    from hammerstone.store import Store

__all__ = ["AccountedModel", "Bill", "prompt"]

MAX_REPLY = 4_000_000  # characters; no answer and no tool is as long


@dataclass(kw_only=True)
class Bill:
    """What one request or one build has cost so far. `cost_usd` turns `None` with the first unknown price."""

    request_id: str | None = None
    task: str | None = None
    calls: int = 0
    cost_usd: float | None = 0.0
    usage: Usage = field(default_factory=lambda: Usage(input_tokens=0, output_tokens=0))

    def add(self, other: Reply | Bill) -> None:
        self.calls += other.calls if isinstance(other, Bill) else 1
        self.cost_usd = _sum(self.cost_usd, other.cost_usd)
        self.usage = Usage(
            input_tokens=_sum(self.usage.input_tokens, other.usage.input_tokens),
            output_tokens=_sum(self.usage.output_tokens, other.usage.output_tokens),
        )


N = TypeVar("N", int, float)


def _sum(total: N | None, more: N | None) -> N | None:
    return None if total is None or more is None else total + more


def prompt(text: str, *, temperature: float, sample: int = 0) -> Prompt:
    """A prompt of one user message."""
    return Prompt(messages=(Message(role="user", content=text),), temperature=temperature, sample=sample)


class AccountedModel:
    """A model in one role, with its calls in the store.

    A prompt that the store already holds a reply to is answered from there, for nothing: after a crash the
    same requests lead to the same prompts. Equal prompts at the same moment are asked once. Whatever goes wrong inside
    a model is a `ModelError` of that one call.
    """

    def __init__(self, model: Model, role: Role, store: Store) -> None:
        self._model = model
        self._role = role
        self._store = store
        self._asking: dict[str, anyio.Lock] = {}

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def identity(self) -> str:
        return identity_of(self._model)

    async def complete(self, prompt: Prompt, bill: Bill) -> str:
        """The text of the reply; what was paid is added to `bill`.

        Raises `ModelError`, `RecordingError`, `StoreError`.
        """
        lock = self._asking.setdefault(prompt.key, anyio.Lock())
        try:
            async with lock:
                stored = await to_thread.run_sync(self._store.find_call, prompt.key, self.identity)
                return self._bounded(stored.text if stored is not None else await self._pay(prompt, bill))
        finally:
            if not lock.locked() and self._asking.get(prompt.key) is lock:  # else the next one who waits has it
                del self._asking[prompt.key]

    async def _pay(self, prompt: Prompt, bill: Bill) -> str:
        reply = await ask(self._model, prompt)
        with anyio.CancelScope(shield=True):  # it is paid: Ctrl-C must not lose it
            await to_thread.run_sync(self._store.add_call, self._call(prompt, reply, bill))
        bill.add(reply)
        return reply.text[:MAX_REPLY]

    def _bounded(self, text: str) -> str:
        """The text, unless it is as long as the longest that is kept: then it is but the beginning of one."""
        if len(text) < MAX_REPLY:
            return text
        raise ModelError(
            f"{self.name} sent a reply of {MAX_REPLY:,} characters or more",
            hint="limit the length of its replies where the model runs, or use another model",
        )

    def _call(self, prompt: Prompt, reply: Reply, bill: Bill) -> Call:
        return Call(
            key=prompt.key,
            role=self._role,
            model=self.identity,
            prompt=asdict(prompt),
            text=reply.text[:MAX_REPLY],
            usage=reply.usage,
            cost_usd=reply.cost_usd,
            seconds=reply.seconds,
            request_id=bill.request_id,
            task=bill.task,
        )
