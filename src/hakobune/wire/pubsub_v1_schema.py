"""The messages of the Pub/Sub API v1 that clients send, as tables.

Source: the discovery document (https://pubsub.googleapis.com/$discovery/rest?version=v1); a test compares the two.
"""

from __future__ import annotations

from hakobune.wire.schema import Choice, FieldType, ListOf, MapOf, Message, Scalar

_PREFIX = "type.googleapis.com/google.pubsub.v1."
_TEXT, _FLAG, _INT32 = Scalar.TEXT, Scalar.FLAG, Scalar.INT32
_DURATION, _TIMESTAMP = Scalar.DURATION, Scalar.TIMESTAMP
_ANY = Scalar.ANYTHING  # of what is refused by name as a whole before its parts are looked at


def _message(kind: str, /, **fields: FieldType) -> Message:
    return Message(type_name=_PREFIX + kind, fields=fields)


# -- topics ---------------------------------------------------------------------------------------------------------

ENCODING = Choice(_PREFIX + "Encoding", ("ENCODING_UNSPECIFIED", "JSON", "BINARY"))
_STORAGE_POLICY = _message("MessageStoragePolicy", allowedPersistenceRegions=ListOf(_TEXT), enforceInTransit=_FLAG)
_SCHEMA_SETTINGS = _message(
    "SchemaSettings", schema=_TEXT, encoding=ENCODING, firstRevisionId=_TEXT, lastRevisionId=_TEXT
)
TOPIC = Message(
    type_name=_PREFIX + "Topic",
    fields={
        "name": _TEXT,
        "labels": MapOf(),
        "messageStoragePolicy": _STORAGE_POLICY,
        "kmsKeyName": _TEXT,
        "schemaSettings": _SCHEMA_SETTINGS,
        "satisfiesPzs": _FLAG,
        "messageRetentionDuration": _DURATION,
        "state": _ANY,
        "ingestionDataSourceSettings": _ANY,
        "messageTransforms": _ANY,
        "tags": MapOf(),
    },
    output_only=frozenset({"state", "satisfiesPzs"}),
)

# -- subscriptions --------------------------------------------------------------------------------------------------

_OIDC_TOKEN = _message("PushConfig.OidcToken", serviceAccountEmail=_TEXT, audience=_TEXT)
PUSH_CONFIG = Message(
    type_name=_PREFIX + "PushConfig",
    fields={
        "pushEndpoint": _TEXT,
        "attributes": MapOf(),
        "oidcToken": _OIDC_TOKEN,
        "pubsubWrapper": _message("PushConfig.PubsubWrapper"),
        "noWrapper": _message("PushConfig.NoWrapper", writeMetadata=_FLAG),
    },
    oneofs={"wrapper": ("pubsubWrapper", "noWrapper")},
)
_DEAD_LETTER = _message("DeadLetterPolicy", deadLetterTopic=_TEXT, maxDeliveryAttempts=_INT32)
_RETRY = Message(
    type_name=_PREFIX + "RetryPolicy",
    fields={"minimumBackoff": _DURATION, "maximumBackoff": _DURATION},
    present=frozenset({"minimumBackoff", "maximumBackoff"}),
)
SUBSCRIPTION = Message(
    type_name=_PREFIX + "Subscription",
    fields={
        "name": _TEXT,
        "topic": _TEXT,
        "pushConfig": PUSH_CONFIG,
        "bigqueryConfig": _ANY,
        "cloudStorageConfig": _ANY,
        "bigtableConfig": _ANY,
        "ackDeadlineSeconds": _INT32,
        "retainAckedMessages": _FLAG,
        "messageRetentionDuration": _DURATION,
        "labels": MapOf(),
        "enableMessageOrdering": _FLAG,
        "expirationPolicy": _message("ExpirationPolicy", ttl=_DURATION),
        "filter": _TEXT,
        "deadLetterPolicy": _DEAD_LETTER,
        "retryPolicy": _RETRY,
        "detached": _FLAG,
        "enableExactlyOnceDelivery": _FLAG,
        "topicMessageRetentionDuration": _DURATION,
        "state": _ANY,
        "analyticsHubSubscriptionInfo": _ANY,
        "messageTransforms": _ANY,
        "tags": MapOf(),
    },
    output_only=frozenset({"analyticsHubSubscriptionInfo", "detached", "state", "topicMessageRetentionDuration"}),
)
MODIFY_PUSH_CONFIG = _message("ModifyPushConfigRequest", subscription=_TEXT, pushConfig=PUSH_CONFIG)
SEEK = Message(
    type_name=_PREFIX + "SeekRequest",
    fields={"subscription": _TEXT, "time": _TIMESTAMP, "snapshot": _TEXT},
    oneofs={"target": ("time", "snapshot")},
)
DETACH = _message("DetachSubscriptionRequest", subscription=_TEXT)

# -- snapshots ------------------------------------------------------------------------------------------------------

SNAPSHOT = Message(
    type_name=_PREFIX + "Snapshot",
    fields={"name": _TEXT, "topic": _TEXT, "expireTime": _TIMESTAMP, "labels": MapOf()},
)
CREATE_SNAPSHOT = _message("CreateSnapshotRequest", name=_TEXT, subscription=_TEXT, labels=MapOf(), tags=MapOf())

# -- messages -------------------------------------------------------------------------------------------------------

MESSAGE = Message(
    type_name=_PREFIX + "PubsubMessage",
    fields={
        "data": _TEXT,  # bytes as base64: checked where it is read
        "attributes": MapOf(),
        "messageId": _TEXT,
        "publishTime": _TIMESTAMP,
        "orderingKey": _TEXT,
    },
    output_only=frozenset({"messageId", "publishTime"}),
)
PUBLISH = _message("PublishRequest", topic=_TEXT, messages=ListOf(MESSAGE))
PULL = _message("PullRequest", subscription=_TEXT, maxMessages=_INT32, returnImmediately=_FLAG)
ACKNOWLEDGE = _message("AcknowledgeRequest", subscription=_TEXT, ackIds=ListOf(_TEXT))
MODIFY_ACK_DEADLINE = _message(
    "ModifyAckDeadlineRequest", subscription=_TEXT, ackIds=ListOf(_TEXT), ackDeadlineSeconds=_INT32
)

# -- schemas --------------------------------------------------------------------------------------------------------

SCHEMA = Message(
    type_name=_PREFIX + "Schema",
    fields={
        "name": _TEXT,
        "type": Choice(_PREFIX + "Schema.Type", ("TYPE_UNSPECIFIED", "PROTOCOL_BUFFER", "AVRO")),
        "definition": _TEXT,
        "revisionId": _TEXT,
        "revisionCreateTime": _TIMESTAMP,
        "compiledProtoSchema": _ANY,
    },
    output_only=frozenset({"revisionId", "revisionCreateTime"}),
)
COMMIT_SCHEMA = _message("CommitSchemaRequest", name=_TEXT, schema=SCHEMA)
ROLLBACK_SCHEMA = _message("RollbackSchemaRequest", name=_TEXT, revisionId=_TEXT)
VALIDATE_SCHEMA = _message("ValidateSchemaRequest", parent=_TEXT, schema=SCHEMA)
VALIDATE_MESSAGE = Message(
    type_name=_PREFIX + "ValidateMessageRequest",
    fields={"parent": _TEXT, "name": _TEXT, "schema": SCHEMA, "message": _TEXT, "encoding": ENCODING},
    oneofs={"schema_spec": ("name", "schema")},
)
