"""The first tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _counters()
    _tasks()
    _dispatches()
    _instances()
    _tools()
    _makings()
    _attempts()
    _calls()
    _answers()
    _queue()


def _column(name: str, kind: Any, *, optional: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=optional)


def _primary(table: str, column: str = "id") -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(column, name=f"pk_{table}")


def _foreign(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=f"fk_{table}_{column}")


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=f"uq_{table}_{'_'.join(columns)}")


def _counters() -> None:
    counters = op.create_table(
        "counters",
        _column("name", sa.Text()),
        _column("value", sa.Integer()),
        _primary("counters", "name"),
    )
    op.bulk_insert(counters, [{"name": "tools", "value": 0}])


def _tasks() -> None:
    op.create_table(
        "tasks",
        _column("id", ID),
        _column("name", sa.Text()),
        _column("description", sa.Text()),
        _column("instances", sa.Integer()),
        _column("made_at", sa.Integer()),
        _column("last_version", sa.Integer()),
        _column("created", sa.Text()),
        _primary("tasks"),
        _unique("tasks", "name"),
    )


def _dispatches() -> None:
    op.create_table(
        "dispatches",
        _column("id", ID),
        _column("question_sha256", sa.Text()),
        _column("task_id", ID),
        _primary("dispatches"),
        _foreign("dispatches", "task_id", "tasks.id"),
        _unique("dispatches", "question_sha256"),
    )


def _instances() -> None:
    op.create_table(
        "instances",
        _column("id", ID),
        _column("task_id", ID),
        _column("question_sha256", sa.Text()),
        _column("question", sa.Text()),
        _column("answer", sa.Text()),
        _column("former_answer", sa.Text(), optional=True),
        _column("source", sa.Text()),
        _column("request_id", sa.Text()),
        _column("created", sa.Text()),
        _primary("instances"),
        _foreign("instances", "task_id", "tasks.id"),
        _unique("instances", "task_id", "question_sha256"),
    )


def _tools() -> None:
    op.create_table(
        "tools",
        _column("id", ID),
        _column("task_id", ID),
        _column("version", sa.Integer()),
        _column("state", sa.Text()),
        _column("digest", sa.Text()),
        _column("document", sa.Text()),
        _column("created", sa.Text()),
        _primary("tools"),
        _foreign("tools", "task_id", "tasks.id"),
        _unique("tools", "task_id", "version"),
        _unique("tools", "task_id", "digest"),
    )
    live = sa.text("state = 'live'")
    op.create_index("ix_tools_live", "tools", ["task_id"], unique=True, sqlite_where=live, postgresql_where=live)


def _makings() -> None:
    op.create_table(
        "makings",
        _column("id", ID),
        _column("task_id", ID),
        _column("state", sa.Text()),
        _column("owner", sa.Text()),
        _column("lease_until", sa.Text()),
        _column("instances", sa.Integer()),
        _column("started", sa.Text()),
        _column("ended", sa.Text(), optional=True),
        _column("reason", sa.Text()),
        _column("document", sa.Text(), optional=True),
        _column("disagreement", sa.JSON(), optional=True),
        _primary("makings"),
        _foreign("makings", "task_id", "tasks.id"),
    )
    op.create_index("ix_makings_task_id", "makings", ["task_id"])
    running = sa.text("state = 'running'")
    op.create_index(
        "ix_makings_running", "makings", ["task_id"], unique=True, sqlite_where=running, postgresql_where=running
    )


def _attempts() -> None:
    op.create_table(
        "attempts",
        _column("id", ID),
        _column("making_id", ID),
        _column("recipe", sa.Text()),
        _column("number", sa.Integer()),
        _column("stage", sa.Text()),
        _column("source", sa.Text()),
        _column("problems", sa.JSON()),
        _column("input_tokens", sa.Integer(), optional=True),
        _column("output_tokens", sa.Integer(), optional=True),
        _column("cost_usd", sa.Double(), optional=True),
        _column("created", sa.Text()),
        _primary("attempts"),
        _foreign("attempts", "making_id", "makings.id"),
    )
    op.create_index("ix_attempts_making_id", "attempts", ["making_id"])


def _calls() -> None:
    op.create_table(
        "calls",
        _column("id", ID),
        _column("key", sa.Text()),
        _column("model", sa.Text()),
        _column("role", sa.Text()),
        _column("prompt", sa.JSON()),
        _column("text", sa.Text()),
        _column("input_tokens", sa.Integer(), optional=True),
        _column("output_tokens", sa.Integer(), optional=True),
        _column("cost_usd", sa.Double(), optional=True),
        _column("seconds", sa.Double()),
        _column("request_id", sa.Text(), optional=True),
        _column("task", sa.Text(), optional=True),
        _column("usable", sa.Boolean()),
        _column("created", sa.Text()),
        _primary("calls"),
    )
    op.create_index("ix_calls_key_model", "calls", ["key", "model"])


def _answers() -> None:
    op.create_table(
        "answers",
        _column("id", ID),
        _column("request_id", sa.Text()),
        _column("question", sa.Text()),
        _column("answer", sa.Text(), optional=True),
        _column("route", sa.Text(), optional=True),
        _column("task", sa.Text(), optional=True),
        _column("tool", sa.Text(), optional=True),
        _column("version", sa.Integer(), optional=True),
        _column("model_calls", sa.Integer()),
        _column("cost_usd", sa.Double(), optional=True),
        _column("ms", sa.Double()),
        _column("error", sa.Text(), optional=True),
        _column("correct", sa.Boolean(), optional=True),
        _column("refusals", sa.JSON()),
        _column("refused", sa.Boolean()),
        _column("created", sa.Text()),
        _primary("answers"),
    )
    op.create_index(
        "ix_answers_refused",
        "answers",
        ["task"],
        sqlite_where=sa.text("refused = 1"),
        postgresql_where=sa.text("refused"),
    )


def _queue() -> None:
    op.create_table(
        "queue",
        _column("id", ID),
        _column("sha256", sa.Text()),
        _column("request_id", sa.Text()),
        _column("question", sa.Text()),
        _column("task", sa.Text(), optional=True),
        _column("queued", sa.Text()),
        _column("labeled", sa.Text(), optional=True),
        _column("answer", sa.Text(), optional=True),
        _primary("queue"),
        _unique("queue", "sha256"),
    )
