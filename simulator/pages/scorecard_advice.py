"""What the scores are worth at each company, and the sentences that would add most."""

from collections.abc import Mapping
from html import escape

import streamlit as st

from simulator.gaps import Blank, Lens, blanks, lens
from simulator.library import Company
from simulator.pages.scorecard_subject import Subject, tell
from simulator.pages.shell import words
from simulator.rubric import DIMENSIONS, HIGHEST, LOWEST, Grade


def lenses(subject: Subject) -> None:
    """The same scores with every company's weights, side by side, and what costs most there."""
    st.subheader(tell("lenses"))
    st.caption(tell("lenses note"))
    grades, equal = _chosen(subject)
    others = [one for one in subject.conductor.library.companies.values() if one is not subject.company]
    for company in (subject.company, *others):
        plain, seen = (_seen(subject, company, grades, equal=alike) for alike in (True, equal))
        st.html(_row(company, seen, plain.score) + _gap(subject, company, seen, equal=equal))


def _chosen(subject: Subject) -> tuple[Mapping[int, Grade], bool]:
    """The answers that are looked at, and whether the dimensions count alike."""
    rated = subject.rated
    with st.container(horizontal=True, vertical_alignment="bottom"):
        number = -1
        if len(rated) > 1:
            number = st.selectbox(
                tell("lenses of"),
                [-1, *rated],
                format_func=lambda n: tell("lenses one", number=n + 1) if n >= 0 else tell("lenses whole"),
                key="lenses-of",
            )
        equal = st.toggle(tell("lenses equal"), key="lenses-equal")
    return ({number: rated[number]} if number in rated else rated), equal


def _seen(subject: Subject, company: Company, grades: Mapping[int, Grade], *, equal: bool) -> Lens:
    library = subject.conductor.library
    return lens(subject.interview, library.rubric_for, company, subject.card.missing, grades, equal=equal)


def _row(company: Company, seen: Lens, plain: float) -> str:
    def at(score: float) -> str:
        return f"{(score - LOWEST) / (HIGHEST - LOWEST) * 100:.1f}%"

    label = tell("lenses label", company=company.name, score=f"{seen.score:.1f}", plain=f"{plain:.1f}")
    return (
        f'<div class="lens" role="img" aria-label="{escape(label)}"><b>{escape(company.name)}</b>'
        f'<span class="track"><span class="fill" style="width:{at(seen.score)}"></span>'
        f'<span class="bar" style="left:{at(plain)}"></span></span>'
        f'<span class="value">{seen.score:.1f}</span></div>'
    )


def _gap(subject: Subject, company: Company, seen: Lens, *, equal: bool) -> str:
    told = [] if equal else [f'<div class="aside">{escape(_weights(subject, company))}</div>']
    if seen.gap is None:
        return "".join([*told, f'<div class="dearest">{escape(tell("lenses none"))}</div>'])
    head = tell("lenses gap", name=seen.gap.name, number=seen.gap.exchange + 1)
    sentence = f"{seen.gap.missing} {seen.gap.advice}"
    return "".join([*told, f'<div class="dearest"><b>{escape(head)}</b> {escape(sentence)}</div>'])


def _weights(subject: Subject, company: Company) -> str:
    """All weights with where they come from, those of one source together."""
    by_source: dict[str, list[str]] = {}
    for name in DIMENSIONS:
        weight = tell("lenses weight", name=subject.names[name], weight=f"{company.lens[name]:g}")
        by_source.setdefault(company.lens_provenance[name], []).append(weight)
    return "; ".join(
        tell("lenses source", weights=", ".join(weights), source=source) for source, weights in by_source.items()
    )


def what_a_4_would_add(subject: Subject) -> None:
    """By dimension that is not at its best: what holds it down, and sentences to fill in."""
    library = subject.conductor.library
    found = blanks(subject.interview, library.rubric_for, library.rules, subject.rated)
    held = {name: _held_down(subject, name) for name in DIMENSIONS}
    if not found and not any(held.values()):
        return
    st.subheader(tell("blanks"))
    st.caption(tell("blanks note").replace("_", r"\_"))
    for name in DIMENSIONS:
        if name in found or held[name]:
            lines = "".join(_to_fill_in(one) for one in found.get(name, ()))
            why = f'<div class="aside">{escape(held[name])}</div>'
            st.html(f'<div class="blanks"><b>{escape(subject.names[name])}</b>{why}<ul>{lines}</ul></div>')


def _to_fill_in(one: Blank) -> str:
    where = words("in question", number=one.exchange + 1)
    return f"<li>{escape(one.text)} <small>({escape(one.name)}, {escape(where)})</small></li>"


def _held_down(subject: Subject, dimension: str) -> str:
    """Which warnings keep this dimension down, whatever is added."""
    told = [
        tell(
            "capped",
            number=number + 1,
            score=grade.ratings[dimension].score,
            flag=subject.rubric(number).check(grade.ratings[dimension].capped_by).name,
        )
        for number, grade in subject.rated.items()
        if grade.ratings[dimension].capped_by
    ]
    return " ".join(told)
