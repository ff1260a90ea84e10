"""What happens in the forked child, once it is confined: compile or run generated code and say what came of it.

Everything here can be broken by the generated code that runs beside it, and then breaks that one call. Nobody
believes the child more than that: the monitor checks what it says, and how much, and the host reads it as strict JSON.
"""

from __future__ import annotations

import json
import marshal
import os
import struct
import sys
import traceback
import types
import typing

if typing.TYPE_CHECKING:
    import mmap

__all__ = ["CODE_LENGTH", "answer", "refuse_other_keys", "send", "write_all"]

# Child to monitor: the byte CONFINED, then one frame: what it says and the length of the body, which follows.
CONFINED = b"\x06"
FRAME = struct.Struct("!BI")
NOTHING, VALUE, ERROR, TOO_MUCH_MEMORY, TOO_MUCH_OUTPUT, NOT_CONFINED = 0, 1, 2, 3, 4, 5

CODE_LENGTH = struct.Struct("!I")  # before the code object in a CALL, which the JSON of the call follows
TOOL_FILE = "<tool>"
RESULT_FD = 3

encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def send(kind: int, body: bytes) -> None:
    write_all(RESULT_FD, FRAME.pack(kind, len(body)) + body)


def answer(payload: mmap.mmap, output_bytes: int, *, compiling: bool) -> tuple[int, bytes]:
    """Do what is asked; returns the kind and the body of the frame to send."""
    try:
        kind, body = outcome(payload, compiling=compiling)
    except MemoryError:  # not even the error could be described
        return TOO_MUCH_MEMORY, b""
    return (kind, body) if len(body) <= output_bytes else (TOO_MUCH_OUTPUT, b"")


def outcome(payload: mmap.mmap, *, compiling: bool) -> tuple[int, bytes]:
    try:
        return VALUE, compile_tool(payload[:]) if compiling else call_tool(payload)
    except MemoryError:
        return TOO_MUCH_MEMORY, b""
    except BaseException as error:  # SystemExit and KeyboardInterrupt of generated code are errors of generated code
        return ERROR, encode(describe(error)).encode("utf-8", "replace")


def compile_tool(source: bytes) -> bytes:
    return marshal.dumps(compile(source.decode(), TOOL_FILE, "exec", dont_inherit=True, optimize=0))


def call_tool(payload: mmap.mmap) -> bytes:
    (length,) = CODE_LENGTH.unpack(payload[: CODE_LENGTH.size])
    code = marshal.loads(payload[CODE_LENGTH.size : CODE_LENGTH.size + length])  # noqa: S302 - the compile child's
    call = json.loads(payload[CODE_LENGTH.size + length :])
    return to_json(load(code, call["function"])(**call["arguments"]))


def load(code: types.CodeType, name: str) -> typing.Callable[..., object]:
    """One function of the module, which has run anew."""
    tool = types.ModuleType("tool")
    sys.modules["tool"] = tool  # dataclasses and typing look their module up
    exec(code, tool.__dict__)  # noqa: S102 - what all of this is for
    function = tool.__dict__.get(name)
    if not callable(function):
        defined = ", ".join(name for name, value in tool.__dict__.items() if isinstance(value, types.FunctionType))
        raise NameError(f"the program defines no function {name!r}; it defines: {defined or 'none'}")
    return function


def to_json(value: object) -> bytes:
    try:
        text = encode(value)
        refuse_other_keys(value)
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"the value returned is not JSON: {error}") from None


def refuse_other_keys(value: object) -> None:
    """The encoder would turn the key 1 into "1" without a word; `value` is known to be finite and JSON otherwise."""
    if isinstance(value, dict):
        for key, item in typing.cast("dict[object, object]", value).items():
            if not isinstance(key, str):
                raise TypeError(f"dictionary keys must be strings, not {type(key).__name__} ({key!r:.40})")
            refuse_other_keys(item)
    elif isinstance(value, (list, tuple)):
        for item in typing.cast("list[object]", value):
            refuse_other_keys(item)


def describe(error: BaseException) -> dict[str, object]:
    """Type, message and line of the made source, for the maker to repair."""
    lines = [at for frame, at in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == TOOL_FILE]
    message = str(error)
    if isinstance(error, SyntaxError) and error.filename == TOOL_FILE:
        lines, message = [error.lineno or 0], error.msg
    return {"type": type(error).__name__, "message": message[:1000], "line": lines[-1] if lines else None}
