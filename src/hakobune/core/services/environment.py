"""What an instance finds in its environment. Source: "Container runtime contract"
(https://cloud.google.com/run/docs/container-contract#env-vars). The user's variables win over all but the reserved
names of the revision."""

from __future__ import annotations

from collections.abc import Mapping

from hakobune.core.containers import Container, given_environment
from hakobune.core.services.names import Kind, RevisionName

PORT = "PORT"
WORK_FILE = "HAKOBUNE_WORK_FILE"  # read by hakobune.sdk


def instance_environment(
    revision: RevisionName, container: Container, *, home: str, runtime: Mapping[str, str]
) -> dict[str, str]:
    """The environment that all instances of a revision share. Variables that name a secret are left out: each instance
    gets the values of its own start."""
    return {**given_environment(container, home=home, runtime=runtime), **_reserved(revision)}


def _reserved(revision: RevisionName) -> dict[str, str]:
    resident = revision.resident
    if resident.kind is Kind.SERVICE:
        return {"K_SERVICE": resident.id, "K_REVISION": revision.revision, "K_CONFIGURATION": resident.id}
    return {
        "CLOUD_RUN_WORKER_POOL": resident.id,
        "CLOUD_RUN_WORKER_POOL_REVISION": revision.revision,
        "CLOUD_RUN_REVISION": revision.revision,
    }
