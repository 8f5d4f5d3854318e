from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row

from hakobune.sdk import NoUniqueConstraint, upsert
from hakobune.sdk.databases import Connection

TABLE = (
    "CREATE TABLE telops (id INTEGER PRIMARY KEY, video TEXT, segment INTEGER, text TEXT, score REAL, "
    "UNIQUE (video, segment))"
)


@pytest.fixture(params=["sqlite", "postgresql"])
def connection(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sqlite3.Connection | psycopg.Connection]:
    if request.param == "sqlite":
        with closing(sqlite3.connect(tmp_path / "x.db")) as lite:
            lite.execute(TABLE)
            yield lite
    else:
        pg: psycopg.Connection = request.getfixturevalue("pg")
        pg.execute(TABLE)
        yield pg


def rows(connection: sqlite3.Connection | psycopg.Connection, columns: str = "id, text, score") -> list[object]:
    return list(connection.execute(f"SELECT {columns} FROM telops ORDER BY id").fetchall())  # type: ignore[arg-type]


def test_given_a_row_when_written_again_and_again_then_the_answer_says_what_changed(
    connection: sqlite3.Connection | psycopg.Connection,
) -> None:
    row: dict[str, object] = {"id": 1, "text": "運転", "score": 0.5}
    assert upsert(connection, "telops", row, "id") == "inserted"
    assert upsert(connection, "telops", row, "id") == "unchanged"
    assert upsert(connection, "telops", {**row, "text": None}, "id") == "updated"
    assert upsert(connection, "telops", {**row, "text": None}, "id") == "unchanged"
    assert upsert(connection, "telops", {"id": 1, "text": "転"}, "id") == "updated"
    assert rows(connection) == [(1, "転", 0.5)]  # columns that are not named stay


def test_given_a_key_of_two_columns_when_written_then_both_count(
    connection: sqlite3.Connection | psycopg.Connection,
) -> None:
    key = ("video", "segment")
    for number, segment in enumerate((1, 2, 1)):
        row = {"id": segment, "video": "a", "segment": segment, "text": f"write {number}"}
        upsert(connection, "telops", row, key)
    assert rows(connection, "segment, text") == [(1, "write 2"), (2, "write 1")]


def test_given_a_row_of_key_columns_only_when_written_then_nothing_else_is_needed(
    connection: sqlite3.Connection | psycopg.Connection,
) -> None:
    assert upsert(connection, "telops", {"id": 5}, "id") == "inserted"
    assert upsert(connection, "telops", {"id": 5}, "id") == "unchanged"


def test_given_no_unique_constraint_when_written_then_the_error_says_how_to_add_one(
    connection: sqlite3.Connection | psycopg.Connection,
) -> None:
    with pytest.raises(NoUniqueConstraint, match=r"CREATE UNIQUE INDEX telops_key ON telops \(video\)"):
        upsert(connection, "telops", {"video": "a", "text": "x"}, "video")


def test_given_the_callers_transaction_when_it_is_rolled_back_then_so_is_the_row(
    connection: sqlite3.Connection | psycopg.Connection,
) -> None:
    connection.commit()
    upsert(connection, "telops", {"id": 1}, "id")
    connection.rollback()
    assert rows(connection, "id") == []


@pytest.mark.parametrize(
    ("table", "row", "key"),
    [
        ('telops"; DROP TABLE telops; --', {"id": 1}, "id"),
        ("telops", {'id") VALUES (1); --': 1}, 'id") VALUES (1); --'),
        ("a.b.c", {"id": 1}, "id"),
        ("", {"id": 1}, "id"),
        ("telops", {"id": 1, "te xt": 2}, "id"),
        ("telops", {"id": 1, "t" * 64: 2}, "id"),
        ("telops", {"id": 1}, "segment"),
        ("telops", {"id": None}, "id"),
        ("telops", {"id": 1}, ()),
    ],
)
def test_given_a_name_or_key_that_cannot_be_when_written_then_it_is_refused_before_the_database_sees_it(
    connection: sqlite3.Connection | psycopg.Connection, table: str, row: dict[str, object], key: str
) -> None:
    with pytest.raises(ValueError, match=r"name|key"):
        upsert(connection, table, row, key)
    assert rows(connection, "id") == []


def test_given_reserved_words_and_capitals_when_written_then_they_are_quoted(
    connection: sqlite3.Connection | psycopg.Connection,
) -> None:
    connection.execute('CREATE TABLE "Order" ("select" INTEGER PRIMARY KEY, "From" TEXT, "分類" TEXT)')
    assert upsert(connection, "Order", {"select": 1, "From": "a", "分類": "b"}, "select") == "inserted"
    assert upsert(connection, "Order", {"select": 1, "From": "c", "分類": "b"}, "select") == "updated"


def test_given_a_violation_of_another_constraint_when_written_then_the_databases_error_comes_through(
    connection: sqlite3.Connection | psycopg.Connection,
) -> None:
    upsert(connection, "telops", {"id": 1, "video": "a", "segment": 1}, "id")
    with pytest.raises((sqlite3.IntegrityError, psycopg.errors.UniqueViolation)):
        upsert(connection, "telops", {"id": 2, "video": "a", "segment": 1}, "id")


def test_given_a_row_factory_when_written_then_it_does_not_matter(
    connection: sqlite3.Connection | psycopg.Connection,
) -> None:
    connection.row_factory = dict_row if isinstance(connection, psycopg.Connection) else sqlite3.Row  # type: ignore[assignment]
    assert upsert(connection, "telops", {"id": 1, "text": "a"}, "id") == "inserted"
    assert upsert(connection, "telops", {"id": 1, "text": "b"}, "id") == "updated"


def test_given_a_schema_when_written_then_its_table_is_meant(pg: psycopg.Connection) -> None:
    pg.execute("CREATE SCHEMA archive")
    pg.execute("CREATE TABLE archive.telops (id INTEGER PRIMARY KEY)")
    assert upsert(pg, "archive.telops", {"id": 1}, "id") == "inserted"
    with closing(sqlite3.connect(":memory:")) as lite:
        lite.execute("ATTACH ':memory:' AS archive")
        lite.execute("CREATE TABLE archive.telops (id INTEGER PRIMARY KEY)")
        assert upsert(lite, "archive.telops", {"id": 1}, "id") == "inserted"


def test_given_postgresql_types_without_equality_when_written_then_changes_are_still_seen(
    pg: psycopg.Connection,
) -> None:
    pg.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, j JSON, p POINT, b BYTEA)")
    row = {"id": 1, "j": '{"a": 1}', "p": "(1,2)", "b": b"\x00\xff"}
    assert upsert(pg, "t", row, "id") == "inserted"
    assert upsert(pg, "t", row, "id") == "unchanged"
    assert upsert(pg, "t", {**row, "p": "(1,3)"}, "id") == "updated"


def test_given_sqlite_collations_when_the_case_changes_then_it_is_a_change() -> None:
    with closing(sqlite3.connect(":memory:")) as lite:
        lite.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE)")
        upsert(lite, "t", {"id": 1, "name": "a"}, "id")
        assert upsert(lite, "t", {"id": 1, "name": "A"}, "id") == "updated"
        assert lite.execute("SELECT name FROM t").fetchall() == [("A",)]


def test_given_many_writers_of_one_key_when_they_all_write_then_one_inserts(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, by_whom INTEGER)")
    outcomes: list[str] = []

    def write(number: int) -> None:
        with psycopg.connect(database) as connection:
            outcomes.append(upsert(connection, "t", {"id": 1, "by_whom": number}, "id"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["inserted"] + ["updated"] * 5


@pytest.mark.parametrize("wrong", [object(), "a.db", psycopg.AsyncConnection])
def test_given_another_connection_when_written_then_the_error_names_what_is_needed(wrong: Connection) -> None:
    with pytest.raises(TypeError, match=r"sqlite3\.Connection or a psycopg\.Connection"):
        upsert(wrong, "t", {"id": 1}, "id")
