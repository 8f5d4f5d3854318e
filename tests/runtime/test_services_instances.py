"""Instances of services and worker pools: scaling, restarts, probes, rolling updates, drains."""

from __future__ import annotations

import os
import re
import signal
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.abc
import pytest
from resident_world import POOL, SERVER, SERVICE, WORKER, ServiceHouse, a_service_house, pool, service

from hakobune.core.conditions import Condition, ConditionState
from hakobune.core.instants import timestamp_to_text
from hakobune.core.logs.entries import LogEntry
from hakobune.core.logs.listing import ListEntries
from hakobune.core.logs.query import parse
from hakobune.core.pubsub.messages import new_message
from hakobune.core.pubsub.model import Subscription, Topic
from hakobune.core.pubsub.names import SubscriptionName, TopicName
from hakobune.core.services.conditions import resident_conditions
from hakobune.core.services.environment import WORK_FILE
from hakobune.core.services.model import Probe, ProbeKind, RevisionState, Scaling, ScalingMode
from hakobune.sdk import worker as worker_of_sdk
from hakobune.store.pubsub_api import Backlog

pytestmark = pytest.mark.anyio

TOPIC = TopicName(project="p", id="orders")
SUBSCRIPTION = SubscriptionName(project="p", id="orders")

# Is at work until the file that it is given exists; leaves a mark when SIGTERM reaches it.
BUSY = """
import fcntl, os, signal, sys, time
folder = os.path.dirname(os.environ["HAKOBUNE_WORK_FILE"])
def stop(*_):
    open(os.environ["HAKOBUNE_WORK_FILE"] + ".term", "w").close()
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
file = open(os.environ["HAKOBUNE_WORK_FILE"], "w")
fcntl.flock(file, fcntl.LOCK_EX)
open(os.environ["HAKOBUNE_WORK_FILE"] + ".busy", "w").close()
while not os.path.exists(os.path.join(folder, "done")): time.sleep(0.02)
fcntl.flock(file, fcntl.LOCK_UN)
while True: time.sleep(0.05)
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_given_the_sdk_when_compared_then_both_know_the_same_variable() -> None:
    assert worker_of_sdk.WORK_FILE_VARIABLE == WORK_FILE


async def test_given_demand_when_it_rises_and_falls_then_instances_come_and_idle_ones_go(tmp_path: Path) -> None:
    async with a_service_house(tmp_path, service_idle_s=0.3) as house:
        await house.deploy(SERVICE, service(max_concurrency=2, max_instances=3))
        revision = await house.newest(SERVICE)
        await house.count(0)  # idle, and none must be kept
        house.requests.wanted[revision.uid] = 5
        house.runtime.fleet.wake(revision.uid)
        ready = await house.count(3, "ready")
        house.requests.busy.add(ready[1].uid)
        house.requests.wanted[revision.uid] = 1
        (left,) = await house.count(1)
        assert left.uid == ready[1].uid  # the busy one
        house.requests.wanted[revision.uid] = 0
        house.requests.busy.clear()
        await house.count(0)


async def test_given_a_manual_count_when_it_changes_then_instances_follow(tmp_path: Path) -> None:
    async with a_service_house(tmp_path) as house:
        manual = Scaling(manual=2, mode=ScalingMode.MANUAL)
        await house.deploy(SERVICE, service(scaling=manual))
        await house.count(2, "ready")
        revision = await house.newest(SERVICE)
        await house.deploy(SERVICE, service(scaling=Scaling(manual=0, mode=ScalingMode.MANUAL)))
        await house.count(0)
        assert (await house.newest(SERVICE)).uid == revision.uid


async def test_given_an_instance_that_dies_when_it_is_wanted_then_the_next_one_comes_after_a_wait(
    tmp_path: Path,
) -> None:
    async with a_service_house(tmp_path) as house:
        await house.deploy(SERVICE, service(min_instances=1))
        (first,) = await house.count(1, "ready")
        os.kill(int(await house.ask(first.port)), signal.SIGKILL)
        (resting,) = await house.count(1, "resting")
        assert (resting.failures, resting.detail) == (1, "Container terminated on signal 9.")
        assert resting.restart_s is not None
        (second,) = await house.count(1, "ready")
        request = ListEntries(projects=("p",), query=parse('log_id("run.googleapis.com/varlog/system")'))
        (entry,) = await house.until(lambda: _entries(house, request))
        assert (entry.text_payload, entry.resource.type) == (resting.detail, "cloud_run_revision")
        assert second.index == first.index
        assert second.uid != first.uid
        assert second.create_time_s >= resting.restart_s


async def test_given_a_worker_that_exits_again_and_again_when_one_lives_then_the_pool_is_ready_again(
    tmp_path: Path,
) -> None:
    flag = tmp_path / "well"
    code = f"import os, sys, time\nif not os.path.exists({str(flag)!r}): sys.exit(3)\ntime.sleep(60)"
    async with a_service_house(tmp_path / "data") as house:
        await house.deploy(POOL, pool(code))

        async def crashing() -> Condition | None:
            (ready,) = resident_conditions(await house.resident(POOL))
            return ready if ready.state is ConditionState.FAILED else None

        told = await house.until(crashing)
        assert told.reason == "REVISION_FAILED"
        (resting,) = await house.count(1, "resting")
        assert resting.restart_s is not None
        last = "2 times in a row by now. The last one: Container called exit(3). The next one starts at "
        assert last + timestamp_to_text(resting.restart_s) in told.message
        flag.touch()

        async def is_well() -> bool:
            return await crashing() is None

        await house.until(is_well)
        (lives,) = await house.count(1, "ready")
        assert lives.ready_time_s is not None
        assert house.runtime.clock.now_s() >= lives.ready_time_s + 2.0  # longer than it had to wait


async def _entries(house: ServiceHouse, request: ListEntries) -> list[LogEntry]:
    return (await house.runtime.logs.list_entries(request))[0]


async def test_given_a_startup_probe_that_fails_when_deployed_then_its_text_is_the_error(tmp_path: Path) -> None:
    async with a_service_house(tmp_path) as house:
        probe = Probe(kind=ProbeKind.GRPC, period_s=0.2, timeout_s=0.2, failure_threshold=2)
        ended = await house.deploy(SERVICE, service(startup=probe))
        assert ended.error is not None
        assert "STARTUP gRPC probe failed 2 times consecutively" in ended.error[1]
        await house.count(0)


async def test_given_a_program_that_listens_elsewhere_when_deployed_then_the_error_says_where(tmp_path: Path) -> None:
    code = """
import os, socket, time
held = [socket.create_server(("127.0.0.1", 0)), socket.create_server(("::1", 0), family=socket.AF_INET6)]
open(os.environ["HERE"], "w").write(" and ".join(f"{a[0] if len(a) == 2 else f'[{a[0]}]'}:{a[1]}"
    for a in (one.getsockname() for one in held)))
time.sleep(60)
"""
    here = tmp_path / "here"
    async with a_service_house(tmp_path / "data") as house:
        probe = Probe(kind=ProbeKind.TCP, period_s=1.0, failure_threshold=1)
        ended = await house.deploy(SERVICE, service(code.replace('os.environ["HERE"]', repr(str(here))), startup=probe))
        assert ended.error is not None
        assert re.search(rf"It listens on {re.escape(here.read_text())}, not on PORT=[0-9]{{5}}: ", ended.error[1])


async def test_given_probes_over_http_when_liveness_fails_then_the_instance_is_replaced(tmp_path: Path) -> None:
    flag = tmp_path / "ill"
    code = SERVER.replace("        body =", f"        if os.path.exists({str(flag)!r}): return\n        body =")
    async with a_service_house(tmp_path / "data") as house:
        startup = Probe(kind=ProbeKind.HTTP, path="/up", period_s=1.0)
        liveness = Probe(kind=ProbeKind.HTTP, period_s=0.1, timeout_s=0.1, failure_threshold=2)
        await house.deploy(SERVICE, service(code, startup=startup, liveness=liveness, min_instances=1))
        (first,) = await house.count(1, "ready")
        flag.touch()
        (resting,) = await house.count(1, "resting")
        assert (resting.uid, resting.detail) == (first.uid, "Container terminated on signal 9.")


async def test_given_a_pool_when_deployed_and_scaled_then_so_many_workers_run(tmp_path: Path) -> None:
    async with a_service_house(tmp_path) as house:
        await house.deploy(POOL, pool(count=2))
        first = await house.count(2, "ready")
        revision = await house.newest(POOL)
        await house.deploy(POOL, pool(count=3))
        assert {one.uid for one in first} < {one.uid for one in await house.count(3, "ready")}
        assert (await house.newest(POOL)).uid == revision.uid
        await house.deploy(POOL, pool(count=0))
        await house.count(0)


async def test_given_a_count_of_zero_when_a_pool_is_deployed_then_that_succeeds_and_nothing_runs(
    tmp_path: Path,
) -> None:
    async with a_service_house(tmp_path) as house:
        ended = await house.deploy(POOL, pool("raise SystemExit(1)", count=0))
        assert ended.error is None
        assert (await house.newest(POOL)).state is RevisionState.READY
        assert await house.instances() == []


async def test_given_a_worker_that_exits_when_it_did_so_well_then_it_is_started_again(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    code = f"open({str(marks)!r}, 'a').write('x')"
    async with a_service_house(tmp_path / "data") as house:
        ended = await house.deploy(POOL, pool(code))
        assert ended.error is None
        await house.until(lambda: _size(marks, 2))


def _size(path: Path, size: int) -> bool:
    return path.exists() and path.stat().st_size >= size


async def test_given_a_pool_when_its_program_changes_then_the_new_workers_come_before_the_old_ones_go(
    tmp_path: Path,
) -> None:
    async with a_service_house(tmp_path) as house:
        await house.deploy(POOL, pool(count=2))
        old = {one.uid for one in await house.count(2, "ready")}
        await house.deploy(POOL, pool(WORKER + "# another", count=2))
        revision = await house.newest(POOL)
        fewest = 2

        async def look() -> bool:
            nonlocal fewest
            found = await house.instances()
            fewest = min(fewest, sum(one.state == "ready" for one in found))
            return len(found) == 2 and not old & {one.uid for one in found}

        await house.until(look)
        assert fewest == 2
        assert {one.revision_uid for one in await house.count(2, "ready")} == {revision.uid}


async def test_given_busy_workers_when_the_pool_shrinks_then_none_is_stopped_before_it_is_idle(tmp_path: Path) -> None:
    async with a_service_house(tmp_path) as house:
        await house.deploy(POOL, pool(BUSY, count=2))
        await house.count(2, "ready")
        revision = await house.newest(POOL)
        folder = tmp_path / "residents" / revision.uid
        await house.until(lambda: _named(folder, "*.busy", 2))
        await house.deploy(POOL, pool(BUSY, count=1))
        await house.deploy(POOL, pool(BUSY, count=1, labels={"a": "b"}))
        assert len(await house.instances()) == 2
        assert not _named(folder, "*.term", 1)
        (folder / "done").touch()
        await house.count(1)
        assert _named(folder, "*.term", 1)


async def test_given_a_kafka_that_says_nothing_when_other_pools_scale_then_it_holds_nobody_up(tmp_path: Path) -> None:
    crowd = replace(POOL, id="crowd")
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    address = f"127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}"
    async with listener, a_service_house(tmp_path) as house:
        room = house.runtime.pubsub
        await room.topics.create(Topic(name=TOPIC))
        await room.subscriptions.create(Subscription(name=SUBSCRIPTION, topic=TOPIC))
        kafka = {"kafka-bootstrap-servers": address, "kafka-group": "g", "kafka-topics": "t"}
        await house.deploy(crowd, pool(annotations=_policy(kafka), count=0))
        await house.deploy(POOL, pool(annotations=_policy({"pubsub-subscription": "orders"}), count=0))
        await room.publish(TOPIC, [new_message(b"x", {})])
        begun_s = house.runtime.clock.now_s()
        await house.count(1, "ready")
        assert house.runtime.clock.now_s() - begun_s < 5.0  # Kafka is given up after 10 s


def _policy(settings: dict[str, str]) -> dict[str, str]:
    named = {"interval-seconds": "0.1", **settings}
    return {f"hakobune.dev/scaling-{name}": text for name, text in named.items()}


def _named(folder: Path, pattern: str, count: int) -> bool:
    return len(list(folder.glob(pattern))) >= count


async def test_given_a_backlog_when_it_grows_and_is_worked_off_then_workers_follow_and_no_busy_one_is_stopped(
    tmp_path: Path,
) -> None:
    async with a_service_house(tmp_path) as house:
        room = house.runtime.pubsub
        await room.topics.create(Topic(name=TOPIC))
        await room.subscriptions.create(Subscription(name=SUBSCRIPTION, topic=TOPIC))
        settings = {
            "pubsub-subscription": "orders",
            "pubsub-target": "10",
            "max": "3",
            "cool-down-seconds": "0.5",
            "interval-seconds": "0.1",
        }
        policy = {f"hakobune.dev/scaling-{name}": text for name, text in settings.items()}
        await house.deploy(POOL, pool(BUSY, annotations=policy, count=0))
        await house.count(0)
        await room.publish(TOPIC, [new_message(str(number).encode(), {}) for number in range(25)])
        await house.count(3, "ready")
        revision = await house.newest(POOL)
        folder = tmp_path / "residents" / revision.uid
        await house.until(lambda: _named(folder, "*.busy", 3))
        deliveries = await room.pull(SUBSCRIPTION, 100)
        await room.acknowledge(SUBSCRIPTION, [one.ack_id for one in deliveries])
        backlog = await house.runtime.store.read(lambda tx: tx.pubsub.backlog(SUBSCRIPTION))
        assert backlog == Backlog(count=0)
        began_s = house.runtime.clock.now_s()
        await house.until(lambda: house.runtime.clock.now_s() > began_s + 1.2)  # more than the cool-down
        assert len(await house.instances()) == 3
        assert not _named(folder, "*.term", 1)
        (folder / "done").touch()
        await house.count(0)
        assert _named(folder, "*.term", 3)
