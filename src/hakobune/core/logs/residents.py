"""Entries of what instances of services and worker pools write, and of what the platform says about them.

Source of types and labels: Cloud Logging, monitored resources `cloud_run_revision`, `cloud_run_worker_pool`.
"""

from __future__ import annotations

import hashlib

from hakobune.core.instants import timestamp_to_text
from hakobune.core.logs.entries import (
    INSTANCE_LABEL,
    SYSTEM,
    LogEntry,
    Resource,
    Severity,
    insert_id,
    log_name,
)
from hakobune.core.services.model import Revision
from hakobune.core.services.names import Kind, RevisionName

SERVICE_RESOURCE = "cloud_run_revision"
POOL_RESOURCE = "cloud_run_worker_pool"
CONTAINER_LABEL = "container_name"


def resident_resource(revision: RevisionName) -> Resource:
    """The resource of everything that the instances of a revision write."""
    resident = revision.resident
    labels = {"project_id": resident.project, "location": resident.location, "revision_name": revision.revision}
    if resident.kind is Kind.POOL:
        return Resource(type=POOL_RESOURCE, labels={**labels, "worker_pool_name": resident.id})
    return Resource(
        type=SERVICE_RESOURCE, labels={**labels, "service_name": resident.id, "configuration_name": resident.id}
    )


def resident_labels(instance_uid: str, container: str) -> dict[str, str]:
    """Labels of everything that one instance writes. The instance id is ours: a digest, the same for ever."""
    instance = hashlib.sha256(instance_uid.encode()).hexdigest()
    labels = {INSTANCE_LABEL: f"00{instance[:62]}"}
    if container:
        labels[CONTAINER_LABEL] = container
    return labels


def instance_ended(revision: Revision, instance_uid: str, at_s: float, text: str, *, is_good: bool) -> LogEntry:
    """The platform's entry about an instance that ended by itself. Severities as for tasks (`system`)."""
    members = revision.template.members
    return LogEntry(
        insert_id=insert_id(at_s, f"{instance_uid}/end"),
        log_name=log_name(revision.name.resident.project, SYSTEM),
        timestamp_s=at_s,
        timestamp_text=timestamp_to_text(at_s),
        receive_s=at_s,
        severity=Severity.INFO if is_good else Severity.WARNING,
        text_payload=text,
        resource=resident_resource(revision.name),
        labels=resident_labels(instance_uid, members[0].container.name if members else ""),
    )
