"""The protobuf messages that gRPC clients of ours speak: names, numbers and types of their fields.

A field is written `number name type`: `8 labels map` (text to text), `11 version_aliases map int64` (text to numbers,
or to a message of the same package), `1 workflows repeated Workflow`, `2 data_crc32c optional int64` (zero is told from
nothing), `2 value oneof values string` (so it is there, too, and one at most of all fields of the oneof `values` is
set). A type is a scalar, a message or enum of the same package (nested ones by their dotted name), or a full name with
`google.` in front.
What the package googleapis-common-protos has (operations, locations, statuses) is taken from there.

Source: the protobuf definitions of the services at https://github.com/googleapis/googleapis; a test compares these
tables with Google's own client libraries.
"""

from __future__ import annotations

from hakobune.servers.grpc.eventarc_messages import CLOUD_EVENTS, EVENTARC, PUBLISHING
from hakobune.servers.grpc.iam_admin_messages import IAM_ADMIN
from hakobune.servers.grpc.package import Package
from hakobune.servers.grpc.pubsub_messages import PUBSUB
from hakobune.servers.grpc.run_messages import RUN
from hakobune.servers.grpc.scheduler_messages import SCHEDULER

_TIMESTAMP = "google.protobuf.Timestamp"
_CALL_LOG_LEVELS = ("CALL_LOG_LEVEL_UNSPECIFIED", "LOG_ALL_CALLS", "LOG_ERRORS_ONLY", "LOG_NONE")
_ERROR_TYPES = ("TYPE_UNSPECIFIED", "KMS_ERROR")


def _workflows(version: str) -> Package:
    return Package(
        name=f"google.cloud.workflows.{version}",
        imports=("google/protobuf/timestamp.proto", "google/protobuf/field_mask.proto"),
        messages={
            "Workflow": (
                "1 name string",
                "2 description string",
                "3 state Workflow.State",
                "4 revision_id string",
                f"5 create_time {_TIMESTAMP}",
                f"6 update_time {_TIMESTAMP}",
                f"7 revision_create_time {_TIMESTAMP}",
                "8 labels map",
                "9 service_account string",
                "10 source_contents oneof source_code string",
                "11 crypto_key_name string",
                "12 state_error Workflow.StateError",
                "13 call_log_level Workflow.CallLogLevel",
                "14 user_env_vars map",
                "15 execution_history_level ExecutionHistoryLevel",
                "16 all_kms_keys repeated string",
                "17 all_kms_keys_versions repeated string",
                "18 crypto_key_version string",
                "19 tags map",
            ),
            "Workflow.StateError": ("1 details string", "2 type Workflow.StateError.Type"),
            "ListWorkflowsRequest": (
                "1 parent string",
                "2 page_size int32",
                "3 page_token string",
                "4 filter string",
                "5 order_by string",
            ),
            "ListWorkflowsResponse": (
                "1 workflows repeated Workflow",
                "2 next_page_token string",
                "3 unreachable repeated string",
            ),
            "GetWorkflowRequest": ("1 name string", "2 revision_id string"),
            "CreateWorkflowRequest": ("1 parent string", "2 workflow Workflow", "3 workflow_id string"),
            "DeleteWorkflowRequest": ("1 name string",),
            "UpdateWorkflowRequest": ("1 workflow Workflow", "2 update_mask google.protobuf.FieldMask"),
            "OperationMetadata": (
                f"1 create_time {_TIMESTAMP}",
                f"2 end_time {_TIMESTAMP}",
                "3 target string",
                "4 verb string",
                "5 api_version string",
            ),
            "ListWorkflowRevisionsRequest": ("1 name string", "2 page_size int32", "3 page_token string"),
            "ListWorkflowRevisionsResponse": ("1 workflows repeated Workflow", "2 next_page_token string"),
        },
        enums={
            "Workflow.State": ("STATE_UNSPECIFIED", "ACTIVE", "UNAVAILABLE"),
            "Workflow.CallLogLevel": _CALL_LOG_LEVELS,
            "Workflow.StateError.Type": _ERROR_TYPES,
            "ExecutionHistoryLevel": (
                "EXECUTION_HISTORY_LEVEL_UNSPECIFIED",
                "EXECUTION_HISTORY_BASIC",
                "EXECUTION_HISTORY_DETAILED",
            ),
        },
    )


def _executions(version: str) -> Package:
    return Package(
        name=f"google.cloud.workflows.executions.{version}",
        imports=("google/protobuf/timestamp.proto", "google/protobuf/duration.proto"),
        messages={
            "Execution": (
                "1 name string",
                f"2 start_time {_TIMESTAMP}",
                f"3 end_time {_TIMESTAMP}",
                "4 state Execution.State",
                "5 argument string",
                "6 result string",
                "7 error Execution.Error",
                "8 workflow_revision_id string",
                "9 call_log_level Execution.CallLogLevel",
                "10 status Execution.Status",
                "11 labels map",
                "12 duration google.protobuf.Duration",
                "13 state_error Execution.StateError",
            ),
            "Execution.StackTraceElement": (
                "1 step string",
                "2 routine string",
                "3 position Execution.StackTraceElement.Position",
            ),
            "Execution.StackTraceElement.Position": ("1 line int64", "2 column int64", "3 length int64"),
            "Execution.StackTrace": ("1 elements repeated Execution.StackTraceElement",),
            "Execution.Error": ("1 payload string", "2 context string", "3 stack_trace Execution.StackTrace"),
            "Execution.Status": ("1 current_steps repeated Execution.Status.Step",),
            "Execution.Status.Step": ("1 routine string", "2 step string"),
            "Execution.StateError": ("1 details string", "2 type Execution.StateError.Type"),
            "ListExecutionsRequest": (
                "1 parent string",
                "2 page_size int32",
                "3 page_token string",
                "4 view ExecutionView",
                "5 filter string",
                "6 order_by string",
            ),
            "ListExecutionsResponse": ("1 executions repeated Execution", "2 next_page_token string"),
            "CreateExecutionRequest": ("1 parent string", "2 execution Execution"),
            "GetExecutionRequest": ("1 name string", "2 view ExecutionView"),
            "CancelExecutionRequest": ("1 name string",),
        },
        enums={
            "Execution.State": (
                "STATE_UNSPECIFIED",
                "ACTIVE",
                "SUCCEEDED",
                "FAILED",
                "CANCELLED",
                "UNAVAILABLE",
                "QUEUED",
            ),
            "Execution.CallLogLevel": _CALL_LOG_LEVELS,
            "Execution.StateError.Type": _ERROR_TYPES,
            "ExecutionView": ("EXECUTION_VIEW_UNSPECIFIED", "BASIC", "FULL"),
        },
    )


_IAM = Package(
    name="google.iam.v1",
    imports=("google/protobuf/field_mask.proto", "google/type/expr.proto"),
    messages={
        "SetIamPolicyRequest": (
            "1 resource string",
            "2 policy Policy",
            "3 update_mask google.protobuf.FieldMask",
        ),
        "GetIamPolicyRequest": ("1 resource string", "2 options GetPolicyOptions"),
        "GetPolicyOptions": ("1 requested_policy_version int32",),
        "TestIamPermissionsRequest": ("1 resource string", "2 permissions repeated string"),
        "TestIamPermissionsResponse": ("1 permissions repeated string",),
        "Policy": (
            "1 version int32",
            "3 etag bytes",
            "4 bindings repeated Binding",
            "6 audit_configs repeated AuditConfig",
        ),
        "Binding": ("1 role string", "2 members repeated string", "3 condition google.type.Expr"),
        "AuditConfig": ("1 service string", "3 audit_log_configs repeated AuditLogConfig"),
        "AuditLogConfig": ("1 log_type AuditLogConfig.LogType", "2 exempted_members repeated string"),
    },
    enums={"AuditLogConfig.LogType": ("LOG_TYPE_UNSPECIFIED", "ADMIN_READ", "DATA_WRITE", "DATA_READ")},
)

_STATE_REQUEST = ("1 name string", "2 etag string")
_LIST_REQUEST = ("1 parent string", "2 page_size int32", "3 page_token string", "4 filter string")
_ENCRYPTION = "customer_managed_encryption CustomerManagedEncryption"
_ENCRYPTION_STATUS = "customer_managed_encryption CustomerManagedEncryptionStatus"

_SECRETS = Package(
    name="google.cloud.secretmanager.v1",
    imports=(
        "google/protobuf/timestamp.proto",
        "google/protobuf/duration.proto",
        "google/protobuf/field_mask.proto",
    ),
    messages={
        "Secret": (
            "1 name string",
            "2 replication Replication",
            f"3 create_time {_TIMESTAMP}",
            "4 labels map",
            "5 topics repeated Topic",
            f"6 expire_time {_TIMESTAMP}",
            "7 ttl google.protobuf.Duration",
            "8 etag string",
            "9 rotation Rotation",
            "11 version_aliases map int64",
            "13 annotations map",
            "14 version_destroy_ttl google.protobuf.Duration",
            f"15 {_ENCRYPTION}",
            "16 tags map",
        ),
        "SecretVersion": (
            "1 name string",
            f"2 create_time {_TIMESTAMP}",
            f"3 destroy_time {_TIMESTAMP}",
            "4 state SecretVersion.State",
            "5 replication_status ReplicationStatus",
            "6 etag string",
            "7 client_specified_payload_checksum bool",
            f"8 scheduled_destroy_time {_TIMESTAMP}",
            f"9 {_ENCRYPTION_STATUS}",
        ),
        "SecretPayload": ("1 data bytes", "2 data_crc32c optional int64"),
        "Topic": ("1 name string",),
        "Rotation": (f"1 next_rotation_time {_TIMESTAMP}", "2 rotation_period google.protobuf.Duration"),
        "CustomerManagedEncryption": ("1 kms_key_name string",),
        "CustomerManagedEncryptionStatus": ("1 kms_key_version_name string",),
        "Replication": ("1 automatic Replication.Automatic", "2 user_managed Replication.UserManaged"),
        "Replication.Automatic": (f"1 {_ENCRYPTION}",),
        "Replication.UserManaged": ("1 replicas repeated Replication.UserManaged.Replica",),
        "Replication.UserManaged.Replica": ("1 location string", f"2 {_ENCRYPTION}"),
        "ReplicationStatus": (
            "1 automatic ReplicationStatus.AutomaticStatus",
            "2 user_managed ReplicationStatus.UserManagedStatus",
        ),
        "ReplicationStatus.AutomaticStatus": (f"1 {_ENCRYPTION_STATUS}",),
        "ReplicationStatus.UserManagedStatus": (
            "1 replicas repeated ReplicationStatus.UserManagedStatus.ReplicaStatus",
        ),
        "ReplicationStatus.UserManagedStatus.ReplicaStatus": ("1 location string", f"2 {_ENCRYPTION_STATUS}"),
        "ListSecretsRequest": _LIST_REQUEST,
        "ListSecretsResponse": ("1 secrets repeated Secret", "2 next_page_token string", "3 total_size int32"),
        "CreateSecretRequest": ("1 parent string", "2 secret_id string", "3 secret Secret"),
        "AddSecretVersionRequest": ("1 parent string", "2 payload SecretPayload"),
        "GetSecretRequest": ("1 name string",),
        "ListSecretVersionsRequest": _LIST_REQUEST,
        "ListSecretVersionsResponse": (
            "1 versions repeated SecretVersion",
            "2 next_page_token string",
            "3 total_size int32",
        ),
        "GetSecretVersionRequest": ("1 name string",),
        "UpdateSecretRequest": ("1 secret Secret", "2 update_mask google.protobuf.FieldMask"),
        "AccessSecretVersionRequest": ("1 name string",),
        "AccessSecretVersionResponse": ("1 name string", "2 payload SecretPayload"),
        "DeleteSecretRequest": _STATE_REQUEST,
        "DisableSecretVersionRequest": _STATE_REQUEST,
        "EnableSecretVersionRequest": _STATE_REQUEST,
        "DestroySecretVersionRequest": _STATE_REQUEST,
    },
    enums={"SecretVersion.State": ("STATE_UNSPECIFIED", "ENABLED", "DISABLED", "DESTROYED")},
)

_SIGN = ("1 name string", "3 delegates repeated string")

_IAM_CREDENTIALS = Package(
    name="google.iam.credentials.v1",
    imports=("google/protobuf/timestamp.proto", "google/protobuf/duration.proto"),
    messages={
        "GenerateAccessTokenRequest": (
            "1 name string",
            "2 delegates repeated string",
            "4 scope repeated string",
            "7 lifetime google.protobuf.Duration",
        ),
        "GenerateAccessTokenResponse": ("1 access_token string", f"3 expire_time {_TIMESTAMP}"),
        "GenerateIdTokenRequest": (
            "1 name string",
            "2 delegates repeated string",
            "3 audience string",
            "4 include_email bool",
        ),
        "GenerateIdTokenResponse": ("1 token string",),
        "SignBlobRequest": (*_SIGN, "5 payload bytes"),
        "SignBlobResponse": ("1 key_id string", "4 signed_blob bytes"),
        "SignJwtRequest": (*_SIGN, "5 payload string"),
        "SignJwtResponse": ("1 key_id string", "2 signed_jwt string"),
    },
)

PACKAGES: tuple[Package, ...] = (
    _workflows("v1"),
    _workflows("v1beta"),
    _executions("v1"),
    _executions("v1beta"),
    _IAM,
    _SECRETS,
    _IAM_CREDENTIALS,
    IAM_ADMIN,
    PUBSUB,
    CLOUD_EVENTS,
    EVENTARC,
    PUBLISHING,
    RUN,
    SCHEDULER,
)
