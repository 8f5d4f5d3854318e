"""The log of a runtime that dies a thousand deaths is no news."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _quiet_log() -> Iterator[None]:
    log = logging.getLogger("hakobune")
    before = log.level
    log.setLevel(logging.ERROR)
    yield
    log.setLevel(before)
