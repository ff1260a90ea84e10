"""Tasks whose answers depend on the time, and what is old found by an index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("tasks", sa.Column("time_dependent", sa.Boolean(), nullable=False, server_default=sa.false()))
    with_text = sa.text("kept != 'nothing'")
    op.create_index("ix_answers_with_text", "answers", ["created"], sqlite_where=with_text, postgresql_where=with_text)
    op.create_index("ix_instances_created", "instances", ["created"])
