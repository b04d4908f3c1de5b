"""Interviews with turns, grading jobs, grades, drafts and guides: the tables before there were revisions."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _of_interview(*, primary_key: bool = True) -> sa.Column[str]:
    owner = sa.ForeignKey("interviews.id", ondelete="CASCADE")
    return sa.Column("interview", sa.String(32), owner, primary_key=primary_key, nullable=False)


def upgrade() -> None:
    op.create_table(
        "interviews",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("company", sa.String(40), nullable=False),
        sa.Column("length", sa.String(20), nullable=False),
        sa.Column("questions", sa.JSON, nullable=False),
        sa.Column("asked", sa.Integer, nullable=False),
        sa.Column("closed", sa.Boolean, nullable=False),
        sa.Column("started", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_table(
        "turns",
        sa.Column("id", sa.String(64), primary_key=True),
        _of_interview(primary_key=False),
        sa.Column("exchange", sa.Integer, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("check_id", sa.String(64), nullable=False),
        sa.Column("passages", sa.JSON, nullable=False),
        sa.Column("said", sa.String(32), nullable=False),
        sa.UniqueConstraint("interview", "exchange", "position"),
    )
    op.create_index("ix_turns_interview", "turns", ["interview"])
    op.create_table(
        "grading_jobs",
        _of_interview(),
        sa.Column("exchange", sa.Integer, primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("lease_until", sa.Float, nullable=False),
        sa.Column("worker", sa.String(40), nullable=False),
        sa.Column("error", sa.Text, nullable=False),
    )
    op.create_table(
        "grades",
        _of_interview(),
        sa.Column("exchange", sa.Integer, primary_key=True),
        sa.Column("grade", sa.JSON, nullable=False),
    )
    op.create_table("drafts", _of_interview(), sa.Column("text", sa.Text, nullable=False))
    op.create_table(
        "guides",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("company", sa.String(40), nullable=False),
        sa.Column("passages", sa.JSON, nullable=False),
        sa.Column("added", sa.String(32), nullable=False),
    )
