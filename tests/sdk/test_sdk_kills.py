"""Real processes, killed at random instants in the middle of their writes, and run again until they get through."""

from __future__ import annotations

import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import victims

from hakobune.sdk.cells import FileCell

KILLS = 12
AT_WORK_S = 0.06  # about a third of what the programs take undisturbed


def run_with_kills(program: str, directory: Path, seed: int, after_each_kill: Callable[[], None]) -> int:
    """Run the program until it ends by itself, killing it up to KILLS times first. How often it was hit at work."""
    chance = random.Random(seed)
    hits = 0
    for round_ in range(KILLS + 1):
        command = [sys.executable, victims.__file__, program, str(directory)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            try:
                assert process.stdout.readline() == b"ready\n"
                if round_ < KILLS:
                    # The instant of a kill is the one thing here that only real time can give.
                    try:
                        process.wait(chance.uniform(0.0, AT_WORK_S))
                    except subprocess.TimeoutExpired:
                        process.send_signal(signal.SIGKILL)
                errors = process.stderr.read().decode()
                code = process.wait(30)
            finally:
                process.kill()
        assert code in (0, -signal.SIGKILL), errors
        hits += code != 0
        after_each_kill()
    assert code == 0
    return hits


def test_given_a_writer_when_it_is_killed_at_random_then_each_file_is_absent_or_whole(tmp_path: Path) -> None:
    once = tmp_path / "once"

    def check() -> None:
        for path in once.glob("[0-9]*"):
            assert path.read_bytes() == victims.content(int(path.stem)), path
        latest = tmp_path / "latest.txt"
        if latest.exists():
            text = latest.read_bytes()
            number = int(re.match(rb"file (\d+)", text)[1])  # type: ignore[index]
            assert text == victims.content(number)

    hits = run_with_kills("write_files", tmp_path, 1, check)
    assert hits > 0
    assert {path.name for path in once.iterdir()} == {f"{number}.txt" for number in range(victims.FILES)}
    assert sorted(os.listdir(tmp_path)) == ["latest.txt", "once"]  # the dead ones' temporary files are gone


def test_given_a_ledger_in_transactions_when_killed_at_random_then_each_effect_is_there_once(tmp_path: Path) -> None:
    def check() -> None:
        with closing(sqlite3.connect(tmp_path / "effects.db")) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if "payments" in tables:
                paid = Counter(key for (key,) in connection.execute("SELECT key FROM payments"))
                assert not paid or max(paid.values()) == 1

    hits = run_with_kills("ledger_in_transactions", tmp_path, 2, check)
    assert hits > 0
    with closing(sqlite3.connect(tmp_path / "effects.db")) as connection:
        paid = sorted(int(key) for (key,) in connection.execute("SELECT key FROM payments"))
    assert paid == list(range(victims.KEYS))


def test_given_a_ledger_in_a_directory_when_killed_at_random_then_each_key_is_called_under_one_idempotency_key(
    tmp_path: Path,
) -> None:
    hits = run_with_kills("ledger_in_a_directory", tmp_path, 3, lambda: None)
    assert hits > 0
    calls = [line.split() for line in (tmp_path / "calls.txt").read_text().splitlines()]
    keys = {call[0] for call in calls}
    assert len(keys) == victims.KEYS
    assert len(set(map(tuple, calls))) == victims.KEYS  # a repeated call carries the key of the first
    assert len(calls) - victims.KEYS <= hits  # at most one effect in doubt for each kill


def test_given_a_checkpoint_when_killed_at_random_then_every_item_counts_once(tmp_path: Path) -> None:
    path = tmp_path / "none" / "none" / "0" / "sum.json"
    seen = [0]

    def check() -> None:
        found = FileCell(path=str(path), lock=f"{path}.lock").read()
        if found is not None:
            done = found.record["done"]
            assert isinstance(done, int)
            assert done >= seen[0]  # never back
            assert found.record["value"] == sum(range(done))
            seen[0] = done

    hits = run_with_kills("sum_items", tmp_path, 4, check)
    assert hits > 0
    assert (tmp_path / "total.txt").read_text() == str(sum(range(victims.ITEMS)))


def test_given_two_writers_at_once_when_all_write_the_same_names_then_each_name_is_created_once(tmp_path: Path) -> None:
    program = (
        "import sys; from hakobune.sdk import write_once\n"
        "print(sum(bool(write_once(f'{sys.argv[1]}/{n}', sys.argv[2])) for n in range(100)))"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), who], stdout=subprocess.PIPE, text=True)
        for who in ("a" * 1000, "b" * 1000, "c" * 1000)
    ]
    created = [int(process.communicate(timeout=30)[0]) for process in processes]
    assert sum(created) == 100
    assert all(len(set(path.read_text())) == 1 for path in tmp_path.iterdir())


@pytest.mark.parametrize("how", ["finish_item", "items"])
def test_given_sigterm_when_an_item_is_in_hand_then_it_is_finished_and_the_next_attempt_goes_on(
    tmp_path: Path, how: str
) -> None:
    loop = {
        "finish_item": "for item in checkpoint.items(range(3)):\n  with shutdown.finish_item(): work(item)\n",
        "items": "for item in checkpoint.items(range(3)): work(item)\n",
    }[how]
    program = (
        "import sys; from hakobune.sdk import Checkpoint, shutdown, stopping\n"
        "shutdown.install()\n"
        f"checkpoint = Checkpoint.open('c', where={str(tmp_path)!r})\n"
        "def work(item):\n"
        "  print('begin', item, flush=True)\n"
        "  if sys.argv[1] == 'first' and item == 1: assert shutdown.wait(20)\n"
        "  print('end', item, flush=True)\n" + loop
    )

    def start(which: str) -> subprocess.Popen[str]:
        return subprocess.Popen([sys.executable, "-c", program, which], stdout=subprocess.PIPE, text=True)

    with start("first") as first:
        assert first.stdout is not None
        lines = [first.stdout.readline() for _ in range(3)]
        assert lines[-1] == "begin 1\n"
        began = time.monotonic()
        first.terminate()
        assert first.wait(20) == 143
        assert first.stdout.read() == "end 1\n"
        assert time.monotonic() - began < 10
    with start("second") as second:
        output, _ = second.communicate(timeout=20)
    # In a block of its own, the process leaves before the loop can mark the item: it comes again.
    expected = "begin 2\nend 2\n" if how == "items" else "begin 1\nend 1\nbegin 2\nend 2\n"
    assert output == expected
