"""Owners who share a database: none sees or changes a row of another, by the queries and by the server's walls."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from keeping import answered, anywhere
from owning import OWNERS, Crowd, second_eye
from postgres import Server, database_of
from sqlalchemy import ColumnElement, Table, and_, delete, insert, select, text, true, update
from sqlalchemy.exc import DBAPIError

from simulator.records import Guide, Records
from simulator.records.database import JOBS, View
from simulator.records.schema import consents, grading_jobs, interviews, metadata
from simulator.records.store import Store

DEEDS = int(os.environ.get("OWNERS_DEEDS", "1000"))
SEED = int(os.environ.get("OWNERS_SEED", "5"))

place = anywhere()


def crowd_of(place: Path | str, postgres: Server, deeds: int) -> Crowd:
    """What came of so many deeds."""
    records = Records(place)
    with second_eye(place, postgres) as everything:
        crowd = Crowd(records, everything, SEED)
        while crowd.done < deeds and not crowd.seen:
            crowd.act()
    records.close()
    return crowd


def test_five_owners_who_do_all_they_can_at_random_see_and_change_nothing_of_each_other(
    place: Path | str, postgres: Server
) -> None:
    crowd = crowd_of(place, postgres, DEEDS)
    assert crowd.seen == []
    assert crowd.done == DEEDS and crowd.foreign > DEEDS / 50, "hardly anyone tried"


def test_queries_that_name_no_owner_mix_them_up_in_a_file_and_not_on_a_server(
    place: Path | str, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def anybodys(self: Store, table: Table, **keys: object) -> ColumnElement[bool]:
        return and_(true(), *(table.c[name] == value for name, value in keys.items()))

    monkeypatch.setattr(Store, "_own", anybodys)
    crowd = crowd_of(place, postgres, DEEDS)
    assert bool(crowd.seen) == isinstance(place, Path), crowd.seen


def filled(records: Records, owner: str) -> None:
    """At least one row of this owner in every table."""
    view = records.of(owner)
    one = answered(view, f"I am {owner}.", grade=(0,))
    while job := view.jobs.take("w"):
        view.jobs.finish(job, "w", {"by": owner})
    view.interviews.keep_draft(one.id, owner)
    view.opinions.rate(one.id, {"ownership": 3.0})
    view.opinions.contest(one.id, 0, "context.goal", True, owner)
    view.guides.add(Guide("g", owner, "meta", (), "2026-01-01"))
    view.stories.save("s", owner, {})
    view.stories.tick("t")
    view.drills.keep("k", owner, "2026-01-01")
    view.drills.add_review("k", "2026-01-01", 3, {})
    view.consents.give("h")


@pytest.fixture
def server(database: str) -> Iterator[Records]:
    """Records of two owners on a server, each with something in every table."""
    records = Records(database)
    for owner in OWNERS[:2]:
        filled(records, owner)
    yield records
    records.close()


def counts(records: Records, view: View) -> dict[str, set[str]]:
    """Whose rows of each table a transaction with this view reads."""
    with records._database.read(view) as connection:
        return {one.name: set(connection.scalars(select(one.c.owner))) for one in metadata.sorted_tables}


def test_row_level_security_alone_shows_an_owners_transaction_only_that_owners_rows(server: Records) -> None:
    nobodys: dict[str, set[str]] = {one.name: set() for one in metadata.sorted_tables}
    for owner in OWNERS[:2]:
        assert counts(server, View(owner)) == {name: {owner} for name in nobodys}
    assert counts(server, View("mallory")) == counts(server, View()) == nobodys
    assert counts(server, JOBS) == nobodys | {"grading_jobs": set(OWNERS[:2])}
    assert counts(server, View(over="old", oldest="2026-01-01")) == nobodys
    assert counts(server, View(over="old", oldest="9999")) == nobodys | {"interviews": set(OWNERS[:2])}
    with server._database.engine.connect() as connection:  # one that a view was set in before, and one that was not
        for table in metadata.sorted_tables:
            assert connection.execute(select(table)).all() == []


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda one: one.name)
def test_row_level_security_alone_lets_no_owner_change_give_or_forget_anothers_rows(
    server: Records, postgres: Server, table: Table
) -> None:
    mine, other = View(OWNERS[1]), OWNERS[0]
    database = database_of(str(server._database.engine.url))
    theirs = f"SELECT * FROM {table.name} WHERE owner = '{other}'"
    before = postgres.admin(theirs, database)
    assert before
    with server._database.write(mine) as connection:
        name = next(column.name for column in table.c if column.name not in ("owner", "interview"))
        assert connection.execute(update(table).values({name: table.c[name]})).rowcount == 1
        row = dict(connection.execute(select(table)).mappings().one())
    for statement in (update(table).values(owner=other), insert(table).values(row | {"owner": other})):
        with pytest.raises(DBAPIError, match="row-level security"), server._database.engine.begin() as connection:
            connection.execute(text("SELECT set_config('simulator.owner', :owner, true)"), {"owner": f"={OWNERS[1]}"})
            connection.execute(statement)
    with server._database.write(mine) as connection:
        assert connection.execute(delete(table)).rowcount == 1
    assert postgres.admin(theirs, database) == before


def test_the_workers_view_neither_makes_nor_forgets_a_job_and_the_old_view_forgets_the_old_alone(
    server: Records,
) -> None:
    def done(view: View, statement: Any) -> int:
        with server._database.write(view) as connection:
            return connection.execute(statement).rowcount

    assert done(JOBS, delete(grading_jobs)) == done(JOBS, delete(interviews)) == 0
    assert done(JOBS, update(interviews).values(company="x")) == 0
    old = View(over="old", oldest="2026-01-01")
    assert done(old, delete(interviews)) == done(old, update(interviews).values(company="x")) == 0
    assert done(old, delete(consents)) == done(old, delete(grading_jobs)) == 0
    assert done(View(over="old", oldest="9999"), delete(interviews)) == 2
    assert counts(server, JOBS)["grading_jobs"] == set(), "what belongs to an interview goes with it"


def test_an_owner_is_emptied_alone(place: Path | str) -> None:
    records = Records(place)
    for owner in OWNERS:
        filled(records, owner)
    records.of(OWNERS[1]).empty()
    assert not any(records.of(OWNERS[1]).transfer.dump().values())
    assert not records.of(OWNERS[1]).consents.given("h")
    for owner in (*OWNERS[:1], *OWNERS[2:]):
        dumped = records.of(owner).transfer.dump()
        assert {name: len(rows) for name, rows in dumped.items()} == dict.fromkeys(dumped, 1)
        assert records.of(owner).consents.given("h")
    if isinstance(place, Path):
        assert b"I am anna." not in b"".join(file.read_bytes() for file in place.parent.iterdir())
    records.close()


def test_an_export_comes_in_for_another_owner_whole_and_the_first_keeps_theirs(place: Path | str) -> None:
    records = Records(place)
    anna, ben = records.of("anna"), records.of("ben")
    filled(records, "anna")
    exported = anna.transfer.dump()
    assert all(taken.left == 0 for taken in ben.transfer.load(exported).values())
    assert ben.transfer.dump() == anna.transfer.dump() == exported
    (one,) = ben.interviews.summaries()
    ben.interviews.remove(one.id)
    assert anna.transfer.dump() == exported
    records.close()


def test_old_interviews_of_every_owner_go_whoever_tells_and_new_ones_and_stories_stay(place: Path | str) -> None:
    records = Records(place)
    for owner in OWNERS:
        view = records.of(owner)
        filled(records, owner)
        rows = view.transfer.dump()
        rows["interviews"][0]["started"] = "2001-01-01T00:00:00.000000+00:00"
        view.empty()
        view.transfer.load(rows)
        answered(view)
    assert records.of("anna").interviews.expire(0) == 0
    assert records.of("anna").interviews.expire(180) == len(OWNERS)
    for owner in OWNERS:
        left = records.of(owner).transfer.dump()
        (new,) = left["interviews"]
        assert not new["grades"] and new["started"] > "2001-01-02" and len(left["stories"]) == 1
    records.close()
