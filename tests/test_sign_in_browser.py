"""Signing in for real: a browser, the page server, a provider of OpenID Connect or a proxy in front."""

import re
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from browsing import SLOW_MS, Site, send
from joserfc.jwk import RSAKey
from oidc_server import CLIENT, CLIENT_SECRET, OidcServer
from playwright.sync_api import Browser, Page, expect
from telling import ANSWER

pytest.importorskip("authlib", reason="one of the packages for many users")


# --- a provider ------------------------------------------------------------------------------------------


@pytest.fixture
def provider() -> Iterator[OidcServer]:
    with OidcServer() as found:
        yield found


@pytest.fixture
def shared(site: Site, provider: OidcServer, tmp_path: Path) -> Site:
    """The page server, for those whom the provider signs in."""
    file = tmp_path / "secrets.toml"
    told = {
        "redirect_uri": f"{site.address}/oauth2callback",
        "cookie_secret": secrets.token_hex(),
        "client_id": CLIENT,
        "client_secret": CLIENT_SECRET,
        "server_metadata_url": f"{provider.issuer}/.well-known/openid-configuration",
    }
    file.write_text("\n".join(["[auth]", *(f'{name} = "{value}"' for name, value in told.items())]), "utf-8")
    site.kill()
    site.start(SIMULATOR_SIGN_IN="oidc", STREAMLIT_SECRETS_FILES=str(file))
    return site


def visitor(browser: Browser, site: Site) -> Page:
    page = browser.new_context().new_page()
    page.set_default_timeout(SLOW_MS)
    page.goto(site.address)
    return page


def sign_in(page: Page, name: str) -> None:
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name=name).click()


def test_two_people_sign_in_and_each_has_interviews_of_their_own(browser: Browser, shared: Site) -> None:
    ann = visitor(browser, shared)
    expect(ann.get_by_role("button", name="Sign in")).to_be_visible(timeout=SLOW_MS)
    expect(ann.get_by_role("button", name="Start the interview")).to_have_count(0)
    expect(ann.get_by_text("Drill follow-ups")).to_have_count(0)
    sign_in(ann, "Ann")
    expect(ann.get_by_text("Signed in as Ann")).to_be_visible(timeout=SLOW_MS)
    ann.get_by_role("button", name="Start the interview").click()
    ann.get_by_label("Your answer").wait_for()
    send(ann, ANSWER)
    expect(ann.get_by_text("Follow-up 1")).to_be_visible(timeout=SLOW_MS)
    address = ann.url

    nobody = visitor(browser, shared)
    nobody.goto(address)
    expect(nobody.get_by_role("button", name="Sign in")).to_be_visible(timeout=SLOW_MS)
    expect(nobody.get_by_text(ANSWER[:30])).to_have_count(0)
    sign_in(nobody, "Ben")
    ben = nobody
    expect(ben.get_by_text("Signed in as Ben")).to_be_visible(timeout=SLOW_MS)
    expect(ben.get_by_text("Your interviews will be listed here.")).to_be_visible()
    ben.goto(address)
    expect(ben.get_by_text("There is no interview with this address")).to_be_visible(timeout=SLOW_MS)

    ann.reload()
    expect(ann.get_by_text(ANSWER[:30])).to_be_visible(timeout=SLOW_MS)
    ann.get_by_role("button", name="Sign out").click()
    expect(ann.get_by_role("button", name="Sign in")).to_be_visible(timeout=SLOW_MS)
    ann.goto(address)
    expect(ann.get_by_role("button", name="Sign in")).to_be_visible(timeout=SLOW_MS)
    expect(ann.get_by_text(ANSWER[:30])).to_have_count(0)


def test_a_token_that_the_provider_did_not_make_for_this_page_signs_nobody_in(
    browser: Browser, shared: Site, provider: OidcServer
) -> None:
    for spoiled in ({"aud": "another-page"}, {"nonce": "another"}, {"exp": 1}, {"iss": "https://other.example"}, {}):
        provider.claims, provider.key = spoiled, provider.good_key
        if not spoiled:
            provider.key = RSAKey.generate_key(2048, {"kid": "1"})
        page = visitor(browser, shared)
        sign_in(page, "Ann")
        page.wait_for_url(re.compile(re.escape(shared.address)))
        page.goto(shared.address)
        expect(page.get_by_role("button", name="Sign in")).to_be_visible(timeout=SLOW_MS)
        expect(page.get_by_text("Signed in as")).to_have_count(0)


# --- a proxy ---------------------------------------------------------------------------------------------

SECRET = "shared with the proxy alone"


class Proxy:
    """Passes connections on with these headers in the first request of each, as a proxy that signs people in does."""

    def __init__(self, port: int, *headers: str) -> None:
        self._port, self._headers = port, headers
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self._pass_on, args=(self._server.accept()[0],), daemon=True).start()

    def _pass_on(self, near: socket.socket) -> None:
        far = socket.create_connection(("127.0.0.1", self._port))
        with suppress(OSError):
            first = near.recv(65_536)
            line, _, rest = first.partition(b"\r\n")
            far.sendall("\r\n".join([line.decode(), *self._headers, ""]).encode() + rest if first else b"")
            threading.Thread(target=_copy, args=(far, near), daemon=True).start()
            _copy(near, far)

    def close(self) -> None:
        self._server.close()


def _copy(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while got := one.recv(65_536):
            other.sendall(got)
    for end in (one, other):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def behind(site: Site) -> Iterator[Callable[..., str]]:
    """The page server as a proxy shows it that sends these headers."""
    site.kill()
    site.start(SIMULATOR_SIGN_IN="header", SIMULATOR_PROXY_SECRET=SECRET)
    proxies: list[Proxy] = []

    def _behind(*headers: str) -> str:
        proxies.append(Proxy(site.port, *headers))
        return proxies[-1].address

    yield _behind
    for one in proxies:
        one.close()


def test_whom_the_proxy_names_has_interviews_of_their_own_and_past_the_proxy_nobody_has(
    browser: Browser, site: Site, behind: Callable[..., str]
) -> None:
    pages: dict[str, Page] = {}
    for name in ("ann", "ben"):
        pages[name] = browser.new_context().new_page()
        pages[name].goto(behind(f"X-Forwarded-User: {name}", f"X-Proxy-Secret: {SECRET}"))
        expect(pages[name].get_by_text(f"Signed in as {name}")).to_be_visible(timeout=SLOW_MS)
    ann, ben = pages["ann"], pages["ben"]
    ann.get_by_role("button", name="Start the interview").click()
    ann.get_by_label("Your answer").wait_for()
    path = ann.url.partition("127.0.0.1")[2].partition("/")[2]
    ben.goto(f"{ben.url.rstrip('/')}/{path}")
    expect(ben.get_by_text("There is no interview with this address")).to_be_visible(timeout=SLOW_MS)
    for address in (site.address, behind("X-Forwarded-User: ann", "X-Proxy-Secret: a guess of its length  ")):
        page = browser.new_context().new_page()
        page.goto(f"{address}/{path}")
        expect(page.get_by_text("This page is reached through its proxy alone.")).to_be_visible(timeout=SLOW_MS)
        expect(page.get_by_label("Your answer")).to_have_count(0)
        expect(page.get_by_text("Drill follow-ups")).to_have_count(0)
