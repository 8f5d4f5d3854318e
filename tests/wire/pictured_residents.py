"""Services, worker pools and revisions as the runtime knows them, for the tests of both wires."""

from __future__ import annotations

import copy
from dataclasses import fields

from hakobune.core.services.model import Resident, ResidentDraft, Revision, RevisionState
from hakobune.core.services.names import Kind, ResidentName
from hakobune.wire.run_v2_residents import resident_draft_from_json

SERVICE = ResidentName.make(Kind.SERVICE, "p1", "us-central1", "api")
POOL = ResidentName.make(Kind.POOL, "p1", "us-central1", "consumer")
CREATED_S = 1_795_410_000.101  # 2026-11-23T05:00:00.101Z


def minimal() -> dict[str, object]:
    return {"template": {"containers": [{"image": "local", "command": ["true"]}]}}


def full_service() -> dict[str, object]:
    """A service that says everything that both APIs can say, in canonical v2 JSON."""
    return {
        "description": "answers",
        "labels": {"team": "media"},
        "annotations": {"example.com/owner": "a b c"},
        "client": "gcloud",
        "clientVersion": "578.0.0",
        "launchStage": "BETA",
        "ingress": "INGRESS_TRAFFIC_INTERNAL_ONLY",
        "invokerIamDisabled": True,
        "customAudiences": ["https://example.com"],
        "iapEnabled": True,
        "binaryAuthorization": {"useDefault": True},
        "scaling": {"minInstanceCount": 1, "maxInstanceCount": 7, "scalingMode": "MANUAL", "manualInstanceCount": 0},
        "traffic": [
            {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 90},
            {
                "type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION",
                "revision": "api-00001-abc",
                "percent": 10,
                "tag": "old",
            },
        ],
        "template": {
            "revision": "api-blue",
            "labels": {"run": "nightly"},
            "annotations": {"example.com/x": "y"},
            "scaling": {"minInstanceCount": 2, "maxInstanceCount": 5},
            "vpcAccess": {"connector": "c", "egress": "ALL_TRAFFIC"},
            "timeout": "60s",
            "serviceAccount": "me@p1.iam.gserviceaccount.com",
            "executionEnvironment": "EXECUTION_ENVIRONMENT_GEN2",
            "encryptionKey": "k",
            "maxInstanceRequestConcurrency": 7,
            "sessionAffinity": True,
            "healthCheckDisabled": True,
            "nodeSelector": {"accelerator": "nvidia-l4"},
            "gpuZonalRedundancyDisabled": True,
            "containers": [
                {
                    "name": "app",
                    "image": "us-docker.pkg.dev/p1/app/api:1",
                    "command": ["python", "-m"],
                    "args": ["api"],
                    "env": [
                        {"name": "BUCKET", "value": "uploads"},
                        {"name": "TOKEN", "valueSource": {"secretKeyRef": {"secret": "s", "version": "latest"}}},
                    ],
                    "workingDir": "/app",
                    "resources": {
                        "limits": {"cpu": "2000m", "memory": "1Gi"},
                        "cpuIdle": True,
                        "startupCpuBoost": True,
                    },
                    "ports": [{"name": "h2c", "containerPort": 9000}],
                    "startupProbe": {
                        "initialDelaySeconds": 1,
                        "timeoutSeconds": 2,
                        "periodSeconds": 3,
                        "failureThreshold": 4,
                        "httpGet": {
                            "path": "/up",
                            "port": 9000,
                            "httpHeaders": [{"name": "X-A", "value": "b"}],
                        },
                    },
                    "livenessProbe": {
                        "timeoutSeconds": 1,
                        "periodSeconds": 10,
                        "failureThreshold": 3,
                        "grpc": {"port": 9001, "service": "s"},
                    },
                    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                }
            ],
            "volumes": [{"name": "data", "gcs": {"bucket": "uploads", "readOnly": True}}],
        },
    }


def full_pool() -> dict[str, object]:
    """A worker pool that says everything that both APIs can say, in canonical v2 JSON."""
    pool = copy.deepcopy(full_service())
    for field in ("ingress", "invokerIamDisabled", "iapEnabled", "traffic"):
        del pool[field]
    template = pool["template"]
    assert isinstance(template, dict)
    for field in (
        "scaling",
        "timeout",
        "executionEnvironment",
        "maxInstanceRequestConcurrency",
        "sessionAffinity",
        "healthCheckDisabled",
    ):
        del template[field]
    template["revision"] = "consumer-blue"
    del template["containers"][0]["ports"]
    pool["scaling"] = {"manualInstanceCount": 3}
    pool["instanceSplits"] = [
        {"type": "INSTANCE_SPLIT_ALLOCATION_TYPE_LATEST", "percent": 50},
        {"type": "INSTANCE_SPLIT_ALLOCATION_TYPE_REVISION", "revision": "consumer-00001-abc", "percent": 50},
    ]
    return pool


def resident_of(name: ResidentName, draft: ResidentDraft, **changes: object) -> Resident:
    """The resident that a draft declares, ready with its second revision."""
    declared = {field.name: getattr(draft, field.name) for field in fields(draft) if field.name != "etag"}
    state: dict[str, object] = {
        "uid": "0d5f0000-0000-4000-8000-000000000000",
        "etag": '"abc"',
        "generation": 2,
        "observed_generation": 2,
        "create_time_s": CREATED_S,
        "update_time_s": CREATED_S + 60,
        "settle_time_s": CREATED_S + 61,
        "creator": "me@example.com",
        "last_modifier": "you@example.com",
        "port": 18080 if name.kind is Kind.SERVICE else 0,
        "revisions_made": 2,
        "latest_created": f"{name.id}-00002-xyz",
        "latest_ready": f"{name.id}-00002-xyz",
        "is_reconciling": False,
    }
    return Resident(name=name, **{**declared, **state, **changes})  # type: ignore[arg-type]


def a_resident(name: ResidentName, body: dict[str, object] | None = None, **changes: object) -> Resident:
    return resident_of(name, resident_draft_from_json(name, minimal() if body is None else body), **changes)


def a_revision(name: ResidentName, body: dict[str, object] | None = None, **changes: object) -> Revision:
    draft = resident_draft_from_json(name, minimal() if body is None else body)
    state: dict[str, object] = {
        "uid": "1d5f0000-0000-4000-8000-000000000000",
        "resident_uid": "0d5f0000-0000-4000-8000-000000000000",
        "number": 2,
        "etag": '"def"',
        "create_time_s": CREATED_S,
        "update_time_s": CREATED_S + 1,
        "state_time_s": CREATED_S + 1.5,
        "creator": "me@example.com",
        "template": draft.template,
        "state": RevisionState.READY,
    }
    return Revision(name=name.revision(f"{name.id}-00002-xyz"), **{**state, **changes})  # type: ignore[arg-type]
