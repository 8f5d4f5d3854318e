"""What simulated users do with objects: writers of their own names, races, counters; and what topics are told of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import anyio

from hakobune.testing.checkers import Violation, demand
from hakobune.testing.data_client import NOTHING_HAPPENED, Reply, send, settle
from hakobune.testing.data_plans import KEPT, OPEN, DataScenario, RacePlan
from hakobune.testing.message_model import KEPT_S
from hakobune.testing.object_model import Event, Shelf
from hakobune.testing.object_writers import OBJECTS, Writer, content_headers, media_path
from hakobune.testing.plans import PROJECT
from hakobune.testing.scenario import pause
from hakobune.testing.world import World

COUNTER = "counter"
NOTICES = f"projects/{PROJECT}/topics/notices"
NOTICES_LANE = f"/v1/projects/{PROJECT}/subscriptions/notices"
_COUNTS = 3  # of each client
_NOTICES_WITHIN_S = 50_000.0  # a disk may be full for most of that
_POLL_MAX_S = 60.0


@dataclass(slots=True, kw_only=True)
class Race:
    """An upload that only one may win, and what became of it."""

    name: str
    contents: list[bytes]
    won: set[int] = field(default_factory=set[int])  # racers that were told so
    unsure: set[int] = field(default_factory=set[int])  # those that lost an answer
    winner: bytes = b""


@dataclass(slots=True, kw_only=True)
class Count:
    """An object that several count up."""

    done: int = 0  # acknowledged
    unsure: int = 0  # whose answers were lost


@dataclass(slots=True, kw_only=True)
class ObjectHistory:
    """What is known of all objects when the users are done."""

    shelves: list[Shelf] = field(default_factory=list[Shelf])
    races: list[Race] = field(default_factory=list[Race])
    count: Count | None = None


async def play(world: World, scenario: DataScenario, history: ObjectHistory) -> None:
    """Do all of it; returns when every request has its answer, and the topic its messages."""
    if not scenario.writers:
        return
    await _prepare(world, scenario)
    async with anyio.create_task_group() as group:
        for plan in scenario.writers:
            writer = Writer(world, plan, is_versioned=scenario.is_versioned)
            history.shelves.append(writer.shelf)
            group.start_soon(writer.run)
        for race_plan in scenario.races:
            contents = [f"{race_plan.name} {number}\n".encode() * 20 for number in range(len(race_plan.delays_s))]
            race = Race(name=race_plan.name, contents=contents)
            history.races.append(race)
            group.start_soon(_race, world, race, race_plan)
        if scenario.counters:
            history.count = Count()
            for _ in range(scenario.counters):
                group.start_soon(_count_up, world, history.count)
    await _hear(world, history)


async def _prepare(world: World, scenario: DataScenario) -> None:
    await _made(world, "PUT", f"/v1/{NOTICES}", {})
    await _made(world, "PUT", NOTICES_LANE, {"topic": NOTICES, "expirationPolicy": {}})
    buckets = f"/storage/v1/b?project={PROJECT}"
    await _made(world, "POST", buckets, {"name": OPEN})
    await _made(world, "POST", buckets, {"name": KEPT, "versioning": {"enabled": scenario.is_versioned}})
    config = {"topic": f"//pubsub.googleapis.com/{NOTICES}", "payload_format": "NONE"}
    await _made(world, "POST", f"/storage/v1/b/{KEPT}/notificationConfigs", config)  # two of them tell twice


async def _made(world: World, method: str, path: str, body: object) -> None:
    reply = await settle(world, method, path, body)
    demand(reply.status in {200, 409}, f"{method} {path}: answered {reply.status}: {reply.content[:200]!r}")


# -- races ------------------------------------------------------------------------------------------------------------


async def _race(world: World, race: Race, plan: RacePlan) -> None:
    async with anyio.create_task_group() as group:
        for racer, delay_s in enumerate(plan.delays_s):
            group.start_soon(_run, world, race, racer, delay_s)
    reply = await read_open(world, race.name)
    demand(reply.status == 200, f"{race.name}: nobody won")
    race.winner = reply.content
    demand(race.winner in race.contents, f"{race.name}: nobody sent such {len(race.winner)} bytes")
    winner = race.contents.index(race.winner)
    demand(race.won <= {winner}, f"{race.name}: {sorted(race.won)} were told that they won, and {winner} did")
    demand(winner in race.won | race.unsure, f"{race.name}: {winner} won, and was told that it lost")


async def _run(world: World, race: Race, racer: int, delay_s: float) -> None:
    await anyio.sleep(delay_s)
    content = race.contents[racer]
    path = media_path(OPEN, race.name) + "&ifGenerationMatch=0"
    tries = 0
    while True:
        reply = await send(world, "POST", path, content, content_headers(content))
        if reply is None:
            race.unsure.add(racer)
        elif reply.status not in NOTHING_HAPPENED:
            demand(reply.status in {200, 412}, f"{race.name}: answered {reply.status}")
            if reply.status == 200:
                race.won.add(racer)
            return
        await pause(tries)
        tries += 1


async def _count_up(world: World, count: Count) -> None:
    """Read, add one, write if nobody else did meanwhile: no count is lost."""
    left = _COUNTS
    while left:
        reply = await read_open(world, COUNTER)
        demand(reply.status in {200, 404}, f"{COUNTER}: answered {reply.status}")
        number, generation = (
            (0, "0") if reply.status == 404 else (int(reply.content), reply.headers["x-goog-generation"])
        )
        content = str(number + 1).encode()
        path = f"{media_path(OPEN, COUNTER)}&ifGenerationMatch={generation}"
        written = await send(world, "POST", path, content, content_headers(content))
        if written is None:
            count.unsure += 1
            left -= 1
        elif written.status == 200:
            count.done += 1
            left -= 1
        elif written.status not in NOTHING_HAPPENED:
            demand(written.status == 412, f"{COUNTER}: answered {written.status}")
        else:
            await pause(0)


async def read_open(world: World, name: str) -> Reply:
    """The content of an object that many write."""
    return await settle(world, "GET", f"{OBJECTS.format(OPEN)}/{name}?alt=media")


# -- what the topic is told -------------------------------------------------------------------------------------------


async def _hear(world: World, history: ObjectHistory) -> None:
    """Pull until the topic has told of every change, and of nothing else."""
    wanted = {event for shelf in history.shelves for event in shelf.events}
    heard: set[Event] = set()
    end_s = anyio.current_time() + _NOTICES_WITHIN_S
    wait_s = 0.0
    while not wanted <= heard and world.clock.most_s(0.0) - world.clock.least_s(0.0) < KEPT_S:
        if anyio.current_time() > end_s:
            raise Violation(f"nobody was told of {sorted(wanted - heard)}")
        await anyio.sleep(wait_s)
        body = json.dumps({"maxMessages": 200, "returnImmediately": True}).encode()
        reply = await send(world, "POST", f"{NOTICES_LANE}:pull", body)
        received = [] if reply is None or reply.status != 200 else _received(reply)
        wait_s = 0.0 if received else min(_POLL_MAX_S, wait_s * 2 + 0.5)
        if wait_s == _POLL_MAX_S:
            world.set_clock_right()
        heard |= {event for _, event in received}
        if received:
            ack = json.dumps({"ackIds": [ack_id for ack_id, _ in received]}).encode()
            await send(world, "POST", f"{NOTICES_LANE}:acknowledge", ack)
    demand(heard <= wanted, f"told of what never was: {sorted(heard - wanted)}")


def _received(reply: Reply) -> list[tuple[str, Event]]:
    """(ack id, event) of each message."""
    found: list[tuple[str, Event]] = []
    for item in cast("list[Mapping[str, object]]", reply.json().get("receivedMessages", [])):
        message = cast("Mapping[str, object]", item["message"])
        attributes = cast("Mapping[str, str]", message["attributes"])
        demand(base64.b64decode(str(message.get("data", ""))) == b"", "a notice without a payload has one")
        found.append((str(item["ackId"]), (attributes["eventType"], int(attributes["objectGeneration"]))))
    return found
