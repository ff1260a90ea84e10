from __future__ import annotations

import math
import sqlite3
from dataclasses import replace

import pytest

from hammerstone.store import Store
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


def test_of_two_completions_the_newer_is_found(store: Store) -> None:
    store.add_call(a_call("k1", text="first"))
    store.add_call(a_call("k1", text="second"))
    found = store.find_call("k1", "test:strong")
    assert found is not None
    assert found.text == "second"
    assert store.ledger()[0].calls == 2


def test_calls_get_different_ids(store: Store) -> None:
    assert store.add_call(a_call("k1")) != store.add_call(a_call("k1"))


@pytest.mark.parametrize("odd", ["a\0b", "a\udcffb", "\ud83d\ude00", "\ufdd0d800 \ufdd0"])
def test_a_paid_reply_and_its_prompt_are_replayed_as_they_were(store: Store, odd: str) -> None:
    call = replace(a_call(text=odd, model=odd, task=odd), request_id=odd, prompt={"messages": [{odd: odd}]})
    store.add_call(call)
    assert store.find_call("k" * 64, odd) == call


def test_text_of_an_earlier_release_is_read_as_it_was(store: Store) -> None:
    store.add_call(a_call(text="as it was"))
    with sqlite3.connect(store.where) if "://" not in store.where else pytest.skip("SQLite is enough") as connection:
        connection.execute("UPDATE calls SET text = 'a\ufffdb \ufdd0 \ufdd00041'")
    found = store.find_call("k" * 64, "test:strong")
    assert found is not None
    assert found.text == "a\ufffdb \ufdd0 \ufdd00041"


@pytest.mark.parametrize(("tokens", "dollars"), [(2**31, math.nan), (10**30, math.inf), (-1, -math.inf)])
def test_an_absurd_figure_of_a_reply_is_stored_as_unknown(store: Store, tokens: int, dollars: float) -> None:
    usage = Usage(input_tokens=tokens, output_tokens=tokens)
    call = a_call(usage=usage, cost_usd=dollars)
    store.add_call(replace(call, seconds=math.nan))
    assert store.find_call(call.key, call.model) == replace(call, usage=Usage(), cost_usd=None, seconds=0.0)
    assert store.ledger()[0].cost_usd is None
