"""Acknowledgements in the order of the recorded operations: for the drivers, which run under the recorder."""

from __future__ import annotations

import ctypes

_mark = ctypes.CDLL(None).recorder_mark


def mark(text: str) -> None:
    """Note that the world has been told this."""
    _mark(text.encode())
