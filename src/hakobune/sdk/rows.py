"""Rows written by UPSERT: the second write of a repeated task finds its own row and changes nothing.

Both databases: INSERT … ON CONFLICT … DO UPDATE (https://www.sqlite.org/lang_upsert.html,
https://www.postgresql.org/docs/current/sql-insert.html#SQL-ON-CONFLICT).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from hakobune.sdk.databases import Connection, Database, Dialect, is_error, quoted
from hakobune.sdk.errors import NoUniqueConstraint

Outcome = Literal["inserted", "updated", "unchanged"]


def upsert(connection: Connection, table: str, row: Mapping[str, object], key: str | Sequence[str]) -> Outcome:
    """Insert `row`, or bring the row with the same key up to it. What happened.

    `table`: a name or `schema.name`; `row`: column → value; `key`: the column or columns that identify the row, which
    must have a unique constraint of their own (NoUniqueConstraint otherwise). Names are taken exactly as the database
    stores them. Nothing is committed: the row belongs to your transaction. Other columns of an existing row stay.

    "updated" and "unchanged" tell whether a stored value differs. Raises ValueError for names that are no names, a key
    that is not in the row, and None in a key (unique constraints do not see NULLs, so each write would add a row);
    TypeError for other connections; the database's own errors for the rest.
    """
    database = Database.of(connection)
    keys = (key,) if isinstance(key, str) else tuple(key)
    _check(row, keys)
    try:
        return _upsert(database, database.table(table), row, keys)
    except Exception as error:
        if is_error(error, sqlite_text="does not match any PRIMARY KEY or UNIQUE constraint", sqlstate="42P10"):
            columns = ", ".join(keys)
            raise NoUniqueConstraint(
                f"{table} has no unique constraint over exactly ({columns}), so a repeated write could add a second "
                f"row. Add one: CREATE UNIQUE INDEX {table.replace('.', '_')}_key ON {table} ({columns})"
            ) from error
        raise


def _check(row: Mapping[str, object], keys: Sequence[str]) -> None:
    if not keys:
        raise ValueError("give at least one key column")
    for column in keys:
        if column not in row:
            raise ValueError(f"the key column {column!r} is not in the row")
        if row[column] is None:
            raise ValueError(f"the key column {column!r} is None: NULLs never conflict, each write would add a row")


def _upsert(database: Database, target: str, row: Mapping[str, object], keys: Sequence[str]) -> Outcome:
    columns = [quoted(column) for column in row]
    conflict = ", ".join(quoted(column) for column in keys)
    insert = (
        f"INSERT INTO {target} AS stored ({', '.join(columns)}) "  # noqa: S608 - all names are checked and quoted
        f"VALUES ({', '.join('?' * len(columns))}) "
        f"ON CONFLICT ({conflict}) DO "
    )
    values = list(row.values())
    # Two statements, because neither database says portably whether an UPSERT inserted or updated. In a transaction the
    # first takes the write lock (SQLite) or waits for whoever is inserting this key (PostgreSQL).
    if database.execute(f"{insert} NOTHING", values).rowcount == 1:
        return "inserted"
    rest = [quoted(column) for column in row if column not in keys]
    if not rest:
        return "unchanged"
    changes = ", ".join(f"{column} = excluded.{column}" for column in rest)
    differs = " OR ".join(_differs(database.dialect, column) for column in rest)
    changed = database.execute(f"{insert} UPDATE SET {changes} WHERE {differs}", values).rowcount
    return "updated" if changed == 1 else "unchanged"


def _differs(dialect: Dialect, column: str) -> str:
    """Compare the values as they are stored, not as a collation or type sees them."""
    if dialect is Dialect.POSTGRESQL:  # not every type has an equality (json), but all have a text
        return f"stored.{column}::text IS DISTINCT FROM excluded.{column}::text"
    return f"stored.{column} IS NOT excluded.{column} COLLATE BINARY"
