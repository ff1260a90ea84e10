"""A function in a file as a tool."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import anyio
import pytest

from hammerstone.errors import SettingsError
from hammerstone.toolformer.apis import python_file
from hammerstone.toolformer.apis.api import ApiError, CallContext
from hammerstone.toolformer.apis.python_file import PythonFunction, load_function

pytestmark = pytest.mark.anyio


@pytest.fixture
def write(tmp_path: Path):
    def write(source: str) -> Path:
        path = tmp_path / "tools.py"
        path.write_text(textwrap.dedent(source))
        return path

    return write


async def test_a_function_is_a_tool(write) -> None:
    tool = load_function(
        write('''
        from __future__ import annotations
        from dataclasses import dataclass
        from pathlib import Path

        @dataclass
        class Kept:
            text: str

        def _hidden(text: str) -> str: ...

        def Weather(city: str) -> str:
            """Takes the name of a city
            and gives its weather."""
            return f"rain in {Kept(city).text}"
        ''')
    )
    assert tool.name == "Weather"
    assert tool.description == "Takes the name of a city and gives its weather."
    assert await tool("Bonn", CallContext()) == "rain in Bonn"


async def test_a_function_may_be_async_and_may_take_the_context(write) -> None:
    path = write('''
        async def A(text: str, context) -> str:
            """A."""
            return f"{text} on {context.date}"

        def B(text: str, *more: str, context: object = None, times: int = 2) -> str:
            """B."""
            return text * times + context.date
    ''')
    context = CallContext(date="2023-01-30")
    assert await load_function(path, "A")("x", context) == "x on 2023-01-30"
    assert await load_function(path, "B")("x", context) == "xx2023-01-30"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def F(text: str) -> str: ...", "F has no docstring"),
        ("def F(text) -> str: 'F.'", "must take a `str`"),
        ("def F(text: str): 'F.'", "must take a `str`"),
        ("def F(number: int) -> str: 'F.'", "must take a `str`"),
        ("def F(text: str) -> 'Missing': 'F.'", "types of the function F cannot be read: name 'Missing'"),
        ("def F() -> str: 'F.'", "takes no text"),
        ("def F(*, text: str) -> str: 'F.'", "takes no text"),
        ("def F(context: str) -> str: 'F.'", "takes no text"),
        ("def F(text: str, more: str) -> str: 'F.'", "requires more than a text"),
        ("def F(text: str, *, more: str) -> str: 'F.'", "requires more than a text"),
        ("x = 1", "it contains: none"),
        ("def F(text: str) -> str: 'F.'\ndef G(text: str) -> str: 'G.'", "it contains: F, G"),
        ("from json import dumps", "it contains: none"),
        ("x = 1\nx = (", r"cannot be run \(line 2\): SyntaxError"),
        ("\n\nimport missing_module", r"cannot be run \(line 3\): ModuleNotFoundError"),
        ("def f():\n    1 / 0\nf()", r"cannot be run \(line 2\): ZeroDivisionError"),
        ("import sys\nsys.exit(3)", r"cannot be run \(line 2\): SystemExit"),
    ],
)
def test_a_file_that_is_no_tool_is_refused_with_a_hint(write, source: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        load_function(write(source))
    assert caught.value.hint


def test_a_function_that_is_not_there_is_refused_with_those_that_are(write) -> None:
    with pytest.raises(SettingsError, match="contains no function G") as caught:
        load_function(write("def F(text: str) -> str: 'F.'"), "G")
    assert caught.value.hint.endswith("F")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("not a Python")
    for path in (tmp_path, tmp_path / "missing.py", tmp_path / "text.txt"):
        with pytest.raises(SettingsError) as caught:
            load_function(path)
        assert caught.value.hint


async def test_what_a_function_raises_is_raised_even_if_it_would_end_the_program() -> None:
    def Raises(text: str) -> str:  # noqa: N802 - as it stands in a text
        """Raises."""
        if text == "exit":
            raise SystemExit(1)
        raise KeyError(text)

    with pytest.raises(KeyError):
        await PythonFunction(Raises)("a", CallContext())
    with pytest.raises(ApiError, match=r"^error: SystemExit$"):
        await PythonFunction(Raises)("exit", CallContext())


async def test_a_call_that_never_returns_can_be_given_up_and_further_ones_still_run() -> None:
    release = threading.Event()

    def Waits(text: str) -> str:  # noqa: N802
        """Waits."""
        if text == "wait":
            release.wait()
        return text

    tool = PythonFunction(Waits)
    try:
        with anyio.move_on_after(0.01) as scope:
            await tool("wait", CallContext())
        assert scope.cancelled_caught
        assert await tool("go", CallContext()) == "go"
    finally:
        release.set()


async def test_calls_that_never_return_do_not_pile_up_without_end() -> None:
    release, begun = threading.Event(), []
    all_begun = anyio.Event()

    def Waits(text: str) -> str:  # noqa: N802
        """Waits."""
        begun.append(text)
        if len(begun) == python_file.MOST_THREADS:
            loop.call_soon_threadsafe(all_begun.set)
        release.wait()
        return text

    loop, tool = asyncio.get_running_loop(), PythonFunction(Waits)
    try:
        async with anyio.create_task_group() as group:
            for _ in range(python_file.MOST_THREADS):
                group.start_soon(tool, "wait", CallContext())
            await all_begun.wait()
            group.cancel_scope.cancel()
        with pytest.raises(ApiError, match=r"^too many calls hang$"):
            await tool("one more", CallContext())
        assert "one more" not in begun
    finally:
        release.set()


async def test_calls_that_return_leave_nothing_behind() -> None:
    def Echo(text: str) -> str:  # noqa: N802
        """Echo."""
        return text

    tool = PythonFunction(Echo)
    texts = [str(k) for k in range(python_file.MOST_THREADS + 1)]
    assert [await tool(text, CallContext()) for text in texts] == texts


def test_a_call_that_never_returns_does_not_keep_the_program_from_ending(write) -> None:
    path = write('''
        import threading

        def Hangs(text: str) -> str:
            """Hangs."""
            threading.Event().wait()
            return text
    ''')
    code = textwrap.dedent("""
        import sys
        from pathlib import Path
        import anyio
        from hammerstone.toolformer.apis.python_file import load_function
        from hammerstone.toolformer.apis.executor import Executor

        async def main():
            executor = Executor([load_function(Path(sys.argv[1]))], seconds=0.01)
            print((await executor.run("Hangs", "")).failure)

        anyio.run(main)
    """)
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True, timeout=300
    )
    assert (done.stdout, done.stderr) == ("time\n", "")
