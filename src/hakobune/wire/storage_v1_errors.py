"""Errors of Cloud Storage: in JSON with `errors[]`, on the XML API's paths in XML.

Sources: Cloud Storage documentation, "HTTP status and error codes for JSON" and "… for XML".
"""

from __future__ import annotations

from xml.sax.saxutils import escape

from hakobune.core.errors import Code, HakobuneError
from hakobune.core.objects.failures import ObjectsError
from hakobune.wire.errors import HTTP_STATUSES

NO_BODY = frozenset({204, 304})
_REASONS: dict[Code, str] = {
    Code.INVALID_ARGUMENT: "invalid",
    Code.NOT_FOUND: "notFound",
    Code.ALREADY_EXISTS: "conflict",
    Code.ABORTED: "conflict",
    Code.PERMISSION_DENIED: "forbidden",
    Code.UNAUTHENTICATED: "authError",
    Code.RESOURCE_EXHAUSTED: "rateLimitExceeded",
    Code.FAILED_PRECONDITION: "conditionNotMet",
    Code.UNIMPLEMENTED: "notImplemented",
    Code.UNAVAILABLE: "backendError",
    Code.DEADLINE_EXCEEDED: "backendError",
}
# Statuses that say more than a code does.
_REASONS_OF_STATUSES = {
    405: "methodNotAllowed",
    408: "backendError",
    411: "lengthRequired",
    413: "uploadTooLarge",
    416: "requestedRangeNotSatisfiable",
}
_XML_CODES = {
    400: "InvalidArgument",
    401: "AuthenticationRequired",
    403: "AccessDenied",
    404: "NoSuchKey",
    405: "MethodNotAllowed",
    408: "RequestTimeout",
    409: "BucketAlreadyOwnedByYou",
    411: "MissingContentLength",
    412: "PreconditionFailed",
    413: "EntityTooLarge",
    416: "InvalidRange",
    429: "SlowDown",
    501: "NotImplemented",
    503: "ServiceUnavailable",
}


class XmlRefusal(ObjectsError):
    """What only the XML API says, under its own code."""

    def __init__(self, status: int, xml_code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.xml_code = xml_code
        self.code = Code.PERMISSION_DENIED if status == 403 else Code.INVALID_ARGUMENT
        self.reason = "forbidden" if status == 403 else "invalid"


def status_of(error: HakobuneError) -> int:
    """The HTTP status of an error that is not one of HTTP itself."""
    return error.status if isinstance(error, ObjectsError) else HTTP_STATUSES[error.code]


def error_to_storage_json(error: HakobuneError, status: int) -> dict[str, object]:
    """The body of an error in JSON."""
    reason = error.reason if isinstance(error, ObjectsError) else ""
    reason = reason or _REASONS_OF_STATUSES.get(status) or _REASONS.get(error.code, "internalError")
    item = {"message": error.message, "domain": "global", "reason": reason}
    if isinstance(error, ObjectsError) and error.location:
        item |= {"locationType": error.location_type, "location": error.location}
    elif status == 401:
        item |= {"locationType": "header", "location": "Authorization"}
    return {"error": {"code": status, "message": error.message, "errors": [item]}}


def error_to_storage_xml(error: HakobuneError, status: int) -> bytes:
    """The body of an error in XML."""
    return (
        f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{xml_code_of(error, status)}</Code>"
        f"<Message>{escape(error.message)}</Message></Error>"
    ).encode(errors="replace")


def xml_code_of(error: HakobuneError, status: int) -> str:
    """What the XML API calls an error."""
    if isinstance(error, XmlRefusal):
        return error.xml_code
    if status == 404:
        return _missing(error.message)
    if status == 409 and "empty" in error.message:
        return "BucketNotEmpty"
    if status == 400 and "match calculated" in error.message:
        return "BadDigest"
    if status == 400 and "checksum" in error.message:
        return "InvalidDigest"
    return _XML_CODES.get(status, "InternalError")


def _missing(message: str) -> str:
    if "upload" in message.lower() and "object" not in message.lower():
        return "NoSuchUpload"
    return "NoSuchBucket" if "bucket does not exist" in message else "NoSuchKey"
