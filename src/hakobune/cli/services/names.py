"""The two subjects: services and worker pools."""

from __future__ import annotations

from hakobune.cli.containers.flags import CONTAINER_FLAGS as SHARED_FLAGS
from hakobune.cli.errors import CommandError, UsageError
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

_NAME_RULE = (
    "The name must use only lowercase alphanumeric characters and dashes, cannot begin or end with a dash, and cannot"
    " be longer than 63 characters."
)
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


def check_name(subject: Subject, name: str) -> None:
    """Raises CommandError for a name that Cloud Run does not take."""
    if not name:
        raise UsageError(f"argument {subject.positional.replace('-', '_').upper()}: Must be specified.")
    if len(name) > 63 or name[0] == "-" or name[-1] == "-" or not _LETTERS.issuperset(name):
        raise CommandError(f"Invalid resource name [{name}]. {_NAME_RULE}")
