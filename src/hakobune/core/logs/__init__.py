"""Logs: entries, what a line of output says of its entry, what the platform says, and the query language."""
