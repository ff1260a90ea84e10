"""Each tenant has a store of its own: nothing of it is seen from another's."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, make_url

from hammerstone.errors import NotFoundError, SettingsError, StoreError
from hammerstone.store import Store, Stores, open_store, open_stores
from hammerstone.store.database import TENANTS_FOLDER
from hammerstone.store.opening import DATABASE_FILE
from hammerstone.store.records import BuildState
from hammerstone.store.schema import VERSION_TABLE, metadata

from .examples import a_call, a_tool, an_answer, an_instance

STRANGE = [
    *("../../etc/passwd", "a/b", "🦫", "x" * 300, "a\0b", "\ud800", " ", "NUL"),
    *("acme", "Acme", "ACME", "\u00e9", "e\u0301"),  # some file systems take these for one name, or two
]


@pytest.fixture
def stores(where: str) -> Iterator[Stores]:
    with open_stores(where) as opened:
        yield opened


def everything(store: Store) -> list[object]:
    """All that its lists show."""
    return [
        store.tasks(),
        store.tools(all_versions=True),
        store.builds(),
        store.ledger(),
        store.routes(),
        store.queue(),
        store.instances("sums"),
    ]


def fill(store: Store) -> None:
    store.add_task("sums", "")
    store.add_instance("sums", an_instance(), request_id="1")
    store.publish(a_tool())
    store.add_answer(an_answer("1"))
    store.add_call(a_call())
    store.enqueue("2", "why?", None)
    store.start_build("sums", owner="somebody:1:")


def test_what_one_tenant_stores_no_other_sees(stores: Stores) -> None:
    empty = everything(stores.of(""))
    fill(stores.of("a"))
    assert everything(stores.of("")) == everything(stores.of("b")) == empty
    full = everything(stores.of("a"))
    fill(stores.of(""))
    assert everything(stores.of("b")) == empty
    assert everything(stores.of("a")) == full


def test_two_tenants_build_a_tool_of_one_name_at_the_same_time(stores: Stores) -> None:
    for tenant in ("", "a", "b"):
        stores.of(tenant).add_task("sums", "")
    builds = {tenant: stores.of(tenant).start_build("sums", owner="here:1:") for tenant in ("", "a", "b")}
    assert None not in builds.values()
    assert stores.of("a").start_build("sums", owner="there:2:") is None, "its own lease holds"
    stores.of("a").end_build(builds["a"] or 0, BuildState.FAILED, reason="")
    assert [one.state for one in stores.of("b").builds()] != [BuildState.FAILED]


def test_a_paid_call_of_one_tenant_is_not_found_by_another(stores: Stores) -> None:
    call = a_call()
    stores.of("a").add_call(call)
    assert stores.of("a").find_call(call.key, call.model) is not None
    assert stores.of("b").find_call(call.key, call.model) is None


def test_a_tenant_is_there_again_after_the_home_was_closed(where: str) -> None:
    with open_stores(where) as stores:
        stores.of("a").add_task("sums", "")
    with open_stores(where) as stores:
        assert stores.tenants() == ("", "a")
        assert [task.name for task in stores.known("a").tasks()] == ["sums"]


def test_the_default_tenant_has_the_store_that_a_home_always_had(where: str) -> None:
    with open_store(where) as store:
        store.add_task("sums", "")
    with open_stores(where) as stores:
        assert [task.name for task in stores.of("").tasks()] == ["sums"]


def test_a_tenant_may_have_any_name_and_each_name_is_a_tenant_of_its_own(stores: Stores) -> None:
    for name in STRANGE:
        stores.of(name).add_task(f"task_{STRANGE.index(name)}", "")
    for name in STRANGE:
        assert [task.name for task in stores.of(name).tasks()] == [f"task_{STRANGE.index(name)}"]
    assert stores.tenants() == ("", *STRANGE)


def test_an_unknown_tenant_is_reported_with_those_that_there_are(stores: Stores) -> None:
    with pytest.raises(NotFoundError, match="has no tenant 'acm'") as raised:
        stores.known("acm")
    assert raised.value.hint == "no request has named a tenant yet"
    stores.of("acme")
    with pytest.raises(NotFoundError) as raised:
        stores.known("acm")
    assert raised.value.hint == "there are 'acme'"
    assert stores.tenants() == ("", "acme"), "asking made none"


def test_a_tenants_files_can_be_read_by_their_owner_alone(tmp_path: Path) -> None:
    with open_stores(tmp_path / "home") as stores:
        stores.of("../x").add_task("sums", "")
        folder = tmp_path / "home" / TENANTS_FOLDER
        files = list(folder.iterdir())
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
        assert all(file.name.startswith("x_") for file in files)
    assert {path.name for path in tmp_path.iterdir()} == {"home"}


def test_two_databases_in_one_folder_keep_tenants_of_one_name_apart(tmp_path: Path) -> None:
    for name in ("one.db", "two.db"):
        with open_stores(f"sqlite:///{tmp_path}/{name}") as stores:
            assert stores.of("a").tasks() == ()
            stores.of("a").add_task("sums", "")


def test_a_sqlite_url_with_parameters_has_no_tenants(tmp_path: Path) -> None:
    with open_stores(f"sqlite:///file:{tmp_path / DATABASE_FILE}?uri=true") as stores:
        with pytest.raises(SettingsError, match="no place for tenants"):
            stores.of("a")
        assert stores.of("").tasks() == ()


def test_a_tenants_damaged_file_is_reported_and_the_others_work(tmp_path: Path) -> None:
    with open_stores(tmp_path) as stores:
        stores.of("a")
        stores.of("b").add_task("sums", "")
    (file,) = (tmp_path / TENANTS_FOLDER).glob("a_*.db")
    file.write_bytes(b"a text and no database" * 100)
    with open_stores(tmp_path) as stores:
        with pytest.raises(StoreError, match="not a database, or is damaged"):
            stores.of("a")
        assert [task.name for task in stores.of("b").tasks()] == ["sums"]


def test_a_tenants_tables_are_those_that_the_code_uses(where: str, stores: Stores) -> None:
    place = stores.of("a").where
    url, _, schema = place.partition(", schema ")
    options = {"options": f"-csearch_path={schema}"}
    engine = create_engine(
        make_url(where).set(drivername="postgresql+psycopg", query=options) if schema else f"sqlite:///{url}"
    )
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_threads_that_open_a_tenant_at_once_get_one_store(stores: Stores) -> None:
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda _: stores.of("a"), range(8)))
    assert len({id(store) for store in opened}) == 1
