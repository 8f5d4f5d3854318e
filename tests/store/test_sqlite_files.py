"""The SQLite store as files: its directory, its lock, its settings, its schema's versions."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from store_builders import a_job, an_execution, end

from hakobune.core.errors import CorruptStore, DataDirectoryInUse, FailedPrecondition
from hakobune.core.jobs.states import TaskState
from hakobune.store.api import Durability, Page, WriteTx
from hakobune.store.queries import migrations
from hakobune.store.sqlite.database import SqliteStore, connect_writer
from hakobune.store.sqlite.schema import migrate, statements

pytestmark = pytest.mark.anyio
HERE = Path(__file__).parent
ALL = Page(limit=1_000)


# -- the directory and its lock -------------------------------------------------------------------------------------


async def test_given_a_directory_in_use_when_opened_again_then_it_is_refused_naming_the_pid(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path)
    script = (
        "import asyncio, sys; from pathlib import Path; from hakobune.store.sqlite.database import SqliteStore\n"
        "try: asyncio.run(SqliteStore.open(Path(sys.argv[1])))\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    told = (await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)).stdout
    assert told.startswith("DataDirectoryInUse")
    assert f"pid {os.getpid()}." in told
    with pytest.raises(DataDirectoryInUse, match=f"pid {os.getpid()}"):
        await SqliteStore.open(tmp_path)
    await store.close()
    again = await SqliteStore.open(tmp_path)
    await again.close()


@pytest.mark.parametrize("way", ["spawned", "forked"])
def test_given_a_holder_that_was_killed_when_its_child_lives_on_then_the_directory_is_free(
    tmp_path: Path, way: str
) -> None:
    script = f"""
import asyncio, os, signal, sys, time
from pathlib import Path
from hakobune.store.sqlite.database import SqliteStore
async def main():
    await SqliteStore.open(Path(sys.argv[1]))
    if {way!r} == "spawned":
        child = os.posix_spawn("/bin/sleep", ["sleep", "60"], {{}}, file_actions=[(os.POSIX_SPAWN_CLOSE, 1)])
    else:
        child = os.fork()
        if child == 0:
            os.close(1)
            time.sleep(60)
    print(child, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True, check=False)
    child = int(done.stdout)
    try:
        assert done.returncode == -signal.SIGKILL

        async def open_again() -> None:
            store = await SqliteStore.open(tmp_path)
            await store.close()

        asyncio.run(open_again())
        os.kill(child, 0)  # it does live on
    finally:
        os.kill(child, signal.SIGKILL)


async def test_given_a_shorter_pid_when_a_second_holder_writes_then_the_file_names_only_it(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("4294967295\nleft over")
    store = await SqliteStore.open(tmp_path)
    assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
    await store.close()


async def test_given_no_directory_when_opened_then_it_is_made_for_its_owner_only(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "b?c=#%20"
    store = await SqliteStore.open(directory)
    await store.write(lambda tx: tx.set_meta("a", "1"))
    assert await store.read(lambda tx: tx.meta("a")) == "1"
    await store.close()
    assert sorted(entry.name for entry in directory.iterdir()) == ["lock", "state.sqlite3"]
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


async def test_given_a_new_store_when_opened_then_nobody_else_may_read_its_files_and_its_folders_are_there(
    tmp_path: Path,
) -> None:
    directory = tmp_path / "above" / "data"
    store = await SqliteStore.open(directory, folders=("logs",))
    await store.write(lambda tx: tx.set_meta("key", "value"))
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in directory.iterdir()}
    assert modes.keys() >= {"state.sqlite3", "state.sqlite3-wal", "lock", "logs"}
    assert all(not mode & 0o077 for mode in modes.values()), modes
    await store.close()


async def test_given_a_file_that_others_may_read_when_opened_then_it_is_taken_from_them(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path)
    await store.close()
    (tmp_path / "state.sqlite3").chmod(0o644)
    store = await SqliteStore.open(tmp_path)
    assert stat.S_IMODE((tmp_path / "state.sqlite3").stat().st_mode) == 0o600
    await store.close()


async def test_given_a_file_where_the_directory_should_be_when_opened_then_the_error_says_so(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(FailedPrecondition, match="cannot be used"):
        await SqliteStore.open(tmp_path / "data")


# -- settings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("durability", "level"), [(Durability.POWER, 2), (Durability.PROCESS, 1)])
async def test_given_a_durability_when_opened_then_the_writer_syncs_as_it_says(
    tmp_path: Path, durability: Durability, level: int
) -> None:
    store = await SqliteStore.open(tmp_path, durability=durability)
    pragmas = await store.write(
        lambda tx: [
            tx.connection.execute(f"PRAGMA {name}").fetchone()[0]  # type: ignore[attr-defined]
            for name in ("synchronous", "journal_mode", "temp_store")
        ]
    )
    assert pragmas == [level, "wal", 2]
    await store.close()


async def test_given_a_reader_when_it_tries_to_write_then_sqlite_refuses(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path)

    def scribble(tx: Any) -> None:
        tx.connection.execute("UPDATE meta SET value = 'x'")

    with pytest.raises(Exception, match="readonly"):
        await store.read(scribble)
    await store.write(lambda tx: tx.set_meta("a", "1"))
    assert await store.read(lambda tx: tx.meta("a")) == "1"
    await store.close()


async def test_given_a_stream_of_commits_when_the_log_fills_then_it_is_cut_back(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path, durability=Durability.PROCESS)
    largest = 0
    for number in range(400):
        await store.write(
            lambda tx, number=number: [
                tx.set_meta(f"{number % 7}-{part}", os.urandom(1_500).hex()) for part in range(40)
            ]
        )
        largest = max(largest, (tmp_path / "state.sqlite3-wal").stat().st_size)
    assert largest < 16 * 1024 * 1024
    await store.close()
    assert not (tmp_path / "state.sqlite3-wal").exists()


# -- the schema's versions ------------------------------------------------------------------------------------------


def test_given_every_version_when_migrated_to_the_newest_then_the_schema_is_that_of_a_new_file() -> None:
    def schema(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
        found = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name").fetchall()
        connection.close()
        return [tuple(row) for row in found]

    new = sqlite3.connect(":memory:", isolation_level=None)
    migrate(new)
    expected = schema(new)
    for version in range(1, len(migrations()) + 1):
        old = sqlite3.connect(":memory:", isolation_level=None)
        migrate(old, migrations()[:version])
        migrate(old)
        migrate(old)
        assert schema(old) == expected


def test_given_any_build_of_sqlite_when_something_is_deleted_then_no_page_more_is_written_for_it(
    tmp_path: Path,
) -> None:
    connection = connect_writer(tmp_path / "state.sqlite3", Durability.POWER)
    assert connection.execute("PRAGMA secure_delete").fetchone()[0] == 2  # FAST
    connection.close()


async def test_given_a_file_of_version_1_with_data_when_opened_then_all_of_it_is_there_and_goes_on(
    tmp_path: Path,
) -> None:
    old = sqlite3.connect(tmp_path / "state.sqlite3", isolation_level=None)
    migrate(old, migrations()[:1])
    old.execute("PRAGMA application_id = 0")  # as version 1 left it
    fill_version_1(old)
    old.close()

    store = await SqliteStore.open(tmp_path)
    job = await store.read(lambda tx: tx.jobs.find_job(a_job().name))
    assert job is not None
    assert (job.labels, job.execution_count) == ({"team": "video"}, 2)
    running, ended = await store.read(lambda tx: tx.jobs.list_executions("p", None, None, ALL))
    assert running.template == an_execution(a_job()).template
    assert await store.read(lambda tx: (tx.jobs.executions_under_way(), tx.seq)) == ([running.uid], 7)
    totals = await store.read(lambda tx: tx.jobs.totals())
    assert (totals["executions_running"], totals["executions_succeeded"]) == (1, 1)
    [present] = await store.read(lambda tx: tx.jobs.list_attempts(running, 0))
    assert (present.uid, present.create_time_s, present.start_time_s) == (f"{running.uid}.0.1", 11.0, 12.5)
    [first] = await store.read(lambda tx: tx.jobs.list_attempts(ended, 0))
    assert (first.number, first.start_time_s, first.end_time_s, first.max_rss_bytes) == (0, 2.5, 3.5, 4096)
    assert len(await store.read(lambda tx: tx.changes(0, 100, "p"))) == 7
    removed = await store.read(lambda tx: tx.changes(6, 100, "p"))
    assert [change.name for change in removed] == ["projects/p/locations/tokyo/jobs/gone"]
    [effect] = await store.read(lambda tx: tx.effects_of(present.uid))
    assert effect.target == "POST /x"

    def go_on(tx: WriteTx) -> None:
        [command] = tx.outbox.claim("me", now_s=99.0, expires_s=100.0, limit=9)
        assert (command.id, command.subject, command.payload) == (5, running.uid, "[]")
        assert tx.outbox.complete([command]) == 1
        end(tx, [present.uid], at_s=20.0)

    await store.write(go_on)
    task = await store.read(lambda tx: tx.jobs.find_task(running, 0))
    assert task is not None
    assert task.state is TaskState.SUCCEEDED
    attempts = await store.read(lambda tx: tx.jobs.list_attempts(running, 0))
    assert [(attempt.create_time_s, attempt.start_time_s, attempt.end_time_s) for attempt in attempts] == [
        (11.0, 12.5, 20.0)
    ]
    await store.close()


def fill_version_1(old: sqlite3.Connection) -> None:
    """What the first version's own code wrote: a job, an ended execution, one under way, a command, a removal."""
    data = json.loads((HERE / "version_1.json").read_text())
    for table, items in data.items():
        for row in items:
            marks = ", ".join("?" * len(row))
            old.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))


async def test_given_a_file_of_a_newer_version_when_opened_then_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path)
    await store.close()
    later = sqlite3.connect(tmp_path / "state.sqlite3", isolation_level=None)
    later.execute("PRAGMA user_version = 999")
    later.close()
    before = (tmp_path / "state.sqlite3").read_bytes()
    with pytest.raises(CorruptStore, match=r"newer version .schema 999.*Upgrade"):
        await SqliteStore.open(tmp_path)
    assert (tmp_path / "state.sqlite3").read_bytes() == before


async def test_given_a_database_of_another_program_when_opened_then_it_is_refused_and_left_alone(
    tmp_path: Path,
) -> None:
    other = sqlite3.connect(tmp_path / "state.sqlite3", isolation_level=None)
    other.execute("CREATE TABLE cooking (recipe)")
    other.close()
    with pytest.raises(CorruptStore, match="another program"):
        await SqliteStore.open(tmp_path)
    other = sqlite3.connect(tmp_path / "state.sqlite3")
    assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("cooking",)]
    other.close()


async def test_given_a_migration_that_fails_when_opened_then_the_file_is_as_it_was() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, migrations()[:1])
    broken = [*migrations()[:1], (2, "0002_x.sql", "CREATE TABLE half (a); INSERT INTO nowhere VALUES (1);")]
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        migrate(connection, broken)
    assert not connection.in_transaction
    assert connection.execute("PRAGMA user_version").fetchone()[0] == 1
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half'").fetchone()[0] == 0
    connection.close()


def test_given_scripts_with_comments_texts_and_triggers_when_split_then_each_statement_is_whole() -> None:
    script = """
-- a comment; with a semicolon
CREATE TABLE a (x TEXT DEFAULT ';'); CREATE TABLE b (y); -- two on a line
CREATE TRIGGER t AFTER INSERT ON a BEGIN
    INSERT INTO b VALUES (1); /* one; */
    INSERT INTO b VALUES (CASE WHEN new.x = 'END;' THEN 1 ELSE 2 END);
END;
INSERT INTO a VALUES ('it''s; fine');
-- the end
"""
    found = statements(script)
    assert [statement.split("\n")[-1][:14] for statement in found] == [
        "CREATE TABLE a",
        "CREATE TABLE b",
        "END;",
        "INSERT INTO a ",
    ]
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in found:
        connection.execute(statement)
    assert connection.execute("SELECT y FROM b").fetchall() == [(1,), (2,)]
    connection.close()
    with pytest.raises(ValueError, match="INSERT INTO a VALUES"):
        statements("CREATE TABLE a (x);\nINSERT INTO a VALUES (1)")
