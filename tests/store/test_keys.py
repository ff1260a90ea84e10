"""The gateway's keys, and what is counted for them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from hammerstone.digests import sha256
from hammerstone.errors import NotFoundError, SettingsError
from hammerstone.store import open_stores
from hammerstone.store.key_records import DAY, KEY_FORM, Amount, KeyLimits, KeyPeriod, KeyRole, Per, budget_span
from hammerstone.store.keys import Keys

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC).timestamp()
TODAY = int(datetime(2026, 11, 3, tzinfo=UTC).timestamp())
FIRST = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp())


@pytest.fixture
def keys(where: str) -> Iterator[Keys]:
    with open_stores(where) as stores:
        yield stores.keys


@pytest.mark.parametrize(("name", "budget"), [(" ", 1.0), ("web", float("nan")), ("web", float("inf"))])
def test_a_key_has_a_name_and_its_budget_is_a_number(keys: Keys, name: str, budget: float) -> None:
    with pytest.raises(SettingsError):
        keys.create(name, limits=KeyLimits(budget_usd=budget))
    assert keys.every() == ()


def test_a_key_is_given_once_and_only_its_digest_is_kept(keys: Keys) -> None:
    new = keys.create("app", tenant="acme")
    assert KEY_FORM.fullmatch(new.secret)
    (kept,) = keys.every()
    assert (kept.name, kept.tenant, kept.admin, kept.revoked, kept.last_used) == ("app", "acme", False, None, None)
    assert (kept.sha256, kept.prefix) == (sha256(new.secret), new.secret[:8])
    assert new.secret not in repr(new)
    assert kept == new.key


def test_two_keys_are_never_the_same(keys: Keys) -> None:
    assert len({keys.create(str(number)).secret for number in range(20)}) == 20


def test_limits_are_kept(keys: Keys) -> None:
    limits = KeyLimits(budget_usd=5.0, budget_per=Per.DAY, requests_per_minute=60, tokens_per_minute=10_000)
    keys.create("app", limits=limits)
    keys.create("free", role=KeyRole.ADMIN)
    assert [one.limits for one in keys.every()] == [limits, KeyLimits()]


def test_a_second_key_of_one_name_is_refused_even_after_the_first_is_revoked(keys: Keys) -> None:
    keys.create("app")
    keys.revoke("app")
    with pytest.raises(SettingsError, match="there is a key 'app' already"):
        keys.create("app")
    assert len(keys.every()) == 1


def test_a_key_is_revoked_once(keys: Keys) -> None:
    keys.create("app")
    first = keys.revoke("app")
    assert first.revoked
    assert keys.revoke("app") == first == keys.every()[0]
    with pytest.raises(NotFoundError):
        keys.revoke("other")


@pytest.mark.parametrize("name", ["ä\x00ö", "a" * 100, "🔑", "'; DROP TABLE keys"])
def test_a_name_may_be_any_text(keys: Keys, name: str) -> None:
    keys.create(name, tenant=name)
    assert [(one.name, one.tenant) for one in keys.every()] == [(name, name)]
    assert keys.revoke(name).revoked


def exchange(keys: Keys, amounts: dict[KeyPeriod, Amount], seen: int = 0, since: int = 0, before: int = 0):
    return keys.exchange(amounts, seen=seen, since=since, forget_before=before)


def test_what_two_processes_count_adds_up(keys: Keys) -> None:
    day = KeyPeriod(keys.create("app").key.id, DAY, TODAY)
    exchange(keys, {day: Amount(2, 10, 0.5)})
    news = exchange(keys, {day: Amount(1, -3, 0.25, 1)})
    assert [(one.period, one.amount) for one in news.usage] == [(day, Amount(3, 7, 0.75, 1))]
    assert keys.every()[0].last_used


def test_only_what_is_new_is_read(keys: Keys) -> None:
    one, other = (KeyPeriod(keys.create(name).key.id, DAY, TODAY) for name in "ab")
    seen = exchange(keys, {one: Amount(1)}).revision
    assert exchange(keys, {}, seen).usage == ()
    news = exchange(keys, {other: Amount(1)}, seen)
    assert [each.period for each in news.usage] == [other]
    assert news.revision > seen
    assert exchange(keys, {}, since=TODAY + 1).usage == ()


def test_a_new_key_and_a_revoked_one_are_noticed(keys: Keys) -> None:
    revisions = [keys.revision()]
    keys.create("app")
    revisions.append(keys.revision())
    keys.revoke("app")
    revisions.append(keys.revision())
    assert len(set(revisions)) == 3


def test_a_count_that_no_column_holds_keeps_no_other_from_being_stored(keys: Keys) -> None:
    one, other = (KeyPeriod(keys.create(name).key.id, DAY, TODAY) for name in "ab")
    amounts = {each.period: each.amount for each in exchange(keys, {one: Amount(1, 10**19), other: Amount(2)}).usage}
    assert amounts[other] == Amount(2)
    assert amounts[one].tokens > 10**15


def test_parts_of_a_minute_go_and_days_stay(keys: Keys) -> None:
    key = keys.create("app").key.id
    part, day = KeyPeriod(key, 6, TODAY), KeyPeriod(key, DAY, TODAY)
    exchange(keys, {part: Amount(1), day: Amount(1)})
    later = KeyPeriod(key, 6, TODAY + 600)
    news = exchange(keys, {later: Amount(1)}, before=TODAY + 500)
    assert {one.period for one in news.usage} == {day, later}


@pytest.mark.parametrize(("per", "dollars"), [(Per.DAY, 1.0), (Per.MONTH, 3.0)])
def test_a_budget_looks_at_its_own_day_or_month(keys: Keys, per: Per, dollars: float) -> None:
    key = keys.create("app", limits=KeyLimits(budget_usd=9, budget_per=per)).key
    days = {TODAY: 1.0, FIRST: 2.0, FIRST - DAY: 4.0, TODAY + 40 * DAY: 8.0}
    exchange(keys, {KeyPeriod(key.id, DAY, start): Amount(1, 5, usd) for start, usd in days.items()})
    assert keys.used(key, NOON).usd == dollars


def test_days_and_months_are_those_of_utc() -> None:
    assert budget_span(Per.DAY, NOON) == (TODAY, TODAY + DAY)
    assert budget_span(Per.MONTH, NOON) == (FIRST, FIRST + 30 * DAY)
    last_second = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()
    assert budget_span(Per.MONTH, last_second)[1] == int(datetime(2027, 1, 1, tzinfo=UTC).timestamp())
