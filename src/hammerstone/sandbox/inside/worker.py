"""The worker of one program: it prepares what every call of the program needs, and forks a process for each.

- **It never handles a call.** A byte tells it to fork; what is asked, and what comes of it, passes between the new
  process and the host by a socket of their own. A byte tells it to kill that process, and it hands the host what the
  kernel says of the end, without a look, and wipes it. So the memory that every process inherits is that of a
  worker that knows the program and nothing else: no call leaves anything to the next.
- **No generated function runs in it.** It compiles the source and the regular expressions, and runs what only defines
  something (`definitions`).

Part of the programs inside the sandbox (see `template`), so it imports only the standard library.
"""

from __future__ import annotations

import ctypes
import faulthandler
import gc
import json
import marshal
import os
import re
import signal
import sys

from hammerstone.sandbox.inside.child import (
    ERROR,
    NOTHING,
    TOOL_FILE,
    VALUE,
    Program,
    ToolModule,
    describe,
    encode,
    lack,
    run,
)
from hammerstone.sandbox.inside.definitions import beginning
from hammerstone.sandbox.inside.exchange import (
    CHANNEL,
    CONFINED,
    CONTROL,
    ENDED,
    FRAME,
    PRINTED,
    REPORT,
    Inbox,
    read_frame,
    write_all,
)
from hammerstone.sandbox.inside.modules import Lacking, load_all, load_named
from hammerstone.sandbox.inside.own_process import (
    LIBC,
    MAX_DESCRIPTORS,
    PR_SET_PDEATHSIG,
    RLIMIT_AS,
    RLIMIT_CPU,
    RLIMIT_FSIZE,
    SIGKILL,
    UNLIMITED,
    Limit,
    address_space,
    limit,
    limits,
    lower,
    socket_pair,
)
from hammerstone.sandbox.inside.patterns import compile_patterns

TYPE_CHECKING = False  # as in `typing`, which no worker needs
if TYPE_CHECKING:
    import typing

    from hammerstone.sandbox.inside.child import Confinement

__all__ = ["prepare", "serve"]

PREPARE_CPU_SECONDS = 5
PREPARE_SECONDS = 20
PATTERN_SECONDS = 2
PATTERN_BYTES = 256 * 1024
START = len(CONFINED) + FRAME.size  # of what a process says first
PREPARE_BYTES = 1 << 30
LAST_WORDS = 1  # second of the processor, after the time of a call is up: for the host to hear of it
DEFINITION_BYTES = 64 << 20  # more than a worker is to keep
PyCF_ONLY_AST, CO_FUTURE_ANNOTATIONS = 0x400, 0x1000000  # `ast`, `__future__`

# linux/prctl.h
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2


class FilterProgram(ctypes.Structure):
    """`struct sock_fprog`: a BPF program as the kernel takes it."""

    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def prepare(steps: bytes, hash_seed: int, zones: bytes) -> Program:
    """Read what the program is and get it ready. Ends the process, after saying why, if the source does not compile."""
    asked = json.loads(read_frame(CONTROL))
    source = asked["source"]
    signal.alarm(PREPARE_SECONDS)  # the end of a worker that does not get ready
    own_bytes = address_space()
    limited(own_bytes + PREPARE_BYTES, PREPARE_CPU_SECONDS)
    if asked["whole"]:
        load_all(zones)
    else:
        load_named(source, zones)
    if steps:
        if "random" in sys.modules:
            sys.modules["random"].seed(hash_seed)  # each process begins with this state: `fork` is the C library's
        lower(RLIMIT_FSIZE, asked["output_bytes"] + 1)  # the file for what a call prints; it can open no other
    try:
        tool = tool_of(source, own_bytes)
    except BaseException as error:
        said = encode(describe(error)).encode("utf-8", "replace")
        write_all(CONTROL, FRAME.pack(ERROR, len(said)) + said)
        os._exit(0)
    if not asked["whole"]:
        sys.meta_path.append(Lacking(lack))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    confine = confinement(steps, asked["cpu_seconds"]) if steps else ()
    program = Program(source, tool, asked["output_bytes"], confine)
    if re.search(r"\bre\b", source):
        compile_patterns(patterns_found(program))
    signal.alarm(0)
    limited(UNLIMITED, UNLIMITED)
    # A process whose time is up tells the host where it is, and nothing made by a model: no Python code runs for that.
    faulthandler.register(signal.SIGXCPU, CHANNEL, all_threads=False)
    if steps:
        lower(RLIMIT_AS, address_space() + asked["memory_bytes"])
    return program


def tool_of(source: str, own_bytes: int) -> ToolModule:
    """The module with its definitions, if they fit into little memory. Raises what is wrong with the source."""
    whole = compile(source, TOOL_FILE, "exec", dont_inherit=True, optimize=0)
    tree = compile(source, TOOL_FILE, "exec", PyCF_ONLY_AST, dont_inherit=True)
    first = beginning(tree.body)
    flags = whole.co_flags & CO_FUTURE_ANNOTATIONS
    rest = tree.body[first:]
    try:
        del tree.body[first:]
        start = compile(tree, TOOL_FILE, "exec", dont_inherit=True, optimize=0)
        tree.body = rest
        tool = ToolModule(compile(tree, TOOL_FILE, "exec", flags, dont_inherit=True, optimize=0) if rest else None)
        del tree, rest
        limited(own_bytes + DEFINITION_BYTES, PREPARE_CPU_SECONDS)
        exec(start, tool.module.__dict__)  # noqa: S102 - definitions
    except Exception:
        tool = ToolModule(whole)  # the process of a call will say what is wrong
    limited(own_bytes + PREPARE_BYTES, PREPARE_CPU_SECONDS)
    return tool


def confinement(steps: bytes, cpu_seconds: int) -> Confinement:
    """The confinement that the process of a call begins with, prepared with everything that it needs."""
    cpu = Limit(cpu_seconds, cpu_seconds + LAST_WORDS)
    allowed = FilterProgram(len(steps) // 8, steps)
    return (
        (LIBC.setrlimit, (RLIMIT_CPU, ctypes.byref(cpu)), 0),
        (LIBC.prctl, (PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), 0),
        (LIBC.getppid, (), os.getpid()),  # the worker may have died before the line above
        (LIBC.prctl, (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(allowed), 0, 0), 0),
    )


def patterns_found(program: Program) -> list[object]:
    """The patterns that a process of the program finds, which is given nothing else; none if it fails or is late."""
    ours, theirs = socket_pair(PATTERN_SECONDS)
    pid = LIBC.fork()
    if pid == 0:
        os.dup2(theirs, CHANNEL)
        os.dup2(theirs, CONTROL)
        os.closerange(CONTROL + 1, MAX_DESCRIPTORS)
        signal.alarm(PATTERN_SECONDS)
        run(program)
    os.close(theirs)
    try:
        asked = marshal.dumps((None, {}))
        write_all(ours, FRAME.pack(0, len(asked)) + asked)
        said = b""
        while len(said) < PATTERN_BYTES and (more := os.read(ours, PATTERN_BYTES)):
            said += more
            kind, length = FRAME.unpack_from(said, len(CONFINED)) if len(said) >= START else (NOTHING, PATTERN_BYTES)
            if len(said) >= START + length:
                found: object = json.loads(said[START:]) if kind == VALUE else []
                return found if isinstance(found, list) else []  # pyright: ignore[reportUnknownVariableType]
    except (OSError, ValueError, RecursionError):
        return []
    finally:
        os.kill(pid, SIGKILL)
        os.waitpid(pid, 0)
        os.close(ours)
    return []


def limited(memory_bytes: int, cpu_seconds: int) -> None:
    """Limit memory and CPU time while preparing; a hard limit that is lower stays."""
    for kind, value in ((RLIMIT_AS, memory_bytes), (RLIMIT_CPU, cpu_seconds)):
        hard = limits(kind)[1]
        limit(kind, min(value, hard), hard)


def serve(program: Program) -> typing.NoReturn:
    """Fork for each call until the host closes."""
    report = ctypes.create_string_buffer(256)  # at 7: `ENDED`; then the wait status; at 16: `struct rusage`
    usage, status, said = (ctypes.byref(report, place) for place in (16, 8, 7))
    inbox = Inbox(CONTROL)
    fork, kill, wait4, write = LIBC.fork, LIBC.kill, LIBC.wait4, LIBC.write
    write_all(CONTROL, FRAME.pack(VALUE, 0))
    gc.collect()
    gc.freeze()
    LIBC.malloc_trim(0)
    while inbox.receive(1):
        LIBC.ftruncate(PRINTED, 0)
        LIBC.lseek(PRINTED, 0, os.SEEK_SET)
        pid = fork()
        if pid == 0:
            run(program)
        os.close(CHANNEL)
        going_on = inbox.read()
        kill(pid, SIGKILL)
        wait4(pid, status, 0, usage)
        if not going_on:
            break
        report[7] = ENDED
        write(CONTROL, said, 1 + REPORT.size)
        ctypes.memset(report, 0, len(report))
        del pid
    os._exit(0)
