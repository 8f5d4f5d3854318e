"""Errors as Google's JSON: `{"error": {"code", "message", "status", "details"}}` under the same HTTP status.

HTTP statuses: the mapping beside each code in google/rpc/code.proto (https://github.com/googleapis/googleapis).
"""

from __future__ import annotations

from hakobune.core.errors import Code, HakobuneError
from hakobune.core.pubsub.failures import AckFailure

HTTP_STATUSES: dict[Code, int] = {
    Code.OK: 200,
    Code.CANCELLED: 499,
    Code.UNKNOWN: 500,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.DATA_LOSS: 500,
    Code.UNAUTHENTICATED: 401,
}
ERROR_DOMAIN = "hakobune.dev"


def error_to_json(error: HakobuneError) -> tuple[int, dict[str, object]]:
    """(HTTP status, body). Wrong fields become a BadRequest detail; a reason that says more than the status becomes
    an ErrorInfo (never a repeated one: gcloud prints every detail)."""
    status = HTTP_STATUSES[error.code]
    details: list[dict[str, object]] = []
    if error.violations:
        details.append(
            {
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [
                    {"field": violation.field, "description": violation.description} for violation in error.violations
                ],
            }
        )
    if error.reason != error.code.name:
        info: dict[str, object] = {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": error.reason,
            "domain": ERROR_DOMAIN,
        }
        if isinstance(error, AckFailure):
            info["metadata"] = dict(error.failures)
        details.append(info)
    content: dict[str, object] = {"code": status, "message": error.message, "status": error.code.name}
    if details:
        content["details"] = details
    return status, {"error": content}
