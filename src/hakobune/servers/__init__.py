"""Ports and routes: thin. What is decided is decided in core, what is remembered is in the store."""
