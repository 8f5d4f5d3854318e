"""Why a call of the objects room is refused, in the API's own words.

`reason` is Cloud Storage's (`errors[].reason`), `status` the HTTP status that goes with it: the API has no
google.rpc codes of its own. Source: Cloud Storage documentation, "HTTP status and error codes for JSON".
"""

from __future__ import annotations

from hakobune.core.errors import Code, HakobuneError


class ObjectsError(HakobuneError):
    """The root: what the objects room refuses. `location` names the parameter or header to blame, if one is."""

    status: int = 400
    location: str = ""
    location_type: str = ""  # header or parameter


class InvalidRequest(ObjectsError):
    """400: the request can never be right as it stands."""

    code = Code.INVALID_ARGUMENT
    reason = "invalid"


class RequiredMissing(ObjectsError):
    """400: something that must be said was not."""

    code = Code.INVALID_ARGUMENT
    reason = "required"


class NothingFound(ObjectsError):
    """404: no such bucket, object, upload or notification config."""

    status = 404
    code = Code.NOT_FOUND
    reason = "notFound"


class Conflicts(ObjectsError):
    """409: the name is taken, or the bucket is not empty."""

    status = 409
    code = Code.ALREADY_EXISTS
    reason = "conflict"


class ConditionNotMet(ObjectsError):
    """412: a precondition did not hold; nothing was changed."""

    status = 412
    code = Code.FAILED_PRECONDITION
    reason = "conditionNotMet"
    location = "If-Match"
    location_type = "header"


class NotModified(ObjectsError):
    """304: a NotMatch condition of a read did not hold. It has no body."""

    status = 304
    code = Code.FAILED_PRECONDITION
    reason = "notModified"


class Held(ObjectsError):
    """403: a hold keeps the object from being removed or replaced."""

    status = 403
    code = Code.PERMISSION_DENIED
    reason = "forbidden"


class Superseded(ObjectsError):
    """503: a newer request of the same upload took over. What had arrived counts; ask for the status."""

    status = 503
    code = Code.UNAVAILABLE
    reason = "backendError"


class NotOffered(ObjectsError):
    """501: the real service has this; we do not. The message names what is missing."""

    status = 501
    code = Code.UNIMPLEMENTED
    reason = "notImplemented"


def no_bucket() -> NothingFound:
    """As Cloud Storage says it."""
    return NothingFound("The specified bucket does not exist.")


def no_object(bucket: str, name: str) -> NothingFound:
    """As Cloud Storage says it."""
    return NothingFound(f"No such object: {bucket}/{name}")


def no_upload() -> NothingFound:
    """An upload that never was, was cancelled, or is over a week old."""
    return NothingFound("No such upload: it was cancelled, has expired, or never was. Start again.")


_BY_REASON: dict[str, type[ObjectsError]] = {
    kind.reason: kind for kind in (InvalidRequest, NothingFound, Conflicts, ConditionNotMet, Held)
}


def by_reason(reason: str, message: str) -> ObjectsError:
    """The error that was kept as its reason and message."""
    return _BY_REASON.get(reason, InvalidRequest)(message)
