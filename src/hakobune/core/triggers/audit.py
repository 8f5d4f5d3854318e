"""Events that tell of calls which changed something: entries of the audit log, as Eventarc delivers them.

Source: https://github.com/googleapis/google-cloudevents, proto/google/events/cloud/audit/v1/data.proto;
https://cloud.google.com/eventarc/docs/cloudevents.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from hakobune.core.instants import timestamp_to_text
from hakobune.core.triggers.event_types import AUDIT_LOG
from hakobune.core.triggers.events import CloudEvent

_AUDIT = "type.googleapis.com/google.cloud.audit.AuditLog"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedCall:
    """A call that has changed something: `storage.googleapis.com`, `storage.objects.create`, …, and whose it was."""

    service: str
    method: str
    resource: str
    principal: str


def audit_event(call: AuditedCall, project: str, insert_id: str, at_s: float) -> CloudEvent:
    """The event that tells of a call. Its id is that of the entry."""
    instant = timestamp_to_text(at_s)
    log = f"projects/{project}/logs/cloudaudit.googleapis.com%2Factivity"
    entry = {
        "protoPayload": {
            "@type": _AUDIT,
            "serviceName": call.service,
            "methodName": call.method,
            "resourceName": call.resource,
            "authenticationInfo": {"principalEmail": call.principal},
            "status": {},
        },
        "insertId": insert_id,
        "logName": log,
        "resource": {"type": "audited_resource", "labels": _labels(call, project)},
        "severity": "NOTICE",
        "timestamp": instant,
        "receiveTimestamp": instant,
    }
    return CloudEvent(
        id=f"{log.replace('%2F', '/')}/{insert_id}",
        source=f"//cloudaudit.googleapis.com/projects/{project}/logs/activity",
        type=AUDIT_LOG,
        subject=f"{call.service}/{call.resource}",
        time=instant,
        data_content_type="application/json; charset=utf-8",
        extensions={
            "servicename": call.service,
            "methodname": call.method,
            "resourcename": call.resource,
            "recordedtime": instant,
        },
        data=json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode(),
    )


def project_of(call: AuditedCall) -> str:
    """The project that a resource's name tells; "" if it tells none."""
    parts = call.resource.split("/")
    if len(parts) > 1 and parts[0] in ("projects", "namespaces") and parts[1] != "_":
        return parts[1]
    return ""


def bucket_of(call: AuditedCall) -> str:
    """The bucket that a resource's name tells; "" if it tells none."""
    parts = call.resource.split("/")
    return parts[3] if parts[:3] == ["projects", "_", "buckets"] and len(parts) > 3 else ""


def _labels(call: AuditedCall, project: str) -> dict[str, str]:
    return {"project_id": project, "service": call.service, "method": call.method}
