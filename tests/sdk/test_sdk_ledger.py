from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from storage_stand_in import StorageStandIn

from hakobune.sdk import CorruptRecord, InProgress, LeaseLost, Ledger

EXPIRY = 900.0


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["directory", "gs", "sqlite", "postgresql"])
def open_ledger(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Callable[[], Ledger]:
    """Opens the same ledger again and again, each as a caller of its own that stores every step at once."""

    def where() -> object:
        match request.param:
            case "directory":
                return tmp_path / "ledger"
            case "gs":
                return "gs://bucket/ledger"
            case "sqlite":
                connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None, check_same_thread=False)
                request.addfinalizer(connection.close)
                return connection
            case _:
                pg = psycopg.connect(address, autocommit=True)
                request.addfinalizer(pg.close)
                return pg

    if request.param == "gs":
        request.getfixturevalue("storage")
    address = request.getfixturevalue("database") if request.param == "postgresql" else ""
    return lambda: Ledger(where(), clock=clock, sleep=clock.sleep)  # type: ignore[arg-type]


def test_given_an_effect_that_was_done_when_asked_again_then_its_result_comes_without_doing_it(
    open_ledger: Callable[[], Ledger],
) -> None:
    calls: list[str] = []

    def charge(key: str) -> dict[str, object]:
        calls.append(key)
        return {"id": 7, "parts": (1, 2)}

    first = open_ledger().do("order 42", charge)
    assert first == {"id": 7, "parts": [1, 2]}  # as JSON keeps it, from the first time on
    assert open_ledger().do("order 42", charge) == first
    assert len(calls) == 1
    assert open_ledger().do("order 43", charge) == first
    assert len(set(calls)) == 2


def test_given_two_ledgers_in_one_place_when_both_have_a_key_then_they_do_not_meet(tmp_path: Path) -> None:
    assert Ledger(tmp_path, name="a").do("k", lambda _: 1) == 1
    assert Ledger(tmp_path, name="b").do("k", lambda _: 2) == 2


def test_given_an_effect_that_fails_when_asked_again_then_it_is_tried_again_under_the_same_idempotency_key(
    open_ledger: Callable[[], Ledger],
) -> None:
    keys: list[str] = []

    def fail(key: str) -> int:
        keys.append(key)
        raise ConnectionError("no answer")

    with pytest.raises(ConnectionError):
        open_ledger().do("k", fail)
    assert open_ledger().do("k", lambda key: keys.append(key) or 5) == 5
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_given_a_result_that_json_cannot_hold_when_done_then_the_effect_counts_as_not_done(
    open_ledger: Callable[[], Ledger],
) -> None:
    with pytest.raises(TypeError, match="JSON"):
        open_ledger().do("k", lambda _: object())
    assert open_ledger().do("k", lambda _: 1) == 1


def test_given_another_at_work_when_asked_then_it_is_in_progress_until_the_lease_ends(
    open_ledger: Callable[[], Ledger], clock: Clock
) -> None:
    with open_ledger().once("k") as entry:
        with pytest.raises(InProgress) as caught:
            open_ledger().do("k", lambda _: 2)
        assert (caught.value.key, caught.value.expires_at) == ("k", 1_000.0 + EXPIRY)
        with pytest.raises(InProgress):
            open_ledger().do("k", lambda _: 2, wait_s=5)
        assert clock.now == pytest.approx(1_005.0)
        entry.result = 1
    assert open_ledger().do("k", lambda _: 2) == 1


def test_given_an_effect_that_outlives_its_lease_when_another_takes_over_then_the_first_learns_it(
    open_ledger: Callable[[], Ledger], clock: Clock
) -> None:
    with pytest.raises(LeaseLost, match="longer than 900 s"), open_ledger().once("k") as entry:  # noqa: PT012
        clock.now += EXPIRY + 1
        assert open_ledger().do("k", lambda _: "second") == "second"
        entry.result = "first"
    assert open_ledger().do("k", lambda _: "third") == "second"


def test_given_a_block_when_the_effect_was_done_then_it_says_so(open_ledger: Callable[[], Ledger]) -> None:
    with open_ledger().once("k") as entry:
        assert not entry.is_done
    with open_ledger().once("k") as entry:
        assert entry.is_done
        assert entry.result is None


def test_given_an_earlier_attempt_that_died_when_the_next_attempt_asks_then_it_takes_over_at_once(
    open_ledger: Callable[[], Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"JOB": "j", "EXECUTION": "j-abcde", "TASK_INDEX": "1", "TASK_COUNT": "3"}.items():
        monkeypatch.setenv(f"CLOUD_RUN_{name}", value)
    abandoned = open_ledger().once("k")  # never left: as if the process had been killed inside
    abandoned.__enter__()
    monkeypatch.setenv("CLOUD_RUN_TASK_INDEX", "2")
    monkeypatch.setenv("CLOUD_RUN_TASK_ATTEMPT", "1")
    with pytest.raises(InProgress):  # another task must wait for the lease
        open_ledger().do("k", lambda _: 1)
    monkeypatch.setenv("CLOUD_RUN_TASK_INDEX", "1")
    assert open_ledger().do("k", lambda _: 2) == 2


def test_given_a_process_that_was_killed_when_another_of_this_machine_asks_then_it_takes_over_at_once(
    tmp_path: Path,
) -> None:
    program = (
        "import os, sys; from hakobune.sdk import Ledger\nwith Ledger(sys.argv[1]).once('k'): os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path)]).returncode == -9
    assert Ledger(tmp_path).do("k", lambda _: "taken over") == "taken over"


def test_given_an_entry_of_somebody_else_when_asked_then_it_is_not_believed(tmp_path: Path) -> None:
    Ledger(tmp_path).do("k", lambda _: 1)
    (path,) = tmp_path.rglob("*.json")
    path.write_text(path.read_text().replace('"done"', '"gone"'))
    with pytest.raises(CorruptRecord, match="'k'"):
        Ledger(tmp_path).do("k", lambda _: 1)
    path.write_text("{")
    with pytest.raises(CorruptRecord, match=str(path)):
        Ledger(tmp_path).do("k", lambda _: 1)


def test_given_many_threads_when_all_ask_for_one_key_then_one_does_it_and_all_have_its_result(tmp_path: Path) -> None:
    calls: list[str] = []
    results: list[int] = []

    def effect(key: str) -> int:
        calls.append(key)
        return len(calls)

    def ask() -> None:
        results.append(Ledger(tmp_path).do("k", effect, wait_s=20))

    run_at_once([ask] * 6)
    assert results == [1] * 6
    assert len(calls) == 1


def run_at_once(actions: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=action) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_given_the_callers_transaction_when_it_is_rolled_back_then_effect_and_mark_are_both_gone(
    pg: psycopg.Connection, tmp_path: Path
) -> None:
    def check(connection: psycopg.Connection | sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE payments (id INTEGER)")
        Ledger(connection)
        connection.commit()
        ledger = Ledger(connection)

        def pay(_: str) -> str:
            connection.execute("INSERT INTO payments VALUES (1)")
            return "paid"

        ledger.do("k", pay)
        connection.rollback()
        assert connection.execute("SELECT count(*) FROM payments").fetchall() == [(0,)]
        ledger.do("k", pay)
        connection.commit()
        ledger.do("k", pay)
        connection.commit()
        assert connection.execute("SELECT count(*) FROM payments").fetchall() == [(1,)]

    check(pg)
    with closing(sqlite3.connect(tmp_path / "x.db")) as lite:
        check(lite)


def test_given_concurrent_transactions_when_all_do_one_key_then_the_database_effect_happens_once(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE payments (id INTEGER)")
    results: list[str] = []

    def attempt() -> None:
        with psycopg.connect(database) as connection:  # makes the ledger's table as well, all at once

            def pay(_: str) -> str:
                connection.execute("INSERT INTO payments VALUES (1)")
                return "paid"

            results.append(Ledger(connection).do("k", pay))

    run_at_once([attempt] * 6)
    assert results == ["paid"] * 6
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM payments").fetchall() == [(1,)]


def test_given_a_statement_that_fails_inside_a_transaction_when_it_ends_then_its_own_error_is_seen(
    pg: psycopg.Connection,
) -> None:
    ledger = Ledger(pg)
    pg.commit()
    with pytest.raises(psycopg.errors.UndefinedTable), ledger.once("k"):
        pg.execute("INSERT INTO nowhere VALUES (1)")
    pg.rollback()
    assert ledger.do("k", lambda _: 1) == 1


def test_given_another_transaction_with_the_write_lock_when_asked_in_sqlite_then_it_is_in_progress(
    tmp_path: Path,
) -> None:
    with (
        closing(sqlite3.connect(tmp_path / "x.db")) as one,
        closing(sqlite3.connect(tmp_path / "x.db", timeout=0.01)) as other,
    ):
        ledger, later = Ledger(one), Ledger(other)
        with pytest.raises(InProgress) as caught, ledger.once("k"):
            later.do("k", lambda _: 2)
        assert caught.value.expires_at is None


def test_given_a_client_killed_inside_a_transaction_when_another_asks_then_the_effect_is_done_once(
    database: str,
) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE payments (id INTEGER)")
        Ledger(connection)
    program = (
        "import os, sys, psycopg; from hakobune.sdk import Ledger\n"
        "connection = psycopg.connect(sys.argv[1])\n"
        "def pay(key):\n"
        "  connection.execute('INSERT INTO payments VALUES (1)')\n"
        "  if sys.argv[2] == 'die': os.kill(os.getpid(), 9)\n"
        "Ledger(connection).do('k', pay)\n"
        "connection.commit()\n"
    )
    for how, code in (("die", -9), ("live", 0), ("live", 0)):
        assert subprocess.run([sys.executable, "-c", program, database, how]).returncode == code
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM payments").fetchall() == [(1,)]


def test_given_a_lost_answer_when_an_entry_is_begun_in_cloud_storage_then_it_is_ours(storage: StorageStandIn) -> None:
    storage.lose_answers = 1
    began = time.monotonic()
    assert Ledger("gs://bucket/ledger").do("k", lambda _: 1) == 1
    assert time.monotonic() - began < 20


def test_given_no_time_when_a_ledger_is_made_then_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lease_s"):
        Ledger(tmp_path, lease_s=0)
