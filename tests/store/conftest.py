"""Each test gets a store of its own: in SQLite always, in PostgreSQL where HAMMERSTONE_TEST_POSTGRES holds a URL."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from hammerstone.store import Store, open_store

POSTGRES = os.environ.get("HAMMERSTONE_TEST_POSTGRES", "")
BACKENDS = ["sqlite", "postgresql"] if POSTGRES else ["sqlite"]


@pytest.fixture(params=BACKENDS)
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """What `open_store` takes: a home folder that is not there yet, or the URL of an empty schema."""
    if request.param == "sqlite":
        yield str(tmp_path / "home")
        return
    schema = f"test_{uuid.uuid4().hex}"
    with changed(f"CREATE SCHEMA {schema}", _drop(schema)):
        url = make_url(POSTGRES).update_query_dict({"options": f"-csearch_path={schema}"})
        yield url.render_as_string(hide_password=False)


@pytest.fixture
def store(where: str) -> Iterator[Store]:
    with open_store(where) as opened:
        yield opened


@contextmanager
def changed(before: str, after: str) -> Iterator[None]:
    engine = create_engine(make_url(POSTGRES).set(drivername="postgresql+psycopg"))
    try:
        with engine.begin() as connection:
            connection.execute(text(before))
        yield
        with engine.begin() as connection:
            connection.execute(text(after))
    finally:
        engine.dispose()


def _drop(schema: str) -> str:
    """Drops a schema, and those of the tenants whose names its tables hold."""
    return f"""DO $$
        DECLARE tenant text;
        BEGIN
            IF to_regclass('{schema}.tenants') IS NOT NULL THEN
                FOR tenant IN EXECUTE 'SELECT key FROM {schema}.tenants' LOOP
                    EXECUTE format('DROP SCHEMA IF EXISTS %I CASCADE', 'tenant_' || tenant);
                END LOOP;
            END IF;
            DROP SCHEMA {schema} CASCADE;
        END $$"""  # noqa: S608 - a name of ours
