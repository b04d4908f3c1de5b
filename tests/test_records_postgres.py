"""The PostgreSQL database as a server: who may connect, what is made, what its failures are called."""

import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from keeping import answered
from postgres import PASSWORD, ROLE, Server, database_of

from simulator.errors import ConfigurationError, SimulatorError, StorageError
from simulator.records import SCHEMA_VERSION, Records
from simulator.settings import ROOT, Settings


@pytest.fixture
def place(database: str) -> str:
    return database


@pytest.fixture
def server(postgres: Server, place: str) -> Iterator[Server]:
    """The server, started again where the test stopped it."""
    yield postgres
    if postgres.stopped:
        postgres.start()


def refused(place: str) -> SimulatorError:
    with pytest.raises(SimulatorError) as told:
        Records(place)
    shown = "".join(traceback.format_exception(told.value)) + repr(told.value)
    assert PASSWORD not in shown and "secret" not in shown, shown
    return told.value


def test_a_database_without_tables_gets_them_and_its_revision(place: str, postgres: Server) -> None:
    Records(place).close()
    told = "SELECT relname, relrowsecurity AND relforcerowsecurity FROM pg_class"
    tables = dict(postgres.admin(f"{told} WHERE relkind = 'r' AND relowner = '{ROLE}'::regrole", database_of(place)))
    assert len(tables) == 14 and not tables.pop("simulator_revision") and all(tables.values())
    assert postgres.admin("SELECT number FROM simulator_revision", database_of(place)) == [(SCHEMA_VERSION,)]


def test_a_database_of_a_newer_program_is_refused_and_left_alone(place: str, postgres: Server) -> None:
    records = Records(place)
    interview = answered(records)
    records.close()
    number = SCHEMA_VERSION + 1
    postgres.admin(f"UPDATE simulator_revision SET number = {number}", database_of(place))
    error = refused(place)
    assert "newer version" in error.problem and "Update" in error.fix
    assert postgres.admin("SELECT number FROM simulator_revision", database_of(place)) == [(number,)]
    assert postgres.admin("SELECT interview FROM turns", database_of(place)) == [(interview.id,)]


def test_tables_of_another_program_are_left_alone(place: str, postgres: Server) -> None:
    postgres.admin("CREATE TABLE interviews (notes text)", database_of(place))
    assert "interviews" in refused(place).problem
    names = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    assert postgres.admin(names, database_of(place)) == [("interviews",)]


@pytest.mark.parametrize("right", ["SUPERUSER", "BYPASSRLS"])
def test_a_role_that_no_wall_binds_is_refused(place: str, postgres: Server, right: str) -> None:
    postgres.admin(f"CREATE ROLE {right}_role LOGIN {right} PASSWORD '{PASSWORD}'")
    error = refused(postgres.address(database_of(place), role=f"{right.lower()}_role"))
    assert isinstance(error, ConfigurationError) and f"{right.lower()}_role" in error.problem
    assert "CREATE ROLE" in error.fix


def test_what_a_transaction_has_returned_from_is_on_disk_whatever_the_server_is_set_to(place: str) -> None:
    records = Records(place)
    with records._database.engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"
    records.close()


# The address


@pytest.mark.parametrize(
    "address",
    ["mysql://me:secret@here/db", "sqlite:///secret.db", "postgresql://me:secret@here:port/db", "secret",
     "postgresql://me:secret@here"],
)  # fmt: skip
def test_an_address_of_no_postgresql_database_is_a_setting_to_correct(address: str) -> None:
    error = refused(address)
    assert isinstance(error, ConfigurationError) and "SIMULATOR_DATABASE_URL" in error.problem


def test_a_wrong_password_a_missing_database_and_a_missing_server_are_told_without_the_password(
    place: str, postgres: Server
) -> None:
    name = database_of(place)
    assert "password authentication failed" in refused(postgres.address(name, password="secret")).problem
    assert "does not exist" in refused(postgres.address("nowhere")).problem
    nowhere = refused(f"postgresql://{ROLE}:{PASSWORD}@127.0.0.1:1/{name}")
    assert "The database" in nowhere.problem and "cannot be reached" in nowhere.problem
    assert "SIMULATOR_DATABASE_URL" in nowhere.fix


def test_the_settings_name_the_place_and_never_show_the_password(place: str, tmp_path: Path) -> None:
    settings = Settings(_env_file=None, database_url=place, data_dir=tmp_path)
    assert settings.place == place
    records = Records(settings.place)
    engine = records._database.engine
    assert PASSWORD not in f"{settings!r} {settings} {engine!r} {engine.url} {records._database.place}"
    records.close()
    assert Settings(_env_file=None, database_url="", data_dir=tmp_path).place == tmp_path / "interviews.db"


IN_A_PROCESS = """
import sys
from pathlib import Path
from simulator.errors import SimulatorError
from simulator.records import Records
loaded = lambda: [name for name in ("psycopg", "sqlalchemy.dialects.postgresql") if name in sys.modules]
Records(Path(sys.argv[1])).close()
print(loaded())
sys.modules["psycopg"] = None  # as where it is not installed
try:
    Records("postgresql://me:secret@here/db")
except SimulatorError as error:
    print(type(error).__name__, error)
"""


def test_the_driver_is_loaded_for_an_address_alone_and_a_missing_one_is_one_clear_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-c", IN_A_PROCESS, str(tmp_path / "interviews.db")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    loaded, told = done.stdout.splitlines()
    assert (loaded, done.stderr) == ("[]", "")
    assert told.startswith("ConfigurationError") and "shared" in told and "secret" not in told


# Failures


def test_a_server_that_is_gone_is_told_and_found_again_when_it_is_back(place: str, server: Server) -> None:
    records = Records(place)
    before = answered(records)
    server.stop()
    server.start()
    assert records.interviews.find(before.id) == before, "a restart that nobody noticed"
    server.stop()
    with pytest.raises(StorageError, match="cannot be reached") as told:
        records.interviews.save(before, before.advance())
    assert PASSWORD not in str(told.value)
    server.start()
    assert records.interviews.find(before.id) == before
    records.interviews.save(before, before.advance())
    records.close()


@pytest.mark.parametrize(
    ("code", "words"),
    [("53100", "the disk is full"), ("53300", "no connection free"), ("40001", "Not saved"), ("40P01", "Not saved"),
     ("57P01", "cannot be reached"), ("XX001", "Not saved")],
)  # fmt: skip
def test_what_the_server_reports_has_the_files_words_and_no_word_of_the_candidates(
    place: str, postgres: Server, code: str, words: str
) -> None:
    records = Records(place)
    before = answered(records)
    postgres.admin(
        f"CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'could not do it'"
        f" USING ERRCODE = '{code}', DETAIL = NEW.text; END $$;"
        " CREATE TRIGGER fail BEFORE INSERT ON turns FOR EACH ROW EXECUTE FUNCTION fail()",
        database_of(place),
    )
    after = before.advance().answer("t", "The unseen quokka did it.")
    with pytest.raises(StorageError, match=words) as told:
        records.interviews.save(before, after)
    assert told.value.fix
    assert "quokka" not in "".join(traceback.format_exception(told.value))
    assert records.interviews.find(before.id) == before
    records.close()


def test_a_row_that_another_program_holds_is_waited_for_and_then_told(place: str, postgres: Server) -> None:
    records = Records(place)
    before = answered(records)
    after = before.advance()
    with postgres.superuser(database_of(place)) as other:
        other.execute("BEGIN")
        other.execute("SELECT 1 FROM interviews FOR UPDATE")
        with pytest.raises(StorageError, match="lock timeout") as told:
            records.interviews.save(before, after)
        assert "try again" in told.value.fix
        waiting = threading.Thread(target=records.interviews.save, args=(before, after))
        waiting.start()
        held = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        while postgres.admin(held) == [(0,)]:
            assert waiting.is_alive(), "it did not wait"
        other.execute("ROLLBACK")
        waiting.join(timeout=60)
    assert records.interviews.find(before.id) == after
    records.close()
