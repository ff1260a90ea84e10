"""A reply that was cut short is a refusal of its route with its reason, never the end of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from hammerstone.loop import Hammerstone, Models
from hammerstone.models.model import Reply
from hammerstone.sandbox import Sandbox
from hammerstone.settings import Roles, RoleSettings
from hammerstone.store import Store
from hammerstone.store.records import Answered, BuildState
from hammerstone.testing import FunctionModel
from hammerstone.types import Request, Route

from ..samples.sums import SETTINGS, dispatcher, instances, maker, requests, reworded, solver, tool, user

pytestmark = pytest.mark.anyio


def cut(name: str = "rambling") -> FunctionModel:
    return FunctionModel(lambda _: Reply(text='{"left": 1, "ri', model=name, cut=True), name=name)


async def run(store: Store, sandbox: Sandbox, asked: Sequence[Request], models: Models) -> list[Answered]:
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=SETTINGS) as loop:
        return [answered async for answered in loop.stream(asked)]


async def test_a_user_whose_reply_is_cut_leaves_the_request_to_the_solver(store: Store, sandbox: Sandbox) -> None:
    store.publish(tool())
    asked = [Request.plain(id="1", question=reworded(11), task="sum")]
    (answered,) = await run(store, sandbox, asked, Models(user=cut(), solver=solver()))
    assert (answered.route, answered.error) == (Route.SOLVER, None)
    assert any("rambling did not end its reply within 1,024 tokens" in why for why in answered.refusals)


async def test_a_dispatcher_whose_reply_is_cut_leaves_the_request_to_the_solver(store: Store, sandbox: Sandbox) -> None:
    asked = requests(2)
    answers = await run(store, sandbox, asked, Models(user=user(), dispatcher=cut(), solver=solver()))
    assert {one.route for one in answers} == {Route.SOLVER}
    assert all(any("did not end its reply within 256 tokens" in why for why in one.refusals) for one in answers)


async def test_a_solver_whose_reply_is_cut_is_an_error_of_that_request_alone(store: Store, sandbox: Sandbox) -> None:
    answers = await run(store, sandbox, requests(2, task="sum"), Models(solver=cut()))
    assert [one.answer for one in answers] == [None, None]
    assert all("did not end its reply within 16,384 tokens" in (one.error or "") for one in answers)


async def test_a_maker_whose_reply_is_cut_has_a_failed_build_and_requests_go_on(store: Store, sandbox: Sandbox) -> None:
    answers = await run(store, sandbox, requests(6, task="sum"), Models(maker=cut(), solver=solver()))
    assert all(one.correct for one in answers)
    (build,) = store.builds()
    assert build.state is BuildState.FAILED
    assert "did not end its reply within 16,384 tokens" in build.reason


async def test_a_build_that_is_asked_for_ends_as_failed_too(store: Store, sandbox: Sandbox) -> None:
    async with Hammerstone(store=store, sandbox=sandbox, models=Models(maker=cut()), settings=SETTINGS) as loop:
        build = await loop.make(instances(6), name="sum")
    assert (build.state, "tokens" in build.reason) == (BuildState.FAILED, True)


async def test_a_user_whose_reply_is_cut_at_the_gate_keeps_the_parser_out_of_nothing(
    store: Store, sandbox: Sandbox
) -> None:
    async with Hammerstone(
        store=store, sandbox=sandbox, models=Models(maker=maker(), user=cut()), settings=SETTINGS
    ) as loop:
        build = await loop.make(instances(6), name="sum")
    assert build.tool is not None
    assert (build.state, build.tool.routes) == (BuildState.LIVE, (Route.PARSER,))
    assert "user route: rambling did not end its reply" in build.reason


async def test_the_budget_of_a_role_is_that_of_the_settings(store: Store, sandbox: Sandbox) -> None:
    sorts = dispatcher()
    settings = replace(SETTINGS, roles=Roles(dispatcher=RoleSettings(max_tokens=99, timeout_s=7.5)))
    models = Models(dispatcher=sorts, solver=solver())
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=settings) as loop:
        await loop.solve(requests(1)[0])
    assert {(one.max_tokens, one.timeout_s) for one in sorts.prompts} == {(99, 7.5)}
