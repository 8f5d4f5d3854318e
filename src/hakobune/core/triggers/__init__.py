"""Triggers: who is told of which events, and what becomes of each delivery."""
