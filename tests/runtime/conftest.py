"""Tests of the runtime run on a virtual loop unless they ask for a real one."""

from __future__ import annotations

import pytest

from hakobune.testing.clock import VirtualLoop


@pytest.fixture
def virtual_backend() -> tuple[str, dict[str, object]]:
    """Time passes only when everybody waits."""
    return "asyncio", {"loop_factory": VirtualLoop}
