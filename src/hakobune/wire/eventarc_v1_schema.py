"""The messages of the Eventarc API v1 that clients send, as tables.

Source: the discovery document (https://eventarc.googleapis.com/$discovery/rest?version=v1). `hakobune` is ours.
`job` of a destination is what gcloud sends for its flag `--destination-run-job`; Google's reference does not have it.
"""

from __future__ import annotations

from hakobune.wire.schema import FieldType, ListOf, MapOf, Message, Scalar

_PREFIX = "type.googleapis.com/google.cloud.eventarc.v1."
_TEXT, _FLAG, _INT32 = Scalar.TEXT, Scalar.FLAG, Scalar.INT32
_DURATION, _TIMESTAMP = Scalar.DURATION, Scalar.TIMESTAMP
_ANY = Scalar.ANYTHING


def _message(kind: str, /, **fields: FieldType) -> Message:
    return Message(type_name=_PREFIX + kind, fields=fields)


EVENT_FILTER = _message("EventFilter", attribute=_TEXT, value=_TEXT, operator=_TEXT)
DESTINATION = Message(
    type_name=_PREFIX + "Destination",
    fields={
        "cloudRun": _message("CloudRun", service=_TEXT, path=_TEXT, region=_TEXT, job=_TEXT),
        "cloudFunction": _TEXT,
        "gke": _message("GKE", cluster=_TEXT, location=_TEXT, namespace=_TEXT, service=_TEXT, path=_TEXT),
        "workflow": _TEXT,
        "httpEndpoint": _message("HttpEndpoint", uri=_TEXT),
        "networkConfig": _message("NetworkConfig", networkAttachment=_TEXT),
    },
    oneofs={"descriptor": ("cloudRun", "cloudFunction", "gke", "workflow", "httpEndpoint")},
)
_TEST = Message(
    type_name="hakobune.EventarcTest",
    fields={"duplicates": _INT32, "delay": _DURATION, "reorder": _DURATION, "seed": _INT32},
)
EXTENSION = Message(
    type_name="hakobune.EventarcExtension",
    fields={"strictDuplicates": _FLAG, "test": _TEST},
)
TRIGGER = Message(
    type_name=_PREFIX + "Trigger",
    fields={
        "name": _TEXT,
        "uid": _TEXT,
        "createTime": _TIMESTAMP,
        "updateTime": _TIMESTAMP,
        "eventFilters": ListOf(EVENT_FILTER),
        "serviceAccount": _TEXT,
        "destination": DESTINATION,
        "transport": _message("Transport", pubsub=_message("Pubsub", topic=_TEXT, subscription=_TEXT)),
        "labels": MapOf(),
        "channel": _TEXT,
        "conditions": _ANY,
        "eventDataContentType": _TEXT,
        "satisfiesPzs": _FLAG,
        "retryPolicy": _message("RetryPolicy", maxAttempts=_INT32),
        "etag": _TEXT,
        "hakobune": EXTENSION,
    },
    output_only=frozenset({"uid", "createTime", "updateTime", "conditions", "satisfiesPzs"}),
)
CHANNEL = Message(
    type_name=_PREFIX + "Channel",
    fields={
        "name": _TEXT,
        "uid": _TEXT,
        "createTime": _TIMESTAMP,
        "updateTime": _TIMESTAMP,
        "provider": _TEXT,
        "pubsubTopic": _TEXT,
        "state": _ANY,
        "activationToken": _TEXT,
        "cryptoKeyName": _TEXT,
        "satisfiesPzs": _FLAG,
        "labels": MapOf(),
    },
    output_only=frozenset(
        {"uid", "createTime", "updateTime", "pubsubTopic", "state", "activationToken", "satisfiesPzs"}
    ),
)
