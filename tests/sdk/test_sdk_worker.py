from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from hakobune.sdk import shutdown, worker

WITHIN_S = 10.0


@pytest.fixture
def work_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "work"
    monkeypatch.setenv("HAKOBUNE_WORK_FILE", str(path))
    return path


def is_locked(path: Path) -> bool:
    """As the platform looks: whoever cannot lock the file sees a busy instance."""
    with open(path, "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def wait_until_locked(path: Path, expected: bool) -> None:
    deadline = time.monotonic() + WITHIN_S
    while is_locked(path) is not expected:
        assert time.monotonic() < deadline
        time.sleep(0.005)


@contextmanager
def a_process(program: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as p:
        try:
            yield p
        finally:
            p.kill()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_given_no_work_file_when_busy_then_nothing_is_written(tmp_path: Path) -> None:
    with worker.busy():
        assert worker.in_flight() == 1
    assert worker.in_flight() == 0
    assert list(tmp_path.iterdir()) == []


def test_given_work_in_flight_then_the_file_is_locked_until_the_last_piece_is_done(work_file: Path) -> None:
    with worker.busy():
        with worker.busy():
            assert is_locked(work_file)
        assert is_locked(work_file)
        # Nobody waits for a lock that this process has.
        assert "work file" not in [thread.name for thread in threading.enumerate()]
    assert not is_locked(work_file)


def test_given_work_that_fails_then_the_file_is_free(work_file: Path) -> None:
    with pytest.raises(ZeroDivisionError), worker.busy():
        _ = 1 / 0
    assert not is_locked(work_file)


def test_given_many_threads_then_the_file_is_locked_while_one_is_at_work(work_file: Path) -> None:
    seen: list[bool] = []

    def work() -> None:
        for _ in range(50):
            with worker.busy():
                seen.append(is_locked(work_file))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [True] * 400
    assert worker.in_flight() == 0
    assert not is_locked(work_file)


def test_given_coroutines_then_each_counts(work_file: Path) -> None:
    async def work(ended: asyncio.Event) -> None:
        async with worker.busy():
            await ended.wait()

    async def main() -> None:
        first, second = asyncio.Event(), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(work(first))
            group.create_task(work(second))
            await asyncio.sleep(0)
            assert worker.in_flight() == 2
            first.set()
            await asyncio.sleep(0)
            assert is_locked(work_file)
            second.set()
        assert not is_locked(work_file)

    asyncio.run(main())


def test_given_decorated_functions_then_their_calls_are_work(work_file: Path) -> None:
    @worker.busy()
    def handle(number: int) -> int:
        """Doubles."""
        assert is_locked(work_file)
        return 2 * number

    @worker.busy()
    async def handle_async(number: int) -> int:
        await asyncio.sleep(0)
        assert is_locked(work_file)
        return 2 * number

    assert (handle(21), handle.__name__, handle.__doc__) == (42, "handle", "Doubles.")
    assert asyncio.run(handle_async(21)) == 42
    assert not is_locked(work_file)


def test_given_a_killed_process_then_the_file_is_free(work_file: Path) -> None:
    program = "from hakobune.sdk import worker\nwith worker.busy():\n  print('at work', flush=True)\n  input()"
    with a_process(program) as process:
        assert said(process) == "at work"
        assert is_locked(work_file)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not is_locked(work_file)


def test_given_a_program_started_by_busy_work_then_it_does_not_keep_the_lock(work_file: Path) -> None:
    with worker.busy():
        child = subprocess.Popen(["sleep", "60"])
    try:
        assert not is_locked(work_file)
    finally:
        child.kill()
        child.wait()


def test_given_a_forked_child_then_the_lock_ends_with_the_parent_s_work_and_the_child_counts_its_own(
    work_file: Path,
) -> None:
    reader, writer = os.pipe()
    with worker.busy():
        pid = os.fork()
        if pid == 0:
            os.close(writer)
            os.read(reader, 1)  # until the parent closes its end
            with worker.busy():
                os._exit(10 + worker.in_flight())
    try:
        assert not is_locked(work_file)
    finally:
        os.close(writer)
        os.close(reader)
        _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 11


def test_given_two_processes_of_one_instance_then_it_is_busy_until_both_are_done(work_file: Path) -> None:
    program = "from hakobune.sdk import worker\nwith worker.busy():\n  print('at work', flush=True)\n  input()"
    with a_process(program) as process:
        assert said(process) == "at work"
        with worker.busy():  # does not wait for the other process
            process.communicate("\n")
            wait_until_locked(work_file, True)
        wait_until_locked(work_file, False)


def test_given_a_look_of_the_platform_in_the_moment_of_the_begin_then_the_lock_comes_after_it(work_file: Path) -> None:
    with open(work_file, "ab") as looking:
        fcntl.flock(looking, fcntl.LOCK_EX)
        with worker.busy():
            fcntl.flock(looking, fcntl.LOCK_UN)
            wait_until_locked(work_file, True)
        wait_until_locked(work_file, False)


def test_given_a_work_file_that_cannot_be_made_then_busy_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HAKOBUNE_WORK_FILE", str(tmp_path / "no such folder" / "work"))
    with pytest.raises(FileNotFoundError), worker.busy():
        pass
    assert worker.in_flight() == 0


def test_given_sigterm_when_stopping_is_asked_then_the_loop_ends() -> None:
    program = (
        "from hakobune.sdk import shutdown, worker\nshutdown.install()\nprint('ready', flush=True)\n"
        "while not worker.stopping():\n  shutdown.wait(5)\nprint('ended')"
    )
    with a_process(program) as process:
        assert said(process) == "ready"
        process.send_signal(signal.SIGTERM)
        assert said(process) == "ended"
        assert process.wait() == 0


def test_given_sigterm_when_coroutines_wait_for_it_then_all_go_on() -> None:
    async def main() -> bool:
        async with asyncio.TaskGroup() as group:
            group.create_task(worker.until_stopping())
            group.create_task(worker.until_stopping())
            await asyncio.sleep(0)
            os.kill(os.getpid(), signal.SIGTERM)
        await worker.until_stopping()  # and stays so
        return worker.stopping()

    shutdown.install()
    assert asyncio.run(main())


def test_given_no_installed_handler_when_waited_for_sigterm_then_it_is_an_error() -> None:
    with pytest.raises(RuntimeError, match=r"shutdown\.install\(\)"):
        asyncio.run(worker.until_stopping())


def test_given_a_lock_that_comes_when_the_work_is_done_then_it_is_let_go(work_file: Path) -> None:
    with open(work_file, "ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with worker.busy():
            pass
        with worker.busy():  # the first one's thread still waits: no second one is needed
            pass
        with closing(other):
            pass
        wait_until_locked(work_file, False)
