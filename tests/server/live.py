"""A gateway that listens: `hammerstone serve` in a process of its own, before an upstream in a thread."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from hammerstone.requests.frame import Frame, frame_of
from hammerstone.store import open_store
from hammerstone.tools.tool import Tool
from hammerstone.types import JSON, Chat, Message

from ..samples.sums import tool
from .fake_upstream import FakeUpstream

__all__ = ["Listening", "eventually", "listening", "publish_sums", "upstream_in_thread"]

MODEL = "gpt-4o-mini"


@dataclass(frozen=True, kw_only=True)
class Listening:
    """`url` ends before `/v1`; `said` is the line with which the gateway began."""

    url: str
    said: str
    upstream: FakeUpstream
    process: subprocess.Popen[str]


def frame(response_format: JSON = None, *, system: bool = True) -> Frame:
    """That of the chats which the tests send."""
    turns = [Message(role="system", content="You add.")] if system else []
    turns.append(Message(role="user", content="?"))
    return frame_of(Chat(messages=tuple(turns), model=MODEL, response_format=response_format))


def publish_sums(home: Path | str, *tools: Tool) -> None:
    """A home with a live tool for sums, and others."""
    with open_store(home) as store:
        for one in (replace(tool(), frame=frame()), *tools):
            store.publish(one)


@contextmanager
def upstream_in_thread(upstream: ASGIApp, **config: Any) -> Iterator[str]:
    """Its URL; `config` is more of uvicorn's. It ends with the block."""
    configured = uvicorn.Config(upstream, port=0, log_level="critical", lifespan="off", **config)
    listening = configured.bind_socket()
    listening.listen()  # whoever reads the address may connect at once
    server = uvicorn.Server(configured)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@contextmanager
def listening(home: Path | str, upstream: FakeUpstream, *options: str) -> Iterator[Listening]:
    """The gateway over `home`, with further `options` of `hammerstone serve`."""
    with upstream_in_thread(upstream) as url:
        command = [sys.executable, "-m", "hammerstone", "serve", "--home", str(home), "--port", "0"]
        command += [] if "--audit" in options else ["--audit", "0"]  # what tools answer stays off the upstream
        process = subprocess.Popen([*command, "--upstream", url, *options], stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        drain = threading.Thread(target=process.stderr.read)
        try:
            for line in process.stderr:
                found = re.search(r"http://127\.0\.0\.1:\d+", line)
                if found:
                    break
            else:
                raise AssertionError("the gateway did not start")
            drain.start()
            yield Listening(url=found[0], said=line, upstream=upstream, process=process)
        finally:
            process.terminate()
            process.wait()
            if drain.ident is not None:
                drain.join()
            process.stderr.close()


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something holds that another process brings about."""
    give_up = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.02)  # another process sets no event
