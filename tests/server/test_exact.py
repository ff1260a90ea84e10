"""The answers that are given again to the very same request."""

from __future__ import annotations

import pytest

from hammerstone.server.exact import OVERHEAD, ExactCache, identity


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> ExactCache:
    return ExactCache(ttl_s=10, max_bytes=3 * (OVERHEAD + 1), clock=clock)


def test_an_answer_is_given_until_it_is_too_old(cache: ExactCache, clock: Clock) -> None:
    cache.store("a", "1")
    clock.now = 5
    assert (cache.look("a"), cache.look("a", max_age=4)) == ("1", None)
    clock.now = 11
    assert cache.look("a") is None


def test_the_least_recently_used_answers_make_room(cache: ExactCache) -> None:
    for key in "abc":
        cache.store(key, "1")
    cache.look("a")
    cache.store("d", "1")
    assert [cache.look(key) for key in "abcd"] == ["1", None, "1", "1"]
    cache.store("e", "1" * 1000)
    assert cache.look("e") is None


def test_a_wrong_answer_is_forgotten_by_the_id_of_any_request_that_got_it(cache: ExactCache) -> None:
    cache.store("a", "1", request_id="first")
    cache.look("a", request_id="second")
    assert cache.origin("second") == "first"
    assert cache.forget("second")
    assert cache.look("a") is None
    assert not cache.forget("second")
    assert not cache.forget("never seen")


def test_an_answer_that_was_wrong_does_not_come_back(cache: ExactCache) -> None:
    cache.store("a", "1", request_id="first")
    cache.forget("first")
    cache.store("a", "1", request_id="again")
    assert cache.look("a") is None
    cache.store("a", "2", request_id="third")
    assert cache.look("a") == "2"


def test_what_changes_the_answer_belongs_to_the_identity_and_nothing_else() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "?"}]}
    assert identity("/v1/x", body) == identity("/v1/x", {**body, "stream": True, "user": "u"})
    assert identity("/v1/x", body) != identity("/v1/x", {**body, "model": "n"})
    assert identity("/v1/x", body) != identity("/v1/y", body)
