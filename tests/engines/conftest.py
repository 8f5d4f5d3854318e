"""Engines behind fixtures: `watch` for what every engine does, `world` for what only processes can show."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from engine_world import EngineFactory, ProcessWorld, Watch


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ProcessWorld]:
    found = ProcessWorld(tmp_path / "data")
    yield found
    found.clear_away()


@pytest.fixture(params=["process"])
def engine_factory(request: pytest.FixtureRequest) -> EngineFactory:
    """Makes engines that run `Lane.argv`; called twice, it gives two views of the same hands."""
    world: ProcessWorld = request.getfixturevalue("world")
    return lambda: Watch(world.engine())


@pytest.fixture
async def watch(engine_factory: EngineFactory) -> AsyncIterator[Watch]:
    """An open engine, stopped in order after the test."""
    found = engine_factory()
    await found.engine.open()
    yield found
    await found.engine.close(stop_attempts=True)
