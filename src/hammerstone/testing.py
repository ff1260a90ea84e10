"""Fakes of hammerstone's seams, for the tests of what is built on them. No network, no process, no generated code."""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeAlias

from hammerstone.models import OutOfRepliesError, Prompt, Reply, fingerprint
from hammerstone.sandbox import Outcome, Status

if TYPE_CHECKING:
    from hammerstone.sandbox import Limits
    from hammerstone.types import JSON

__all__ = ["FakeSandbox", "FunctionModel", "SandboxCall", "ScriptedModel"]

Answer: TypeAlias = "str | Reply"


class ScriptedModel:
    """A `Model` that answers with the given replies in order, whatever it is asked.

    `prompts` holds what it was asked. Running out of replies is an `AssertionError` (`OutOfRepliesError`), which no
    code under test handles as if a model had failed. Only its name tells it from others: two of one name share stored
    replies.
    """

    def __init__(self, replies: Iterable[Answer], *, name: str = "scripted") -> None:
        self._replies = list(replies)
        self._name = name
        self.prompts: list[Prompt] = []

    @property
    def name(self) -> str:
        return self._name

    @property
    def unused(self) -> int:
        """How many replies are left."""
        return max(len(self._replies) - len(self.prompts), 0)

    async def complete(self, prompt: Prompt) -> Reply:
        self.prompts.append(prompt)
        if len(self.prompts) > len(self._replies):
            raise OutOfRepliesError(
                f"ScriptedModel {self._name!r} has {len(self._replies)} replies and was asked "
                f"{len(self.prompts)} times; the last prompt ended: {prompt.messages[-1].content[-300:]!r}"
            )
        return _reply(self._replies[len(self.prompts) - 1], self._name)


class FunctionModel:
    """A `Model` whose replies a function (plain or async) computes from the prompt; what it raises is raised.

    `prompts` holds what it was asked. Stored replies are found again by the same function, not by another one of
    that name: `identity` holds a digest of its code and of the values that it uses.
    """

    def __init__(self, function: Callable[[Prompt], Answer | Awaitable[Answer]], *, name: str = "function") -> None:
        self._function = function
        self._name = name
        self._identity = f"{name}#{fingerprint(function)}"
        self.prompts: list[Prompt] = []

    @property
    def name(self) -> str:
        return self._name

    @property
    def identity(self) -> str:
        return self._identity

    async def complete(self, prompt: Prompt) -> Reply:
        self.prompts.append(prompt)
        answer = self._function(prompt)
        return _reply(await answer if inspect.isawaitable(answer) else answer, self._name)


@dataclass(frozen=True, kw_only=True)
class SandboxCall:
    """One call that a `FakeSandbox` was asked for."""

    program: str
    function: str
    arguments: Mapping[str, JSON]
    limits: Limits | None = None
    hash_seed: int = 0


class FakeSandbox:
    """A `Sandbox` that answers from the test's own Python functions. It never runs the program it is given.

    `answers` maps function names to callables, or is one handler that turns a `SandboxCall` into an `Outcome`. As in
    a real sandbox, a function that is not there, one that raises, and a value that is not JSON are outcomes with an
    error. `calls` holds what was asked; `closed` says whether it was closed.
    """

    def __init__(self, answers: Mapping[str, Callable[..., object]] | Callable[[SandboxCall], Outcome]) -> None:
        self._answers = answers
        self.calls: list[SandboxCall] = []
        self.closed = False

    @property
    def name(self) -> str:
        return "fake"

    async def call(
        self,
        program: str,
        function: str,
        arguments: Mapping[str, JSON],
        *,
        limits: Limits | None = None,
        hash_seed: int = 0,
    ) -> Outcome:
        call = SandboxCall(
            program=program,
            function=function,
            arguments=copy.deepcopy(dict(arguments)),
            limits=limits,
            hash_seed=hash_seed,
        )
        self.calls.append(call)
        return self._answers(call) if callable(self._answers) else _outcome(self._answers, call)

    @asynccontextmanager
    async def process(
        self, program: str, *, limits: Limits | None = None, hash_seed: int = 0
    ) -> AsyncGenerator[FakeProcess]:
        yield FakeProcess(self, program, limits, hash_seed)

    async def aclose(self) -> None:
        self.closed = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()


class FakeProcess:
    """A `Process` that passes its calls on to the `FakeSandbox`."""

    def __init__(self, sandbox: FakeSandbox, program: str, limits: Limits | None, hash_seed: int) -> None:
        self._sandbox = sandbox
        self._program = program
        self._limits = limits
        self._hash_seed = hash_seed

    async def call(self, function: str, arguments: Mapping[str, JSON]) -> Outcome:
        return await self._sandbox.call(
            self._program, function, arguments, limits=self._limits, hash_seed=self._hash_seed
        )


def _reply(answer: Answer, model: str) -> Reply:
    return Reply(text=answer, model=model) if isinstance(answer, str) else answer


def _outcome(functions: Mapping[str, Callable[..., object]], call: SandboxCall) -> Outcome:
    if call.function not in functions:
        return Outcome(status=Status.ERROR, error=f"NameError: the program has no function {call.function!r}")
    try:
        value = functions[call.function](**call.arguments)
        return Outcome(status=Status.OK, value=json.loads(json.dumps(value, allow_nan=False)))
    except Exception as error:  # whatever the function raises is the outcome, as in a real sandbox
        return Outcome(status=Status.ERROR, error=f"{type(error).__name__}: {error}")
