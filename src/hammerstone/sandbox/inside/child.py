"""The process of a call: it confines itself, runs generated code and reports the outcome.

Everything here can be broken by the generated code that runs beside it, and then breaks that one process. Nobody
believes it more than that: the host bounds what it says, and reads it as strict JSON of an untrusted writer.

Part of the programs inside the sandbox (see `template`), so it imports only the standard library.
"""

from __future__ import annotations

import json
import marshal
import os
import re
import sys
import types

from hammerstone.sandbox.inside.exchange import CHANNEL, CONFINED, CONTROL, FRAME, read_frame, write_all
from hammerstone.sandbox.inside.own_process import LIBC, socket_pair
from hammerstone.sandbox.inside.patterns import patterns_of

TYPE_CHECKING = False  # as in `typing`, which no worker needs
if TYPE_CHECKING:
    import typing

    Confinement = tuple[tuple[typing.Callable[..., int], tuple[object, ...], int], ...]

__all__ = ["Program", "ToolModule", "describe", "lack", "refuse_other_keys", "rehearse", "run"]

REHEARSALS = 20  # by then CPython has made its faster instructions

# What a call says of itself; the host makes NOTHING and NOT_CONFINED of what it does not say.
NOTHING, VALUE, ERROR, TOO_MUCH_MEMORY, TOO_MUCH_OUTPUT, NOT_CONFINED, LACKING = 0, 1, 2, 3, 4, 5, 6
TOO_MUCH_TIME = ord("S")  # the first letter of what `faulthandler` writes when its time is up (see `worker`)
SAYINGS = frozenset({VALUE, ERROR, TOO_MUCH_MEMORY, TOO_MUCH_OUTPUT, LACKING})

TOOL_FILE = "<tool>"

encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
encode_text = json.encoder.encode_basestring


class ToolModule:
    """A module, and what of it is still to be run."""

    def __init__(self, rest: types.CodeType | None) -> None:
        self.module = types.ModuleType("tool")
        self.rest = rest
        sys.modules["tool"] = self.module  # dataclasses and typing look their module up

    def load(self) -> types.ModuleType:
        """The module, run to its end."""
        if self.rest is not None:
            exec(self.rest, self.module.__dict__)  # noqa: S102 - what all of this is for
            self.rest = None
        return self.module


class Program:
    """A program that a worker has prepared. `confine`: functions of the C library, with arguments and results."""

    def __init__(self, source: str, tool: ToolModule, output_bytes: int, confine: Confinement) -> None:
        self.source = source
        self.tool = tool
        self.output_bytes = output_bytes
        self.confine = confine


def run(program: Program) -> typing.NoReturn:
    """Confine this process for good, then serve its calls one after another; never returns into the worker's code."""
    try:
        confine(program)
        while True:  # one request after another
            serve(program)
    finally:
        os._exit(0)


def confine(program: Program) -> None:
    for function, arguments, result in program.confine:
        if function(*arguments) != result:
            os._exit(0)
    os.write(CONTROL, CONFINED)
    os.close(CONTROL)


def serve(program: Program) -> None:
    """Answer a request; the module is run once, before the first."""
    function, arguments = marshal.loads(read_frame(CHANNEL))  # noqa: S302 - the host's
    try:
        kind, said = VALUE, answer(program, function, arguments)
    except MemoryError:
        kind, said = TOO_MUCH_MEMORY, b""
    except BaseException as error:  # SystemExit and KeyboardInterrupt of generated code are its errors
        kind, said = described(error)
    send(kind, said) if len(said) <= program.output_bytes else send(TOO_MUCH_OUTPUT, b"")


REHEARSED = """
import re
WORD = re.compile(r"(\\w+) (\\d+)")
class Thing:
    pass
def solve(text: str, number: int = 1) -> str:
    found = [match.groups() for match in WORD.finditer(text)]
    by_name = {name: int(count) for name, count in sorted(found, key=lambda pair: pair[0])}
    total = sum(by_name.values()) + number
    parts = text.strip().split(" ")
    if not isinstance(text, str) or WORD.fullmatch(text) is None:
        parts.append(f"{total:,} {len(parts)}")
    return ", ".join(part.lower() for part in parts if part)
"""


def rehearse() -> None:
    """Do once what every process does, before any is forked: what CPython then keeps, no process has to make anew."""
    code = compile(REHEARSED, TOOL_FILE, "exec", dont_inherit=True, optimize=0)
    asked = marshal.dumps(("solve", {"text": "apples 2 pears 3"}))
    for descriptor in (CHANNEL, CONTROL):
        os.dup2(0, descriptor)  # so that the pair is elsewhere
    ours, theirs = socket_pair(1)
    os.dup2(theirs, CHANNEL)
    for _ in range(REHEARSALS):
        os.dup2(theirs, CONTROL)
        confine(Program(REHEARSED, ToolModule(None), 0, ((LIBC.getppid, (), os.getppid()),)))
        os.write(ours, FRAME.pack(0, len(asked)) + asked)
        serve(Program(REHEARSED, ToolModule(code), 100, ()))
        os.read(ours, 1000)
        to_json({"values": [1, 2.5, None, True, "text"], "more": {"x": "y"}})
    for descriptor in (ours, theirs, CHANNEL):
        os.close(descriptor)
    del sys.modules["tool"]
    re.purge()


def send(kind: int, body: bytes) -> None:
    write_all(CHANNEL, FRAME.pack(kind, len(body)) + body)


def lack() -> typing.NoReturn:
    send(LACKING, b"")
    os._exit(0)


def answer(program: Program, function: str | None, arguments: dict[str, object]) -> bytes:
    module = program.tool.load()
    if function is None:
        return to_json(patterns_of(program.source, module.__dict__))
    return to_json(function_of(module, function)(**arguments))


def function_of(tool: types.ModuleType, name: str) -> typing.Callable[..., object]:
    function = tool.__dict__.get(name)
    if not callable(function):
        defined = ", ".join(name for name, value in tool.__dict__.items() if isinstance(value, types.FunctionType))
        raise NameError(f"the program defines no function {name!r}; it defines: {defined or 'none'}")
    return function


def to_json(value: object) -> bytes:
    try:
        if type(value) is str:  # as nearly every answer is
            return encode_text(value).encode()
        text = encode(value)
        refuse_other_keys(value)
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"the value returned is not JSON: {error}") from None


def refuse_other_keys(value: object) -> None:
    """The encoder would turn the key 1 into "1" without a word; `value` is known to be finite and JSON otherwise."""
    todo = [value]
    for one in todo:
        if isinstance(one, dict):
            keys: list[object] = list(one)  # pyright: ignore[reportUnknownArgumentType]
            for key in keys:
                if not isinstance(key, str):
                    raise TypeError(f"dictionary keys must be strings, not {type(key).__name__} ({key!r:.40})")
            todo += one.values()
        elif isinstance(one, (list, tuple)):
            todo += one


def described(error: BaseException) -> tuple[int, bytes]:
    try:
        return ERROR, encode(describe(error)).encode("utf-8", "replace")
    except MemoryError:  # not even the error could be described
        return TOO_MUCH_MEMORY, b""


def describe(error: BaseException) -> dict[str, object]:
    """Type, message and line of the generated source, for the maker to repair."""
    line = None
    at = error.__traceback__
    while at is not None:
        if at.tb_frame.f_code.co_filename == TOOL_FILE:
            line = at.tb_lineno
        at = at.tb_next
    message = str(error)
    if isinstance(error, SyntaxError) and error.filename == TOOL_FILE:
        line, message = error.lineno or 0, error.msg
    return {"type": type(error).__name__, "message": message[:1000], "line": line}
