"""Answers that are known to be wrong are counted by an index of their own: they save nothing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_index(
        "ix_answers_known_wrong",
        "answers",
        ["task", "route", "model", "created"],
        sqlite_where=sa.text("correct IS 0"),
        postgresql_where=sa.text("correct IS false"),
    )
