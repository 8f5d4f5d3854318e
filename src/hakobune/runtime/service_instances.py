"""Tasks of instances: each that starts or is ready is watched over, each that drains is brought to its end."""

from __future__ import annotations

import logging
import signal
from collections.abc import Awaitable, Callable, Sequence

import anyio
from anyio.abc import TaskGroup

from hakobune.core.errors import Unavailable
from hakobune.core.services import limits
from hakobune.core.services.model import Instance, InstanceState, Revision
from hakobune.core.services.names import Kind
from hakobune.runtime import service_turns as turns
from hakobune.runtime.attempts import Attempts
from hakobune.runtime.service_fleet import Fleet, Picture
from hakobune.runtime.service_programs import ServicePrograms
from hakobune.runtime.service_watch import Signs, watch
from hakobune.runtime.service_work import is_busy
from hakobune.runtime.wheel import Turn, Wheel

Changed = Callable[[str], Awaitable[None]]  # with the uid of a resident

_BUSY_LOOK_S = 0.2
_AGAIN_S = 1.0
_log = logging.getLogger("hakobune.services")
_WATCHED = (InstanceState.STARTING, InstanceState.READY)


class InstanceWatches:
    """One task for each instance."""

    def __init__(self, wheel: Wheel, attempts: Attempts, fleet: Fleet, programs: ServicePrograms) -> None:
        self._wheel = wheel
        self._attempts = attempts
        self._fleet = fleet
        self._programs = programs
        self._watched: dict[str, tuple[str, anyio.CancelScope]] = {}  # uid -> (uid of the resident, its task)
        self._drained: dict[str, tuple[str, anyio.CancelScope]] = {}

    def keep_only(self, resident_uid: str, instances: Sequence[Instance]) -> None:
        """End the tasks of a resident's instances that are gone, or are not to be watched any more."""
        _cut(self._watched, resident_uid, {one.uid for one in instances if one.state in _WATCHED})
        _cut(self._drained, resident_uid, {one.uid for one in instances if one.state is InstanceState.DRAINING})

    def begin(self, group: TaskGroup, picture: Picture, changed: Changed) -> None:
        """Begin the tasks that are missing."""
        revisions = {one.uid: one for one in picture.revisions}
        for one in picture.instances:
            revision = revisions.get(one.revision_uid)
            if revision is None:
                continue
            if one.state in _WATCHED and one.uid not in self._watched and _is_to_be_watched(revision, one):
                scope = anyio.CancelScope()
                self._watched[one.uid] = (one.resident_uid, scope)
                group.start_soon(self._watch, revision, one, changed, scope)
            if one.state is InstanceState.DRAINING and one.uid not in self._drained:
                scope = anyio.CancelScope()
                self._drained[one.uid] = (one.resident_uid, scope)
                group.start_soon(self._drain, revision, one, changed, scope)

    # -- watching -------------------------------------------------------------------------------------------------

    async def _watch(self, revision: Revision, one: Instance, changed: Changed, scope: anyio.CancelScope) -> None:
        async def tell(unit: Callable[[Turn], None]) -> None:
            await self._wheel.persist(unit)
            await changed(one.resident_uid)

        async def answered(uid: str) -> None:
            self._fleet.answered(one)
            await tell(lambda turn: turns.answer_instance(turn, uid))

        signs = Signs(
            answered=answered,
            refused=lambda uid, why: tell(lambda turn: turns.refuse_instance(turn, uid, why)),
            kill=self._signal,
            listening=self._programs.listening,
            now_s=self._wheel.clock.now_s,
        )
        with scope:
            await _again(lambda: watch(revision, one, signs), f"while watching over {one.uid}")

    async def _signal(self, uid: str, number: int) -> None:
        """Until it arrives: the engine may be away."""
        while True:
            try:
                await self._attempts.signal(uid, number)
            except Unavailable:
                await anyio.sleep(_BUSY_LOOK_S)
                continue
            return

    # -- draining -------------------------------------------------------------------------------------------------

    async def _drain(self, revision: Revision, one: Instance, changed: Changed, scope: anyio.CancelScope) -> None:
        async def wait() -> None:
            if revision.name.resident.kind is Kind.POOL:
                await self._drain_worker(one)
            elif self._fleet.demand is not None:
                await self._fleet.demand.drained(one.uid)

        with scope:
            await _again(wait, f"while {one.uid} drains")
            await self._wheel.persist(lambda turn: _end(turn, one.uid))
            await changed(one.resident_uid)

    async def _drain_worker(self, one: Instance) -> None:
        """Ask it to end (SIGTERM), and wait as long as it is at work: only then it is made to."""
        await self._signal(one.uid, signal.SIGTERM)
        path = self._programs.work_file(one)
        await anyio.sleep(limits.GRACE_S)
        while is_busy(path):  # noqa: ASYNC110 - the kernel tells nobody when a lock is free
            await anyio.sleep(_BUSY_LOOK_S)


async def _again(work: Callable[[], Awaitable[None]], doing: str) -> None:
    """Do it, once more if it fails: one instance must not end the care of all others."""
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - whatever it is
            _log.error("%s: %r", doing, error, exc_info=error)
            await anyio.sleep(_AGAIN_S)
            continue
        return


def _end(turn: Turn, uid: str) -> None:
    instance = turn.tx.services.find_instance(uid)
    if instance is not None:
        turns.end_instance(turn, instance)


def _is_to_be_watched(revision: Revision, one: Instance) -> bool:
    """A worker without a startup probe is ready when it runs: the engine says that."""
    member = revision.template.members[0]
    if one.state is InstanceState.STARTING and revision.name.resident.kind is Kind.POOL:
        return member.startup is not None
    return one.state is InstanceState.STARTING or member.liveness is not None


def _cut(tasks: dict[str, tuple[str, anyio.CancelScope]], resident_uid: str, kept: set[str]) -> None:
    for uid, (owner, scope) in tuple(tasks.items()):
        if owner == resident_uid and uid not in kept:
            scope.cancel()
            del tasks[uid]
