"""The messages of the Workflows API v1 and the Workflow Executions API v1 that clients send, as tables.

Source: the discovery documents (https://workflows.googleapis.com/$discovery/rest?version=v1,
https://workflowexecutions.googleapis.com/$discovery/rest?version=v1) and the protobuf types; a test compares the two
with these tables. Fields that only the discovery document has are known fields, too.
"""

from __future__ import annotations

from hakobune.wire.schema import Choice, FieldType, ListOf, MapOf, Message, Scalar

_WORKFLOWS = "type.googleapis.com/google.cloud.workflows.v1."
_EXECUTIONS = "type.googleapis.com/google.cloud.workflows.executions.v1."
_TEXT, _INT64, _TIMESTAMP = Scalar.TEXT, Scalar.INT64, Scalar.TIMESTAMP

# The names of these three enums are the same in both APIs.
_CALL_LOG_LEVELS = ("CALL_LOG_LEVEL_UNSPECIFIED", "LOG_ALL_CALLS", "LOG_ERRORS_ONLY", "LOG_NONE")
_HISTORY_LEVELS = (
    "EXECUTION_HISTORY_LEVEL_UNSPECIFIED",
    "EXECUTION_HISTORY_BASIC",
    "EXECUTION_HISTORY_DETAILED",
)
_ERROR_TYPES = ("TYPE_UNSPECIFIED", "KMS_ERROR")


def _state_error(package: str, owner: str) -> Message:
    kind = f"{package}{owner}.StateError"
    return Message(
        type_name=kind,
        fields={"details": _TEXT, "type": Choice(f"{kind}.Type", _ERROR_TYPES)},
    )


WORKFLOW = Message(
    type_name=_WORKFLOWS + "Workflow",
    fields={
        "name": _TEXT,
        "description": _TEXT,
        "state": Choice(_WORKFLOWS + "Workflow.State", ("STATE_UNSPECIFIED", "ACTIVE", "UNAVAILABLE")),
        "revisionId": _TEXT,
        "createTime": _TIMESTAMP,
        "updateTime": _TIMESTAMP,
        "revisionCreateTime": _TIMESTAMP,
        "labels": MapOf(),
        "serviceAccount": _TEXT,
        "sourceContents": _TEXT,
        "cryptoKeyName": _TEXT,
        "stateError": _state_error(_WORKFLOWS, "Workflow"),
        "callLogLevel": Choice(_WORKFLOWS + "Workflow.CallLogLevel", _CALL_LOG_LEVELS),
        "userEnvVars": MapOf(),
        "executionHistoryLevel": Choice(_WORKFLOWS + "ExecutionHistoryLevel", _HISTORY_LEVELS),
        "allKmsKeys": ListOf(_TEXT),
        "allKmsKeysVersions": ListOf(_TEXT),
        "cryptoKeyVersion": _TEXT,
        "tags": MapOf(),
    },
    output_only=frozenset(
        {
            "allKmsKeys",
            "allKmsKeysVersions",
            "createTime",
            "cryptoKeyVersion",
            "revisionCreateTime",
            "revisionId",
            "state",
            "stateError",
            "updateTime",
        }
    ),
)

_POSITION = Message(
    type_name=_EXECUTIONS + "Execution.StackTraceElement.Position",
    fields={"line": _INT64, "column": _INT64, "length": _INT64},
)
_STACK_TRACE_ELEMENT = Message(
    type_name=_EXECUTIONS + "Execution.StackTraceElement",
    fields={"step": _TEXT, "routine": _TEXT, "position": _POSITION},
)
_STACK_TRACE = Message(
    type_name=_EXECUTIONS + "Execution.StackTrace",
    fields={"elements": ListOf(_STACK_TRACE_ELEMENT)},
)
_ERROR = Message(
    type_name=_EXECUTIONS + "Execution.Error",
    fields={"payload": _TEXT, "context": _TEXT, "stackTrace": _STACK_TRACE},
)
_STEP = Message(type_name=_EXECUTIONS + "Execution.Status.Step", fields={"routine": _TEXT, "step": _TEXT})
_STATUS = Message(type_name=_EXECUTIONS + "Execution.Status", fields={"currentSteps": ListOf(_STEP)})

EXECUTION = Message(
    type_name=_EXECUTIONS + "Execution",
    fields={
        "name": _TEXT,
        "startTime": _TIMESTAMP,
        "endTime": _TIMESTAMP,
        "state": Choice(
            _EXECUTIONS + "Execution.State",
            ("STATE_UNSPECIFIED", "ACTIVE", "SUCCEEDED", "FAILED", "CANCELLED", "UNAVAILABLE", "QUEUED"),
        ),
        "argument": _TEXT,
        "result": _TEXT,
        "error": _ERROR,
        "workflowRevisionId": _TEXT,
        "callLogLevel": Choice(_EXECUTIONS + "Execution.CallLogLevel", _CALL_LOG_LEVELS),
        "status": _STATUS,
        "labels": MapOf(),
        "duration": Scalar.DURATION,
        "stateError": _state_error(_EXECUTIONS, "Execution"),
        "createTime": _TIMESTAMP,
        "disableConcurrencyQuotaOverflowBuffering": Scalar.FLAG,
        "executionHistoryLevel": Choice(_EXECUTIONS + "ExecutionHistoryLevel", _HISTORY_LEVELS),
    },
    output_only=frozenset(
        {
            "createTime",
            "duration",
            "endTime",
            "error",
            "name",
            "result",
            "startTime",
            "state",
            "stateError",
            "status",
            "workflowRevisionId",
        }
    ),
)

_PUBSUB_MESSAGE_FIELDS: dict[str, FieldType] = {
    "data": _TEXT,  # bytes as base64: checked where it is read
    "attributes": MapOf(),
    "messageId": _TEXT,
    "publishTime": _TIMESTAMP,
    "orderingKey": _TEXT,
}
TRIGGER_PUBSUB_EXECUTION_REQUEST = Message(
    type_name=_EXECUTIONS + "TriggerPubsubExecutionRequest",
    fields={
        "GCPCloudEventsMode": _TEXT,
        "deliveryAttempt": Scalar.INT32,
        "message": Message(
            type_name="type.googleapis.com/google.pubsub.v1.PubsubMessage", fields=_PUBSUB_MESSAGE_FIELDS
        ),
        "subscription": _TEXT,
        "workflow": _TEXT,  # stands in the path, too
    },
)
CANCEL_EXECUTION_REQUEST = Message(type_name=_EXECUTIONS + "CancelExecutionRequest", fields={"name": _TEXT})
DELETE_EXECUTION_HISTORY_REQUEST = Message(
    type_name=_EXECUTIONS + "DeleteExecutionHistoryRequest", fields={"name": _TEXT}
)
