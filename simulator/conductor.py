"""The conductor: the only place where things are wired and where the order of one answer is decided.

An answer is committed before anything else happens. The interviewer's move runs in a thread that owns its
text and writes the records, so a page that is reloaded or closed loses nothing; finished exchanges are
graded by a worker thread from the job table.
"""

import random
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from simulator.clock import Pace, pace
from simulator.conduct import Conduct
from simulator.errors import InputError, ModelUnavailableError, OutOfTurnError, SimulatorError
from simulator.grading import GRADES, GradingWorker
from simulator.interview import Act, Exchange, Interview, Next, Question, Role, Segment, Turn, open_interview
from simulator.library import Library, Passage, load_library
from simulator.move import Move
from simulator.outbox import Outbox, known_words
from simulator.prompts import clean
from simulator.records import Records, new_id, passages_of
from simulator.rounds import again, choose_questions, fitting, planned
from simulator.rubric import Grade, Rubric
from simulator.scorecard import Scorecard, score
from simulator.settings import CHECKWISE, EMBEDDED, Settings

if TYPE_CHECKING:  # heavy packages are imported where they are first used: the page is there at once
    from langchain_core.embeddings import Embeddings

    from simulator.evidence import Locator
    from simulator.grader import Grader
    from simulator.index import PassageIndex
    from simulator.interviewer import Interviewer
    from simulator.models import ChatModel

STORY_RUBRIC = "rubrics/story"
RECENT_INTERVIEWS = 5
"""Questions of so many interviews are not put again while there are others."""


class Loading(StrEnum):
    """What is known of the model."""

    NOT_STARTED = "not started"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


class Conductor:
    """One process's program: settings in, interviews out. Safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.library: Library = load_library(settings.content_dir)
        self.records = Records(settings.database)
        self.outbox = Outbox(known_words(self.library) if settings.mask else None)
        self.loading = Loading.NOT_STARTED
        self.loading_error: SimulatorError | None = None
        self._loaded = threading.Event()
        self._model: ChatModel | None = None
        self._index: PassageIndex | None = None
        self._lock = threading.RLock()
        self._index_lock = threading.Lock()  # held while an index is built, which nobody else should wait for
        self._moves: dict[str, Move] = {}
        self._locators: dict[str, Locator] = {}
        self._worker: GradingWorker | None = None

    # Starting and loading

    @property
    def rubric(self) -> Rubric:
        return self.library.rubrics[STORY_RUBRIC]

    def warm_up(self) -> None:
        """Load the index and the model in the background, and start the grading worker. Returns at once."""
        with self._lock:
            self._grading().start()
            alive = self._model is not None and self._model.alive
            if self.loading is Loading.LOADING or (self.loading is Loading.READY and alive):
                return
            self._model = None
            self.loading, self.loading_error = Loading.LOADING, None
            self._loaded.clear()
        threading.Thread(target=self._load, name="load", daemon=True).start()

    def _load(self) -> None:
        from simulator.models import open_model
        from simulator.outgoing import OutgoingModel

        try:
            self.index()
            model = open_model(self.settings)
            if model.host:
                model = OutgoingModel(model, self.outbox)
            if self.settings.grading == CHECKWISE:
                model.require_log_probabilities()
        except SimulatorError as error:
            with self._lock:
                self.loading, self.loading_error = Loading.FAILED, error
        except BaseException:
            with self._lock:
                self.loading, self.loading_error = Loading.FAILED, None
            raise
        else:
            with self._lock:
                self._model, self.loading = model, Loading.READY
        finally:
            self._loaded.set()
            self._grading().wake()

    def _grading(self) -> GradingWorker:
        with self._lock:
            if self._worker is None:
                ready, days = (lambda: self._model is not None), self.settings.keep_days
                self._worker = GradingWorker(self.records, self.grader, ready, days)
            return self._worker

    def model(self) -> "ChatModel":
        """The model, once it is loaded. Raises what its loading raised."""
        self.warm_up()
        self._loaded.wait()
        if self._model is None:
            raise self.loading_error or ModelUnavailableError("The model is not loaded.", "Try again.")
        return self._model

    @property
    def model_name(self) -> str:
        """The model's name for the page, known before it is loaded."""
        if self._model is not None:
            return self._model.name
        file = self.settings.model_file
        return file.stem if file else self.settings.model

    @property
    def host(self) -> str:
        """Where the candidate's words are sent; empty when they stay on this machine."""
        if self.settings.base_url:
            return urlsplit(self.settings.base_url).netloc
        elsewhere = [one for one in (self.settings.model, self.settings.embeddings) if one != EMBEDDED]
        return ", ".join(dict.fromkeys(one.partition(":")[0] for one in elsewhere))

    @cached_property
    def embeddings(self) -> "tuple[Embeddings, str]":
        """The embedding model and its id."""
        from simulator.embeddings import open_embeddings

        return open_embeddings(self.settings)

    def index(self) -> "PassageIndex":
        """The passages of knowledge/ and the user's guides; opened anew when a guide came or went."""
        from simulator.index import PassageIndex

        passages: list[Passage] = [*self.library.passages]
        for guide in self.records.guides.all():
            passages += passages_of(guide)
        with self._index_lock:
            if self._index is None or list(self._index.passages) != [passage.id for passage in passages]:
                embeddings, model_id = self.embeddings
                folder = self.settings.data_dir / "index"
                self._index = PassageIndex(folder, passages, embeddings, model_id)
            return self._index

    def locator(self, rubric: Rubric) -> "Locator":
        """Finds evidence for a rubric, by the sentence model beside its file where there is one."""
        from simulator.evidence import Locator, load_sentence_model

        with self._lock:
            if rubric.id not in self._locators:
                path = self.settings.content_dir / "prompts" / f"{rubric.id}.sentences.npz"
                trained = load_sentence_model(path) if path.exists() else None
                self._locators[rubric.id] = Locator(*self.embeddings, trained)
            return self._locators[rubric.id]

    def grader(self, kind: str = "story") -> "Grader":
        """The grader of a kind of question, with the settings' model and method. Raises ConfigurationError where the
        model cannot do what the method needs: the other method is never used instead."""
        from simulator.grader import Grader
        from simulator.methods import method_of

        model, rubric = self.model(), self.library.rubric_for(kind)
        method, locator = method_of(self.settings.grading, self.library.prompts, model), self.locator(rubric)
        rule = self.library.rule_for(rubric, model.name, method.name, locator.version)
        return Grader(self.library.prompts, rubric, rule, method, model.name, locator.locate)

    # The interview

    def start(
        self,
        company_id: str,
        length: str,
        questions: int | None = None,
        *,
        minutes: float = 0.0,
        kind: str = "",
        timed: bool = False,
    ) -> Interview:
        """A new interview with its first question asked; needs no model. A `kind` makes all of it stories or cases,
        a number of `questions` overrides the plan's, `timed` runs the clock. Raises InputError."""
        company = self.library.company(company_id)
        plan = planned(company, length, minutes, kind, questions)
        interview_id = new_id()
        recent = self.records.interviews.summaries()[:RECENT_INTERVIEWS]
        asked = [one.id for past in recent for one in self.records.interviews.find(past.id).questions]
        chosen = choose_questions(self.library, company, plan, random.Random(interview_id), asked)
        return self._opened(interview_id, company_id, length, chosen, fitting(plan, chosen), timed)

    def retry(self, interview_id: str, number: int) -> Interview:
        """A new interview with one question of an earlier one, to be answered again. Raises InputError where that has
        no such question."""
        before = self.records.interviews.find(interview_id)
        if not 0 <= number < len(before.exchanges):
            raise InputError(f"This interview has no question {number + 1}.", "Choose one of its questions.")
        question = before.exchanges[number].question
        seconds = before.plan[number].seconds if number < len(before.plan) else 600.0
        plan = again(question, seconds)
        return self._opened(new_id(), before.company, "again", [question], plan, before.timed, interview_id)

    def _opened(
        self,
        interview_id: str,
        company_id: str,
        length: str,
        questions: Sequence[Question],
        plan: Sequence[Segment],
        timed: bool,
        retry_of: str = "",
    ) -> Interview:
        interview = open_interview(
            interview_id,
            company_id,
            length,
            questions,
            plan=plan,
            began=time.time(),
            timed=timed,
            retry_of=retry_of,
        )
        self.records.interviews.add(interview)
        return interview

    def answer(self, interview_id: str, turn_id: str, text: str, *, asks: bool = False) -> Move:
        """Commit the candidate's words, then let the interviewer make its move. `asks` says that they are a question
        about the case, whatever they look like.

        The same turn sent again changes nothing, and is given the last move where none is due.
        """
        from simulator.clarify import is_clarification

        with self._lock:
            before = self.records.interviews.find(interview_id)
            text = clean(text)
            question = before.current.question
            clarifies = (asks and question.kind == "case") or is_clarification(text, question)
            act = Act.CLARIFICATION if clarifies else Act.ANSWER
            after = before.answer(turn_id, text, _at(before), act)
            if after is not before:
                self.records.interviews.save(before, after)
            elif after.next is not Next.INTERVIEWER and interview_id in self._moves:
                return self._moves[interview_id]
            return self.move(interview_id)

    def time_up(self, interview_id: str, turn_id: str, text: str) -> Interview:
        """The interviewer cuts in, if the time of the part that is under way is over by this machine's clock: what is
        typed so far is the answer, and the round goes on. Changes nothing before that."""
        with self._lock:
            before = self.records.interviews.find(interview_id)
            if before.closed or before.next is not Next.CANDIDATE or pace(before, _at(before)) is not Pace.OVER:
                return before
            try:
                after = before.answer(turn_id, clean(text), _at(before))
            except InputError:
                after = before  # nothing typed that is an answer
            if after is not before:
                self.records.interviews.save(before, after)
            self._advance(after)
            return self.records.interviews.find(interview_id)

    def move(self, interview_id: str) -> Move:
        """The interviewer's move on this interview: the one under way, or a new one where it is due."""
        with self._lock:
            under_way = self._moves.get(interview_id)
            if under_way and not under_way.done:
                return under_way
            if self.records.interviews.find(interview_id).next is not Next.INTERVIEWER:
                raise OutOfTurnError("It is the candidate's turn.")
            move = self._moves[interview_id] = Move()
        threading.Thread(target=self._make, args=(interview_id, move), name="move", daemon=True).start()
        return move

    def move_under_way(self, interview_id: str) -> Move | None:
        with self._lock:
            return self._moves.get(interview_id)

    def _make(self, interview_id: str, move: Move) -> None:
        try:
            self._follow_up_or_advance(interview_id, move)
        except SimulatorError as error:
            move.end(error)
        except BaseException:
            move.end(ModelUnavailableError("The interviewer failed unexpectedly.", "Try again; see the log."))
            raise
        else:
            move.end()

    def _follow_up_or_advance(self, interview_id: str, move: Move) -> None:
        before = self.records.interviews.find(interview_id)
        if before.current.turns[-1].act is Act.CLARIFICATION:
            self._tell(before, self._fact(before.current), move)
            return
        stands = pace(before, _at(before))
        if before.may_probe and stands in (Pace.OPEN, Pace.ENDING):
            interviewer = self.interviewer(before.company, before.current.question.kind)
            if self._retold(before, interviewer):
                self._tell(before, self._line(Act.REDIRECT, self.conduct.another_story, len(before.exchanges)), move)
                return
            announcement = _announcement(before.current, self.conduct) if stands is Pace.ENDING else ""
            if self._follow_up(before, interviewer, announcement, move):
                return
        self._advance(before)

    def _follow_up(self, before: Interview, interviewer: "Interviewer", announcement: str, move: Move) -> bool:
        """Say the next follow-up; False when nothing is worth one."""
        from simulator.interviewer import Phrasing, turn_of

        with self.model().gate.live():
            aim = interviewer.aim(before.current, _used(before))
            if aim is None:
                return False
            phrasing = Phrasing(aim, announcement)
            for piece in interviewer.say(before.current, aim, phrasing):
                move.add(piece)
        self.records.interviews.save(before, before.reply(turn_of(new_id(), phrasing, _at(before))))
        return True

    def _retold(self, before: Interview, interviewer: "Interviewer") -> bool:
        """Whether the first answer to this question tells a story that an earlier one has told."""
        exchange = before.current
        earlier = [one for one in before.exchanges[:-1] if one.question.kind == "story"]
        opening = exchange.question.kind == "story" and len(exchange.answers) == 1
        return opening and interviewer.strategy.told_before(exchange, earlier)

    def _line(self, act: Act, lines: Sequence[str], number: int = 0) -> Turn:
        """A turn that is said as it stands: the `number`-th of the lines, round and round."""
        return Turn(new_id(), Role.INTERVIEWER, lines[number % len(lines)], act=act)

    def _tell(self, before: Interview, turn: Turn, move: Move) -> None:
        """Say a turn as it stands."""
        move.add(turn.text)
        self.records.interviews.save(before, before.reply(replace(turn, at=_at(before))))

    def _fact(self, exchange: Exchange) -> Turn:
        """The fact of the case that answers what was asked last, or that there is none."""
        from simulator.clarify import fact_for

        found = fact_for(exchange.turns[-1].text, exchange.question.facts, self.embeddings[0])
        return self._line(Act.FACT, (found,) if found else self.conduct.no_fact)

    @cached_property
    def conduct(self) -> Conduct:
        """How interviewers speak."""
        return Conduct.read(self.library.conduct)

    def _advance(self, before: Interview) -> None:
        finished = [len(before.exchanges) - 1] if before.current.graded else []
        self.records.interviews.save(before, before.advance(_at(before)), grade=finished)
        self._grading().wake()

    def finish(self, interview_id: str) -> Interview:
        """Finish now: what was answered is graded, the rest is not held against anyone."""
        before = self.records.interviews.find(interview_id)
        if not before.closed:
            finished = [len(before.exchanges) - 1] if before.current.graded else []
            self.records.interviews.save(before, before.close(), grade=finished)
            self._grading().wake()
        return self.records.interviews.find(interview_id)

    def interviewer(self, company_id: str, kind: str = "story") -> "Interviewer":
        from simulator.interviewer import Interviewer

        return Interviewer(
            self.library.company(company_id),
            self.library.personas[company_id],
            self.conduct,
            self.library.prompts,
            self.grader(kind),
            self.index(),
            self.embeddings[0],
            self.model(),
        )

    # Grading

    def scorecard(self, interview_id: str) -> Scorecard:
        """The scorecard from the grades that are there so far."""
        interview = self.records.interviews.find(interview_id)
        company = self.library.company(interview.company)
        return score(interview, self.library.rubric_for, company, self.grades(interview_id))

    def grades(self, interview_id: str) -> dict[int, Grade]:
        """The grades that are there so far, by exchange."""
        return {n: GRADES.validate_python(raw) for n, raw in self.records.jobs.grades(interview_id).items()}

    def grading_progress(self, interview_id: str) -> Mapping[int, float]:
        """The share done, 0-1, of each exchange that is being graded in this process."""
        return self._worker.progress(interview_id) if self._worker else {}

    def retry_grading(self, interview_id: str) -> None:
        """Try failed gradings again."""
        self.records.jobs.retry(interview_id)
        self.warm_up()
        self._grading().wake()

    def close(self) -> None:
        """Stop the worker and the embedded server."""
        if self._worker is not None:
            self._worker.close()
        if self._model is not None:
            self._model.close()
        self.records.close()


def _used(interview: Interview) -> list[str]:
    return [passage for exchange in interview.exchanges for turn in exchange.turns for passage in turn.passages]


def _at(interview: Interview) -> float:
    """Now, in seconds since the interview began."""
    return max(0.0, time.time() - interview.began)


def _announcement(exchange: Exchange, conduct: Conduct) -> str:
    """That the time is nearly up; said once on a question."""
    said = any(line in turn.text for turn in exchange.turns for line in conduct.announce)
    return "" if said else conduct.announce[len(exchange.turns) // 2 % len(conduct.announce)]
