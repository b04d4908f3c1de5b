"""All rows of one owner at once, out and in, each way in one transaction.

An interview carries what belongs to it, and comes in whole or not at all. Judges no content: who hands rows in has
checked them. Whose rows they are and a worker's lease are this database's alone and never leave it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.engine import Connection

from simulator.errors import InputError
from simulator.records import schema
from simulator.records.store import Store

_PARTS = (
    schema.turns,
    schema.grading_jobs,
    schema.grades,
    schema.drafts,
    schema.self_ratings,
    schema.opinions,
)
_ALONE = (schema.guides, schema.stories, schema.checklist, schema.drill_cards, schema.drill_reviews)
_STAYS = {"interviews": ("version",), "grading_jobs": ("lease_until", "worker", "queued", "taken")}
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Taken:
    """How many rows of one table came in, and how many were left because the file has one of that id."""

    added: int = 0
    left: int = 0


class Transfer(Store):
    def dump(self) -> dict[str, list[Row]]:
        """Every row as plain data by table; an interview's turns, jobs, grades and the like stand in its row."""
        with self._read() as connection:
            owned = {table.name: self._by_interview(connection, table) for table in _PARTS}
            rows = self._rows(connection, schema.interviews)
            whole = [row | {name: each.get(row["id"], []) for name, each in owned.items()} for row in rows]
            return {"interviews": whole} | {table.name: self._rows(connection, table) for table in _ALONE}

    def load(self, tables: Mapping[str, Sequence[Row]]) -> dict[str, Taken]:
        """Take in what `dump` gave: all of it, or nothing on any error. What is there already stays as it is.

        Raises InputError when a turn of a new interview is another interview's here.
        """
        with self._write() as connection:
            found = [self._add_interview(connection, row) for row in tables["interviews"]]
            taken = {"interviews": Taken(sum(found), len(found) - sum(found))}
            for table in _ALONE:
                added = sum(self._add(connection, table, row) for row in tables[table.name])
                taken[table.name] = Taken(added, len(tables[table.name]) - added)
        return taken

    def _rows(self, connection: Connection, table: Table) -> list[Row]:
        stays = ("owner", *_STAYS.get(table.name, ()))
        keys = [table.c.exchange, table.c.position] if table is schema.turns else list(table.primary_key)
        query = select(*(column for column in table.c if column.name not in stays)).where(self._own(table))
        rows = [dict(row) for row in connection.execute(query.order_by(*keys)).mappings()]
        for row in rows if table is schema.grading_jobs else ():
            row["state"] = "waiting" if row["state"] == "running" else row["state"]
        return rows

    def _by_interview(self, connection: Connection, table: Table) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = {}
        for row in self._rows(connection, table):
            found.setdefault(row.pop("interview"), []).append(row)
        return found

    def _add_interview(self, connection: Connection, row: Row) -> bool:
        own = {name: value for name, value in row.items() if name in schema.interviews.c}
        if not self._add(connection, schema.interviews, own | {"version": 0}):
            return False
        moment, ids = self._database.seconds(connection), [turn["id"] for turn in row["turns"]]
        known = self._own(schema.turns) & schema.turns.c.id.in_(ids)
        taken = connection.execute(select(schema.turns.c.id).where(known)).scalars().first()
        if taken is not None:
            raise InputError(
                f"Interview {row['id']} holds a turn, {taken}, that is another interview's here.",
                "Nothing was imported. Use a file that this program exported, unchanged.",
            )
        for table in _PARTS:
            for part in row[table.name]:
                self._add(connection, table, part | _queued(table, moment) | {"interview": row["id"]})
        return True

    def _add(self, connection: Connection, table: Table, row: Row) -> bool:
        """Whether the row is new."""
        new = self._database.upsert(table).values(row | {"owner": self._owner})
        return bool(connection.execute(new.on_conflict_do_nothing()).rowcount)


def _queued(table: Table, moment: float) -> Row:
    return {"queued": moment} if table is schema.grading_jobs else {}
