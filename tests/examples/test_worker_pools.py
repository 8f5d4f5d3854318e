"""examples/worker_pubsub and examples/worker_kafka as worker pools that scale with their backlog: up and down again, each
effect exactly once, and nobody who is at work is ever ended. With HAKOBUNE_SOAK: 10,000 messages in two waves, and an
instance that is killed at work."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from example_programs import EXAMPLES, ROOT, until
from google.cloud import pubsub_v1
from test_worker_examples import IS_SOAK, a_broker, effects, fill_kafka

from runtime_process import BASE, HAKOBUNE, LOCATION, PROJECT, RuntimeProcess

WAVES = (5_000, 5_000) if IS_SOAK else (120,)
MESSAGES = sum(WAVES)
TARGET = 1_000 if IS_SOAK else 40  # for each worker
WORK_S = "0.003" if IS_SOAK else "0.01"
WORKERS_MAX = 3
COOL_DOWN_S = 1.0 if IS_SOAK else 0.3
WITHIN_S = 300.0
TOPIC = f"projects/{PROJECT}/topics/pool-orders"
SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/pool-billing"

# Runs an example, and notes in a file when it begins and ends to be at work: between the two it holds the lock.
WATCHED = """
import os, runpy, sys
from hakobune.sdk import worker

marks = os.open(os.environ["MARKS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def note(what):
    os.write(marks, f"{os.getpid()} {what}\\n".encode())

class Noted:
    def __init__(self):
        self._busy = plain()
    def __enter__(self):
        self._busy.__enter__()
        note("begin")
    def __exit__(self, *error):
        note("end")
        self._busy.__exit__(*error)
    async def __aenter__(self):
        self.__enter__()
    async def __aexit__(self, *error):
        self.__exit__(*error)

plain, worker.busy = worker.busy, Noted
note("start")
runpy.run_path(sys.argv[1], run_name="__main__")
note("leave")
"""


class Marks:
    """What all workers of a pool have noted."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def counts(self, what: str) -> Counter[int]:
        """How often each process noted it."""
        if not self._path.exists():
            return Counter()
        words = [line.split() for line in self._path.read_text().splitlines()]
        return Counter(int(pid) for pid, noted in words if noted == what)

    def at_work(self) -> list[int]:
        """Processes that are at work now, or died so."""
        begun, ended = self.counts("begin"), self.counts("end")
        return [pid for pid in begun if begun[pid] > ended[pid]]


class Pool:
    """A worker pool of an example, and what becomes of it."""

    def __init__(self, runtime: RuntimeProcess, name: str, folder: Path) -> None:
        folder.mkdir()
        self.runtime, self.name, self.folder = runtime, name, folder
        self.database, self.marks = folder / "effects.db", Marks(folder / "marks")
        self.counts: list[int] = []  # that the autoscaler asked for, one after the other

    def deploy(self, example: str, flags: dict[str, str], **variables: str) -> None:
        """With the command line, on flags of the autoscaler."""
        watched = self.folder / "watched.py"
        watched.write_text(WATCHED)
        env = {"EFFECTS": str(self.database), "MARKS": str(self.folder / "marks"), "WORK_S": WORK_S, **variables}
        flags = {"max": str(WORKERS_MAX), "cool-down-seconds": str(COOL_DOWN_S), "interval-seconds": "0.2", **flags}
        program = EXAMPLES / example / "worker.py"
        words = [
            *("run", "worker-pools", "deploy", self.name, "--image=local", f"--command={sys.executable}"),
            *(f"--args={watched},{program}", f"--set-env-vars=^|^{'|'.join(f'{k}={v}' for k, v in env.items())}"),
            *(f"--scaling-{name}={value}" for name, value in flags.items()),
        ]
        self.command(*words)

    def command(self, *words: str) -> str:
        """What a command of ours prints."""
        done = subprocess.run(
            [HAKOBUNE, *words, f"--project={PROJECT}", f"--region={LOCATION}"],
            env={**os.environ, "HAKOBUNE_URL": self.runtime.url},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def count(self) -> int:
        """How many workers are asked for now."""
        pool = self.runtime.call("GET", f"{BASE}/workerPools/{self.name}").json
        count = int(pool.get("annotations", {}).get("hakobune.dev/scaled-instances", "0"))
        if self.counts[-1:] != [count]:
            self.counts.append(count)
        return count

    def until(self, holds: Callable[[], object], what: str) -> None:
        """Wait until it holds, and watch the count meanwhile."""
        until(lambda: (self.count(), holds())[1], what, WITHIN_S)

    def kill_one_at_work(self) -> int:
        """SIGKILL to a worker that has just begun a piece of work; its process id."""
        found: list[int] = []
        before = self.marks.counts("begin")

        def look() -> bool:
            begun = self.marks.counts("begin")
            for pid in [pid for pid in self.marks.at_work() if begun[pid] > before[pid]]:
                os.kill(pid, signal.SIGSTOP)  # so that its work does not end between look and kill
                if pid in self.marks.at_work():
                    found.append(pid)
                    os.kill(pid, signal.SIGKILL)
                    return True
                os.kill(pid, signal.SIGCONT)
            return False

        self.until(look, "a worker is at work")
        return found[0]

    def is_empty(self) -> bool:
        """No worker is asked for, and none is left."""
        return self.count() == 0 and not any(_lives(pid) for pid in self.marks.counts("start"))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def a_pool(runtime: RuntimeProcess, name: str, folder: Path) -> Iterator[Pool]:
    pool = Pool(runtime, name, folder)
    try:
        yield pool
    finally:
        runtime.call("DELETE", f"{BASE}/workerPools/{name}")


def drain(pool: Pool, fill: Callable[[int, int], None]) -> None:
    """Waves of messages; between them the pool gets empty. In the first one a worker at work is killed, in a soak."""
    began_s = time.monotonic()
    victims: set[int] = set()
    first = 0
    for wave in WAVES:
        fill(first, wave)
        first += wave
        if IS_SOAK and not victims:
            pool.until(lambda: effects(pool.database)[0] >= WAVES[0] // 3, "a third of the first wave")
            victims.add(pool.kill_one_at_work())
        pool.until(lambda done=first: effects(pool.database)[1] == done, f"{first} effects")  # type: ignore[misc]
        pool.until(pool.is_empty, "the pool is empty")
    assert effects(pool.database) == (MESSAGES, MESSAGES)
    started, left = pool.marks.counts("start"), pool.marks.counts("leave")
    # Whoever was ended left by itself, after its work: but the one that was killed.
    assert set(pool.marks.at_work()) == victims
    assert started.keys() - left.keys() == victims
    assert max(pool.counts) == WORKERS_MAX
    assert pool.counts[-1] == 0
    print(
        f"{pool.name}: {effects(pool.database)} effects and messages in {time.monotonic() - began_s:.0f} s; counts"
        f" {pool.counts}; {len(started)} instances, {sum(pool.marks.counts('begin').values())} pieces of work; killed"
        f" at work: {victims}; all others left by themselves: {len(left)}"
    )


def test_given_a_pool_that_scales_with_a_subscription_when_one_is_killed_then_each_effect_is_there_once(
    runtime: RuntimeProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{runtime.grpc_port}")
    with (
        a_pool(runtime, "pubsub-crew", tmp_path / "pubsub") as pool,
        pubsub_v1.PublisherClient() as publisher,
        pubsub_v1.SubscriberClient() as subscriber,
    ):
        publisher.create_topic(name=TOPIC)
        subscriber.create_subscription(request={"name": SUBSCRIPTION, "topic": TOPIC, "ack_deadline_seconds": 10})

        def fill(first: int, count: int) -> None:
            sent = [publisher.publish(TOPIC, f"order {first + number}".encode()) for number in range(count)]
            for one in sent:
                one.result(30)

        scaling = {"pubsub-subscription": SUBSCRIPTION.rpartition("/")[2], "pubsub-target": str(TARGET)}
        pool.deploy("worker_pubsub", scaling, SUBSCRIPTION=SUBSCRIPTION)
        drain(pool, fill)
        assert "By backlog (Instances: 0)" in pool.command("run", "worker-pools", "describe", pool.name)


@pytest.mark.skipif(not IS_SOAK, reason="takes longer than 5 s")
def test_given_a_pool_that_scales_with_a_consumer_group_when_one_is_killed_then_each_effect_is_there_once(
    runtime: RuntimeProcess, tmp_path: Path
) -> None:
    with a_broker() as address, a_pool(runtime, "kafka-crew", tmp_path / "kafka") as pool:
        scaling = {
            "kafka-bootstrap-servers": address,
            "kafka-group": "billing",
            "kafka-topics": "orders",
            "kafka-target": str(TARGET),
        }
        pool.deploy("worker_kafka", scaling, BOOTSTRAP=address, TOPIC="orders", GROUP="billing", SESSION_MS="1500")
        drain(pool, lambda first, count: asyncio.run(fill_kafka(address, first, count)))
