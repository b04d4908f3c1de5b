"""What whoever runs the program sees of it: each thing that happens is counted, timed where it has a length, and
told as one line of a log.

Knows names, numbers and ids. Never knows a word of a story, a question, a guide or a key: a text that is no short
name is left out of a line, and a label has only the values that its event lists.
"""
