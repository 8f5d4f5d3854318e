from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from hakobune.sdk import shutdown, stopping


def send_sigterm() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_given_nothing_installed_when_asked_then_nothing_is_stopping() -> None:
    assert not stopping()
    assert not shutdown.wait(0)
    with pytest.raises(RuntimeError, match=r"shutdown.install\(\)"):
        shutdown.wait()
    shutdown.leave_if_stopping()


def test_given_a_handler_of_the_programs_own_when_sigterm_comes_then_both_see_it() -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: seen.append(number))
    try:
        assert shutdown.install()
        assert shutdown.install()  # again: no chain to itself
        send_sigterm()
        assert stopping()
        assert shutdown.wait()
        assert seen == [signal.SIGTERM]
        shutdown.uninstall()
        assert not stopping()
        send_sigterm()
        assert len(seen) == 2
    finally:
        signal.signal(signal.SIGTERM, before)


def test_given_another_thread_when_it_installs_then_nothing_happens() -> None:
    before = signal.getsignal(signal.SIGTERM)
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(shutdown.install()))
    thread.start()
    thread.join()
    assert answers == [False]
    assert signal.getsignal(signal.SIGTERM) is before


def test_given_sigterm_inside_an_item_when_it_ends_then_the_process_leaves_with_143() -> None:
    shutdown.install()
    finished = []
    with pytest.raises(SystemExit) as caught, shutdown.finish_item():  # noqa: PT012
        send_sigterm()
        finished.append(True)
    assert finished
    assert caught.value.code == 143
    with pytest.raises(SystemExit), shutdown.finish_item():
        raise AssertionError("no item begins any more")
    with pytest.raises(SystemExit):
        shutdown.leave_if_stopping()


def test_given_an_item_that_fails_when_sigterm_has_come_then_its_error_is_not_hidden() -> None:
    shutdown.install()
    with pytest.raises(ValueError, match="broken"), shutdown.finish_item():  # noqa: PT012
        send_sigterm()
        raise ValueError("broken")


def test_given_threads_that_wait_when_sigterm_comes_then_all_wake_up() -> None:
    program = (
        "import threading; from hakobune.sdk import shutdown, stopping\n"
        "shutdown.install()\n"
        "threads = [threading.Thread(target=shutdown.wait) for _ in range(3)]\n"
        "for thread in threads: thread.start()\n"
        "print('ready', flush=True)\n"
        "assert shutdown.wait(30) and stopping()\n"
        "for thread in threads: thread.join()\n"
        "shutdown.leave()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        began = time.monotonic()
        process.terminate()
        assert process.wait(20) == 143
        assert time.monotonic() - began < 10


def test_given_a_pool_of_workers_when_it_is_terminated_then_they_die_of_sigterm_as_ever() -> None:
    program = (
        "import multiprocessing, time; from hakobune.sdk import shutdown\n"
        "shutdown.install()\n"
        "worker = multiprocessing.get_context('fork').Process(target=time.sleep, args=(60,))\n"
        "worker.start(); worker.terminate(); worker.join(20)\n"
        "print(worker.exitcode, shutdown.stopping())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "-15 False\n"


def test_given_no_sigterm_when_waited_then_the_time_is_kept() -> None:
    shutdown.install()
    began = time.monotonic()
    assert not shutdown.wait(0.05)
    assert time.monotonic() - began >= 0.05
