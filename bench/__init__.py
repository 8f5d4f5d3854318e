"""Measurements: one module for each question, each figure beside its rival in the same run. `python -m bench`."""
