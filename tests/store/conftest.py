"""Every implementation of the store, behind one fixture: the suite is the definition of a store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from store_factories import FileStores, InlineStores, Stores

from hakobune.store.sqlite.database import SqliteStore


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["file", "inline"])
def store_factory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    """Opens one memory, again and again."""
    stores: Stores = FileStores(tmp_path / "data") if request.param == "file" else InlineStores()
    yield stores
    stores.close()


@pytest.fixture
async def store(store_factory: Stores) -> AsyncIterator[SqliteStore]:
    opened = await store_factory.open()
    yield opened
    await opened.close()
