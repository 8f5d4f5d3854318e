"""Services and worker pools of the Cloud Run Admin API v1 (Knative shape), as tables.

Source: the API's discovery document (https://run.googleapis.com/$discovery/rest?version=v1); a test compares it with
these tables. What the service reports is known and ignored: clients send it back.
"""

from __future__ import annotations

from hakobune.wire.run_v1_schema import CONTAINER, METADATA, REFERENCE, SANDBOXES, VOLUME, message
from hakobune.wire.schema import ListOf, MapOf, Scalar

_TEXT, _FLAG, _INT32 = Scalar.TEXT, Scalar.FLAG, Scalar.INT32

_REVISION_TEMPLATE = message(
    "RevisionTemplate",
    {
        "metadata": METADATA,
        "spec": message(
            "RevisionSpec",
            {
                "containerConcurrency": _INT32,
                "containers": ListOf(CONTAINER),
                "enableServiceLinks": _FLAG,
                "imagePullSecrets": ListOf(REFERENCE),
                "nodeSelector": MapOf(),
                "runtimeClassName": _TEXT,
                "sandboxes": SANDBOXES,
                "serviceAccountName": _TEXT,
                "timeoutSeconds": _INT32,
                "volumes": ListOf(VOLUME),
            },
        ),
    },
)
SERVICE = message(
    "Service",
    {
        "apiVersion": _TEXT,
        "kind": _TEXT,
        "metadata": METADATA,
        "spec": message(
            "ServiceSpec",
            {
                "template": _REVISION_TEMPLATE,
                "traffic": ListOf(
                    message(
                        "TrafficTarget",
                        {
                            "configurationName": _TEXT,
                            "latestRevision": _FLAG,
                            "percent": _INT32,
                            "revisionName": _TEXT,
                            "tag": _TEXT,
                            "url": _TEXT,
                        },
                        output_only=("url",),
                    )
                ),
            },
        ),
        "status": Scalar.ANYTHING,
    },
    output_only=("status",),
)
WORKER_POOL = message(
    "WorkerPool",
    {
        "apiVersion": _TEXT,
        "kind": _TEXT,
        "metadata": METADATA,
        "spec": message(
            "WorkerPoolSpec",
            {
                "template": _REVISION_TEMPLATE,
                "instanceSplits": ListOf(
                    message("InstanceSplit", {"latestRevision": _FLAG, "percent": _INT32, "revisionName": _TEXT})
                ),
            },
        ),
        "status": Scalar.ANYTHING,
    },
    output_only=("status",),
)
