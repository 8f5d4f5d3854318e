"""Many, slow and silent clients, full lines, instances that come late or never; and sessions."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from service_world import ServiceWorld, Told, get, post, service_world

from hakobune.runtime.service_fleet import Backend

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ServiceWorld]:
    async with service_world(tmp_path) as found:
        yield found


async def quick(told: Told) -> None:
    while True:
        await told.request()
        await told.answer()


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_given_more_requests_than_there_is_room_then_they_wait_in_order_and_are_all_served(
    world: ServiceWorld, concurrency: int
) -> None:
    order: list[str] = []
    most = busy = 0
    go = anyio.Event()

    async def count(told: Told) -> None:
        nonlocal most, busy
        while True:
            line, _, _ = await told.request()
            busy += 1
            most = max(most, busy)
            order.append(line.split()[1])
            await go.wait()
            busy -= 1
            await told.answer()

    world.fleet.serve(await world.instance(count), concurrency=concurrency)
    clients = [await world.client() for _ in range(30)]
    for number, client in enumerate(clients):
        await client.send(get(f"/{number}"))
        await world.eventually(lambda number=number: world.admission.demand("rev-1") > number)
    go.set()
    assert [(await client.answer())[0] for client in clients] == [200] * 30
    assert most == concurrency
    assert concurrency > 1 or order == [f"/{number}" for number in range(30)]


async def test_given_a_full_line_then_429_says_why_and_the_others_wait_on(world: ServiceWorld) -> None:
    world.fleet.serve(concurrency=1)
    clients = [await world.client() for _ in range(100)]
    for client in clients:
        await client.send(get())
    await world.eventually(lambda: world.admission.demand("rev-1") == 100)
    status, _, content = await world.asked(get())
    assert status == 429
    assert b"Rate exceeded." in content
    assert b"The request was aborted because there was no available instance." in content
    world.fleet.serve(await world.instance(quick))
    world.fleet.watch("rev-1")
    assert [(await client.answer())[0] for client in clients] == [200] * 100


async def test_given_an_instance_that_does_not_come_then_429_in_time(
    world: ServiceWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hakobune.core.services.limits.QUEUE_MIN_S", 0.1)
    world.fleet.serve()
    status, _, content = await world.asked(get())
    assert (status, b"It has waited for" in content) == (429, True)
    world.fleet.failures["rev-1"] = "Container called exit(3)."
    status, _, content = await world.asked(get())
    assert (status, b"Container called exit(3)." in content) == (503, True)
    assert world.fleet.woken == ["rev-1", "rev-1"]


async def test_given_a_request_that_waits_when_its_revision_is_replaced_then_the_next_one_serves_it(
    world: ServiceWorld,
) -> None:
    world.fleet.serve()
    client = await world.client()
    await client.send(post(b"once"))
    await world.eventually(lambda: world.admission.demand("rev-1") == 1)
    world.fleet.serve(await world.instance(quick), uid="rev-2")
    del world.fleet.bounds["rev-1"]
    world.fleet.watch("rev-1")
    assert (await client.answer())[0] == 200


async def test_given_a_request_that_waits_when_its_service_is_deleted_then_404(world: ServiceWorld) -> None:
    world.fleet.serve()
    client = await world.client()
    await client.send(get())
    await world.eventually(lambda: world.admission.demand("rev-1") == 1)
    world.fleet.residents.clear()
    del world.fleet.bounds["rev-1"]
    world.fleet.watch("rev-1")
    assert (await client.answer())[0] == 404


async def test_given_starts_that_fail_then_those_who_wait_are_told_when_one_more_has_failed(
    world: ServiceWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hakobune.core.services.limits.RESTART_FIRST_S", 0.1)
    monkeypatch.setattr("hakobune.core.services.limits.QUEUE_STARTS", 1.0)  # of 0.1 s each
    world.fleet.serve()
    client = await world.client()
    await client.send(get())
    await world.eventually(lambda: world.admission.demand("rev-1") == 1)
    world.fleet.failures["rev-1"] = "Container called exit(1)."
    world.fleet.watch("rev-1")  # an accident: the next one is waited for
    await anyio.sleep(0.05)
    assert world.admission.demand("rev-1") == 1
    status, _, content = await client.answer()
    assert (status, b"Container called exit(1)." in content) == (503, True)
    world.fleet.failures.clear()
    await client.send(get())
    await world.eventually(lambda: world.admission.demand("rev-1") == 1)
    await anyio.sleep(0.3)
    world.fleet.watch("rev-1")  # nothing has happened
    world.fleet.failures["rev-1"] = "the container failed to start <and> listen"
    world.fleet.watch("rev-1")
    status, _, content = await client.answer()
    assert (status, b"failed to start &lt;and&gt; listen" in content) == (503, True)


async def test_given_a_service_that_is_deleted_then_those_who_wait_get_404(world: ServiceWorld) -> None:
    world.fleet.serve()
    client = await world.client()
    await client.send(get())
    await world.eventually(lambda: world.admission.demand("rev-1") == 1)
    del world.fleet.bounds["rev-1"]
    world.fleet.watch("rev-1")
    assert (await client.answer())[0] in (404, 503)
    await world.eventually(lambda: world.admission.demand("rev-1") == 0)


async def test_given_an_instance_that_drains_then_it_gets_nothing_new_and_is_done_when_its_last_answer_is(
    world: ServiceWorld,
) -> None:
    release = asyncio.Event()

    async def slow(told: Told) -> None:
        await told.request()
        await release.wait()
        await told.answer(b"last")
        await told.is_left()

    world.fleet.serve(await world.instance(slow))
    client = await world.client()
    await client.send(get())
    await world.eventually(lambda: world.admission.in_flight("rev-1.0.0") == 1)
    world.fleet.ready["rev-1"] = []
    drained = anyio.Event()

    async def drain() -> None:
        await world.admission.drained("rev-1.0.0")
        drained.set()

    async with anyio.create_task_group() as group:
        group.start_soon(drain)
        await anyio.sleep(0.02)
        assert not drained.is_set()
        release.set()
        assert (await client.answer())[2] == b"last"
        with anyio.fail_after(5):
            await drained.wait()
    assert world.admission.idle_since("rev-1.0.0") is None  # forgotten


async def test_given_a_thousand_silent_clients_then_the_next_one_is_served(world: ServiceWorld) -> None:
    world.fleet.serve(await world.instance(quick), concurrency=1000)
    silent = [await world.client() for _ in range(300)]
    for number, client in enumerate(silent):
        match number % 3:
            case 0:
                await client.send(b"GET / HTTP/1.1\r\nHost: hello-1.loc")
            case 1:
                await client.send(get("/", "Content-Length: 10", method="POST"), b"slow")
            case _:
                pass
    with anyio.fail_after(5):
        assert (await world.asked(get()))[0] == 200
    loop = asyncio.get_running_loop()
    world.server.sweep(loop.time() + 61)  # as if a minute had gone by without a byte
    await world.eventually(lambda: world.admission.demand("rev-1") == 0)


async def test_given_a_service_that_leaks_connections_then_requests_are_served_on(world: ServiceWorld) -> None:
    opened: list[Told] = []

    async def leak(told: Told) -> None:
        opened.append(told)
        await told.request()
        await told.answer(b"ok", "Connection: close")
        await anyio.sleep_forever()

    world.fleet.serve(await world.instance(leak))
    for _ in range(20):
        assert (await world.asked(get()))[0] == 200
    assert len(opened) == 20
    assert [await told.is_left() for told in opened] == [True] * 20  # our ends are closed


async def test_given_sessions_then_a_client_stays_with_its_instance_while_that_is_there(world: ServiceWorld) -> None:
    def named(word: bytes):
        async def say(told: Told) -> None:
            while True:
                await told.request()
                await told.answer(word)

        return say

    world.fleet.serve(await world.instance(named(b"a")), await world.instance(named(b"b")))
    world.fleet.sessions.add("rev-1")
    status, headers, first = await world.asked(get())
    found = re.match(r"GAESA=([^;]+); Max-Age=2592000; Path=/; HttpOnly", headers["set-cookie"])
    assert (status, first) == (200, b"a")
    assert found
    held = await world.admission.enter("rev-1")  # `a` is the busier one now
    assert held.backend.uid == found.group(1)
    for _ in range(3):
        _, headers, content = await world.asked(get("/", f"Cookie: x=1; GAESA={found.group(1)}"))
        assert (content, "set-cookie" in headers) == (b"a", False)
    held.close()
    world.fleet.ready["rev-1"] = world.fleet.ready["rev-1"][1:]
    _, headers, content = await world.asked(get("/", f"Cookie: GAESA={found.group(1)}"))
    assert content == b"b"
    assert "GAESA=rev-1.1.0;" in headers["set-cookie"]


async def test_given_a_request_that_is_let_in_while_it_leaves_then_its_place_is_not_lost(world: ServiceWorld) -> None:
    world.fleet.serve(concurrency=1)

    async def enter() -> None:
        await world.admission.enter("rev-1")

    async with anyio.create_task_group() as group:
        group.start_soon(enter)
        await world.eventually(lambda: world.admission.demand("rev-1") == 1)
        world.fleet.ready["rev-1"] = [Backend(uid="i", port=1)]
        group.cancel_scope.cancel()
        world.fleet.watch("rev-1")
        assert world.admission.in_flight("i") == 1
    assert (world.admission.in_flight("i"), world.admission.demand("rev-1")) == (0, 0)
