"""What simulated users do with messages: publishers, and the setting up of topics and subscriptions."""

from __future__ import annotations

import base64
import random
from dataclasses import dataclass, field
from typing import cast

import anyio

from hakobune.testing.checkers import demand
from hakobune.testing.data_client import NOTHING_HAPPENED, Reply, send_json, settle
from hakobune.testing.data_plans import DataScenario, Kind, LanePlan, PublisherPlan
from hakobune.testing.message_consumers import Consumer, lane_path
from hakobune.testing.message_model import ACK_DEADLINE_S, ATTEMPTS_MAX, POISON, WANTED_COLOR, Board, LaneModel, Sent
from hakobune.testing.plans import PROJECT
from hakobune.testing.scenario import pause
from hakobune.testing.world import World

TOPIC = f"projects/{PROJECT}/topics/news"
DEAD_TOPIC = f"projects/{PROJECT}/topics/dead"
DEAD_LANE = "dead"
FADING = "fading"  # a subscription that expires when nobody uses it
SHORT = f"projects/{PROJECT}/snapshots/short"
_COLORS = (WANTED_COLOR, "blue")


@dataclass(slots=True, kw_only=True)
class MessageHistory:
    """What is known of all messages when the users are done."""

    board: Board = field(default_factory=Board)
    lanes: list[LaneModel] = field(default_factory=list[LaneModel])
    publishers: int = 0  # that are not done


async def play(world: World, scenario: DataScenario, history: MessageHistory) -> None:
    """Do all of it; returns when every message that must come has come."""
    if not scenario.lanes:
        return
    await _prepare(world, scenario)
    history.publishers = len(scenario.publishers)
    async with anyio.create_task_group() as group:
        for plan in scenario.lanes:
            lane = LaneModel(plan, history.board, world.clock)
            history.lanes.append(lane)
            for number in range(plan.consumers):
                consumer = Consumer(world, lane, random.Random(plan.stream + number), lambda: not history.publishers)
                group.start_soon(consumer.run)
        for publisher in scenario.publishers:
            group.start_soon(_publish, world, history, publisher)
        for lane in history.lanes:
            if lane.plan.kind is Kind.DYING:
                group.start_soon(_bury, world, history, lane)


async def made(world: World, path: str, body: object) -> None:
    """Make something, once or more often."""
    reply = await settle(world, "PUT", path, body)
    demand(reply.status in {200, 409}, f"{path}: answered {reply.status}: {reply.content[:200]!r}")


async def _prepare(world: World, scenario: DataScenario) -> None:
    for topic in (TOPIC, DEAD_TOPIC):
        await made(world, f"/v1/{topic}", {})
    await made(world, lane_path(DEAD_LANE), {"topic": DEAD_TOPIC, "expirationPolicy": {}})
    for plan in scenario.lanes:
        await made(world, lane_path(plan.kind), _lane_body(plan))
    if scenario.has_expiry:
        await made(world, lane_path(FADING), {"topic": TOPIC, "expirationPolicy": {"ttl": "86400s"}})
        await made(world, f"/v1/{SHORT}", {"subscription": lane_path(Kind.PLAIN).removeprefix("/v1/")})


def _lane_body(plan: LanePlan) -> dict[str, object]:
    body: dict[str, object] = {
        "topic": TOPIC,
        "ackDeadlineSeconds": ACK_DEADLINE_S,
        "expirationPolicy": {},
        "enableExactlyOnceDelivery": plan.is_exact,
    }
    match plan.kind:
        case Kind.ORDERED:
            body["enableMessageOrdering"] = True
        case Kind.PICKY:
            body["filter"] = f'attributes.color = "{WANTED_COLOR}"'
        case Kind.DYING:
            body["deadLetterPolicy"] = {"deadLetterTopic": DEAD_TOPIC, "maxDeliveryAttempts": ATTEMPTS_MAX}
        case Kind.SEEKING:
            body["retainAckedMessages"] = True
        case Kind.PATIENT:
            body["retryPolicy"] = {"minimumBackoff": "1s", "maximumBackoff": "5s"}
        case Kind.PLAIN | Kind.EXACT:
            pass
    return body


# -- publishers -------------------------------------------------------------------------------------------------------


async def _publish(world: World, history: MessageHistory, plan: PublisherPlan) -> None:
    rng = random.Random(plan.stream)
    number = 0
    for _ in range(plan.batches):
        await anyio.sleep(rng.choice((0.0, 0.2, 3.0, 15.0)))
        batch: list[Sent] = []
        for _ in range(rng.randint(1, 4)):
            number += 1
            kind = POISON if rng.random() < 0.1 else "news"
            key = plan.name if rng.random() < 0.7 else ""
            batch.append(
                Sent(
                    text=f"{kind} {plan.name} {number}",
                    key=key,
                    color=rng.choice(_COLORS),
                    begun_s=anyio.current_time(),
                )
            )
        await publish(world, history.board, batch)
    history.publishers -= 1


async def publish(world: World, board: Board, batch: list[Sent]) -> None:
    """Publish until it is accepted; a lost answer may mean that it was, and is again."""
    board.texts |= {sent.text: sent for sent in batch}
    body = {
        "messages": [
            {
                "data": base64.b64encode(sent.text.encode()).decode(),
                "attributes": {"color": sent.color},
                "orderingKey": sent.key,
            }
            for sent in batch
        ]
    }
    tries = 0
    while not _is_accepted(await send_json(world, "POST", f"/v1/{TOPIC}:publish", body), board, batch):
        await pause(tries)
        tries += 1


def _is_accepted(reply: Reply | None, board: Board, batch: list[Sent]) -> bool:
    if reply is None or reply.status in NOTHING_HAPPENED:
        return False
    demand(reply.status == 200, f"publish: answered {reply.status}: {reply.content[:200]!r}")
    ids = [int(text) for text in cast("list[str]", reply.json()["messageIds"])]
    demand(len(ids) == len(batch) and ids == sorted(set(ids)), f"publish: {len(batch)} messages got the ids {ids}")
    for number, sent in zip(ids, batch, strict=True):
        board.learn(number, sent.text)
    return True


# -- dead letters -----------------------------------------------------------------------------------------------------


async def _bury(world: World, history: MessageHistory, dying: LaneModel) -> None:
    """Take dead letters, until nothing is missing any more."""
    plan = LanePlan(kind=Kind.PLAIN, is_exact=False, consumers=1, stream=dying.plan.stream)
    dead = LaneModel(plan, Board(texts=history.board.texts), world.clock)
    dead.name = DEAD_LANE
    consumer = Consumer(world, dead, random.Random(plan.stream), lambda: not history.publishers and not dying.missing())
    consumer.heir_of = dying
    await consumer.run()
