from __future__ import annotations

import pytest

from hammerstone.latm.store import Store
from hammerstone.types import Usage

from .examples import a_call


def test_a_paid_call_is_found_again(store: Store) -> None:
    call = a_call(usage=Usage(input_tokens=3, output_tokens=None), cost_usd=None)
    store.add_call(call)
    assert store.find_call(call.key, call.model) == call


def test_a_call_belongs_to_its_prompt_and_its_model(store: Store) -> None:
    store.add_call(a_call("k1", model="test:strong"))
    assert store.find_call("k1", "test:cheap") is None
    assert store.find_call("k2", "test:strong") is None


def test_a_rejected_call_is_not_reused_but_stays_in_the_ledger(store: Store) -> None:
    store.add_call(a_call("k1"))
    store.add_call(a_call("k2"))
    store.reject_call("k1", "test:strong")
    assert store.find_call("k1", "test:strong") is None
    assert store.find_call("k2", "test:strong") is not None
    assert store.ledger()[0].calls == 2


def test_after_a_rejection_the_next_completion_is_reused(store: Store) -> None:
    store.add_call(a_call("k1", text="bad"))
    store.reject_call("k1", "test:strong")
    store.add_call(a_call("k1", text="good"))
    found = store.find_call("k1", "test:strong")
    assert found is not None
    assert found.text == "good"


def test_calls_get_different_ids(store: Store) -> None:
    assert store.add_call(a_call("k1")) != store.add_call(a_call("k1"))


@pytest.mark.parametrize("odd", ["a\0b", "a\udcffb"])
def test_a_paid_reply_is_kept_whatever_characters_it_holds(store: Store, odd: str) -> None:
    store.add_call(a_call(text=odd))
    found = store.find_call("k" * 64, "test:strong")
    assert found is not None
    assert found.text == "a\ufffdb"
