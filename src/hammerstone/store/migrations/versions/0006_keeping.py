"""How much of a request's text is kept in its answer, and whose answer one of the exact cache was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("answers", sa.Column("kept", sa.Text(), nullable=False, server_default="whole"))
    op.add_column("answers", sa.Column("origin", sa.Text(), nullable=True))
