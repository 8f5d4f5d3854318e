"""Clients and instances that do anything at any moment: nothing is lost, held, or taken for something else."""

from __future__ import annotations

import asyncio
import logging
import random
from pathlib import Path

import anyio
import pytest
from service_world import Client, ServiceWorld, Told, get, post, service_world

pytestmark = pytest.mark.anyio
CLIENTS = 40
REQUESTS = 25


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def unruly(dice: random.Random):
    """An instance that answers what it was asked, in some form, or breaks off somewhere."""

    async def serve(told: Told) -> None:
        while True:
            _, headers, body = await told.request()
            word = headers["x-word"].encode() + b":" + body
            if dice.random() < 0.2:
                await anyio.sleep(dice.random() * 0.02)
            match dice.randrange(10):
                case 0:
                    return
                case 1:
                    await told.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + word)
                    return
                case 2:
                    await told.send(b"nonsense\r\n\r\n")
                    return
                case 3:
                    await told.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + word)
                    told.writer.close()
                    await told.writer.wait_closed()
                    return
                case 4 | 5:
                    await told.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                    for place in range(0, len(word), 7):
                        piece = word[place : place + 7]
                        await told.send(b"%x\r\n%b\r\n" % (len(piece), piece))
                    await told.send(b"0\r\n\r\n")
                case 6:
                    await told.answer(word)
                    await told.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
                case _:
                    await told.answer(word)

    return serve


async def behave(world: ServiceWorld, dice: random.Random, number: int, counts: dict[str, int]) -> None:
    """One client: each of its answers is its own, whole, or an error, or cut."""
    client: Client | None = None
    for turn in range(REQUESTS):
        client = client or await world.client()
        word = f"{number}.{turn}"
        body = b"b" * dice.choice([0, 1, 100, 70_000])
        request = post(body, f"X-Word: {word}") if body else get("/", f"X-Word: {word}")
        cut = dice.randrange(len(request)) if dice.random() < 0.1 else len(request)
        try:
            with anyio.fail_after(20):
                await client.send(request[:cut])
                if cut < len(request) or dice.random() < 0.1:
                    raise ConnectionError
                status, headers, content = await client.answer()
        except (ConnectionError, asyncio.IncompleteReadError):
            counts["cut"] += 1
            client.close()
            client = None
            continue
        assert status in (200, 503)
        if status == 200:
            expected = word.encode() + b":" + body
            assert content == expected, (headers, len(expected), len(content), expected[:30], content[:30])
        counts[str(status)] += 1
        if headers.get("connection") == "close":
            client.close()
            client = None


@pytest.mark.parametrize("seed", [1, 2])
async def test_given_any_behaviour_then_every_answer_is_its_own_and_nothing_is_left(
    tmp_path: Path, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    dice = random.Random(seed)
    counts = {"cut": 0, "200": 0, "503": 0}
    async with service_world(tmp_path) as world:
        world.fleet.serve(*[await world.instance(unruly(dice)) for _ in range(3)], concurrency=5)
        with caplog.at_level(logging.WARNING, logger="hakobune"):
            async with anyio.create_task_group() as group:
                for number in range(CLIENTS):
                    group.start_soon(behave, world, random.Random(seed * 1_000 + number), number, counts)
            await world.eventually(lambda: world.admission.demand("rev-1") == 0)
        assert [world.admission.in_flight(f"rev-1.{number}.0") for number in range(3)] == [0, 0, 0]
    assert min(counts.values()) > 30, counts
    assert not caplog.records
