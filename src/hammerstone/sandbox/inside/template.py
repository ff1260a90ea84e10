"""The first process inside the sandbox: it is confined, and forks a worker for each program.

Its source and those of the modules that it needs are handed to a bare interpreter (`python -c`), so they import only
the standard library and can read nothing of hammerstone. The host imports them for the shapes of the frames alone.

    template   confined by the backend (`Launch`); has seen nothing
      worker   one for each program: has seen the program's source, and nothing else
        child  one for each call, killed after it: filtered, limited, without a clock, a file or a name

A child is confined before it looks at what is asked: its descriptors are its own, its limits lowered, its system
calls filtered. It can open nothing: whatever generated code imports is loaded already. Then it writes one byte,
`CONFINED`. A child that ends without it is a fault of ours; after it, whatever it does is the generated code's doing.

It has no clock and no randomness. Clocks that need no system call are taken away for good (`vdso`); the others, and
random numbers, are filtered in the child. The memory that it inherits holds no time either.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os

from hammerstone.sandbox.inside.child import rehearse
from hammerstone.sandbox.inside.exchange import CHANNEL, CONTROL, PRINTED, READY, Inbox, read_frame, write_all
from hammerstone.sandbox.inside.modules import load_common
from hammerstone.sandbox.inside.own_process import (
    LIBC,
    MAX_DESCRIPTORS,
    RLIMIT_CORE,
    RLIMIT_MEMLOCK,
    RLIMIT_MSGQUEUE,
    RLIMIT_NOFILE,
    die_with,
    lower,
    must,
    read_nothing_on,
)
from hammerstone.sandbox.inside.vdso import close_clocks
from hammerstone.sandbox.inside.worker import prepare, serve

TYPE_CHECKING = False  # as in `typing`, which no worker needs
if TYPE_CHECKING:
    import typing

__all__ = ["main"]

# linux/prctl.h, linux/capability.h
PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 4, 38
CAPABILITY_VERSION_3 = 0x20080522

HOST = CONTROL + 1  # the descriptor of its socket to the host


def main() -> typing.NoReturn:
    """Fork workers until the host closes the socket that is descriptor 0."""
    host = os.dup2(0, HOST)
    read_nothing_on(0)
    os.dup2(2, 1)
    setup = json.loads(read_frame(host))
    steps, zones = bytes.fromhex(setup["filter"]), setup["zones"].encode()
    hash_seed = int(os.environ.get("PYTHONHASHSEED", "0"))
    load_common()
    rehearse()
    os.chdir("/")
    if steps:
        close_clocks()
    confine()
    del setup
    gc.collect()
    gc.freeze()
    template = os.getpid()
    say_nothing_more()
    write_all(host, READY)
    inbox = Inbox(host)
    while inbox.receive(2):
        control, printed = inbox.with_it[4:6]
        if os.fork() == 0:
            for place in range(PRINTED, CHANNEL):
                os.dup2(printed, place)
            os.dup2(control, CONTROL)
            os.closerange(CHANNEL, CONTROL)
            os.closerange(CONTROL + 1, MAX_DESCRIPTORS)
            die_with(template)
            write_all(CONTROL, READY)
            serve(prepare(steps, hash_seed, zones))
        os.close(control)
        os.close(printed)
        bury()
    os._exit(0)


def confine() -> None:
    """Give up what no call needs: the environment, privileges, being looked into by processes of the same user."""
    os.environ.clear()
    os.umask(0o077)
    for kind in (RLIMIT_CORE, RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE):
        lower(kind, 0)
    lower(RLIMIT_NOFILE, MAX_DESCRIPTORS)
    must(LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    must(LIBC.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    must(LIBC.capset(header, (ctypes.c_uint32 * 6)()))


def say_nothing_more() -> None:
    """Close the output: from here on nobody reads what this process and its workers print, and a pipe would fill."""
    unread, end = os.pipe()
    os.close(unread)
    os.dup2(end, 1)
    os.dup2(end, 2)
    os.close(end)


def bury() -> None:
    """Reap the workers that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return
