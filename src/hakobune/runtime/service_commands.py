"""The wheel's and the engine's side of the services room: how its commands are carried out, and what reports do."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hakobune.core.errors import FailedPrecondition, InvalidArgument
from hakobune.core.services import texts
from hakobune.core.services.model import Instance, Revision, RevisionState
from hakobune.core.services.names import Kind
from hakobune.engines.api import Ended, EndKind, Report, Started
from hakobune.runtime import service_turns as turns
from hakobune.runtime.attempts import Attempts
from hakobune.runtime.service_lanes import lane_uid, revision_of_lane
from hakobune.runtime.service_programs import ServicePrograms, resident_source_key
from hakobune.runtime.slots import Slots
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.store.api import OutboxCommand, ReadTx, WriteTx

_NOT_RUN = frozenset({EndKind.NOT_STARTED})


class ResidentAttempts:
    """Residents as a party of the engine. Implements `attempts.Party`: the lanes are revisions."""

    room = turns.ROOM
    start = turns.START

    def owns(self, lane_uid: str) -> bool:
        """By the lane's uid."""
        return revision_of_lane(lane_uid) is not None

    def attempt_uids(self, command: OutboxCommand) -> Sequence[str]:
        """The instance that a START command is about."""
        return (command.payload,)

    def held(self, tx: ReadTx | WriteTx) -> Sequence[str]:
        """Instances that are believed to be with the engine."""
        return [one.uid for one in tx.services.instances() if one.restart_s is None]

    def take(self, turn: Turn, lane_uid: str, reports: Sequence[Report]) -> None:
        """What the engine reports of a revision's instances."""
        revision_uid = revision_of_lane(lane_uid)
        assert revision_uid is not None  # it is ours
        for report in reports:
            if isinstance(report, Started):
                _started(turn, revision_uid, report)
            else:
                _ended(turn, report)

    def lose(self, turn: Turn, lane_uid: str, attempt_uids: Sequence[str]) -> None:
        """The engine has lost these instances."""
        del lane_uid
        for uid in attempt_uids:
            turns.instance_ended(turn, uid, "", is_our_fault=True)


def _started(turn: Turn, revision_uid: str, report: Started) -> None:
    """A worker without a startup probe is well as soon as it runs."""
    revision = turn.tx.services.revision_by_uid(revision_uid)
    if revision is None or revision.name.resident.kind is Kind.SERVICE:
        return
    if revision.template.members[0].startup is None:
        turns.answer_instance(turn, report.attempt_uid)


def _ended(turn: Turn, report: Ended) -> None:
    turns.instance_ended(
        turn,
        report.attempt_uid,
        texts.ended(report.exit_code, report.signal, report.detail),
        is_our_fault=report.kind is EndKind.LOST,
        never_ran=report.kind in _NOT_RUN,
    )


class ServiceCommands:
    """Carries commands of the services room out. Implements `wheel.Room`."""

    def __init__(
        self,
        wheel: Wheel,
        attempts: Attempts,
        programs: ServicePrograms,
        slots: Slots,
        touch: Callable[[str], None],
    ) -> None:
        self._wheel = wheel
        self._attempts = attempts
        self._programs = programs
        self._slots = slots
        self._touch = touch  # a resident has changed

    async def perform(self, command: OutboxCommand) -> None:
        """Carry out a command of this room. Raises Unavailable to be asked again."""
        match command.kind:
            case turns.PREPARE:
                await self._prepare(command)
            case turns.START:
                await self._start(command)
            case turns.STOP:
                await self._attempts.stop(lane_uid(command.subject), [command.payload])
            case turns.FORGET_INSTANCE:
                await self._programs.forget_instance(command.subject, command.payload)
            case turns.FORGET_REVISION:
                await self._programs.forget_revision(command.subject)
            case _:
                raise InvalidArgument(f"unknown command of the services room: {command.kind}")

    async def wake(self, subject: str) -> None:
        """This room sets no timers: the fleet looks when something is due."""
        await self._wheel.persist(lambda turn: turn.tx.timers.clear(turns.ROOM, subject))

    async def give_up(self, command: OutboxCommand, problem: str) -> bool:
        """Settle what waits for a command that cannot be carried out. False: it must be tried again."""
        match command.kind:
            case turns.PREPARE:
                await self._wheel.persist(lambda turn: _fail(turn, command.subject, problem))
            case turns.START:
                await self._fail_start(command, problem)
            case _:
                return False
        await self._touch_of(command)
        return True

    async def _touch_of(self, command: OutboxCommand) -> None:
        revision = await self._revision(command.subject)
        if revision is not None:
            self._touch(revision.resident_uid)

    async def _revision(self, uid: str) -> Revision | None:
        return await self._wheel.store.read(lambda tx: tx.services.revision_by_uid(uid))

    # -- sources --------------------------------------------------------------------------------------------------

    async def _prepare(self, command: OutboxCommand) -> None:
        revision = await self._revision(command.subject)
        if revision is None or revision.state is not RevisionState.DEPLOYING:
            return
        digest = problem = ""
        try:
            digest = await self._programs.prepare(revision)
        except FailedPrecondition as error:
            problem = error.message

        def unit(turn: Turn) -> None:
            if problem:
                _fail(turn, revision.uid, problem)
            elif turn.tx.services.revision_by_uid(revision.uid) is not None:
                turn.tx.set_meta(resident_source_key(revision.uid), digest)

        await self._wheel.persist(unit)
        self._programs.settled(digest)
        self._touch(revision.resident_uid)

    # -- instances ------------------------------------------------------------------------------------------------

    async def _start(self, command: OutboxCommand) -> None:
        def unit(tx: ReadTx) -> tuple[Revision | None, Instance | None]:
            return tx.services.revision_by_uid(command.subject), tx.services.find_instance(command.payload)

        revision, instance = await self._wheel.store.read(unit)
        if instance is None:
            return  # it has ended
        if revision is None:
            await self._fail_start(command, "Its revision was deleted.")
            return
        try:
            lane = await self._programs.lane(revision)
            attempt = await self._programs.attempt(revision, instance)
        except FailedPrecondition as error:
            await self._fail_start(command, error.message)
            return
        await self._slots.ensure(lane.uid, lane.width, [attempt.uid])
        await self._attempts.start(command, lane, [attempt])

    async def _fail_start(self, command: OutboxCommand, problem: str) -> None:
        """It cannot be started as declared. Raises Unavailable."""
        if command.epoch > 1 or command.is_repeat:
            # The engine may have seen it: it does not run on unwatched.
            await self._attempts.stop(lane_uid(command.subject), [command.payload])
        await self._wheel.persist(lambda turn: turns.instance_ended(turn, command.payload, problem, never_ran=True))
        await self._touch_of(command)


def _fail(turn: Turn, revision_uid: str, problem: str) -> None:
    revision = turn.tx.services.revision_by_uid(revision_uid)
    if revision is not None and revision.state is RevisionState.DEPLOYING:
        turns.fail_revision(turn, revision, texts.MISSING_REASON, problem)
