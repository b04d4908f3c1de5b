"""Names, companies, money and addresses in a text: found by rules, replaced by placeholders, and put back.

Pure: knows no model and no host. It helps, and no more: what no rule sees stays, so a masked text is never anonymous.
Figures that are no money stay, and so do words that are known in lower case: without them nothing could be judged.
"""

import re
from collections.abc import Collection, Iterable, Iterator

PERSON, COMPANY, NAME, AMOUNT = "PERSON", "COMPANY", "NAME", "AMOUNT"
"""A `NAME` is a name of which no rule says what it names."""
EMAIL, URL, PHONE, CARD = "EMAIL", "URL", "PHONE", "CARD"
_KINDS = (PERSON, COMPANY, NAME, AMOUNT, EMAIL, URL, PHONE, CARD)

_UNIT = r"(?:k|m|mn|mm|bn|b|thousand|million|billion|lakh|crore|grand)"
_MONEY = r"(?:dollars?|euros?|pounds?|francs?|rupees?|yen|yuan|pesos?|kron(?:a|er|or)|z[lł]oty|quid|bucks|cents?)"
_CODE = r"(?:USD|EUR|GBP|CHF|INR|JPY|CNY|CAD|AUD|SEK|NOK|DKK|PLN|BRL|MXN|SGD)"
_DIGITS = r"\d+(?:[.,' ]\d{3})*(?:[.,]\d+)?"
_NUMBER = "an?|half|quarter|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen"
_NUMBER += "|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|billion"
_MONEY_FORMS = (
    rf"(?:(?:\b[A-Z]{{1,3}})?[$€£¥₹]|\b{_CODE})\s?{_DIGITS}(?:\s?{_UNIT}\b)?",
    rf"\b{_DIGITS}\s?(?:{_UNIT}\s?)?(?:[$€£¥₹]|(?:{_MONEY}|{_CODE})\b)",
    rf"\b(?:(?:{_NUMBER})[ -])+{_MONEY}\b",
)
_ENDS = r"(?:com|org|net|io|ai|dev|app|co|eu|uk|de|fr|in|tech|cloud)"
_URL_FORMS = (
    r"\b(?:https?://|www\.)[^\s<>\"“”]*[^\s<>\"“”.,;:!?)\]'’]",
    rf"\b[\w-]{{2,}}(?:\.[\w-]{{2,}})*\.{_ENDS}\b(?:/[\w/.-]*\w)?",
)
_ADDRESSES = (
    (EMAIL, re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")),
    (URL, re.compile("|".join(_URL_FORMS), re.IGNORECASE)),
    (AMOUNT, re.compile("|".join(_MONEY_FORMS), re.IGNORECASE)),
    (CARD, re.compile(r"\b\d(?:[ -]?\d){12,18}\b")),
    (PHONE, re.compile(r"(?<![\w.,])(?!\d{4}-\d\d-\d\d\b)(?:\+|00)?\(?\d(?:[ ().\-/]{0,2}\d){8,14}(?![\w%])")),
)

_WORD = re.compile(r"[^\W\d_][\w&’'.-]*\w|[^\W\d_]")
_STARTS = re.compile(r"(?:\A|[.!?…:]|\n|\]|[-–—•*])[\"“”‘’'()\s]*\Z|[\"“‘(]\Z")
_CONTRACTED = re.compile(r"(?:n['’]t|['’](?:s|d|ll|re|ve|m))\Z", re.IGNORECASE)
_PARTICLES = "van von der den de del della la le da dos di al bin ibn ter"
_FORMS = """inc llc ltd limited gmbh ag corp corporation company co plc bv oy ab sarl spa labs technologies systems
holdings partners bank insurance group ventures capital airlines university hospital clinic foundation"""
_TITLES = "mr mrs ms miss dr prof professor sir herr frau"
_BEFORE_COMPANIES = """at joined left client vendor supplier customer employer competitor rival startup agency company
firm partner bank acquired bought"""
_BEFORE_PERSONS = """told asked convinced persuaded called named hired thanked emailed met boss colleague teammate
friend lead engineer designer analyst developer manager director ceo cto cfo coo cpo vp chief founder mentor intern"""
_WORDLIKE = """will mark rose grace hope bill frank rob pat art drew joy faith dawn iris ivy olive ruby amber crystal
chase grant lance miles pierce reed rich skip wade ward chip cliff dale dean gene guy harry jay max nick ray sue
victor violet penny robin sandy angel bob jack basil clay colt curt dot heath josh lily misty page rusty stone
trip woody"""
"""First names that are words too: names where they have a capital in the middle of a sentence."""
_NO_NAMES = """january february march april may june july august september october november december monday tuesday
wednesday thursday friday saturday sunday christmas easter ramadan diwali english german french spanish italian dutch
chinese japanese indian american british european europe asia africa america internet android excel sql python java
jira slack scrum kanban agile moscow rice tableau looker amplitude figma okr ceo cto cfo coo i yeah um uh oh ah ok
okay hi yes no till"""
_particles, _forms, _titles, _before_companies, _before_persons, _wordlike, _no_names = (
    frozenset(words.split())
    for words in (_PARTICLES, _FORMS, _TITLES, _BEFORE_COMPANIES, _BEFORE_PERSONS, _WORDLIKE, _NO_NAMES)
)
_ENDINGS = ("ing", "ed", "ly", "tion", "sion", "ment", "ness", "ity", "able", "ous", "ful", "ive", "ies")
_LONG = 7
"""Letters that a word must have for its ending to tell that it is one: Ned, Kelly and Emily are names."""
_INFLECTED = ("s", "d", "ed", "ing", "er", "ers", "ly", "al")
_SHORTEST_STEM = 3
_SHORT_ACRONYM = 2


def found(text: str, known: Collection[str]) -> dict[str, str]:
    """What should not leave in this text, each with its kind, in the order in which it comes.

    `known` are words in lower case that are no names; the longer the list, the fewer words are taken for names.
    """
    values: dict[str, str] = {}
    rest = text
    for kind, pattern in _ADDRESSES:
        for match in pattern.finditer(rest):
            if kind != CARD or _is_card(match[0]):
                values.setdefault(match[0], kind)
                rest = rest[: match.start()] + "_" * len(match[0]) + rest[match.end() :]
    for run in _runs(rest):
        values |= {value: kind for value, kind in _names(run, rest, known) if value not in values}
    return values


def _is_card(digits: str) -> bool:
    """Whether the check digit is right (Luhn)."""
    figures = [int(one) for one in reversed(digits) if one.isdigit()]
    doubled = (sum(divmod(2 * one, 10)) for one in figures[1::2])
    return (sum(figures[::2]) + sum(doubled)) % 10 == 0


def _runs(text: str) -> Iterator[list[re.Match[str]]]:
    """Words with a capital that follow one another on a line, with the particles of names between them."""
    run: list[re.Match[str]] = []
    for word in _WORD.finditer(text):
        belongs = word[0][0].isupper() or (bool(run) and word[0] in _particles)
        gap = text[run[-1].end() : word.start()] if run else ""
        if run and not (belongs and gap in (" ", " & ")):
            yield run
            run = []
        if belongs:
            run.append(word)
    if run:
        yield run


def _names(run: list[re.Match[str]], text: str, known: Collection[str]) -> Iterator[tuple[str, str]]:
    """The names in a run, each with its kind: all of it, and each word of it that is no common one."""
    before = text[: run[0].start()]
    starts, cue = bool(_STARTS.search(before[-12:])), _last_word(before)
    words = [_bare(one[0]) for one in run]
    if starts and len(words) > 1 and words[0].lower() not in _titles and _is_common(words[0], known):
        run, words, starts, cue = run[1:], words[1:], False, words[0].lower()
    while words and (words[-1] in _particles or words[-1] == "I"):
        run, words = run[:-1], words[:-1]
    if words and words[0].lower() in _titles:
        run, words, starts, cue = run[1:], words[1:], False, words[0].lower()
    if not words:
        return
    strange = [one for one in words if one not in _particles and not _is_common(one, known)]
    form = len(words) > 1 and words[-1].lower() in _forms
    pointed = cue in _before_companies | _before_persons | _titles or words[0].lower() in _wordlike
    if strange or form or (pointed and not starts and not {one.lower() for one in words} <= _no_names):
        kind = _kind(cue, words, form)
        yield text[run[0].start() : run[-1].start() + len(words[-1])], kind
        yield from ((one, kind) for one in strange)


def _kind(cue: str, words: list[str], form: bool) -> str:
    if form or cue in _before_companies:
        return COMPANY
    return PERSON if cue in _before_persons | _titles or words[0].lower() in _wordlike else NAME


def _last_word(text: str) -> str:
    """The word that stands right before, in the same sentence."""
    match = re.search(r"([^\W\d_][\w'’-]*)[ ,]+\Z", text[-40:])
    return match[1].lower() if match else ""


def _bare(word: str) -> str:
    return _CONTRACTED.sub("", word)


def _is_common(word: str, known: Collection[str]) -> bool:
    """Whether this is an ordinary word, whatever its capital says; of a compound, its first part."""
    short = word.isupper() and len(word) <= _SHORT_ACRONYM
    if short or (word[:-1].isupper() and word.endswith("s")):
        return True
    low = word.lower().partition("-")[0]
    if low in known or low in _no_names or (len(low) >= _LONG and low.endswith(_ENDINGS)):
        return True
    stems = [low[: -len(end)] for end in _INFLECTED if low.endswith(end)]
    return any(len(stem) >= _SHORTEST_STEM and stem in known for stem in stems)


class Vault:
    """Placeholders for values, one each for as long as it lives, and the way back. Never leaves this machine."""

    def __init__(self) -> None:
        self._placeholders: dict[str, str] = {}
        self._values: dict[str, str] = {}

    def mask(self, text: str, values: dict[str, str]) -> str:
        """`text` with a placeholder like [PERSON_1] for each of these values (given with their kinds)."""
        if not values:
            return text
        longest = sorted(values, key=len, reverse=True)
        anywhere = re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, longest)) + r")(?!\w)")
        return anywhere.sub(lambda match: self._placeholder(match[0], values[match[0]], text), text)

    def _placeholder(self, value: str, kind: str, text: str) -> str:
        if value not in self._placeholders:
            number = 1
            while f"{kind}_{number}" in self._values or f"{kind}_{number}" in text:
                number += 1
            self._placeholders[value], self._values[f"{kind}_{number}"] = f"[{kind}_{number}]", value
        return self._placeholders[value]

    def restore(self, text: str) -> str:
        """`text` with the values in place of their placeholders, brackets or none; an unknown one stays."""
        return _PLACEHOLDER.sub(lambda match: self._values.get(match[1].upper(), match[0]), text)

    def restored(self, pieces: Iterable[str]) -> Iterator[str]:
        """The same for a text in pieces. A placeholder may be cut between them: a word is held until it is whole."""
        if not self._values:
            yield from pieces
            return
        held = ""
        for piece in pieces:
            whole, space, held = _split(held + piece)
            if space:
                yield self.restore(whole + space)
        if held:
            yield self.restore(held)


_PLACEHOLDER = re.compile(rf"\[?\b((?:{'|'.join(_KINDS)})_\d+)\b\]?", re.IGNORECASE)


def _split(text: str) -> tuple[str, str, str]:
    """What is whole, the space behind it, and the beginning of a word."""
    match = re.match(r"(.*)(\s)(\S*)\Z", text, re.DOTALL)
    return (match[1], match[2], match[3]) if match else ("", "", text)
