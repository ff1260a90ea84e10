"""Calls in progress while the model continues. A tool that hangs, fails or returns too much gives a result too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hammerstone.toolformer.apis.api import Api, CallContext
from hammerstone.toolformer.apis.executor import Executor
from hammerstone.toolformer.call_format import ApiCall, safe_result
from hammerstone.toolformer.decode.generation import DecodeSettings

__all__ = ["CallResult", "CallRunner"]


class CallResult(NamedTuple):
    """The result to insert into the text, and why the call failed, if it did."""

    result: str
    failure: str | None


class CallRunner:
    """Runs calls with an `Executor`, and prepares results for the text. Equal calls in equal contexts are run once."""

    def __init__(self, apis: Mapping[str, Api], settings: DecodeSettings) -> None:
        self._executor = Executor(apis.values(), seconds=settings.timeout_seconds, at_once=settings.rows)
        self._show_failures = settings.on_failure == "message"

    async def answer(self, call: ApiCall, context: CallContext) -> CallResult:
        ran = await self._executor.run(call.api, call.input, context)
        if ran.failure is None:
            return CallResult(ran.result or "", None)
        reason = safe_result(f"{call.api}: {ran.detail or ran.failure}")
        return CallResult(reason if self._show_failures else "", reason)
