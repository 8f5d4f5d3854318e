"""Subscribers of a simulation: pull, acknowledge, refuse, ask for more time, forget; seek back and forth."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Mapping
from typing import cast

import anyio

from hakobune.testing.checkers import Violation, demand
from hakobune.testing.data_client import NOTHING_HAPPENED, Reply, send_json, settle
from hakobune.testing.data_plans import Kind
from hakobune.testing.message_model import ATTEMPTS_MAX, POISON, LaneModel, Mark, Received
from hakobune.testing.plans import PROJECT
from hakobune.testing.scenario import pause
from hakobune.testing.world import World

_QUIET_PULLS = 2
_QUIET_S = 12.0  # longer than a lease, and than a wait of the retry policy
_POLL_MAX_S = 60.0
_WITHIN_S = 50_000.0  # a disk may be full for most of that
_TRIES_MAX = 3  # then a consumer acknowledges
_EXTENSION_S = 20
_SEEKS = (
    ("mark", "return"),
    ("mark", "rewind", "return"),
    ("mark", "purge", "return"),
    ("rewind", "mark", "return", "return"),
    ("mark", "return", "purge"),
)


def lane_path(name: str) -> str:
    """The URL's path of a subscription."""
    return f"/v1/projects/{PROJECT}/subscriptions/{name}"


class Consumer:
    """One of a subscription's."""

    def __init__(self, world: World, lane: LaneModel, rng: random.Random, is_over: Callable[[], bool]) -> None:
        self._world = world
        self._lane = lane
        self._rng = rng
        self._is_over = is_over
        self._path = lane_path(lane.name)
        self._late: list[Received] = []  # that have got more time
        self._seeks = list(rng.choice(_SEEKS)) if lane.plan.kind is Kind.SEEKING else []
        self._mark: Mark | None = None
        self.heir_of: LaneModel | None = None  # whose dead letters these are

    async def run(self) -> None:
        """Until nobody publishes any more and nothing is missing, for longer than a lease."""
        quiet = 0
        wait_s = 0.0
        end_s: float | None = None
        while quiet < _QUIET_PULLS:
            await anyio.sleep(wait_s)
            if self._seeks and self._rng.random() < 0.3 and self._is_time():
                await self._seek(self._seeks.pop(0))
            received = await self._pull()
            if received is None:
                quiet, wait_s = 0, min(_POLL_MAX_S, wait_s * 1.5 + self._rng.choice((0.1, 2.0)))
            elif received:
                quiet, wait_s, end_s = 0, 0.0, None
                await self._settle(received)
            elif self._is_over() and not self._lane.missing() and not self._seeks:
                quiet, wait_s = quiet + 1, _QUIET_S
            else:
                quiet, wait_s = 0, min(_POLL_MAX_S, wait_s * 2 + 0.5)
                end_s = self._patience(end_s)
                if wait_s == _POLL_MAX_S:
                    self._world.set_clock_right()

    def _is_time(self) -> bool:
        """A snapshot is worth more while something is delivered and not acknowledged."""
        return self._seeks[0] != "mark" or self._lane.is_busy() or self._is_over()

    def _patience(self, end_s: float | None) -> float:
        """Until when something must come. Raises Violation: it did not."""
        now_s = anyio.current_time()
        if end_s is None or not self._is_over():
            return now_s + _WITHIN_S
        if now_s > end_s:
            raise Violation(f"{self._lane.name}: {self._lane.missing()} never come")
        return end_s

    # -- pulls --------------------------------------------------------------------------------------------------------

    async def _pull(self) -> list[Received] | None:
        """What came; None: nobody knows, or nothing could."""
        begun_s = anyio.current_time()
        body = {"maxMessages": self._rng.choice((2, 5, 20)), "returnImmediately": self._rng.random() < 0.3}
        reply = await send_json(self._world, "POST", f"{self._path}:pull", body)
        if reply is None:
            self._lane.lost_pulls += 1
            return None
        if reply.status in NOTHING_HAPPENED:
            return None
        demand(reply.status == 200, f"{self._lane.name}: a pull was answered {reply.status}: {reply.content[:200]!r}")
        received = received_from_reply(reply)
        self._lane.take(received, begun_s)
        if self.heir_of is not None:
            self._check_dead(self.heir_of, received)
        return received

    def _check_dead(self, dying: LaneModel, received: list[Received]) -> None:
        """A dead letter has been tried as often as it must."""
        for item in received:
            tries = dying.tries[item.text] + dying.lost_pulls
            demand(tries >= ATTEMPTS_MAX, f"{item.text!r} is a dead letter after {tries} deliveries")
            dying.buried.add(item.text)

    # -- what becomes of them -----------------------------------------------------------------------------------------

    async def _settle(self, received: list[Received]) -> None:
        late, self._late = self._late, []
        good: list[Received] = []
        bad: list[Received] = []
        slow: list[Received] = []
        for item in received:
            throw = self._rng.random()
            if self.heir_of is None and self._lane.plan.kind is Kind.DYING and item.text.startswith(POISON):
                bad.append(item)
            elif throw < 0.65 or self._lane.tries[item.text] > _TRIES_MAX:
                good.append(item)
            elif throw < 0.75:
                bad.append(item)
            elif throw < 0.85:
                slow.append(item)
        await self._acknowledge(good)
        await self._acknowledge(late)
        if bad:
            self._lane.gives_up(bad)
            await self._modify(bad, 0)
        if slow:
            begun_s = anyio.current_time()
            reply = await self._modify(slow, _EXTENSION_S)
            if reply is not None and reply.status == 200:
                self._late = slow
                if all(self._lane.is_held(item, begun_s) for item in slow):
                    self._lane.extends(slow, begun_s, _EXTENSION_S)

    async def _acknowledge(self, items: list[Received]) -> None:
        """In one request; repeated at times when its answer is lost."""
        if not items:
            return
        ids, begun_s = [item.id for item in items], anyio.current_time()
        is_unsure = any(number in self._lane.unsure for number in ids)
        self._lane.acks(ids)
        reply = await self._send_acks(items)
        while reply is None and self._rng.random() < 0.5:
            is_unsure = True
            await pause(0)
            reply = await self._send_acks(items)
        now_s = anyio.current_time()
        if reply is None:
            self._lane.answered(ids, now_s, is_done=None)
        elif reply.status in NOTHING_HAPPENED or (self._lane.plan.is_exact and reply.status == 400):
            is_refused = reply.status == 400 and all(self._lane.is_held(item, begun_s) for item in items)
            demand(not is_refused or is_unsure, f"{self._lane.name}: acks within their leases were refused")
            self._lane.answered(ids, now_s, is_done=None if is_unsure else False)
        else:
            demand(
                reply.status == 200, f"{self._lane.name}: an ack was answered {reply.status}: {reply.content[:200]!r}"
            )
            self._lane.answered(ids, now_s, is_done=True)

    async def _send_acks(self, items: list[Received]) -> Reply | None:
        body = {"ackIds": [item.ack_id for item in items]}
        return await send_json(self._world, "POST", f"{self._path}:acknowledge", body)

    async def _modify(self, items: list[Received], seconds: int) -> Reply | None:
        body = {"ackIds": [item.ack_id for item in items], "ackDeadlineSeconds": seconds}
        reply = await send_json(self._world, "POST", f"{self._path}:modifyAckDeadline", body)
        fine = {200, 400} if self._lane.plan.is_exact else {200}
        is_fine = reply is None or reply.status in fine or reply.status in NOTHING_HAPPENED
        demand(is_fine, f"{self._lane.name}: a new deadline was refused")
        return reply

    # -- seeks --------------------------------------------------------------------------------------------------------

    async def _seek(self, step: str) -> None:
        """One step of somebody who replays. Nobody else uses this subscription."""
        lane, snapshot = self._lane, f"projects/{PROJECT}/snapshots/{self._lane.name}"
        known = list(lane.board.ids)
        match step:
            case "mark" if self._mark is None:
                reply = await settle(self._world, "PUT", f"/v1/{snapshot}", {"subscription": self._path[4:]})
                demand(reply.status in {200, 409}, f"snapshot: answered {reply.status}")
                self._mark = lane.mark()
            case "return" if self._mark is not None:
                await self._sought({"snapshot": snapshot})
                lane.returns(self._mark, anyio.current_time())
            case "rewind" if lane.board.instants:
                first = self._rng.choice(sorted(lane.board.instants))
                await self._sought({"time": lane.board.instants[first]})
                lane.returns_to(first, anyio.current_time())
            case "purge":
                await self._sought({"time": "2100-01-01T00:00:00Z"})
                lane.purges(known, anyio.current_time())
            case _:
                pass

    async def _sought(self, target: Mapping[str, str]) -> None:
        self._late = []
        reply = await settle(self._world, "POST", f"{self._path}:seek", target)
        demand(reply.status == 200, f"seek to {target}: answered {reply.status}: {reply.content[:200]!r}")


def received_from_reply(reply: Reply) -> list[Received]:
    """The messages of a pull."""
    return [_received(item) for item in cast("list[Mapping[str, object]]", reply.json().get("receivedMessages", []))]


def _received(item: Mapping[str, object]) -> Received:
    message = cast("Mapping[str, object]", item["message"])
    attributes = cast("Mapping[str, str]", message.get("attributes", {}))
    return Received(
        ack_id=str(item["ackId"]),
        id=int(str(message["messageId"])),
        text=base64.b64decode(str(message["data"])).decode(),
        key=str(message.get("orderingKey", "")),
        color=attributes["color"],
        publish_time=str(message["publishTime"]),
        attempt=int(str(item.get("deliveryAttempt", 0))),
    )
