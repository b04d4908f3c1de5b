"""Offline evaluation: imports the simulator, is never imported by it."""
