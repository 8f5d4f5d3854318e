"""The schema's version: numbered migrations, run forward, under the database's write lock."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from hakobune.core.errors import CorruptStore
from hakobune.store.queries import migrations

APPLICATION_ID = 0x48414B4F  # "HAKO": tells our file from any other SQLite database


def migrate(connection: sqlite3.Connection, steps: Sequence[tuple[int, str, str]] | None = None) -> None:
    """Bring the schema to the newest version, all or nothing. Raises CorruptStore if the file is not ours, or was
    written by a newer version."""
    steps = migrations() if steps is None else steps
    if _version(connection, len(steps)) == len(steps):
        return  # nothing is written: a start must not need the disk that is full
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection, len(steps))
        for number, _, text in steps[version:]:
            for statement in statements(text):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection, newest: int) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
    has_tables = connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None
    # Version 1 did not sign its files.
    if owner != APPLICATION_ID and (owner or (has_tables and version != 1)):
        raise CorruptStore(
            "The file state.sqlite3 in the data directory is a database of another program. Choose another --data."
        )
    if version > newest:
        raise CorruptStore(
            f"The data directory was written by a newer version (schema {version}, this one knows {newest}). "
            "Upgrade hakobune.",
        )
    return version


def statements(text: str) -> list[str]:
    """Single statements of a script: `executescript` would commit our transaction. Raises ValueError on a rest."""
    found: list[str] = []
    start = 0
    place = text.find(";")
    while place >= 0:
        # A semicolon in a text, a comment or the body of a trigger does not end a statement.
        if sqlite3.complete_statement(text[start : place + 1]):
            found.append(text[start : place + 1].strip())
            start = place + 1
        place = text.find(";", place + 1)
    rest = [line for line in text[start:].splitlines() if line.strip() and not line.lstrip().startswith("--")]
    if rest:
        raise ValueError(f"a migration ends in the middle of a statement: {rest[0]!r}")
    return found
