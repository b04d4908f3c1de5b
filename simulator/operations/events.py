"""Every event and every level of the program, with its labels and their values."""

from simulator.operations.event import Event, Level

_ERRORS = (
    "ConfigurationError",
    "ContentError",
    "InputError",
    "ModelRefusedError",
    "ModelUnavailableError",
    "NeitherWordError",
    "OutOfTurnError",
    "StorageError",
    "UnusableReplyError",
)
_OUTCOMES = ("ok", *_ERRORS)
_LANES = ("live", "background")
_SECONDS = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)

STARTED = Event("interviews_started", "Interviews begun.", length=("quick", "full", "custom", "again"))
FINISHED = Event("interviews_finished", "Interviews that came to their end or were finished.")
ANSWERED = Event(
    "answers",
    "Candidate's turns committed: answers, questions about a case, answers cut off by the clock.",
    act=("answer", "clarification", "cut_off"),
)
FIRST_WORDS = Event(
    "followup_first_words", "From an answer committed to the first words of the reply to it.", seconds=_SECONDS
)
FOLLOWED_UP = Event(
    "followup",
    "From an answer committed to the end of a follow-up: in the model's words, or in the bank's because the model's "
    "broke a rule.",
    seconds=_SECONDS,
    wording=("model", "bank"),
)
MOVE_FAILED = Event("moves_failed", "Moves of the interviewer that ended in an error.", error=_ERRORS)
MODEL_LOADED = Event("model_load", "Loading of the index and the model.", seconds=_SECONDS, outcome=_OUTCOMES)
MODEL_CALLED = Event(
    "model_call",
    "Calls of the language model with their retries, less the wait for their turn.",
    seconds=_SECONDS,
    kind=("reply", "stream", "yes_no", "typed"),
    lane=_LANES,
    outcome=_OUTCOMES,
)
MODEL_RETRIED = Event("model_retries", "Calls of the language model that were put again.", lane=_LANES)
TURN_WAITED = Event(
    "turn_wait", "Waits of a candidate's reply for its turn before the language model.", seconds=_SECONDS
)
GRADED = Event("grading", "Gradings of one exchange.", seconds=_SECONDS, outcome=_OUTCOMES)
INDEX_BUILT = Event("index_build", "Building of the passage index anew.", seconds=_SECONDS)
PAGE_FAILED = Event("page_errors", "Errors of a page that nothing caught.")

TURNS_WAITING = Level("turns_waiting", "Replies that wait for their turn before the language model.")
MODEL_READY = Level("model_ready", "1 while the language model is loaded.")
GRADINGS = Level("gradings", "Gradings in the database, of all users.", ("waiting", "running", "done", "failed"))
