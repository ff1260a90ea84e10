"""Your own tool: a function in a Python file, with a docstring and types.

    # weather.py
    def Weather(city: str) -> str:
        \"\"\"Takes the name of a city and gives its weather, such as: 4 degrees, rain.\"\"\"
        ...

The file is the user's own and runs in this process, like any module that they import. Code that a model has written
belongs in the sandbox instead (`registry.py`).
"""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
import threading
import typing
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import anyio
from anyio import from_thread, lowlevel

from hammerstone.errors import SettingsError
from hammerstone.toolformer.apis.api import ApiError, CallContext

__all__ = ["PythonFunction", "load_function"]

MOST_THREADS = 64  # of one function: the most calls that may hang
EXAMPLE = (
    'write it as `def Weather(city: str) -> str:` with a docstring that says what it does: """Takes … and gives …"""'
)

Function = Callable[..., object]


class PythonFunction:
    """A function as a tool, `def name(text: str) -> str` or `async def`, with a `context` if it has that parameter.

    A function that is not `async` runs in a thread. Python cannot end a thread: after a timeout it is left running, and
    when too many are left, further calls fail at once. An `async` function must await: while it blocks, everything
    waits.
    """

    def __init__(self, function: Function) -> None:
        """Raises `SettingsError` for a function without docstring or types, or with other required arguments."""
        self._function = function
        self._name: str = function.__name__
        self._description = inspect.getdoc(function) or ""
        self._takes_context = _check(function)
        self._threads = _Threads()

    @property
    def name(self) -> str:
        return self._name

    @property
    def description(self) -> str:
        return " ".join(self._description.split())

    async def __call__(self, text: str, context: CallContext) -> str:
        more = {"context": context} if self._takes_context else {}
        if inspect.iscoroutinefunction(self._function):
            return await self._function(text, **more)
        return typing.cast("str", await self._threads.run(lambda: self._function(text, **more)))


def load_function(path: Path, name: str | None = None) -> PythonFunction:
    """The function `name` of a file, or its only one (not counting imports and names that begin with `_`).

    Raises `SettingsError` if there is no such file or function, or if the file cannot be run.
    """
    module = _load(path)
    functions = {
        name: value
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    }
    listed = ", ".join(functions) or "none"
    if name is None and len(functions) != 1:
        raise SettingsError(
            f"{path} must contain exactly one function, unless one is named; it contains: {listed}",
            hint=f"name it: python:{path}:NAME" if functions else EXAMPLE,
        )
    if name is not None and name not in functions:
        raise SettingsError(f"{path} contains no function {name}", hint=f"functions in that file: {listed}")
    return PythonFunction(functions[name] if name is not None else next(iter(functions.values())))


def _load(path: Path) -> ModuleType:
    if not path.is_file():
        raise SettingsError(f"there is no file {path}", hint="give the path of a Python file")
    name = "hammerstone_tool_" + re.sub(r"\W", "_", str(path.resolve()))
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SettingsError(f"{path} is not a Python file", hint="give a file whose name ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and type hints look their module up there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise SettingsError(
            f"{path} cannot be run{_line(path, error)}: {type(error).__name__}: {error}",
            hint=f"see what `python {path}` says",
        ) from error
    return module


def _line(path: Path, error: BaseException) -> str:
    """` (line 3)`, the last line of the file that was being run when the error came."""
    lines = [error.lineno] if isinstance(error, SyntaxError) else []
    at = error.__traceback__
    while at is not None:
        if at.tb_frame.f_code.co_filename == str(path):
            lines.append(at.tb_lineno)
        at = at.tb_next
    return f" (line {lines[-1]})" if lines else ""


def _check(function: Function) -> bool:
    """Check the function's parameters, and return whether it takes a `context`."""
    what = f"the function {function.__name__}"
    if not inspect.getdoc(function):
        raise SettingsError(f"{what} has no docstring", hint=EXAMPLE)
    try:
        types = typing.get_type_hints(function)
    except Exception as error:  # an undefined name, an expression that fails
        raise SettingsError(f"the types of {what} cannot be read: {error}", hint=EXAMPLE) from error
    parameters = dict(inspect.signature(function).parameters)
    takes_context = parameters.pop("context", None) is not None
    first = next(iter(parameters.values()), None)
    if first is None or first.kind not in (first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD):
        raise SettingsError(f"{what} takes no text", hint=EXAMPLE)
    if types.get(first.name) is not str or types.get("return") is not str:
        raise SettingsError(f"{what} must take a `str` and return a `str`, and say so", hint=EXAMPLE)
    if sum(map(_must_be_given, parameters.values())) > 1:
        raise SettingsError(f"{what} requires more than a text", hint="give its other parameters defaults")
    return takes_context


def _must_be_given(parameter: inspect.Parameter) -> bool:
    any_number = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    return parameter.default is parameter.empty and not any_number


class _Threads:
    """Threads that may be left running after a timeout. They do not keep the process alive."""

    def __init__(self) -> None:
        self._alive = 0
        self._lock = threading.Lock()

    async def run(self, function: Callable[[], object]) -> object:
        if self._alive >= MOST_THREADS:
            raise ApiError("too many calls hang")
        token, ended = lowlevel.current_token(), anyio.Event()
        came: list[object] = []
        failed: list[BaseException] = []

        def run() -> None:
            try:
                came.append(function())
            except BaseException as error:  # SystemExit too: a tool must not end the program
                failed.append(error)
            with self._lock:
                self._alive -= 1
            with suppress(RuntimeError):  # the event loop is closed, and nobody waits
                from_thread.run_sync(ended.set, token=token)

        with self._lock:
            self._alive += 1
        threading.Thread(target=run, daemon=True, name="tool").start()
        await ended.wait()
        if failed and not isinstance(failed[0], Exception):
            raise ApiError(f"error: {type(failed[0]).__name__}")
        if failed:
            raise failed[0]
        return came[0]
