"""The gateway's keys and what each has used; only the default tenant's store holds any."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _keys()
    _usage()
    if op.get_bind().dialect.name == "postgresql":  # SQLite's integers have 64 bits anyway
        op.alter_column("counters", "value", type_=sa.BigInteger())
    op.execute("INSERT INTO counters (name, value) VALUES ('keys', 0), ('key_usage', 0)")


def _column(name: str, kind: Any, *, optional: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=optional)


def _keys() -> None:
    op.create_table(
        "keys",
        _column("id", ID),
        _column("name", sa.Text()),
        _column("sha256", sa.Text()),
        _column("prefix", sa.Text()),
        _column("tenant", sa.Text()),
        _column("admin", sa.Boolean()),
        _column("budget_usd", sa.Double(), optional=True),
        _column("budget_per", sa.Text(), optional=True),
        _column("requests_per_minute", sa.Integer(), optional=True),
        _column("tokens_per_minute", sa.Integer(), optional=True),
        _column("created", sa.Text()),
        _column("last_used", sa.Text(), optional=True),
        _column("revoked", sa.Text(), optional=True),
        sa.PrimaryKeyConstraint("id", name="pk_keys"),
        sa.UniqueConstraint("name", name="uq_keys_name"),
        sa.UniqueConstraint("sha256", name="uq_keys_sha256"),
    )


def _usage() -> None:
    op.create_table(
        "key_usage",
        _column("id", ID),
        _column("key_id", ID),
        _column("seconds", sa.Integer()),
        _column("start", ID),
        _column("requests", ID),
        _column("tokens", ID),
        _column("usd", sa.Double()),
        _column("unpriced", ID),
        _column("revision", ID),
        sa.PrimaryKeyConstraint("id", name="pk_key_usage"),
        sa.UniqueConstraint("key_id", "seconds", "start", name="uq_key_usage_key_id_seconds_start"),
        sa.ForeignKeyConstraint(["key_id"], ["keys.id"], name="fk_key_usage_key_id"),
    )
    op.create_index("ix_key_usage_revision", "key_usage", ["revision"])
