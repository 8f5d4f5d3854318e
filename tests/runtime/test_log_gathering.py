"""Entries that are gathered: one write for many, and all that is lost is told."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial

import anyio
import pytest

from hakobune.core.errors import Unavailable
from hakobune.core.logs.entries import LogEntry, Resource
from hakobune.runtime.log_gathering import GATHER_S, Gathering
from hakobune.runtime.logs import Shelf

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend(virtual_backend: tuple[str, dict[str, object]]) -> tuple[str, dict[str, object]]:
    return virtual_backend


class Log:
    """Remembers what each write brought, and to which shelf."""

    def __init__(self) -> None:
        self.writes: list[tuple[Shelf, list[str]]] = []
        self.is_full = False

    async def write_entries(
        self, entries: Iterable[LogEntry], *, shelf: Shelf = Shelf.USER, since_s: float | None = None
    ) -> None:
        assert since_s is None
        if self.is_full:
            raise Unavailable("the disk is full")
        self.writes.append((shelf, [str(entry.text_payload) for entry in entries]))


def an_entry(text: str) -> LogEntry:
    return LogEntry(
        insert_id=text,
        log_name="projects/p/logs/l",
        timestamp_s=0.0,
        receive_s=0.0,
        text_payload=text,
        resource=Resource(type="global"),
    )


def told(count: int) -> Callable[[], LogEntry]:
    return partial(an_entry, f"{count} left out")


@asynccontextmanager
async def running(gathering: Gathering) -> AsyncGenerator[None, None]:
    async with anyio.create_task_group() as group:
        group.start_soon(gathering.run)
        yield
        group.cancel_scope.cancel()


async def test_given_entries_of_one_moment_when_it_is_over_then_they_are_one_write() -> None:
    log = Log()
    gathering = Gathering(log, "things", at_most=10)
    async with running(gathering):
        for text in "abc":
            gathering.take(partial(an_entry, text))
        await anyio.sleep(2 * GATHER_S)
        gathering.take(partial(an_entry, "d"))
        await anyio.sleep(2 * GATHER_S)
    assert log.writes == [(Shelf.PLATFORM, ["a", "b", "c"]), (Shelf.PLATFORM, ["d"])]


async def test_given_more_than_are_written_when_an_entry_can_say_so_then_it_is_the_last() -> None:
    log = Log()
    gathering = Gathering(log, "things", at_most=2, shelf=Shelf.CALLS, told=told)
    async with running(gathering):
        for text in "abcd":
            gathering.take(partial(an_entry, text))
        assert gathering.is_full
        gathering.leave_out()
        await anyio.sleep(2 * GATHER_S)
        assert not gathering.is_full
        gathering.take(partial(an_entry, "e"))
        await anyio.sleep(2 * GATHER_S)
    assert log.writes == [(Shelf.CALLS, ["a", "b", "3 left out"]), (Shelf.CALLS, ["e"])]


async def test_given_more_than_are_written_when_no_entry_says_so_then_the_runtime_does(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = Log()
    gathering = Gathering(log, "things", at_most=1)
    with caplog.at_level(logging.WARNING, "hakobune.logs"):
        async with running(gathering):
            for text in "abc":
                gathering.take(partial(an_entry, text))
            await anyio.sleep(2 * GATHER_S)
    assert log.writes == [(Shelf.PLATFORM, ["a"])]
    assert caplog.messages == ["entries of 2 things are lost: the log is written more slowly than they come"]


async def test_given_a_log_that_takes_nothing_when_entries_are_written_then_that_is_told_and_the_next_are_tried(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = Log()
    gathering = Gathering(log, "things", at_most=10)
    with caplog.at_level(logging.WARNING, "hakobune.logs"):
        async with running(gathering):
            log.is_full = True
            gathering.take(partial(an_entry, "a"))
            await anyio.sleep(2 * GATHER_S)
            log.is_full = False
            gathering.take(partial(an_entry, "b"))
            await anyio.sleep(2 * GATHER_S)
    assert caplog.messages == ["entries of 1 things are lost: the disk is full"]
    assert log.writes == [(Shelf.PLATFORM, ["b"])]
