"""The loop that keeps the fleet as it should be: it looks at a resident whenever something about it has changed, and
commits what follows: instances begin, begin again, drain, end. What it knows can be lost at any moment: all of it is
read again at a start.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import anyio
from anyio.abc import TaskGroup, TaskStatus

from hakobune.core.errors import ResourceExhausted, Unavailable
from hakobune.core.services import limits, scaling
from hakobune.core.services.crashes import crash_loop, lives_at_s
from hakobune.core.services.model import CrashLoop, Instance, InstanceState, Resident, Revision, RevisionState
from hakobune.core.services.names import Kind
from hakobune.engines.api import Ended, Known, Started
from hakobune.runtime import service_turns as turns
from hakobune.runtime.attempts import Observer
from hakobune.runtime.service_fleet import Fleet, Picture
from hakobune.runtime.service_instances import InstanceWatches
from hakobune.runtime.service_lanes import revision_of_lane
from hakobune.runtime.service_ports import FreePorts
from hakobune.runtime.service_programs import ServicePrograms, resident_source_key
from hakobune.runtime.service_work import is_busy
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.store.api import ReadTx, WriteTx

_SETTLE_S = 0.5  # ours: a worker that has run so long takes the place of one of the former revision
_PERIOD_S = 1.0  # between looks at a resident that has more instances than it must have
_REFUSED_PAUSE_S = 0.5
_log = logging.getLogger("hakobune.services")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a look at one revision comes to."""

    revision: Revision
    plan: scaling.Plan
    must_end: bool  # at once: SIGTERM says so, and the grace is for what is in flight


class ServiceControl(Observer):
    """Looks, and does what is to be done."""

    def __init__(
        self, wheel: Wheel, fleet: Fleet, programs: ServicePrograms, watches: InstanceWatches, *, idle_s: float
    ) -> None:
        self._wheel = wheel
        self._fleet = fleet
        self._programs = programs
        self._watches = watches
        self._idle_s = min(idle_s, limits.IDLE_MAX_S)
        self._ports = FreePorts()
        self._touched: set[str] = set()  # to be read again
        self._woken: set[str] = set()  # what is known of them is enough
        self._has_touched = anyio.Event()
        self._due_s: dict[str, float] = {}  # when a resident is to be looked at again, by its uid
        self._opened = anyio.Event()
        fleet.on_wake = self.wake

    def touch(self, resident_uid: str) -> None:
        """Something about a resident has changed: look at it."""
        self._touched.add(resident_uid)
        self._has_touched.set()

    def wake(self, resident_uid: str) -> None:
        """The demand for a resident has risen: look at it."""
        self._woken.add(resident_uid)
        self._has_touched.set()

    async def changed(self, resident_uid: str) -> None:
        """Something about a resident was committed: let the front door see it, and look at it."""
        await self.show(resident_uid)
        self.touch(resident_uid)

    async def catch_up(self, resident: Resident) -> None:
        """A caller is about to hear this of a resident: the front door knows it by then."""
        known = self._fleet.picture(resident.uid)
        if known is None or known.resident != resident:
            await self.show(resident.uid)

    # -- what the engine tells ------------------------------------------------------------------------------------

    def opened(self, known: Sequence[Known]) -> None:
        """From now on what the store says of instances is true. An engine that is another one has lost what it had."""
        del known
        self._opened.set()
        for uid in self._fleet.resident_uids():
            self.touch(uid)

    def started(self, report: Started) -> None:
        """A worker without a probe is ready now."""
        self._touch_lane(report.lane_uid)

    def ended(self, report: Ended) -> None:
        """An instance is over."""
        self._touch_lane(report.lane_uid)

    def _touch_lane(self, lane_uid: str) -> None:
        revision_uid = revision_of_lane(lane_uid)
        if revision_uid is not None:
            resident_uid = self._fleet.resident_of(revision_uid)
            if resident_uid is not None:
                self.touch(resident_uid)

    # -- the loop -------------------------------------------------------------------------------------------------

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled. A failure stops the room (see `rooms`), and the others go on."""
        task_status.started()
        await self._opened.wait()
        try:
            await self._run()
        except Exception as error:  # noqa: BLE001 - the other rooms go on
            self._wheel.rooms.stop(turns.ROOM, error, "while looking after instances")

    async def _run(self) -> None:
        async with anyio.create_task_group() as group:
            self._touched |= set(await self._wheel.store.read(lambda tx: tx.services.resident_uids()))
            while True:
                await self._look_at_due(group)
                if not self._touched and not self._woken:
                    self._has_touched = anyio.Event()
                    with anyio.move_on_after(self._wait_s()):
                        await self._has_touched.wait()

    def _wait_s(self) -> float | None:
        due_s = min(self._due_s.values(), default=None)
        return None if due_s is None else max(0.0, due_s - self._wheel.clock.now_s())

    async def _look_at_due(self, group: TaskGroup) -> None:
        now_s = self._wheel.clock.now_s()
        touched, woken = self._touched, self._woken
        woken |= {uid for uid, due_s in self._due_s.items() if due_s <= now_s}
        self._touched, self._woken = set(), set()
        for uid in sorted(touched | woken):
            self._due_s.pop(uid, None)
            try:
                await self._look(uid, group, is_known=uid not in touched)
            except (Unavailable, ResourceExhausted) as refusal:
                _log.warning("a service or a worker pool is looked at again: %s", refusal.message)
                self._due_s[uid] = now_s + _REFUSED_PAUSE_S

    async def show(self, resident_uid: str) -> Picture | None:
        """Read what is committed of a resident; what the front door asks is answered by it from now on."""
        picture = await self._wheel.store.read(lambda tx: self._read(tx, resident_uid))
        if picture is None:
            self._fleet.forget(resident_uid)
        else:
            self._fleet.show(picture)
        return picture

    def _read(self, tx: ReadTx | WriteTx, resident_uid: str) -> Picture | None:
        resident = tx.services.resident_by_uid(resident_uid)
        if resident is None:
            return None
        instances = tx.services.instances_of(resident_uid)
        shown = tuple(tx.services.live_revisions(resident_uid))
        unprepared = frozenset(
            one.uid
            for one in shown
            if self._programs.needs_preparing(one.template) and tx.meta(resident_source_key(one.uid)) is None
        )
        return Picture(
            resident=resident, revisions=shown, instances=tuple(instances), unprepared=unprepared, seq=tx.seq
        )

    async def _look(self, uid: str, group: TaskGroup, *, is_known: bool) -> None:
        picture = self._fleet.picture(uid) if is_known else await self.show(uid)
        if picture is None:
            self._watches.keep_only(uid, ())
            return
        steps = await self._steps(picture)
        loop = self._crash_loop(picture)
        has_news = loop != picture.resident.crash_loop
        if has_news or any(not step.plan.is_empty for step in steps) or _has_unneeded(picture):
            is_done = await self._wheel.turn(self._changing(picture, steps, loop))
            picture = await self.show(uid)
            if picture is None or not is_done:
                self.touch(uid)  # something came in between
                return
        self._watches.keep_only(uid, picture.instances)
        self._watches.begin(group, picture, self.changed)
        self._plan_next(picture)

    def _plan_next(self, picture: Picture) -> None:
        now_s = self._wheel.clock.now_s()
        dues = [one.restart_s for one in picture.instances if one.restart_s is not None]
        allowed = scaling.bounds(picture.resident, picture.revisions)
        for revision in picture.revisions:
            ready = [one for one in picture.instances_of(revision.uid) if one.state is InstanceState.READY]
            if len(ready) > allowed[revision.uid].least:
                dues.append(now_s + _PERIOD_S)
            if picture.resident.crash_loop is not None:
                dues += [lives_at_s(one) for one in ready if lives_at_s(one) > now_s]
        if dues:
            self._due_s[picture.resident.uid] = max(min(dues), now_s)

    # -- deciding -------------------------------------------------------------------------------------------------

    def _crash_loop(self, picture: Picture) -> CrashLoop | None:
        allowed = scaling.bounds(picture.resident, picture.revisions)
        serving = {
            one.uid for one in picture.revisions if one.state is RevisionState.READY and allowed[one.uid].most > 0
        }
        return crash_loop(picture.resident, serving, picture.instances, self._wheel.clock.now_s())

    async def _steps(self, picture: Picture) -> list[Step]:
        allowed = scaling.bounds(picture.resident, picture.revisions)
        found: list[Step] = []
        for revision in picture.revisions:
            if revision.uid in picture.unprepared:
                continue
            own = picture.instances_of(revision.uid)
            count = self._count(picture, revision, allowed)
            is_serving = allowed[revision.uid].most > 0
            is_pool = picture.resident.name.kind is Kind.POOL
            seen = [self._seen(revision, one, count < len(own)) for one in own]
            plan = scaling.plan(
                seen,
                count,
                self._wheel.clock.now_s(),
                keep_idle_s=0.0 if scaling.is_manual(picture.resident) else self._idle_s,
                may_drain_busy=not is_serving,
            )
            found.append(Step(revision=revision, plan=plan, must_end=is_pool and not is_serving))
        return found

    def _count(self, picture: Picture, revision: Revision, allowed: dict[str, scaling.Bounds]) -> int:
        """How many instances there should be now."""
        bounds = allowed[revision.uid]
        if not bounds.most and picture.resident.name.kind is Kind.POOL:
            return _replaced_later(picture, revision, allowed, self._wheel.clock.now_s() - _SETTLE_S)
        if scaling.is_manual(picture.resident) or self._fleet.demand is None:
            return bounds.least
        demand = self._fleet.demand.demand(revision.uid)
        return scaling.wanted(bounds, demand, scaling.concurrency(revision.template))

    def _seen(self, revision: Revision, one: Instance, is_surplus: bool) -> scaling.Seen:
        return scaling.Seen(
            uid=one.uid,
            index=one.index,
            state=one.state,
            idle_s=self._idle(revision, one) if is_surplus else 0.0,
            restart_s=one.restart_s,
        )

    def _idle(self, revision: Revision, one: Instance) -> float | None:
        """How long an instance has been idle, in seconds; None: it is busy."""
        since_s = one.ready_time_s if one.ready_time_s is not None else one.create_time_s
        if revision.name.resident.kind is Kind.POOL:
            return None if is_busy(self._programs.work_file(one)) else self._wheel.clock.now_s() - since_s
        demand = self._fleet.demand
        if demand is not None:
            if demand.in_flight(one.uid):
                return None
            since_s = max(since_s, demand.idle_since(one.uid) or 0.0)
        return self._wheel.clock.now_s() - since_s

    # -- doing ----------------------------------------------------------------------------------------------------

    def _changing(self, picture: Picture, steps: Sequence[Step], loop: CrashLoop | None) -> Callable[[Turn], bool]:
        """A turn that does what the steps say, and notes whether instances crash. False: it found another picture, and
        did nothing."""
        ports = {step.revision.uid: self._new_ports(step) for step in steps}

        def unit(turn: Turn) -> bool:
            if self._read(turn.tx, picture.resident.uid) != picture:
                return False
            if loop != picture.resident.crash_loop:
                turn.tx.services.save_resident(replace(picture.resident, crash_loop=loop))
            for step in steps:
                _take_step(turn, step, picture, ports[step.revision.uid])
            for revision in _unneeded(picture):
                turns.show_revision(turn, revision)
            return True

        return unit

    def _new_ports(self, step: Step) -> list[int]:
        """One for each instance that begins; workers need none."""
        count = len(step.plan.begins) + len(step.plan.restarts)
        if step.revision.name.resident.kind is Kind.POOL:
            return [0] * count
        taken = {one.port for uid in self._fleet.resident_uids() for one in self._instances(uid)}
        return self._ports.draw(count, taken)

    def _instances(self, resident_uid: str) -> Sequence[Instance]:
        picture = self._fleet.picture(resident_uid)
        return () if picture is None else picture.instances


def _take_step(turn: Turn, step: Step, picture: Picture, ports: Sequence[int]) -> None:
    own = {one.uid: one for one in picture.instances_of(step.revision.uid)}
    free = iter(ports)
    for index in step.plan.begins:
        turns.begin_instance(turn, step.revision, index, next(free))
    for uid in step.plan.restarts:
        turns.restart_instance(turn, own[uid], next(free))
    for uid in step.plan.drops:
        turns.drop_instance(turn, own[uid])
    for uid in step.plan.drains:
        if step.must_end or own[uid].state is InstanceState.STARTING:
            turns.end_instance(turn, own[uid])
        else:
            turns.drain_instance(turn, own[uid])


def _replaced_later(picture: Picture, revision: Revision, allowed: dict[str, scaling.Bounds], settled_s: float) -> int:
    """A rolling update: the instances of a revision that is replaced go as those of the new one come, and stay: they
    count when they have been ready since `settled_s`."""
    if revision.state is RevisionState.FAILED:
        return 0
    wanted = sum(bounds.least for bounds in allowed.values())
    serving = {uid for uid, bounds in allowed.items() if bounds.least}
    ready = sum(
        one.revision_uid in serving
        and one.state is InstanceState.READY
        and (one.ready_time_s or settled_s) <= settled_s
        for one in picture.instances
    )
    running = sum(one.state is InstanceState.READY for one in picture.instances_of(revision.uid))
    return min(running, max(0, wanted - ready))


def _unneeded(picture: Picture) -> list[Revision]:
    """Revisions that are ready without an instance: none is wanted."""
    allowed = scaling.bounds(picture.resident, picture.revisions)
    return [
        one
        for one in picture.revisions
        if one.state is RevisionState.DEPLOYING and not allowed[one.uid].most and one.uid not in picture.unprepared
    ]


def _has_unneeded(picture: Picture) -> bool:
    return bool(_unneeded(picture))
