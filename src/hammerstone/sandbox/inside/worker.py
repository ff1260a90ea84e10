"""The worker of one program: it prepares what every call of the program needs, and forks a process for each.

- **It never handles a call.** A byte tells it to fork; what is asked, and what comes of it, passes between the new
  process and the host by a socket of their own. A byte tells it to kill that process, and it hands the host what the
  kernel says of the end, without a look, and wipes it. So the memory that every process inherits is that of a
  worker that knows the program and nothing else: no call leaves anything to the next.
- **Generated code never runs in it.** It compiles the source and the regular expressions.

Part of the programs inside the sandbox (see `template`), so it imports only the standard library.
"""

from __future__ import annotations

import _socket
import ctypes
import gc
import json
import marshal
import os
import re
import resource
import signal
import typing

from hammerstone.sandbox.inside.child import (
    CONFINED,
    ERROR,
    NOTHING,
    TOOL_FILE,
    VALUE,
    FilterProgram,
    Program,
    describe,
    encode,
    run,
)
from hammerstone.sandbox.inside.exchange import FRAME, REPORT, Inbox, read_frame, write_all
from hammerstone.sandbox.inside.modules import load_all, load_named
from hammerstone.sandbox.inside.own_process import address_space, lower
from hammerstone.sandbox.inside.patterns import compile_patterns

__all__ = ["prepare", "serve"]

PREPARE_CPU_SECONDS = 5
PREPARE_SECONDS = 20
PATTERN_SECONDS = 2
PATTERN_BYTES = 256 * 1024
START = len(CONFINED) + FRAME.size  # of what a process says first
PREPARE_BYTES = 1 << 30


def prepare(control: int, steps: bytes, hash_seed: int, zones: bytes, libc: ctypes.CDLL) -> Program:
    """Read what the program is and get it ready. Ends the process, after saying why, if the source does not compile."""
    asked = json.loads(read_frame(control))
    source = asked["source"]
    signal.alarm(PREPARE_SECONDS)  # the end of a worker that does not get ready
    own_bytes = address_space()
    limited(own_bytes + PREPARE_BYTES, PREPARE_CPU_SECONDS)
    if asked["whole"]:
        load_all(zones)
    else:
        load_named(source, zones)
    try:
        code = compile(source, TOOL_FILE, "exec", dont_inherit=True, optimize=0)
    except BaseException as error:
        said = encode(describe(error)).encode("utf-8", "replace")
        write_all(control, FRAME.pack(ERROR, len(said)) + said)
        os._exit(0)
    allowed = FilterProgram(len(steps) // 8, steps) if steps else None
    program = Program(source, code, asked["whole"], allowed, hash_seed, asked["cpu_seconds"], asked["output_bytes"])
    if allowed:
        lower(resource.RLIMIT_FSIZE, asked["output_bytes"] + 1)  # the file for what a call prints; it can open no other
    if re.search(r"\bre\b", source):
        compile_patterns(patterns_found(program, libc))
    signal.alarm(0)
    limited(resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    if allowed:
        lower(resource.RLIMIT_AS, address_space() + asked["memory_bytes"])
    return program


def patterns_found(program: Program, libc: ctypes.CDLL) -> list[object]:
    """Asked of a process of the program that is given nothing else. None if it does not say in time or to the point."""
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
    printed = os.memfd_create("printed")
    worker = os.getpid()
    pid = os.fork()
    if pid == 0:
        signal.alarm(PATTERN_SECONDS)
        run(program, theirs.fileno(), printed, libc, worker)
    theirs.close()
    os.close(printed)
    try:
        asked = marshal.dumps((None, {}))
        ours.send(FRAME.pack(0, len(asked)) + asked)
        ours.settimeout(PATTERN_SECONDS)
        said = b""
        while len(said) < PATTERN_BYTES and (more := ours.recv(PATTERN_BYTES)):
            said += more
            kind, length = FRAME.unpack_from(said, len(CONFINED)) if len(said) >= START else (NOTHING, PATTERN_BYTES)
            if len(said) >= START + length:
                found: object = json.loads(said[START:]) if kind == VALUE else []
                return typing.cast("list[object]", found) if isinstance(found, list) else []
    except (OSError, ValueError, RecursionError):
        return []
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        ours.close()
    return []


def limited(memory_bytes: int, cpu_seconds: int) -> None:
    """For the time of preparing. Where there is a hard limit, no more than that."""
    for kind, value in ((resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_CPU, cpu_seconds)):
        hard = resource.getrlimit(kind)[1]
        bounded = hard if value == resource.RLIM_INFINITY else value
        resource.setrlimit(kind, (bounded if hard == resource.RLIM_INFINITY else min(bounded, hard), hard))


def serve(program: Program, control: int, libc: ctypes.CDLL) -> typing.NoReturn:
    """Fork for each call until the host closes."""
    worker = os.getpid()
    report = ctypes.create_string_buffer(256)  # the wait status, then `struct rusage`
    status, usage = ctypes.byref(report), ctypes.byref(report, 8)
    inbox = Inbox(control, libc)
    given = inbox.with_it
    wait4, write = libc.wait4, libc.write
    write_all(control, FRAME.pack(VALUE, 0))
    gc.collect()
    gc.freeze()
    while inbox.receive(2):
        pid = os.fork()
        if pid == 0:
            run(program, given[4], given[5], libc, worker)
        os.close(given[4])
        os.close(given[5])
        going_on = inbox.read()
        os.kill(pid, signal.SIGKILL)
        wait4(pid, status, 0, usage)
        if not going_on:
            break
        write(control, report, REPORT.size)
        ctypes.memset(report, 0, len(report))
        del pid
    os._exit(0)
