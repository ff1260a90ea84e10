"""Who changed what is noted with the change, or not at all."""

from __future__ import annotations

import pytest

from hammerstone.errors import NotFoundError
from hammerstone.store import Store, open_stores
from hammerstone.store.acts import Act
from hammerstone.store.records import ToolState

from .examples import a_tool

ACT = Act(who="root", what="disable_tool", about="sums")


def noted(store: Store) -> list[tuple[str, str, str]]:
    return [(one.who, one.what, one.about) for one in store.acts(10)]


def test_an_act_is_noted_once_with_its_first_change(store: Store) -> None:
    store.publish(a_tool())
    acting = store.by(ACT)
    acting.set_tool_state("sums", 1, ToolState.DISABLED)
    acting.set_tool_state("sums", 1, ToolState.LIVE)
    assert noted(store) == [("root", "disable_tool", "sums")]


def test_looking_is_no_act_and_what_fails_is_not_noted(store: Store) -> None:
    acting = store.by(ACT)
    assert acting.tools() == ()
    with pytest.raises(NotFoundError):
        acting.set_tool_state("none", 1, ToolState.DISABLED)
    assert noted(store) == []


def test_others_who_use_the_store_meanwhile_are_not_taken_for_who_acts(store: Store) -> None:
    store.by(ACT)
    store.publish(a_tool())
    assert noted(store) == []


def test_the_newest_act_is_first_and_the_rest_comes_after_it(store: Store) -> None:
    for number in range(5):
        store.note(Act(who="root", what="build_tool", about=str(number)))
    assert [one.about for one in store.acts(2)] == ["4", "3"]
    assert [one.about for one in store.acts(9, before=store.acts(2)[-1].id)] == ["2", "1", "0"]


def test_an_act_on_keys_and_one_on_another_tenant_are_noted_where_they_change_something(where: str) -> None:
    with open_stores(where) as stores:
        acting = stores.by(Act(who="root", what="create_key"))
        acting.keys.create("web")
        assert noted(stores.of("")) == [("root", "create_key", "")]
        stores.by(ACT).of("acme").add_task("sums", "")
        assert noted(stores.of("acme")) == [("root", "disable_tool", "sums")]
        assert len(noted(stores.of(""))) == 1


def test_all_gateways_on_a_home_sign_with_one_secret(where: str) -> None:
    with open_stores(where) as one, open_stores(where) as other:
        secret = one.keys.page_secret()
        assert secret == other.keys.page_secret()
        assert len(bytes.fromhex(secret)) == 32
