"""What happens to residents, revisions and instances, as parts of turns: read, decide, save, leave commands."""

from __future__ import annotations

from hakobune.core.services import decide, limits, texts
from hakobune.core.services.model import Instance, InstanceState, Resident, Revision, RevisionState
from hakobune.core.services.names import Kind
from hakobune.core.services.shares import serving
from hakobune.core.services.states import InstanceSignal, RevisionSignal
from hakobune.runtime.service_lanes import instance_uid
from hakobune.runtime.service_programs import resident_source_key
from hakobune.runtime.wheel import Turn
from hakobune.store.api import Page

ROOM = "services"
# Commands. The subject is the revision.
PREPARE = "prepare"  # its source
START = "start"  # the instance in the payload
STOP = "stop"  # the instance in the payload
FORGET_INSTANCE = "forget_instance"  # what is left of it; its document is the payload
FORGET_REVISION = "forget_revision"

_FAILED_PRECONDITION = 9  # google.rpc.Code
_ABORTED = 10


# -- revisions ------------------------------------------------------------------------------------------------------


def add_revision(turn: Turn, revision: Revision, *, needs_preparing: bool) -> None:
    """Store a new revision; the oldest that serve nothing go when there are too many. Raises AlreadyExists."""
    turn.tx.services.add_revision(revision)
    if needs_preparing:
        turn.emit(ROOM, revision.uid, PREPARE)
    kept = turn.tx.services.revisions_of(revision.resident_uid, Page(limit=limits.REVISIONS_KEPT + 1))
    idle = {RevisionState.FAILED, RevisionState.RETIRED}
    if len(kept) > limits.REVISIONS_KEPT:
        oldest = next((one for one in reversed(kept) if one.state in idle), None)
        if oldest is not None:
            remove_revision(turn, oldest)


def show_revision(turn: Turn, revision: Revision) -> None:
    """Its first instance is ready, or none is wanted: it serves from now on."""
    ready = decide.moved(revision, RevisionSignal.SHOWN, turn.now_s)
    turn.tx.services.save_revision(ready)
    resident = turn.tx.services.resident_by_uid(revision.resident_uid)
    if resident is not None:
        settle(turn, resident, decide.shown(resident, ready, turn.now_s))


def fail_revision(turn: Turn, revision: Revision, reason: str, message: str) -> None:
    """It cannot run: what was ready before goes on."""
    failed = decide.moved(revision, RevisionSignal.FAIL, turn.now_s, reason, message)
    turn.tx.services.save_revision(failed)
    for instance in turn.tx.services.instances_of(revision.resident_uid):
        if instance.revision_uid == revision.uid:
            end_instance(turn, instance)
    resident = turn.tx.services.resident_by_uid(revision.resident_uid)
    if resident is not None:
        settle(turn, resident, decide.failed(resident, failed, turn.now_s))


def settle(turn: Turn, before: Resident, after: Resident) -> None:
    """Save a resident that came to an end with its newest revision; its operations are done with it."""
    turn.tx.services.save_resident(after)
    if before.is_reconciling and not after.is_reconciling:
        error = (_FAILED_PRECONDITION, after.ready_message) if after.ready_reason else None
        turn.tx.operations.settle_resident_operations(after, error)
    turn_over(turn, after)


def supersede(turn: Turn, resident: Resident, why: str) -> None:
    """Its open operations will never see it ready."""
    turn.tx.operations.settle_resident_operations(resident, (_ABORTED, why))


def turn_over(turn: Turn, resident: Resident) -> None:
    """Retire the revisions that nothing leads to any more, and take those back that something leads to again."""
    found = {one.uid: one for one in turn.tx.services.live_revisions(resident.uid)}
    for name in serving(resident):
        revision = turn.tx.services.find_revision(resident.uid, name)
        if revision is not None:
            found[revision.uid] = revision
    for revision in found.values():
        signal = decide.turnover(resident, revision)
        if signal is not None:
            turn.tx.services.save_revision(decide.moved(revision, signal, turn.now_s))


def remove_revision(turn: Turn, revision: Revision) -> None:
    """It is gone for callers at once; what runs of it is ended."""
    turn.tx.services.remove_revision(revision.uid)
    turn.tx.clear_meta(resident_source_key(revision.uid))
    own = [one for one in turn.tx.services.instances_of(revision.resident_uid) if one.revision_uid == revision.uid]
    for instance in own:
        end_instance(turn, instance)
    _forget_if_last(turn, revision.resident_uid, revision.uid)


# -- instances ------------------------------------------------------------------------------------------------------


def begin_instance(turn: Turn, revision: Revision, index: int, port: int) -> None:
    """Start an instance in a place that is free."""
    number = turn.tx.services.count_start(revision.uid)
    uid = instance_uid(revision.uid, index, number)
    _hand_over(
        turn,
        Instance(
            uid=uid,
            resident_uid=revision.resident_uid,
            revision_uid=revision.uid,
            index=index,
            port=port,
            create_time_s=turn.now_s,
        ),
    )


def restart_instance(turn: Turn, resting: Instance, port: int) -> None:
    """Start the next instance in a place whose last one ended by itself."""
    number = turn.tx.services.count_start(resting.revision_uid)
    turn.tx.services.remove_instance(resting.uid)
    uid = instance_uid(resting.revision_uid, resting.index, number)
    _hand_over(turn, decide.restarted(resting, uid, port, turn.now_s))


def _hand_over(turn: Turn, instance: Instance) -> None:
    turn.tx.services.save_instance(instance)
    turn.emit(ROOM, instance.revision_uid, START, instance.uid)


def answer_instance(turn: Turn, uid: str) -> None:
    """Its startup probe succeeded. Nothing, if nobody waits for that any more."""
    instance = turn.tx.services.find_instance(uid)
    if instance is None or instance.state is not InstanceState.STARTING:
        return
    turn.tx.services.save_instance(decide.answered(instance, turn.now_s))
    revision = turn.tx.services.revision_by_uid(instance.revision_uid)
    if revision is not None and revision.state is RevisionState.DEPLOYING:
        show_revision(turn, revision)


def refuse_instance(turn: Turn, uid: str, message: str) -> None:
    """Its startup probe failed for good."""
    instance = turn.tx.services.find_instance(uid)
    if instance is None or instance.state is not InstanceState.STARTING:
        return
    revision = turn.tx.services.revision_by_uid(instance.revision_uid)
    if revision is not None and revision.state is RevisionState.DEPLOYING:
        fail_revision(turn, revision, texts.HEALTH_REASON, message)
    else:
        turn.emit(ROOM, instance.revision_uid, STOP, uid)  # its end lets the next one of its place begin


def drain_instance(turn: Turn, instance: Instance) -> None:
    """It is not wanted any more: it gets nothing new."""
    turn.tx.services.save_instance(decide.told(instance, InstanceSignal.DRAIN))


def end_instance(turn: Turn, instance: Instance) -> None:
    """It must end now."""
    if instance.state is InstanceState.RESTING:
        _remove(turn, instance)
    elif instance.state is not InstanceState.STOPPING:
        turn.tx.services.save_instance(decide.told(instance, InstanceSignal.STOP))
        turn.emit(ROOM, instance.revision_uid, STOP, instance.uid)


def drop_instance(turn: Turn, instance: Instance) -> None:
    """A place that rests is not wanted any more."""
    _remove(turn, instance)


def instance_ended(turn: Turn, uid: str, detail: str, *, is_our_fault: bool = False, never_ran: bool = False) -> None:
    """The engine says that it is over."""
    instance = turn.tx.services.find_instance(uid)
    if instance is None:
        return
    revision = turn.tx.services.revision_by_uid(instance.revision_uid)
    is_wanted = instance.state in (InstanceState.STARTING, InstanceState.READY)
    if revision is None or not is_wanted or revision.state in (RevisionState.FAILED, RevisionState.RETIRED):
        _remove(turn, instance)
        return
    is_service = revision.name.resident.kind is Kind.SERVICE
    if revision.state is RevisionState.DEPLOYING and not is_our_fault and (never_ran or is_service):
        _remove(turn, instance)
        message = texts.cannot_start(detail) if never_ran else texts.not_listening(instance.port, detail)
        fail_revision(turn, revision, texts.HEALTH_REASON, message)
        return
    turn.tx.services.save_instance(decide.rested(instance, turn.now_s, detail, is_our_fault=is_our_fault))


def _remove(turn: Turn, instance: Instance) -> None:
    turn.tx.services.remove_instance(instance.uid)
    turn.emit(ROOM, instance.revision_uid, FORGET_INSTANCE, instance.uid)
    if turn.tx.services.revision_by_uid(instance.revision_uid) is None:
        _forget_if_last(turn, instance.resident_uid, instance.revision_uid)


def _forget_if_last(turn: Turn, resident_uid: str, revision_uid: str) -> None:
    left = turn.tx.services.instances_of(resident_uid)
    if not any(one.revision_uid == revision_uid for one in left):
        turn.emit(ROOM, revision_uid, FORGET_REVISION)
