"""Several users of one program: nobody sees, follows, finds or is shown what is another's."""

import random
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conducting import Starts, followed, graded, until
from conftest import ScriptedModel, shipped
from langchain_core.embeddings import Embeddings
from telling import ANSWER

from simulator.conductor import Conductor
from simulator.errors import InputError, SimulatorError
from simulator.forgetting import forget_everything
from simulator.records import LOCAL, Guide, Records, new_id, passages_of
from simulator.shelves import GUIDES, Shelves

OWNERS = ["https://one.example|7", "https://two.example|7", "ann", "Ann"]
WORDS = [word for passage in shipped().passages for word in passage.text.split()]


class Places(Embeddings):
    """A place for each text that depends on its words alone; quick."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        place = [0.01] * 64
        for word in text.lower().split():
            place[sum(word.encode()) % 64] += 1.0
        length = sum(one * one for one in place) ** 0.5
        return [one / length for one in place]


@pytest.fixture
def users(conductors: Starts) -> Callable[[str], Conductor]:
    """One program as its users have it."""
    program = conductors().program
    return lambda owner: Conductor(program, owner)


# --- guides ----------------------------------------------------------------------------------------------


def guides_of(owner: str, lots: random.Random) -> list[Guide]:
    """Random guides of random words, some of them the same for all."""
    made = []
    for number in range(lots.randint(1, 3)):
        texts = tuple(" ".join(lots.choices(WORDS, k=40)) for _ in range(lots.randint(1, 5)))
        about = lots.choice(["general", "stripe"])
        made.append(Guide(f"{lots.getrandbits(64):016x}", f"{owner} {number}", about, texts, str(number)))
    return made


def test_whatever_guides_others_have_nobody_finds_or_is_weighed_by_any_but_the_own(tmp_path: Path) -> None:
    lots = random.Random(20)
    few = shipped().passages[::8]
    records = Records(tmp_path / "interviews.db")
    shelves = Shelves(tmp_path, few, lambda: (Places(), "places"))
    alone = Shelves(tmp_path / "alone", few, lambda: (Places(), "places"))
    own = {owner: guides_of(owner, lots) for owner in OWNERS}
    own[OWNERS[1]].append(own[OWNERS[0]][0])  # two have the same guide
    for owner, guides in own.items():
        for guide in guides:
            records.of(owner).guides.add(guide)
    searches = 0
    for _ in range(3):
        for owner in lots.sample([*OWNERS, LOCAL, "nobody's"], 6):
            passages = [one for guide in records.of(owner).guides.all() for one in passages_of(guide)]
            found, by_itself = shelves.of(owner, passages), alone.of(owner, passages)
            allowed = {guide.id for guide in own.get(owner, [])}
            for words in [lots.choice(guides).passages[0] for guides in own.values()]:
                hits = found.search(words, "stripe", 12)
                theirs = {hit.passage.id.split("/")[1] for hit in hits if hit.passage.id.startswith("user/")}
                assert theirs <= allowed
                assert hits == by_itself.search(words, "stripe", 12)
                assert {hit.passage.id.split("/")[1] for hit in found.nearest(words, "stripe", 40)} & {
                    guide.id for guides in own.values() for guide in guides
                } <= allowed
                searches += 1
            for guide in own.get(owner, []):
                assert found.search(guide.passages[0], "stripe", 5)[0].passage.id.startswith(f"user/{guide.id}/")
    assert searches == 3 * 6 * len(OWNERS)
    records.close()


def test_a_guide_that_is_removed_is_found_no_more_and_leaves_no_index(tmp_path: Path) -> None:
    shelves = Shelves(tmp_path, shipped().passages[::8], lambda: (Places(), "places"))
    guide = Guide("g", "Mine", "general", ("Ask for the zebra in the second week.",), "1")
    assert shelves.of("ann", passages_of(guide)).search(guide.passages[0], "stripe", 3)[0].passage.guide == "Mine"
    assert shelves.of("ben", []) is shelves.shipped()
    assert len([*(tmp_path / GUIDES).iterdir()]) == 1
    assert shelves.of("ann", []) is shelves.shipped()
    assert [*(tmp_path / GUIDES).iterdir()] == []


# --- rounds ----------------------------------------------------------------------------------------------


def test_of_anothers_interview_each_call_says_that_there_is_none_and_changes_nothing(
    users: Callable[[str], Conductor],
) -> None:
    ann, ben = users("ann"), users("ben")
    begun = ann.start("stripe", "quick", kind="story")
    followed(ann.answer(begun.id, "t1", ANSWER))
    before = ann.records.interviews.find(begun.id)
    with pytest.raises(InputError) as unknown:
        ben.records.interviews.find("no such id")
    tries: list[Callable[[Conductor], object]] = [
        lambda one: one.answer(begun.id, "t1", ANSWER),
        lambda one: one.answer(begun.id, "t2", "Mine, and not yours at all."),
        lambda one: one.time_up(begun.id, "t2", "x"),
        lambda one: one.move(begun.id),
        lambda one: one.finish(begun.id),
        lambda one: one.retry(begun.id, 0),
        lambda one: one.scorecard(begun.id),
        lambda one: one.records.interviews.find(begun.id),
    ]
    for other in (ben, users("Ann"), users(LOCAL)):
        for attempt in tries:
            with pytest.raises(SimulatorError) as told:
                attempt(other)
            assert str(told.value) == str(unknown.value)
        assert other.move_under_way(begun.id) is None
        assert (other.grades(begun.id), other.grading_progress(begun.id)) == ({}, {})
        assert other.records.interviews.draft(begun.id) == ""
        assert other.records.interviews.summaries() == []
    assert ann.move_under_way(begun.id) is not None
    assert ann.records.interviews.find(begun.id) == before


def test_each_user_s_answers_are_graded_and_shown_to_that_user_alone(users: Callable[[str], Conductor]) -> None:
    begun = {owner: users(owner).start("stripe", "quick", kind="story").id for owner in ("ann", "ben")}
    for owner, interview_id in begun.items():
        followed(users(owner).answer(interview_id, "same turn id of both", f"{ANSWER} I am {owner}."))
        users(owner).finish(interview_id)
    until(lambda: all(graded(users(owner), interview_id) for owner, interview_id in begun.items()))
    assert users("ann").scorecard(begun["ann"]).overall is not None
    assert users("ann").records.jobs.of(begun["ben"]) == []


# --- what goes out ---------------------------------------------------------------------------------------


def test_nobody_is_shown_what_another_sent_to_the_models_host(
    conductors: Starts, scripted_model: ScriptedModel
) -> None:
    program = conductors(base_url=scripted_model.base_url.replace("127.0.0.1", "0.0.0.0")).program
    ann, ben, told = Conductor(program, "ann"), Conductor(program, "ben"), ANSWER.split(". ")[0]
    begun = ann.start("stripe", "quick", kind="story")
    followed(ann.answer(begun.id, "t1", ANSWER))
    assert told in "\n".join(text for _, text in Conductor(program, "ann").outbox.last)
    assert ben.outbox.last == () and told not in str(program.outbox(LOCAL).last)


def test_an_answer_is_not_graded_by_a_host_that_its_user_has_not_allowed(
    conductors: Starts, scripted_model: ScriptedModel
) -> None:
    program = conductors(base_url=scripted_model.base_url.replace("127.0.0.1", "0.0.0.0")).program
    ann = Conductor(program, "ann")
    begun = ann.start("stripe", "quick", kind="story")
    followed(ann.answer(begun.id, "t1", ANSWER))
    asked = len(scripted_model.requests)
    ann.finish(begun.id)
    until(lambda: ann.records.jobs.of(begun.id)[0].state == "failed")
    assert "may not be sent to 0.0.0.0" in ann.records.jobs.of(begun.id)[0].error
    assert len(scripted_model.requests) == asked
    ann.records.consents.give(program.host)
    ann.retry_grading(begun.id)
    until(lambda: graded(ann, begun.id))


# --- how long, and not at all ----------------------------------------------------------------------------


def test_old_interviews_of_every_user_are_forgotten_at_the_start(
    conductors: Starts, users: Callable[[str], Conductor], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        long_ago = (datetime.now(UTC) - timedelta(days=200)).isoformat(timespec="microseconds")
        patch.setattr("simulator.records.interviews.now", lambda: long_ago)
        for owner in ("ann", "ben", LOCAL):
            users(owner).start("stripe", "quick")
    kept = users("ann").start("stripe", "quick").id
    started = conductors().program
    started.warm_up()
    until(lambda: not any(started.records.of(one).interviews.summaries() for one in ("ben", LOCAL)))
    assert [one.id for one in started.records.of("ann").interviews.summaries()] == [kept]


def test_one_user_deletes_everything_and_the_others_keep_theirs(
    users: Callable[[str], Conductor], data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = "Ask her for the zebra in the second week."
    shutil.rmtree(data_dir / "index")
    monkeypatch.setattr("simulator.embeddings.open_embeddings", lambda _: (Places(), "places"))
    for owner in ("ann", "ben"):
        one = users(owner)
        one.start("stripe", "quick")
        one.records.guides.add(Guide(new_id(), f"Guide of {owner}", "general", (asked,), "1"))
        assert one.index().search(asked, "stripe", 1)[0].passage.guide == f"Guide of {owner}"
    forget_everything(users("ann").program, "ann")
    assert not any(users("ann").records.transfer.dump().values())
    assert len([*(data_dir / GUIDES).iterdir()]) == 1
    assert len(users("ben").records.interviews.summaries()) == 1
    assert users("ben").index().search(asked, "stripe", 1)[0].passage.guide == "Guide of ben"
    assert all(hit.passage.provenance != "user guide" for hit in users("ann").index().search(asked, "stripe", 9))
