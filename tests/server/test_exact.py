"""The answers that are given again to the very same request."""

from __future__ import annotations

import pytest

from hammerstone.requests import Number
from hammerstone.server.exact import OVERHEAD, ExactCache, ExactCaches, identity


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def caches(clock: Clock) -> ExactCaches:
    """Room for three answers of one character."""
    return ExactCaches(ttl_s=10, max_bytes=3 * (OVERHEAD + 1), clock=clock)


@pytest.fixture
def cache(caches: ExactCaches) -> ExactCache:
    return of(caches, "acme")


def of(caches: ExactCaches, tenant: str) -> ExactCache:
    cache = caches.of(tenant)
    assert cache is not None
    return cache


def text_of(cache: ExactCache, key: str, max_age: float | None = None) -> str | None:
    found = cache.look(key, max_age=max_age)
    return found.text if found is not None else None


def test_an_answer_is_given_until_it_is_too_old(cache: ExactCache, clock: Clock) -> None:
    cache.store("a", "1")
    clock.now = 5
    assert (text_of(cache, "a"), text_of(cache, "a", max_age=4)) == ("1", None)
    clock.now = 11
    assert cache.look("a") is None


def test_the_least_recently_used_answers_make_room(cache: ExactCache) -> None:
    for key in "abc":
        cache.store(key, "1")
    cache.look("a")
    cache.store("d", "1")
    assert [text_of(cache, key) for key in "abcd"] == ["1", None, "1", "1"]
    cache.store("e", "1" * 1000)
    assert cache.look("e") is None


def test_all_tenants_share_the_room_and_the_one_that_has_most_of_it_gives_way(caches: ExactCaches) -> None:
    busy, quiet = of(caches, "busy"), of(caches, "quiet")
    quiet.store("q", "1")
    for key in "abc":
        busy.store(key, "1")
    assert [text_of(busy, key) for key in "abc"] == [None, "1", "1"]
    assert text_of(quiet, "q") == "1"
    assert busy.bytes + quiet.bytes == caches.max_bytes


def test_an_answer_comes_with_the_id_of_the_request_that_was_first_answered_so(cache: ExactCache) -> None:
    cache.store("a", "1", request_id="first")
    found = cache.look("a")
    assert found is not None
    assert (found.text, found.request_id) == ("1", "first")


def test_an_answer_that_was_dropped_makes_room(cache: ExactCache) -> None:
    for key in "abc":
        cache.store(key, "1")
    cache.drop("b")
    cache.drop("b")
    cache.store("d", "1")
    assert [text_of(cache, key) for key in "abcd"] == ["1", None, "1", "1"]


def test_what_changes_the_answer_belongs_to_the_identity_and_nothing_else() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "?"}]}
    assert identity("/v1/x", body) == identity("/v1/x", {**body, "stream": True, "user": "u"})
    assert identity("/v1/x", body) != identity("/v1/x", {**body, "model": "n"})
    assert identity("/v1/x", body) != identity("/v1/y", body)


def test_one_value_written_in_two_ways_is_one_request() -> None:
    body = {"model": "m", "temperature": Number(0), "seed": Number(100)}
    for same in ({"temperature": Number("-0.0")}, {"seed": Number("1e2")}, {"seed": Number("100.0")}, {"n": None}):
        assert identity("/v1/x", {**body, **same}) == identity("/v1/x", body)
    for other in ({"seed": "100"}, {"seed": Number("100.0000000000000000000001")}, {"seed": True}, {"n": Number(1)}):
        assert identity("/v1/x", {**body, **other}) != identity("/v1/x", body)


def test_a_number_of_any_length_has_an_identity() -> None:
    digits = "9" * 5000
    assert identity("/v1/x", {"seed": Number(digits)}) != identity("/v1/x", {"seed": Number(digits[1:])})
    assert identity("/v1/x", {"seed": Number(f"1e{digits}")}) != identity("/v1/x", {"seed": Number(1)})


def test_fields_have_no_order_but_for_those_of_a_schema() -> None:
    first, second = {"reasoning": {}, "answer": {}}, {"answer": {}, "reasoning": {}}

    def asked(properties: object, **more: object) -> str:
        form = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"properties": properties}}}
        return identity("/v1/x", {**more, "response_format": form, "model": "m"})

    assert asked(first) != asked(second)
    assert asked(first, a={"b": "1", "c": "2"}) == asked(first, a={"c": "2", "b": "1"})
