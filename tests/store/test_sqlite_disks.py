"""The SQLite store on a disk that is full, damaged, or under a process that is killed."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from store_builders import a_job, an_execution, begin

from hakobune.core.errors import CorruptStore, ResourceExhausted
from hakobune.store.api import Page, WriteTx
from hakobune.store.sqlite.database import SqliteStore

pytestmark = pytest.mark.anyio
HERE = Path(__file__).parent
ALL = Page(limit=1_000)


# -- full disks -----------------------------------------------------------------------------------------------------


async def test_given_a_full_disk_when_units_are_written_then_they_are_refused_and_all_goes_on_when_space_is_back(
    tmp_path: Path,
) -> None:
    store = await SqliteStore.open(tmp_path)
    committer: Any = store._writer._committer  # type: ignore[attr-defined]
    pages = committer.connection.execute("PRAGMA page_count").fetchone()[0]
    await store.write(lambda tx: tx.jobs.add_job(a_job()))
    committer.connection.execute(f"PRAGMA max_page_count = {pages + 20}")
    kept: list[str] = []
    refused = 0
    for number in range(40):
        try:
            await store.write(lambda tx, number=number: tx.set_meta(f"k{number}", "x" * 9_000))
            kept.append(f"k{number}")
        except ResourceExhausted:
            refused += 1
    assert kept
    assert refused > 10
    small = await asyncio.gather(
        store.write(lambda tx: tx.set_meta(kept[0], "small")),
        store.write(lambda tx: tx.set_meta("huge", "x" * 1_000_000)),
        return_exceptions=True,
    )
    assert isinstance(small[1], ResourceExhausted)
    assert "full" in str(small[1])
    assert await store.read(lambda tx: tx.jobs.find_job(a_job().name)) is not None
    committer.connection.execute("PRAGMA max_page_count = 1000000")
    await store.write(lambda tx: tx.set_meta("after", "1"))
    await store.close()

    again = await SqliteStore.open(tmp_path)
    found = await again.read(lambda tx: {key: tx.meta(key) for key in (*kept, "after", "huge")})
    assert found["huge"] is None
    assert found["after"] == "1"
    assert all(found[key] for key in kept)
    await again.close()


@pytest.mark.parametrize("way", ["small_disk", "file_size_limit"])
def test_given_a_disk_that_really_fills_when_units_are_written_then_nothing_acknowledged_is_lost(
    tmp_path: Path, way: str
) -> None:
    driver = [sys.executable, str(HERE / "disk_full_driver.py"), str(tmp_path), way]
    if way == "small_disk":
        unshare = ["unshare", "--mount", "--map-root-user"]
        probe = [*unshare, "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
        if shutil.which("unshare") is None or subprocess.run(probe, capture_output=True, check=False).returncode:
            pytest.skip("this machine lets nobody mount a small disk")
        mount = f'mount -t tmpfs -o size=4m tmpfs {tmp_path} && exec "$@"'
        driver = [*unshare, "sh", "-c", mount, "sh", *driver]
    done = subprocess.run(driver, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["kept"] > 10
    assert told["refused"] > 10
    assert told["missing"] == []
    assert told["unasked"] == []
    assert told["works_again"]
    assert told["errors"] == (["ResourceExhausted"] if way == "small_disk" else ["Unavailable"])
    assert told["start_on_a_full_disk"] == "good"


# -- damaged files --------------------------------------------------------------------------------------------------


async def test_given_a_file_that_is_no_database_when_opened_then_the_message_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite3").write_bytes(b"not a database at all, but long enough to be looked at" * 100)
    with pytest.raises(CorruptStore, match=r"damaged.*backup"):
        await SqliteStore.open(tmp_path)
    (tmp_path / "state.sqlite3").unlink()
    store = await SqliteStore.open(tmp_path)  # the lock was given back
    await store.close()


async def test_given_damaged_pages_when_read_or_written_then_the_message_says_what_to_do(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path)

    def unit(tx: WriteTx) -> None:
        tx.jobs.add_job(a_job())
        for number in range(50):
            begin(tx, an_execution(a_job(), f"e{number:04d}", tasks=50))

    await store.write(unit)
    roots = await store.read(
        lambda tx: [
            tx.connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()[0]  # type: ignore[attr-defined]
            for name in ("executions", "tasks")
        ]
    )
    await store.close()
    path = tmp_path / "state.sqlite3"
    content = bytearray(path.read_bytes())
    for page in roots:
        content[(page - 1) * 4096 : (page - 1) * 4096 + 64] = b"\xff" * 64
    path.write_bytes(content)
    damaged = await SqliteStore.open(tmp_path)
    with pytest.raises(CorruptStore, match=r"damaged.*backup"):
        await damaged.read(lambda tx: tx.jobs.list_executions("p", None, None, ALL))
    with pytest.raises(CorruptStore, match=r"damaged.*backup"):
        await damaged.write(lambda tx: begin(tx, an_execution(a_job(), "again")))
    await damaged.close()


# -- killed in the middle -------------------------------------------------------------------------------------------


def test_given_a_writer_killed_at_any_instant_when_reopened_then_all_it_was_told_is_there(tmp_path: Path) -> None:
    script = """
import asyncio, sys
from pathlib import Path
from hakobune.store.sqlite.database import SqliteStore
async def main():
    store = await SqliteStore.open(Path(sys.argv[1]))
    async def caller(name):
        for number in range(100000):
            await store.write(lambda tx: tx.set_meta(name, str(number)))
            print(name, number, flush=True)
    await asyncio.gather(*(caller(f"c{n}") for n in range(4)))
asyncio.run(main())
"""
    for wait_s in (0.0, 0.02, 0.05):
        with subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            told = {"c0": -1, "c1": -1, "c2": -1, "c3": -1}
            lines = [process.stdout.readline()]
            time.sleep(wait_s)
            process.kill()
            lines += process.stdout.readlines()
        for line in lines:
            if line.endswith("\n"):
                name, number = line.split()
                told[name] = int(number)

        async def look(told: dict[str, int] = told) -> None:
            store = await SqliteStore.open(tmp_path)
            for name, number in told.items():
                found = await store.read(lambda tx, name=name: tx.meta(name))
                assert int(found or -1) >= number
            await store.write(lambda tx: [tx.set_meta(name, "-1") for name in told])
            await store.close()

        asyncio.run(look())
