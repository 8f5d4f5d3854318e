"""What requests and answers of Cloud Storage share: which version is meant, links, partial responses, errors in the
API's own forms.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from hakobune.core.errors import Code, HakobuneError
from hakobune.core.objects.failures import ConditionNotMet, NotModified, RequiredMissing
from hakobune.core.objects.model import ObjectMetadata, SourceVersion, UploadTarget
from hakobune.servers.http.messages import HttpError, Request, Response, json_response
from hakobune.servers.http.router import MethodNotAllowed
from hakobune.wire.storage_v1_errors import NO_BODY, error_to_storage_json, error_to_storage_xml, status_of
from hakobune.wire.storage_v1_fields import selected
from hakobune.wire.storage_v1_objects import given_from_json
from hakobune.wire.storage_v1_parameters import conditions_from_query, parameter_number
from hakobune.wire.storage_v1_ranges import RangeNotSatisfiable
from hakobune.wire.storage_v1_reading import Fields, Json, document

STORAGE_PATHS = ("/storage/", "/upload/", "/download/", "/batch", "/resumable/", "/hakobune/v1/b/")
_CONDITION = re.compile(r"if(?:Source)?(?:Metag|G)eneration(?:Not)?Match")
_XML_TYPE = ("Content-Type", "application/xml; charset=UTF-8")


def is_session_url(request: Request) -> bool:
    """Whether a request goes to a resumable upload, whose URL is all the right that is asked for."""
    return request.path.startswith(("/upload/storage/", "/resumable/upload/")) and "upload_id" in request.query_fields()


def key_of(request: Request) -> str:
    """What makes a call of Cloud Storage safe to repeat, as one text: its preconditions, then the token that some
    clients send with a call and with each new try of it. "" : there is neither."""
    found = [f"{name}={value}" for name, value in request.query_fields().items() if _CONDITION.fullmatch(name)]
    found += [f"{name}: {value}" for name, value in request.headers.items() if name.startswith("x-goog-if-")]
    return " ".join([*found, request.headers.get("x-goog-gcs-idempotency-token", "")]).strip()


def full_path(path: str) -> str:
    """A path of the JSON API in its long form: with STORAGE_EMULATOR_HOST the Node.js client leaves `/storage/v1` out.
    No bucket can have the name that the short form begins with."""
    return f"/storage/v1{path}" if path == "/b" or path.startswith("/b/") else path


def is_storage_path(path: str) -> bool:
    """Whether a path of the port belongs to the JSON API."""
    return path.startswith(STORAGE_PATHS)


def root_of(request: Request) -> str:
    """Scheme and host as the caller wrote them: what the links in an answer begin with."""
    scheme, colon, rest = request.target.partition("://")
    if colon and scheme.lower() in {"http", "https"}:
        return f"{scheme.lower()}://{rest.partition('/')[0].partition('?')[0]}"
    return f"{'https' if request.is_tls else 'http'}://{request.headers.get('host') or '127.0.0.1'}"


async def json_of(request: Request) -> Json:
    """The object in the body; an empty body is an empty object. Raises ObjectsError."""
    return document(await request.content())


def answer(request: Request, content: Json, status: int = 200) -> Response:
    """Those fields of a resource that the caller wants. Raises InvalidRequest."""
    response = json_response(selected(content, request.query_fields().get("fields", "")), status)
    etag = content.get("etag")
    if isinstance(etag, str):
        response.headers.append(("ETag", etag))
    return response


def nothing() -> Response:
    """It is done."""
    return Response(status=204)


def xml_answer(content: bytes, status: int = 200) -> Response:
    """A document of the XML API."""
    return Response(status=status, headers=[_XML_TYPE], content=content)


def check_etag(headers: Mapping[str, str], etag: str) -> None:
    """`If-Match` and `If-None-Match` of a read. Raises ConditionNotMet, NotModified."""
    wanted, unwanted = headers.get("if-match", ""), headers.get("if-none-match", "")
    if wanted and not _names(wanted, etag):
        raise ConditionNotMet("At least one of the pre-conditions you specified did not hold.")
    if unwanted and _names(unwanted, etag):
        raise NotModified("Not Modified")


def _names(listed: str, etag: str) -> bool:
    bare = etag.strip('"')
    return any(item.strip().removeprefix("W/").strip('"') in {bare, "*"} for item in listed.split(","))


def header_text(value: str) -> str:
    """A text as a header carries it: UTF-8 in bytes that are written as Latin-1."""
    return value.encode("utf-8", "replace").decode("latin-1")


def text_of_header(value: str) -> str:
    """The text that a caller has put into a header: UTF-8, or else Latin-1."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


def source_of(request: Request) -> SourceVersion:
    """The version that a path and its query name. Raises InvalidRequest."""
    query = request.query_fields()
    return SourceVersion(
        bucket=request.parameters["bucket"],
        name=request.parameters["object"],
        generation=parameter_number(query, "generation"),
        conditions=conditions_from_query(query),
    )


def target_of(request: Request, body: Json, metadata: ObjectMetadata) -> UploadTarget:
    """Where an upload goes: the name stands in the metadata or in the query. Raises RequiredMissing, InvalidRequest."""
    query = request.query_fields()
    name = Fields(body).text("name") or query.get("name", "")
    if not name:
        error = RequiredMissing("Required: name")
        error.location, error.location_type = "name", "parameter"
        raise error
    return UploadTarget(
        bucket=request.parameters["bucket"],
        name=name,
        metadata=metadata,
        conditions=conditions_from_query(query),
        given=given_from_json(body),
    )


def storage_error(error: HakobuneError) -> Response:
    """An error in the JSON API's form."""
    status, headers = _status_and_headers(error)
    if status in NO_BODY:
        return Response(status=status, headers=headers)
    response = json_response(error_to_storage_json(error, status), status)
    response.headers += headers
    return response


def xml_error(error: HakobuneError) -> Response:
    """An error in the XML API's form."""
    status, headers = _status_and_headers(error)
    if status in NO_BODY:
        return Response(status=status, headers=headers)
    response = xml_answer(error_to_storage_xml(error, status), status)
    response.headers += headers
    return response


def _status_and_headers(error: HakobuneError) -> tuple[int, list[tuple[str, str]]]:
    headers: list[tuple[str, str]] = []
    status = error.status if isinstance(error, HttpError) else status_of(error)
    if isinstance(error, MethodNotAllowed):
        headers.append(("Allow", error.allowed))
    if isinstance(error, RangeNotSatisfiable):
        headers.append(("Content-Range", f"bytes */{error.size_bytes}"))
    if error.code is Code.UNAUTHENTICATED:
        headers.append(("WWW-Authenticate", 'Bearer realm="https://accounts.google.com/"'))
    return status, headers
