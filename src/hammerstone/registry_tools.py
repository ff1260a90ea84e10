"""Tools that the closed loop has built, as tools that Toolformer teaches a model to call: `registry:NAME`.

The text of a call is the tool's question in its own form, or the arguments as a JSON object, or, where the tool takes
one argument, that argument alone: `[word_sorting(pear apple)]`. Every run of it is in the sandbox.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from hammerstone.errors import NotFoundError, SandboxError, ToolRefusedError
from hammerstone.tools import ArgumentsError, SignatureError, parser, read_signature
from hammerstone.types import JSON

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hammerstone.sandbox import Sandbox
    from hammerstone.store import Store, StoredTool

__all__ = ["RegistryTool", "live_tool", "read_arguments"]


class RegistryTool:
    """A live tool. Without a `sandbox` it can be described, and not be run."""

    def __init__(self, tool: StoredTool, sandbox: Sandbox | None = None) -> None:
        self._tool = tool
        self._sandbox = sandbox

    @property
    def name(self) -> str:
        return self._tool.task

    @property
    def description(self) -> str:
        """What it does and what to write, and the examples that its maker packaged."""
        tool = self._tool.tool
        examples = "; ".join(json.dumps(one.arguments, ensure_ascii=False) for one in tool.demonstrations[:2])
        signature = read_signature(tool.source)
        return f"{tool.description} Its input is the arguments of {signature.text}, as JSON: {examples}."

    async def answer(self, text: str) -> str | None:
        """`None` where the tool does not understand the text. Raises `SandboxError` without a sandbox."""
        if self._sandbox is None:
            raise SandboxError(f"{self.name} was opened to be described alone", hint="open it with a sandbox to run it")
        source = self._tool.tool.source
        _, given = await parser.answer(self._sandbox, source, text)
        arguments = read_arguments(text, source) if given is None else None
        if arguments is None:
            return given
        return (await parser.call_solve(self._sandbox, source, arguments)).text


def read_arguments(text: str, source: str) -> Mapping[str, JSON] | None:
    """The arguments that a call's text stands for; `None` where they do not fit the tool."""
    signature = read_signature(source)
    value: JSON
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    whole = _fitted(cast("Mapping[str, JSON]", value), source) if isinstance(value, dict) else None
    if whole is not None:
        return whole
    if len(signature.parameters) != 1:
        return None
    words: list[JSON] = [*text.replace(",", " ").split()]
    alone: list[JSON] = [value, text, words]
    given = (_fitted({signature.parameters[0]: one}, source) for one in alone if one is not None)
    return next((one for one in given if one is not None), None)


def _fitted(arguments: Mapping[str, JSON], source: str) -> Mapping[str, JSON] | None:
    try:
        return read_signature(source).validate(arguments)
    except ArgumentsError:
        return None


def live_tool(store: Store, name: str, sandbox: Sandbox | None = None) -> RegistryTool:
    """Raises `NotFoundError` for a name without a live tool, `ToolRefusedError` and `StoreError`."""
    tool = store.tool(name)
    if tool is None or tool.state != "live":
        live = ", ".join(one.task for one in store.live_tools())
        raise NotFoundError(f"there is no live tool {name!r}", hint=f"live are: {live or 'none yet'}")
    try:
        read_signature(tool.tool.source)
    except SignatureError as error:  # it was stored when more was allowed
        raise ToolRefusedError(f"{name} cannot be called: {error}", hint="build it again") from None
    return RegistryTool(tool, sandbox)
