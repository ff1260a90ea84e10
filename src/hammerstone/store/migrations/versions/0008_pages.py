"""What the pages need: who changed what, the roles of keys, who holds a question; indexes for figures and lists."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("keys", sa.Column("role", sa.Text(), nullable=True))
    op.add_column("answers", sa.Column("model", sa.Text(), nullable=True))
    for name in ("held_by", "held_until"):
        op.add_column("queue", sa.Column(name, sa.Text(), nullable=True))
    postgres = op.get_bind().dialect.name == "postgresql"
    model = "chat ->> 'model'" if postgres else "json_extract(chat, '$.model')"
    op.execute(f"UPDATE answers SET model = substr({model}, 1, 100) WHERE chat IS NOT NULL")  # noqa: S608 - no value of anybody's
    _tables()
    _indexes()


def _tables() -> None:
    op.create_table(
        "audit",
        sa.Column("id", ID, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("who", "what", "about", "created")),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_table(
        "secrets",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_secrets"),
    )


def _indexes() -> None:
    op.create_index("ix_answers_of_kind", "answers", ["task", "route", "model", "created", "cost_usd", "ms"])
    op.create_index("ix_answers_over_time", "answers", ["created", "route"])
    missing = _where("answer IS NULL")
    op.create_index("ix_answers_without_answer", "answers", ["task", "route", "model", "created"], **missing)
    op.create_index("ix_answers_of_task", "answers", ["task", "id"])
    op.create_index("ix_answers_of_route", "answers", ["route", "id"])
    op.create_index("ix_answers_of_tool", "answers", ["tool", "version", "id"])
    op.create_index("ix_calls_over_time", "calls", ["created", "role", "task", "cost_usd"])
    for table in ("calls", "comparisons"):
        op.create_index(f"ix_{table}_request_id", table, ["request_id"], postgresql_using="hash")


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}
