"""Paid calls: stored before they are used, never paid twice, and counted on the right bill."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest

from hammerstone.concurrency import map_concurrently
from hammerstone.errors import ModelError, ReplyCutError
from hammerstone.models import open_model
from hammerstone.models.model import OutOfRepliesError, Prompt, Reply
from hammerstone.settings import RoleSettings
from hammerstone.store import Store
from hammerstone.store.accounts import AccountedModel, Bill
from hammerstone.testing import FunctionModel, ScriptedModel
from hammerstone.types import Role, Usage

from .examples import a_call

pytestmark = pytest.mark.anyio

ASKED = Prompt.of("2 + 3?", temperature=0.0)


def paid(text: str = "5", cost_usd: float | None = 0.5) -> Reply:
    usage = Usage(input_tokens=10, output_tokens=2)
    return Reply(text=text, model="a-1", usage=usage, cost_usd=cost_usd, seconds=1.5)


def solver(store: Store, model: ScriptedModel | FunctionModel) -> AccountedModel:
    return AccountedModel(model, Role.SOLVER, store)


async def test_a_stored_call_is_not_paid_again(store: Store) -> None:
    scripted = ScriptedModel([paid()])
    first, second = Bill(), Bill()
    assert await solver(store, scripted).complete(ASKED, first) == "5"
    assert await solver(store, scripted).complete(ASKED, second) == "5"  # as after a restart
    assert (first.calls, first.cost_usd) == (1, 0.5)
    assert (second.calls, second.cost_usd) == (0, 0.0)


async def test_another_sample_another_text_or_another_model_is_another_call(store: Store) -> None:
    scripted = ScriptedModel(["1", "2", "3"])
    model = solver(store, scripted)
    await model.complete(ASKED, Bill())
    await model.complete(Prompt.of("2 + 3?", temperature=0.0, sample=1), Bill())
    await model.complete(Prompt.of("2 + 4?", temperature=0.0), Bill())
    other = ScriptedModel(["4"], name="other")
    assert await solver(store, other).complete(ASKED, Bill()) == "4"
    assert (scripted.unused, other.unused) == (0, 0)


async def test_what_is_stored_says_who_asked_what_for_whom(store: Store) -> None:
    bill = Bill(request_id="r1", task="sums")
    await AccountedModel(ScriptedModel([paid()]), Role.DISPATCHER, store).complete(ASKED, bill)
    call = store.find_call(ASKED.key, "scripted")
    assert call is not None
    assert (call.role, call.model, call.text, call.request_id, call.task) == (
        Role.DISPATCHER,
        "scripted",
        "5",
        "r1",
        "sums",
    )
    assert (call.usage, call.cost_usd, call.seconds) == (Usage(input_tokens=10, output_tokens=2), 0.5, 1.5)
    assert call.prompt["messages"] == [{"role": "user", "content": "2 + 3?"}]


async def test_equal_prompts_at_the_same_moment_are_asked_once(store: Store) -> None:
    scripted = ScriptedModel([paid()])
    model = solver(store, scripted)
    bills = [Bill() for _ in range(5)]
    assert await map_concurrently(lambda bill: model.complete(ASKED, bill), bills) == ["5"] * 5
    assert len(scripted.prompts) == 1
    assert sorted(bill.calls for bill in bills) == [0, 0, 0, 0, 1]


async def test_after_a_failure_those_who_waited_and_those_who_come_ask_one_at_a_time(store: Store) -> None:
    """The next one who waits holds the lock, while a newcomer with the same prompt must not find it gone."""
    asking = 0
    together = 0
    started = anyio.Event()

    async def fail_first(_: Prompt) -> str:
        nonlocal asking, together
        asking += 1
        together = max(together, asking)
        started.set()
        try:
            for _turn in range(10):
                await anyio.lowlevel.checkpoint()
            if len(model.prompts) == 1:
                raise ModelError("down")
            return "5"
        finally:
            asking -= 1

    model = FunctionModel(fail_first)
    accounted = solver(store, model)
    answers: list[str] = []

    async def first() -> None:
        with pytest.raises(ModelError):
            await accounted.complete(ASKED, Bill())
        answers.append(await accounted.complete(ASKED, Bill()))  # comes back at once

    async def second() -> None:
        await started.wait()
        answers.append(await accounted.complete(ASKED, Bill()))

    async with anyio.create_task_group() as group:
        group.start_soon(first)
        group.start_soon(second)
    assert answers == ["5", "5"]
    assert (together, len(model.prompts)) == (1, 2)


async def test_no_lock_is_left_behind(store: Store) -> None:
    accounted = solver(store, FunctionModel(lambda asked: asked.messages[0].content))
    prompts = [Prompt.of(str(number % 3), temperature=0.0) for number in range(9)]
    await map_concurrently(lambda one: accounted.complete(one, Bill()), prompts)
    assert accounted._asking == {}


async def test_different_prompts_do_not_wait_for_each_other(store: Store) -> None:
    both = anyio.Event()
    under_way: list[Prompt] = []

    async def wait_for_the_other(asked: Prompt) -> str:
        under_way.append(asked)
        if len(under_way) == 2:
            both.set()
        with anyio.fail_after(60):
            await both.wait()
        return "x"

    accounted = solver(store, FunctionModel(wait_for_the_other))
    prompts = [Prompt.of(text, temperature=0.0) for text in "ab"]
    assert await map_concurrently(lambda one: accounted.complete(one, Bill()), prompts) == ["x", "x"]


async def test_a_call_that_is_cancelled_once_it_is_paid_is_stored_all_the_same(store: Store) -> None:
    with anyio.CancelScope() as scope:

        def answer_and_cancel(_: Prompt) -> Reply:
            scope.cancel()
            return paid()

        model = FunctionModel(answer_and_cancel)
        await solver(store, model).complete(ASKED, Bill())
        await anyio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    call = store.find_call(ASKED.key, model.identity)
    assert call is not None
    assert call.text == "5"


async def test_a_call_that_failed_is_not_stored_and_not_on_the_bill(store: Store) -> None:
    def fail(_: Prompt) -> str:
        raise ModelError("down")

    bill, model = Bill(), FunctionModel(fail)
    with pytest.raises(ModelError, match="down"):
        await solver(store, model).complete(ASKED, bill)
    assert store.find_call(ASKED.key, model.identity) is None
    assert bill == Bill()


async def test_another_function_of_the_same_name_does_not_get_the_first_ones_replies(store: Store) -> None:
    def first(_: Prompt) -> str:
        return "from the first"

    def second(_: Prompt) -> str:
        return "from the second"

    for _run in range(2):
        for function in (first, second):
            model = FunctionModel(function)
            assert await solver(store, model).complete(ASKED, Bill()) == function(ASKED)
            assert len(model.prompts) == (0 if _run else 1)


async def test_another_endpoint_does_not_get_the_first_ones_replies(store: Store) -> None:
    class Served(ScriptedModel):
        def __init__(self, identity: str, *replies: str) -> None:
            super().__init__(replies, name="openai:small")
            self.identity = identity

    for url in ("http://127.0.0.1:1/v1", "http://127.0.0.1:2/v1"):
        assert await solver(store, Served(f"openai:small at {url}", url)).complete(ASKED, Bill()) == url
        assert await solver(store, Served(f"openai:small at {url}")).complete(ASKED, Bill()) == url


async def test_a_home_of_an_earlier_version_still_answers_for_the_providers_own_endpoint(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows hold the model's name alone."""
    monkeypatch.setenv("OPENAI_API_KEY", "not-a-real-key")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    old = a_call(ASKED.key, model="openai:gpt-5-mini", text="5")
    store.add_call(old)

    bill = Bill()
    model = AccountedModel(open_model("openai:gpt-5-mini"), Role.SOLVER, store)
    assert (await model.complete(ASKED, bill), bill.calls) == ("5", 0)


# models that go wrong


class QuotingError(Exception):
    def __str__(self) -> str:
        return "caf\udce9 \x00 sk-abcd1234efgh"


@pytest.mark.parametrize(
    "fault",
    [
        RuntimeError("odd"),
        KeyError("x"),
        StopIteration(),
        StopAsyncIteration(),
        AssertionError("in a library"),
        MemoryError(),
        RecursionError(),
        OSError(5, "input/output error"),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
        TimeoutError(),
        ExceptionGroup("several", [ValueError("a"), KeyError("b")]),
        QuotingError(),
    ],
    ids=lambda fault: type(fault).__name__,
)
async def test_whatever_a_model_raises_is_a_model_error_of_that_call(store: Store, fault: Exception) -> None:
    def fail(_: Prompt) -> str:
        raise fault

    model, bill = FunctionModel(fail, name="odd"), Bill()
    with pytest.raises(ModelError, match=r"^odd failed: ") as caught:
        await solver(store, model).complete(ASKED, bill)
    assert "sk-abcd" not in caught.value.message
    assert "own code" in caught.value.hint
    assert bill == Bill()


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), SystemExit(1), OutOfRepliesError("a test is wrong")])
async def test_what_is_no_fault_of_a_model_goes_through(store: Store, fault: BaseException) -> None:
    def fail(_: Prompt) -> str:
        raise fault

    with pytest.raises(type(fault)):
        await solver(store, FunctionModel(fail)).complete(ASKED, Bill())


@pytest.mark.parametrize("answer", [None, b"5", 5, ["5"], Reply(text=b"5", model="m")])  # type: ignore[arg-type]  # wrong on purpose
async def test_a_model_that_answers_with_no_reply_is_a_model_error(store: Store, answer: object) -> None:
    with pytest.raises(ModelError, match="to return a Reply"):
        await solver(store, FunctionModel(lambda _: answer)).complete(ASKED, Bill())  # type: ignore[arg-type]


async def test_a_reply_beyond_all_measure_is_an_error_that_is_paid_once(store: Store) -> None:
    model = FunctionModel(lambda _: paid("x" * 5_000_000))
    bill = Bill()
    for _run in range(2):
        with pytest.raises(ModelError, match="4,000,000 characters or more"):
            await solver(store, model).complete(ASKED, bill)
    assert (bill.calls, len(model.prompts)) == (1, 1)


async def test_a_long_reply_is_a_reply(store: Store) -> None:
    text = "x" * 3_999_999
    assert await solver(store, FunctionModel(lambda _: text)).complete(ASKED, Bill()) == text


# limits, and replies that were cut short


def cut(text: str = "half of i") -> Reply:
    return replace(paid(text), cut=True)


@pytest.mark.parametrize(
    ("role", "limit"), [(Role.USER, 1_024), (Role.DISPATCHER, 256), (Role.MAKER, 16_384), (Role.SOLVER, 16_384)]
)
async def test_every_call_of_a_role_has_a_limit(store: Store, role: Role, limit: int) -> None:
    scripted = ScriptedModel(["5"])
    await AccountedModel(scripted, role, store).complete(ASKED, Bill())
    assert scripted.prompts == [replace(ASKED, max_tokens=limit)]


async def test_limits_are_those_of_the_settings_but_where_a_prompt_has_its_own(store: Store) -> None:
    scripted = ScriptedModel(["5", "6"])
    model = AccountedModel(scripted, Role.USER, store, RoleSettings(max_tokens=9, timeout_s=1.5))
    own = Prompt.of("another", temperature=0.0)
    for asked in (ASKED, replace(own, max_tokens=3, timeout_s=2.0)):
        await model.complete(asked, Bill())
    assert [(one.max_tokens, one.timeout_s) for one in scripted.prompts] == [(9, 1.5), (3, 2.0)]


async def test_a_reply_that_was_cut_short_is_paid_kept_and_an_error(store: Store) -> None:
    scripted = ScriptedModel([cut()])
    bill = Bill()
    for _run in range(2):  # the second time as after a restart
        model = AccountedModel(scripted, Role.USER, store)
        with pytest.raises(ReplyCutError, match="scripted did not end its reply within 1,024 tokens") as caught:
            await model.complete(ASKED, bill)
        assert "raise max_tokens of [roles.user]" in caught.value.hint
    assert (bill.calls, bill.cost_usd) == (1, 0.5)
    call = store.find_call(ASKED.key, "scripted")
    assert call is not None
    assert (call.text, call.prompt["max_tokens"], call.prompt["cut_at"]) == ("half of i", 1_024, 1_024)


async def test_an_empty_reply_is_paid_once_and_kept(store: Store) -> None:
    model = AccountedModel(ScriptedModel([paid(" \n")]), Role.USER, store)
    bill = Bill()
    for _ in range(2):
        assert await model.complete(ASKED, bill) == " \n"
    assert (bill.calls, bill.cost_usd) == (1, paid("").cost_usd)


async def test_a_reply_that_was_cut_short_is_asked_for_again_only_under_a_higher_limit(store: Store) -> None:
    scripted = ScriptedModel([cut(), cut("half of it"), "half of it is 2"])
    for limit, asked in ((8, 1), (4, 1), (8, 1), (10, 2), (9, 2), (20, 3), (2, 3)):
        model = AccountedModel(scripted, Role.USER, store, RoleSettings(max_tokens=limit))
        if asked < 3:
            with pytest.raises(ReplyCutError):
                await model.complete(ASKED, Bill())
        else:
            assert await model.complete(ASKED, Bill()) == "half of it is 2"
        assert len(scripted.prompts) == asked


async def test_what_is_stored_holds_no_schema_and_no_time_out(store: Store) -> None:
    asked = replace(ASKED, schema={"type": "null"}, timeout_s=1.0)
    await solver(store, ScriptedModel(["5"])).complete(asked, Bill())
    call = store.find_call(ASKED.key, "scripted")
    assert call is not None
    assert set(call.prompt) == {"messages", "temperature", "max_tokens", "sample"}


# bills


def test_an_unknown_price_makes_the_sum_unknown_for_good() -> None:
    bill = Bill()
    bill.add(paid(cost_usd=1.0))
    bill.add(paid(cost_usd=None))
    bill.add(paid(cost_usd=1.0))
    assert (bill.calls, bill.cost_usd, bill.usage) == (3, None, Usage(input_tokens=30, output_tokens=6))


def test_unknown_tokens_make_only_their_own_sum_unknown() -> None:
    bill = Bill()
    bill.add(Reply(text="", model="m", usage=Usage(input_tokens=7), cost_usd=0.25))
    assert (bill.usage, bill.cost_usd) == (Usage(input_tokens=7, output_tokens=None), 0.25)


def test_a_bill_can_be_added_to_another_with_all_of_its_calls() -> None:
    part, whole = Bill(), Bill()
    part.add(paid())
    part.add(paid())
    whole.add(paid())
    whole.add(part)
    assert (whole.calls, whole.cost_usd) == (3, 1.5)
