"""What the host and a worker say to each other: a request, and the reply with what was measured.

Part of the worker's program (see `worker`), so it imports only the standard library.
"""

from __future__ import annotations

import mmap
import os
import struct
import typing

__all__ = ["CALL", "COMPILE", "NOT_STOPPED", "OUT_OF_OUTPUT", "OUT_OF_TIME", "REPLY", "REQUEST", "SETUP", "Request"]

# Host to worker: operation, CPU and wall seconds, memory and output bytes, then the length of the payload.
REQUEST = struct.Struct("!BddQQQ")
SETUP, COMPILE, CALL = 1, 2, 3

# Worker to host: why the worker stopped the child, what the child said, its wait status, CPU and wall seconds,
# then the lengths of the child's body and of what it printed, which follow.
REPLY = struct.Struct("!BBiddII")
NOT_STOPPED, OUT_OF_TIME, OUT_OF_OUTPUT = 0, 1, 2


class Request(typing.NamedTuple):
    operation: int
    cpu_seconds: float
    wall_seconds: float
    memory_bytes: int
    output_bytes: int
    length: int


def read_request(descriptor: int) -> tuple[Request, mmap.mmap]:
    """The next request. Ends the worker when the host is gone."""
    header = Request(*REQUEST.unpack(read_exactly(descriptor, bytearray(REQUEST.size))))
    payload = private_memory(header.length)
    with memoryview(payload) as view:
        read_exactly(descriptor, view)
    return header, payload


def read_exactly(descriptor: int, buffer: bytearray | memoryview) -> bytearray | memoryview:
    got = 0
    while got < len(buffer):
        count = os.readv(descriptor, [memoryview(buffer)[got:]])
        if count == 0:
            os._exit(0)
        got += count
    return buffer


def private_memory(length: int) -> mmap.mmap:
    """Memory of our own from the kernel, zeroed."""
    return mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
