"""Tools that the closed loop has made: "the code model that writes its own tools"."""

from __future__ import annotations

import re
from typing import Protocol

from hammerstone.toolformer.apis.api import ApiError, Context

__all__ = ["Made", "MadeTool"]


class MadeTool(Protocol):
    """What Toolformer needs of a made tool. Whoever has the registry and the sandbox builds one of these."""

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str: ...

    async def answer(self, text: str) -> str | None:
        """The answer to a question, computed in the sandbox; `None` where the tool does not understand it.

        Raises `OperatorError` where the sandbox is broken; anything else is the tool's own failure.
        """
        ...


class Made:
    """A made tool as one that stands in a text: `word sorting` is called `word_sorting` there."""

    def __init__(self, tool: MadeTool) -> None:
        self._tool = tool
        self._name = _name(tool.name)

    @property
    def name(self) -> str:
        return self._name

    @property
    def description(self) -> str:
        return self._tool.description

    async def __call__(self, text: str, context: Context) -> str:  # noqa: ARG002 - the contract's
        answer = await self._tool.answer(text)
        if answer is None:
            raise ApiError("not understood")
        return answer


def _name(name: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")
    return plain if plain[:1].isalpha() else f"tool_{plain}".rstrip("_")
