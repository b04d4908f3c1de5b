"""The scorecard: five dimensions with their bands, every point tied to marked words, gaps, downloads."""

import json
from html import escape

import streamlit as st

from simulator.conductor import Conductor
from simulator.errors import SimulatorError
from simulator.interview import Interview, Role
from simulator.library import Company
from simulator.pages.shell import conductor, go, words
from simulator.rubric import weighted
from simulator.scorecard import DimensionScore, Missing, Scorecard, Shown, as_json, as_markdown


def page() -> None:
    try:
        program = conductor()
        interview_id = st.query_params.get("id", "")
        if not interview_id:
            st.info(words("no interview"))
            return
        interview = program.records.interview(interview_id)
        card = program.scorecard(interview_id)
    except SimulatorError as error:
        st.error(str(error))
        return
    company = program.library.company(interview.company)
    st.title(f"{company.name}: scorecard")
    if not any(exchange.answered for exchange in interview.exchanges):
        st.info(words("nothing answered"))
        return
    if card.ungraded:
        _grading(interview.id)
    _failures(program, interview)
    if not card.dimensions:
        if card.reasons:
            st.warning(f"{words('no score')}. " + "; ".join(card.reasons))
    else:
        _overall(program, card, company)
        _dimensions(program, card)
    _improvements(card)
    _points(program, card)
    _gaps(card)
    _transcript(interview, card)
    _downloads(program, card, interview, company)


@st.fragment(run_every=1.0)
def _grading(interview_id: str) -> None:
    program = conductor()
    jobs = program.records.jobs(interview_id)
    open_jobs = [job for job in jobs if job.state in ("waiting", "running")]
    if not open_jobs:
        st.rerun()
    if program.loading_error:
        st.error(str(program.loading_error))
    shares = program.grading_progress(interview_id)
    if not shares:
        st.info(words("grading waits"))
    for number, share in shares.items():
        st.progress(share, words("grading", number=number + 1, of=len(jobs)))


def _failures(program: Conductor, interview: Interview) -> None:
    failed = [job for job in program.records.jobs(interview.id) if job.state == "failed"]
    for job in failed:
        st.error(words("failed grade", number=job.exchange + 1, error=job.error))
    if failed and st.button(words("try again"), type="primary"):
        program.retry_grading(interview.id)
        st.rerun()


def _overall(program: Conductor, card: Scorecard, company: Company) -> None:
    st.html(
        f'<div class="overall"><span class="number">{card.overall:.1f}</span>'
        f'<span><span class="verdict">{escape(words(card.verdict))}</span><br>'
        f"{words('overall')}, {card.low:.1f}–{card.high:.1f}</span></div>"
    )
    if card.firmness is not None:
        st.caption(words("firmness", firmness=card.firmness, bar=f"{card.bar:.1f}"))
    st.caption(words("bar", company=company.name, bar=f"{card.bar:.1f}"))
    _lens(program, card, company)


def _lens(program: Conductor, card: Scorecard, company: Company) -> None:
    """The same dimension scores with the weights of a company, or with none; the scores themselves never change."""
    companies = program.library.companies
    with st.container(horizontal=True, vertical_alignment="center"):
        chosen = st.selectbox(
            words("lens"),
            ["", *companies],
            index=1 + list(companies).index(company.id),
            format_func=lambda one: companies[one].name if one else words("lens none"),
            key="lens",
        )
        weights = companies[chosen].lens if chosen else {}
        overall = weighted({one.dimension: one.mean for one in card.dimensions}, weights)
        st.html(f'<div class="lens"><span class="number">{overall:.1f}</span></div>')
    if chosen:
        names = program.rubric.dimension_names
        told = "; ".join(
            f"{names[name]} × {weight:g} ({companies[chosen].lens_provenance[name]})"
            for name, weight in weights.items()
        )
        st.caption(words("lens weights", weights=told))


def _dimensions(program: Conductor, card: Scorecard) -> None:
    st.subheader(words("dimensions"))
    rows = [_row(program.rubric.dimension_names[one.dimension], one, card.bar) for one in card.dimensions]
    ticks = "".join(f"<span>{tick}</span>" for tick in (1, 2, 3, 4))
    st.html(f'{"".join(rows)}<div class="scale"><span></span><span class="ticks">{ticks}</span><span></span></div>')


def _row(name: str, one: DimensionScore, bar: float) -> str:
    def at(score: float) -> str:
        return f"{(score - 1) / 3 * 100:.1f}%"

    width = f"{(one.high - one.low) / 3 * 100:.1f}%"
    label = f"{name}: {one.score:.1f} of 4, band {one.low:.1f} to {one.high:.1f}, bar {bar:.1f}"
    return (
        f'<div class="dimension" role="img" aria-label="{escape(label)}"><span>{escape(name)}</span>'
        f'<span class="track"><span class="band" style="left:{at(one.low)};width:{width}"></span>'
        f'<span class="bar" style="left:{at(bar)}"></span>'
        f'<span class="dot" style="left:{at(one.score)}"></span></span>'
        f'<span class="value">{one.score:.1f}</span></div>'
    )


def _improvements(card: Scorecard) -> None:
    if not card.improvements:
        return
    st.subheader(words("improve"))
    for number, one in enumerate(card.improvements, 1):
        with st.container(border=True):
            st.html(
                f"<b>{number}. {escape(one.name)}</b> · {words('in question', number=one.exchange + 1)}"
                f"<br>{escape(one.missing)} {escape(one.advice)}"
                f'<div class="aside">{words("improve moment")}</div><div class="moment">{escape(one.moment)}</div>'
            )


def _points(program: Conductor, card: Scorecard) -> None:
    st.subheader(words("points"))
    if not card.shown:
        st.write(words("nothing shown"))
        return
    st.caption(words("evidence numbers"))
    for dimension, name in program.rubric.dimension_names.items():
        own = [(number, one) for number, one in _numbered(card) if one.dimension == dimension]
        if own:
            with st.expander(f"{name} ({len(own)})", expanded=False):
                st.html('<div class="ledger">' + "".join(_line(*pair) for pair in own) + "</div>")


def _line(number: int, one: Shown) -> str:
    quotes = " ".join(f"“{escape(words_.text)}”" for words_ in one.evidence)
    points = f' <span class="points">+{one.points:.1f}</span>' if one.points >= 0.05 else ""
    return (
        f'<div class="line"><span class="tag">{number}</span><span><b>{escape(one.name)}</b>{points}'
        f'<br><span class="quote">{quotes}</span></span></div>'
    )


def _numbered(card: Scorecard) -> list[tuple[int, Shown]]:
    return list(enumerate(card.shown, 1))


def _gaps(card: Scorecard) -> None:
    st.subheader(words("gaps"))
    if card.flags:
        st.warning(f"{words('warnings')}: " + "; ".join(sorted({one.name for one in card.flags})))
    asked, never = st.columns(2)
    with asked:
        st.markdown(f"**{words('not shown')}**")
        _missing(card.not_shown, with_text=True)
    with never:
        st.markdown(f"**{words('never asked')}**")
        st.caption(words("never asked note"))
        _missing(card.never_asked, with_text=False)


def _missing(gaps: tuple[Missing, ...], *, with_text: bool) -> None:
    by_check: dict[str, list[Missing]] = {}
    for one in gaps:
        by_check.setdefault(one.check, []).append(one)
    lines = []
    for same in by_check.values():
        where = ", ".join(str(one.exchange + 1) for one in same)
        text = f"<br><small>{escape(same[0].text)}</small>" if with_text else ""
        lines.append(f"<li>{escape(same[0].name)} <small>(question {where})</small>{text}</li>")
    st.html(f"<ul>{''.join(lines)}</ul>" if lines else "<p>–</p>")


def _transcript(interview: Interview, card: Scorecard) -> None:
    st.subheader(words("transcript"))
    for number, exchange in enumerate(interview.exchanges):
        blocks = [f'<div class="question">{number + 1}. {escape(exchange.question.text)}</div>']
        for index, turn in enumerate(exchange.turns):
            candidate = turn.role is Role.CANDIDATE
            who = words("you") if candidate else words("interviewer")
            body = _marked(turn.text, index, number, card) if candidate else escape(turn.text)
            blocks.append(f'<div class="who">{escape(who)}</div><div class="said">{body}</div>')
        st.html("".join(blocks))


def _marked(text: str, turn: int, exchange: int, card: Scorecard) -> str:
    """The turn with every cited stretch marked and tagged with the numbers of the checks that it earned."""
    tags: dict[tuple[int, int], list[int]] = {}
    for number, one in _numbered(card):
        for words_ in one.evidence:
            if one.exchange == exchange and words_.turn == turn:
                tags.setdefault((words_.start, words_.end), []).append(number)
    out, at = "", 0
    for (start, end), numbers in sorted(tags.items()):
        labels = " ".join(f'<span class="tag">{number}</span>' for number in numbers)
        start = max(start, at)  # stretches that a model quoted may overlap
        out += f"{escape(text[at:start])}<mark>{escape(text[start:end])}</mark> {labels}"
        at = max(at, end)
    return out + escape(text[at:])


def _downloads(program: Conductor, card: Scorecard, interview: Interview, company: Company) -> None:
    if card.provenance:
        names = ("model", "method", "rubric", "prompts", "rule")
        st.caption(words("made by", **{name: card.provenance.get(name, "") for name in names}))
    markdown = as_markdown(card, interview, company, program.rubric.dimension_names)
    data = json.dumps(as_json(card, interview), ensure_ascii=False, indent=2)
    with st.container(horizontal=True):
        st.download_button(words("download markdown"), markdown, f"{interview.id}.md", on_click="ignore")
        st.download_button(words("download json"), data, f"{interview.id}.json", on_click="ignore")
        if st.button(words("home"), key="again"):
            go("practise")
