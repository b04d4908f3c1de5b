"""Rounds with a plan and a clock, acts of turns; stories, checklist, drills, self-ratings and opinions.

Every new column has a default of the server's, so that SQLite adds it in place: no table is made anew.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# `julianday` counts days of 86,400 seconds; the epoch began on its day 2440587.5.
_BEGAN = "UPDATE interviews SET began = coalesce((julianday(started) - 2440587.5) * 86400.0, 0.0)"
_AT = """
    UPDATE turns SET at = coalesce((julianday(said) - (
        SELECT julianday(started) FROM interviews WHERE interviews.id = turns.interview
    )) * 86400.0, 0.0)
"""


def _of_interview() -> sa.Column[str]:
    owner = sa.ForeignKey("interviews.id", ondelete="CASCADE")
    return sa.Column("interview", sa.String(32), owner, primary_key=True)


def upgrade() -> None:
    _extend_interviews()
    _add_practice()
    _add_opinions()


def _extend_interviews() -> None:
    op.add_column("interviews", sa.Column("plan", sa.JSON, nullable=False, server_default="[]"))
    op.add_column("interviews", sa.Column("began", sa.Float, nullable=False, server_default="0.0"))
    op.add_column("interviews", sa.Column("timed", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("interviews", sa.Column("starts", sa.JSON, nullable=False, server_default="[]"))
    op.add_column("interviews", sa.Column("retry_of", sa.String(32), nullable=False, server_default=""))
    op.add_column("turns", sa.Column("act", sa.String(16), nullable=False, server_default="answer"))
    op.add_column("turns", sa.Column("at", sa.Float, nullable=False, server_default="0.0"))
    op.add_column("turns", sa.Column("replaced", sa.String(64), nullable=False, server_default=""))
    op.execute("UPDATE turns SET act = 'probe' WHERE role = 'interviewer'")
    op.execute(_BEGAN)
    op.execute(_AT)


def _add_practice() -> None:
    op.create_table(
        "stories",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("fields", sa.JSON, nullable=False),
        sa.Column("changed", sa.String(32), nullable=False),
    )
    op.create_table(
        "checklist",
        sa.Column("item", sa.String(80), primary_key=True),
        sa.Column("ticked_at", sa.String(32), nullable=False),
    )
    op.create_table(
        "drill_cards",
        sa.Column("key", sa.String(120), primary_key=True),
        sa.Column("card", sa.Text, nullable=False),
        sa.Column("due", sa.String(32), nullable=False),
    )
    op.create_table(
        "drill_reviews",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("key", sa.String(120), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("rating", sa.Integer, nullable=False),
        sa.Column("payload", sa.JSON, nullable=False),
    )


def _add_opinions() -> None:
    op.create_table(
        "self_ratings",
        _of_interview(),
        sa.Column("scores", sa.JSON, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
    )
    op.create_table(
        "opinions",
        _of_interview(),
        sa.Column("exchange", sa.Integer, primary_key=True),
        sa.Column("check_id", sa.String(64), primary_key=True),
        sa.Column("agrees", sa.Boolean, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
    )
