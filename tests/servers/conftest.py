"""What the tests of connections share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from http_handlers import HANDLERS
from http_world import World


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Our HTTP server, with handlers of all kinds."""
    found = World(dict(HANDLERS)).start()
    yield found
    found.stop()
