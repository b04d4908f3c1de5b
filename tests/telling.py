"""One candidate's story, told and told again, and another story."""

ANSWER = (
    "In Q2 2023 our checkout migration was three weeks behind. I ran it as the product manager. The payments team "
    "was blocked because the fraud vendor kept changing its API, so I decided to cut the loyalty points feature."
)
RETOLD = (
    "The checkout migration in the second quarter of 2023 ran three weeks late, and I was its product manager. The "
    "fraud vendor changed its API again and again, which blocked the payments team. I cut the loyalty points."
)
OTHER = (
    "Our warehouse in Lyon lost parcels every night. I sat with the night shift for a week and saw that two belts "
    "shared one scanner. I had a second one put in, and losses fell from forty a night to three."
)
"""A story with other people and another outcome than ANSWER."""
