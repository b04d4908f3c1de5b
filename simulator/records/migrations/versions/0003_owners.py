"""An owner in every row and in front of every key; fair turns of grading jobs; consents.

SQLite cannot change a key in place, so every table is made anew beside the old one and filled from it. What an older
program kept is the local user's.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_TABLES = (
    "interviews", "turns", "grading_jobs", "grades", "drafts", "self_ratings", "opinions", "guides", "stories",
    "checklist", "drill_cards", "drill_reviews",
)  # fmt: skip
_JOBS_SINCE = {"queued": "(julianday('now') - 2440587.5) * 86400.0", "taken": "0"}


def upgrade() -> None:
    op.drop_index("ix_turns_interview", "turns")
    for table in _TABLES:
        op.rename_table(table, f"old_{table}")
    _make_interviews()
    _make_judged()
    _make_practice()
    for table in _TABLES:
        _fill(table, _JOBS_SINCE if table == "grading_jobs" else {})
    for table in reversed(_TABLES):  # the interviews last: nothing is left to go with them
        op.drop_table(f"old_{table}")


def _fill(table: str, new: dict[str, str]) -> None:
    kept = [column["name"] for column in sa.inspect(op.get_bind()).get_columns(f"old_{table}")]
    names, values = ", ".join(["owner", *kept, *new]), ", ".join(["''", *kept, *new.values()])
    op.execute(f"INSERT INTO {table} ({names}) SELECT {values} FROM old_{table}")


def _key(name: str, kind: Any = sa.Text) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, nullable=False)


def _kept(name: str, kind: Any = sa.Text, default: Any = None) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, server_default=default)


def _of_interview(*, primary_key: bool = True) -> tuple[Any, Any, Any]:
    keys = sa.ForeignKeyConstraint(["owner", "interview"], ["interviews.owner", "interviews.id"], ondelete="CASCADE")
    return _key("owner"), sa.Column("interview", sa.Text, primary_key=primary_key, nullable=False), keys


def _make_interviews() -> None:
    op.create_table(
        "interviews",
        *(_key("owner"), _key("id"), _kept("company"), _kept("length"), _kept("questions", sa.JSON)),
        *(_kept("asked", sa.Integer), _kept("closed", sa.Boolean), _kept("started"), _kept("version", sa.Integer)),
        *(_kept("plan", sa.JSON, "[]"), _kept("began", sa.Float, "0.0"), _kept("timed", sa.Boolean, sa.false())),
        *(_kept("starts", sa.JSON, "[]"), _kept("retry_of", default="")),
    )
    op.create_table(
        "turns",
        *_of_interview(primary_key=False),
        *(_key("id"), _kept("exchange", sa.Integer), _kept("position", sa.Integer), _kept("role"), _kept("text")),
        *(_kept("check_id"), _kept("passages", sa.JSON), _kept("said"), _kept("act", default="answer")),
        *(_kept("at", sa.Float, "0.0"), _kept("replaced", default="")),
        sa.UniqueConstraint("owner", "interview", "exchange", "position"),
    )
    op.create_table("drafts", *_of_interview(), _kept("text"))


def _make_judged() -> None:
    op.create_table(
        "grading_jobs",
        *_of_interview(),
        *(
            _key("exchange", sa.Integer),
            _kept("state"),
            _kept("attempts", sa.Integer),
            _kept("lease_until", sa.Float),
        ),
        *(_kept("worker"), _kept("error"), _kept("queued", sa.Float), _kept("taken", sa.Integer)),
    )
    op.create_index("ix_grading_jobs_state", "grading_jobs", ["state"])
    op.create_index("ix_grading_jobs_taken", "grading_jobs", ["taken"])
    op.create_index("ix_grading_jobs_turn", "grading_jobs", ["owner", "taken"])
    op.create_table("grades", *_of_interview(), _key("exchange", sa.Integer), _kept("grade", sa.JSON))
    op.create_table("self_ratings", *_of_interview(), _kept("scores", sa.JSON), _kept("at"))
    op.create_table(
        "opinions",
        *_of_interview(),
        *(_key("exchange", sa.Integer), _key("check_id"), _kept("agrees", sa.Boolean), _kept("note"), _kept("at")),
    )


def _make_practice() -> None:
    op.create_table(
        "guides",
        *(_key("owner"), _key("id"), _kept("title"), _kept("company"), _kept("passages", sa.JSON), _kept("added")),
    )
    op.create_table(
        "stories", *(_key("owner"), _key("id"), _kept("title"), _kept("fields", sa.JSON), _kept("changed"))
    )
    op.create_table("checklist", _key("owner"), _key("item"), _kept("ticked_at"))
    op.create_table("drill_cards", _key("owner"), _key("key"), _kept("card"), _kept("due"))
    op.create_table(
        "drill_reviews",
        *(_key("owner"), _key("id"), _kept("key"), _kept("at"), _kept("rating", sa.Integer)),
        _kept("payload", sa.JSON),
    )
    op.create_table("consents", _key("owner"), _key("host"), _kept("at"))
