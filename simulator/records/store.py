"""What the stores have in common: each sees one owner's rows and no others."""

from contextlib import AbstractContextManager

from sqlalchemy import ColumnElement, Table
from sqlalchemy.engine import Connection

from simulator.records.database import Database, View


class Store:
    """One part of what is kept, as one owner sees it. Every query and every new row names that owner."""

    def __init__(self, database: Database, owner: str) -> None:
        self._database = database
        self._owner = owner

    def _read(self) -> AbstractContextManager[Connection]:
        return self._database.read(View(self._owner))

    def _write(self) -> AbstractContextManager[Connection]:
        return self._database.write(View(self._owner))

    def _own(self, table: Table, **keys: object) -> ColumnElement[bool]:
        """The owner's rows of this table, with these values."""
        found: ColumnElement[bool] = table.c.owner == self._owner
        for name, value in keys.items():
            found = found & (table.c[name] == value)
        return found
