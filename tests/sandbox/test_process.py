"""Processes that cannot be started for want of descriptors: an error of the sandbox, and nothing left open."""

from __future__ import annotations

import errno
import socket
from pathlib import Path
from typing import cast

import anyio.abc
import pytest

from hammerstone.errors import SandboxError
from hammerstone.sandbox.process import Launch, Template
from hammerstone.sandbox.transport import Transport

pytestmark = pytest.mark.anyio

NO_COMMAND = Launch(name="test", command=lambda _: ["/nowhere"], filter=b"", zones="")


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def use_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket, "socketpair", fail)


async def test_a_template_that_gets_no_socket_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    use_up(monkeypatch)
    with pytest.raises(SandboxError, match=r"cannot start the test worker: .*Too many open files"):
        await Template.start(NO_COMMAND, 0)


async def test_a_worker_that_gets_no_socket_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    host, theirs = Transport.pair()
    template = Template(cast("anyio.abc.Process", None), host)
    before = descriptors()
    use_up(monkeypatch)
    with theirs, pytest.raises(SandboxError, match=r"no worker can be started: .*Too many open files"):
        await template.fork()
    host.close()
    assert descriptors() == before - 2


async def test_a_command_that_is_not_there_leaves_nothing_open() -> None:
    before = descriptors()
    with pytest.raises(SandboxError, match="cannot start the test worker"):
        await Template.start(NO_COMMAND, 0)
    assert descriptors() == before
