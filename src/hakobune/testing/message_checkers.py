"""What must be true of messages in the end: what was acknowledged stays away, and what nobody needs is removed."""

from __future__ import annotations

import anyio

from hakobune.testing.checkers import demand
from hakobune.testing.data_client import settle
from hakobune.testing.data_plans import DataScenario, Kind
from hakobune.testing.message_consumers import lane_path, received_from_reply
from hakobune.testing.message_model import Received, Sent
from hakobune.testing.message_scenario import FADING, SHORT, MessageHistory, publish
from hakobune.testing.world import World

_WEEK_S = 8 * 86_400.0
_EXPIRED_WITHIN_S = 650.0  # a round of the house
_TEXTS = ("stale", "fresh")


async def check(world: World, scenario: DataScenario, history: MessageHistory) -> None:
    """In a world that is kind again. Raises Violation."""
    for lane in history.lanes:
        again = [item.text for item in await _pulled(world, lane.name) if item.id in lane.acked]
        demand(not again, f"{lane.name}: {again} were acknowledged, and come again")
    if scenario.has_expiry and history.lanes:
        await _check_expiry(world, history)


async def _check_expiry(world: World, history: MessageHistory) -> None:
    """A week passes: messages that nobody took are gone, and so are a snapshot and an idle subscription."""
    stale, fresh = (Sent(text=text, key="", color="red", begun_s=anyio.current_time()) for text in _TEXTS)
    await publish(world, history.board, [stale])
    world.clock.jump(_WEEK_S)
    await anyio.sleep(_EXPIRED_WITHIN_S)
    for path in (f"/v1/{SHORT}", lane_path(FADING)):
        reply = await settle(world, "GET", path)
        demand(reply.status == 404, f"{path}: after a week, answered {reply.status}")
    await (await world.runtime()).pubsub.cleaning.clean()
    kept = world.disk.execute(
        "SELECT total(messages) FROM pubsub_blocks b JOIN pubsub_topics t ON t.id = b.topic_id WHERE t.topic = 'news'"
    ).fetchone()[0]
    demand(kept == 0, f"{kept} messages that nobody needs are kept")
    await publish(world, history.board, [fresh])
    found = [item.text for item in await _pulled(world, Kind.PLAIN)]
    demand(found == [fresh.text], f"after a week, {found} come")


async def _pulled(world: World, lane: str) -> list[Received]:
    reply = await settle(world, "POST", f"{lane_path(lane)}:pull", {"maxMessages": 100, "returnImmediately": True})
    demand(reply.status == 200, f"{lane}: a pull was answered {reply.status}")
    return received_from_reply(reply)
