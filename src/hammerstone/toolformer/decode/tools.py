"""Calls under way, while the model reads on: a tool that hangs, fails or says too much is a result like any other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, cast

import anyio

from hammerstone.toolformer.apis.contract import Api, Context
from hammerstone.toolformer.calls import LONGEST_RESULT, Call, safe_result
from hammerstone.toolformer.decode.contract import DecodeSettings
from hammerstone.toolformer.execute import unquoted

__all__ = ["Answer", "Tools"]


class Answer(NamedTuple):
    """The result as it shall stand in the text, and why the call failed, if it did."""

    result: str
    failure: str | None


@dataclass(frozen=True, kw_only=True)
class Tools:
    """Equal calls, in equal contexts, are run once.

    A tool is given up after `timeout_seconds`, and must let itself be cancelled then: one that holds the event loop, or
    waits for a thread that never ends, cannot be helped from here.
    """

    apis: Mapping[str, Api]
    settings: DecodeSettings
    begun: dict[tuple[Call, Context], anyio.Event] = field(default_factory=dict[tuple[Call, Context], anyio.Event])
    answers: dict[tuple[Call, Context], Answer] = field(default_factory=dict[tuple[Call, Context], Answer])

    async def answer(self, call: Call, context: Context) -> Answer:
        key = (call, context)
        if key in self.begun:
            await self.begun[key].wait()
        else:
            self.begun[key] = anyio.Event()
            self.answers[key] = await self._run(call, context)
            self.begun[key].set()
        return self.answers[key]

    async def _run(self, call: Call, context: Context) -> Answer:
        limit = self.settings.timeout_seconds
        try:
            with anyio.move_on_after(limit):
                given = await self.apis[call.api](unquoted(call.input), context)
                text = cast("object", given)  # a tool may break its word
                if isinstance(text, str):
                    return Answer(_short(text), None)
                return self._failed(call, f"returned {type(text).__name__}, not text")
        except Exception as error:  # of whatever kind: it is the tool's, and the row goes on without it
            return self._failed(call, str(error) or type(error).__name__)
        except anyio.get_cancelled_exc_class():
            if anyio.current_effective_deadline() == -math.inf:  # it is we who are cancelled
                raise
            return self._failed(call, "was cancelled")
        return self._failed(call, f"no answer within {limit:g} s")

    def _failed(self, call: Call, reason: str) -> Answer:
        reason = f"{call.api}: {reason}"
        return Answer("" if self.settings.on_failure == "empty" else _short(reason), _short(reason))


def _short(text: str) -> str:
    """Megabytes are cut before they are looked at."""
    return safe_result(text[: 100 * LONGEST_RESULT])
