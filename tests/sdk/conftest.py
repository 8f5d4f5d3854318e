"""What the SDK's tests share: a real PostgreSQL, a stand-in for Cloud Storage, and an environment without a task."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import psycopg
import pytest
from postgres_process import PostgresProcess
from storage_stand_in import StorageStandIn

from hakobune.sdk import objects, shutdown

_THREADS_END_WITHIN_S = 10.0


@pytest.fixture(autouse=True)
def _outside_any_job(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in list(os.environ):
        if name.startswith(("CLOUD_RUN_", "HAKOBUNE_", "STORAGE_EMULATOR_HOST", "TRACEPARENT", "GOOGLE_CLOUD_PROJECT")):
            monkeypatch.delenv(name)
    yield
    shutdown.uninstall()


@pytest.fixture(autouse=True)
def _leaves_no_thread() -> Iterator[None]:
    """A thread that lives on draws random numbers, forks or logs in the middle of another test."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(_THREADS_END_WITHIN_S)
        assert not thread.is_alive(), f"left behind: {thread}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresProcess]:
    with PostgresProcess() as process:
        yield process


@pytest.fixture
def database(postgres: PostgresProcess) -> Iterator[str]:
    """The address of an empty database."""
    with postgres.new_database() as address:
        yield address


@pytest.fixture
def pg(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database) as connection:
        yield connection


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[StorageStandIn]:
    with StorageStandIn() as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.address)
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p1")
        # Else the library asks for the bucket in a thread that nobody can join. If the server is gone by then, the
        # thread draws pauses from the process's random numbers for two minutes.
        monkeypatch.setenv("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
        yield server
        objects.close_clients()
