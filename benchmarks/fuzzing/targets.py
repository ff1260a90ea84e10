"""The readers that are fuzzed: how an input of each is made, and how it is read.

A reader may return anything, and raise only the errors that it declares; `read` lets those pass and no other.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fuzzing import seeds
from fuzzing.mutation import TOKENS, damaged_bytes, damaged_json, damaged_text, hostile_value
from hammerstone.errors import InputError, RecordingError, SandboxError, SettingsError, ToolRefusedError

__all__ = ["TARGETS", "Target"]

Make = Callable[[random.Random], Any]
Read = Callable[[Any], object]


@dataclass(frozen=True, kw_only=True)
class Target:
    """`open` imports the reader and returns it; it may write into a folder of its own."""

    name: str
    make: Make
    open: Callable[[Path], Read]


# requests


def make_requests(rng: random.Random) -> tuple[str, bytes]:
    suffix = rng.choice((*seeds.REQUESTS, ""))
    found = seeds.REQUESTS.get(suffix) or rng.choice(list(seeds.REQUESTS.values()))
    if suffix in (".json", ".jsonl") and rng.random() < 0.5:
        values = [damaged_json(rng, seeds.ROWS) for _ in range(rng.choice((1, 2, 5)))]
        texts = [json.dumps(value, ensure_ascii=rng.random() < 0.5) for value in values]
        text = f"[{', '.join(texts)}]" if suffix == ".json" else "\n".join(texts)
        return suffix, text.encode("utf-8", "surrogatepass")
    return suffix, damaged_bytes(rng, found)


def open_requests(folder: Path) -> Read:
    from hammerstone.requests import read_requests

    def read(made: tuple[str, bytes]) -> None:
        suffix, data = made
        file = folder / f"requests{suffix}"
        file.write_bytes(data)
        with suppress(InputError):
            list(read_requests(file, on_ignored=str))

    return read


# replies


def make_reply(rng: random.Random) -> str:
    if rng.random() < 0.3:
        return json.dumps(damaged_json(rng, seeds.REPLIED), ensure_ascii=rng.random() < 0.5)
    return damaged_text(rng, seeds.REPLIES)


def open_blocks(_folder: Path) -> Read:
    from hammerstone.models.replies import NotJSONError, code_block, json_value

    def read(reply: str) -> None:
        code_block(reply, "python")
        code_block(reply, "json")
        with suppress(NotJSONError):
            json_value(reply)

    return read


def open_answers(_folder: Path) -> Read:
    from hammerstone.routes.solver import read_answer

    return lambda reply: read_answer(reply, seeds.QUESTION)


def open_verdicts(_folder: Path) -> Read:
    from hammerstone.routes.dispatcher import read_verdict

    return lambda reply: read_verdict(reply, {"word_sorting", "sum"})


def open_user(_folder: Path) -> Read:
    from hammerstone.routes.user import read_arguments

    return lambda reply: [read_arguments(reply, source) for source in seeds.SOURCES[:2]]


def open_calls(_folder: Path) -> Read:
    from hammerstone.registry_tools import read_arguments

    return lambda text: [read_arguments(text, source) for source in seeds.SOURCES]


# recordings


def make_recording(rng: random.Random) -> bytes:
    if rng.random() < 0.5:
        values = [damaged_json(rng, seeds.RECORDS) for _ in range(rng.choice((1, 1, 3)))]
        return "\n".join(json.dumps(value) for value in values).encode()
    return damaged_bytes(rng, [("\n".join(map(json.dumps, seeds.RECORDS))).encode()])


def open_recordings(folder: Path) -> Read:
    from hammerstone.models.recordings import read_records

    file = folder / "recording.jsonl"

    def read(data: bytes) -> None:
        file.write_bytes(data)
        with suppress(RecordingError):
            read_records(file)

    return read


# tool packages


def make_package(rng: random.Random) -> Mapping[str, bytes]:
    """A damaged copy; in half of them the digest is computed anew, as anyone can."""
    document = json.loads(seeds.package()["tool.json"])
    if rng.random() < 0.6:
        document["tool"] = damaged_json(rng, [document["tool"]])
        canonical = json.dumps(document["tool"], sort_keys=True, separators=(",", ":"))
        document["digest"] = hashlib.sha256(canonical.encode()).hexdigest()
    text = json.dumps(document).encode()
    tool = damaged_bytes(rng, [text]) if rng.random() < 0.4 else text
    source = document["tool"].get("source") if isinstance(document["tool"], dict) else None
    made = seeds.package()["made.py"].partition(seeds.MARK)
    files = {"tool.json": tool, "made.py": f"{made[0]}{made[1]}{source}".encode("utf-8", "surrogatepass")}
    return files | ({"made.py": damaged_bytes(rng, [files["made.py"]])} if rng.random() < 0.2 else {})


def open_packages(folder: Path) -> Read:
    from hammerstone.tools.packages import import_tool

    def read(files: Mapping[str, bytes]) -> None:
        for name, data in files.items():
            (folder / name).write_bytes(data)
        with suppress(InputError, ToolRefusedError):
            import_tool(folder)

    return read


# sources and arguments


def make_source(rng: random.Random) -> str:
    if rng.random() < 0.4:
        return f"from typing import *\n{_alias(rng)}def solve({_parameters(rng)}) -> str:\n    return ''\n"
    return damaged_text(rng, seeds.SOURCES)


def _alias(rng: random.Random) -> str:
    return "".join(f"A = {annotation(rng, 3)}\n" for _ in range(rng.randrange(3)))


def _parameters(rng: random.Random) -> str:
    names = [f"a{number}" for number in range(rng.choice((1, 1, 2, 5, 70)))]
    return ", ".join(f"{name}: {annotation(rng, rng.randrange(5))}{_default(rng)}" for name in names)


def _default(rng: random.Random) -> str:
    return f" = {hostile_value(rng)!r}" if rng.random() < 0.1 else ""


def annotation(rng: random.Random, depth: int) -> str:
    if depth == 0:
        return rng.choice((*seeds.TYPES, *seeds.TYPES, *TOKENS[:3], "A", "'A'", "set[str]"))
    inner = [annotation(rng, depth - 1) for _ in range(rng.choice((1, 2, 2, 3, 12)))]
    form = rng.choice(("list[{}]", "tuple[{}, ...]", "dict[str, {}]", "Union[{}]", "tuple[{}]", "Optional[{}]", "{}"))
    return form.format(rng.choice((", ", " | ")).join(inner))


def open_sources(_folder: Path) -> Read:
    from hammerstone.tools.code_checks import check_source

    return lambda source: [check_source(source), check_source(source, parser=True)]


def open_signatures(_folder: Path) -> Read:
    from hammerstone.tools.signature import SignatureError, read_signature

    def read(source: str) -> None:
        for function in ("solve", "unparse"):
            with suppress(SignatureError):
                signature = read_signature(source, function)
                json.dumps([signature.manual, signature.schema])

    return read


def make_arguments(rng: random.Random) -> tuple[str, Any]:
    kind = annotation(rng, rng.choice((0, 1, 2, 3)))
    value = fitting(rng, rng.choice((5, 5, 50, 50, 50, 500, 500, 5_000, 80_000)))
    if rng.random() < 0.5:
        value = damaged_json(rng, [value])
    return f"from typing import *\nA = int\ndef solve(a: {kind}) -> str:\n    return ''\n", {"a": value}


def fitting(rng: random.Random, values: int) -> Any:
    """Arguments of at most so many values."""
    if values < 2:
        return rng.choice((1, 21.0, "a", True, None, "up", 2**60, ""))
    different, times = rng.choice((1, 2, 3)), rng.choice((1, 1, 2, 50, 5_000))
    items = [fitting(rng, values // times // different) for _ in range(different)] * min(times, values)
    return items if rng.random() < 0.7 else {str(number): item for number, item in enumerate(items)}


def open_arguments(_folder: Path) -> Read:
    from hammerstone.tools.signature import ArgumentsError, SignatureError, read_signature

    def read(made: tuple[str, Any]) -> None:
        source, arguments = made
        with suppress(SignatureError, ArgumentsError):
            signature = read_signature(source)
            passed = signature.validate(arguments)
            again = signature.validate(passed)
            if again != passed or json.loads(json.dumps(passed)) != passed:
                raise AssertionError(f"{passed!r:.200} is not what it is when it is checked again")

    return read


# results of generated code


def make_result(rng: random.Random) -> tuple[int, int, int, bytes, bytes]:
    error = {"type": "ValueError", "message": "bad", "line": 3}
    value = damaged_json(rng, [error, *seeds.REPLIED])
    body = json.dumps(value, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    body = damaged_bytes(rng, [body]) if rng.random() < 0.5 else body
    status = rng.choice((rng.randrange(65), 128 + rng.randrange(1, 65), rng.randrange(256) << 8))  # killed, or ended
    return rng.choice((0, 0, 0, 1, 2)), rng.randrange(8), status, body, damaged_bytes(rng, [b"printed\n"])


def open_results(_folder: Path) -> Read:
    from hammerstone.sandbox.contract import Limits
    from hammerstone.sandbox.outcomes import ProcessReply, Stop, outcome_of, read_json

    def read(made: tuple[int, int, int, bytes, bytes]) -> None:
        stopped, kind, status, body, printed = made
        reply = ProcessReply(stop=Stop(stopped), kind=kind, wait_status=status, body=body, printed=printed)
        with suppress(SandboxError):  # what the worker itself reports, of which generated code knows nothing
            outcome_of(reply, seeds.SOURCES[0], Limits())
        with suppress(ValueError, RecursionError):
            read_json(body)

    return read


# what is shown and stored


def make_text(rng: random.Random) -> str:
    return damaged_text(rng, [*seeds.REPLIES, *seeds.SOURCES, "".join(TOKENS[:60])])


def open_text(_folder: Path) -> Read:
    from hammerstone.escaping import escape, restore
    from hammerstone.tools.tool import is_tool_name, tool_name
    from hammerstone.visible import visible, visible_json

    def read(text: str) -> None:
        escape(text).encode()
        if restore(escape(text)) != text:
            raise AssertionError("the text is not the same after it was stored")
        visible(text).encode()
        visible_json(json.dumps(text)).encode()
        name = tool_name(text)
        if name and not is_tool_name(name):
            raise AssertionError(f"{name!r} is no name")

    return read


# settings


def make_run_file(rng: random.Random) -> bytes:
    return damaged_bytes(rng, [seeds.RUN_FILE.encode()])


def open_run_files(folder: Path) -> Read:
    from hammerstone.toolformer.config import read_config

    file = folder / "run.toml"

    def read(data: bytes) -> None:
        file.write_bytes(data)
        with suppress(InputError, SettingsError):
            read_config(file)

    return read


TARGETS: Mapping[str, Target] = {
    target.name: target
    for target in (
        Target(name="requests", make=make_requests, open=open_requests),
        Target(name="blocks", make=make_reply, open=open_blocks),
        Target(name="answers", make=make_reply, open=open_answers),
        Target(name="verdicts", make=make_reply, open=open_verdicts),
        Target(name="user replies", make=make_reply, open=open_user),
        Target(name="call texts", make=make_reply, open=open_calls),
        Target(name="recordings", make=make_recording, open=open_recordings),
        Target(name="packages", make=make_package, open=open_packages),
        Target(name="sources", make=make_source, open=open_sources),
        Target(name="signatures", make=make_source, open=open_signatures),
        Target(name="arguments", make=make_arguments, open=open_arguments),
        Target(name="results", make=make_result, open=open_results),
        Target(name="texts", make=make_text, open=open_text),
        Target(name="run files", make=make_run_file, open=open_run_files),
    )
}
