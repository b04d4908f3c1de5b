"""What leaves this machine: nothing by default; to another host what the user was shown, masked where that is set."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conducting import followed, graded, until
from conftest import START_UP, ScriptedModel, Visit
from streamlit.testing.v1 import AppTest

from simulator.conductor import Conductor
from simulator.pages import shell
from simulator.program import Program
from simulator.records import LOCAL, new_id
from simulator.settings import ROOT, Settings, stays_here

TESTS = Path(__file__).parent
STORY = (
    "I ran the checkout at Wayfair. Our director, Anjali Iyer, wanted it in May and it was three weeks late. "
    "I cut the loyalty points with Anjali, which cost us $40,000 a week, and failures fell from 4% to 1%."
)
SECRETS = ("Wayfair", "Anjali", "Iyer", "40,000")

# With nothing but a loopback


ALONE = f"""
import fcntl, os, signal, socket, struct, subprocess, sys
sys.path[:0] = [{str(TESTS)!r}, {str(ROOT)!r}]
with socket.socket() as lo:  # in a new network namespace it is there, and down
    fcntl.ioctl(lo, 0x8914, struct.pack("16sh14x", b"lo", 0x41))
clean = dict(os.environ)  # what is imported here must not speak for the program
from conftest import ScriptedModel
"""
TERMINAL = (
    ALONE
    + """
with ScriptedModel() as model:
    command = [sys.executable, "-c", "from simulator.cli import main; main()", "interview", "--company", "stripe"]
    command += ["--questions", "1", "--answers", os.environ["ANSWERS"], "--json"]
    clean["SIMULATOR_BASE_URL"] = model.base_url
    sys.exit(subprocess.run([*os.environ["TRACE"].split(), *command], env=clean).returncode)
"""
)
BROWSER = (
    ALONE
    + """
from browsing import finish, send
from playwright.sync_api import sync_playwright
from evals.browser import BROWSER_OPTIONS, chromium, free_port, wait_until_up
with ScriptedModel() as model, sync_playwright() as playwright:
    port = free_port()
    clean["SIMULATOR_BASE_URL"] = model.base_url
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.port", str(port)]
    server = subprocess.Popen([*os.environ["TRACE"].split(), *command], env=clean, stdout=sys.stderr)
    try:
        wait_until_up(port)
        browser = playwright.chromium.launch(executable_path=chromium(), args=BROWSER_OPTIONS)
        page = browser.new_page()
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda socket: asked.append(socket.url))
        page.set_default_timeout(60_000)
        page.goto(f"http://127.0.0.1:{port}")
        page.get_by_role("radio", name="Stripe").click()
        page.get_by_role("button", name="Start the interview").click()
        page.get_by_label("Your answer").wait_for()
        send(page, open(os.environ["ANSWERS"]).read())
        page.get_by_text("Follow-up 1").wait_for()
        finish(page)
        page.get_by_text("Five dimensions").wait_for()
        for name in ("Your stories", "Progress", "What the guides say", "Drill follow-ups"):
            page.get_by_role("link", name=name).click()
            page.get_by_role("heading", level=1).wait_for()
        assert len(asked) > 20
        own = (f"http://127.0.0.1:{port}/", f"ws://127.0.0.1:{port}/", "data:", "blob:")
        assert [url for url in asked if not url.startswith(own)] == []
    finally:
        children = open(f"/proc/{server.pid}/task/{server.pid}/children").read().split()
        os.kill(int(children[0]) if os.environ["TRACE"] else server.pid, signal.SIGKILL)  # strace ends with it
        server.wait(60)
"""
)
CALL = re.compile(r"(?:connect|sendto|sendmsg|sendmmsg)\(.*?sa_family=AF_INET6?.*")
HERE = re.compile(r'inet_addr\("127\.|inet_pton\(AF_INET6, "::1"')


def alone(script: str, environment: dict[str, str], tmp_path: Path) -> list[str]:
    """Run the script in a network namespace of its own; every call of the program to an address, as strace saw it."""
    if sys.platform != "linux" or subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode:
        # Elsewhere, and for anyone but root, there is no network that is nothing but a loopback.
        pytest.skip("only Linux makes network namespaces, and only for root")
    traced, answers = tmp_path / "calls", tmp_path / "answers.txt"
    answers.write_text(STORY, encoding="utf-8")
    if not shutil.which("strace"):  # without it, only what fails for want of a network would be seen
        pytest.fail("This test needs strace: apt-get install strace", pytrace=False)
    trace = f"strace -f --seccomp-bpf -e trace=connect,sendto,sendmsg,sendmmsg -o {traced}"
    quiet = ("ORT_", "LANGSMITH_", "LANGCHAIN_")  # set in this process by what it has imported
    spied = {name: value for name, value in environment.items() if not name.startswith(quiet)} | {
        "ANSWERS": str(answers),
        "TRACE": trace,
        # Set by people who trace other programs of theirs.
        "LANGSMITH_TRACING": "true",
        "LANGCHAIN_TRACING_V2": "true",
        "LANGSMITH_API_KEY": "lsv2_pt_none",
    }
    command = ["unshare", "-n", sys.executable, "-c", script]
    done = subprocess.run(command, env=spied, cwd=ROOT, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return CALL.findall(traced.read_text(encoding="utf-8"))


@pytest.mark.parametrize("script", [TERMINAL, pytest.param(BROWSER, marks=pytest.mark.browser)])
def test_with_only_a_loopback_a_whole_run_works_and_calls_nothing_else(
    script: str, environment: dict[str, str], tmp_path: Path
) -> None:
    calls = alone(script, environment, tmp_path)
    assert calls  # those to the loopback at least: the spy was there
    assert [call for call in calls if not HERE.search(call)] == []


def test_a_call_to_another_address_would_be_seen() -> None:
    seen = (
        '12 connect(9, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("8.8.8.8")}, 16) = -1 ENETUNREACH\n'
        '12 connect(9, {sa_family=AF_INET6, sin6_port=htons(443), inet_pton(AF_INET6, "2606::1", &sin6_addr)}, 28)\n'
        '12 connect(9, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16) = 0\n'
    )
    assert [bool(HERE.search(call)) for call in CALL.findall(seen)] == [False, False, True]


# With another host


@pytest.fixture
def elsewhere(scripted_model: ScriptedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings with the scripted model under an address that is not this machine's, as far as an address tells."""
    monkeypatch.setenv("SIMULATOR_BASE_URL", scripted_model.base_url.replace("127.0.0.1", "0.0.0.0"))


def labels(app: AppTest) -> list[str]:
    assert not app.exception
    return [one.label for one in app.button]


def shown(app: AppTest) -> str:
    return "\n".join(str(one.value) for one in (*app.markdown, *app.caption, *app.get("html")))


def test_a_host_is_named_and_allowed_once_before_an_answer_goes_there_and_shown_what_went(
    visiting: Callable[[str], Visit], elsewhere: None, scripted_model: ScriptedModel, data_dir: Path
) -> None:
    visit = visiting("practise")
    app, host = visit(), scripted_model.base_url.split("/")[2].replace("127.0.0.1", "0.0.0.0")
    assert f"they are sent to `{host}`" in shown(app)
    assert "Priya Raman" in shown(app)  # an example of what would go out
    assert "Start the interview" not in labels(app)
    conductor = shell.conductor()
    begun = conductor.start("stripe", "quick", kind="story")
    for page in ("interview", "drill"):
        assert f"Send my answers to {host}" in labels(visiting(page)(id=begun.id))
    assert scripted_model.requests == []
    app = visit()
    next(one for one in app.button if one.label == f"Send my answers to {host}").click().run()
    assert "Start the interview" in labels(app)
    consents = conductor.records.consents
    assert consents.given(host) and not consents.given("another.host")
    followed(shell.conductor().answer(begun.id, new_id(), STORY))
    sent = shell.conductor().outbox.last
    assert [*sent] == [(one["role"], one["content"]) for one in scripted_model.requests[-1].messages]
    app = visit()  # it is not asked again
    assert f"Send my answers to {host}" not in labels(app)
    assert all(said in shown(app) for said in STORY.replace("'", "&#x27;").split(". "))


@pytest.mark.parametrize("host", ["", "127.0.0.1:8000", "localhost", "[::1]:9", "127.8.8.8"])
def test_for_this_machine_nobody_is_asked(host: str, conductor: Conductor) -> None:
    conductor.program.settings = conductor.program.settings.model_copy(update={"base_url": f"http://{host}/v1"})
    assert conductor.program.may_send("anybody")


@pytest.mark.parametrize("host", ["api.openai.com", "10.0.0.1:80", "0.0.0.0", "openai", "localhost.example.com"])
def test_for_every_other_host_each_user_is_asked(host: str, conductor: Conductor) -> None:
    program = conductor.program
    program.settings = program.settings.model_copy(update={"base_url": f"http://{host}/v1"})
    assert not program.may_send("ann")
    program.records.of("ann").consents.give(host)
    assert program.may_send("ann") and not program.may_send("ben") and not program.may_send(LOCAL)


def test_the_host_of_the_embeddings_is_named_too(conductor: Conductor) -> None:
    hosts = {}
    for model, embeddings in (("embedded", "openai:x"), ("anthropic:x", "openai:x"), ("embedded", "embedded")):
        settings = conductor.program.settings.model_copy(
            update={"base_url": "", "model": model, "embeddings": embeddings}
        )
        conductor.program.settings = settings
        hosts[model, embeddings] = conductor.program.host
    assert [*hosts.values()] == ["openai", "anthropic, openai", ""]


def test_with_masking_no_request_of_an_interview_holds_a_name_and_the_candidate_reads_their_own_words(
    settings: Settings, scripted_model: ScriptedModel
) -> None:
    conductor = Conductor(Program(settings.model_copy(update={"mask": True})))
    try:
        begun = conductor.start("stripe", "quick", kind="story")
        probe = followed(conductor.answer(begun.id, new_id(), STORY))
        quoted = re.search("“(.+?)”", probe)
        assert quoted and quoted[1] in STORY
        conductor.finish(begun.id)
        until(lambda: graded(conductor, begun.id))
        spans = [one for grade in conductor.grades(begun.id).values() for one in grade.findings.values()]
        assert all(words.text in STORY for finding in spans for words in finding.evidence)
    finally:
        conductor.program.close()
    sent = [json.dumps(request.body, ensure_ascii=False) for request in scripted_model.requests]
    assert len([one for one in sent if START_UP not in one]) > 3
    assert [secret for secret in SECRETS for one in sent if secret in one] == []
    assert any("[COMPANY_1]" in one and "4% to 1%" in one for one in sent)


@pytest.mark.parametrize(
    "host", ["", "localhost", "localhost:8080", "127.0.0.1", "127.8.9.1:80", "::1", "[::1]:8080"]
)
def test_this_machine_is_known_by_all_its_names(host: str) -> None:
    assert stays_here(host)


@pytest.mark.parametrize(
    "host",
    ["models.example", "10.0.0.7:80", "localhost.example", "2001:db8::1", "::ffff:8.8.8.8", "[2001:db8::1]:80"],
)
def test_another_machine_is_not_taken_for_this_one(host: str) -> None:
    assert not stays_here(host)
