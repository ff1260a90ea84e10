"""Backend `sandlock`: CPython confined by Landlock, without root, namespaces or a daemon.

The package `sandlock` puts a Landlock domain around a small launcher, which then replaces itself (exec) with the bare
interpreter that runs the worker. The domain lets the worker and its children read the interpreter's own files,
write nothing, and no more; it also forbids signals to, and abstract sockets of, anything outside. Each
forked child then installs the system call filter of `hammerstone.sandbox.seccomp`.

Why an exec and not the worker confining itself: importing `sandlock` makes the process that forks for every call half
as large again, and each fork slower by that much. Why not sandlock's supervisor: see `design/0002-sandbox.md`.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

from hammerstone.errors import SandboxError
from hammerstone.sandbox.interpreter import Interpreter, environment, find_interpreter
from hammerstone.sandbox.process import Launch
from hammerstone.sandbox.seccomp import allow_list

__all__ = ["NOT_COVERED", "launch"]

NOT_COVERED = (
    "faults of the kernel (Landlock, seccomp, the scheduler) and of the processor",
    "what can be learned from timing, caches and load",
    "the kernel's numbers for this process: process ids, user id",
    "CPU and memory used within the limits",
)

LAUNCHER = """
import json, os, sys
setup = json.loads(sys.argv[1])
sys.path.append(setup["packages"])
os.environ.setdefault("HOME", "/")  # which the import asks for
import sandlock
sandlock.confine(sandlock.Sandbox(fs_readable=setup["readable"]))
os.execve(setup["command"][0], setup["command"], setup["environment"])
"""


async def launch() -> Launch:
    """The launch of a worker. Raises `SandboxError` where the package or the machine's call list is missing."""
    found = importlib.util.find_spec("sandlock") if sys.platform == "linux" else None
    if found is None or found.origin is None:
        raise SandboxError("the package sandlock is not installed", hint="on Linux: pip install sandlock")
    packages = Path(found.origin).parent.parent
    interpreter = await find_interpreter()
    return Launch(
        name="sandlock",
        command=lambda seed: _command(interpreter, packages, seed),
        filter=allow_list(),
        zones=interpreter.zones,
    )


def _command(interpreter: Interpreter, packages: Path, seed: int) -> list[str]:
    setup = {
        "packages": str(packages),
        "readable": [str(path) for path in interpreter.readable],
        "command": interpreter.command,
        "environment": environment(seed),
    }
    return [str(interpreter.executable), "-I", "-S", "-B", "-c", LAUNCHER, json.dumps(setup)]
