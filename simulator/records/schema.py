"""The tables as they are now. What they were before, and how to get from there to here, is in `migrations/`.

A change here needs a new revision there and the next number in `SCHEMA_VERSION`. A column that came later stands last
and has a default of the server's: that is where and how SQLite adds one.
"""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

SCHEMA_VERSION = 2
"""The newest revision. A file says its own in `PRAGMA user_version`: one number, read without a table or alembic, and
known to the first program, which refuses a higher one."""

metadata = MetaData()


def _of_interview(*, primary_key: bool = True) -> Column[str]:
    """A column for what is forgotten together with its interview."""
    owner = ForeignKey("interviews.id", ondelete="CASCADE")
    return Column("interview", owner, primary_key=primary_key, nullable=False, index=not primary_key)


interviews = Table(
    "interviews",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("company", String(40), nullable=False),
    Column("length", String(20), nullable=False),
    Column("questions", JSON, nullable=False),
    Column("asked", Integer, nullable=False),
    Column("closed", Boolean, nullable=False),
    Column("started", String(32), nullable=False),
    Column("version", Integer, nullable=False),
    Column("plan", JSON, nullable=False, server_default="[]"),
    Column("began", Float, nullable=False, server_default="0.0"),
    Column("timed", Boolean, nullable=False, server_default=false()),
    Column("starts", JSON, nullable=False, server_default="[]"),
    Column("retry_of", String(32), nullable=False, server_default=""),
)
turns = Table(
    "turns",
    metadata,
    Column("id", String(64), primary_key=True),
    _of_interview(primary_key=False),
    Column("exchange", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("role", String(16), nullable=False),
    Column("text", Text, nullable=False),
    Column("check_id", String(64), nullable=False),
    Column("passages", JSON, nullable=False),
    Column("said", String(32), nullable=False),
    Column("act", String(16), nullable=False, server_default="answer"),
    Column("at", Float, nullable=False, server_default="0.0"),
    Column("replaced", String(64), nullable=False, server_default=""),
    UniqueConstraint("interview", "exchange", "position"),
)
grading_jobs = Table(
    "grading_jobs",
    metadata,
    _of_interview(),
    Column("exchange", Integer, primary_key=True),
    Column("state", String(16), nullable=False, default="waiting"),
    Column("attempts", Integer, nullable=False, default=0),
    Column("lease_until", Float, nullable=False, default=0.0),
    Column("worker", String(40), nullable=False, default=""),
    Column("error", Text, nullable=False, default=""),
)
grades = Table(
    "grades",
    metadata,
    _of_interview(),
    Column("exchange", Integer, primary_key=True),
    Column("grade", JSON, nullable=False),
)
drafts = Table(
    "drafts",
    metadata,
    _of_interview(),
    Column("text", Text, nullable=False),
)
guides = Table(
    "guides",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("title", Text, nullable=False),
    Column("company", String(40), nullable=False),
    Column("passages", JSON, nullable=False),
    Column("added", String(32), nullable=False),
)
stories = Table(
    "stories",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("title", Text, nullable=False),
    Column("fields", JSON, nullable=False),
    Column("changed", String(32), nullable=False),
)
checklist = Table(
    "checklist",
    metadata,
    Column("item", String(80), primary_key=True),
    Column("ticked_at", String(32), nullable=False),
)
drill_cards = Table(
    "drill_cards",
    metadata,
    Column("key", String(120), primary_key=True),
    Column("card", Text, nullable=False),
    Column("due", String(32), nullable=False),
)
drill_reviews = Table(
    "drill_reviews",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("key", String(120), nullable=False),
    Column("at", String(32), nullable=False),
    Column("rating", Integer, nullable=False),
    Column("payload", JSON, nullable=False),
)
self_ratings = Table(
    "self_ratings",
    metadata,
    _of_interview(),
    Column("scores", JSON, nullable=False),
    Column("at", String(32), nullable=False),
)
opinions = Table(
    "opinions",
    metadata,
    _of_interview(),
    Column("exchange", Integer, primary_key=True),
    Column("check_id", String(64), primary_key=True),
    Column("agrees", Boolean, nullable=False),
    Column("note", Text, nullable=False),
    Column("at", String(32), nullable=False),
)
