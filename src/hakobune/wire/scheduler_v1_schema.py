"""The messages of the Cloud Scheduler API v1 that clients send, as tables.

Source: the discovery document (https://cloudscheduler.googleapis.com/$discovery/rest?version=v1), revision 20261106.
`hakobune` is ours.
"""

from __future__ import annotations

from hakobune.wire.schema import Choice, FieldType, MapOf, Message, Scalar

_PREFIX = "type.googleapis.com/google.cloud.scheduler.v1."
_TEXT, _FLAG, _INT32 = Scalar.TEXT, Scalar.FLAG, Scalar.INT32
_DURATION, _TIMESTAMP = Scalar.DURATION, Scalar.TIMESTAMP
_ANY = Scalar.ANYTHING


def _message(kind: str, /, **fields: FieldType) -> Message:
    return Message(type_name=_PREFIX + kind, fields=fields)


METHOD = Choice(
    _PREFIX + "HttpMethod",
    ("HTTP_METHOD_UNSPECIFIED", "POST", "GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"),
)
_OVERLAP = Choice("hakobune.Overlap", ("OVERLAP_UNSPECIFIED", "ALLOW", "FORBID", "QUEUE", "REPLACE"))
_CATCH_UP = Choice("hakobune.CatchUp", ("CATCH_UP_UNSPECIFIED", "LATEST", "NONE"))
HTTP_TARGET = Message(
    type_name=_PREFIX + "HttpTarget",
    fields={
        "uri": _TEXT,
        "httpMethod": METHOD,
        "headers": MapOf(),
        "body": _TEXT,  # bytes as base64: checked where it is read
        "oauthToken": _message("OAuthToken", serviceAccountEmail=_TEXT, scope=_TEXT),
        "oidcToken": _message("OidcToken", serviceAccountEmail=_TEXT, audience=_TEXT),
    },
    oneofs={"authorization_header": ("oauthToken", "oidcToken")},
)
PUBSUB_TARGET = _message("PubsubTarget", topicName=_TEXT, data=_TEXT, attributes=MapOf())
RETRY_CONFIG = Message(
    type_name=_PREFIX + "RetryConfig",
    fields={
        "retryCount": _INT32,
        "maxRetryDuration": _DURATION,
        "minBackoffDuration": _DURATION,
        "maxBackoffDuration": _DURATION,
        "maxDoublings": _INT32,
    },
    present=frozenset({"maxDoublings", "minBackoffDuration", "maxBackoffDuration"}),
)
EXTENSION = Message(
    type_name="hakobune.Extension",
    fields={"overlap": _OVERLAP, "catchUp": _CATCH_UP, "catchUpWindow": _DURATION, "jitter": _DURATION},
    present=frozenset({"catchUpWindow"}),
)
JOB = Message(
    type_name=_PREFIX + "Job",
    fields={
        "name": _TEXT,
        "description": _TEXT,
        "pubsubTarget": PUBSUB_TARGET,
        "appEngineHttpTarget": _ANY,
        "httpTarget": HTTP_TARGET,
        "schedule": _TEXT,
        "timeZone": _TEXT,
        "userUpdateTime": _TIMESTAMP,
        "state": _ANY,
        "status": _ANY,
        "scheduleTime": _TIMESTAMP,
        "lastAttemptTime": _TIMESTAMP,
        "retryConfig": RETRY_CONFIG,
        "attemptDeadline": _DURATION,
        "satisfiesPzs": _FLAG,
        "hakobune": EXTENSION,
    },
    output_only=frozenset({"userUpdateTime", "state", "status", "scheduleTime", "lastAttemptTime", "satisfiesPzs"}),
    oneofs={"target": ("pubsubTarget", "httpTarget")},
)
