"""The scorecard as a file: Markdown and JSON, with what the candidate contests."""

import json
from dataclasses import replace

from carding import (
    COMPANY,
    CUT,
    FIRST,
    INTERVIEW,
    NAMES,
    OPENING,
    REPLY,
    RUBRIC,
    SECOND,
    card_of,
    findings,
)

from simulator.interview import Exchange, Question, Role, Turn
from simulator.rubric import Evidence
from simulator.scorecard import as_json, as_markdown, score


def test_a_contested_finding_says_so_in_both_downloads_and_changes_no_score() -> None:
    flagged = replace(FIRST, findings=findings("do.cut", "flag.vague", cited={"do.cut": CUT}))
    card = card_of({0: flagged, 1: SECOND})
    contested = {
        (0, "do.warn"): "I <b>did</b> warn\n# her",
        (0, "do.cut"): "",
        (0, "flag.vague"): "",
        (1, "do.warn"): "x",
    }
    text = as_markdown(card, INTERVIEW, COMPANY, NAMES, contested)
    assert "Warn was missing. _(contested by the candidate: I &lt;b>did&lt;/b> warn # her)_\n" in text
    assert f"“{CUT.text}” _(contested by the candidate)_\n" in text
    assert "- Vague (question 1) _(contested by the candidate)_\n" in text
    assert "- Warn (question 2) _(contested by the candidate: x)_\n" in text
    assert text.count("contested") == 4
    plain = as_json(card, INTERVIEW, contested)
    assert plain["contested"][0] == {"exchange": 0, "check": "do.warn", "note": "I <b>did</b> warn\n# her"}
    assert plain["scorecard"] == as_json(card, INTERVIEW)["scorecard"]


def test_the_markdown_tells_the_whole_card() -> None:
    text = as_markdown(card_of({0: FIRST, 1: SECOND}), INTERVIEW, COMPANY, NAMES)
    told = "**Overall 3.7** (band 3.5–3.9), bar 3.0: above (reaches the bar in 10 of 10). With Acme's weights: 3.5."
    assert told in text
    assert "| Ownership | 2.5 | 2.0–3.0 |" in text
    assert "1. **Warn** (question 1). Warn was missing. Add Warn." in text
    assert f"> {REPLY}" in text
    assert f"- **Cut** (question 1): “{CUT.text}”" in text
    asked, never = text.index("## Asked for, not shown"), text.index("## Never asked")
    assert asked < text.index("- **Learn** (question 1)") < never < text.index("- Learn (question 2)")
    assert f"**You:** {OPENING}" in text
    assert "**Interviewer:** Whom did you warn?" in text
    assert "Made by m, method w, rubric r, prompts p, rule any equal weights." in text
    assert "Not graded" not in text


def test_what_a_candidate_typed_cannot_act_in_the_markdown() -> None:
    hostile = "<script>alert(1)</script> ![x](http://a.example) | a | b |\n# Overall 4.0\n\n- one\n<!-- gone"
    turns = (Turn("t1", Role.CANDIDATE, hostile),)
    exchange = Exchange(Question("q1", "<b>What</b>\n| was late?"), turns)
    interview = replace(INTERVIEW, exchanges=(exchange,))
    cited = findings("do.cut", cited={"do.cut": Evidence(0, 0, len(hostile), hostile)})
    card = score(interview, lambda kind: RUBRIC, COMPANY, {0: replace(FIRST, findings=cited)})
    text = as_markdown(card, interview, COMPANY, NAMES)
    typed = [line for line in text.splitlines() if "alert" in line or "Overall 4.0" in line]
    assert len(typed) == 5  # three moments, the evidence and the turn, each on one line
    assert "<" not in text.replace("&lt;", "")
    assert "![x]" not in text
    assert all("\\| a \\| b \\|" in line and "# Overall 4.0 " in line for line in typed)
    assert not any(line.startswith(("# Overall", "| a", "- one")) for line in text.splitlines())


def test_the_json_survives_a_round_trip_and_holds_card_and_transcript() -> None:
    card = card_of({0: FIRST, 1: SECOND})
    plain = as_json(card, INTERVIEW)
    again = json.loads(json.dumps(plain, allow_nan=False))
    assert again == plain
    assert again["scorecard"]["overall"] == 3.7
    assert again["scorecard"]["dimensions"][0]["ratings"][0]["score"] == 3
    (cited,) = again["scorecard"]["shown"][0]["evidence"]
    turn = again["interview"]["exchanges"][0]["turns"][cited["turn"]]
    assert turn["role"] == "candidate"
    assert turn["text"][cited["start"] : cited["end"]] == cited["text"] == CUT.text
    assert json.loads(json.dumps(as_json(card_of({}), INTERVIEW)))["scorecard"]["overall"] is None
