"""The two subjects: services and worker pools."""

from __future__ import annotations

from hakobune.cli.containers.flags import CONTAINER_FLAGS as SHARED_FLAGS
from hakobune.cli.services.deploy_flags import CONTAINER_FLAGS, PROBE
from hakobune.cli.services.subject import Subject

SERVICE = Subject(
    plural="services",
    kind="Service",
    api_version="serving.knative.dev/v1",
    positional="service",
    noun="service",
    title="Service",
    shares="traffic",
    divided="traffic",
    file="service.yaml",
    words="run services",
    container_flags=CONTAINER_FLAGS,
)
POOL_CONTAINER_FLAGS = (*SHARED_FLAGS, PROBE)
WORKER_POOL = Subject(
    plural="workerpools",
    kind="WorkerPool",
    api_version="run.googleapis.com/v1",
    positional="worker-pool",
    noun="worker pool",
    title="Worker pool",
    shares="instanceSplits",
    divided="instances",
    file="worker-pool.yaml",
    words="run worker-pools",
    container_flags=POOL_CONTAINER_FLAGS,
)
