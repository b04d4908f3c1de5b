"""Masking: what is found in seeded stories, what is left alone, and that every value comes back."""

import json
import random
import re
from collections import Counter
from functools import cache

import pytest
from conftest import shipped
from fault_server import FaultServer, Messages, completion
from pydantic import BaseModel

from simulator.errors import ConfigurationError
from simulator.masking import AMOUNT, PERSON, Vault, found
from simulator.models import Message, open_model
from simulator.outbox import Outbox, known_words
from simulator.outgoing import OutgoingModel
from simulator.prompts import fenced
from simulator.settings import ROOT, Settings, load_settings

STORIES = 200
ANSWERS = ROOT / "evals" / "datasets" / "answers" / "train.jsonl"
FIRST = """Anjali Chen Temitope Niamh Joaquín Liesel Kenji Zainab Sergei Francesca Abena Astrid Vikram Camila Wojciech
Samira Ren Oksana Åsa Thandiwe Ignacio Chloé Omar Brigitte Cormac Noor Matthias Itzel Jaromír Faith Frank Jack Lily
Paul Anna Robert Helen Thomas Julia Emma Liam Sophie David Lisa Hannah"""
LAST = """Iyer Wang Eze McCarthy López Fischer Suzuki El-Amin Volkov Conti Boateng Dahl Menon Pereira Wiśniewski
Khoury Mori Bondar Holm Dlamini Ortega Lefèvre Demir Moreau Gallagher Ali Braun Flores Dvořák Cooper Hunter Stone Wood
Jones Brown Clark Green"""
COMPANIES = """Wayfair|N26|Revolut|Ocado|Mollie|Flipkart|Ericsson|ByteBridge|Solventis|Umbrella|DoorDash|Gojek|Mercado
Libre|Glovo|BMW|Philips|Telefónica|Novartis|Nestlé|Spotify|UBS|DHL|Stark Industries|Bright Horizon Foods|Silver Creek
Software Ltd|Hansen & Sons|Riverside Hospital|Union Bank|Kite Systems|Square|Target|Shell|Apple|Notion""".replace(
    "\n", " "
).split("|")
SENTENCES = {
    "name": (
        "Before that I spent a morning with {}.",
        "The finance lead, {}, wanted it cut.",
        "{} had warned me about exactly this.",
        "On Monday {} showed me the numbers.",
        "It took me two days to win {} over.",
        "It was {}'s idea, to be fair.",
        "{} and her team did the migration.",
        "We hired {} for that.",
        "I reported to {} at the time.",
        "In the review, {} asked who had decided it.",
    ),
    "company": (
        "I did this at {}, on the payments side.",
        "Back then I worked for {}.",
        "{} wanted the export by June.",
        "The tool came from {} and nobody liked it.",
        "We were about to be bought by {}.",
        "A team of {} had tried the same.",
        "When {} raised its prices, we had to move.",
    ),
    "amount": (
        "Each week of delay cost {}.",
        "I had {} to spend.",
        "It brought in {} by the end of the year.",
        "A fine of {} was possible.",
    ),
    "email": ("{} was the only contact we had.", "The list went to {} every morning.", "I set up {} for complaints."),
    "phone": ("They could ring {} at night.", "Support ({}) knew nothing of it.", "I put {} on the page."),
    "url": ("You can still see it on {}.", "We linked {} in the mail.", "The form was at {}, hidden away."),
    "card": ("A customer sent us {} in a chat.", "One log line said {}."),
}
AMOUNTS = """$750k|€1,200,000|£85|3 billion dollars|90k pounds|EUR 12m|$ 4,300|a quarter million euros|€0.7 million|
INR 60,000|700 euros|₹9 lakh|five hundred thousand dollars|$1,999.99|40 cents|CA$30k""".replace("\n", "").split("|")
PHONES = ("+1 212-555-0187", "(646) 555 0143", "+33 1 42 68 53 00", "089 1234 5678", "+55 11 91234-5678")
CARDS = ("4012 8888 8888 1881", "5105-1051-0510-5100", "378282246310005")


@cache
def stories() -> tuple[str, ...]:
    """What candidates of the training answers said, one text an answer; none was written with masking in mind."""
    records = (json.loads(line) for line in ANSWERS.read_text(encoding="utf-8").splitlines())
    told = ["\n".join(turn["text"] for turn in one["turns"] if turn["role"] == "candidate") for one in records]
    return tuple(random.Random(2026).sample(told, STORIES))


def value_of(kind: str, draw: random.Random) -> str:
    first, last = draw.choice(FIRST.split()), draw.choice(LAST.split())
    plain = re.sub(r"\W", "", f"{first}{last}".lower())
    return {
        "name": draw.choice([first, f"{first} {last}"]),
        "company": draw.choice(COMPANIES),
        "amount": draw.choice(AMOUNTS),
        "email": f"{plain}@{draw.choice(['kite.com', 'mail.ocado.co.uk', 'example.org'])}",
        "phone": draw.choice(PHONES),
        "url": draw.choice(["http://{}.example.net/a/b#c", "www.{}.dev/x", "{}.app", "docs.{}.com/q?r=1"]).format(
            plain
        ),
        "card": draw.choice(CARDS),
    }[kind]


def seeded(story: str, number: int) -> tuple[str, list[tuple[str, str]]]:
    """The story with a sentence of each kind put in somewhere (two with names), and what was put in."""
    draw = random.Random(number + 5000)
    sentences = re.split(r"(?<=[.!?]) ", story)
    put = [(kind, value_of(kind, draw)) for kind in ("name", *SENTENCES)]
    for kind, value in put:
        sentences.insert(draw.randrange(len(sentences) + 1), draw.choice(SENTENCES[kind]).format(value))
    return " ".join(sentences), put


@cache
def known() -> frozenset[str]:
    return known_words(shipped())


def masked(text: str) -> tuple[str, Vault]:
    vault = Vault()
    return vault.mask(text, found(text, known())), vault


def can_be_read(value: str, text: str) -> bool:
    return bool(re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text))


def test_of_what_was_put_into_200_stories_nearly_all_is_masked_and_all_comes_back() -> None:
    """Seen, with names and sentences that no rule was made for: names 398 of 400, firms 193 of 200 (the firm called
    Target, seven times), money, mails, phones, addresses and card numbers 200 of 200 each. How much a grade moves by
    masking was not measured."""
    seen: Counter[str] = Counter()
    hidden: Counter[str] = Counter()
    for number, story in enumerate(stories()):
        text, put = seeded(story, number)
        sent, vault = masked(text)
        assert vault.restore(sent) == text
        for kind, value in put:
            seen[kind] += 1
            hidden[kind] += not can_be_read(value, sent)
    assert seen == dict.fromkeys(SENTENCES, STORIES) | {"name": 2 * STORIES}
    least = dict.fromkeys(SENTENCES, 0.99) | {"name": 0.98, "company": 0.95}
    assert {kind: hidden[kind] / n for kind, n in seen.items() if hidden[kind] / n < least[kind]} == {}


def test_few_other_words_of_a_story_are_masked() -> None:
    """Seen: 229 names (most of them of real people, towns and firms) and 40 sums of money in 38,245 words."""
    words = sum(len(story.split()) for story in stories())
    taken = Counter(kind for story in stories() for kind in found(story, known()).values())
    assert 0 < taken.total() < words / 100


@pytest.mark.parametrize(
    "text",
    [
        "Failures fell from 4% to 1%, and 12,400 of 60,000 people came back in Q2 2023, 3 days early.",
        "I was the Product Manager. On Monday, in March, I needed Engineering for an API and SQL access.",
        "We ran an A/B test: the CEO and two PMs saw OKRs in Jira on 2023-04-12, version 10.2.1.",
    ],
)
def test_figures_dates_roles_and_acronyms_stay(text: str) -> None:
    assert found(text, known()) == {}


def test_a_name_is_masked_wherever_it_stands_and_parts_of_it_too() -> None:
    text = "Our director, Anjali Iyer, said no. Anjali wanted it cut, and it was Iyer's budget. Mr. Stone agreed."
    sent, vault = masked(text)
    assert sent == (
        "Our director, [PERSON_1], said no. [PERSON_2] wanted it cut, and it was [PERSON_3]'s budget. "
        "Mr. [PERSON_4] agreed."
    )
    assert vault.restore(sent) == text


def test_one_value_has_one_placeholder_over_all_requests() -> None:
    vault = Vault()
    assert vault.mask("Ren and Omar", {"Ren": "NAME", "Omar": "NAME"}) == "[NAME_1] and [NAME_2]"
    assert vault.mask("Omar, then Abena", {"Omar": "NAME", "Abena": "NAME"}) == "[NAME_2], then [NAME_3]"


def test_a_placeholder_that_somebody_typed_is_nobody_elses() -> None:
    vault = Vault()
    sent = vault.mask("[NAME_1] is what I typed, and Ren is who I met.", {"Ren": "NAME"})
    assert sent == "[NAME_1] is what I typed, and [NAME_2] is who I met."
    assert vault.restore(sent) == "[NAME_1] is what I typed, and Ren is who I met."


REPLY = "What did [PERSON_1] and person_2 say of [AMOUNT_1], or [PERSON_9]?"
RESTORED = "What did Ren O'Hara and Omar say of $2M, or [PERSON_9]?"
VALUES = {"Ren O'Hara": PERSON, "Omar": PERSON, "$2M": AMOUNT}


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 100])
def test_placeholders_come_back_however_the_reply_is_cut(size: int) -> None:
    vault = Vault()
    vault.mask(" ".join(VALUES), VALUES)
    pieces = [REPLY[at : at + size] for at in range(0, len(REPLY), size)]
    assert "".join(vault.restored(pieces)) == RESTORED == vault.restore(REPLY)


# Before a real client


SAID = "I cut it with Anjali Iyer at Wayfair for $2M. Then Omar signed it."
FENCED = fenced("candidate", f"[1] {SAID}")
ASKED: list[Message] = [
    ("system", "You interview for Wayfair."),
    ("user", f"{FENCED}\n\nIt is about: with Anjali Iyer. Ask Omar?"),
]
SENT = "[1] I cut it with [NAME_1] at [COMPANY_1] for [AMOUNT_1]. Then [NAME_2] signed it."


def outgoing(server: FaultServer, outbox: Outbox) -> OutgoingModel:
    settings = Settings(_env_file=None, model="fake", base_url=server.base_url, call_timeout_seconds=20)
    return OutgoingModel(open_model(settings), outbox)


class Told(BaseModel):
    quotes: list[str]


def test_every_kind_of_request_goes_out_masked_and_comes_back_whole() -> None:
    def reply(messages: Messages, parameters: dict[str, object]) -> str | float:
        if parameters.get("response_format"):
            return json.dumps({"quotes": ["with [NAME_1] at [COMPANY_1]"]})
        return 0.9 if parameters.get("logprobs") else "Did [NAME_1] know?"

    with FaultServer(reply=reply) as server:
        model = outgoing(server, Outbox(known()))
        assert model.reply(ASKED, 20) == "Did Anjali Iyer know?"
        assert "".join(model.stream(ASKED, 20)) == "Did Anjali Iyer know?"
        assert model.yes_no(ASKED).log_odds > 0
        assert model.typed(ASKED, Told).quotes == ["with Anjali Iyer at Wayfair"]
        assert len(server.requests) == 4
        for request in server.requests:
            assert request.messages == server.requests[0].messages
        system, user = (message["content"] for message in server.requests[0].messages)
        assert system == "You interview for Wayfair."  # the program's own words stay
        assert SENT in user
        assert user.endswith("It is about: with [NAME_1]. Ask [NAME_2]?")


@pytest.mark.parametrize("mask", [True, False])
def test_what_is_shown_as_sent_is_what_was_sent(mask: bool) -> None:
    with FaultServer(completion("Yes.")) as server:
        outbox = Outbox(known() if mask else None)
        assert outbox.last == ()
        outgoing(server, outbox).reply(ASKED, 20)
        sent = [(message["role"], message["content"]) for message in server.requests[0].messages]
        assert [*outbox.last] == sent
        assert (sent == ASKED) is not mask
        assert sent == outbox.sample(ASKED)
        outbox.empty()
        assert outbox.last == ()


def test_masking_is_refused_where_words_are_embedded_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMULATOR_MASK", "true")
    monkeypatch.setenv("SIMULATOR_EMBEDDINGS", "openai:text-embedding-3-small")
    with pytest.raises(ConfigurationError, match="SIMULATOR_MASK: what is embedded elsewhere is not masked"):
        load_settings()
