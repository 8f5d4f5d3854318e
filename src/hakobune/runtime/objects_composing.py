"""Compose: the contents of several objects, one after the other, become one."""

from __future__ import annotations

from dataclasses import replace

from hakobune.core.objects import checksums
from hakobune.core.objects.contents import check_metadata
from hakobune.core.objects.failures import InvalidRequest, RequiredMissing, no_object
from hakobune.core.objects.limits import COMPOSE_SOURCES, OBJECT_BYTES
from hakobune.core.objects.model import (
    Checksums,
    ComposeRequest,
    ObjectMetadata,
    ObjectState,
    ObjectVersion,
)
from hakobune.core.objects.names import check_object
from hakobune.runtime.clock import Identifiers
from hakobune.runtime.objects_cleaning import Cleaning
from hakobune.runtime.objects_joining import join
from hakobune.runtime.objects_versions import Content, appear, disappear, the_place, the_version
from hakobune.runtime.threads import Threads
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.store.api import ReadTx
from hakobune.store.blobs import Blobs
from hakobune.store.objects_api import ObjectsRead


class Composing:
    """Joins objects."""

    def __init__(
        self, wheel: Wheel, identifiers: Identifiers, blobs: Blobs, threads: Threads, cleaning: Cleaning
    ) -> None:
        self._wheel = wheel
        self._identifiers = identifiers
        self._blobs = blobs
        self._threads = threads
        self._cleaning = cleaning

    async def compose(self, request: ComposeRequest) -> ObjectVersion:
        """1 to 32 sources. The result has no MD5; its component count is the sum of the sources'. Without a content
        type it gets the first source's. Raises NothingFound, ConditionNotMet, InvalidRequest, RequiredMissing, Held."""
        _check(request)

        def look(tx: ReadTx) -> list[ObjectVersion]:
            place = request.destination
            the_place(tx.objects, place.bucket, place.name, place.conditions)
            return _sources(tx.objects, request)

        sources = await self._wheel.store.read(look)
        content = _content(sources, self._identifiers.uid())
        checksums.verify(content.checksums, request.given)
        contents = [source.content for source in sources]

        def unit(turn: Turn) -> ObjectVersion:
            return _put(turn, request, sources, content)

        version = await join(self._wheel, self._blobs, self._threads, content, contents, unit)
        if version is None:
            raise no_object(request.destination.bucket, request.sources[0].name)  # deleted meanwhile
        self._cleaning.nudge()
        return version


def _check(request: ComposeRequest) -> None:
    check_object(request.destination.name)
    if request.destination.metadata is not None:
        check_metadata(request.destination.metadata)
    if not request.sources:
        raise RequiredMissing("You must provide at least one source component.")
    if len(request.sources) > COMPOSE_SOURCES:
        raise InvalidRequest(
            f"The number of source components provided ({len(request.sources)}) exceeds the maximum "
            f"({COMPOSE_SOURCES})."
        )


def _sources(objects: ObjectsRead, request: ComposeRequest) -> list[ObjectVersion]:
    bucket = request.destination.bucket
    return [the_version(objects, replace(source, bucket=bucket), is_read=False) for source in request.sources]


def _content(sources: list[ObjectVersion], uid: str) -> Content:
    size_bytes = sum(source.size_bytes for source in sources)
    if size_bytes > OBJECT_BYTES:
        raise InvalidRequest(f"An object has at most {OBJECT_BYTES} bytes.")
    return Content(
        uid=uid,
        size_bytes=size_bytes,
        checksums=Checksums(
            crc32c=checksums.joined([(source.checksums.crc32c, source.size_bytes) for source in sources])
        ),
        component_count=sum(source.component_count or 1 for source in sources),
    )


def _put(turn: Turn, request: ComposeRequest, sources: list[ObjectVersion], content: Content) -> ObjectVersion:
    place = request.destination
    bucket, old = the_place(turn.tx.objects, place.bucket, place.name, place.conditions)
    metadata = place.metadata or ObjectMetadata()
    metadata = replace(metadata, content_type=metadata.content_type or sources[0].metadata.content_type)
    version = appear(turn, bucket, place.name, old, content, metadata)
    if request.deletes_sources:
        for source in {source.generation: source for source in sources}.values():
            found = turn.tx.objects.find_version(source.bucket, source.name, source.generation)
            if found is not None and found.state is ObjectState.LIVE:
                disappear(turn, found, is_for_good=False)
    return version
