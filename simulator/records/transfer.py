"""All rows of the file at once, out and in, each way in one transaction.

An interview carries what belongs to it, and comes in whole or not at all. Judges no content: who hands rows in has
checked them. A worker's lease is of this file alone and never leaves it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import Connection

from simulator.errors import InputError
from simulator.records import schema
from simulator.records.database import Database

_PARTS = (
    schema.turns,
    schema.grading_jobs,
    schema.grades,
    schema.drafts,
    schema.self_ratings,
    schema.opinions,
)
_ALONE = (schema.guides, schema.stories, schema.checklist, schema.drill_cards, schema.drill_reviews)
_STAYS = {"interviews": ("version",), "grading_jobs": ("lease_until", "worker")}
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Taken:
    """How many rows of one table came in, and how many were left because the file has one of that id."""

    added: int = 0
    left: int = 0


class Transfer:
    def __init__(self, database: Database) -> None:
        self._database = database

    def dump(self) -> dict[str, list[Row]]:
        """Every row as plain data by table; an interview's turns, jobs, grades and the like stand in its row."""
        with self._database.read() as connection:
            owned = {table.name: _by_interview(connection, table) for table in _PARTS}
            rows = _rows(connection, schema.interviews)
            whole = [row | {name: each.get(row["id"], []) for name, each in owned.items()} for row in rows]
            return {"interviews": whole} | {table.name: _rows(connection, table) for table in _ALONE}

    def load(self, tables: Mapping[str, Sequence[Row]]) -> dict[str, Taken]:
        """Take in what `dump` gave: all of it, or nothing on any error. What is there already stays as it is.

        Raises InputError when a turn of a new interview is another interview's here.
        """
        with self._database.write() as connection:
            found = [_add_interview(connection, row) for row in tables["interviews"]]
            taken = {"interviews": Taken(sum(found), len(found) - sum(found))}
            for table in _ALONE:
                added = sum(_add(connection, table, row) for row in tables[table.name])
                taken[table.name] = Taken(added, len(tables[table.name]) - added)
        return taken


def _rows(connection: Connection, table: Table) -> list[Row]:
    stays = _STAYS.get(table.name, ())
    keys = [table.c.exchange, table.c.position] if table is schema.turns else list(table.primary_key)
    query = select(*(column for column in table.c if column.name not in stays)).order_by(*keys)
    rows = [dict(row) for row in connection.execute(query).mappings()]
    for row in rows if table is schema.grading_jobs else ():
        row["state"] = "waiting" if row["state"] == "running" else row["state"]
    return rows


def _by_interview(connection: Connection, table: Table) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in _rows(connection, table):
        found.setdefault(row.pop("interview"), []).append(row)
    return found


def _add_interview(connection: Connection, row: Row) -> bool:
    own = {name: value for name, value in row.items() if name in schema.interviews.c}
    if not _add(connection, schema.interviews, own | {"version": 0}):
        return False
    ids = [turn["id"] for turn in row["turns"]]
    taken = connection.execute(select(schema.turns.c.id).where(schema.turns.c.id.in_(ids))).scalars().first()
    if taken is not None:
        raise InputError(
            f"Interview {row['id']} holds a turn, {taken}, that is another interview's here.",
            "Nothing was imported. Use a file that this program exported, unchanged.",
        )
    for table in _PARTS:
        for part in row[table.name]:
            _add(connection, table, part | {"interview": row["id"]})
    return True


def _add(connection: Connection, table: Table, row: Row) -> bool:
    """Whether the row is new."""
    return bool(connection.execute(insert(table).values(row).on_conflict_do_nothing()).rowcount)
