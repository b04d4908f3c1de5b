"""Strange text in every field that takes text: kept as it was typed, given back the same, shown as it is."""

import unicodedata
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from conducting import followed
from conftest import Visit, shipped
from past_interviews import grade, held_round, keep, said
from telling import ANSWER

from simulator.conductor import Conductor
from simulator.export import archive
from simulator.guides import read_guide
from simulator.prompts import clean
from simulator.records import Guide, Records, new_id
from simulator.settings import Settings
from simulator.stories.story import Story, fields_of

STRANGE = [
    # what a person may well type
    "naïve café Ångström", "e\u0301 o\u0308 n\u0303", "İstanbul ıI ẞß ﬁ ǅ", "Zażółć gęślą jaźń",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝕏", "日本語のテキスト", "العربية من اليمين", "עִבְרִית", "हिन्दी क्षत्रिय", "ภาษาไทย",
    "한국어 한국어", "Ελληνικά ΐ", "ქართული Ⴀ", "ትግርኛ", "👩‍👩‍👧‍👦 👍🏽 🇩🇪 🏴‍☠️", "❤️ ❤ 5️⃣", "🧑🏿‍🚀" * 9,
    "½ ² ₃ № ™ ﷽", "“quotes” ‘single’ «angled»", "— – ‑ … ·",
    # what nobody sees
    "zero\u200bwidth", "join\u2060er", "soft\u00adhyphen", "\ufeffmark", "non\u200cjoiner \u200d",
    "\u00a0no\u00a0break\u202f", "right\u202eto left\u202c", "\u2066isolate\u2069",
    "tag\U000e0041\U000e0042", "\u3164filler\uffa0", "\u2028line\u2029page",
    "nul\x00 bell\x07 escape\x1b[31m", "\x7f\x80\x9f", "tab\tvertical\x0bform\x0c",
    "\r\nends\r of\n lines\x85", "\ufffe\uffff\U0010ffff", "Z̤͔ͧ̑̓ä͖̭̈̇lͮ̒ͫǧ̗͚̚o̙̔ͮ̇͐̇" * 3,
    "a" + "\u0301" * 60, "\ue000 private \U000f0000",
    # what other programs act on
    "'; DROP TABLE turns; --", "\" OR 1=1 /*", "%s %d {0} {name} ${x} $1", "\\0 \\x00 \\u0000 \\",
    "../../etc/passwd C:\\con", "<script>alert(1)</script>", "<b>bold</b> &amp; &#0; &lt;", "=1+1",
    "@SUM(A1)", "-2+3 +1", "{{7*7}} {% raw %}", "`code` ![i](x)", "null", "None",
    "undefined NaN Infinity -0 1e400", "true false", "0x1F 1_000 ١٢٣", "[]{}()",
    "<|im_end|> [INST]",
    # what is long, or nothing but one sign
    "w" * 5_000, "very " * 900, "?!?!?!", "\N{ZERO WIDTH NON-JOINER}", ".",
]  # fmt: skip
BROKEN = ["half \ud800 a pair", "\udfff", "\udcff\udcfe.md"]
"""What no browser sends, but JSON and the names of files can hold."""


def test_there_are_sixty_strange_texts_and_no_two_are_alike() -> None:
    assert len(set(STRANGE)) == len(STRANGE) >= 60
    kinds = {unicodedata.category(character) for text in STRANGE for character in text}
    assert {"Cc", "Cf", "Cn", "Co", "Lo", "Mn", "So", "Zl", "Zp"} <= kinds


def test_an_answer_is_kept_and_given_back_but_for_what_nobody_sees(conductor: Conductor, settings: Settings) -> None:
    whole = " ".join([*[ANSWER] * 8, *STRANGE, *BROKEN])
    interview = conductor.start("stripe", "quick")
    followed(conductor.answer(interview.id, new_id(), whole))
    with closing(Records(settings.data_dir / "interviews.db")) as again:
        assert again.interviews.find(interview.id).current.turns[0].text == clean(whole)
    for text in STRANGE:
        assert seen(clean(text)) == seen(unicodedata.normalize("NFC", text))


def seen(text: str) -> list[str]:
    """The signs that are no control, format or line end."""
    return [one for one in text if unicodedata.category(one) not in ("Cc", "Cf", "Zl", "Zp")]


def test_drafts_titles_notes_and_names_come_back_to_the_letter_and_so_does_their_export(tmp_path: Path) -> None:
    here, there = Records(tmp_path / "here" / "i.db"), Records(tmp_path / "there" / "i.db")
    with closing(here), closing(there):
        for number, text in enumerate(STRANGE):
            interview = held_round([said(ANSWER)])
            keep(here, interview, grade(3))
            here.interviews.keep_draft(interview.id, text)
            assert here.interviews.draft(interview.id) == text
            here.opinions.contest(interview.id, 0, "action.risk", False, text)
            assert here.opinions.opinions(interview.id)[0].note == text
            here.stories.save(f"s{number:02}", text, fields_of(Story(goal=text, lessons=(text,))))
            found = here.stories.find(f"s{number:02}")
            assert (found.title, found.fields["goal"], found.fields["lessons"]) == (text, text, [text])
            here.guides.add(Guide(f"g{number:02}", text, "general", (text,), "2026-01-01T00:00:00+00:00"))
        assert [one.title for one in here.guides.all()] == STRANGE
        whole = archive.written(here.transfer.dump())
        there.transfer.load(archive.read(whole.encode(), shipped().companies))
        assert archive.written(there.transfer.dump()) == whole


@pytest.mark.parametrize("name", ["\u202egnp.exe", "a\nb", "=1+1", "<img src=x>", "e\u0301" * 40, "\udcff\udcfe"])
def test_a_guide_whose_file_has_a_strange_name_is_called_after_it(tmp_path: Path, name: str) -> None:
    file = tmp_path / f"{name} guide.md"
    file.write_text("ask what was cut, and what that cost the people who had counted on it.", "utf-8")
    guide = read_guide(file)
    assert guide.title == " ".join(clean(f"{name} guide").split())
    with closing(Records(tmp_path / "kept" / "i.db")) as records:
        assert records.guides.add(guide)
        assert records.guides.all() == [guide]


def test_every_title_is_shown_as_it_is_kept(visiting: Callable[[str], Visit], settings: Settings) -> None:
    with closing(Records(settings.data_dir / "interviews.db")) as records:
        for number, text in enumerate(STRANGE):
            records.stories.save(f"s{number:02}", text, fields_of(Story()))
    app = visiting("stories")()
    assert not app.exception
    shown = [BeautifulSoup(str(getattr(one, "value", "")), "html.parser").find("b") for one in app.get("html")]
    titles = {" ".join(one.get_text().split()) for one in shown if one}
    assert [text for text in STRANGE if text.strip() and " ".join(text.split()) not in titles] == []
