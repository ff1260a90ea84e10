"""The states of a tool: what brings it into each of them, and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from hammerstone.errors import NotFoundError, SettingsError
from hammerstone.life.states import after_comparison
from hammerstone.settings import LifeSettings
from hammerstone.store import Store, this_process
from hammerstone.store.records import (
    Actor,
    BuildState,
    Comparison,
    ComparisonKind,
    Opinion,
    StoredTool,
    Tally,
    ToolState,
)
from hammerstone.types import Route

from .examples import a_tool

FIRST, SECOND, THIRD = (a_tool(source=f"def solve(a, b):\n    return a + b  # {n}\n") for n in (1, 2, 3))
LIVE, SHADOW, GATED = ToolState.LIVE, ToolState.SHADOW, ToolState.GATED
QUARANTINED, REPLACED, DISABLED = ToolState.QUARANTINED, ToolState.REPLACED, ToolState.DISABLED
THREE_TIMES = after_comparison(LifeSettings(shadow=3))


def states(store: Store, name: str = "sums") -> list[ToolState]:
    return [stored.state for stored in store.tools(all_versions=True) if stored.task == name]


def reasons(store: Store) -> list[tuple[int, ToolState, Actor, str]]:
    return [(one.version, one.after, one.who, one.reason) for one in store.changes("sums")]


def compare(store: Store, upstream: str = "3", version: int = 1, *, settings: LifeSettings | None = None) -> Comparison:
    """The tool said 3."""
    return store.add_comparison(
        "sums",
        version,
        request_id="r1",
        kind=ComparisonKind.SHADOW,
        tool_answer="3",
        upstream_answer=upstream,
        rule=after_comparison(settings) if settings else THREE_TIMES,
    )


def tally(store: Store, version: int = 1) -> Tally:
    stored = store.tool("sums", version)
    assert stored is not None
    return stored.tally


# states


@pytest.mark.parametrize("state", [GATED, SHADOW])
def test_a_tool_that_is_not_live_yet_leaves_the_live_one_in_service(store: Store, state: ToolState) -> None:
    store.publish(FIRST)
    assert store.publish(SECOND, state=state).state is state
    assert [tool.version for tool in store.live_tools()] == [1]
    assert [tool.version for tool in store.shadow_tools()] == ([2] if state is SHADOW else [])


@pytest.mark.parametrize(("state", "ends"), [(GATED, "passed"), (SHADOW, "passed"), (LIVE, "live")])
def test_a_build_whose_tool_is_not_live_yet_has_passed(store: Store, state: ToolState, ends: str) -> None:
    store.add_task("sums", "")
    build = store.start_build("sums", owner=this_process())
    store.publish(FIRST, build_id=build, state=state)
    assert [one.state for one in store.builds()] == [BuildState(ends)]


def test_of_two_versions_in_shadow_the_later_one_stays(store: Store) -> None:
    store.publish(FIRST, state=SHADOW)
    store.publish(SECOND, state=SHADOW)
    assert states(store) == [REPLACED, SHADOW]


def test_a_version_that_goes_live_replaces_the_older_one_in_shadow_and_not_the_later_one(store: Store) -> None:
    store.publish(FIRST, state=SHADOW)
    store.publish(SECOND)
    assert states(store) == [REPLACED, LIVE]
    store.publish(THIRD, state=SHADOW)
    store.set_tool_state("sums", 1, LIVE)
    assert states(store) == [LIVE, REPLACED, SHADOW]


def test_disabling_a_tool_takes_out_what_would_go_live_by_itself(store: Store) -> None:
    store.publish(FIRST)
    store.publish(SECOND, state=SHADOW)
    assert store.set_tool_state("sums", None, DISABLED).version == 1
    assert states(store) == [DISABLED, DISABLED]


def test_one_version_can_be_disabled_alone(store: Store) -> None:
    store.publish(FIRST)
    store.publish(SECOND, state=SHADOW)
    store.set_tool_state("sums", 1, DISABLED)
    assert states(store) == [DISABLED, SHADOW]


@pytest.mark.parametrize("to", [SHADOW, LIVE])
def test_what_waits_for_approval_goes_on_when_it_is_approved(store: Store, to: ToolState) -> None:
    store.publish(FIRST)
    store.publish(SECOND, state=GATED)
    assert store.approve("sums", None, to).version == 2
    assert states(store) == [REPLACED if to is LIVE else LIVE, to]
    with pytest.raises(NotFoundError, match="that is gated"):
        store.approve("sums", None, to)


def test_a_tool_without_a_parser_is_not_shadowed_when_it_is_approved(store: Store) -> None:
    store.publish(replace(FIRST, routes=(Route.USER,)), state=GATED)
    assert store.approve("sums", None, SHADOW).state is LIVE


def test_a_quarantined_tool_serves_nothing_and_its_reason_is_kept(store: Store) -> None:
    store.publish(FIRST)
    before = store.tools_revision()
    assert store.quarantine("sums", None, "it is wrong on Sundays").state is QUARANTINED
    assert store.live_tools() == ()
    assert store.tools_revision() > before
    assert reasons(store)[-1] == (1, QUARANTINED, Actor.PERSON, "it is wrong on Sundays")


def test_every_change_of_state_is_kept_with_its_reason(store: Store) -> None:
    store.publish(FIRST, reason="user: too few instances")
    store.publish(SECOND)
    store.roll_back("sums")
    assert reasons(store) == [
        (1, LIVE, Actor.GATE, "user: too few instances"),
        (1, REPLACED, Actor.GATE, "version 2 is live"),
        (2, LIVE, Actor.GATE, "it passed the gate"),
        (2, REPLACED, Actor.PERSON, "version 1 is live"),
        (1, LIVE, Actor.PERSON, "it was brought back"),
    ]
    assert [one.before for one in store.changes("sums")] == [None, LIVE, None, LIVE, REPLACED]
    assert all(one.when for one in store.changes("sums"))


def test_a_state_that_stays_is_no_change(store: Store) -> None:
    store.publish(FIRST)
    store.publish(FIRST)
    store.set_tool_state("sums", None, LIVE)
    assert len(store.changes("sums")) == 1


# rolling back


def test_the_version_that_was_live_before_is_brought_back_not_the_one_before_in_number(store: Store) -> None:
    for tool in (FIRST, SECOND, THIRD):
        store.publish(tool)
    store.set_tool_state("sums", 1, LIVE)
    assert store.roll_back("sums").version == 3
    assert states(store) == [REPLACED, REPLACED, LIVE]
    assert store.roll_back("sums", 2).version == 2


def test_a_version_that_was_never_live_or_is_wrong_is_not_brought_back_by_itself(store: Store) -> None:
    store.publish(FIRST)
    store.publish(SECOND, state=SHADOW)
    store.publish(THIRD)
    store.quarantine("sums", 1, "wrong")
    with pytest.raises(NotFoundError, match="no earlier version of sums was live"):
        store.roll_back("sums")


def test_where_the_live_version_was_quarantined_the_one_before_comes_back_and_it_stays_quarantined(
    store: Store,
) -> None:
    store.publish(FIRST)
    store.publish(SECOND)
    store.quarantine("sums", None, "wrong")
    assert store.roll_back("sums").version == 1
    assert states(store) == [LIVE, QUARANTINED]


@pytest.mark.parametrize("state", [GATED, QUARANTINED, DISABLED, LIVE])
def test_only_what_was_replaced_can_be_named_to_be_brought_back(store: Store, state: ToolState) -> None:
    store.publish(FIRST)
    store.set_tool_state("sums", 1, state)
    with pytest.raises(SettingsError, match=f"version 1 of sums was not replaced: it is {state}"):
        store.roll_back("sums", 1)


@pytest.mark.parametrize(
    "act",
    [
        lambda store: store.roll_back("none"),
        lambda store: store.roll_back("sums", 7),
        lambda store: store.quarantine("none", None, ""),
        lambda store: store.quarantine("sums", 7, ""),
        lambda store: store.approve("none", None, LIVE),
        lambda store: compare(store, version=7),
        lambda store: store.add_opinion(7, Opinion.TOOL),
    ],
)
def test_what_is_not_there_changes_no_state(store: Store, act: Callable[[Store], object]) -> None:
    store.publish(FIRST)
    with pytest.raises(NotFoundError):
        act(store)
    assert states(store) == [LIVE]


# comparisons


def test_a_comparison_is_kept_with_both_answers(store: Store) -> None:
    store.publish(FIRST, state=SHADOW)
    agreed, not_agreed = compare(store, " 3\n"), compare(store, "4")
    assert store.comparisons("sums", 1) == (not_agreed, agreed)
    assert store.comparisons("sums", 1, agreed=False) == (not_agreed,)
    assert store.comparisons("sums", 1, limit=1) == (not_agreed,)
    assert (not_agreed.tool_answer, not_agreed.upstream_answer, not_agreed.agreed) == ("3", "4", False)
    assert (agreed.tool, agreed.version, agreed.request_id, agreed.kind) == ("sums", 1, "r1", ComparisonKind.SHADOW)


def test_a_tool_in_shadow_goes_live_after_it_agreed_so_often_in_a_row_and_replaces_the_older_one(store: Store) -> None:
    store.publish(FIRST)
    store.publish(SECOND, state=SHADOW)
    for upstream in ("3", "3", "4", "3", "3"):
        compare(store, upstream, 2)
    assert states(store) == [LIVE, SHADOW]
    before = store.tools_revision()
    compare(store, "3", 2)
    assert states(store) == [REPLACED, LIVE]
    assert store.tools_revision() > before
    assert tally(store, 2) == Tally(compared=6, disagreed=1, false_hits=1, in_a_row=3)
    assert reasons(store)[-1][1:3] == (LIVE, Actor.COMPARISONS)


def test_a_disagreement_alone_quarantines_nothing(store: Store) -> None:
    store.publish(FIRST)
    compare(store, "4")
    assert states(store) == [LIVE]
    assert tally(store) == Tally(compared=1, disagreed=1, false_hits=1)


def test_a_second_opinion_for_the_upstream_quarantines_the_tool(store: Store) -> None:
    store.publish(FIRST)
    comparison = compare(store, "4")
    assert store.add_opinion(comparison.id, Opinion.UPSTREAM).state is QUARANTINED
    assert reasons(store)[-1] == (
        *(1, QUARANTINED, Actor.COMPARISONS),
        "a second opinion confirmed that its answer to 'r1' is wrong",
    )
    assert [one.opinion for one in store.comparisons("sums", 1)] == [Opinion.UPSTREAM]


@pytest.mark.parametrize(("opinion", "false_hits"), [(Opinion.TOOL, 0), (Opinion.NEITHER, 1)])
def test_another_second_opinion_leaves_the_tool_where_it_is(store: Store, opinion: Opinion, false_hits: int) -> None:
    store.publish(FIRST)
    comparison = compare(store, "4")
    assert store.add_opinion(comparison.id, opinion).state is LIVE
    assert tally(store) == Tally(compared=1, disagreed=1, false_hits=false_hits)


def test_there_is_one_second_opinion_and_only_on_a_disagreement(store: Store) -> None:
    store.publish(FIRST)
    agreed, not_agreed = compare(store), compare(store, "4")
    store.add_opinion(agreed.id, Opinion.UPSTREAM)
    for opinion in (Opinion.TOOL, Opinion.TOOL, Opinion.UPSTREAM):
        store.add_opinion(not_agreed.id, opinion)
    assert states(store) == [LIVE]
    assert tally(store).false_hits == 0


BOUNDED = LifeSettings(max_false_hit_rate=0.9)


def test_a_live_tool_whose_bound_is_too_high_is_shadowed_on_and_begins_to_agree_anew(store: Store) -> None:
    store.publish(FIRST)
    compare(store, "3", settings=BOUNDED)
    assert states(store) == [SHADOW]
    assert tally(store) == Tally(compared=1)


def test_a_live_tool_whose_bound_is_too_high_makes_no_way_for_itself_in_the_shadow(store: Store) -> None:
    store.publish(FIRST)
    store.publish(SECOND, state=SHADOW)
    compare(store, "4", settings=BOUNDED)
    assert states(store) == [QUARANTINED, SHADOW]


def test_a_late_comparison_of_a_replaced_tool_counts_and_changes_nothing(store: Store) -> None:
    store.publish(FIRST)
    store.publish(SECOND)
    for _ in range(3):
        compare(store)
    assert states(store) == [REPLACED, LIVE]
    assert tally(store).compared == 3


def test_a_removed_tool_leaves_none_of_its_comparisons_to_a_later_one(store: Store) -> None:
    store.publish(FIRST)
    compare(store, "4")
    store.remove_tool("sums")
    store.publish(FIRST)
    assert tally(store, 2) == Tally()
    assert (store.comparisons("sums", 1), len(store.changes("sums"))) == ((), 1)


def test_answers_are_compared_as_everywhere(store: Store) -> None:
    store.publish(FIRST)
    answers = ('{"a": 1}', '{"a":1.0}')
    compared = store.add_comparison(
        *("sums", 1),
        request_id="r1",
        kind=ComparisonKind.AUDIT,
        tool_answer=answers[0],
        upstream_answer=answers[1],
        rule=lambda _: None,
    )
    assert compared.agreed


def test_a_rule_sees_the_tool_with_what_was_just_counted(store: Store) -> None:
    store.publish(FIRST)
    seen: list[StoredTool] = []
    store.add_comparison(
        *("sums", 1), request_id="r1", kind=ComparisonKind.AUDIT, tool_answer="1", upstream_answer="1", rule=seen.append
    )
    assert [(one.state, one.tally.compared) for one in seen] == [(LIVE, 1)]
