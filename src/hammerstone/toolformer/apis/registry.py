"""Tools that the closed loop has built, as tools of Toolformer."""

from __future__ import annotations

import re
from typing import Protocol

from hammerstone.toolformer.apis.api import ApiError, CallContext

__all__ = ["LiveTool", "RegistryApi"]


class LiveTool(Protocol):
    """A built tool, as far as Toolformer needs it. The code that has the registry and the sandbox provides it."""

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str: ...

    async def answer(self, text: str) -> str | None:
        """The answer to a question, computed in the sandbox; `None` if the tool does not understand it.

        Raises `OperatorError` if the sandbox is broken; any other exception is a failure of the tool.
        """
        ...


class RegistryApi:
    """A built tool under a name that can appear in a text: `word sorting` becomes `word_sorting`."""

    def __init__(self, tool: LiveTool) -> None:
        self._tool = tool
        self._name = _name(tool.name)

    @property
    def name(self) -> str:
        return self._name

    @property
    def description(self) -> str:
        return self._tool.description

    async def __call__(self, text: str, context: CallContext) -> str:  # noqa: ARG002 - the contract's
        answer = await self._tool.answer(text)
        if answer is None:
            raise ApiError("not understood")
        return answer


def _name(name: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")
    return plain if plain[:1].isalpha() else f"tool_{plain}".rstrip("_")
