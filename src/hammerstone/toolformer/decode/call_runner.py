"""Calls under way, while the model reads on: a tool that hangs, fails or says too much is a result like any other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hammerstone.toolformer.apis.api import Api, Context
from hammerstone.toolformer.apis.executor import Executor
from hammerstone.toolformer.call_format import Call, safe_result
from hammerstone.toolformer.decode.generation import DecodeSettings

__all__ = ["Answer", "Tools"]


class Answer(NamedTuple):
    """The result as it shall stand in the text, and why the call failed, if it did."""

    result: str
    failure: str | None


class Tools:
    """What an `Executor` makes of a call, as the text needs it. Equal calls, in equal contexts, are run once."""

    def __init__(self, apis: Mapping[str, Api], settings: DecodeSettings) -> None:
        self._executor = Executor(apis.values(), seconds=settings.timeout_seconds, at_once=settings.rows)
        self._tell = settings.on_failure == "message"

    async def answer(self, call: Call, context: Context) -> Answer:
        ran = await self._executor.run(call.api, call.input, context)
        if ran.failure is None:
            return Answer(ran.result or "", None)
        reason = safe_result(f"{call.api}: {ran.detail or ran.failure}")
        return Answer(reason if self._tell else "", reason)
