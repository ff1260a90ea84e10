"""Finds what a bare interpreter needs from the disk: itself, its standard library, the shared objects it loads.

It is sent the time zones, so that generated code can use them without opening a file.

A confinement grants exactly that. Which files these are is found by letting such an interpreter import everything the
programs inside the sandbox will import and asking the dynamic linker what it loaded (`dl_iterate_phdr`).
"""

from __future__ import annotations

import base64
import json
import marshal
import sys
import zlib
import zoneinfo
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from types import CodeType

import anyio
import anyio.to_thread

from hammerstone.errors import SandboxError
from hammerstone.sandbox.inside.modules import PRELOADED

__all__ = ["Interpreter", "environment", "find_interpreter", "programs"]

# No site-packages, no user site, no script directory, no .pyc written, unbuffered, no warnings. Not -I, which would
# have the interpreter ignore PYTHONHASHSEED.
FLAGS = ("-s", "-S", "-P", "-B", "-u", "-W", "ignore")

# Each imports those before it.
INSIDE = ("own_process", "exchange", "vdso", "modules", "definitions", "patterns", "child", "worker", "template")

# They may not read the folder of hammerstone, so they come by descriptor 0, and compiled: what compiling would leave in
# memory, every fork would copy.
BOOT = """
import marshal, os, sys
data, size = b"", int.from_bytes(os.read(0, 4), "big")
while len(data) < size:
    data += os.read(0, size - len(data)) or sys.exit("no programs came")
for name, code in marshal.loads(data):
    module = sys.modules[name] = type(sys)(name)
    exec(code, module.__dict__)
del data, name, code
module.main()
"""

DISCOVERY = """
import ctypes, importlib, json, os, sys
for name in [*sys.argv[1:], "_socket", "array", "base64", "ctypes", "mmap", "resource", "zlib"]:
    importlib.import_module(name)
class Info(ctypes.Structure):
    _fields_ = (("address", ctypes.c_void_p), ("name", ctypes.c_char_p))
loaded = []
@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Info), ctypes.c_size_t, ctypes.c_void_p)
def note(info, size, data):
    loaded.append(os.fsdecode(info.contents.name or b""))
    return 0
ctypes.CDLL(None).dl_iterate_phdr(note, None)
print(json.dumps({"path": sys.path, "loaded": loaded}))
"""


@dataclass(frozen=True, kw_only=True)
class Interpreter:
    """A Python outside of any virtual environment, and the paths that it must read when it is confined.

    `zones` are this host's time zone files: base64 of compressed JSON, name to hexadecimal digits.
    """

    executable: Path
    library: tuple[Path, ...]
    shared_objects: tuple[Path, ...]
    zones: str

    @property
    def readable(self) -> tuple[Path, ...]:
        return (self.executable, *self.library, *self.shared_objects)

    @property
    def command(self) -> list[str]:
        """Runs the template, once it has been given its `programs`."""
        return [str(self.executable), *FLAGS, "-c", BOOT]


@cache
def programs() -> bytes:
    """The first input of a template: four bytes of length, and the modules that run inside the sandbox."""
    folder = resources.files("hammerstone.sandbox.inside")
    modules: list[tuple[str, CodeType]] = []
    for name in INSIDE:
        full = f"hammerstone.sandbox.inside.{name}"
        text = folder.joinpath(f"{name}.py").read_text(encoding="utf-8")
        modules.append((full, compile(text, full, "exec", dont_inherit=True)))
    data = marshal.dumps(modules)
    return len(data).to_bytes(4, "big") + data


def environment(hash_seed: int) -> dict[str, str]:
    """The whole environment of a template.

    `glibc.pthread.rseq=0`: otherwise the kernel writes into each process which processor it runs on (rseq(2)).
    """
    return {"PYTHONHASHSEED": str(hash_seed), "GLIBC_TUNABLES": "glibc.pthread.rseq=0"}


_found: Interpreter | None = None


async def find_interpreter() -> Interpreter:
    """The interpreter under this one, without its virtual environment; found once for each process.

    Raises `SandboxError` if it cannot be run.
    """
    global _found  # a cache for the life of the process: `functools.cache` has no async form
    if _found is None:
        _found = await _discover(_executable())
    return _found


def _executable() -> Path:
    base: str = getattr(sys, "_base_executable", "") or sys.executable
    return Path(base).resolve()


async def _discover(executable: Path) -> Interpreter:
    command = [str(executable), *FLAGS, "-c", DISCOVERY, *PRELOADED]
    try:
        answer = await anyio.run_process(command, env={}, check=False)
    except OSError as error:
        raise SandboxError(f"cannot run {executable}: {error}") from error
    if answer.returncode != 0:
        raise SandboxError(f"{executable} cannot load its standard library: {answer.stderr.decode(errors='replace')}")
    found = json.loads(answer.stdout)
    return Interpreter(
        executable=executable,
        library=_existing(found["path"]),
        shared_objects=_existing([*found["loaded"], "/etc/ld.so.cache"]),
        zones=await anyio.to_thread.run_sync(_packed_zones),
    )


def _packed_zones() -> str:
    found: dict[str, str] = {}
    for name in sorted(zoneinfo.available_timezones()):
        files = [path for path in (Path(folder, name) for folder in zoneinfo.TZPATH) if path.is_file()]
        if files:
            found[name] = files[0].read_bytes().hex()
    return base64.b64encode(zlib.compress(json.dumps(found).encode())).decode()


def _existing(names: list[str]) -> tuple[Path, ...]:
    """The absolute paths that exist, none of them below another."""
    paths = sorted({Path(name) for name in names if name.startswith("/") and Path(name).exists()})
    return tuple(path for path in paths if not any(other in path.parents for other in paths))
