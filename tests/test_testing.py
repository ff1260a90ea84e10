from __future__ import annotations

import pytest

from hammerstone.models.model import Message, Prompt, Reply
from hammerstone.sandbox.contract import Limits, Outcome, Sandbox, Status
from hammerstone.testing import FakeSandbox, FunctionModel, SandboxCall, ScriptedModel

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def ask(question: str) -> Prompt:
    return Prompt(messages=(Message(role="user", content=question),))


async def test_a_scripted_model_answers_in_order_and_keeps_what_it_was_asked() -> None:
    model = ScriptedModel(["one", Reply(text="two", model="other", cost_usd=0.5)], name="maker")

    first, second = await model.complete(ask("a")), await model.complete(ask("b"))

    assert (first.text, first.model) == ("one", "maker")
    assert (second.text, second.model, second.cost_usd) == ("two", "other", 0.5)
    assert [prompt.messages[-1].content for prompt in model.prompts] == ["a", "b"]
    assert model.unused == 0


async def test_a_scripted_model_that_runs_out_shows_what_it_was_asked() -> None:
    model = ScriptedModel(["one"])
    assert model.unused == 1
    await model.complete(ask("a"))

    with pytest.raises(AssertionError, match=r"1 replies and was asked 2 times.*the surplus question"):
        await model.complete(ask("the surplus question"))


async def test_a_function_model_takes_plain_and_async_functions() -> None:
    async def shout(prompt: Prompt) -> Reply:
        return Reply(text=prompt.messages[-1].content.upper(), model="shouter")

    assert (await FunctionModel(lambda prompt: prompt.messages[-1].content * 2).complete(ask("ab"))).text == "abab"
    assert await FunctionModel(shout).complete(ask("ab")) == Reply(text="AB", model="shouter")


async def test_a_fake_sandbox_answers_from_the_tests_functions() -> None:
    sandbox = FakeSandbox({"solve": lambda words: tuple(sorted(words))})

    outcome = await sandbox.call("the program", "solve", {"words": ["b", "a"]}, hash_seed=1)

    assert outcome == Outcome(status=Status.OK, value=["a", "b"])
    assert sandbox.calls == [
        SandboxCall(program="the program", function="solve", arguments={"words": ["b", "a"]}, hash_seed=1)
    ]


async def test_a_fake_sandbox_never_runs_the_program() -> None:
    outcome = await FakeSandbox({}).call("def solve(): return 1", "solve", {})

    assert (outcome.status, outcome.error) == (Status.ERROR, "NameError: the program has no function 'solve'")


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda: {1, 2}, "TypeError"),
        (lambda: float("nan"), "ValueError"),
        (lambda extra: extra, "TypeError"),
    ],
)
async def test_what_would_fail_in_a_sandbox_is_an_outcome_here_too(function: object, says: str) -> None:
    outcome = await FakeSandbox({"solve": function}).call("", "solve", {})  # pyright: ignore[reportArgumentType]

    assert outcome.status is Status.ERROR
    assert outcome.error.startswith(says)


async def test_a_fake_sandbox_can_be_one_handler() -> None:
    def out_of_time(call: SandboxCall) -> Outcome:
        assert call.limits is not None
        return Outcome(status=Status.TIMEOUT, error=f"{call.function} took {call.limits.cpu_seconds:g} s")

    async with FakeSandbox(out_of_time) as sandbox:
        outcome = await sandbox.call("", "solve", {}, limits=Limits(cpu_seconds=2))

    assert outcome == Outcome(status=Status.TIMEOUT, error="solve took 2 s")
    assert sandbox.closed


def test_a_fake_sandbox_has_the_shape_of_a_sandbox() -> None:
    sandbox: Sandbox = FakeSandbox({})  # held by the type checker; here that it can be made

    assert sandbox.name == "fake"
