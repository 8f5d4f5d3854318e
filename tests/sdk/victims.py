"""Programs that the kill tests run and kill: `python victims.py NAME DIRECTORY [ARGUMENT]`. Each can be run again."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from hakobune.sdk import Checkpoint, Ledger, overwrite, write_once

FILES = 60
KEYS = 40
ITEMS = 60


def content(number: int) -> bytes:
    """50 kB that say which file they belong to, in many pieces of work for the writer."""
    return f"file {number:06d}\n".encode() * 4_000


def pieces(number: int) -> list[bytes]:
    whole = content(number)
    return [whole[start : start + 3_000] for start in range(0, len(whole), 3_000)]


def write_files(directory: Path) -> None:
    for number in range(FILES):
        write_once(directory / "once" / f"{number}.txt", pieces(number), must_match=True)
        overwrite(directory / "latest.txt", pieces(number))


def ledger_in_transactions(directory: Path) -> None:
    """A database effect without any protection of its own: only the ledger keeps it from happening twice."""
    with closing(sqlite3.connect(directory / "effects.db", timeout=20)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS payments (key TEXT, amount INTEGER)")
        for key in map(str, range(KEYS)):
            with connection:
                Ledger(connection).do(
                    key,
                    lambda _, key=key: pay(connection, key),  # type: ignore[misc]
                )


def pay(connection: sqlite3.Connection, key: str) -> str:
    connection.execute("INSERT INTO payments VALUES (?, 1)", (key,))
    return f"paid {key}"


def ledger_in_a_directory(directory: Path) -> None:
    """An effect outside: one line of a log per call, which carries the idempotency key."""
    ledger = Ledger(directory / "ledger")
    for key in map(str, range(KEYS)):
        ledger.do(key, lambda idempotency_key, key=key: call_outside(directory, key, idempotency_key))  # type: ignore[misc]


def call_outside(directory: Path, key: str, idempotency_key: str) -> str:
    descriptor = os.open(directory / "calls.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(descriptor, f"{key} {idempotency_key}\n".encode())
    os.close(descriptor)
    return f"called {key}"


def sum_items(directory: Path) -> None:
    """A running total kept together with the mark of each item; each item is tried in a file of its own too."""
    checkpoint = Checkpoint.open("sum", where=directory)
    for item in checkpoint.items(range(ITEMS)):
        checkpoint.stage(checkpoint.load(0) + item)
    overwrite(directory / "total.txt", str(checkpoint.load(0)))


PROGRAMS = {
    program.__name__: program for program in (write_files, ledger_in_transactions, ledger_in_a_directory, sum_items)
}

if __name__ == "__main__":
    print("ready", flush=True)
    PROGRAMS[sys.argv[1]](Path(sys.argv[2]))
