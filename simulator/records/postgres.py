"""The PostgreSQL database that several processes and machines share: its tables, its walls, what its errors mean.

Each transaction names its view, and row level security lets it see no row of another owner, whatever its queries
say. That wall binds no superuser and no role with BYPASSRLS, so the program refuses to run as one: give it a plain
role that owns its database. The driver (psycopg) is loaded when an address is given, and the address, which may hold
a password, is never shown.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Engine, Table, create_engine, delete, event, inspect, make_url, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from simulator.errors import ConfigurationError, SimulatorError, StorageError
from simulator.records.database import Database, View, no_interview
from simulator.records.schema import metadata

_SCHEMA_LOCK, _TURN_LOCK = 0x51AB01, 0x51AB02
_VIEW = text(
    "SELECT set_config('simulator.owner', :owner, true), set_config('simulator.over', :over, true),"
    " set_config('simulator.oldest', :oldest, true)"
)
_OWN = "owner = substr(nullif(current_setting('simulator.owner', true), ''), 2)"
"""True of no row where no owner is set: the local user's name is empty, too, but is set with a sign before it."""
_JOBS = "current_setting('simulator.over', true) = 'jobs'"
_OLD = "current_setting('simulator.over', true) = 'old' AND started < current_setting('simulator.oldest', true)"
_FULL, _TOO_MANY, _MISSING = "53100", "53300", "23503"
_HELD = {"55P03", "40001", "40P01"}
"""A lock that was not to be had, a transaction that crossed another, two that waited for each other."""
_GONE = ("08", "57P")


class PostgresServer(Database):
    """A database by its address, postgresql://user:password@host/name. Whoever comes first makes the tables."""

    def __init__(self, address: str) -> None:
        url = _url(address)
        self.place = f"The database {url.database} on {url.host or url.query.get('host') or 'this machine'}"
        self.engine = _engine(url)
        try:
            self._require_plain_role()
            self._bring_up()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def write(self, view: View) -> Iterator[Connection]:
        with self._mapped(), self.engine.connect() as connection, connection.begin():
            _look(connection, view)
            yield connection

    @contextmanager
    def read(self, view: View) -> Iterator[Connection]:
        with self._mapped(), self.engine.connect() as connection:
            connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                _look(connection, view)
                yield connection

    def upsert(self, table: Table) -> postgresql.Insert:
        return postgresql.insert(table)

    def seconds(self, connection: Connection) -> float:
        """By the server's clock: those of the machines that share it may differ."""
        return float(connection.scalar(text("SELECT extract(epoch FROM clock_timestamp())::float8")) or 0.0)

    def one_turn(self, connection: Connection) -> None:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _TURN_LOCK})

    def forget(self) -> None:
        """Removed words are gone for the program. What the server's own files and backups still hold of them is its
        administrator's: autovacuum and the age of the backups decide."""

    def empty(self, owner: str) -> None:
        with self.write(View(owner)) as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(delete(table).where(table.c.owner == owner))

    def _require_plain_role(self) -> None:
        role = text("SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        with self.read(View()) as connection:
            name, unbound = connection.execute(role).one()
        if unbound:
            raise ConfigurationError(
                f"{self.place}: the role {name} is a superuser or has BYPASSRLS, so nothing would keep one user's "
                "rows from another's.",
                "Let SIMULATOR_DATABASE_URL name a plain role: CREATE ROLE simulator LOGIN; and make it the owner of "
                "the database.",
            )

    def _alone(self, connection: Connection) -> None:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SCHEMA_LOCK})

    def _make(self, connection: Connection) -> None:
        metadata.create_all(connection, checkfirst=False)  # a table of this name would be another program's
        for statement in _walls():
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql("CREATE TABLE simulator_revision (number integer NOT NULL)")
        connection.exec_driver_sql("INSERT INTO simulator_revision VALUES (0)")

    def _revision(self, connection: Connection) -> int:
        if not inspect(connection).has_table("simulator_revision"):
            return 0
        return int(connection.exec_driver_sql("SELECT number FROM simulator_revision").scalar_one())

    def _note_revision(self, connection: Connection, revision: int) -> None:
        connection.exec_driver_sql(f"UPDATE simulator_revision SET number = {revision}")

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise self._told(error) from None  # the server's details hold whole rows

    def _told(self, error: SQLAlchemyError) -> SimulatorError:
        cause = getattr(error, "orig", None)
        code = getattr(cause, "sqlstate", None) or ""
        told = str(cause or error).splitlines()[0]
        if code == _MISSING:  # every one of them leads to an interview
            return no_interview()
        if code == _FULL:
            return StorageError(
                "Not saved: the disk is full.", "Free some space on the database's server and try again."
            )
        if code in _HELD:
            return StorageError(f"Not saved: {told}.", "Another program holds the database; try again in a moment.")
        if code == _TOO_MANY or isinstance(error, PoolTimeoutError):
            return StorageError("Not saved: the database has no connection free.", "Try again in a moment.")
        if code.startswith(_GONE) or (cause and not code):
            return StorageError(
                f"{self.place} cannot be reached: {told}.", "Check that it runs, and SIMULATOR_DATABASE_URL."
            )
        return StorageError(f"Not saved: {told}.", f"{self.place} refused it; its log says more.")


def _look(connection: Connection, view: View) -> None:
    """Let the rest of this transaction see what the view allows, and no other row."""
    owner = "" if view.owner is None else f"={view.owner}"
    connection.execute(_VIEW, {"owner": owner, "over": view.over, "oldest": view.oldest})


def _walls() -> Iterator[str]:
    """Row level security on every table, for its own owner, too: the program's role is that."""
    for table in metadata.sorted_tables:
        yield f"ALTER TABLE {table.name} ENABLE ROW LEVEL SECURITY"
        yield f"ALTER TABLE {table.name} FORCE ROW LEVEL SECURITY"
        yield f"CREATE POLICY own ON {table.name} USING ({_OWN})"
    for deed in ("SELECT", "UPDATE"):
        yield f"CREATE POLICY any_{deed} ON grading_jobs FOR {deed} USING ({_JOBS})"
    for deed in ("SELECT", "DELETE"):
        yield f"CREATE POLICY old_{deed} ON interviews FOR {deed} USING ({_OLD})"


def _url(address: str) -> URL:
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        url = None
    if url is None or url.get_backend_name() not in ("postgresql", "postgres") or not url.database:
        raise ConfigurationError(
            "SIMULATOR_DATABASE_URL is not the address of a PostgreSQL database.",
            "Write postgresql://user:password@host:5432/name, with %-escapes for odd characters in the password.",
        )
    return url.set(drivername="postgresql+psycopg")


def _engine(url: URL) -> Engine:
    given = {} if "connect_timeout" in url.query else {"connect_timeout": 5}
    try:
        engine = create_engine(
            url,
            connect_args=given,
            hide_parameters=True,
            pool_pre_ping=True,  # a server that was restarted is found again
            pool_timeout=10,
            execution_options={"preserve_rowcount": True},  # else nobody could tell whether an insert was new
        )
    except ImportError:
        raise ConfigurationError(
            "SIMULATOR_DATABASE_URL names a PostgreSQL database, but its driver is not installed.",
            "Install the extra `shared`: pip install 'interview-simulator[shared]'.",
        ) from None

    @event.listens_for(engine, "connect")
    def _promises(connection: Any, _: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '5s'")
            # What a transaction has returned from is on disk, whatever the server does for others.
            cursor.execute(
                "SELECT set_config('synchronous_commit', 'on', false)"
                " WHERE current_setting('synchronous_commit') = 'off'"
            )
        connection.commit()

    return engine
