"""Run by test_killed_loop.py: a stream is killed, and begun again on the same home, until it gets to its end.

    python -m tests.loop.killed_loop HOME AT EVERY

Each run is a forked process. AT says where it is killed (SIGKILL): `model`, when a model is asked for the EVERY-th time
in this run and has not replied; or `store`, at a statement or commit, EVERY steps later than the run before. After each
death one JSON line tells what that run asked the models and what the store holds.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anyio
from sqlalchemy import Engine, event

from hammerstone.loop import Hammerstone, Models
from hammerstone.models.model import Model, Prompt, Reply
from hammerstone.sandbox import Outcome, Status
from hammerstone.store import Store, open_store
from hammerstone.testing import FakeSandbox, FunctionModel, SandboxCall

from ..samples.sums import SETTINGS, dispatcher, maker, requests, solver, user

ROLES: dict[str, Callable[[], FunctionModel]] = {
    "maker": maker,
    "user": user,
    "dispatcher": dispatcher,
    "solver": solver,
}


class Mortal:
    """A step counter that ends its process."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def step(self, *_: object, **__: object) -> None:
        self._left -= 1
        if self._left < 0:
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Diary:
    """What a run did, in a file that outlives it."""

    file: Path

    def write(self, kind: str, value: object) -> None:
        with self.file.open("a") as file:
            file.write(json.dumps([kind, value]) + "\n")

    def read(self, kind: str) -> list[Any]:
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return [value for each, value in map(json.loads, lines) if each == kind]


@dataclass(frozen=True)
class WatchedModel:
    """A model that writes down what it is asked."""

    model: Model
    diary: Diary
    asked: Callable[[], None]

    @property
    def name(self) -> str:
        return self.model.name

    async def complete(self, prompt: Prompt) -> Reply:
        self.diary.write("asked", [prompt.key, self.name])
        self.asked()
        return await self.model.complete(prompt)


async def stream(home: Path, diary: Diary, width: int, asked: Callable[[], None]) -> None:
    models = Models(**{role: WatchedModel(each(), diary, asked) for role, each in ROLES.items()})
    settings = replace(SETTINGS, loop=replace(SETTINGS.loop, concurrency=width))
    with open_store(home) as store:
        async with Hammerstone(store=store, sandbox=FakeSandbox(call), models=models, settings=settings) as loop:
            await loop.catch_up()
            async for answered in loop.stream(requests(9)):
                diary.write("answered", [answered.question, answered.answer, answered.route])


def call(asked: SandboxCall) -> Outcome:
    """Runs here what only this package's tests have written."""
    made: dict[str, Any] = {}
    exec(asked.program, made)  # noqa: S102 - our own source
    return Outcome(status=Status.OK, value=made[asked.function](**asked.arguments))


def run(home: Path, diary: Diary, at: str, steps: int) -> bool:
    """One run in a process of its own; true if it got to its end."""
    child = os.fork()
    if child == 0:
        mortal = Mortal(steps)
        if at == "store":
            event.listen(Engine, "before_cursor_execute", mortal.step)
            event.listen(Engine, "commit", mortal.step)
        try:
            # One request at a time where a model kills: else two unfinished calls could kill each other for ever.
            asked = (1, mortal.step) if at == "model" else (2, lambda: None)
            anyio.run(stream, home, diary, *asked)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the stream failed by itself"
    return not os.WIFSIGNALED(status)


def told(store: Store, diary: Diary) -> dict[str, Any]:
    asked = diary.read("asked")
    return {
        "asked": asked,
        "stored": [[key, model] for key, model in asked if store.find_call(key, model) is not None],
        "answered": diary.read("answered"),
        "instances": [[one.question, one.answer] for task in store.tasks() for one in store.instances(task.name)],
        "tools": [[one.version, one.state, one.tool.digest] for one in store.tools(all_versions=True)],
        "builds": [[one.state, one.tool.digest if one.tool else None] for one in store.builds()],
    }


def main(home: Path, at: str, every: int) -> None:
    through, number = False, 0
    while not through:
        diary = Diary(home.parent / f"{at}-{number}")
        through = run(home, diary, at, every if at == "model" else every * number)
        with open_store(home) as store:
            print(json.dumps(told(store, diary)), flush=True)  # noqa: T201 - what the test reads
        number += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
