"""One way to speak to the two kinds of database connection a task may hold: sqlite3 and psycopg (version 3)."""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, cast

# A name as the database stores it: a letter or underscore, then letters, digits, underscores. Always quoted.
_IDENTIFIER = re.compile(r"[^\W\d]\w*\Z")
_IDENTIFIER_BYTES_MAX = 63  # PostgreSQL cuts longer names (NAMEDATALEN - 1)

_PSYCOPG_IN_ERROR = 3  # psycopg.pq.TransactionStatus.INERROR


class Connection(Protocol):
    """A sqlite3.Connection or a psycopg.Connection."""

    def cursor(self) -> object:
        """A cursor."""
        ...

    def commit(self) -> None:
        """Commit the open transaction."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class Cursor(Protocol):
    """What both libraries' cursors have in common."""

    row_factory: object

    @property
    def rowcount(self) -> int:
        """Rows changed by the last statement."""
        ...

    def execute(self, sql: str, parameters: Sequence[object], /) -> object:
        """Run one statement."""
        ...

    def fetchone(self) -> tuple[object, ...] | None:
        """The next row."""
        ...


class Dialect(StrEnum):
    """Which database it is."""

    SQLITE = "SQLite"
    POSTGRESQL = "PostgreSQL"


class _PsycopgInfo(Protocol):
    transaction_status: int


class _PsycopgConnection(Protocol):
    info: _PsycopgInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A connection and its dialect. Never commits: whose transaction it is decides that."""

    connection: Connection
    dialect: Dialect

    @classmethod
    def of(cls, connection: Connection) -> Database:
        """Raises TypeError for anything but a sqlite3 or a (synchronous) psycopg 3 connection."""
        for base in type(connection).__mro__:
            library = base.__module__.partition(".")[0]
            if library == "sqlite3":
                return cls(connection=connection, dialect=Dialect.SQLITE)
            if library == "psycopg" and "Async" not in base.__name__:
                return cls(connection=connection, dialect=Dialect.POSTGRESQL)
        kind = f"{type(connection).__module__}.{type(connection).__qualname__}"
        raise TypeError(f"need a sqlite3.Connection or a psycopg.Connection (psycopg 3), not {kind}")

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> Cursor:
        """Run one statement written with `?` for parameters; rows come as tuples, whatever the connection's factory."""
        cursor = cast("Cursor", self.connection.cursor())
        if self.dialect is Dialect.POSTGRESQL:
            cursor.row_factory = cast("object", importlib.import_module("psycopg.rows").tuple_row)
            sql = sql.replace("?", "%s")
        else:
            cursor.row_factory = None
        cursor.execute(sql, parameters)
        return cursor

    def can_execute(self) -> bool:
        """False in a PostgreSQL transaction that has failed: it takes no statement until it is rolled back."""
        return self._psycopg_status() != _PSYCOPG_IN_ERROR

    def _psycopg_status(self) -> int | None:
        if self.dialect is not Dialect.POSTGRESQL:
            return None
        return int(cast("_PsycopgConnection", self.connection).info.transaction_status)

    def table(self, name: str) -> str:
        """`name` or `schema.name`, checked and quoted. Raises ValueError."""
        return ".".join(quoted(part) for part in name.split(".", 1))


def quoted(identifier: str) -> str:
    """The identifier in double quotes. Raises ValueError for one that is not a plain name."""
    if not _IDENTIFIER.match(identifier) or len(identifier.encode()) > _IDENTIFIER_BYTES_MAX:
        raise ValueError(
            f"{identifier[:80]!r} is no name of a table or column: a letter or underscore, then letters, digits and "
            f"underscores, at most {_IDENTIFIER_BYTES_MAX} bytes"
        )
    return f'"{identifier}"'


def is_error(error: Exception, *, sqlite_text: str, sqlstate: str) -> bool:
    """Whether a database error is this one: SQLite's by its text, PostgreSQL's by its state."""
    if getattr(error, "sqlstate", None) == sqlstate:
        return True
    return type(error).__module__ == "sqlite3" and sqlite_text in str(error)
