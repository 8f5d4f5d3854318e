"""How versions of objects come and go, inside a turn: found, checked, made, retired, told.

Everything here runs in one transaction with the evaluation of the preconditions, so of callers that race with
`ifGenerationMatch=0` exactly one wins.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hakobune.core.objects import conditions
from hakobune.core.objects.contents import made
from hakobune.core.objects.failures import Held, no_bucket, no_object
from hakobune.core.objects.model import (
    Bucket,
    Checksums,
    EventType,
    Notice,
    ObjectEvent,
    ObjectMetadata,
    ObjectState,
    ObjectVersion,
    Preconditions,
    SourceVersion,
)
from hakobune.runtime.objects_notices import notices_of
from hakobune.runtime.wheel import Turn
from hakobune.store.objects_api import ObjectsRead


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A durable content file."""

    uid: str
    size_bytes: int
    checksums: Checksums
    component_count: int | None = None


def the_bucket(objects: ObjectsRead, name: str) -> Bucket:
    """Raises NothingFound."""
    found = objects.find_bucket(name)
    if found is None:
        raise no_bucket()
    return found


def the_version(
    objects: ObjectsRead, source: SourceVersion, *, is_read: bool, is_soft_deleted: bool = False
) -> ObjectVersion:
    """The version that a caller names, if the conditions hold for it. Raises NothingFound, ConditionNotMet, NotModified
    (of reads)."""
    if source.generation is None:
        found = objects.find_live(source.bucket, source.name)
    else:
        found = objects.find_version(source.bucket, source.name, source.generation)
    if found is None or (found.state is ObjectState.SOFT_DELETED) != is_soft_deleted:
        the_bucket(objects, source.bucket)
        raise no_object(source.bucket, source.name)
    conditions.check(source.conditions, found.generation, found.metageneration, is_read=is_read)
    return found


def the_place(
    objects: ObjectsRead, bucket: str, name: str, wanted: Preconditions
) -> tuple[Bucket, ObjectVersion | None]:
    """Where a new version goes: its bucket, and the live version that it will replace. Raises NothingFound (of the
    bucket), ConditionNotMet, Held."""
    place = the_bucket(objects, bucket)
    live = objects.find_live(bucket, name)
    generation, metageneration = (None, None) if live is None else (live.generation, live.metageneration)
    conditions.check(wanted, generation, metageneration, is_read=False)
    if live is not None:
        _check_holds(live)
    return place, live


def _check_holds(version: ObjectVersion) -> None:
    if version.metadata.has_temporary_hold or version.metadata.has_event_based_hold:
        kind = "temporary" if version.metadata.has_temporary_hold else "event-based"
        raise Held(
            f"Object '{version.bucket}/{version.name}' is under active {kind} hold and cannot be deleted, overwritten "
            "or archived until hold is removed."
        )


def appear(
    turn: Turn, bucket: Bucket, name: str, old: ObjectVersion | None, content: Content, metadata: ObjectMetadata
) -> ObjectVersion:
    """Make a version the live one; `old` is retired."""
    objects = turn.tx.objects
    generation = objects.next_generation(turn.now_s)
    version = ObjectVersion(
        bucket=bucket.name,
        name=name,
        generation=generation,
        metageneration=1,
        state=ObjectState.LIVE,
        size_bytes=content.size_bytes,
        checksums=content.checksums,
        content=content.uid,
        component_count=content.component_count,
        create_s=turn.now_s,
        update_s=turn.now_s,
        class_update_s=turn.now_s,
        metadata=made(metadata, bucket.settings),
    )
    if old is not None:
        _retire(turn, bucket, old, is_for_good=False, overwritten_by=generation)
    objects.add_version(version)
    overwrote = None if old is None else old.generation
    tell(
        turn,
        ObjectEvent(type=EventType.FINALIZE, version=version, at_s=turn.now_s, overwrote_generation=overwrote),
    )
    return version


def disappear(turn: Turn, version: ObjectVersion, *, is_for_good: bool) -> None:
    """Remove a version: for good, or as its bucket keeps what is removed. Raises Held."""
    _check_holds(version)
    _retire(turn, the_bucket(turn.tx.objects, version.bucket), version, is_for_good=is_for_good)


def _retire(
    turn: Turn, bucket: Bucket, version: ObjectVersion, *, is_for_good: bool, overwritten_by: int | None = None
) -> None:
    objects, now_s, kind = turn.tx.objects, turn.now_s, EventType.DELETE
    if bucket.settings.is_versioned and not is_for_good:
        kind = EventType.ARCHIVE
        version = replace(version, state=ObjectState.NONCURRENT, delete_s=now_s)
        objects.replace_version(version)
    elif bucket.settings.soft_delete_s:
        version = replace(
            version,
            state=ObjectState.SOFT_DELETED,
            delete_s=version.delete_s or now_s,
            soft_delete_s=now_s,
            hard_delete_s=now_s + bucket.settings.soft_delete_s,
        )
        objects.replace_version(version)
    else:
        objects.remove_version(version)
        version = replace(version, delete_s=version.delete_s or now_s)
    tell(turn, ObjectEvent(type=kind, version=version, at_s=now_s, overwritten_by_generation=overwritten_by))


def tell(turn: Turn, event: ObjectEvent) -> None:
    """Leave a command for every config of the bucket that wants this event, and tell the triggers."""
    for config in turn.tx.objects.list_configs(event.version.bucket):
        notices_of(turn, Notice(config=config, event=event))
    turn.happened(event)
