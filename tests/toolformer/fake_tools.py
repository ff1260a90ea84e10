"""Tools for the tests: they echo, give a value, or raise."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio

from hammerstone.toolformer.apis.api import CallContext


@dataclass
class Tool:
    """A tool that a test's function answers for."""

    answer: Callable[[str], Awaitable[object]]
    name: str = "T"
    description: str = "A tool of a test."

    def __post_init__(self) -> None:
        self.inputs: list[str] = []
        self.dates: list[str | None] = []
        self.most = self.under_way = 0

    async def __call__(self, text: str, context: CallContext) -> str:
        self.inputs.append(text)
        self.dates.append(context.date)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            return await self.answer(text)  # type: ignore[return-value] - a tool may give anything
        finally:
            self.under_way -= 1


async def echo(text: str) -> str:
    await anyio.lowlevel.checkpoint()
    return text


def giving(value: object) -> Tool:
    async def answer(_: str) -> object:
        return value

    return Tool(answer)


def raising(error: BaseException) -> Tool:
    async def answer(_: str) -> object:
        raise error

    return Tool(answer)
