"""A tool's life: what it was compared with, how its states changed and why, and answers that were corrected."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _tools()
    _changes()
    _comparisons()
    _corrections()


def _column(name: str, kind: Any, *, optional: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=optional)


def _create(table: str, target: str, *columns: sa.Column[Any]) -> None:
    """A table whose rows hang on those of another one, by its column `SINGULAR_id`."""
    key = f"{target.removesuffix('s')}_id"
    op.create_table(
        table,
        _column("id", ID),
        _column(key, ID),
        *columns,
        _column("created", sa.Text()),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.ForeignKeyConstraint([key], [f"{target}.id"], name=f"fk_{table}_{key}"),
    )
    op.create_index(f"ix_{table}_{key}", table, [key])


def _tools() -> None:
    for counter in ("compared", "disagreed", "false_hits", "in_a_row"):
        op.add_column("tools", sa.Column(counter, sa.Integer(), nullable=False, server_default=sa.text("0")))
    shadow = sa.text("state = 'shadow'")
    op.create_index("ix_tools_shadow", "tools", ["task_id"], unique=True, sqlite_where=shadow, postgresql_where=shadow)


def _changes() -> None:
    _create(
        "changes",
        "tools",
        _column("from_state", sa.Text(), optional=True),
        _column("to_state", sa.Text()),
        _column("reason", sa.Text()),
        _column("who", sa.Text()),
    )
    # What is replaced now was live once: it can be brought back.
    op.execute(
        "INSERT INTO changes (tool_id, from_state, to_state, reason, who, created) "
        "SELECT id, NULL, CASE state WHEN 'replaced' THEN 'live' ELSE state END, "
        "'it was there before changes of state were kept', 'gate', created FROM tools ORDER BY task_id, version"
    )
    op.execute(
        "INSERT INTO changes (tool_id, from_state, to_state, reason, who, created) "
        "SELECT id, 'live', 'replaced', 'a later version is live', 'gate', created FROM tools "
        "WHERE state = 'replaced' ORDER BY task_id, version"
    )


def _comparisons() -> None:
    _create(
        "comparisons",
        "tools",
        _column("request_id", sa.Text()),
        _column("kind", sa.Text()),
        _column("agreed", sa.Boolean()),
        _column("tool_answer", sa.Text()),
        _column("upstream_answer", sa.Text()),
        _column("opinion", sa.Text(), optional=True),
    )


def _corrections() -> None:
    _create("corrections", "answers", _column("answer", sa.Text(), optional=True))
    op.create_index("ix_answers_request_id", "answers", ["request_id"], postgresql_using="hash")
