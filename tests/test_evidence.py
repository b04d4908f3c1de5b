"""Where a check shows: every quote verbatim, a trained model only with its own embeddings, and damage told."""

import hashlib
import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import embeddings, shipped
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.embeddings import Embeddings
from sklearn.feature_extraction.text import TfidfVectorizer
from test_transcript import said

from simulator.arrangement import FEATURES, arrangement
from simulator.embeddings import MODEL_ID
from simulator.errors import ContentError
from simulator.evidence import (
    CUE_BONUS,
    EMBEDDING_SCALE,
    LEAST_LIKENESS,
    LEAST_STRENGTH,
    LONE_SENTENCE,
    Locator,
    Matrix,
    SentenceModel,
    load_sentence_model,
    ngrams,
    place_features,
    word_features,
)
from simulator.interview import Role
from simulator.program import STORY_RUBRIC
from simulator.rubric import Check, Rubric, Sighting
from simulator.settings import ROOT
from simulator.transcript import Sentence, sentences

RUBRIC = shipped().rubrics[STORY_RUBRIC]
TEXTS = [
    "In March 2024 our refund migration was two weeks behind.",
    "I was the product manager, and I'd promised it for the 1st.",
    "Failed refunds fell from 6% to 0.8% and then from 0.8% to 0.5%.",
    "We saved $1,200 a week; that is £900, or 1.050,50 €.",
    "I cut the report, and I cut it, and I cut it again.",
    "The naïve plan — Anna's — was “fine”, she said.",
    "",
    "...",
]
WIDTH = 8


class Hashed(Embeddings):
    """Vectors of length 1 that depend on nothing but the text, and a count of what was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.asked += texts
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        raw = np.frombuffer(hashlib.sha256(text.encode()).digest()[:WIDTH], np.uint8).astype(float) - 127.5
        vector: list[float] = (raw / np.linalg.norm(raw)).tolist()
        return vector


WHOLE = np.linspace(-1, 1, FEATURES)


def told(*texts: str) -> list[Sentence]:
    return sentences(said(*texts))


def trained(
    checks: Sequence[str] = ("result.quantified", "context.role"), embedding: str = "hashed"
) -> SentenceModel:
    """A model whose first check likes figures and whose others dislike everything."""
    vectorizer = TfidfVectorizer(analyzer=ngrams).fit(TEXTS)
    vocabulary = {word: int(at) for word, at in vectorizer.vocabulary_.items()}
    words = np.full((len(vocabulary), len(checks)), -0.5, np.float32)
    words[vocabulary["0num"], 0] = 20
    places = np.random.default_rng(0).normal(0, 0.01, (3 * WIDTH + 3, len(checks)))
    bias = np.full(len(checks), -1.0)
    ordered = dict(sorted(vocabulary.items(), key=lambda pair: pair[1]))
    stored = [stored_as(one) for one in (vectorizer.idf_, words, places, bias)]
    whole, whole_bias = (stored_as(one) for one in (WHOLE[:, None], np.array([-0.5])))
    return SentenceModel(
        tuple(checks), embedding, "8 sentences", ordered, *stored, ("answer.structure",), whole, whole_bias
    )


def stored_as(values: np.ndarray) -> Matrix:
    """As a file keeps them."""
    return values.astype(np.float16).astype(np.float32)


# --- features --------------------------------------------------------------------------------------------


def test_words_and_pairs_of_words_are_lower_case_and_every_figure_is_one_word() -> None:
    assert ngrams("From 6% to 0.8%!") == [
        *["from", "0num", "%", "to", "0num", "%"],
        *["from 0num", "0num %", "% to", "to 0num", "0num %"],
    ]
    assert ngrams("$1,200") == ["$", "0num", "$ 0num"]
    assert ngrams("Q3") == ["q", "0num", "q 0num"]
    assert ngrams("") == ngrams(" … ") == []


def test_word_features_are_those_of_scikit_learn() -> None:
    vectorizer = TfidfVectorizer(analyzer=ngrams, norm="l2", sublinear_tf=True).fit(TEXTS[:5])
    vocabulary = {word: int(at) for word, at in vectorizer.vocabulary_.items()}
    own = word_features(TEXTS, vocabulary, vectorizer.idf_.astype(np.float32))
    assert own.dtype == np.float32 and own.shape == (len(TEXTS), len(vocabulary))
    np.testing.assert_allclose(own, vectorizer.transform(TEXTS).toarray(), atol=1e-6)
    lengths = np.linalg.norm(own, axis=1)
    np.testing.assert_allclose(lengths, [1, 1, 1, 1, 1, 1, 0, 0], atol=1e-6)


def test_place_features_are_a_sentence_its_neighbours_and_where_it_stands() -> None:
    vectors = np.arange(6, dtype=np.float32).reshape(3, 2)
    found = place_features(vectors)
    assert found.shape == (3, 3 * 2 + 3)
    np.testing.assert_allclose(found[:, :2], EMBEDDING_SCALE * vectors)
    np.testing.assert_allclose(found[:, 2:4], [[0, 0], [0, 1], [2, 3]])
    np.testing.assert_allclose(found[:, 4:6], [[2, 3], [4, 5], [0, 0]])
    np.testing.assert_allclose(found[:, 6:], [[1, 0, 0], [0, 0, 0.5], [0, 1, 1]])
    np.testing.assert_allclose(place_features(vectors[:1])[0, 2:], [0, 0, 0, 0, 1, 1, 0])


def test_log_odds_are_the_mean_of_both_readings_and_the_bias() -> None:
    model = trained()
    vectors = np.array(Hashed().embed_documents(TEXTS[:3]), np.float32)
    found = model.log_odds(TEXTS[:3], vectors)
    assert found.shape == (3, 2) and found.dtype == np.float32
    by_words = word_features(TEXTS[:3], model.vocabulary, model.idf) @ model.words
    by_place = place_features(vectors) @ model.places
    np.testing.assert_allclose(found, by_words / 2 + by_place / 2 + model.bias, rtol=1e-5)


# --- the file --------------------------------------------------------------------------------------------


def test_a_stored_model_is_the_same_model_and_says_the_same(tmp_path: Path) -> None:
    model, path = trained(), tmp_path / "story.sentences.npz"
    model.save(path)
    again = load_sentence_model(path)
    assert (again.checks, again.embedding, again.fitted_on) == (model.checks, "hashed", "8 sentences")
    assert list(again.vocabulary.items()) == list(model.vocabulary.items())
    assert again.digest == model.digest
    vectors = np.array(Hashed().embed_documents(TEXTS), np.float32)
    np.testing.assert_array_equal(again.log_odds(TEXTS, vectors), model.log_odds(TEXTS, vectors))


def test_the_same_model_is_the_same_file_and_another_one_has_another_digest(tmp_path: Path) -> None:
    one, two = trained(), trained()
    one.save(tmp_path / "one.npz")
    two.save(tmp_path / "two.npz")
    assert load_sentence_model(tmp_path / "one.npz").digest == load_sentence_model(tmp_path / "two.npz").digest
    assert trained(embedding="other").digest != one.digest
    assert trained(["result.quantified", "context.goal"]).digest != one.digest
    one.words[:, 0] *= -1
    assert one.digest != two.digest
    two.whole[:] *= -1
    assert two.digest != trained().digest


NO_MODELS = {
    "nothing": b"",
    "words": b"Dear diary,\ntoday I cut the report.\n",
    "not text": b"\xff\xfe\x00\x01" * 50,
    "the beginning of an archive": b"PK\x03\x04" + b"\x00" * 200,
}


@pytest.mark.parametrize("case", NO_MODELS)
def test_a_file_that_is_no_model_is_a_content_error_that_names_it(case: str, tmp_path: Path) -> None:
    path = tmp_path / "story.sentences.npz"
    path.write_bytes(NO_MODELS[case])
    with pytest.raises(ContentError, match=r"story\.sentences\.npz"):
        load_sentence_model(path)


def test_a_file_cut_at_any_place_or_gone_is_a_content_error(tmp_path: Path) -> None:
    path = tmp_path / "story.sentences.npz"
    trained().save(path)
    whole = path.read_bytes()
    for end in range(0, len(whole), len(whole) // 12):
        path.write_bytes(whole[:end])
        with pytest.raises(ContentError):
            load_sentence_model(path)
    path.unlink()
    with pytest.raises(ContentError):
        load_sentence_model(path)


def test_a_file_with_a_changed_byte_is_told_or_gives_the_same_model(tmp_path: Path) -> None:
    path = tmp_path / "story.sentences.npz"
    trained().save(path)
    whole = path.read_bytes()
    for at in range(0, len(whole), len(whole) // 150):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            assert load_sentence_model(path).digest == trained().digest
        except ContentError as error:
            assert "python -m evals fit" in error.fix


def test_an_archive_of_something_else_or_with_objects_in_it_is_a_content_error(tmp_path: Path) -> None:
    path = tmp_path / "story.sentences.npz"
    for arrays in ({"x": np.ones(3)}, {"about": np.array([{"checks": []}], dtype=object)}):
        with path.open("wb") as file:
            np.savez(file, **arrays)
        with pytest.raises(ContentError):
            load_sentence_model(path)


# --- finding ---------------------------------------------------------------------------------------------


def check(check_id: str = "context.role", **changed: object) -> Check:
    return Check(check_id, "n", "a?", **changed)  # type: ignore[arg-type]  # fields by name


def test_a_trained_check_is_shown_by_its_likeliest_sentence_and_sighted_over_all() -> None:
    model, source = trained(), Hashed()
    locator = Locator(source, "hashed", model)
    assert locator.version == f"marks@{model.digest}"
    told_of = told("I was late.\nFailed refunds fell from 6% to 0.8%.", "I cut the report.")
    found = locator.locate(check("result.quantified"), told_of)
    texts = [one.text for one in told_of]
    odds = model.log_odds(texts, np.array(source.embed_documents(texts), np.float32))[:, 0]
    assert [one.text for one in found.evidence] == ["Failed refunds fell from 6% to 0.8%."]
    assert found.peak == pytest.approx(float(odds.max())) and found.peak >= LEAST_STRENGTH
    assert found.mean == pytest.approx(float(odds.mean()))


def test_a_trained_check_that_no_sentence_is_likely_to_show_has_no_evidence_but_a_sighting() -> None:
    found = Locator(Hashed(), "hashed", trained()).locate(check("context.role"), told("I was late. I cut it."))
    assert found.evidence == ()
    assert found.peak < LEAST_STRENGTH and found.mean <= found.peak


def test_a_model_for_other_embeddings_is_not_used_and_the_examples_are() -> None:
    model = trained(embedding="others")
    locator = Locator(Hashed(), "hashed", model)
    assert locator.version == "examples@hashed"
    like = check("result.quantified", like=("Failed refunds fell from 6% to 0.8%.",))
    found = locator.locate(like, told("I was late. Failed refunds fell from 6% to 0.8%."))
    assert [one.text for one in found.evidence] == ["Failed refunds fell from 6% to 0.8%."]
    assert found.peak == pytest.approx(1.0, abs=1e-6)  # its own example
    assert found == Locator(Hashed(), "hashed").locate(like, told("I was late. Failed refunds fell from 6% to 0.8%."))


def test_a_check_that_was_not_marked_is_found_by_its_examples_beside_a_trained_model() -> None:
    locator = Locator(Hashed(), "hashed", trained())
    like = check("anchor.new", like=("I cut the report.",))
    assert locator.locate(like, told("I was late. I cut the report.")).evidence[0].text == "I cut the report."


def test_likeness_is_to_the_nearest_example_with_a_bonus_for_cue_words() -> None:
    source = Hashed()
    examples = ("I cut the report.", "We lost a week.")
    texts = ["It was long ago.", "Nobody asked for it."]
    sides = np.array(source.embed_documents(texts)) @ np.array(source.embed_documents(list(examples))).T
    expected = sides.max(axis=1) + CUE_BONUS * np.array([0, 1])
    found = Locator(source, "hashed").locate(check(cue="(?i)nobody", like=examples), told(" ".join(texts)))
    assert [found.peak, found.mean] == pytest.approx([expected.max(), expected.mean()], abs=1e-5)
    assert bool(found.evidence) == (expected.max() >= LEAST_LIKENESS)


def test_a_check_with_cue_words_alone_is_sighted_by_them() -> None:
    locator = Locator(Hashed(), "hashed")
    found = locator.locate(check(cue="(?i)would"), told("I would cut it. Then I would wait. I stopped."))
    assert (found.peak, found.mean) == (1.0, pytest.approx(2 / 3))
    assert found.evidence[0].text == "I would cut it."
    assert locator.locate(check(cue="(?i)would"), told("I cut it.")) == Sighting((), 0.0, 0.0, -LONE_SENTENCE)
    assert locator.locate(check(), told("I cut it.")) == Sighting((), 0.0, 0.0, -LONE_SENTENCE)


def test_the_second_best_sentence_is_told_beside_the_best() -> None:
    locator = Locator(Hashed(), "hashed")
    found = locator.locate(check(cue="(?i)would"), told("I would cut it. Then I would wait. I stopped."))
    assert (found.peak, found.second) == (1.0, 1.0)
    once = locator.locate(check(cue="(?i)would"), told("I would cut it. Then I waited."))
    assert (once.peak, once.second) == (1.0, 0.0)


def test_what_is_about_the_whole_answer_is_sighted_by_how_its_sentences_are_arranged() -> None:
    model, source = trained(), Hashed()
    texts = ["I was late.", "Failed refunds fell from 6% to 0.8%."]
    found = Locator(source, "hashed", model).locate(check("answer.structure", whole=True), told(" ".join(texts)))
    odds = model.log_odds(texts, np.array(source.embed_documents(texts), np.float32))
    expected = float(arrangement(odds, model.checks, 10) @ model.whole[:, 0] + model.whole_bias[0])
    assert found.peak == found.mean == found.second == pytest.approx(expected, abs=1e-5)
    assert Locator(source, "hashed").locate(check("answer.structure", whole=True), told(" ".join(texts))).peak == 0


def test_what_is_about_the_whole_answer_is_shown_by_its_ends() -> None:
    locator = Locator(Hashed(), "hashed", trained())
    ends = locator.locate(check(whole=True), told("One thing. Two things. Three.", "Four of them."))
    assert [one.text for one in ends.evidence] == ["One thing.", "Four of them."]
    assert (ends.peak, ends.mean) == (0.0, 0.0)
    assert len(locator.locate(check(whole=True), told("One thing.")).evidence) == 1
    assert locator.locate(check(whole=True), []) == locator.locate(check("result.quantified"), []) == Sighting()


def test_the_sentences_of_an_answer_are_embedded_once_for_all_checks() -> None:
    source = Hashed()
    locator = Locator(source, "hashed", trained())
    told_of = told("I was late. Failed refunds fell from 6% to 0.8%.")
    for one in RUBRIC.checks:
        locator.locate(one, told_of)
    assert [source.asked.count(sentence.text) for sentence in told_of] == [1, 1]


FRAGMENTS = [
    "I", "cut", "6%", "from", "to", "report", "\n", "\u00a0", "  ", "\t", "“go”", "and", ".", "? ", "naïve", "🙂",
    "e.g.", "no.", "[3]",
]  # fmt: skip
ANSWERS = st.lists(st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=5), max_size=60).map(" ".join), max_size=3)


@given(ANSWERS, st.booleans())
@settings(max_examples=100, deadline=None, database=None)
def test_every_quote_is_verbatim_whatever_the_text(texts: list[str], with_model: bool) -> None:
    turns = said(*texts)
    locator = Locator(Hashed(), "hashed", trained([one.id for one in RUBRIC.checks[:20]]) if with_model else None)
    for one in RUBRIC.checks:
        found = locator.locate(one, sentences(turns))
        assert math.isfinite(found.peak) and math.isfinite(found.mean) and found.mean <= found.peak + 1e-5
        for cited in found.evidence:
            assert turns[cited.turn].role is Role.CANDIDATE
            assert turns[cited.turn].text[cited.start : cited.end] == cited.text != ""


# --- what ships ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rubric", shipped().rubrics.values(), ids=lambda rubric: rubric.kind)
def test_each_shipped_model_is_for_the_shipped_rubric_and_embeddings(rubric: Rubric) -> None:
    model = load_sentence_model(ROOT / "prompts" / f"{rubric.id}.sentences.npz")
    assert model.embedding == MODEL_ID
    assert set(model.checks) <= {one.id for one in rubric.checks}
    assert model.places.shape == (3 * 384 + 3, len(model.checks))
    assert set(model.wholes) == {one.id for one in rubric.checks if one.whole}
    assert model.whole.shape == (FEATURES, len(model.wholes))
    assert model.words.shape == (len(model.vocabulary), len(model.checks))
    assert model.idf.shape == (len(model.vocabulary),) and model.bias.shape == (len(model.checks),)
    version = Locator(embeddings(), MODEL_ID, model).version
    rules = [rule for rule in shipped().rules if rule.rubric == rubric.digest]
    assert {rule.sightings for rule in rules} == {"", version}


@pytest.mark.parametrize("one", [one for one in RUBRIC.checks if one.like], ids=lambda one: one.id)
def test_an_example_of_a_check_is_found_for_it_by_the_real_embeddings(one: Check) -> None:
    beside = "Peel two onions and fry them slowly."
    for example in one.like:
        found = Locator(embeddings(), MODEL_ID).locate(one, told(f"{beside} {example} {beside}"))
        assert re.sub(r"\W", "", example).startswith(re.sub(r"\W", "", found.evidence[0].text))
