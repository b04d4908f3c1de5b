"""The guide's page: what is known about every company, the craft, the search, and text that tries to act."""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable

import pytest
from bs4 import BeautifulSoup, Tag
from conftest import Visit, shipped
from streamlit.testing.v1 import AppTest

from simulator.library import Passage
from simulator.pages.shell import words as shared_words
from simulator.records import Guide, Records
from simulator.settings import ROOT, Settings

HOSTILE = '<img src="http://evil.example/a.png"> ![x](http://evil.example/b.png) **bold** <script>alert(1)</script>'


@pytest.fixture
def visit(visiting: Callable[[str], Visit]) -> Visit:
    return visiting("guide")


def drawn(app: AppTest) -> BeautifulSoup:
    """The HTML of the page."""
    assert not app.exception and not app.error
    return BeautifulSoup("\n".join(str(getattr(one, "value", "")) for one in app.get("html")), "html.parser")


def craft(app: AppTest) -> AppTest:
    app.segmented_control[0].set_value("craft")
    return app.run()


def search(app: AppTest, text: str) -> AppTest:
    app.text_input[0].set_value(text)
    return app.run()


def flowing(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def tags(element: Tag) -> list[str]:
    return [one.get_text() for one in element.select(".tag")]


def said(element: Tag) -> str:
    return "".join(one.get_text() for one in element.select(".said"))


def tellings(page: BeautifulSoup) -> Counter[tuple[str, str]]:
    """How often each text is on the page with each provenance, which is its first tag."""
    return Counter((flowing(said(one)), tags(one)[0]) for one in page.find_all("article"))


def once_each(passages: list[Passage]) -> Counter[tuple[str, str]]:
    return Counter((flowing(one.text), shared_words(one.provenance)) for one in passages)


@pytest.mark.parametrize("company", shipped().companies)
def test_a_company_shows_each_of_its_passages_once_and_its_numbers_with_where_they_come_from(
    visit: Visit, company: str
) -> None:
    chosen = shipped().companies[company]
    page = drawn(visit(company=company))
    own = [one for one in shipped().passages if one.kind == "company" and one.company == company]
    assert len(own) >= 20 and tellings(page) == once_each(own)
    assert all(tags(one)[1:] == [chosen.name] for one in page.find_all("article"))
    topics = [one.get_text().rpartition(" (")[0] for one in page.find_all("summary")]
    assert {"Manner", "Round", "Scoring", "Emphasis", "Principle", "Technical depth"} <= set(topics)
    assert len(topics) == len(set(topics)) == len({one.topic for one in own})

    parts, weights, principles = ([item for item in one.find_all("li")] for one in page.find_all("ul"))
    for shown, part in zip(parts, chosen.segments, strict=True):
        assert flowing(shown.get_text()).startswith(f"{part.name.capitalize()}, {part.seconds / 60:g} min")
        assert tags(shown) == [shared_words(part.provenance)]
    for shown, (dimension, weight) in zip(weights, chosen.lens.items(), strict=True):
        assert f"× {weight}" in shown.get_text()
        assert tags(shown) == [shared_words(chosen.lens_provenance[dimension])]
    assert [one.get_text() for one in principles] == list(chosen.principles)


def test_choosing_another_company_shows_it_and_a_company_that_is_unknown_is_the_first(visit: Visit) -> None:
    app = visit(company="nobody")
    first, *_, last = shipped().companies
    assert app.selectbox[0].value == first
    for company in (last, first):
        app = app.selectbox[0].set_value(company).run()
        assert app.selectbox[0].value == app.query_params["company"] == company
        assert {tags(one)[1] for one in drawn(app).find_all("article")} == {shipped().companies[company].name}


def test_the_craft_shows_each_passage_of_the_guide_once_and_a_search_for_nothing_does_too(visit: Visit) -> None:
    app = craft(visit())
    guide = [one for one in shipped().passages if one.kind == "guide"]
    assert len(guide) > 100 and tellings(drawn(app)) == once_each(guide)
    assert tellings(drawn(search(app, "   "))) == once_each(guide)


def test_a_search_finds_the_passage_that_it_means_in_the_craft_and_at_any_company(visit: Visit) -> None:
    app = search(craft(visit()), "RICE: reach times impact times confidence, divided by effort")
    found = drawn(app).find_all("article")
    assert "RICE ranks by reach" in found[0].get_text()
    assert len(found) == len(tellings(drawn(app))) == 12
    page = drawn(search(app, "Be a Cereal Entrepreneur and the other published core values"))
    first = page.find("article")
    assert isinstance(first, Tag) and "Champion the Mission" in first.get_text()
    assert tags(first) == [shared_words("company-published"), "Airbnb"]


def test_markup_in_a_guide_of_the_user_is_shown_as_text(visit: Visit, settings: Settings) -> None:
    records = Records(settings.data_dir / "interviews.db")
    records.guides.add(Guide("g1", HOSTILE, "general", (f"Heading\n{HOSTILE}",), "2026-01-01T00:00:00+00:00"))
    records.close()
    app = craft(visit())
    page = drawn(app)
    shown = page.find_all("article")[-1]
    assert said(shown) == f"Heading\n{HOSTILE}"
    assert tags(shown) == [f"from your guide “{HOSTILE}”"]
    assert HOSTILE in page.find_all("summary")[-1].get_text()
    assert not page.find_all(["img", "script", "a"])
    assert not any("evil" in str(one.value) for one in (*app.markdown, *app.caption))


def test_the_page_loads_nothing_heavy_before_it_is_asked() -> None:
    heavy = ("chromadb", "numpy", "onnxruntime", "openai", "langchain_core")
    told = f"import sys, simulator.pages.guide; print([one for one in {heavy} if one in sys.modules])"
    done = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
