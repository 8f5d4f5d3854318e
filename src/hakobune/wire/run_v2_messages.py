"""How messages of the Cloud Run Admin API v2 are written down as tables, and those that all resources have.

Source: the API's discovery document (https://run.googleapis.com/$discovery/rest?version=v2) and its protobuf types.
"""

from __future__ import annotations

from hakobune.wire.schema import Choice, FieldType, Message, Scalar

_PACKAGE = "type.googleapis.com/google.cloud.run.v2."
_TEXT, _TIMESTAMP = Scalar.TEXT, Scalar.TIMESTAMP

LAUNCH_STAGE = Choice(
    "type.googleapis.com/google.api.LaunchStage",
    # Numbers of google/api/launch_stage.proto.
    (
        "LAUNCH_STAGE_UNSPECIFIED",
        "EARLY_ACCESS",
        "ALPHA",
        "BETA",
        "GA",
        "DEPRECATED",
        "UNIMPLEMENTED",
        "PRELAUNCH",
    ),
)


def choice(name: str, *names: str | None) -> Choice:
    """An enum of the package, its names in the order of their numbers."""
    return Choice(_PACKAGE + name, names)


def message(
    name: str,
    fields: dict[str, FieldType],
    *,
    output_only: tuple[str, ...] = (),
    present: tuple[str, ...] = (),
    **oneofs: tuple[str, ...],
) -> Message:
    """A message of the package; `oneofs` are its groups of fields of which one may be set."""
    return Message(
        type_name=_PACKAGE + name,
        fields=fields,
        output_only=frozenset(output_only),
        present=frozenset(present),
        oneofs=oneofs,
    )


_REVISION_REASON = choice(
    "Condition.RevisionReason",
    "REVISION_REASON_UNDEFINED",
    "PENDING",
    "RESERVE",
    "RETIRED",
    "RETIRING",
    "RECREATING",
    "HEALTH_CHECK_CONTAINER_ERROR",
    "CUSTOMIZED_PATH_RESPONSE_PENDING",
    "MIN_INSTANCES_NOT_PROVISIONED",
    "ACTIVE_REVISION_LIMIT_REACHED",
    "NO_DEPLOYMENT",
    "HEALTH_CHECK_SKIPPED",
    "MIN_INSTANCES_WARMING",
)
CONDITION = message(
    "Condition",
    {
        "type": _TEXT,
        "state": choice(
            "Condition.State",
            "STATE_UNSPECIFIED",
            "CONDITION_PENDING",
            "CONDITION_RECONCILING",
            "CONDITION_FAILED",
            "CONDITION_SUCCEEDED",
        ),
        "message": _TEXT,
        "lastTransitionTime": _TIMESTAMP,
        "severity": choice("Condition.Severity", "SEVERITY_UNSPECIFIED", "ERROR", "WARNING", "INFO"),
        "reason": choice(
            "Condition.CommonReason",
            "COMMON_REASON_UNDEFINED",
            "UNKNOWN",
            None,
            "REVISION_FAILED",
            "PROGRESS_DEADLINE_EXCEEDED",
            None,
            "CONTAINER_MISSING",
            "CONTAINER_PERMISSION_DENIED",
            "CONTAINER_IMAGE_UNAUTHORIZED",
            "CONTAINER_IMAGE_AUTHORIZATION_CHECK_FAILED",
            "ENCRYPTION_KEY_PERMISSION_DENIED",
            "ENCRYPTION_KEY_CHECK_FAILED",
            "SECRETS_ACCESS_CHECK_FAILED",
            "WAITING_FOR_OPERATION",
            "IMMEDIATE_RETRY",
            "POSTPONED_RETRY",
            "INTERNAL",
            "VPC_NETWORK_NOT_FOUND",
        ),
        "revisionReason": _REVISION_REASON,
        "executionReason": choice(
            "Condition.ExecutionReason",
            "EXECUTION_REASON_UNDEFINED",
            "JOB_STATUS_SERVICE_POLLING_ERROR",
            "NON_ZERO_EXIT_CODE",
            "CANCELLED",
            "CANCELLING",
            "DELETED",
            "DELAYED_START_PENDING",
            "DELAYED_EXECUTION_EXCEEDING_DURATION_LIMIT",
        ),
        "instanceReason": choice(
            "Condition.InstanceReason",
            "INSTANCE_REASON_UNSPECIFIED",
            "INSTANCE_DELETED",
            "INSTANCE_STOPPED",
            "INSTANCE_STOPPING",
            "INSTANCE_NON_ZERO_EXIT_CODE",
        ),
    },
)
