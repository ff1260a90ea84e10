"""What is saved: the requests beside what the strong model would have cost for them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hammerstone.admin.overview import Overview, overview
from hammerstone.store import Store
from hammerstone.store.records import Answered, PaidCall
from hammerstone.store.traffic import Stretch
from hammerstone.types import Role, Route, Usage

EVER = Stretch(since="")
STRONG = Answered(id="s", question="q", answer="a", route=Route.SOLVER, task="sum", cost_usd=1.0, ms=1_000.0)
BY_TOOL = replace(STRONG, id="t", route=Route.PARSER, tool="sum", version=1, cost_usd=0.0, ms=100.0)


def build(store: Store, cost_usd: float | None) -> None:
    store.add_call(
        PaidCall(
            key="k",
            role=Role.MAKER,
            model="m",
            prompt={},
            text="t",
            usage=Usage(),
            cost_usd=cost_usd,
            seconds=1.0,
            request_id=None,
            task="sum",
        )
    )


def seen(store: Store, *answers: Answered) -> Overview:
    store.add_answers(answers)
    return overview(store, EVER)


def test_what_tools_answer_would_have_cost_the_mean_of_the_strong_model(store: Store) -> None:
    build(store, 0.5)
    found = seen(store, STRONG, replace(STRONG, cost_usd=3.0), BY_TOOL, BY_TOOL, BY_TOOL)
    assert (found.all.requests, found.all.without_model, found.all.share) == (5, 3, 0.6)
    assert found.all.baseline_usd == pytest.approx(4 + 3 * 2)
    assert found.saved_usd == pytest.approx(10 - 4 - 0.5)
    assert found.paid.usd == pytest.approx(4.5)
    assert found.all.seconds == pytest.approx(3 * (1.0 - 0.1))


def test_it_is_below_zero_until_tools_have_paid_for_themselves(store: Store) -> None:
    build(store, 2.5)
    assert seen(store, STRONG, BY_TOOL).saved_usd == pytest.approx(-1.5)


@pytest.mark.parametrize(
    "answers",
    [
        (replace(STRONG, cost_usd=None), BY_TOOL),
        (STRONG, replace(BY_TOOL, route=Route.USER, cost_usd=None)),
        (BY_TOOL,),  # the strong model has never answered
    ],
)
def test_with_an_unknown_price_what_is_saved_is_not_known(store: Store, answers: tuple[Answered, ...]) -> None:
    assert seen(store, *answers).saved_usd is None


def test_an_unknown_price_of_a_build_makes_it_unknown_too(store: Store) -> None:
    build(store, None)
    found = seen(store, STRONG, BY_TOOL)
    assert (found.saved_usd, found.all.saved_usd) == (None, 1.0)


def test_a_request_without_an_answer_saves_nothing(store: Store) -> None:
    waits = replace(BY_TOOL, route=Route.LABELER, answer=None)
    found = seen(store, STRONG, waits)
    assert (found.all.requests, found.all.without_model, found.all.unanswered) == (2, 0, 1)
    assert found.all.baseline_usd == 1.0


def test_an_answer_that_is_known_to_be_wrong_saves_nothing(store: Store) -> None:
    found = seen(store, STRONG, BY_TOOL, replace(BY_TOOL, correct=False))
    assert (found.all.without_model, found.all.baseline_usd) == (2, pytest.approx(1 + 1))
    assert found.all.seconds == pytest.approx(1 * 1.0 - 2 * 0.1)


def test_tasks_and_models_come_with_most_requests_first(store: Store) -> None:
    found = seen(store, STRONG, BY_TOOL, replace(STRONG, task=None))
    assert [(one.name, one.saving.requests) for one in found.tasks] == [("sum", 2), (None, 1)]
    assert [(one.name, one.saving.requests) for one in found.models] == [(None, 3)]


def test_without_requests_there_is_nothing_to_say(store: Store) -> None:
    found = overview(store, EVER)
    assert (found.all.requests, found.all.share, found.saved_usd, found.tasks) == (0, None, 0.0, ())
