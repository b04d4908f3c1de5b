"""The conductor: one user's rounds, and the order of what happens in one answer.

An answer is committed before anything else happens. The interviewer's move runs in a thread that owns its
text and writes the records, so a page that is reloaded or closed loses nothing; finished exchanges are
graded by the program's worker from the job table. Of another user's interviews it knows nothing.
"""

import random
import threading
import time
from collections.abc import Mapping, Sequence
from contextvars import copy_context
from dataclasses import replace
from typing import TYPE_CHECKING

from simulator.clarify import fact_for, is_clarification
from simulator.clock import Pace, pace
from simulator.conduct import Conduct
from simulator.errors import InputError, ModelUnavailableError, OutOfTurnError, SimulatorError
from simulator.grading import GRADES
from simulator.interview import Act, Exchange, Interview, Next, Question, Role, Segment, Turn, open_interview
from simulator.move import Move
from simulator.operations.events import ANSWERED, FINISHED, FIRST_WORDS, FOLLOWED_UP, MOVE_FAILED, STARTED
from simulator.operations.log import bound
from simulator.outbox import Outbox
from simulator.program import Program
from simulator.prompts import clean
from simulator.records import LOCAL, new_id
from simulator.rounds import again, choose_questions, fitting, planned
from simulator.rubric import Grade
from simulator.scorecard import Scorecard, score

if TYPE_CHECKING:  # heavy packages are imported where they are first used: the page is there at once
    from simulator.grader import Grader
    from simulator.index import PassageIndex
    from simulator.interviewer import Interviewer
    from simulator.models import ChatModel

RECENT_INTERVIEWS = 5
"""Questions of so many interviews are not put again while there are others."""


class Conductor:
    """The rounds of one user of a program. Light to make, and without a state of its own; safe to use from several
    threads."""

    def __init__(self, program: Program, owner: str = LOCAL) -> None:
        self.program = program
        self.owner = owner
        self.library = program.library
        self.records = program.records.of(owner)

    # The program, as this user has it

    def model(self) -> "ChatModel":
        """The model, once it is loaded. Raises what its loading raised."""
        return self.program.model(self.owner)

    @property
    def outbox(self) -> Outbox:
        """What goes to another host for this user."""
        return self.program.outbox(self.owner)

    def index(self) -> "PassageIndex":
        """The shipped passages and those of the user's own guides."""
        return self.program.index(self.owner)

    def grader(self, kind: str = "story") -> "Grader":
        """The grader of a kind of question. Raises what `Program.grader` raises."""
        return self.program.grader(kind, self.owner)

    def interviewer(self, company_id: str, kind: str = "story") -> "Interviewer":
        """A company's interviewer for a kind of question. Raises what `Program.grader` raises."""
        return self.program.interviewer(company_id, kind, self.owner)

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
        STARTED.happened(length=length, interview=interview_id, questions=len(questions))
        return interview

    def answer(self, interview_id: str, turn_id: str, text: str, *, asks: bool = False) -> Move:
        """Commit the candidate's words, then let the interviewer make its move. `asks` says that they are a question
        about the case, whatever they look like.

        The same turn sent again changes nothing, and is given the last move where none is due.
        """
        with bound(interview=interview_id, answer=turn_id), self.program.moves.alone(self.owner, interview_id):
            before = self.records.interviews.find(interview_id)
            text = clean(text)
            question = before.current.question
            clarifies = (asks and question.kind == "case") or is_clarification(text, question)
            act = Act.CLARIFICATION if clarifies else Act.ANSWER
            after = before.answer(turn_id, text, _at(before), act)
            if after is not before:
                self.records.interviews.save(before, after)
                ANSWERED.happened(act=act.value, exchange=len(after.exchanges), characters=len(text))
            elif after.next is not Next.INTERVIEWER and (last := self.move_under_way(interview_id)):
                return last
            return self.move(interview_id)

    def time_up(self, interview_id: str, turn_id: str, text: str) -> Interview:
        """The interviewer cuts in, if the time of the part that is under way is over by this machine's clock: what is
        typed so far is the answer, and the round goes on. Changes nothing before that."""
        with self.program.moves.alone(self.owner, interview_id):
            before = self.records.interviews.find(interview_id)
            if before.closed or before.next is not Next.CANDIDATE or pace(before, _at(before)) is not Pace.OVER:
                return before
            try:
                after = before.answer(turn_id, clean(text), _at(before))
            except InputError:
                after = before  # nothing typed that is an answer
            if after is not before:
                self.records.interviews.save(before, after)
                ANSWERED.happened(act="cut_off", interview=interview_id, answer=turn_id, characters=len(text))
            self._advance(after)
            return self.records.interviews.find(interview_id)

    def move(self, interview_id: str) -> Move:
        """The interviewer's move on this interview: the one under way, or a new one where it is due."""
        with self.program.moves.alone(self.owner, interview_id):
            under_way = self.move_under_way(interview_id)
            if under_way and not under_way.done:
                return under_way
            if self.records.interviews.find(interview_id).next is not Next.INTERVIEWER:
                raise OutOfTurnError("It is the candidate's turn.")
            move = self.program.moves.begin(self.owner, interview_id)
        context = copy_context()  # what the move logs carries the ids of the answer that it follows
        threading.Thread(target=context.run, args=(self._make, interview_id, move), name="move", daemon=True).start()
        return move

    def move_under_way(self, interview_id: str) -> Move | None:
        """The interviewer's move on this interview that is being made, or was the last to be made."""
        return self.program.moves.last(self.owner, interview_id)

    def _make(self, interview_id: str, move: Move) -> None:
        try:
            with bound(interview=interview_id):
                self._follow_up_or_advance(interview_id, move)
        except SimulatorError as error:
            MOVE_FAILED.happened(error=type(error).__name__, interview=interview_id)
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
                self._tell(
                    before, self._line(Act.REDIRECT, self.program.conduct.another_story, len(before.exchanges)), move
                )
                return
            announcement = _announcement(before.current, self.program.conduct) if stands is Pace.ENDING else ""
            if self._follow_up(before, interviewer, announcement, move):
                return
        self._advance(before)

    def _follow_up(self, before: Interview, interviewer: "Interviewer", announcement: str, move: Move) -> bool:
        """Say the next follow-up; False when nothing is worth one."""
        from simulator.interviewer import Phrasing, turn_of

        with self.model().turns.live(self.owner or before.id, move.waits):
            if self.records.interviews.find(before.id) != before:
                return True  # it was finished while this waited
            aim = interviewer.aim(before.current, _used(before))
            if aim is None:
                return False
            phrasing = Phrasing(aim, announcement)
            for piece in interviewer.say(before.current, aim, phrasing):
                move.add(piece)
        self.records.interviews.save(before, before.reply(turn_of(new_id(), phrasing, _at(before))))
        FIRST_WORDS.happened(move.first_seconds)
        wording = "bank" if phrasing.replaced else "model"
        FOLLOWED_UP.happened(move.seconds, wording=wording, exchange=len(before.exchanges))
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
        found = fact_for(exchange.turns[-1].text, exchange.question.facts, self.program.embeddings[0])
        return self._line(Act.FACT, (found,) if found else self.program.conduct.no_fact)

    def _advance(self, before: Interview) -> None:
        finished = [len(before.exchanges) - 1] if before.current.graded else []
        self._keep(before, before.advance(_at(before)), finished)

    def finish(self, interview_id: str) -> Interview:
        """Finish now: what was answered is graded, the rest is not held against anyone."""
        before = self.records.interviews.find(interview_id)
        if not before.closed:
            finished = [len(before.exchanges) - 1] if before.current.graded else []
            self._keep(before, before.close(), finished)
        return self.records.interviews.find(interview_id)

    def _keep(self, before: Interview, after: Interview, finished: Sequence[int]) -> None:
        """Keep a step that ends an exchange, and have what is finished graded."""
        self.records.interviews.save(before, after, grade=finished)
        if after.closed:
            FINISHED.happened(interview=after.id, exchanges=len(after.exchanges))
        self.program.grading.wake()

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
        return self.program.grading.progress(self.owner, interview_id)

    def retry_grading(self, interview_id: str) -> None:
        """Try failed gradings again."""
        self.records.jobs.retry(interview_id)
        self.program.warm_up()
        self.program.grading.wake()


def _used(interview: Interview) -> list[str]:
    return [passage for exchange in interview.exchanges for turn in exchange.turns for passage in turn.passages]


def _at(interview: Interview) -> float:
    """Now, in seconds since the interview began."""
    return max(0.0, time.time() - interview.began)


def _announcement(exchange: Exchange, conduct: Conduct) -> str:
    """That the time is nearly up; said once on a question."""
    said = any(line in turn.text for turn in exchange.turns for line in conduct.announce)
    return "" if said else conduct.announce[len(exchange.turns) // 2 % len(conduct.announce)]
