"""Five owners who do at random whatever the records let them do, with each other's ids as readily as with their own.

After every deed a second eye that knows no owner reads all rows: none but the doer's may have changed, and no word of
another's may be in what the doer was told or now has.
"""

import json
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from keeping import QUESTIONS, moved_on
from postgres import Server, database_of
from psycopg.rows import dict_row

from simulator.errors import InputError, OutOfTurnError
from simulator.interview import Interview, Next, open_interview
from simulator.records import LOCAL, Guide, Records, new_id
from simulator.records.schema import metadata

OWNERS = (LOCAL, "anna", "Anna", "anna' OR ''='", "=anna")
_SHARED = tuple("abcd")
"""Ids that several owners have: of guides, stories, cards, ticks, hosts."""
_MOST = 8
"""Interviews that an owner keeps, and reviews; who has more forgets one, or adds none."""
_OFTEN = {"do_begin": 4, "do_move": 16, "do_grade": 6, "do_retry": 6, "do_remove": 1, "do_empty": 1}
Rows = dict[str, dict[str, Any]]


class Crowd:
    """All owners of one database. `everything` reads its rows by table, past the program and past its walls."""

    def __init__(self, records: Records, everything: "Everything", seed: int) -> None:
        self._everything = everything
        self._chance = random.Random(seed)
        self._views = {owner: records.of(owner) for owner in OWNERS}
        names = [name for name in sorted(dir(self)) if name.startswith("do_")]
        self._deeds = [getattr(self, name) for name in names for _ in range(_OFTEN.get(name, 2))]
        self._before = self._rows()
        self.seen: list[str] = []
        """What went wrong: who saw or changed what of whom."""
        self.done = 0
        self.foreign = 0
        """Deeds that were tried with another owner's interview."""

    def act(self) -> None:
        """One deed of one owner, or of the worker for one."""
        owner = self._chance.choice(OWNERS)
        deed = self._chance.choice(self._deeds)
        told: Any = None
        with suppress(InputError, OutOfTurnError):
            told = deed(owner, self._views[owner])
        if isinstance(told, _Graded):
            owner, told = told.owner, None
        after = self._rows()
        self._check(f"{self.done} {deed.__name__} of {owner!r}", owner, told, after)
        self._before, self.done = after, self.done + 1

    def _check(self, what: str, owner: str, told: Any, after: Rows) -> None:
        for other in OWNERS:
            if other == owner:
                continue
            if after[other] != self._before[other]:
                self.seen.append(f"{what} changed rows of {other!r}")
            if _word(other) in repr(told) or _word(other) in repr(after[owner]):
                self.seen.append(f"{what} shows words of {other!r}")

    def _rows(self) -> Rows:
        found: Rows = {owner: {table.name: [] for table in metadata.sorted_tables} for owner in OWNERS}
        for table, rows in self._everything().items():
            for row in rows:
                found[row["owner"]][table].append(row)
        return found

    def _text(self, owner: str) -> str:
        return f"{_word(owner)} {self._chance.random()}"

    def _interview(self, owner: str) -> str:
        """The id of an interview, of this owner or of another."""
        of = self._chance.choice((owner, owner, *OWNERS))
        ids = sorted(row["id"] for row in self._before[of]["interviews"])
        chosen = self._chance.choice(ids) if ids else "none"
        self.foreign += chosen not in {row["id"] for row in self._before[owner]["interviews"]}
        return chosen

    def _shared(self) -> str:
        return self._chance.choice(_SHARED)

    def _nothing(self, owner: str, interview_id: str, told: Any) -> Any:
        """What was told of an interview; of another's it has to be nothing."""
        own = {row["id"] for row in self._before[owner]["interviews"]}
        if told and interview_id not in own:
            self.seen.append(f"{self.done}: {owner!r} was told of {interview_id}: {told!r}")
        return told

    # Interviews

    def do_begin(self, owner: str, view: Records) -> None:
        interview = open_interview(new_id(), "meta", "full", QUESTIONS)
        view.interviews.add(interview)
        kept = view.interviews.summaries()
        if len(kept) > _MOST:
            view.interviews.remove(self._chance.choice(kept).id)

    def do_move(self, owner: str, view: Records) -> Interview:
        one = self._interview(owner)
        before = self._nothing(owner, one, view.interviews.find(one))
        self._save(owner, view, before)
        return before

    def do_move_what_another_showed(self, owner: str, view: Records) -> None:
        """Whoever has another's interview in hand, say from an export, still cannot save it."""
        of = self._chance.choice(OWNERS)
        ids = [row["id"] for row in self._before[of]["interviews"]]
        if ids and of != owner:
            self._save(owner, view, self._views[of].interviews.find(self._chance.choice(ids)))

    def _save(self, owner: str, view: Records, before: Interview) -> None:
        if not before.closed:
            after = moved_on(before)
            if before.next is Next.CANDIDATE:
                after = before.answer(new_id(), self._text(owner))
            view.interviews.save(before, after, grade=[len(before.exchanges) - 1])

    def do_remove(self, owner: str, view: Records) -> None:
        view.interviews.remove(self._interview(owner))

    def do_keep_draft(self, owner: str, view: Records) -> None:
        view.interviews.keep_draft(self._interview(owner), self._text(owner))

    def do_read_interviews(self, owner: str, view: Records) -> Any:
        one = self._interview(owner)
        told = (view.interviews.draft(one), view.jobs.of(one), view.jobs.grades(one), view.opinions.opinions(one))
        for each in (*told, view.opinions.self_rating(one)):
            self._nothing(owner, one, each)
        return told, view.interviews.summaries()

    def do_retry(self, owner: str, view: Records) -> None:
        view.jobs.retry(self._interview(owner))

    def do_rate(self, owner: str, view: Records) -> None:
        view.opinions.rate(self._interview(owner), {_word(owner): self._chance.random()})

    def do_contest(self, owner: str, view: Records) -> None:
        view.opinions.contest(self._interview(owner), 0, self._shared(), True, self._text(owner))

    # What an owner keeps beside them

    def do_guides(self, owner: str, view: Records) -> Any:
        view.guides.add(Guide(self._shared(), self._text(owner), "meta", (self._text(owner),), "2026-01-01"))
        return view.guides.all()

    def do_remove_guide(self, owner: str, view: Records) -> None:
        view.guides.remove(self._shared())

    def do_stories(self, owner: str, view: Records) -> Any:
        view.stories.save(self._shared(), self._text(owner), {"goal": self._text(owner)})
        return view.stories.all(), view.stories.find(self._shared())

    def do_remove_story(self, owner: str, view: Records) -> None:
        view.stories.remove(self._shared())

    def do_tick(self, owner: str, view: Records) -> Any:
        (view.stories.tick if self._chance.random() < 0.6 else view.stories.untick)(self._shared())
        ticked = view.stories.ticked()
        if set(ticked) != {row["item"] for row in self._rows()[owner]["checklist"]}:
            self.seen.append(f"{self.done}: {owner!r} was told of ticks {ticked}")

    def do_drill(self, owner: str, view: Records) -> Any:
        view.drills.keep(self._shared(), json.dumps(self._text(owner)), "2026-01-01")
        reviews = view.drills.reviews()
        if len(reviews) < _MOST:
            view.drills.add_review(self._shared(), "2026-01-01", 3, {"said": self._text(owner)})
        return view.drills.cards(), reviews

    def do_consent(self, owner: str, view: Records) -> None:
        one = self._shared()
        if view.consents.given(one) != (one in {row["host"] for row in self._before[owner]["consents"]}):
            self.seen.append(f"{self.done}: {owner!r} was told of another's consent")
        view.consents.give(self._shared())

    def do_read_everything(self, owner: str, view: Records) -> Any:
        return view.transfer.dump(), view.opinions.all_opinions(), view.opinions.self_ratings()

    def do_take_in_what_another_exported(self, owner: str, view: Records) -> None:
        """The same ids of interviews, turns and all, in this owner's own words."""
        of = self._chance.choice(OWNERS)
        document = json.dumps(self._views[of].transfer.dump()).replace(_word(of), _word(owner))
        if self._chance.random() < 0.2:
            view.transfer.load(json.loads(document))

    def do_empty(self, owner: str, view: Records) -> None:
        if self._chance.random() < 0.2:
            view.empty()

    # The worker, who works for all

    def do_grade(self, owner: str, view: Records) -> "_Graded | None":
        worker = new_id()
        job = view.jobs.take(worker)
        if job is None:
            return None
        exchange = self._views[job.owner].interviews.find(job.interview).exchanges[job.exchange]
        if any(_word(other) in repr(exchange) for other in OWNERS if other != job.owner):
            self.seen.append(f"{self.done}: the worker graded another's words for {job.owner!r}")
        view.jobs.renew(job, worker)
        if self._chance.random() < 0.5:
            view.jobs.finish(job, worker, {"note": self._text(job.owner)})
        else:
            view.jobs.fail(job, worker, self._text(job.owner), final=self._chance.random() < 0.8)
        return _Graded(job.owner)


Everything = Callable[[], dict[str, list[dict[str, Any]]]]


@contextmanager
def second_eye(place: Path | str, server: Server) -> Iterator[Everything]:
    """Reads every row of every table, as the file has it or as the server's superuser sees it."""
    if isinstance(place, Path):
        database: Any = sqlite3.connect(place, isolation_level=None)
        database.row_factory = lambda cursor, row: dict(zip((one[0] for one in cursor.description), row, strict=True))
    else:
        database = server.superuser(database_of(place))
        database.row_factory = dict_row
    tables = metadata.sorted_tables
    queries = {one.name: f"SELECT * FROM {one.name} ORDER BY {', '.join(one.primary_key.c.keys())}" for one in tables}
    try:
        yield lambda: {name: database.execute(query).fetchall() for name, query in queries.items()}
    finally:
        database.close()


class _Graded(str):
    """The owner for whom the worker worked."""

    @property
    def owner(self) -> str:
        return str(self)


def _word(owner: str) -> str:
    """A word that only this owner writes."""
    return f"canary{OWNERS.index(owner)}wren"
