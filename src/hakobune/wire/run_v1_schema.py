"""The messages of the Cloud Run Admin API v1 (Knative shape) that have to do with jobs, as tables.

Source: the API's discovery document (https://run.googleapis.com/$discovery/rest?version=v1); a test compares it with
these tables. What the service reports (`status`, times, numbers) is known and ignored: clients send it back.
"""

from __future__ import annotations

from hakobune.wire.schema import FieldType, ListOf, MapOf, Message, Scalar

_TEXT, _FLAG, _INT32, _INT64 = Scalar.TEXT, Scalar.FLAG, Scalar.INT32, Scalar.INT64
_TEXTS = ListOf(_TEXT)


def message(
    name: str, fields: dict[str, FieldType], *, output_only: tuple[str, ...] = (), present: tuple[str, ...] = ()
) -> Message:
    """A message of the API."""
    return Message(
        type_name=f"type.googleapis.com/google.cloud.run.v1.{name}",
        fields=fields,
        output_only=frozenset(output_only),
        present=frozenset(present),
    )


METADATA = message(
    "ObjectMeta",
    {
        "name": _TEXT,
        "generateName": _TEXT,
        "namespace": _TEXT,
        "labels": MapOf(),
        "annotations": MapOf(),
        "resourceVersion": _TEXT,
        "clusterName": _TEXT,
        "creationTimestamp": Scalar.TIMESTAMP,
        "deletionGracePeriodSeconds": _INT32,
        "deletionTimestamp": Scalar.TIMESTAMP,
        "finalizers": _TEXTS,
        "generation": _INT32,
        "ownerReferences": ListOf(
            message(
                "OwnerReference",
                {
                    "apiVersion": _TEXT,
                    "kind": _TEXT,
                    "name": _TEXT,
                    "uid": _TEXT,
                    "controller": _FLAG,
                    "blockOwnerDeletion": _FLAG,
                },
            )
        ),
        "selfLink": _TEXT,
        "uid": _TEXT,
    },
    output_only=(
        "clusterName",
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "finalizers",
        "generation",
        "ownerReferences",
        "selfLink",
        "uid",
    ),
)
REFERENCE = message("LocalObjectReference", {"name": _TEXT})
_SECRET_KEY = message(
    "SecretKeySelector", {"name": _TEXT, "key": _TEXT, "optional": _FLAG, "localObjectReference": REFERENCE}
)
_CONFIG_MAP_KEY = message(
    "ConfigMapKeySelector", {"name": _TEXT, "key": _TEXT, "optional": _FLAG, "localObjectReference": REFERENCE}
)
ENV_VAR = message(
    "EnvVar",
    {
        "name": _TEXT,
        "value": _TEXT,
        "valueFrom": message("EnvVarSource", {"secretKeyRef": _SECRET_KEY, "configMapKeyRef": _CONFIG_MAP_KEY}),
    },
)
_ENV_FROM = message(
    "EnvFromSource",
    {
        "prefix": _TEXT,
        "configMapRef": message(
            "ConfigMapEnvSource", {"name": _TEXT, "optional": _FLAG, "localObjectReference": REFERENCE}
        ),
        "secretRef": message("SecretEnvSource", {"name": _TEXT, "optional": _FLAG, "localObjectReference": REFERENCE}),
    },
)
_VOLUME_MOUNT = message("VolumeMount", {"name": _TEXT, "mountPath": _TEXT, "subPath": _TEXT, "readOnly": _FLAG})
_PROBE = message(
    "Probe",
    {
        "initialDelaySeconds": _INT32,
        "timeoutSeconds": _INT32,
        "periodSeconds": _INT32,
        "failureThreshold": _INT32,
        "successThreshold": _INT32,
        "exec": message("ExecAction", {"command": _TEXTS}),
        "httpGet": message(
            "HTTPGetAction",
            {
                "host": _TEXT,
                "path": _TEXT,
                "port": _INT32,
                "scheme": _TEXT,
                "httpHeaders": ListOf(message("HTTPHeader", {"name": _TEXT, "value": _TEXT})),
            },
        ),
        "tcpSocket": message("TCPSocketAction", {"host": _TEXT, "port": _INT32}),
        "grpc": message("GRPCAction", {"port": _INT32, "service": _TEXT}),
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
        "envFrom": ListOf(_ENV_FROM),
        "resources": message("ResourceRequirements", {"limits": MapOf(), "requests": MapOf()}),
        "ports": ListOf(message("ContainerPort", {"name": _TEXT, "containerPort": _INT32, "protocol": _TEXT})),
        "volumeMounts": ListOf(_VOLUME_MOUNT),
        "workingDir": _TEXT,
        "livenessProbe": _PROBE,
        "startupProbe": _PROBE,
        "readinessProbe": _PROBE,
        "imagePullPolicy": _TEXT,
        "securityContext": message("SecurityContext", {"runAsUser": _INT32}),
        "terminationMessagePath": _TEXT,
        "terminationMessagePolicy": _TEXT,
        "sandboxLauncher": _FLAG,
    },
)
_KEYS_TO_PATHS = ListOf(message("KeyToPath", {"key": _TEXT, "path": _TEXT, "mode": _INT32}))
VOLUME = message(
    "Volume",
    {
        "name": _TEXT,
        "csi": message("CSIVolumeSource", {"driver": _TEXT, "readOnly": _FLAG, "volumeAttributes": MapOf()}),
        "emptyDir": message("EmptyDirVolumeSource", {"medium": _TEXT, "sizeLimit": _TEXT}),
        "nfs": message("NFSVolumeSource", {"server": _TEXT, "path": _TEXT, "readOnly": _FLAG}),
        "filestore": message("FilestoreVolumeSource", {"volume": _TEXT}),
        "secret": message(
            "SecretVolumeSource",
            {"secretName": _TEXT, "items": _KEYS_TO_PATHS, "defaultMode": _INT32, "optional": _FLAG},
        ),
        "configMap": message(
            "ConfigMapVolumeSource",
            {"name": _TEXT, "items": _KEYS_TO_PATHS, "defaultMode": _INT32, "optional": _FLAG},
        ),
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
_TASK_SPEC = message(
    "TaskSpec",
    {
        "containers": ListOf(CONTAINER),
        "volumes": ListOf(VOLUME),
        "maxRetries": _INT32,
        "timeoutSeconds": _INT64,
        "serviceAccountName": _TEXT,
        "nodeSelector": MapOf(),
        "sandboxes": SANDBOXES,
    },
    present=("maxRetries",),
)
_EXECUTION_SPEC = message(
    "ExecutionSpec",
    {
        "parallelism": _INT32,
        "taskCount": _INT32,
        "template": message("TaskTemplateSpec", {"spec": _TASK_SPEC}),
        "delayExecution": _FLAG,
    },
)
JOB = message(
    "Job",
    {
        "apiVersion": _TEXT,
        "kind": _TEXT,
        "metadata": METADATA,
        "spec": message(
            "JobSpec",
            {
                "template": message("ExecutionTemplateSpec", {"metadata": METADATA, "spec": _EXECUTION_SPEC}),
                "startExecutionToken": _TEXT,
                "runExecutionToken": _TEXT,
            },
        ),
        "status": Scalar.ANYTHING,
    },
    output_only=("status",),
)
RUN_JOB_REQUEST = message(
    "RunJobRequest",
    {
        "overrides": message(
            "Overrides",
            {
                "containerOverrides": ListOf(
                    message(
                        "ContainerOverride",
                        {"name": _TEXT, "args": _TEXTS, "env": ListOf(ENV_VAR), "clearArgs": _FLAG},
                    )
                ),
                "taskCount": _INT32,
                "timeoutSeconds": _INT32,
                "delayExecution": _FLAG,
            },
        )
    },
)
