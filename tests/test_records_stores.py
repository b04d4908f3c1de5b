"""What is kept beside the interviews: stories, the checklist, drills, self-ratings and contested findings."""

from pathlib import Path

import pytest
from keeping import anywhere

from simulator.errors import InputError
from simulator.interview import Question, open_interview
from simulator.records import Opinion, Records, new_id

ODD = "👨\u200d👩\u200d👧 e\u0301 'it''s'; DROP TABLE stories; -- \u202eabc\u202c {x} %s\n\n\U0010ffff"

place = anywhere()


def opened(records: Records) -> str:
    interview = open_interview(new_id(), "meta", "full", [Question("q", "Tell me.")])
    records.interviews.add(interview)
    return interview.id


# Stories


def test_a_story_comes_back_as_it_was_saved_last_and_the_last_changed_stands_first(
    kept: Records, place: Path | str
) -> None:
    fields = {"situation": ODD, "figures": [4.5, None, {"from": 4, "to": 1}], "done": True}
    kept.stories.save("s1", "First", {"situation": "old"})
    kept.stories.save("s2", "Second", {})
    kept.stories.save("s1", ODD, fields)
    again = Records(place)
    assert [(one.id, one.title, one.fields) for one in again.stories.all()] == [
        ("s1", ODD, fields),
        ("s2", "Second", {}),
    ]
    assert again.stories.find("s1") == again.stories.all()[0]
    assert again.stories.find("s1").changed > again.stories.find("s2").changed
    again.close()


def test_a_removed_story_is_gone_from_the_disk_and_others_stay(kept: Records, place: Path | str) -> None:
    kept.stories.save("s1", "Zebra crossing", {"situation": "A zebra crossed."})
    kept.stories.save("s2", "Launch", {})
    assert kept.stories.remove("s1")
    assert not kept.stories.remove("s1")
    assert [one.id for one in kept.stories.all()] == ["s2"]
    with pytest.raises(InputError):
        kept.stories.find("s1")
    if isinstance(place, Path):
        assert b"ebra" not in b"".join(file.read_bytes() for file in place.parent.iterdir())


def test_a_ticked_item_keeps_its_first_time_until_it_is_unticked(kept: Records) -> None:
    kept.stories.tick("camera")
    first = kept.stories.ticked()
    kept.stories.tick("camera")
    kept.stories.tick("water")
    assert kept.stories.ticked()["camera"] == first["camera"]
    assert set(kept.stories.ticked()) == {"camera", "water"}
    kept.stories.untick("camera")
    kept.stories.untick("never ticked")
    assert set(kept.stories.ticked()) == {"water"}


# Drills


def test_a_card_is_kept_in_place_of_the_one_before_and_the_first_due_stands_in_front(
    kept: Records, place: Path | str
) -> None:
    card = '{"card_id": 1764000000000, "stability": 2.3065000000000002, "last_review": null}'
    kept.drills.keep("action.tradeoff|uber", "{}", "2026-01-03T00:00:00+00:00")
    kept.drills.keep("context.goal|meta", "{}", "2026-01-02T00:00:00+00:00")
    kept.drills.keep("action.tradeoff|uber", card, "2026-01-01T00:00:00+00:00")
    again = Records(place)
    cards = again.drills.cards()
    assert list(cards) == ["action.tradeoff|uber", "context.goal|meta"]
    one = cards["action.tradeoff|uber"]
    assert (one.key, one.card_json, one.due) == ("action.tradeoff|uber", card, "2026-01-01T00:00:00+00:00")
    again.close()


def test_every_review_is_kept_the_oldest_first(kept: Records, place: Path | str) -> None:
    kept.drills.add_review("k", "2026-01-02T00:00:00+00:00", 3, {"answer": ODD})
    kept.drills.add_review("k", "2026-01-01T00:00:00+00:00", 1, {})
    kept.drills.add_review("k", "2026-01-02T00:00:00+00:00", 3, {"answer": ODD})
    again = Records(place)
    told = [(one.key, one.at, one.rating, one.payload) for one in again.drills.reviews()]
    later = ("k", "2026-01-02T00:00:00+00:00", 3, {"answer": ODD})
    assert told == [("k", "2026-01-01T00:00:00+00:00", 1, {}), later, later]
    assert len({one.id for one in again.drills.reviews()}) == 3
    again.close()


# Opinions


def test_an_interview_is_rated_once_and_the_first_rating_counts(kept: Records) -> None:
    first, second = opened(kept), opened(kept)
    assert kept.opinions.self_rating(first) is None
    kept.opinions.rate(first, {"ownership": 3.5})
    with pytest.raises(InputError, match="rated"):
        kept.opinions.rate(first, {"ownership": 4.0})
    kept.opinions.rate(second, {"ownership": 2.0, "data use": 1.0})
    rating = kept.opinions.self_rating(first)
    assert rating is not None and (rating.interview, rating.scores) == (first, {"ownership": 3.5})
    assert [(one.interview, one.scores) for one in kept.opinions.self_ratings()] == [
        (first, {"ownership": 3.5}),
        (second, {"ownership": 2.0, "data use": 1.0}),
    ]


def test_an_opinion_on_a_finding_replaces_the_one_before(kept: Records) -> None:
    interview, other = opened(kept), opened(kept)
    kept.opinions.contest(interview, 1, "context.goal", False, "I said so.")
    kept.opinions.contest(interview, 0, "result.baseline", True)
    kept.opinions.contest(other, 0, "context.goal", False)
    kept.opinions.contest(interview, 1, "context.goal", True, ODD)
    told = kept.opinions.opinions(interview)
    assert told == [
        Opinion(interview, 0, "result.baseline", True, "", told[0].at),
        Opinion(interview, 1, "context.goal", True, ODD, told[1].at),
    ]
    assert {(one.interview, one.exchange, one.check_id) for one in kept.opinions.all_opinions()} == {
        (interview, 0, "result.baseline"),
        (interview, 1, "context.goal"),
        (other, 0, "context.goal"),
    }


def test_opinions_are_forgotten_with_their_interview_and_none_is_kept_of_a_missing_one(
    kept: Records, place: Path | str
) -> None:
    gone, stays = opened(kept), opened(kept)
    for interview in (gone, stays):
        kept.opinions.rate(interview, {"ownership": 3.0})
    kept.opinions.contest(gone, 0, "context.goal", False, "The zebra did it.")
    kept.interviews.remove(gone)
    assert [one.interview for one in kept.opinions.self_ratings()] == [stays]
    assert kept.opinions.all_opinions() == []
    if isinstance(place, Path):
        assert b"zebra" not in b"".join(file.read_bytes() for file in place.parent.iterdir())
    with pytest.raises(InputError, match="no interview"):
        kept.opinions.rate(gone, {"ownership": 3.0})
    with pytest.raises(InputError, match="no interview"):
        kept.opinions.contest(gone, 0, "context.goal", True)
    with pytest.raises(InputError, match="no interview"):
        kept.interviews.keep_draft(gone, "too late")
