from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hakobune.sdk import CorruptRecord, Lease, LeaseHeld, LeaseLost, lease
from hakobune.sdk.leases import Backend


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
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    match request.param:
        case "directory":
            return tmp_path / "leases"
        case "gs":
            request.getfixturevalue("storage")
            return "gs://bucket/leases"
        case "sqlite":
            return lambda: sqlite3.connect(tmp_path / "x.db")
        case _:
            address = request.getfixturevalue("database")
            return lambda: psycopg.connect(address)


@pytest.fixture
def make(backend: Backend, clock: Clock) -> Callable[[], Lease]:
    return lambda: lease(
        "nightly", ttl_s=30, backend=backend, renew=False, clock=clock, monotonic=clock, sleep=clock.sleep
    )


def test_given_a_free_lease_when_acquired_then_others_are_refused_until_it_is_released(
    make: Callable[[], Lease], clock: Clock
) -> None:
    with make() as held:
        assert held.token == 1
        held.check()
        with pytest.raises(LeaseHeld) as caught:
            make().acquire()
        assert (caught.value.name, caught.value.expires_at) == ("nightly", clock.now + 30)
        assert str(os.getpid()) in caught.value.owner
    with make() as held:
        assert held.token == 2


def test_given_a_lease_that_expired_when_another_takes_it_then_the_token_rises_and_the_first_learns_it(
    make: Callable[[], Lease], clock: Clock
) -> None:
    first = make().acquire()
    clock.now += 30.1
    second = make().acquire()
    assert second.token > first.token
    with pytest.raises(LeaseLost):
        first.check()
    with pytest.raises(LeaseLost):
        first.renew()
    assert first.lost.is_set()
    first.release()
    second.check()
    second.release()


def test_given_a_renewal_when_the_first_time_is_over_then_it_is_still_held(
    make: Callable[[], Lease], clock: Clock
) -> None:
    held = make().acquire()
    for _ in range(5):
        clock.now += 20
        held.renew()
    held.check()
    with pytest.raises(LeaseHeld):
        make().acquire()
    held.release()


def test_given_an_owner_whose_clock_stood_still_when_it_renews_then_the_swap_refuses_it(
    backend: Backend, clock: Clock
) -> None:
    frozen = Clock()
    paused = lease("n", ttl_s=30, backend=backend, renew=False, clock=clock, monotonic=frozen).acquire()
    clock.now += 31
    taker = lease("n", ttl_s=30, backend=backend, renew=False, clock=clock, monotonic=clock).acquire()
    paused.check()  # it cannot know yet: this is what the token is for
    with pytest.raises(LeaseLost, match="taken over"):
        paused.renew()
    with pytest.raises(LeaseLost):
        paused.check()
    paused.release()
    taker.renew()
    taker.release()


def test_given_a_held_lease_when_waited_for_then_it_comes_when_it_expires(
    make: Callable[[], Lease], clock: Clock
) -> None:
    make().acquire()
    began = clock.now
    assert make().acquire(wait_s=60).token == 2
    assert clock.now - began == pytest.approx(30, abs=0.3)


def test_given_a_held_lease_when_waited_for_in_vain_then_it_is_refused(make: Callable[[], Lease], clock: Clock) -> None:
    make().acquire()
    with pytest.raises(LeaseHeld):
        make().acquire(wait_s=5)
    assert clock.now == pytest.approx(1_005)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from(["acquire", "renew", "release"]), st.floats(0, 25)), max_size=25
    )
)
def test_no_history_has_two_owners_or_a_token_that_falls(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[int, str, float]]
) -> None:
    clock, directory = Clock(), tmp_path_factory.mktemp("leases")
    contenders = [lease("n", ttl_s=30, backend=directory, renew=False, clock=clock, monotonic=clock) for _ in range(3)]
    holding: set[int] = set()
    tokens: list[int] = []
    for who, what, pause in history:
        contender = contenders[who]
        if what == "acquire" and who not in holding:
            try:
                tokens.append(contender.acquire().token)
                holding.add(who)
            except LeaseHeld:
                pass
        elif what == "renew" and who in holding:
            with suppress(LeaseLost):
                contender.renew()
        elif what == "release":
            contender.release()
            holding.discard(who)
        assert sum(is_valid(contender) for contender in contenders) <= 1
        clock.now += pause
    assert tokens == sorted(set(tokens))


def is_valid(contender: Lease) -> bool:
    try:
        contender.check()
    except LeaseLost:
        return False
    return True


def test_given_a_real_renewing_thread_when_the_time_is_long_over_then_the_lease_is_still_held(tmp_path: Path) -> None:
    with lease("n", ttl_s=0.3, backend=tmp_path) as held:
        assert not held.lost.wait(0.9)  # three times its length
        held.check()
        with pytest.raises(LeaseHeld):
            lease("n", ttl_s=0.3, backend=tmp_path).acquire()


def test_given_a_record_that_vanishes_when_the_thread_renews_then_the_loss_is_announced(tmp_path: Path) -> None:
    with lease("n", ttl_s=0.3, backend=tmp_path) as held:
        (path,) = tmp_path.rglob("*.json")
        path.unlink()
        assert held.lost.wait(20)
        with pytest.raises(LeaseLost):
            held.check()


def test_given_a_backend_that_is_away_when_the_time_is_over_then_the_lease_is_lost_and_the_log_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with lease("n", ttl_s=0.3, backend=tmp_path) as held:
        (path,) = tmp_path.rglob("*.json")
        path.write_text("{")
        assert held.lost.wait(20)
    assert "could not be renewed" in capsys.readouterr().out


def test_given_an_owner_that_was_killed_when_another_process_asks_then_it_need_not_wait(tmp_path: Path) -> None:
    program = (
        "import os, sys; from hakobune.sdk import lease\n"
        "lease('n', ttl_s=3600, backend=sys.argv[1]).acquire(); os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path)]).returncode == -signal.SIGKILL
    with lease("n", ttl_s=3600, backend=tmp_path) as held:
        assert held.token == 2


def test_given_processes_at_once_when_all_want_one_lease_then_their_turns_do_not_overlap(tmp_path: Path) -> None:
    program = (
        "import sys, os; from hakobune.sdk import lease\n"
        "for turn in range(5):\n"
        "  with lease('n', ttl_s=30, backend=sys.argv[1], wait_s=30) as held:\n"
        "    os.mkdir(sys.argv[1] + '/critical')\n"  # fails if another is inside
        "    with open(sys.argv[1] + '/tokens', 'a') as file: file.write(f'{held.token}\\n')\n"
        "    os.rmdir(sys.argv[1] + '/critical')\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path)]) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert (tmp_path / "tokens").read_text().split() == [str(token) for token in range(1, 16)]


def test_given_a_connection_of_the_caller_when_a_lease_is_made_then_a_function_is_asked_for() -> None:
    connection = sqlite3.connect(":memory:")
    try:
        with pytest.raises(TypeError, match="a function that opens"):
            lease("n", ttl_s=1, backend=5)  # type: ignore[arg-type]
    finally:
        connection.close()


def test_given_a_lease_that_is_not_held_when_used_then_it_is_an_error(tmp_path: Path) -> None:
    free = lease("n", ttl_s=1, backend=tmp_path)
    for use in (free.check, free.renew, lambda: free.token):
        with pytest.raises(LeaseLost):
            use()
    free.release()
    with free, pytest.raises(RuntimeError, match="already"):
        free.acquire()
    with pytest.raises(ValueError, match="ttl_s"):
        lease("n", ttl_s=0, backend=tmp_path)


def test_given_a_record_of_somebody_else_when_acquired_then_it_is_not_believed(tmp_path: Path) -> None:
    with lease("n", ttl_s=30, backend=tmp_path, renew=False):
        (path,) = tmp_path.rglob("*.json")
        path.write_text(path.read_text().replace('"token":1', '"token":"x"'))
        with pytest.raises(CorruptRecord, match="'n'"):
            lease("n", ttl_s=30, backend=tmp_path).acquire()
