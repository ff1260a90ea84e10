"""The names of tools, as configuration files and the command line have them.

    calculator, calendar
    search:FOLDER                             an index of your own documents
    answer:MODEL, answer:MODEL+FOLDER         a model; a model that reads what a search finds
    translate:MODEL                           a model
    translate:ctranslate2:FOLDER[:LANGUAGE]   a local model, and its source language, such as fra_Latn
    python:FILE[:FUNCTION]                    your own tool
    registry:NAME                             a tool that the closed loop has built

MODEL is a name of `hammerstone.models`, such as ollama:llama3.2.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from hammerstone.errors import SettingsError
from hammerstone.models import Model, open_model

if TYPE_CHECKING:
    from hammerstone.toolformer.apis.api import Api
    from hammerstone.toolformer.apis.registry import LiveTool
    from hammerstone.toolformer.apis.search import Search

__all__ = ["open_api", "resolve_spec"]

FORMS = (
    "calculator, calendar, search:FOLDER, answer:MODEL, answer:MODEL+FOLDER, translate:MODEL, "
    "translate:ctranslate2:FOLDER, python:FILE:FUNCTION or registry:NAME"
)

OpenModel = Callable[[str], Model]
OpenLiveTool = Callable[[str], "LiveTool"]


def open_api(spec: str, *, open_model: OpenModel = open_model, open_live_tool: OpenLiveTool | None = None) -> Api:
    """The tool that `spec` names. Calls nothing; imports only what this tool needs.

    `open_live_tool` finds a built tool by its name: this package knows no registry. Raises `SettingsError` for an
    invalid name or a package that is not installed, `InputError` for a folder without an index, and what `open_model`
    and `open_live_tool` raise.
    """
    kind, colon, rest = spec.partition(":")
    if bool(colon) != bool(rest) or (kind in ("calculator", "calendar")) == bool(rest):
        raise _unknown(spec)
    match kind:
        case "calculator":
            from hammerstone.toolformer.apis.calculator import Calculator

            return Calculator()
        case "calendar":
            from hammerstone.toolformer.apis.calendar import Calendar

            return Calendar()
        case "search":
            return _search(Path(rest))
        case "answer":
            return _answering(rest, open_model)
        case "translate":
            return _translation(rest, open_model)
        case "python":
            return _python(rest)
        case "registry":
            return _registered(rest, open_live_tool)
        case _:
            raise _unknown(spec)


def resolve_spec(spec: str, base: Path) -> str:
    """The same tool, with a relative file or folder in its name resolved against `base`."""
    for start, separator in (("search:", ""), ("python:", ""), ("translate:ctranslate2:", ""), ("answer:", "+")):
        if spec.startswith(start) and separator in spec:
            before, _, path = spec.rpartition(separator) if separator else (start, "", spec.removeprefix(start))
            return f"{before}{separator}{base / path}"
    return spec


def _search(folder: Path) -> Search:
    try:
        from hammerstone.toolformer.apis.search import Search
    except ImportError as error:
        raise SettingsError(f"a search needs {error.name}", hint="uv run --extra toolformer hammerstone …") from error
    return Search(folder)


def _answering(rest: str, open_model: OpenModel) -> Api:
    from hammerstone.toolformer.apis.question_answering import QuestionAnswering

    model, plus, folder = rest.rpartition("+") if "+" in rest else (rest, "", "")
    if bool(plus) != bool(folder):
        raise SettingsError(f"answer:{rest} names no folder after the +", hint="write answer:MODEL+FOLDER")
    return QuestionAnswering(open_model(model), _search(Path(folder)) if folder else None)


def _translation(rest: str, open_model: OpenModel) -> Api:
    from hammerstone.toolformer.apis.translation import local_translation, translation_by

    kind, _, place = rest.partition(":")
    if kind != "ctranslate2":
        return translation_by(open_model(rest))
    folder, _, language = place.partition(":")
    return local_translation(Path(folder), language or None)


def _python(rest: str) -> Api:
    from hammerstone.toolformer.apis.python_file import load_function

    file, colon, name = rest.rpartition(":")
    return load_function(Path(file), name) if colon and name.isidentifier() else load_function(Path(rest))


def _registered(name: str, open_live_tool: OpenLiveTool | None) -> Api:
    from hammerstone.toolformer.apis.registry import RegistryApi

    if open_live_tool is None:
        raise SettingsError(f"no registry is available to find {name!r}", hint="name another kind of tool")
    return RegistryApi(open_live_tool(name))


def _unknown(spec: str) -> SettingsError:
    return SettingsError(f"{spec!r} does not name a tool", hint=f"use one of: {FORMS}")
