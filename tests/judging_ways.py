"""An exchange, checks and replies that tests of both ways of judging put to a model."""

from simulator.interview import Exchange, Question, Role, Turn

OPENING = (
    "In March 2024 our refund migration was two weeks behind. I’d promised it for the 1st — so I cut the “new” "
    "report."
)


PROBE = "What did the customers of that report say?"


REPLY = "Two of them complained.\nFailed refunds fell from 6 % to 0.8 %."


EXCHANGE = Exchange(
    Question("q1", "Tell me about a launch that ran late."),
    (
        Turn("t1", Role.CANDIDATE, OPENING),
        Turn("p1", Role.INTERVIEWER, PROBE, "action.tradeoff"),
        Turn("t2", Role.CANDIDATE, REPLY),
    ),
)
