"""Makings are called builds, and may improve a tool; tasks have a frame; instances and queue entries may be chats."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _rename_builds()
    _add_chats()


def _rename_builds() -> None:
    running = sa.text("state = 'running'")
    op.drop_index("ix_makings_running", "makings")
    op.drop_index("ix_makings_task_id", "makings")
    op.drop_index("ix_attempts_making_id", "attempts")
    op.rename_table("makings", "builds")
    op.alter_column("attempts", "making_id", new_column_name="build_id")
    op.alter_column("tasks", "made_at", new_column_name="built_at")
    op.create_index("ix_builds_task_id", "builds", ["task_id"])
    op.create_index("ix_attempts_build_id", "attempts", ["build_id"])
    op.create_index(
        "ix_builds_running", "builds", ["task_id"], unique=True, sqlite_where=running, postgresql_where=running
    )
    op.execute("UPDATE builds SET state = 'needs-review' WHERE state = 'held-back'")


def _add_chats() -> None:
    op.add_column("tasks", sa.Column("frame", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column("tasks", sa.Column("form", sa.Text(), nullable=False, server_default="last"))
    op.add_column("builds", sa.Column("improves", sa.Integer()))
    op.add_column("builds", sa.Column("gained", sa.Integer()))
    op.add_column("builds", sa.Column("cost_usd", sa.Double()))
    for table in ("tasks", "instances", "queue", "answers"):
        op.add_column(table, sa.Column("chat", sa.JSON()))
