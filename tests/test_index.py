"""Retrieval with real Chroma: whose passages come back, in which order, and when an index is built."""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from pathlib import Path
from random import Random
from threading import Barrier

import numpy as np
import pytest
from chromadb.api.shared_system_client import SharedSystemClient
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.embeddings import Embeddings

from simulator import index as module
from simulator.embeddings import MODEL_ID, LocalEmbeddings
from simulator.errors import StorageError
from simulator.index import PassageIndex
from simulator.library import GENERAL, Passage

TEXTS = {
    "general": """
        probe|action.tradeoff|story|What did keeping that date cost you?
        probe|action.tradeoff|case|You are two weeks short and everything is still in the plan. What goes?
        probe|action.tradeoff|both|Which part of the release were you least happy to sign?
        probe|action.risk|story|What was the gate between the build and the customers?
        probe|action.risk|case|Which limit makes you roll back tonight?
        probe|result.baseline|story|Where did that figure stand before you began?
        probe|result.baseline|both|What had the target been, and who set it?
        probe|escalation.who|story|Whom above the team did you warn, and when?
        guide|||A post-mortem names the trigger, the detection gap and the repair, with an owner for each.
        guide|||Put the starting value beside the result, and say over which weeks it was measured.
        guide|||A feature flag lets one switch a change off without another deployment.
        guide|||Rank blocked teams by what each day of waiting costs, and say the rule aloud.
        question||story|Tell me about a project that drifted off its schedule.
        question||case|The payment service is down three days before your launch.
    """,
    "amazon": """
        probe|action.tradeoff|story|What did the customer lose through that choice?
        probe|action.risk|story|Which mechanism would have caught it without you?
        probe|result.baseline|story|What was the input metric in the week before?
        probe|escalation.who|story|Which director heard it from you first?
        company|||Two stories are asked for, and each is followed up until its facts are clear.
        company|||Deliver Results looks at the inputs that one controls, not only at the outcome.
        company|||Dive Deep asks for the detail behind an average.
        question||story|Tell me about a commitment that you had to renegotiate with a warehouse team.
    """,
    "meta": """
        probe|action.tradeoff|story|What broke because you moved that fast?
        probe|action.risk|story|What share of people saw the first version?
        probe|result.baseline|both|What did the holdout group do?
        probe|escalation.who|story|Who outside your pillar had to agree?
        company|||The round is about unblocking: who was stuck, and what you did by Friday.
        company|||Experiments are read against a holdout, and guardrails are named beforehand.
        company|||Launches are staged by country, with a dashboard that somebody watches.
        question||story|Tell me about two teams that wanted the same engineer.
    """,
    "stripe": """
        probe|action.tradeoff|story|Which merchant had to wait for it?
        probe|action.risk|story|How was the card data kept out of the logs?
        probe|result.baseline|story|What was the authorisation rate before the change?
        probe|escalation.who|story|What did you ask compliance to decide?
        company|||A money movement story has to tell how double charges were prevented.
        company|||Interviewers listen for idempotency, audit trails and a reversal path.
        company|||Written proposals are common, and a short one is respected.
        question||case|A webhook backlog has grown to nine hours. Walk me through your first thirty minutes.
    """,
}
PASSAGES = [
    Passage(f"{company}/{number}", kind, text, company, "topic", question_kind or "both", check, ask=text)
    for company, lines in TEXTS.items()
    for number, line in enumerate(lines.strip().splitlines())
    for kind, check, question_kind, text in [line.strip().split("|")]
]
QUERIES = [
    "We slipped by three weeks and I cut the export.",
    "I rolled it out behind a flag to five percent and watched the error rate.",
    "conversion went from 4.1 % to 5.0 %",
    "I told my director on the second day.",
    "The two teams both needed the same person.",
    "duplicate charges in the ledger",
    "rollback",
    "日本語の質問",
]
WORDS = st.sampled_from(
    [
        "merchant",
        "holdout",
        "director",
        "flag",
        "OR",
        "AND",
        "NOT",
        "NEAR(",
        "*",
        '"',
        "'",
        "^",
        ":",
        "-",
        "(",
        ")",
        "{x}",
        "it's",
        "a_b",
        "½",
        "🙂",
        "\x00",
        "%s",
        "launch",
    ]
)


class Counting(Embeddings):
    """Passes on to another embedding and counts the documents that it is asked for."""

    def __init__(self, inner: Embeddings) -> None:
        self.documents = 0
        self._inner = inner

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.documents += len(texts)
        return self._inner.embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        return self._inner.embed_query(text)


class Scattered(Embeddings):
    """A direction of its own for every text: cheap, and each text is nearest to itself."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        chance = Random(text)
        vector = [chance.gauss(0, 1) for _ in range(16)]
        length = math.hypot(*vector)
        return [one / length for one in vector]


@pytest.fixture(scope="module")
def embeddings() -> Embeddings:
    return LocalEmbeddings()


@pytest.fixture(scope="module")
def index(embeddings: Embeddings, tmp_path_factory: pytest.TempPathFactory) -> PassageIndex:
    return PassageIndex(tmp_path_factory.mktemp("index"), PASSAGES, embeddings, MODEL_ID)


@pytest.fixture
def counting() -> Counting:
    return Counting(Scattered())


@pytest.fixture
def opened(tmp_path: Path, counting: Counting) -> Iterator[Callable[..., PassageIndex]]:
    """Opens the index of one folder as a new process would: with nothing of Chroma left in memory."""

    def opened(passages: list[Passage] = PASSAGES, model_id: str = "scattered") -> PassageIndex:
        SharedSystemClient.clear_system_cache()
        counting.documents = 0
        return PassageIndex(tmp_path / "index", passages, counting, model_id)

    yield opened
    SharedSystemClient.clear_system_cache()


def allowed(company: str, check: str = "", kind: str = "", question_kind: str = "") -> list[Passage]:
    """What may be found, told without the index."""
    return [
        one
        for one in PASSAGES
        if one.company in (company, GENERAL)
        and check in ("", one.check)
        and kind in ("", one.kind)
        and (not question_kind or one.question_kind in (question_kind, "both"))
    ]


def assert_finds_everything(index: PassageIndex) -> None:
    """Each passage of the index is the best hit for its own words."""
    for passage in PASSAGES:
        company = "amazon" if passage.company == GENERAL else passage.company
        best = index.search(passage.text, company, 3)[0]
        assert best.passage == passage and best.score > 0.99


# Searching


def test_the_passages_of_this_test_are_as_many_as_it_says() -> None:
    assert len(PASSAGES) == 38
    assert {len(allowed(company)) for company in ("amazon", "meta", "stripe")} == {22}


@given(
    st.lists(WORDS | st.text(max_size=8), max_size=8).map(" ".join) | st.sampled_from([one.text for one in PASSAGES]),
    st.sampled_from(["amazon", "meta", "stripe", "uber", "", "general"]),
    st.integers(-1, 60),
)
@settings(max_examples=120, deadline=None, database=None)
def test_whatever_is_asked_no_passage_of_another_company_comes_back(
    index: PassageIndex, text: str, company: str, k: int
) -> None:
    hits = index.search(text, company, k)
    assert {hit.passage.company for hit in hits} <= {company, GENERAL}
    assert len({hit.passage.id for hit in hits}) == len(hits)
    assert len(hits) == (min(k, len(allowed(company))) if text.strip() and k > 0 else 0)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


@pytest.mark.parametrize("company", ["amazon", "meta", "stripe", "uber"])
@pytest.mark.parametrize("check", ["", "action.tradeoff", "result.baseline", "action.none"])
def test_filters_let_through_exactly_what_they_name(index: PassageIndex, company: str, check: str) -> None:
    for kind, question_kind in product(["", "probe", "company"], ["", "story", "case"]):
        hits = index.search("What did that cost?", company, 50, check=check, kind=kind, question_kind=question_kind)
        expected = allowed(company, check, kind, question_kind)
        assert sorted(hit.passage.id for hit in hits) == sorted(one.id for one in expected), (kind, question_kind)
        assert all(hit.passage in PASSAGES for hit in hits)


@pytest.mark.parametrize("query", QUERIES)
def test_the_same_passages_are_found_as_by_comparing_every_vector(
    index: PassageIndex, embeddings: Embeddings, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    monkeypatch.setattr(module, "LEXICAL_WEIGHT", 0.0)
    asked = np.array(embeddings.embed_query(query))
    for company, check in (("amazon", ""), ("meta", "action.risk"), ("stripe", "")):
        candidates = allowed(company, check)
        likeness = np.array(embeddings.embed_documents([one.text for one in candidates])) @ asked
        best = [candidates[at] for at in np.argsort(-likeness)[:5]]
        hits = index.search(query, company, 5, check=check)
        assert [hit.passage.id for hit in hits] == [one.id for one in best]
        assert [hit.score for hit in hits] == pytest.approx(sorted(likeness, reverse=True)[:5], abs=0.005)


def test_a_probe_is_found_by_the_moment_that_it_is_for_and_by_its_title_not_by_its_question(
    tmp_path: Path, embeddings: Embeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEXICAL_WEIGHT", 0.0)
    ask, when = "What was your gate?", "Everything went out at once, to every store."
    text = f"{ask}\n{when}\na share, a limit or a switch that was set before"
    staged = Passage("meta/first-shops-only", "probe", text, "meta", ask=ask, when=when)
    untitled = replace(staged, id="meta/77")
    index = PassageIndex(tmp_path, [*PASSAGES, staged, untitled], embeddings, MODEL_ID)
    query = "We switched all shops over the same night."
    asked, moment, title = (np.array(embeddings.embed_query(text)) for text in (query, when, "first shops only"))
    place = (1 - module.TITLE_SHARE) * moment + module.TITLE_SHARE * title
    scores = {hit.passage.id: hit.score for hit in index.search(query, "meta", 60)}
    assert scores["meta/first-shops-only"] == pytest.approx(asked @ place / np.linalg.norm(place), abs=0.005)
    assert scores["meta/77"] == pytest.approx(asked @ moment, abs=0.005)
    assert index.search(query, "meta", 1)[0].passage == staged


def test_a_plain_probe_gives_way_to_one_whose_moment_is_as_near_and_not_to_one_that_is_far(
    tmp_path: Path, embeddings: Embeddings
) -> None:
    when = "Everything went out at once, to every store."
    scene = Passage("meta/77", "probe", "What was your gate?", "meta", ask="What was your gate?", when=when)
    plain = replace(scene, id="meta/0", plain=True)
    far = replace(scene, id="meta/78", when="The candidate names a tool and nothing that was done with it.")
    found = PassageIndex(tmp_path, [scene, plain, far], embeddings, MODEL_ID).search(when, "meta", 3)
    assert [hit.passage for hit in found] == [scene, plain, far]


def test_shared_words_add_to_a_score_and_can_change_the_order(
    index: PassageIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = "What about the director?"
    monkeypatch.setattr(module, "LEXICAL_WEIGHT", 0.0)
    plain = {hit.passage.id: hit.score for hit in index.search(query, "amazon", 50)}
    monkeypatch.setattr(module, "LEXICAL_WEIGHT", 0.005)
    mixed = {hit.passage.id: hit.score for hit in index.search(query, "amazon", 50)}
    director, other = "amazon/3", "general/10"
    assert mixed[director] > plain[director]
    assert mixed[other] == plain[other]
    assert mixed[director] - plain[director] == max(mixed[one] - plain[one] for one in plain)
    monkeypatch.setattr(module, "LEXICAL_WEIGHT", 1.0)
    assert index.search(query, "amazon", 1)[0].passage.id == director


SAID = (
    "Before a launch at a payments company, write down the limit that would make you roll back, who may decide on it "
    "at night, and how long the rollback takes. Interviewers ask for all three, and for the last time it was used."
)


def test_what_a_guide_of_the_user_says_again_is_left_out_and_nothing_else_is(
    tmp_path: Path, embeddings: Embeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = [SAID, f"{SAID}!", SAID.upper(), f"Tip: {SAID}", SAID.replace("at night", "at any hour")]
    other = "Before a launch at a payments company, write down who may decide at night on a rollback."
    mine = [
        Passage(f"user/{guide}/{number}", "guide", text, provenance="user guide", guide="Notes")
        for guide, texts in (("one", [*again, other]), ("two", [other, SAID]))
        for number, text in enumerate(texts)
    ]
    shipped = [Passage(f"general/same{number}", "guide", SAID) for number in range(2)]
    kept = {"user/one/0", "user/one/5", "user/two/0", "user/two/1", "general/same0", "general/same1"}
    for _ in ("built", "opened"):
        SharedSystemClient.clear_system_cache()
        index = PassageIndex(tmp_path, [*PASSAGES, *mine, *shipped], embeddings, MODEL_ID)
        for search in (index.search, index.nearest, index.matching):
            found = {hit.passage.id for hit in search(SAID, "meta", 60)}
            assert found & {one.id for one in [*mine, *shipped]} == kept, search
        assert len(index.nearest(SAID, "meta", 60)) == len(allowed("meta")) + len(kept)
        monkeypatch.setattr(PassageIndex, "_built", None)


@pytest.mark.parametrize(("k", "most"), [(1, 1), (2, 1), (4, 1), (5, 2), (10, 4), (12, 4)])
def test_one_guide_of_the_user_has_two_in_five_of_what_is_found(
    opened: Callable[..., PassageIndex], k: int, most: int
) -> None:
    mine = [
        Passage(f"user/{guide}/{n}", "guide", f"{SAID} {guide} {n}", "meta", provenance="user guide")
        for guide in ("one", "two")
        for n in range(20)
    ]
    index = opened([*PASSAGES, *mine])
    found = [hit.passage.id.split("/")[1] for hit in index.search(f"{SAID} one", "meta", k)]
    assert len(found) == k and max(found.count("one"), found.count("two")) <= most
    assert not any(hit.passage.provenance == "user guide" for hit in index.search(SAID, "stripe", k))
    assert not any(hit.passage.provenance == "user guide" for hit in index.search(SAID, "meta", k, kind="probe"))


@pytest.mark.parametrize(("text", "k"), [("", 5), (" \n\t", 5), ("rollback", 0), ("rollback", -3)])
def test_nothing_asked_is_nothing_found(index: PassageIndex, text: str, k: int) -> None:
    assert index.search(text, "meta", k) == []


def test_searches_from_eight_threads_give_what_one_gives(index: PassageIndex) -> None:
    jobs = [(query, company) for query in QUERIES for company in ("amazon", "meta", "stripe")] * 2
    alone = [index.search(*job) for job in jobs]
    barrier = Barrier(8)

    def search(job: tuple[str, str]) -> list[module.Hit]:
        if job in jobs[:8]:
            barrier.wait(timeout=120)
        return index.search(*job)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(search, jobs)) == alone


# Opening, keeping and rebuilding


def test_an_index_is_built_once_and_then_only_opened(opened: Callable[..., PassageIndex], counting: Counting) -> None:
    first = opened()
    assert counting.documents == len(PASSAGES)
    for _ in range(3):
        again = opened()
        assert again.path == first.path
        assert_finds_everything(again)
        assert counting.documents == 0


@pytest.mark.parametrize("change", ["text", "company", "ask", "added", "removed", "model"])
def test_any_change_of_the_passages_or_the_model_is_another_index(
    opened: Callable[..., PassageIndex], counting: Counting, change: str
) -> None:
    first = opened()
    passages, model_id = list(PASSAGES), "scattered"
    if change == "added":
        passages.append(Passage("meta/new", "guide", "A new thought.", "meta"))
    elif change == "removed":
        passages.pop()
    elif change == "model":
        model_id = "another model"
    else:
        passages[-1] = replace(passages[-1], **{change: "meta"})
    other = opened(passages, model_id)
    assert other.path != first.path
    assert counting.documents == len(passages) + (change == "added")  # which has a title, too
    found = {hit.passage for company in TEXTS for hit in other.search("What did it cost?", company, 60)}
    assert found == set(passages)


def damage(file: Path, how: str) -> None:
    whole = file.read_bytes()
    if how == "deleted":
        file.unlink()
    else:
        file.write_bytes(
            {"emptied": b"", "halved": whole[: len(whole) // 2], "overwritten": b"\xa5" * len(whole)}[how]
        )


@pytest.mark.parametrize(
    ("name", "how"),
    [("*", "deleted"), ("*", "emptied"), ("header.bin", "halved"), ("data_level0.bin", "overwritten")],
)
@pytest.mark.parametrize("more", [0, 1_000])
def test_damage_to_the_graph_files_does_no_harm(
    opened: Callable[..., PassageIndex], more: int, name: str, how: str
) -> None:
    passages = [*PASSAGES, *(Passage(f"meta/more{n}", "guide", f"Thought number {n}.", "meta") for n in range(more))]
    graph = {file.name: file for file in opened(passages).path.glob("*/*")}
    assert {"header.bin", "data_level0.bin"} <= graph.keys()
    # With this file, which it writes from a thousand passages on, Chroma reads the others unchecked and crashes.
    assert "index_metadata.pickle" not in graph
    for file in graph.values():
        if name in ("*", file.name):
            damage(file, how)
    assert_finds_everything(opened(passages))


def test_an_index_that_is_open_goes_on_while_others_are_built(opened: Callable[..., PassageIndex]) -> None:
    first = opened()
    for number in range(2):
        opened([*PASSAGES, Passage("meta/new", "guide", f"Guide {number}.", "meta")])
        assert_finds_everything(first)


def test_only_the_two_newest_other_indexes_are_kept(opened: Callable[..., PassageIndex]) -> None:
    paths = []
    for number in range(5):
        paths.append(opened([*PASSAGES, Passage("meta/new", "guide", f"Guide {number}.", "meta")]).path)
    left = {path for path in paths if path.exists()}
    assert len(left) == 3
    assert paths[-1] in left


def test_several_that_start_at_once_build_it_once(tmp_path: Path, counting: Counting) -> None:
    barrier = Barrier(4)

    def start(_: int) -> PassageIndex:
        barrier.wait(timeout=120)
        return PassageIndex(tmp_path, PASSAGES, counting, "scattered")

    with ThreadPoolExecutor(4) as pool:
        indexes = list(pool.map(start, range(4)))
    assert counting.documents == len(PASSAGES)
    for one in indexes:
        assert_finds_everything(one)


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path, counting: Counting) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="could not be built"):
        PassageIndex(tmp_path / "file" / "index", PASSAGES, counting, "scattered")
