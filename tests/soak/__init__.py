"""What is promised of crashes, power cuts, full disks and cut replies, counted: `PYTHONPATH=tests python -m soak`.

Every module breaks the program in one way, at random and at named points, and compares what was acknowledged with
what is there. None knows how the program is built inside, but for the names of the moves that it dies at.
"""
