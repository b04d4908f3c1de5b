"""Every error that this program raises on purpose.

Each says what is wrong and what to do about it, in words for the person at the keyboard. They are raised
where a third-party package is imported and caught only by the pages, the command line and the evaluations.
"""


class SimulatorError(Exception):
    """Base of all. `fix` says what the user can do; `str()` gives both as one line."""

    def __init__(self, problem: str, fix: str = "") -> None:
        self.problem = problem
        self.fix = fix
        super().__init__(f"{problem} {fix}".strip())


class ConfigurationError(SimulatorError):
    """A setting is missing, contradictory or refused by the service it configures."""


class ContentError(SimulatorError):
    """A file under prompts/ or knowledge/ (or a user's guide) cannot be used."""


class InputError(SimulatorError):
    """What the user typed or passed in cannot be taken; it is never changed or dropped."""


class OutOfTurnError(SimulatorError):
    """A move that the interview does not allow now."""


class ModelUnavailableError(SimulatorError):
    """The model cannot be reached, is overloaded, or did not finish inside its deadline."""


class ModelRefusedError(SimulatorError):
    """The model declined to reply: a state of its own, never a low grade."""


class UnusableReplyError(SimulatorError):
    """The model replied with something that cannot be used; nothing is guessed from it."""


class StorageError(SimulatorError):
    """The disk or the database did not take or give what was asked."""
