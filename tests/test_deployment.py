"""All of deploy/compose.yaml as processes: two pages behind nginx, two workers, one PostgreSQL; some are killed."""

import base64
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import psycopg
import pytest
import yaml
from browsing import SLOW_MS, finish, send
from conducting import until
from conftest import ScriptedModel, judging
from fault_server import Messages
from keeping import answered
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect
from telling import ANSWER, OTHER
from test_threats_socket import UPGRADE

from deploy.daemons import HERE
from deploy.local import PAGES, WORKERS, Deployment
from simulator.records import Records

SHORT_LEASES = """
from simulator import grading
from simulator.records import jobs
jobs.LEASE_SECONDS, grading._POLL_SECONDS = 3, 0.5
from simulator.cli import main
main()
"""
"""The program, with leases so short that a take-over is seen soon."""
Ask = Callable[[str], list[tuple[Any, ...]]]
USERS = tuple(f"user{number}" for number in range(16))
AUDIT = """
CREATE TABLE audit (interview text, exchange integer);
GRANT INSERT ON audit TO simulator;
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO audit VALUES (new.interview, new.exchange); RETURN new; END $$;
CREATE TRIGGER graded AFTER INSERT OR UPDATE ON grades FOR EACH ROW EXECUTE FUNCTION note();
"""
"""PostgreSQL itself notes every grade that is ever written."""
pytestmark = pytest.mark.browser


class SlowModel(ScriptedModel):
    """A scripted model whose verdicts wait while it is held."""

    def __init__(self) -> None:
        super().__init__()
        self.free = threading.Event()
        self.free.set()
        judge = judging()

        def reply(messages: Messages, parameters: dict[str, object]) -> str | float:
            if parameters.get("logprobs"):
                self.free.wait(60)
            return judge(messages, parameters)

        self.reply = reply


@pytest.fixture(scope="module")
def model() -> Iterator[SlowModel]:
    with SlowModel() as found:
        yield found
        found.free.set()


@pytest.fixture(scope="module")
def deployment(model: SlowModel, ready_index: Path) -> Iterator[Deployment]:
    for needed, package in {"nginx": "nginx-light", "openssl": "openssl", "psql": "postgresql"}.items():
        if not shutil.which(needed, path="/usr/sbin:/usr/bin"):
            pytest.fail(f"These tests need {needed}: apt-get install {package}", pytrace=False)
    path = Path(mkdtemp(prefix="deployment-"))
    settings = {"SIMULATOR_MODEL": "fake", "SIMULATOR_BASE_URL": model.base_url}
    found = Deployment(path, settings, (sys.executable, "-c", SHORT_LEASES), ready_index)
    for name in USERS:
        found.add_user(name, password(name))
    with found:
        yield found
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def ask(deployment: Deployment) -> Iterator[Ask]:
    """Rows of the database as its administrator, whom no wall holds; every grade that is written leaves a note."""
    with closing(psycopg.connect(address_of(deployment, "postgres", "database_admin_password"))) as connection:
        connection.autocommit = True
        connection.execute(AUDIT)
        yield lambda sql: connection.execute(sql).fetchall()  # type: ignore[arg-type]  # texts of this file


def address_of(deployment: Deployment, role: str, secret: str) -> str:
    told = (deployment.secrets / secret).read_text(encoding="utf-8").strip()
    return f"postgresql://{role}:{told}@127.0.0.1:{deployment.ports['database']}/simulator"


def password(name: str) -> str:
    return f"password of {name}"


class Visitor:
    """One user's browser."""

    def __init__(self, browser: Browser, deployment: Deployment, name: str, path: str = "", **headers: str) -> None:
        self.name = name
        self.context: BrowserContext = browser.new_context(
            http_credentials={"username": name, "password": password(name)}, extra_http_headers=headers
        )
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(SLOW_MS)
        self.complaints: list[str] = []
        self.page.on("console", self._hear)
        self.page.goto(deployment.address + path)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    @property
    def seat(self) -> str:
        """The page process that its websocket went to last."""
        cookies = {str(one.get("name")): str(one.get("value")) for one in self.context.cookies()}
        return f"page-{cookies['simulator_seat']}"

    def begin(self) -> None:
        self.page.get_by_role("radio", name="Stripe").click()
        self.page.get_by_role("button", name="Start the interview").click()
        self.page.get_by_label("Your answer").wait_for()

    def answer(self, text: str, follow_up: int) -> None:
        send(self.page, text)
        self.page.get_by_text(f"Follow-up {follow_up}").wait_for()


def seat_of(name: str, deployment: Deployment) -> str:
    """The page process that a user's first websocket goes to."""
    wire = HTTPConnection("127.0.0.1", deployment.ports["proxy"], timeout=SLOW_MS / 1000)
    key = base64.b64encode(f"{name}:{password(name)}".encode()).decode()
    lines = dict(line.split(": ", 1) for line in UPGRADE)
    wire.request("GET", "/_stcore/stream", headers=lines | {"Authorization": f"Basic {key}"})
    with closing(wire.getresponse()) as reply:
        found = re.match(r"simulator_seat=(\w+);", reply.getheader("Set-Cookie", ""))
    wire.close()
    assert found and reply.status == 101
    return f"page-{found[1]}"


@pytest.fixture(scope="module")
def visitors(browser: Browser, deployment: Deployment) -> Iterator[dict[str, Visitor]]:
    """A visitor at each page process, in an interview with one follow-up asked."""
    named: dict[str, str] = {}
    for name in USERS[:-1]:
        if set(named) != set(PAGES):
            named.setdefault(seat_of(name, deployment), name)
    assert set(named) == set(PAGES)
    found = {place: Visitor(browser, deployment, named[place]) for place in PAGES}
    for visitor, text in zip(found.values(), (ANSWER, OTHER), strict=True):
        visitor.begin()
        visitor.answer(text, 1)
    yield found
    for visitor in found.values():
        visitor.context.close()


def test_a_user_sees_their_own_and_nothing_of_another(visitors: dict[str, Visitor], ask: Ask) -> None:
    one, two = visitors.values()
    assert one.page.get_by_text(f"Signed in as {one.name}").count() == 1
    assert one.page.get_by_text(f"Signed in as {two.name}").count() == 0
    other = one.context.new_page()
    other.set_default_timeout(SLOW_MS)
    other.goto(two.page.url)  # its id is known
    other.get_by_text("There is no interview with this address").wait_for()
    assert not re.search("Lyon|scanner", other.content())
    other.close()
    for place, visitor in visitors.items():
        assert visitor.seat == place
        assert visitor.complaints == []  # the browser was never told to load what it may not
    owners = ask("SELECT owner, count(*) FROM interviews GROUP BY owner")
    assert sorted(owners) == sorted((visitor.name, 1) for visitor in visitors.values())


def test_nobody_gets_in_beside_the_proxy_or_as_another(
    browser: Browser, visitors: dict[str, Visitor], deployment: Deployment
) -> None:
    victim = visitors["page-one"]
    path = victim.page.url.removeprefix(deployment.address)
    forged = {"X-Forwarded-User": victim.name, "X-Proxy-Secret": "guessed"}
    thief = Visitor(browser, deployment, USERS[-1], path, **forged)
    thief.page.get_by_text("There is no interview with this address").wait_for()
    thief.page.get_by_text(f"Signed in as {thief.name}").wait_for()
    thief.page.goto(f"http://127.0.0.1:{deployment.ports['page-one']}{path}")
    thief.page.get_by_text("This page is reached through its proxy alone").wait_for()
    assert "checkout" not in thief.page.content()
    thief.context.close()


def test_when_a_page_process_dies_the_other_shows_the_same_place_and_goes_on(
    visitors: dict[str, Visitor], deployment: Deployment
) -> None:
    moved, stays = visitors["page-one"], visitors["page-two"]
    typed = "I told our director in the second week, because only she could move the date."
    page = moved.page
    page.get_by_label("Your answer").fill(typed)
    page.get_by_label("Your answer").blur()
    page.get_by_text("15 words").wait_for()
    address = page.url
    deployment.kill("page-one")
    try:
        page.reload()
        page.get_by_text("Follow-up 1").wait_for()
        page.get_by_text("checkout migration was three weeks behind").wait_for()
        assert page.url == address
        expect(page.get_by_label("Your answer")).to_have_value(typed)
        assert moved.seat == "page-two"
        page.get_by_role("button", name="Send answer").click()
        page.get_by_text("Follow-up 2").wait_for()
        stays.answer("I had the night shift count both belts for a week, and they agreed.", 2)
        assert stays.complaints == []
    finally:
        deployment.start("page-one")
        deployment.wait_for("page-one")


def test_when_a_worker_dies_in_the_middle_every_answer_is_graded_once(
    visitors: dict[str, Visitor], deployment: Deployment, model: SlowModel, ask: Ask
) -> None:
    model.free.clear()
    queued = set(_queue(deployment, 12))
    for visitor in visitors.values():
        finish(visitor.page)
    until(lambda: ask("SELECT count(DISTINCT worker) FROM grading_jobs WHERE state = 'running'") == [(2,)])
    deployment.kill("worker-one")
    model.free.set()
    until(lambda: ask("SELECT count(*) FROM grading_jobs WHERE state NOT IN ('done', 'failed')") == [(0,)])
    for visitor in visitors.values():
        visitor.page.get_by_text("Five dimensions").wait_for()
    assert ask("SELECT count(*) FROM grading_jobs WHERE state = 'failed'") == [(0,)]
    assert ask("SELECT sum(attempts) - count(*) FROM grading_jobs") == [(1,)]  # the one in hand
    noted = ask("SELECT interview, exchange FROM audit")
    assert len(noted) == len(set(noted)) == len(queued) + len(visitors)
    assert queued <= {interview for interview, _ in noted}
    assert sorted(ask("SELECT interview, exchange FROM grades")) == sorted(noted)


def _queue(deployment: Deployment, number: int) -> list[str]:
    """Answers of two more users that wait for their grades."""
    with closing(Records(address_of(deployment, "simulator", "database_password"))) as records:
        return [answered(records.of(f"owner{one % 2}"), ANSWER, grade=(0,)).id for one in range(number)]


def test_a_backup_of_the_running_database_holds_all_and_can_be_put_back(
    visitors: dict[str, Visitor], deployment: Deployment, ask: Ask, tmp_path: Path
) -> None:
    file = tmp_path / "simulator.dump"
    with file.open("wb") as copy:
        _run(deployment, "pg_dump", "--format=custom", "simulator", stdout=copy)
    _run(deployment, "createdb", "--owner=simulator", "restored")
    _run(deployment, "pg_restore", "--exit-on-error", "--dbname=restored", str(file))
    address = address_of(deployment, "postgres", "database_admin_password")
    with closing(psycopg.connect(address.replace("/simulator", "/restored"))) as restored:
        tables = "SELECT relname, relforcerowsecurity FROM pg_class WHERE relkind = 'r' AND relname !~ '^(pg|sql)_'"
        found = ask(f"{tables} ORDER BY 1")
        assert restored.execute(f"{tables} ORDER BY 1").fetchall() == found
        assert sum(walled for _, walled in found) > 10
        for table, _ in found:
            whole = f"SELECT count(*), md5(string_agg(one::text, '|' ORDER BY one::text)) FROM {table} AS one"
            assert restored.execute(whole).fetchall() == ask(whole), table


def _run(deployment: Deployment, *command: str, **given: Any) -> None:
    subprocess.run(command, env=deployment.database.environment, check=True, **given)


def test_no_log_holds_a_secret_a_password_or_a_word_of_an_answer(
    visitors: dict[str, Visitor], deployment: Deployment
) -> None:
    secrets = [one.read_text(encoding="utf-8").strip() for one in deployment.secrets.iterdir()]
    hidden = [one for one in secrets if one] + [password(name) for name in USERS]
    hidden += ["checkout migration", "Lyon", "night shift", "director in the second week"]
    logs = {one.name: one.read_text(encoding="utf-8") for one in deployment.folder.path.glob("*.log")}
    logs["proxy"] = deployment.proxy.logged
    assert set(logs) >= {f"{name}.log" for name in (*PAGES, *WORKERS, "database")}
    assert [visitor.name for visitor in visitors.values() if visitor.page.url.split("id=")[1] in logs["proxy"]] == []
    for name, text in logs.items():
        assert [one for one in hidden if one in text] == [], name


def test_told_to_stop_every_process_ends_in_peace(deployment: Deployment, model: SlowModel) -> None:
    deployment.stop()
    ended = {name: process.returncode for name, process in deployment.processes.items() if name != "worker-one"}
    assert ended == dict.fromkeys(ended, 0)


# The file for containers


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((HERE / "compose.yaml").read_text(encoding="utf-8"))
    return found


def test_every_container_is_watched_started_again_and_told_of_its_secrets_in_files(compose: dict[str, Any]) -> None:
    kept = {*compose["secrets"]}
    for name, service in compose["services"].items():
        assert service["restart"] == "unless-stopped", name
        assert service["healthcheck"]["test"][0] == "CMD", name
        assert set(service["secrets"]) <= kept, name
        assert re.fullmatch(r"[a-z-]+(:[\d.]+)?", service["image"]), name
        told = {key for key, value in service["environment"].items() if re.search("SECRET|PASSWORD|KEY", key)}
        assert told <= {"POSTGRES_PASSWORD_FILE"}, name
        assert ":@" not in str(service) and not re.search(r"//\w+:\w", str(service["environment"])), name
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert [port for port in ports if "127.0.0.1:" not in port] == []


def test_what_is_to_be_set_and_which_files_are_read_is_told(compose: dict[str, Any]) -> None:
    told = (HERE.parent / "docs/deploy.md").read_text(encoding="utf-8")
    text = (HERE / "compose.yaml").read_text(encoding="utf-8")
    assert [name for name in set(re.findall(r"\$\{(\w+)", text)) if f"`{name}" not in told] == []
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (HERE / source).exists() or source in compose["volumes"]
    template = (HERE / "nginx.conf.template").read_text(encoding="utf-8")
    given = {*compose["services"]["proxy"]["environment"], "SIMULATOR_PROXY_SECRET"}
    assert set(re.findall(r"\$\{(\w+)\}", template)) <= given


def test_with_something_to_set_left_out_nothing_starts_and_it_says_what(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="SIMULATOR_BASE_URL"):
        Deployment(tmp_path, {"SIMULATOR_MODEL": "fake"})
