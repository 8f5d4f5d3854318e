"""Changes of objects: patched, deleted, copied, moved, restored. Each is one transaction; none touches content."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hakobune.core.objects.contents import check_change, check_metadata
from hakobune.core.objects.failures import InvalidRequest, RequiredMissing
from hakobune.core.objects.model import (
    NO_CONDITIONS,
    Destination,
    EventType,
    ObjectEvent,
    ObjectMetadata,
    ObjectState,
    ObjectVersion,
    SourceVersion,
)
from hakobune.core.objects.names import check_object
from hakobune.runtime.objects_cleaning import Cleaning
from hakobune.runtime.objects_versions import Content, appear, disappear, tell, the_place, the_version
from hakobune.runtime.wheel import Turn, Wheel


class ObjectChanges:
    """What callers may do to objects."""

    def __init__(self, wheel: Wheel, cleaning: Cleaning) -> None:
        self._wheel = wheel
        self._cleaning = cleaning

    async def change(self, source: SourceVersion, change: Callable[[ObjectMetadata], ObjectMetadata]) -> ObjectVersion:
        """Patch or update: `change` gets the metadata as it is and returns the new one; it is pure, runs inside the
        transaction, and may raise. The metageneration rises, also when nothing differs. Raises NothingFound,
        ConditionNotMet, InvalidRequest."""

        def unit(turn: Turn) -> ObjectVersion:
            old = the_version(turn.tx.objects, source, is_read=False)
            metadata = check_change(old.metadata, change(old.metadata))
            is_moved = metadata.storage_class != old.metadata.storage_class
            new = replace(
                old,
                metadata=metadata,
                metageneration=old.metageneration + 1,
                update_s=turn.now_s,
                class_update_s=turn.now_s if is_moved else old.class_update_s,
            )
            turn.tx.objects.replace_version(new)
            tell(turn, ObjectEvent(type=EventType.METADATA_UPDATE, version=new, at_s=turn.now_s))
            return new

        return await self._wheel.turn(unit)

    async def delete(self, source: SourceVersion) -> None:
        """Without a generation: the live object goes; in a bucket with versioning it becomes noncurrent. With one: that
        version goes for good. (Soft delete, where it is on, keeps what goes.) Raises NothingFound, ConditionNotMet,
        Held."""

        def unit(turn: Turn) -> None:
            version = the_version(turn.tx.objects, source, is_read=False)
            disappear(turn, version, is_for_good=source.generation is not None)

        await self._wheel.turn(unit)
        self._cleaning.nudge()

    async def copy(self, source: SourceVersion, destination: Destination) -> ObjectVersion:
        """copyTo, and rewriteTo, which always is done in one call. O(1): the content is shared. Holds are not copied;
        the storage class is the destination bucket's unless the metadata names one. Raises NothingFound,
        ConditionNotMet, InvalidRequest, Held."""
        _check(destination)

        def unit(turn: Turn) -> ObjectVersion:
            found = the_version(turn.tx.objects, source, is_read=False)
            return _put(turn, found, destination, replace(_free(found.metadata), storage_class=""))

        version = await self._wheel.turn(unit)
        self._cleaning.nudge()
        return version

    async def move(self, source: SourceVersion, destination: Destination) -> ObjectVersion:
        """The destination appears and the source disappears in one instant; also between buckets. Raises as `copy`."""
        _check(destination)
        if (source.bucket, source.name) == (destination.bucket, destination.name):
            raise InvalidRequest("The source and the destination of a move must differ.")

        def unit(turn: Turn) -> ObjectVersion:
            found = the_version(turn.tx.objects, source, is_read=False)
            version = _put(turn, found, destination, _free(found.metadata))
            disappear(turn, found, is_for_good=found.state is not ObjectState.LIVE)
            return version

        version = await self._wheel.turn(unit)
        self._cleaning.nudge()
        return version

    async def restore(self, source: SourceVersion) -> ObjectVersion:
        """Make a soft-deleted generation (which must be named) the live object, under a new generation. The conditions
        are about the live object of now. Raises NothingFound, ConditionNotMet, Held, RequiredMissing."""
        if source.generation is None:
            raise RequiredMissing("Required parameter: generation")

        def unit(turn: Turn) -> ObjectVersion:
            named = replace(source, conditions=NO_CONDITIONS)
            found = the_version(turn.tx.objects, named, is_read=False, is_soft_deleted=True)
            place = Destination(bucket=source.bucket, name=source.name, conditions=source.conditions)
            return _put(turn, found, place, found.metadata)

        return await self._wheel.turn(unit)


def _check(destination: Destination) -> None:
    check_object(destination.name)
    if destination.metadata is not None:
        check_metadata(destination.metadata)


def _free(metadata: ObjectMetadata) -> ObjectMetadata:
    """Holds belong to the version that they were put on."""
    return replace(metadata, has_temporary_hold=False, has_event_based_hold=False)


def _put(turn: Turn, source: ObjectVersion, destination: Destination, kept: ObjectMetadata) -> ObjectVersion:
    """Another version with the content of `source`. `kept`: its metadata, unless the destination has its own."""
    bucket, old = the_place(turn.tx.objects, destination.bucket, destination.name, destination.conditions)
    content = Content(
        uid=source.content,
        size_bytes=source.size_bytes,
        checksums=source.checksums,
        component_count=source.component_count,
    )
    metadata = kept if destination.metadata is None else destination.metadata
    return appear(turn, bucket, destination.name, old, content, metadata)
