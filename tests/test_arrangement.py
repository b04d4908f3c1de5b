"""How the sentences of an answer stand to each other, from what each shows."""

import numpy as np

from simulator.arrangement import ASIDE, FEATURES, arrangement

CHECKS = ["context.role", "action.ownership", "anchor.ending", *ASIDE]
YES, NO = 4.0, -4.0
SETTING, SETTING_FIRST, DEED, ENDING, NEEDLESS, PACE = 0, 1, 2, 3, 4, FEATURES - 1


def arranged(*shown: str, words: int = 60) -> np.ndarray:
    """An answer of one sentence for each name, which shows that check alone ("" shows nothing)."""
    odds = np.array([[YES if check == one else NO for check in CHECKS] for one in shown], np.float32)
    return arrangement(odds, CHECKS, words)


def test_a_setting_told_first_is_told_from_one_that_is_told_late_and_from_none() -> None:
    first = arranged("context.role", "action.ownership", "anchor.ending")
    late = arranged("action.ownership", "anchor.ending", "context.role")
    none = arranged("action.ownership", "action.ownership", "anchor.ending")
    assert first[SETTING] == late[SETTING] > 0.9 > 0.1 > none[SETTING]
    assert first[SETTING_FIRST] > 0.9 > 0.1 > late[SETTING_FIRST]
    assert first[DEED] > 0.9 and first[ENDING] > 0.9


def test_what_leads_aside_counts_by_its_share_of_the_sentences() -> None:
    one = arranged("context.role", "anchor.needless", "action.ownership", "anchor.ending")
    two = arranged("context.role", "anchor.needless", "anchor.needless", "anchor.ending")
    assert 0.2 < one[NEEDLESS] < 0.3 < 0.45 < two[NEEDLESS] < 0.55


def test_the_words_a_sentence_are_told_and_an_answer_of_one_sentence_is_one() -> None:
    assert np.isclose(arranged("context.role", "", words=30)[PACE], np.log(15))
    assert arranged("").shape == (FEATURES,) and np.isfinite(arranged("", words=0)).all()


def test_a_model_that_knows_none_of_the_checks_gives_numbers_all_the_same() -> None:
    found = arrangement(np.zeros((3, 1), np.float32), ["case.figures"], 30)
    assert found[DEED] == 0.5 and found[SETTING] == found[ENDING] == found[NEEDLESS] == 0
