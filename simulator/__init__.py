"""Mock execution interviews for product managers: interviewer, follow-ups, scorecard with evidence."""

__version__ = "0.1.0"
