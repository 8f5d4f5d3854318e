"""Services, worker pools and their templates in the Cloud Run Admin API v2, as tables.

Source: the API's discovery document (https://run.googleapis.com/$discovery/rest?version=v2) and its protobuf types;
a test compares the two with these tables. Fields that only the discovery document has are known fields, too.
"""

from __future__ import annotations

from hakobune.wire.run_v2_messages import CONDITION, LAUNCH_STAGE, choice, message
from hakobune.wire.run_v2_schema import (
    BINARY_AUTHORIZATION,
    CONTAINER,
    EXECUTION_ENVIRONMENT,
    FUNCTIONAL_TYPE,
    NODE_SELECTOR,
    SANDBOXES,
    VOLUME,
    VPC_ACCESS,
    WORKLOAD_IDENTITY,
)
from hakobune.wire.schema import FieldType, ListOf, MapOf, Scalar

_TEXT, _FLAG, _INT32, _INT64 = Scalar.TEXT, Scalar.FLAG, Scalar.INT32, Scalar.INT64
_DURATION, _TIMESTAMP = Scalar.DURATION, Scalar.TIMESTAMP
_TEXTS = ListOf(_TEXT)

LATEST, REVISION = "LATEST", "REVISION"
TRAFFIC_PREFIX = "TRAFFIC_TARGET_ALLOCATION_TYPE_"
SPLIT_PREFIX = "INSTANCE_SPLIT_ALLOCATION_TYPE_"


def _allocation(name: str, prefix: str) -> FieldType:
    return choice(name, f"{prefix}UNSPECIFIED", prefix + LATEST, prefix + REVISION)


_SERVICE_MESH = message("ServiceMesh", {"mesh": _TEXT})
# What the templates of both say. `present`: what differs from its default when it is given as zero.
_TEMPLATE: dict[str, FieldType] = {
    "revision": _TEXT,
    "labels": MapOf(),
    "annotations": MapOf(),
    "vpcAccess": VPC_ACCESS,
    "serviceAccount": _TEXT,
    "containers": ListOf(CONTAINER),
    "volumes": ListOf(VOLUME),
    "encryptionKey": _TEXT,
    "serviceMesh": _SERVICE_MESH,
    "encryptionKeyRevocationAction": choice(
        "EncryptionKeyRevocationAction",
        "ENCRYPTION_KEY_REVOCATION_ACTION_UNSPECIFIED",
        "PREVENT_NEW",
        "SHUTDOWN",
    ),
    "encryptionKeyShutdownDuration": _DURATION,
    "nodeSelector": NODE_SELECTOR,
    "gpuZonalRedundancyDisabled": _FLAG,
    "sandboxes": SANDBOXES,
    "client": _TEXT,
    "clientVersion": _TEXT,
}
REVISION_TEMPLATE = message(
    "RevisionTemplate",
    {
        **_TEMPLATE,
        "scaling": message(
            "RevisionScaling",
            {
                "minInstanceCount": _INT32,
                "maxInstanceCount": _INT32,
                "concurrencyUtilization": Scalar.FLOAT,
                "cpuUtilization": Scalar.FLOAT,
            },
        ),
        "timeout": _DURATION,
        "executionEnvironment": EXECUTION_ENVIRONMENT,
        "maxInstanceRequestConcurrency": _INT32,
        "sessionAffinity": _FLAG,
        "healthCheckDisabled": _FLAG,
        "workloadIdentityConfig": WORKLOAD_IDENTITY,
        "ambientNetworking": message(
            "AmbientNetworking",
            {
                "enabled": _FLAG,
                "ambientScope": choice(
                    "AmbientNetworking.AmbientScope",
                    "AMBIENT_SCOPE_UNSPECIFIED",
                    "AMBIENT_SCOPE_REGIONAL",
                    "AMBIENT_SCOPE_GLOBAL",
                ),
            },
        ),
    },
    present=("timeout", "gpuZonalRedundancyDisabled"),
)
WORKER_POOL_TEMPLATE = message("WorkerPoolRevisionTemplate", _TEMPLATE, present=("gpuZonalRedundancyDisabled",))

# What both resources say.
_RESOURCE: dict[str, FieldType] = {
    "name": _TEXT,
    "description": _TEXT,
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
    "customAudiences": _TEXTS,
    "observedGeneration": _INT64,
    "terminalCondition": CONDITION,
    "conditions": ListOf(CONDITION),
    "latestReadyRevision": _TEXT,
    "latestCreatedRevision": _TEXT,
    "satisfiesPzs": _FLAG,
    "threatDetectionEnabled": _FLAG,
    "reconciling": _FLAG,
    "etag": _TEXT,
}
_OUTPUT_ONLY = (
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
    "latestReadyRevision",
    "latestCreatedRevision",
    "satisfiesPzs",
    "threatDetectionEnabled",
    "reconciling",
)
_TRAFFIC: dict[str, FieldType] = {
    "type": _allocation("TrafficTargetAllocationType", TRAFFIC_PREFIX),
    "revision": _TEXT,
    "percent": _INT32,
    "tag": _TEXT,
}
_SPLIT: dict[str, FieldType] = {
    "type": _allocation("InstanceSplitAllocationType", SPLIT_PREFIX),
    "revision": _TEXT,
    "percent": _INT32,
}
SERVICE = message(
    "Service",
    {
        **_RESOURCE,
        "template": REVISION_TEMPLATE,
        "ingress": choice(
            "IngressTraffic",
            "INGRESS_TRAFFIC_UNSPECIFIED",
            "INGRESS_TRAFFIC_ALL",
            "INGRESS_TRAFFIC_INTERNAL_ONLY",
            "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
            "INGRESS_TRAFFIC_NONE",
        ),
        "traffic": ListOf(message("TrafficTarget", _TRAFFIC)),
        "scaling": message(
            "ServiceScaling",
            {
                "minInstanceCount": _INT32,
                "scalingMode": choice("ServiceScaling.ScalingMode", "SCALING_MODE_UNSPECIFIED", "AUTOMATIC", "MANUAL"),
                "maxInstanceCount": _INT32,
                "manualInstanceCount": _INT32,
            },
            present=("manualInstanceCount",),
        ),
        "invokerIamDisabled": _FLAG,
        "defaultUriDisabled": _FLAG,
        "urls": _TEXTS,
        "iapEnabled": _FLAG,
        "multiRegionSettings": message("Service.MultiRegionSettings", {"regions": _TEXTS, "multiRegionId": _TEXT}),
        "trafficStatuses": ListOf(message("TrafficTargetStatus", {**_TRAFFIC, "uri": _TEXT})),
        "uri": _TEXT,
        "buildConfig": message(
            "BuildConfig",
            {
                "name": _TEXT,
                "sourceLocation": _TEXT,
                "functionTarget": _TEXT,
                "imageUri": _TEXT,
                "baseImage": _TEXT,
                "enableAutomaticUpdates": _FLAG,
                "workerPool": _TEXT,
                "environmentVariables": MapOf(),
                "serviceAccount": _TEXT,
            },
            output_only=("name",),
        ),
        "functionalType": FUNCTIONAL_TYPE,
        "sshEnabled": _FLAG,
    },
    output_only=(*_OUTPUT_ONLY, "urls", "trafficStatuses", "uri"),
)
WORKER_POOL = message(
    "WorkerPool",
    {
        **_RESOURCE,
        "template": WORKER_POOL_TEMPLATE,
        "instanceSplits": ListOf(message("InstanceSplit", _SPLIT)),
        "scaling": message("WorkerPoolScaling", {"manualInstanceCount": _INT32}, present=("manualInstanceCount",)),
        "instanceSplitStatuses": ListOf(message("InstanceSplitStatus", _SPLIT)),
    },
    output_only=(*_OUTPUT_ONLY, "instanceSplitStatuses"),
)
