"""The loop that measures backlogs and sets the number of workers of pools that declare a policy."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import anyio

from hakobune.core.errors import HakobuneError, Unavailable
from hakobune.core.pubsub.names import SubscriptionName
from hakobune.core.services import scaling
from hakobune.core.services.autoscaling import (
    Asked,
    KafkaSource,
    Measure,
    Policy,
    PubsubSource,
    policy_of,
    recommended,
    stabilised,
)
from hakobune.core.services.model import InstanceState
from hakobune.core.services.names import Kind
from hakobune.runtime.service_fleet import Fleet, Picture
from hakobune.runtime.service_programs import ServicePrograms
from hakobune.runtime.service_work import is_busy
from hakobune.runtime.wheel import Turn, Wheel

_LOOK_S = 0.1  # how finely intervals are kept
_log = logging.getLogger("hakobune.services")

KafkaMeasure = Callable[[KafkaSource], Awaitable[Measure]]


class Autoscaler:
    """Measures, and says how many. It only ever asks for fewer: which worker ends is the fleet's choice, and never a
    busy one."""

    def __init__(
        self,
        wheel: Wheel,
        fleet: Fleet,
        programs: ServicePrograms,
        changed: Callable[[str], Awaitable[None]],
        kafka: KafkaMeasure,
    ) -> None:
        self._wheel = wheel
        self._fleet = fleet
        self._programs = programs
        self._changed = changed
        self._kafka = kafka
        self._past: dict[str, tuple[Asked, ...]] = {}
        self._next_s: dict[str, float] = {}
        self._looking: set[str] = set()  # pools whose measure is under way: another one's slow Kafka holds nobody up
        self._told: dict[str, str] = {}  # the last trouble of a pool that the log tells of
        self._pool_shown = anyio.Event()
        fleet.on_pool = self._note

    async def run(self) -> None:
        """Until cancelled."""
        async with anyio.create_task_group() as group:
            while True:
                pools = self._pools()
                for picture, policy in pools:
                    uid = picture.resident.uid
                    if uid not in self._looking and self._next_s.get(uid, 0.0) <= self._wheel.clock.now_s():
                        self._looking.add(uid)
                        group.start_soon(self._look, picture, policy)
                for gone in self._next_s.keys() - {picture.resident.uid for picture, _ in pools}:
                    del self._next_s[gone]
                    self._past.pop(gone, None)
                if pools:
                    await anyio.sleep(_LOOK_S)
                else:
                    await self._pool_shown.wait()
                    self._pool_shown = anyio.Event()

    def _note(self, resident_uid: str) -> None:
        del resident_uid
        self._pool_shown.set()

    def _pools(self) -> list[tuple[Picture, Policy]]:
        found: list[tuple[Picture, Policy]] = []
        for uid in self._fleet.resident_uids():
            picture = self._fleet.picture(uid)
            if picture is not None and picture.resident.name.kind is Kind.POOL:
                policy = policy_of(picture.resident, picture.resident.name.project)
                if policy is not None:
                    found.append((picture, policy))
        return found

    async def _look(self, picture: Picture, policy: Policy) -> None:
        uid, now_s = picture.resident.uid, self._wheel.clock.now_s()
        self._next_s[uid] = now_s + policy.interval_s
        try:
            measures = await self._measures(policy)
            self._told.pop(uid, None)
            await self._follow(uid, policy, measures, now_s)
        except HakobuneError as error:
            self._tell(uid, f"worker pool '{picture.resident.name.id}' is not scaled: {error.message}")
        except Exception as error:  # noqa: BLE001 - one pool's Kafka must not end the scaling of all others
            self._tell(uid, f"worker pool '{picture.resident.name.id}' is not scaled: {error!r}")
        finally:
            self._looking.discard(uid)

    async def _follow(self, uid: str, policy: Policy, measures: Sequence[Measure], now_s: float) -> None:
        picture = self._fleet.picture(uid)
        if picture is None:
            return  # it was deleted meanwhile
        current = scaling.manual_count(picture.resident)
        asked = recommended(policy, measures, current, self._busy(picture))
        count, self._past[uid] = stabilised(policy, self._past.get(uid, ()), asked, current, now_s)
        if count != picture.resident.auto_count:
            await self._set(uid, count)

    def _tell(self, uid: str, trouble: str) -> None:
        if self._told.get(uid) != trouble:
            self._told[uid] = trouble
            _log.warning("%s", trouble)

    async def _set(self, uid: str, count: int) -> None:
        def unit(turn: Turn) -> None:
            resident = turn.tx.services.resident_by_uid(uid)
            if resident is not None and policy_of(resident, resident.name.project) is not None:
                turn.tx.services.save_resident(replace(resident, auto_count=count))

        try:
            await self._wheel.turn(unit)
            await self._changed(uid)
        except Unavailable:
            return  # the next look tries again

    def _busy(self, picture: Picture) -> int:
        return sum(
            one.state is InstanceState.READY and is_busy(self._programs.work_file(one)) for one in picture.instances
        )

    # -- measures -------------------------------------------------------------------------------------------------

    async def _measures(self, policy: Policy) -> list[Measure]:
        found: list[Measure] = []
        if policy.pubsub is not None:
            found.append(await self._pubsub_measure(policy.pubsub))
        if policy.kafka is not None:
            found.append(await self._kafka(policy.kafka))
        return found

    async def _pubsub_measure(self, source: PubsubSource) -> Measure:
        name = SubscriptionName(project=source.project, id=source.subscription)
        found = await self._wheel.store.read(lambda tx: tx.pubsub.backlog(name))
        if found is None:
            raise Unavailable(f"there is no subscription {name}.")
        age_s = 0.0 if found.oldest_s is None else self._wheel.clock.now_s() - found.oldest_s
        is_late = source.oldest_age_s is not None and age_s > source.oldest_age_s
        return Measure(backlog=found.count, target=source.target, is_late=is_late)
