"""Backend `bubblewrap`: CPython in namespaces of its own, made by the program `bwrap`.

The worker sees the interpreter's own files, read-only, and nothing else: no /proc, no /dev, no network interface, no
other process, and its user has no capability. Each forked child then installs the system call filter of
`hammerstone.sandbox.seccomp`, the same as with sandlock.

For hosts with kernels before 6.12. Needs unprivileged user namespaces, or bwrap installed set-uid, or root.
"""

from __future__ import annotations

import shutil

from hammerstone.errors import SandboxError
from hammerstone.sandbox.interpreter import Interpreter, environment, find_interpreter
from hammerstone.sandbox.process import Launch
from hammerstone.sandbox.seccomp import allow_list

__all__ = ["NOT_COVERED", "launch"]

NOT_COVERED = (
    "faults of the kernel (namespaces, seccomp, the scheduler) and of the processor",
    "what can be learned from timing, caches and load",
    "the kernel's numbers for this process: process ids inside the namespace, user id",
    "CPU and memory used within the limits",
)


async def launch() -> Launch:
    """The launch of a worker. Raises `SandboxError` where bwrap or the machine's call list is missing."""
    program = shutil.which("bwrap")
    if program is None:
        raise SandboxError("the program bwrap is not installed", hint="for example: apt install bubblewrap")
    interpreter = await find_interpreter()
    return Launch(
        name="bubblewrap",
        command=lambda seed: _command(program, interpreter, seed),
        filter=allow_list(),
        zones=interpreter.zones,
    )


def _command(program: str, interpreter: Interpreter, seed: int) -> list[str]:
    isolation = ["--unshare-all", "--cap-drop", "ALL", "--hostname", "sandbox"]
    variables = ["--clearenv"]
    for name, value in environment(seed).items():
        variables += ["--setenv", name, value]
    return [
        *(program, *isolation, *variables),
        *_mounts(interpreter),
        *("--chdir", "/", "--remount-ro", "/", "--", *interpreter.command),
    ]


def _mounts(interpreter: Interpreter) -> list[str]:
    """The interpreter's files at their own paths; packages that lie among them are covered by an empty folder."""
    mounts: list[str] = []
    for path in interpreter.readable:
        mounts += ["--ro-bind", str(path), str(path)]
    for library in interpreter.library:
        for packages in (library / "site-packages", library / "dist-packages"):
            if packages.is_dir():
                mounts += ["--tmpfs", str(packages), "--remount-ro", str(packages)]
    return mounts
