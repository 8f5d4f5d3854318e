"""The messages of the Cloud Run Admin API v2 that have to do with jobs, as tables.

Source: the API's discovery document (https://run.googleapis.com/$discovery/rest?version=v2) and its protobuf types;
a test compares the two with these tables. Fields that only the discovery document has are known fields, too.
"""

from __future__ import annotations

from hakobune.wire.run_v2_messages import CONDITION, LAUNCH_STAGE, choice, message
from hakobune.wire.schema import ListOf, MapOf, Message, Scalar

_TEXT, _FLAG, _INT32, _INT64 = Scalar.TEXT, Scalar.FLAG, Scalar.INT32, Scalar.INT64
_DURATION, _TIMESTAMP = Scalar.DURATION, Scalar.TIMESTAMP
_TEXTS = ListOf(_TEXT)

_SECRET_KEY_SELECTOR = message("SecretKeySelector", {"secret": _TEXT, "version": _TEXT})
_ENV_VAR_SOURCE = message("EnvVarSource", {"secretKeyRef": _SECRET_KEY_SELECTOR})
ENV_VAR = message(
    "EnvVar",
    {"name": _TEXT, "value": _TEXT, "valueSource": _ENV_VAR_SOURCE},
    values=("value", "valueSource"),
)
_VOLUME_MOUNT = message("VolumeMount", {"name": _TEXT, "mountPath": _TEXT, "subPath": _TEXT})
_HTTP_GET = message(
    "HTTPGetAction",
    {
        "path": _TEXT,
        "port": _INT32,
        "httpHeaders": ListOf(message("HTTPHeader", {"name": _TEXT, "value": _TEXT})),
    },
)
PROBE = message(
    "Probe",
    {
        "initialDelaySeconds": _INT32,
        "timeoutSeconds": _INT32,
        "periodSeconds": _INT32,
        "failureThreshold": _INT32,
        "httpGet": _HTTP_GET,
        "tcpSocket": message("TCPSocketAction", {"port": _INT32}),
        "grpc": message("GRPCAction", {"port": _INT32, "service": _TEXT}),
    },
    probe_type=("httpGet", "tcpSocket", "grpc"),
)
_SOURCE_CODE = message(
    "SourceCode",
    {
        "cloudStorageSource": message(
            "SourceCode.CloudStorageSource", {"bucket": _TEXT, "object": _TEXT, "generation": _INT64}
        ),
        "inlinedSource": message(
            "SourceCode.InlinedSource",
            {"sources": ListOf(message("SourceCode.SourceFile", {"filename": _TEXT, "content": _TEXT}))},
        ),
    },
    source_type=("cloudStorageSource", "inlinedSource"),
)
_BUILD_CONFIGURATION = message(
    "BuildConfiguration",
    {
        "buildpacksBuild": message(
            "BuildConfiguration.BuildpacksBuild",
            {
                "buildBaseImageUri": _TEXT,
                "cacheImageUri": _TEXT,
                "environmentVariables": MapOf(),
            },
        ),
        "dockerBuild": message("BuildConfiguration.DockerBuild", {}),
        "imageRepositoryUri": _TEXT,
        "serviceAccount": _TEXT,
        "tags": _TEXTS,
        "workerConfiguration": message(
            "WorkerConfiguration",
            {
                "cloudBuildWorkerConfiguration": message(
                    "CloudBuildWorkerConfiguration", {"machineType": _TEXT, "workerPool": _TEXT}
                )
            },
        ),
    },
)
CONTAINER = message(
    "Container",
    {
        "name": _TEXT,
        "image": _TEXT,
        "command": _TEXTS,
        "args": _TEXTS,
        "env": ListOf(ENV_VAR),
        "resources": message("ResourceRequirements", {"limits": MapOf(), "cpuIdle": _FLAG, "startupCpuBoost": _FLAG}),
        "ports": ListOf(message("ContainerPort", {"name": _TEXT, "containerPort": _INT32})),
        "volumeMounts": ListOf(_VOLUME_MOUNT),
        "workingDir": _TEXT,
        "livenessProbe": PROBE,
        "startupProbe": PROBE,
        "readinessProbe": PROBE,
        "dependsOn": _TEXTS,
        "baseImageUri": _TEXT,
        "buildInfo": message("BuildInfo", {"functionTarget": _TEXT, "sourceLocation": _TEXT}),
        "buildConfig": _BUILD_CONFIGURATION,
        "sourceCode": _SOURCE_CODE,
        "sandboxLauncher": _FLAG,
    },
    output_only=("buildInfo",),
)
VOLUME_SOURCES = ("secret", "cloudSqlInstance", "emptyDir", "nfs", "gcs", "filestore")
VOLUME = message(
    "Volume",
    {
        "name": _TEXT,
        "secret": message(
            "SecretVolumeSource",
            {
                "secret": _TEXT,
                "items": ListOf(message("VersionToPath", {"path": _TEXT, "version": _TEXT, "mode": _INT32})),
                "defaultMode": _INT32,
            },
        ),
        "cloudSqlInstance": message("CloudSqlInstance", {"instances": _TEXTS}),
        "emptyDir": message(
            "EmptyDirVolumeSource",
            {
                "medium": choice("EmptyDirVolumeSource.Medium", "MEDIUM_UNSPECIFIED", "MEMORY", "DISK"),
                "sizeLimit": _TEXT,
            },
        ),
        "nfs": message("NFSVolumeSource", {"server": _TEXT, "path": _TEXT, "readOnly": _FLAG}),
        "gcs": message("GCSVolumeSource", {"bucket": _TEXT, "readOnly": _FLAG, "mountOptions": _TEXTS}),
        "filestore": message("FilestoreVolumeSource", {"volume": _TEXT}),
    },
    volume_type=VOLUME_SOURCES,
)
NETWORK_INTERFACE = message("VpcAccess.NetworkInterface", {"network": _TEXT, "subnetwork": _TEXT, "tags": _TEXTS})
VPC_ACCESS = message(
    "VpcAccess",
    {
        "connector": _TEXT,
        "egress": choice("VpcAccess.VpcEgress", "VPC_EGRESS_UNSPECIFIED", "ALL_TRAFFIC", "PRIVATE_RANGES_ONLY"),
        "networkInterfaces": ListOf(NETWORK_INTERFACE),
    },
)
SANDBOXES = message(
    "SandboxConfiguration",
    {
        "templates": ListOf(
            message(
                "SandboxTemplate",
                {
                    "name": _TEXT,
                    "image": _TEXT,
                    "command": _TEXTS,
                    "args": _TEXTS,
                    "env": ListOf(ENV_VAR),
                    "volumeMounts": ListOf(_VOLUME_MOUNT),
                    "workingDir": _TEXT,
                },
            )
        )
    },
)
WORKLOAD_IDENTITY = message(
    "WorkloadIdentityConfig",
    {
        "identity": _TEXT,
        "identityCertificateEnabled": _FLAG,
        "identityType": choice(
            "WorkloadIdentityConfig.IdentityType",
            "IDENTITY_TYPE_UNSPECIFIED",
            "IDENTITY_TYPE_SERVICE_ACCOUNT",
            "IDENTITY_TYPE_AGENT_IDENTITY",
        ),
    },
)
EXECUTION_ENVIRONMENT = choice(
    "ExecutionEnvironment",
    "EXECUTION_ENVIRONMENT_UNSPECIFIED",
    "EXECUTION_ENVIRONMENT_GEN1",
    "EXECUTION_ENVIRONMENT_GEN2",
)
NODE_SELECTOR = message("NodeSelector", {"accelerator": _TEXT})
BINARY_AUTHORIZATION = message(
    "BinaryAuthorization",
    {"useDefault": _FLAG, "policy": _TEXT, "breakglassJustification": _TEXT},
    binauthz_method=("useDefault", "policy"),
)
FUNCTIONAL_TYPE = choice(
    "FunctionalType",
    "FUNCTIONAL_TYPE_UNSPECIFIED",
    "FUNCTIONAL_TYPE_AGENT",
    "FUNCTIONAL_TYPE_MCP_SERVER",
)
TASK_TEMPLATE = message(
    "TaskTemplate",
    {
        "containers": ListOf(CONTAINER),
        "volumes": ListOf(VOLUME),
        "maxRetries": _INT32,
        "timeout": _DURATION,
        "serviceAccount": _TEXT,
        "executionEnvironment": EXECUTION_ENVIRONMENT,
        "encryptionKey": _TEXT,
        "vpcAccess": VPC_ACCESS,
        "nodeSelector": NODE_SELECTOR,
        "gpuZonalRedundancyDisabled": _FLAG,
        "sandboxes": SANDBOXES,
        "workloadIdentityConfig": WORKLOAD_IDENTITY,
    },
    present=("maxRetries", "timeout", "gpuZonalRedundancyDisabled"),
)
EXECUTION_TEMPLATE = message(
    "ExecutionTemplate",
    {
        "labels": MapOf(),
        "annotations": MapOf(),
        "parallelism": _INT32,
        "taskCount": _INT32,
        "template": TASK_TEMPLATE,
        "delayExecution": _FLAG,
        "client": _TEXT,
        "clientVersion": _TEXT,
    },
)
_EXECUTION_REFERENCE = message(
    "ExecutionReference",
    {
        "name": _TEXT,
        "createTime": _TIMESTAMP,
        "completionTime": _TIMESTAMP,
        "deleteTime": _TIMESTAMP,
        "completionStatus": choice(
            "ExecutionReference.CompletionStatus",
            "COMPLETION_STATUS_UNSPECIFIED",
            "EXECUTION_SUCCEEDED",
            "EXECUTION_FAILED",
            "EXECUTION_RUNNING",
            "EXECUTION_PENDING",
            "EXECUTION_CANCELLED",
        ),
    },
)
JOB = message(
    "Job",
    {
        "name": _TEXT,
        "uid": _TEXT,
        "generation": _INT64,
        "labels": MapOf(),
        "annotations": MapOf(),
        "createTime": _TIMESTAMP,
        "updateTime": _TIMESTAMP,
        "deleteTime": _TIMESTAMP,
        "expireTime": _TIMESTAMP,
        "creator": _TEXT,
        "lastModifier": _TEXT,
        "client": _TEXT,
        "clientVersion": _TEXT,
        "launchStage": LAUNCH_STAGE,
        "binaryAuthorization": BINARY_AUTHORIZATION,
        "template": EXECUTION_TEMPLATE,
        "observedGeneration": _INT64,
        "terminalCondition": CONDITION,
        "conditions": ListOf(CONDITION),
        "executionCount": _INT32,
        "latestCreatedExecution": _EXECUTION_REFERENCE,
        "reconciling": _FLAG,
        "satisfiesPzs": _FLAG,
        "startExecutionToken": _TEXT,
        "runExecutionToken": _TEXT,
        "etag": _TEXT,
        "functionalType": FUNCTIONAL_TYPE,
    },
    output_only=(
        "uid",
        "generation",
        "createTime",
        "updateTime",
        "deleteTime",
        "expireTime",
        "creator",
        "lastModifier",
        "observedGeneration",
        "terminalCondition",
        "conditions",
        "executionCount",
        "latestCreatedExecution",
        "reconciling",
        "satisfiesPzs",
    ),
    create_execution=("startExecutionToken", "runExecutionToken"),
)
_CONTAINER_OVERRIDE = message(
    "RunJobRequest.Overrides.ContainerOverride",
    {"name": _TEXT, "args": _TEXTS, "env": ListOf(ENV_VAR), "clearArgs": _FLAG},
)
OVERRIDES = message(
    "RunJobRequest.Overrides",
    {
        "containerOverrides": ListOf(_CONTAINER_OVERRIDE),
        "taskCount": _INT32,
        "timeout": _DURATION,
        "delayExecution": _FLAG,
    },
    present=("timeout",),
)
# `name` is bound from the path; in a body it is a known field that says nothing new.
RUN_JOB_REQUEST = message(
    "RunJobRequest", {"name": _TEXT, "validateOnly": _FLAG, "etag": _TEXT, "overrides": OVERRIDES}
)
CANCEL_EXECUTION_REQUEST = message("CancelExecutionRequest", {"name": _TEXT, "validateOnly": _FLAG, "etag": _TEXT})
RERUN_EXECUTION_REQUEST = message("RerunExecutionRequest", {"name": _TEXT})  # an extension of ours: nothing to say
EMPTY_REQUEST = Message(type_name="type.googleapis.com/google.protobuf.Empty", fields={})
WAIT_OPERATION_REQUEST = Message(
    type_name="type.googleapis.com/google.longrunning.WaitOperationRequest",
    fields={"name": _TEXT, "timeout": _DURATION},
    present=frozenset({"timeout"}),
)
