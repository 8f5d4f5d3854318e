"""Schedules: when they are due, what an attempt sends, and what follows from its answer."""
