"""Triggers: what starts work when something happens. Pure."""
