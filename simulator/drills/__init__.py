"""Follow-ups drilled alone: what is due, on which claim, by which probe, and what came of the reply."""
