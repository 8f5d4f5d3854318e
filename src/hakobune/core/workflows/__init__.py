"""Workflows: the language, its interpreter, and what an execution is. Pure: no clock, no socket, no dice."""
