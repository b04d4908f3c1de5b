"""The candidate's own stories: the bank, which story serves which question, and the preparation checklist."""
