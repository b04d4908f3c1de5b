"""Who looks at the page: what is believed of a header and of a provider, and that each user's pages are their own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conducting import until
from conftest import Visit
from streamlit.runtime.context import ContextProxy, StreamlitHeaders
from streamlit.testing.v1 import AppTest
from telling import ANSWER

from simulator.errors import ConfigurationError, InputError
from simulator.interview import Next
from simulator.pages import shell, sign_in
from simulator.records import LOCAL, Guide, Records, new_id
from simulator.settings import ROOT, Settings, load_settings

SECRET = "a secret of some length"
Headers = Callable[..., None]
PAGES = ("practise", "drill", "stories", "progress", "guide")


@pytest.fixture
def header_settings(settings: Settings) -> Settings:
    return Settings(**settings.model_dump() | {"sign_in": "header", "proxy_secret": SECRET}, _env_file=None)


@pytest.fixture
def request_with(monkeypatch: pytest.MonkeyPatch) -> Headers:
    """What the next runs of a page find in their request."""

    def _set(*headers: tuple[str, str]) -> None:
        monkeypatch.setattr(ContextProxy, "headers", property(lambda _: StreamlitHeaders(headers)))

    return _set


# --- what is believed ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("X-Forwarded-User", "ann")],
        [("X-Forwarded-User", "ann"), ("X-Proxy-Secret", "")],
        [("X-Forwarded-User", "ann"), ("X-Proxy-Secret", SECRET[:-1])],
        [("X-Forwarded-User", "ann"), ("X-Proxy-Secret", SECRET + "x")],
        [("X-Forwarded-User", "ann"), ("X-Proxy-Secret", "\xe9" * 23)],
        [("X-Forwarded-User", "ann"), ("X-Proxy-Secret", SECRET), ("X-Proxy-Secret", "mine")],
    ],
)
def test_a_name_in_a_header_is_believed_from_nobody_but_the_proxy(
    headers: list[tuple[str, str]], header_settings: Settings, request_with: Headers
) -> None:
    request_with(*headers)
    with pytest.raises(InputError, match="through its proxy alone"):
        sign_in.user(header_settings)


@pytest.mark.parametrize(
    "names", [[], [""], ["  "], ["ann", "ben"], ["ann", "ann"], ["x" * 251], ["a\x00n"], ["a\tn"]]
)
def test_what_is_no_one_name_is_nobody_and_never_the_user_of_the_machine(
    names: list[str], header_settings: Settings, request_with: Headers
) -> None:
    request_with(("X-Proxy-Secret", SECRET), *(("X-Forwarded-User", name) for name in names))
    with pytest.raises(InputError, match="did not come"):
        sign_in.user(header_settings)


def test_the_proxy_names_the_user_in_the_header_that_is_set(header_settings: Settings, request_with: Headers) -> None:
    request_with(("x-proxy-secret", SECRET), ("x-forwarded-user", " ann "), ("Remote-User", "ben"))
    assert sign_in.user(header_settings) == sign_in.User("ann", "ann")
    other = header_settings.model_copy(update={"user_header": "Remote-User"})
    assert sign_in.user(other) == sign_in.User("ben", "ben")


def test_without_a_sign_in_headers_say_nothing(settings: Settings, request_with: Headers) -> None:
    request_with(("X-Proxy-Secret", ""), ("X-Forwarded-User", "ann"))
    assert sign_in.user(settings) == sign_in.User(LOCAL)


def test_the_same_subject_at_two_providers_is_two_users() -> None:
    claims = [{"iss": f"https://{name}.example", "sub": "7", "email": "a@b.example"} for name in ("one", "two")]
    one, two = (sign_in.told_by(each) for each in claims)
    assert (one.owner, one.name) == ("https://one.example|7", "a@b.example")
    assert two.owner == "https://two.example|7"


@pytest.mark.parametrize(
    "claims", [{"sub": "7"}, {"iss": "https://one.example"}, {"iss": "", "sub": "7"}, {"iss": ["x"], "sub": "7"}]
)
def test_claims_without_an_issuer_and_a_subject_are_nobody(claims: dict[str, object]) -> None:
    with pytest.raises(InputError, match="who you are"):
        sign_in.told_by(claims)


@pytest.mark.parametrize("secret", ["", "short"])
def test_a_header_is_not_believed_without_a_secret_of_some_length(
    secret: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # where no .env file is
    monkeypatch.setenv("SIMULATOR_SIGN_IN", "header")
    monkeypatch.setenv("SIMULATOR_PROXY_SECRET", secret)
    with pytest.raises(ConfigurationError, match="SIMULATOR_PROXY_SECRET"):
        load_settings()


# --- pages of two users ----------------------------------------------------------------------------------


@pytest.fixture
def app(
    visiting: Callable[[str], Visit], monkeypatch: pytest.MonkeyPatch, request_with: Headers
) -> Iterator[Callable[..., AppTest]]:
    """Visits of a user to one page server behind a proxy."""
    monkeypatch.setenv("SIMULATOR_SIGN_IN", "header")
    monkeypatch.setenv("SIMULATOR_PROXY_SECRET", SECRET)

    def _visit(user: str, page: str, **address: str) -> AppTest:
        request_with(("X-Proxy-Secret", SECRET), ("X-Forwarded-User", user))
        return visiting(page)(**address)

    yield _visit


def all_of(app: AppTest) -> str:
    assert not app.exception
    shown = [str(getattr(one, "value", "")) + str(getattr(one, "label", "")) for one in app.main]
    html = [str(one.value) for one in app.get("html")]
    return "\n".join([*shown, *html, *(str(one.value) for one in (*app.error, *app.caption, *app.text_area))])


def press(app: AppTest, label: str) -> AppTest:
    return next(one for one in app.button if one.label == label).click().run()


def test_two_users_of_one_server_see_their_own_and_nothing_of_each_other(
    app: Callable[..., AppTest], data_dir: Path
) -> None:
    for user in ("ann", "ben"):
        drawn = app(user, "practise")
        drawn.session_state["kind"] = "story"
        with pytest.MonkeyPatch.context() as patch:  # a page that goes to another one cannot be followed here
            gone: list[str] = []
            patch.setattr("simulator.pages.practise.go", lambda page, one="", gone=gone: gone.append(one))
            press(drawn, "Start the interview")
        mine = Records(data_dir / "interviews.db").of(user)
        mine.interviews.keep_draft(gone[0], f"Typed by {user}, not sent.")
        mine.stories.save(new_id(), f"Story of {user}", {"situation": "s"})
        mine.guides.add(Guide(new_id(), f"Guide of {user}", "general", (f"Ask {user}.",), "1"))
        assert [one.id for one in mine.interviews.summaries()] == gone
    whole = Records(data_dir / "interviews.db")
    assert whole.interviews.summaries() == []
    ids = {user: whole.of(user).interviews.summaries()[0].id for user in ("ann", "ben")}
    for user, other in (("ann", "ben"), ("ben", "ann")):
        assert f"Story of {user}" in all_of(app(user, "stories"))
        assert f"Typed by {user}" in all_of(app(user, "interview", id=ids[user]))
        craft = app(user, "guide")
        craft.session_state["guide-part"] = "craft"
        drawn = [all_of(app(user, page)) for page in PAGES] + [all_of(craft.run())]
        assert f"Guide of {user}" in drawn[-1]
        for page in ("interview", "scorecard"):
            refused = app(user, page, id=ids[other])
            assert "There is no interview with this address" in all_of(refused)
            assert not refused.button and not refused.text_area
            drawn.append(all_of(refused))
        for words in ("Story of", "Typed by", "Guide of", "Ask"):
            assert [text for text in drawn if f"{words} {other}" in text] == []


def test_what_another_deletes_or_answers_leaves_mine(app: Callable[..., AppTest], data_dir: Path) -> None:
    app("ann", "practise")
    program = shell.program()
    from simulator.conductor import Conductor

    ann = Conductor(program, "ann")
    begun = ann.start("stripe", "quick", kind="story")
    ann.answer(begun.id, "t1", ANSWER)
    until(lambda: ann.records.interviews.find(begun.id).next is Next.CANDIDATE)
    before = ann.records.interviews.find(begun.id)
    gone = app("ben", "progress")
    next(one for one in gone.button if one.label == "Delete it all").click().run()
    assert ann.records.interviews.find(begun.id) == before


def test_a_forged_name_is_shown_one_sentence_and_no_page(app: Callable[..., AppTest], request_with: Headers) -> None:
    app("ann", "practise")
    request_with(("X-Forwarded-User", "ann"), ("X-Proxy-Secret", "guessed, guessed, guessed"))
    drawn = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60).run()
    assert [one.value.split(".")[0] for one in drawn.error] == ["This page is reached through its proxy alone"]
    assert not drawn.button and not drawn.title and not drawn.sidebar.children


def test_the_page_greets_the_user_and_offers_no_lab(app: Callable[..., AppTest]) -> None:
    app("ann <b>", "practise")
    drawn = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60).run()
    told = "\n".join(str(one.value) for one in drawn.sidebar.get("html"))
    assert "Signed in as ann &lt;b&gt;" in told
    assert "Sign out" not in [one.label for one in drawn.button]  # the proxy's business
    assert "Rubric lab" not in [one.label for one in drawn.sidebar.get("page_link")]


def test_a_window_that_passes_to_another_user_keeps_nothing_of_the_first(
    app: Callable[..., AppTest], request_with: Headers
) -> None:
    app("ann", "practise")
    drawn = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60).run()
    drawn.session_state["typed"] = "by ann"
    assert drawn.run().session_state["typed"] == "by ann"
    request_with(("X-Proxy-Secret", SECRET), ("X-Forwarded-User", "ben"))
    assert "typed" not in drawn.run().session_state
