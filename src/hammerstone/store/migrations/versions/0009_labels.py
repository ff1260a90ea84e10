"""What a person has answered to a request is found by the request."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_index("ix_queue_request_id", "queue", ["request_id"], postgresql_using="hash")
