"""The tables. Whoever changes one adds a migration; a test compares what the migrations build with what stands here.

What users and models wrote is kept in columns of `Words` and `Document`, which take any character, and give it back.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)

from hammerstone.escaping import escape, mapped, restore

if TYPE_CHECKING:
    from hammerstone import types

__all__ = [
    "HEAD",
    "VERSION_TABLE",
    "Document",
    "Dollars",
    "Tokens",
    "Words",
    "answers",
    "attempts",
    "audit",
    "builds",
    "calls",
    "changes",
    "comparisons",
    "corrections",
    "counters",
    "instances",
    "key_usage",
    "keys",
    "metadata",
    "queue",
    "secrets",
    "tasks",
    "tenants",
    "tools",
    "versions",
]

HEAD = "0010"  # the newest migration; known here so that opening an up-to-date store need not import Alembic
VERSION_TABLE = "hammerstone_schema"


class Words(TypeDecorator[str]):
    """Text of any origin."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - the signature is SQLAlchemy's
        return value and escape(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - the signature is SQLAlchemy's
        return value and restore(value)


class Document(TypeDecorator["types.JSON"]):
    """A JSON value whose strings are of any origin."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: types.JSON, dialect: Dialect) -> types.JSON:  # noqa: ARG002 - the signature is SQLAlchemy's
        return mapped(escape, value)

    def process_result_value(self, value: types.JSON, dialect: Dialect) -> types.JSON:  # noqa: ARG002 - the signature is SQLAlchemy's
        return mapped(restore, value)


class Tokens(TypeDecorator[int]):
    """A provider's count of tokens; one that cannot be is unknown."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - the signature is SQLAlchemy's
        return value if value is not None and 0 <= value < 2**31 else None


class Dollars(TypeDecorator[float]):
    """A price; one that is no number is unknown."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:  # noqa: ARG002 - the signature is SQLAlchemy's
        return value if value is not None and math.isfinite(value) else None


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)
_Id = BigInteger().with_variant(Integer(), "sqlite")  # SQLite's row id is an INTEGER and nothing else
_Double: Double[float] = Double()

versions = Table(VERSION_TABLE, MetaData(), Column("version_num", Text))  # written by Alembic, read at opening

counters = Table(
    "counters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", _Id, nullable=False),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("name", Words, nullable=False, unique=True),
    Column("description", Words, nullable=False),
    Column("instances", Integer, nullable=False, default=0),  # a counter, kept in the transaction that adds one
    Column("built_at", Integer, nullable=False, default=0),
    Column("last_version", Integer, nullable=False, default=0),  # never given twice, not even after a removal
    Column("frame", Text, nullable=False, server_default=text("''")),  # its digest; empty for questions alone
    Column("form", Text, nullable=False, server_default="last"),  # how much of a chat is the question
    Column("chat", Document),  # the first request: what its frame says
    Column("time_dependent", Boolean, nullable=False, server_default=false()),  # no cache gives its answers again
    Column("created", Text, nullable=False),
)

dispatches = Table(
    "dispatches",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("question_sha256", Text, nullable=False, unique=True),
    Column("task_id", _Id, ForeignKey("tasks.id"), nullable=False),
)

instances = Table(
    "instances",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("task_id", _Id, ForeignKey("tasks.id"), nullable=False),
    Column("question_sha256", Text, nullable=False),
    Column("question", Words, nullable=False),
    Column("answer", Words, nullable=False),
    Column("former_answer", Words),
    Column("source", Text, nullable=False),
    Column("request_id", Words, nullable=False),
    Column("created", Text, nullable=False, index=True),
    Column("chat", Document),  # the whole request, unless it is the question
    UniqueConstraint("task_id", "question_sha256"),
)

tools = Table(
    "tools",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("task_id", _Id, ForeignKey("tasks.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("document", Text, nullable=False),  # canonical JSON, which the digest covers
    Column("created", Text, nullable=False),
    # Counters over its comparisons, kept in the transaction that adds one
    Column("compared", Integer, nullable=False, server_default=text("0")),
    Column("disagreed", Integer, nullable=False, server_default=text("0")),
    Column("false_hits", Integer, nullable=False, server_default=text("0")),
    Column("in_a_row", Integer, nullable=False, server_default=text("0")),
    UniqueConstraint("task_id", "version"),
    UniqueConstraint("task_id", "digest"),
)
for _state in ("live", "shadow"):
    Index(
        f"ix_tools_{_state}",
        tools.c.task_id,
        unique=True,
        sqlite_where=text(f"state = '{_state}'"),
        postgresql_where=text(f"state = '{_state}'"),
    )

changes = Table(
    "changes",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("tool_id", _Id, ForeignKey("tools.id"), nullable=False, index=True),
    Column("from_state", Text),  # NULL for the first
    Column("to_state", Text, nullable=False),
    Column("reason", Words, nullable=False),
    Column("who", Text, nullable=False),
    Column("created", Text, nullable=False),
)

comparisons = Table(
    "comparisons",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("tool_id", _Id, ForeignKey("tools.id"), nullable=False, index=True),
    Column("request_id", Words, nullable=False),
    Column("kind", Text, nullable=False),
    Column("agreed", Boolean, nullable=False),
    Column("tool_answer", Words, nullable=False),
    Column("upstream_answer", Words, nullable=False),
    Column("opinion", Text),  # a second one, on a disagreement
    Column("created", Text, nullable=False),
)
Index("ix_comparisons_request_id", comparisons.c.request_id, postgresql_using="hash")  # of any length

builds = Table(
    "builds",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("task_id", _Id, ForeignKey("tasks.id"), nullable=False, index=True),
    Column("state", Text, nullable=False),
    Column("owner", Text, nullable=False),  # "host:pid:start"
    Column("lease_until", Text, nullable=False),
    Column("instances", Integer, nullable=False),
    Column("started", Text, nullable=False),
    Column("ended", Text),
    Column("reason", Words, nullable=False),
    Column("document", Text),  # the tool, where one came of it
    Column("disagreement", Document),
    Column("improves", Integer),  # the version that was to be improved; NULL for a first build
    Column("gained", Integer),  # questions that it refused and the new version answers
    Column("cost_usd", Dollars),
)
Index(
    "ix_builds_running",
    builds.c.task_id,
    unique=True,
    sqlite_where=text("state = 'running'"),
    postgresql_where=text("state = 'running'"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("build_id", _Id, ForeignKey("builds.id"), nullable=False, index=True),
    Column("recipe", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("stage", Text, nullable=False),
    Column("source", Words, nullable=False),
    Column("problems", Document, nullable=False),
    Column("input_tokens", Tokens),
    Column("output_tokens", Tokens),
    Column("cost_usd", Dollars),
    Column("created", Text, nullable=False),
)

calls = Table(
    "calls",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("key", Text, nullable=False),
    Column("model", Words, nullable=False),
    Column("role", Text, nullable=False),
    Column("prompt", Document, nullable=False),
    Column("text", Words, nullable=False),
    Column("input_tokens", Tokens),
    Column("output_tokens", Tokens),
    Column("cost_usd", Dollars),
    Column("seconds", _Double, nullable=False),
    Column("request_id", Words),
    Column("task", Words),
    Column("usable", Boolean, nullable=False, default=True),  # always true; earlier releases set it
    Column("created", Text, nullable=False),
    Index(None, "key", "model"),
)
Index("ix_calls_request_id", calls.c.request_id, postgresql_using="hash")  # of any length
Index("ix_calls_over_time", *(calls.c[name] for name in ("created", "role", "task", "cost_usd")))

answers = Table(
    "answers",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("request_id", Words, nullable=False),
    Column("question", Words, nullable=False),
    Column("answer", Words),
    Column("route", Text),
    Column("task", Words),
    Column("tool", Words),
    Column("version", Integer),
    Column("model_calls", Integer, nullable=False),
    Column("cost_usd", Dollars),
    Column("ms", _Double, nullable=False),
    Column("error", Words),
    Column("correct", Boolean),
    Column("refusals", Document, nullable=False),
    Column("refused", Boolean, nullable=False),  # by a cheaper route, and then answered by another one
    Column("created", Text, nullable=False),
    Column("chat", Document),  # the whole request, unless it is the question
    Column("kept", Text, nullable=False, server_default="whole"),  # how much of its text: see `store.records.Kept`
    Column("origin", Words),  # of an answer of the exact cache: the request that was first answered so
    Column("model", Words),  # that the request names
)
Index("ix_answers_request_id", answers.c.request_id, postgresql_using="hash")  # of any length
Index(
    "ix_answers_with_text",
    answers.c.created,
    sqlite_where=text("kept != 'nothing'"),
    postgresql_where=text("kept != 'nothing'"),
)
Index(
    "ix_answers_refused",
    answers.c.task,
    sqlite_where=text("refused = 1"),
    postgresql_where=text("refused"),
)

Index(  # all that figures are made of, in the order in which they are summed up, so that no text is read for them
    "ix_answers_of_kind",
    *(answers.c[name] for name in ("task", "route", "model", "created", "cost_usd", "ms")),
)
Index("ix_answers_over_time", answers.c.created, answers.c.route)
Index(
    "ix_answers_without_answer",
    *(answers.c[name] for name in ("task", "route", "model", "created")),
    sqlite_where=text("answer IS NULL"),
    postgresql_where=text("answer IS NULL"),
)
Index(
    "ix_answers_known_wrong",
    *(answers.c[name] for name in ("task", "route", "model", "created")),
    sqlite_where=text("correct IS 0"),
    postgresql_where=text("correct IS false"),
)
Index("ix_answers_of_task", answers.c.task, answers.c.id)
Index("ix_answers_of_route", answers.c.route, answers.c.id)
Index("ix_answers_of_tool", answers.c.tool, answers.c.version, answers.c.id)

corrections = Table(
    "corrections",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("answer_id", _Id, ForeignKey("answers.id"), nullable=False, index=True),
    Column("answer", Words),  # the right one, if it was given
    Column("created", Text, nullable=False),
)

queue = Table(
    "queue",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("sha256", Text, nullable=False, unique=True),  # of the request's id and question: a request waits once
    Column("request_id", Words, nullable=False),
    Column("question", Words, nullable=False),
    Column("task", Words),
    Column("queued", Text, nullable=False),
    Column("labeled", Text),  # when; NULL while it waits
    Column("answer", Words),
    Column("chat", Document),  # the whole request, unless it is the question
    Column("held_by", Words),  # who looks at it at present, so that nobody else is shown it
    Column("held_until", Text),
)

Index("ix_queue_request_id", queue.c.request_id, postgresql_using="hash")  # of any length

tenants = Table(
    "tenants",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("key", Text, nullable=False, unique=True),  # names its file or its schema
    Column("name", Words, nullable=False),
    Column("created", Text, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("name", Words, nullable=False, unique=True),
    Column("sha256", Text, nullable=False, unique=True),  # of the key itself, which is kept nowhere
    Column("prefix", Text, nullable=False),
    Column("tenant", Words, nullable=False),
    Column("admin", Boolean, nullable=False),
    Column("role", Text),  # in the pages, of one that is no admin's
    Column("budget_usd", Dollars),
    Column("budget_per", Text),
    Column("requests_per_minute", Integer),
    Column("tokens_per_minute", Integer),
    Column("created", Text, nullable=False),
    Column("last_used", Text),
    Column("revoked", Text),
)

key_usage = Table(
    "key_usage",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("key_id", _Id, ForeignKey("keys.id"), nullable=False),
    Column("seconds", Integer, nullable=False),  # how long the period is
    Column("start", _Id, nullable=False),  # of the period, in seconds since 1970
    Column("requests", _Id, nullable=False),
    Column("tokens", _Id, nullable=False),
    Column("usd", _Double, nullable=False),
    Column("unpriced", _Id, nullable=False),  # calls that count as the ceiling of unknown prices
    Column("revision", _Id, nullable=False, index=True),  # grows with every change, in whatever process
    UniqueConstraint("key_id", "seconds", "start"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("who", Words, nullable=False),
    Column("what", Text, nullable=False),
    Column("about", Words, nullable=False),
    Column("created", Text, nullable=False),
)

secrets = Table(
    "secrets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
