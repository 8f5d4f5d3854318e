"""Cloud Storage XML API: objects. Metadata travels in headers."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote

from hakobune.core.instants import timestamp_from_text
from hakobune.core.objects.failures import InvalidRequest, NothingFound, ObjectsError
from hakobune.core.objects.model import (
    Destination,
    ObjectMetadata,
    ObjectVersion,
    Preconditions,
    SourceVersion,
    UploadTarget,
)
from hakobune.runtime.app import Runtime
from hakobune.servers.http.messages import Request, Response
from hakobune.servers.storage_answers import check_etag, header_text, nothing, text_of_header, xml_answer
from hakobune.servers.storage_media import Headers, media_response, object_headers
from hakobune.servers.storage_overwrites import Overwrites
from hakobune.servers.storage_sessions import session_url
from hakobune.wire.storage_v1_errors import xml_code_of
from hakobune.wire.storage_v1_objects import given_from_headers
from hakobune.wire.storage_v1_parameters import parameter_number
from hakobune.wire.storage_v1_reading import whole_number
from hakobune.wire.storage_v1_xml import (
    COMPLETE_MAX_BYTES,
    copy_to_xml,
    removals_from_xml,
    removed_to_xml,
    xml_etag,
)

_CUSTOM = "x-goog-meta-"
# Headers of an answer that a signed URL may choose.
_CHOSEN = {
    "response-content-type": "Content-Type",
    "response-content-disposition": "Content-Disposition",
    "response-content-language": "Content-Language",
    "response-content-encoding": "Content-Encoding",
    "response-cache-control": "Cache-Control",
}


class StorageXmlObjects:
    """Handlers over the objects room."""

    def __init__(self, runtime: Runtime) -> None:
        self._objects = runtime.objects
        self._overwrites = Overwrites(runtime)

    async def get(self, request: Request) -> Response:
        """The bytes, or for HEAD their headers."""
        source = _source(request)
        query = request.query_fields()
        extra: Headers = [(name, header_text(query[field])) for field, name in _CHOSEN.items() if query.get(field)]
        if request.method == "HEAD" and "range" not in request.headers:
            found = await self._objects.questions.get(source)
            etag = xml_etag(found)
            check_etag(request.headers, etag)
            headers = [*object_headers(found, etag), *_custom_headers(found)]
            return Response(headers=[*headers, ("Content-Length", str(found.size_bytes))])
        opened = await self._objects.questions.open(source)
        extra += _custom_headers(opened.version)
        return await media_response(request.headers, opened, etag=xml_etag(opened.version), extra=extra)

    async def put(self, request: Request) -> Response:
        """An upload, or a copy."""
        target = await self._overwrites.checked(request, xml_target(request))
        if "x-goog-copy-source" in request.headers:
            return await self._copy(request, target)
        made = await self._objects.uploads.put(target, request.body.chunks())
        return Response(headers=made_headers(made))

    async def _copy(self, request: Request, target: UploadTarget) -> Response:
        bucket, _, name = unquote(request.headers["x-goog-copy-source"].lstrip("/")).partition("/")
        if not name:
            raise InvalidRequest("x-goog-copy-source names a bucket and an object.")
        generation = whole_number(request.headers.get("x-goog-copy-source-generation", ""))
        source = SourceVersion(
            bucket=bucket,
            name=name,
            generation=generation,
            conditions=_conditions(request.headers, "x-goog-copy-source-if-"),
        )
        is_replaced = request.headers.get("x-goog-metadata-directive", "").upper() == "REPLACE"
        destination = Destination(
            bucket=target.bucket,
            name=target.name,
            conditions=target.conditions,
            metadata=target.metadata if is_replaced else None,
        )
        made = await self._objects.changes.copy(source, destination)
        response = xml_answer(copy_to_xml(made))
        response.headers += made_headers(made)
        return response

    async def delete(self, request: Request) -> Response:
        """Remove an object, or one generation of it."""
        await self._objects.changes.delete(_source(request))
        return nothing()

    async def delete_many(self, request: Request) -> Response:
        """Remove up to 1,000 objects, one after the other. One that is not there counts as removed."""
        wanted, is_quiet = removals_from_xml(await request.content(COMPLETE_MAX_BYTES))
        bucket = request.parameters["bucket"]
        await self._objects.buckets.get(bucket)
        removed: list[tuple[str, int | None]] = []
        refused: list[tuple[str, int | None, str, str]] = []
        for name, generation in wanted:
            source = SourceVersion(bucket=bucket, name=name, generation=generation)
            try:
                await self._objects.changes.delete(source)
            except NothingFound:
                removed.append((name, generation))
            except ObjectsError as error:
                refused.append((name, generation, xml_code_of(error, error.status), error.message))
            else:
                removed.append((name, generation))
        return xml_answer(removed_to_xml([] if is_quiet else removed, refused))

    async def start_session(self, request: Request) -> Response:
        """`x-goog-resumable: start`: a resumable upload, whose URL is the JSON API's."""
        if request.headers["x-goog-resumable"].lower() != "start":
            raise InvalidRequest("x-goog-resumable must be 'start'.")
        session = await self._objects.sessions.start(await self._overwrites.checked(request, xml_target(request)))
        url = session_url(request, session)
        return Response(status=201, headers=[("Location", url), ("X-GUploader-UploadID", session.id)])


def _source(request: Request) -> SourceVersion:
    return SourceVersion(
        bucket=request.parameters["bucket"],
        name=request.parameters["object"],
        generation=parameter_number(request.query_fields(), "generation"),
        conditions=_conditions(request.headers, "x-goog-if-"),
    )


def xml_target(request: Request) -> UploadTarget:
    """Where an upload goes, by its headers. Raises InvalidRequest."""
    conditions = _conditions(request.headers, "x-goog-if-")
    if request.headers.get("if-none-match", "") == "*":
        conditions = Preconditions(generation_match=0)
    return UploadTarget(
        bucket=request.parameters["bucket"],
        name=request.parameters["object"],
        metadata=_metadata(request.headers),
        conditions=conditions,
        given=given_from_headers(request.headers),
    )


def _conditions(headers: Mapping[str, str], prefix: str) -> Preconditions:
    return Preconditions(
        generation_match=_number(headers, f"{prefix}generation-match"),
        generation_not_match=_number(headers, f"{prefix}generation-not-match"),
        metageneration_match=_number(headers, f"{prefix}metageneration-match"),
        metageneration_not_match=_number(headers, f"{prefix}metageneration-not-match"),
    )


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "")
    value = whole_number(text) if text else None
    if text and (value is None or value < 0):
        raise InvalidRequest(f"Invalid value {text[:40]!r} for the header {name}: it must be a whole number.")
    return value


def _metadata(headers: Mapping[str, str]) -> ObjectMetadata:
    found = {name: text_of_header(value) for name, value in headers.items()}
    custom_time = found.get("x-goog-custom-time", "")
    try:
        custom_time_s = timestamp_from_text(custom_time) if custom_time else None
    except ValueError as error:
        raise InvalidRequest(f"Invalid x-goog-custom-time: {error}.") from error
    return ObjectMetadata(
        content_type=found.get("content-type", ""),
        content_encoding=found.get("content-encoding", ""),
        content_disposition=found.get("content-disposition", ""),
        content_language=found.get("content-language", ""),
        cache_control=found.get("cache-control", ""),
        storage_class=found.get("x-goog-storage-class", "").upper(),
        custom_time_s=custom_time_s,
        custom={name.removeprefix(_CUSTOM): value for name, value in found.items() if name.startswith(_CUSTOM)},
    )


def _custom_headers(version: ObjectVersion) -> Headers:
    return [(f"{_CUSTOM}{header_text(name)}", header_text(value)) for name, value in version.metadata.custom.items()]


def made_headers(version: ObjectVersion) -> Headers:
    """What the answer to an upload says of the object."""
    kept = {"ETag", "X-Goog-Generation", "X-Goog-Metageneration", "X-Goog-Hash", "X-Goog-Stored-Content-Length"}
    return [(name, value) for name, value in object_headers(version, xml_etag(version)) if name in kept]
