"""What is compared once a request is answered."""

from __future__ import annotations

import logging

import pytest

from hammerstone.errors import ModelError, NotFoundError
from hammerstone.life import Watch
from hammerstone.models.model import Prompt
from hammerstone.routes import Answer, Asked, Catalog, ParserRoute, Routed
from hammerstone.sandbox import Sandbox
from hammerstone.settings import LifeSettings
from hammerstone.store import Store
from hammerstone.store.accounts import AccountedModel
from hammerstone.store.records import Comparison, ToolState
from hammerstone.testing import FunctionModel
from hammerstone.types import Request, Role, Route

from ..samples.sums import ask, solver, tool

pytestmark = pytest.mark.anyio

LIFE = LifeSettings(shadow=20, audit=1.0, audit_least=0.0)


def asked(number: int = 0) -> Asked:
    return Asked(request=Request.plain(id=f"r{number}", question=ask(number)))


def routed(answer: Answer) -> Routed:
    return Routed(answer=answer, refusals=())


async def watch(store: Store, sandbox: Sandbox, upstream: FunctionModel) -> tuple[Watch, Catalog]:
    catalog = Catalog(store)
    await catalog.refresh()
    model = AccountedModel(upstream, Role.SOLVER, store)
    return Watch(store, catalog, ParserRoute(catalog, sandbox, None), model, LIFE), catalog


async def test_a_comparison_that_fails_keeps_no_other_one_from_being_made_and_is_logged(
    store: Store, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("sum", "total"):
        store.publish(tool(name), state=ToolState.SHADOW)
    watching, _ = await watch(store, sandbox, solver())
    add = store.add_comparison

    def faulty(name: str, *args: object, **given: object) -> Comparison:
        if name == "sum":
            raise NotFoundError("it was removed meanwhile")
        return add(name, *args, **given)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(store, "add_comparison", faulty)
    with caplog.at_level(logging.WARNING):
        await watching.after(asked(), routed(Answer(text="7", route=Route.SOLVER)))
    assert [len(store.comparisons(name, 1)) for name in ("sum", "total")] == [0, 1]
    assert "a comparison: it was removed meanwhile" in caplog.text


async def test_an_audit_that_fails_is_logged(store: Store, sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    def down(_: Prompt) -> str:
        raise ModelError("the model is down")

    store.publish(tool())
    watching, catalog = await watch(store, sandbox, FunctionModel(down))
    served = Answer(text="7", route=Route.PARSER, tool=catalog.tool("sum"), task="sum")
    with caplog.at_level(logging.WARNING):
        await watching.after(asked(), routed(served))
    assert store.comparisons("sum", 1) == ()
    assert "a comparison: the model is down" in caplog.text


async def test_a_disagreement_in_which_the_tool_was_right_raises_no_audit_rate(
    store: Store, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    slips = iter(["Answer: 8", "Answer: 7", "Answer: 7"])
    stored = store.publish(tool())
    watching, _ = await watch(store, sandbox, FunctionModel(lambda _: next(slips)))
    await watching.after(asked(), routed(Answer(text="7", route=Route.PARSER, tool=stored, task="sum")))
    seen: list[int] = []
    monkeypatch.setattr("hammerstone.life.watch.is_audited", lambda _, tally, __: seen.append(tally.false_hits))
    watching.is_audited(asked(1), stored)
    assert seen == [0]
