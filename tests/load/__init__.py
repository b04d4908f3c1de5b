"""Many visitors at once on the real program, over its own web-socket protocol, before a model of fixed speed:
`PYTHONPATH=tests python -m load`.

Knows of the program what a browser sees of it, and what the system tells of its process; nothing of its inside.
"""
