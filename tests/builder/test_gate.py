"""The held-out gate: which routes a tool gets."""

from __future__ import annotations

import pytest

from hammerstone.errors import ModelError
from hammerstone.models.model import Model, Prompt
from hammerstone.sandbox import Sandbox
from hammerstone.settings import Settings
from hammerstone.store import Store
from hammerstone.store.records import Build, BuildState
from hammerstone.testing import FunctionModel, ScriptedModel
from hammerstone.types import Route, Source

from ..samples.sums import PAIRS, SETTINGS, SUM, ask, block, instances
from ..samples.sums import user as a_user
from .bench import attempts, each_time_another, fill, make, misreading, number_of, relabeled, saying, split_of

pytestmark = pytest.mark.anyio

NO_USER = "user route: there is no user model"


def held_out(store: Store) -> int:
    """The number of the one question that is held back for the gate."""
    (one,) = split_of(store).held_out
    return number_of(one)


async def gate(
    store: Store,
    sandbox: Sandbox,
    source: str,
    *,
    user: Model | None = None,
    solver: Model | None = None,
    settings: Settings = SETTINGS,
) -> Build:
    """A build whose module passes verification as it is."""
    maker = ScriptedModel([block(source)])
    build = await make(store, sandbox, maker, user=user, solver=solver, settings=settings)
    assert [one.stage for one in attempts(store) if one.number] == ["passed"]
    return build


async def test_a_parser_that_is_wrong_on_a_held_out_instance_does_not_serve(store: Store, sandbox: Sandbox) -> None:
    fill(store, instances(5))
    number = held_out(store)
    right = str(sum(PAIRS[number]))
    build = await gate(store, sandbox, misreading(number), user=a_user(), solver=saying(right))
    assert build.state is BuildState.LIVE
    assert build.tool is not None
    assert build.tool.routes == (Route.USER,)
    assert build.reason.startswith("parser route: 1 of 1 held-out instances: solve returned ")


async def test_a_user_that_is_wrong_on_a_held_out_instance_does_not_serve(store: Store, sandbox: Sandbox) -> None:
    """The parser does not pass either, so that nothing checks what the user writes."""
    fill(store, instances(5))
    user, number = FunctionModel(lambda _: '{"left": 1, "right": 1}'), held_out(store)
    build = await gate(store, sandbox, misreading(number), user=user, solver=saying(str(sum(PAIRS[number]))))
    assert build.state is BuildState.FAILED
    assert "user route: a held-out instance was answered '2', the stored answer is " in build.reason


async def test_a_tool_names_the_user_model_with_which_it_passed(store: Store, sandbox: Sandbox) -> None:
    fill(store, instances(5))
    build = await gate(store, sandbox, SUM, user=a_user())
    assert build.tool is not None
    assert (build.tool.routes, build.tool.users) == ((Route.PARSER, Route.USER), (a_user().name,))


async def test_a_user_that_does_not_account_for_a_held_out_instance_does_not_serve(
    store: Store, sandbox: Sandbox
) -> None:
    fill(store, instances(5))
    build = await gate(store, sandbox, SUM, user=FunctionModel(lambda _: '{"left": 1, "right": 1}'))
    assert build.state is BuildState.LIVE
    assert build.tool is not None
    assert build.tool.routes == (Route.PARSER,)
    assert build.reason.startswith("user route: most held-out instances were refused: the arguments stand for a ")


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("null", "user route: most held-out instances were refused: the user model refused"),
        ('{"left": 1}', "user route: most held-out instances were refused: the user model's arguments do not fit"),
    ],
)
async def test_a_user_that_refuses_most_does_not_serve(store: Store, sandbox: Sandbox, reply: str, reason: str) -> None:
    fill(store, instances(5))
    build = await gate(store, sandbox, SUM, user=FunctionModel(lambda _: reply))
    assert build.tool is not None
    assert build.tool.routes == (Route.PARSER,)
    assert build.reason.startswith(reason)


async def test_a_user_does_not_serve_a_tool_whose_answers_depend_on_the_order_of_a_set(
    store: Store, sandbox: Sandbox
) -> None:
    if sandbox.name == "monty":
        pytest.skip("monty has one hash seed")
    fill(store, instances(5))
    left = PAIRS[held_out(store)][0]
    first = "next(iter({'north', 'south', 'east', 'west'}))"
    at_seed_0 = (await sandbox.call(f"def first():\n    return {first}", "first", {})).value
    unsteady = SUM.replace("if match else None", f"if match and match[1] != '{left}' else None").replace(
        "left + right", f"left + right + (left == {left} and {first} != '{at_seed_0}')"
    )
    build = await gate(store, sandbox, unsteady, user=a_user())
    assert build.state is BuildState.FAILED
    assert "when string hashes differ '" in build.reason


async def test_a_user_that_is_down_does_not_cost_the_parser_its_route(store: Store, sandbox: Sandbox) -> None:
    def down(_: Prompt) -> str:
        raise ModelError("the model is down")

    fill(store, instances(5))
    build = await gate(store, sandbox, SUM, user=FunctionModel(down))
    assert build.state is BuildState.LIVE
    assert build.tool is not None
    assert (build.tool.routes, build.reason) == ((Route.PARSER,), "user route: the model is down")


async def test_a_parser_that_refuses_too_much_leaves_the_user_route(store: Store, sandbox: Sandbox) -> None:
    fill(store, instances(5))
    refusing = SUM.replace("if match else None", f"if match and match[1] != '{PAIRS[held_out(store)][0]}' else None")
    build = await gate(store, sandbox, refusing, user=a_user())
    assert build.state is BuildState.LIVE
    assert build.tool is not None
    assert build.tool.routes == (Route.USER,)
    assert build.reason == "parser route: the parser refused all 1 held-out instances: parse returned None"


@pytest.mark.parametrize(("refused_before", "routes"), [(0, (Route.PARSER, Route.USER)), (1, (Route.USER,))])
async def test_refusals_are_counted_over_all_instances(
    store: Store, sandbox: Sandbox, refused_before: int, routes: tuple[Route, ...]
) -> None:
    """Two of nine are few, though two of the three held-out ones are many; three of nine are too many."""
    fill(store, instances(9))
    split = split_of(store)
    assert len(split.held_out) == 3
    lefts = [str(PAIRS[number_of(one)][0]) for one in (*split.held_out[:2], *split.verified[:refused_before])]
    refusing = SUM.replace("if match else None", f"if match and match[1] not in {lefts} else None")
    build = await make(store, sandbox, ScriptedModel([block(refusing)] * 2), user=a_user())
    assert build.tool is not None
    assert build.tool.routes == routes
    assert ("the parser refused 3 of 9 instances" in build.reason) is bool(refused_before)


async def test_a_tool_that_no_route_lets_through_fails_with_both_reasons(store: Store, sandbox: Sandbox) -> None:
    fill(store, instances(5))
    refusing = SUM.replace("if match else None", f"if match and match[1] != '{PAIRS[held_out(store)][0]}' else None")
    build = await gate(store, sandbox, refusing)
    assert build.state is BuildState.FAILED
    assert f"parser route: the parser refused all 1 held-out instances: parse returned None; {NO_USER}" in build.reason
    last = attempts(store)[-1]
    assert (last.stage, last.number, last.cost_usd) == ("gate", 0, 0.0)


async def test_a_wrong_label_among_the_held_out_is_corrected_by_the_majority(store: Store, sandbox: Sandbox) -> None:
    fill(store, instances(5))
    number = held_out(store)
    store.relabel(split_of(store).held_out[0].id, "999", Source.SOLVER)
    right = str(sum(PAIRS[number]))
    build = await gate(store, sandbox, SUM, user=a_user(), solver=saying(right))
    assert build.state is BuildState.LIVE
    assert build.tool is not None
    assert build.tool.routes == (Route.PARSER, Route.USER), "the user is held to the corrected label"
    assert store.instances("sum")[number].answer == right


async def test_an_open_difference_at_the_gate_keeps_the_tool_back_with_the_routes_that_else_agree(
    store: Store, sandbox: Sandbox
) -> None:
    fill(store, instances(5))
    number = held_out(store)
    store.relabel(split_of(store).held_out[0].id, "999", Source.SOLVER)
    build = await gate(store, sandbox, SUM, user=a_user(), solver=each_time_another())
    assert build.state is BuildState.NEEDS_REVIEW
    assert build.disagreement is not None
    assert build.disagreement.question == ask(number)
    assert build.tool is not None
    assert build.tool.routes == (Route.PARSER, Route.USER)


async def test_a_second_open_difference_at_the_gate_is_one_too_many(store: Store, sandbox: Sandbox) -> None:
    fill(store, relabeled(0, "999"))
    store.relabel(split_of(store).held_out[0].id, "999", Source.SOLVER)
    build = await make(store, sandbox, ScriptedModel([block(SUM)] * 2))
    assert build.state is BuildState.FAILED
    assert "parser route: 1 of 1 held-out instances: solve returned " in build.reason


async def test_only_as_many_held_out_questions_as_set_are_paid_for(store: Store, sandbox: Sandbox) -> None:
    fill(store, instances(9))
    user = a_user()
    build = await gate(store, sandbox, SUM, user=user)
    assert len(user.prompts) == SETTINGS.build.module.held_out == 1
    assert build.tool is not None
    assert len(build.tool.checks) == 9, "the parser is asked about all of them"
