from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
import stat
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, inspect, text

from hammerstone.errors import SettingsError, StoreError
from hammerstone.store import Store, open_store
from hammerstone.store.database import Database, insert_new, timestamp
from hammerstone.store.opening import DATABASE_FILE, database_url, opened
from hammerstone.store.schema import tasks, versions

from .conftest import POSTGRES, changed
from .examples import a_call, an_answer

NOBODY = 65534


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def python(program: str, *arguments: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True, timeout=300
    )
    return finished.stdout


@contextmanager
def unprivileged(folder: Path) -> Iterator[None]:
    """Without the right to write into `folder`, also where the tests run as root."""
    folder.chmod(0o555)
    as_root = os.geteuid() == 0
    if as_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if as_root:
            os.seteuid(0)
        folder.chmod(0o755)


def test_a_new_home_can_be_read_by_its_owner_alone(home: Path) -> None:
    with open_store(home):
        files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()}
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert files[DATABASE_FILE] == 0o600
    assert set(files.values()) == {0o600}


def test_a_home_may_lie_in_folders_that_are_not_there_yet(tmp_path: Path) -> None:
    with open_store(str(tmp_path / "a" / "b")) as store:
        assert store.where == str(tmp_path / "a" / "b" / DATABASE_FILE)


def test_a_database_file_may_be_named_by_url(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path}/some.db") as store:
        store.add_task("sums", "")
    assert (tmp_path / "some.db").is_file()


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


@pytest.mark.parametrize("umask", [0o000, 0o022])
@pytest.mark.parametrize("url", ["sqlite:///{}/some.db", "sqlite:///file:{}/some.db?uri=true"])
def test_a_new_database_file_can_be_read_by_its_owner_alone(tmp_path: Path, url: str, umask: int) -> None:
    before = os.umask(umask)
    try:
        with open_store(url.format(tmp_path)) as store:
            store.add_task("sums", "")
            assert modes(tmp_path) == {"some.db": 0o600, "some.db-wal": 0o600, "some.db-shm": 0o600}
    finally:
        os.umask(before)


def test_a_database_that_an_earlier_version_left_open_to_read_is_closed(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "some.db")
    other.execute("PRAGMA journal_mode = WAL")
    other.execute("CREATE TABLE other (x)")
    for path in tmp_path.iterdir():
        path.chmod(0o644)
    with open_store(f"sqlite:///{tmp_path}/some.db"):
        assert set(modes(tmp_path).values()) == {0o600}
    other.close()


def test_a_database_that_a_group_shares_stays_shared(home: Path) -> None:
    open_store(home).close()
    (home / DATABASE_FILE).chmod(0o660)
    with open_store(home) as store:
        store.add_task("sums", "")
        assert set(modes(home).values()) == {0o660}


def test_a_file_is_not_a_home(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for where in (tmp_path / "file", tmp_path / "file" / "home"):
        with pytest.raises(StoreError, match="not a folder") as raised:
            open_store(where)
        assert "HAMMERSTONE_HOME" in raised.value.hint


def test_a_home_that_may_not_be_written_is_refused_with_a_way_out(tmp_path: Path) -> None:
    # pytest's own folder is closed to others, so that the refusal comes from it where the tests run as root
    with unprivileged(tmp_path), pytest.raises(StoreError, match="Permission denied") as raised:
        open_store(tmp_path / "home")
    assert "--home" in raised.value.hint


@pytest.mark.parametrize("content", [b"a text and no database" * 100, b"SQLite format 3\0" + b"x" * 9000])
def test_a_file_that_is_no_database_is_refused_and_left_alone(home: Path, content: bytes) -> None:
    home.mkdir()
    (home / DATABASE_FILE).write_bytes(content)
    with pytest.raises(StoreError, match="not a database, or is damaged") as raised:
        open_store(home)
    assert str(home / DATABASE_FILE) in raised.value.hint
    assert (home / DATABASE_FILE).read_bytes() == content


def test_a_damaged_database_is_refused_where_it_is_read(home: Path) -> None:
    with open_store(home) as store:
        for number in range(200):
            store.add_answer(an_answer(str(number), question="why? " * 200))
    file = home / DATABASE_FILE
    content = file.read_bytes()
    file.write_bytes(content[:8192] + b"\xff" * (len(content) - 8192))
    with pytest.raises(StoreError, match="damaged"), open_store(home) as store:
        store.routes()


def test_an_empty_file_becomes_a_store(home: Path) -> None:
    home.mkdir()
    (home / DATABASE_FILE).touch()
    with open_store(home) as store:
        assert store.tasks() == ()


def test_a_writer_that_holds_on_for_too_long_is_reported(home: Path) -> None:
    with opened(Database(database_url(home), busy_seconds=0.01)) as store:
        other = sqlite3.connect(home / DATABASE_FILE, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="busy") as raised:
            store.add_task("sums", "")
        assert store.tasks() == ()  # readers do not wait
        other.execute("ROLLBACK")
        other.close()
        assert raised.value.hint
        assert store.add_task("sums", "").name == "sums"


def test_a_thread_that_holds_on_for_too_long_is_reported(home: Path) -> None:
    open_store(home).close()
    database = Database(database_url(home), busy_seconds=0.01)
    with Store(database) as store, ThreadPoolExecutor(1) as other_thread:
        with database.write():
            failure = other_thread.submit(store.add_task, "sums", "").exception()
        assert isinstance(failure, StoreError)
        assert "busy" in failure.message
        assert store.add_task("sums", "").name == "sums"


def test_a_full_disk_is_reported_and_leaves_no_trace(home: Path) -> None:
    def limit(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # means: no more than there are

    open_store(home).close()
    event.listen(Engine, "connect", limit)
    try:
        with open_store(home) as store, pytest.raises(StoreError, match="no space is left") as raised:
            store.add_call(a_call(text="long " * 10_000))
    finally:
        event.remove(Engine, "connect", limit)
    assert raised.value.hint
    with open_store(home) as store:
        assert store.ledger() == ()


def test_a_database_that_can_only_be_read_is_reported(home: Path) -> None:
    open_store(home).close()
    url = f"sqlite:///file:{home / DATABASE_FILE}?mode=ro&uri=true"
    with open_store(url) as store:
        assert store.tasks() == ()
        with pytest.raises(StoreError, match="only be read") as raised:
            store.add_task("sums", "")
    assert raised.value.hint


def test_a_database_of_a_newer_version_is_refused(where: str) -> None:
    with open_store(where):
        pass
    _set_version(where, "9999")
    with pytest.raises(StoreError, match="newer version") as raised:
        open_store(where)
    assert raised.value.hint == "upgrade hammerstone"


def _set_version(where: str, version: str) -> None:
    database = Database(database_url(where), busy_seconds=1)
    with database.write() as connection:
        connection.execute(versions.update().values(version_num=version))
    database.close()


def test_the_tables_of_another_program_are_left_alone(where: str) -> None:
    database = Database(database_url(where), busy_seconds=1)
    with database.write() as connection:
        connection.execute(text("CREATE TABLE tasks (theirs INTEGER)"))
    with pytest.raises(StoreError, match="already exists"):
        open_store(where)
    with database.read() as connection:
        assert inspect(connection).get_table_names() == ["tasks"]
    database.close()


@pytest.mark.skipif(not POSTGRES, reason="HAMMERSTONE_TEST_POSTGRES holds no URL")
@pytest.mark.parametrize("where", ["postgresql"], indirect=True)
def test_a_postgresql_that_was_restarted_is_used_again(where: str) -> None:
    name = uuid.uuid4().hex
    end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{name}'"  # noqa: S608 - ours
    with open_store(f"{where}&application_name={name}") as store, changed(end, "SELECT 1"):
        assert store.add_task("sums", "").name == "sums"


@pytest.mark.parametrize(
    "url",
    [
        "mysql://user:secret@host/x",
        "postgresql+asyncpg://user:secret@host/x",
        "postgresql://user:secret@host:port/x",
        "postgresql://user:sec@secret@host/x",
        "sqlite://",
        "sqlite:///:memory:",
        "://secret",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(SettingsError) as raised:
        open_store(url)
    assert "secret" not in raised.value.message + raised.value.hint
    assert "postgresql://" in raised.value.hint


def test_a_postgresql_that_is_not_there_is_reported_without_its_password() -> None:
    with socket.socket() as unused:  # bound, but it does not listen
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(StoreError, match="cannot be reached") as raised:
            open_store(f"postgresql://user:secret@127.0.0.1:{port}/x?application_name=secret")
    assert "secret" not in raised.value.message + raised.value.hint
    assert str(port) in raised.value.message


def test_without_its_driver_postgresql_names_what_to_install() -> None:
    program = """
import sys
sys.modules["psycopg"] = None  # as if it were not installed
from hammerstone.errors import StoreError
from hammerstone.store import open_store
try:
    open_store("postgresql://user@127.0.0.1/x")
except StoreError as error:
    print(error.hint)
"""
    assert python(program) == "uv run --extra postgres hammerstone …\n"


def test_an_up_to_date_store_is_opened_without_alembic(where: str) -> None:
    open_store(where).close()
    program = """
import sys
from hammerstone.store import open_store
print("sqlalchemy" in sys.modules)
with open_store(sys.argv[1]) as store:
    store.tasks()
print("sqlalchemy" in sys.modules, "alembic" in sys.modules)
"""
    assert python(program, where) == "False\nTrue False\n"


def test_a_write_that_fails_half_way_leaves_no_trace(home: Path) -> None:
    with open_store(home) as store:
        database = Database(database_url(home), busy_seconds=1)
        with contextlib.suppress(ZeroDivisionError), database.write() as connection:
            insert_new(connection, tasks, {"name": "sums", "description": "", "created": timestamp()})
            _ = 1 / 0
        database.close()
        assert store.tasks() == ()


def test_timestamps_sort_like_the_moments_they_name() -> None:
    moments = [timestamp(seconds_ahead=ahead) for ahead in (-1, 0, 0.5, 100)]
    assert moments == sorted(moments)
    assert all(moment.endswith("+00:00") for moment in moments)
    assert len({len(moment) for moment in moments}) == 1


def test_a_home_whose_path_is_not_utf8_is_a_home(tmp_path: Path) -> None:
    home = tmp_path / os.fsdecode(b"caf\xe9")
    for _opening in range(2):
        with open_store(home) as store:
            store.add_task("sums", "")
    assert (home / "hammerstone.db").is_file()
    with open_store(home) as store:
        assert [task.name for task in store.tasks()] == ["sums"]
