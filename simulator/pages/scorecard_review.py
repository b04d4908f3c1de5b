"""The transcript with the reason of every follow-up, and what a second try changed."""

from collections.abc import Mapping
from html import escape

import streamlit as st

from simulator.errors import InputError, SimulatorError
from simulator.interview import Exchange, Role
from simulator.library import Passage
from simulator.pages.scorecard_subject import Subject, tell
from simulator.pages.shell import go, literal, said, words
from simulator.records import passages_of
from simulator.review import Flip, FollowUp, SecondTry, follow_ups, second_tries
from simulator.scorecard import Scorecard


def transcript(subject: Subject) -> None:
    """All that was said; the cited words carry the numbers of the checks that they earned."""
    st.subheader(words("transcript"))
    passages = _passages(subject)
    for number, exchange in enumerate(subject.interview.exchanges):
        reasons = _reasons(subject, number, exchange, passages)
        blocks = [f'<div class="question">{number + 1}. {escape(exchange.question.text)}</div>']
        for index, turn in enumerate(exchange.turns):
            candidate = turn.role is Role.CANDIDATE
            who = words("you") if candidate else words("interviewer")
            body = _marked(turn.text, index, number, subject.card) if candidate else escape(turn.text)
            blocks.append(f'<div class="who">{escape(who)}</div><div class="said">{body}</div>')
            if index in reasons:
                blocks.append(_why(reasons[index]))
        st.html("".join(blocks))
        if exchange.graded and st.button(tell("again"), key=f"again-{number}", icon=":material/replay:"):
            _try_again(subject, number)


def _passages(subject: Subject) -> Mapping[str, Passage]:
    """Everything that may be retrieved, the user's own guides too."""
    own = (passage for guide in subject.conductor.records.guides.all() for passage in passages_of(guide))
    return {passage.id: passage for passage in (*subject.conductor.library.passages, *own)}


def _reasons(
    subject: Subject, number: int, exchange: Exchange, passages: Mapping[str, Passage]
) -> dict[int, FollowUp]:
    if exchange.question.kind == "opening":
        return {}
    return follow_ups(exchange, subject.rubric(number), subject.grades.get(number), passages)


def _why(one: FollowUp) -> str:
    told = [tell(f"act {one.act.value}")]
    told += [one.name] if one.name else []
    told += [tell(f"outcome {one.outcome.value}")] if one.outcome else []
    parts = [f"<summary>{escape(tell('why'))} {escape(' · '.join(told))}</summary>"]
    if one.replaced:
        parts.append(f'<div class="aside">{escape(tell("why replaced", rule=one.replaced))}</div>')
    for passage in one.passages:
        source = tell("why from", provenance=passage.provenance, source=passage.guide or passage.id)
        parts.append(f'<div class="aside">{escape(source)}</div>{said(passage.text)}')
    if one.check and not one.passages:
        parts.append(f'<div class="aside">{escape(tell("why gone"))}</div>')
    return f'<details class="why">{"".join(parts)}</details>'


def _marked(text: str, turn: int, exchange: int, card: Scorecard) -> str:
    """The turn with every cited stretch marked and tagged with the numbers of the checks that it earned."""
    tags: dict[tuple[int, int], list[int]] = {}
    for number, one in enumerate(card.shown, 1):
        for cited in one.evidence:
            if one.exchange == exchange and cited.turn == turn:
                tags.setdefault((cited.start, cited.end), []).append(number)
    out, at = "", 0
    for (start, end), numbers in sorted(tags.items()):
        labels = " ".join(f'<span class="tag">{number}</span>' for number in numbers)
        start = max(start, at)  # stretches that a model quoted may overlap
        out += f"{escape(text[at:start])}<mark>{escape(text[start:end])}</mark> {labels}"
        at = max(at, end)
    return out + escape(text[at:])


def _try_again(subject: Subject, number: int) -> None:
    try:
        again = subject.conductor.retry(subject.interview.id, number)
    except SimulatorError as error:
        st.error(literal(error))
        return
    go("interview", again.id)


def second_try(subject: Subject) -> None:
    """What changed since the first try, of an interview that is a second one."""
    first_id = subject.interview.retry_of
    if not first_id:
        return
    conductor = subject.conductor
    st.subheader(tell("second"))
    try:
        first = conductor.records.interviews.find(first_id)
        grades = conductor.grades(first_id)
    except InputError:
        st.caption(tell("second gone"))
        return
    found = second_tries(subject.interview, subject.grades, first, grades, conductor.library.rubric_for)
    if not found:
        st.caption(tell("second waits"))
    for one in found:
        _compared(subject, one)


def _compared(subject: Subject, one: SecondTry) -> None:
    before, after = (f"{overall:.1f}" for overall in one.overall)
    moved = [
        tell("second scores", name=subject.names[name], before=was, after=now)
        for name, (was, now) in one.scores.items()
        if was != now
    ]
    st.html(
        f"<b>{escape(tell('second overall', before=before, after=after))}</b>"
        f'<div class="aside">{escape(", ".join(moved) or tell("second same"))}</div>'
    )
    if not one.flips:
        st.caption(tell("second none"))
    for slug, better in (("second gained", True), ("second lost", False)):
        lines = [_flip(subject, flip) for flip in one.flips if flip.better is better]
        if lines:
            st.html(f"<b>{escape(tell(slug))}</b><ul>{''.join(lines)}</ul>")


def _flip(subject: Subject, one: Flip) -> str:
    way = "came" if one.met else "went"
    slug = f"flip {way}" if one.met is one.better else f"flip warning {way}"
    quotes = " ".join(f"“{escape(words_.text)}”" for words_ in one.evidence)
    return (
        f"<li>{escape(one.name)} <small>({escape(tell(slug))})</small>"
        f'<br><span class="moment quote">{quotes}</span></li>'
    )
