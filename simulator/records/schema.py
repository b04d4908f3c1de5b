"""The tables as they are now. What they were before, and how to get from there to here, is in `migrations/`.

Every row has an owner, and its key begins with that owner: what belongs to an interview can only be the owner's of
that interview. A change here needs a new revision there and the next number in `SCHEMA_VERSION`. A column that came
later stands last and has a default of the server's: that is where and how SQLite adds one.
"""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
)

SCHEMA_VERSION = 3
"""The newest revision. A file says its own in `PRAGMA user_version`: one number, read without a table or alembic, and
known to the first program, which refuses a higher one. PostgreSQL keeps it in a table of its own."""

metadata = MetaData()
Word = Text().with_variant(Text(collation="C"), "postgresql")
"""A text that is compared or put in order: by its code points, wherever it is kept."""


def _owner() -> Column[str]:
    return Column("owner", Word, primary_key=True)


def _of_interview(*, primary_key: bool = True) -> tuple[Column[str], Column[str], ForeignKeyConstraint]:
    """Columns for what is forgotten together with its interview."""
    keys = ForeignKeyConstraint(["owner", "interview"], ["interviews.owner", "interviews.id"], ondelete="CASCADE")
    return _owner(), Column("interview", Word, primary_key=primary_key, nullable=False), keys


interviews = Table(
    "interviews",
    metadata,
    _owner(),
    Column("id", Word, primary_key=True),
    Column("company", Word, nullable=False),
    Column("length", Word, nullable=False),
    Column("questions", JSON, nullable=False),
    Column("asked", Integer, nullable=False),
    Column("closed", Boolean, nullable=False),
    Column("started", Word, nullable=False),
    Column("version", Integer, nullable=False),
    Column("plan", JSON, nullable=False, server_default="[]"),
    Column("began", Float, nullable=False, server_default="0.0"),
    Column("timed", Boolean, nullable=False, server_default=false()),
    Column("starts", JSON, nullable=False, server_default="[]"),
    Column("retry_of", Word, nullable=False, server_default=""),
)
turns = Table(
    "turns",
    metadata,
    *_of_interview(primary_key=False),
    Column("id", Word, primary_key=True),
    Column("exchange", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("role", Word, nullable=False),
    Column("text", Text, nullable=False),
    Column("check_id", Word, nullable=False),
    Column("passages", JSON, nullable=False),
    Column("said", Word, nullable=False),
    Column("act", Word, nullable=False, server_default="answer"),
    Column("at", Float, nullable=False, server_default="0.0"),
    Column("replaced", Word, nullable=False, server_default=""),
    UniqueConstraint("owner", "interview", "exchange", "position"),
)
grading_jobs = Table(
    "grading_jobs",
    metadata,
    *_of_interview(),
    Column("exchange", Integer, primary_key=True),
    Column("state", Word, nullable=False, default="waiting"),
    Column("attempts", Integer, nullable=False, default=0),
    Column("lease_until", Float, nullable=False, default=0.0),
    Column("worker", Word, nullable=False, default=""),
    Column("error", Text, nullable=False, default=""),
    Column("queued", Float, nullable=False),
    Column("taken", Integer, nullable=False, default=0),
    Index("ix_grading_jobs_state", "state"),
    Index("ix_grading_jobs_taken", "taken"),
    Index("ix_grading_jobs_turn", "owner", "taken"),
)
"""`queued`: when, in seconds of the epoch. `taken`: the number of the turn in which it was leased last, or 0."""
grades = Table(
    "grades",
    metadata,
    *_of_interview(),
    Column("exchange", Integer, primary_key=True),
    Column("grade", JSON, nullable=False),
)
drafts = Table(
    "drafts",
    metadata,
    *_of_interview(),
    Column("text", Text, nullable=False),
)
guides = Table(
    "guides",
    metadata,
    _owner(),
    Column("id", Word, primary_key=True),
    Column("title", Text, nullable=False),
    Column("company", Word, nullable=False),
    Column("passages", JSON, nullable=False),
    Column("added", Word, nullable=False),
)
stories = Table(
    "stories",
    metadata,
    _owner(),
    Column("id", Word, primary_key=True),
    Column("title", Text, nullable=False),
    Column("fields", JSON, nullable=False),
    Column("changed", Word, nullable=False),
)
checklist = Table(
    "checklist",
    metadata,
    _owner(),
    Column("item", Word, primary_key=True),
    Column("ticked_at", Word, nullable=False),
)
drill_cards = Table(
    "drill_cards",
    metadata,
    _owner(),
    Column("key", Word, primary_key=True),
    Column("card", Text, nullable=False),
    Column("due", Word, nullable=False),
)
drill_reviews = Table(
    "drill_reviews",
    metadata,
    _owner(),
    Column("id", Word, primary_key=True),
    Column("key", Word, nullable=False),
    Column("at", Word, nullable=False),
    Column("rating", Integer, nullable=False),
    Column("payload", JSON, nullable=False),
)
self_ratings = Table(
    "self_ratings",
    metadata,
    *_of_interview(),
    Column("scores", JSON, nullable=False),
    Column("at", Word, nullable=False),
)
opinions = Table(
    "opinions",
    metadata,
    *_of_interview(),
    Column("exchange", Integer, primary_key=True),
    Column("check_id", Word, primary_key=True),
    Column("agrees", Boolean, nullable=False),
    Column("note", Text, nullable=False),
    Column("at", Word, nullable=False),
)
consents = Table(
    "consents",
    metadata,
    _owner(),
    Column("host", Text, primary_key=True),
    Column("at", Word, nullable=False),
)
