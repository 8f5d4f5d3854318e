"""What the platform says about requests to services: one entry each, in the log `run.googleapis.com/requests`.

Source: Cloud Run, "View logs" (https://cloud.google.com/run/docs/logging), and HttpRequest of the Cloud Logging API v2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hakobune.core.instants import timestamp_to_text
from hakobune.core.logs.entries import INSTANCE_LABEL, LogEntry, Resource, Severity, insert_id, log_name

LOG: Final = "run.googleapis.com/requests"
RESOURCE: Final = "cloud_run_revision"
_CLIENT_ERROR: Final = 400
_SERVER_ERROR: Final = 500
_URL_CHARS: Final = 2_048  # ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A request and its end. Names are last parts; `instance` is "" if none has had it. Seconds since the epoch."""

    project: str
    location: str
    service: str
    revision: str
    instance: str
    number: int  # unique in this runtime's life
    method: str
    url: str
    status: int
    size_bytes: int
    user_agent: str
    referer: str
    remote_ip: str
    trace: str
    started_s: float
    latency_s: float


def request_entry(served: Served) -> LogEntry:
    """The entry of a request that is over."""
    request: dict[str, object] = {
        "requestMethod": served.method,
        "requestUrl": served.url[:_URL_CHARS],
        "status": served.status,
        "responseSize": str(served.size_bytes),
        "userAgent": served.user_agent,
        "referer": served.referer,
        "remoteIp": served.remote_ip,
        "latency": f"{max(0.0, served.latency_s):.9f}s",
        "protocol": "HTTP/1.1",
    }
    at_s = served.started_s
    place = f"{served.project}/{served.location}/{served.service}/{served.number}"
    return LogEntry(
        insert_id=insert_id(at_s, place),
        log_name=log_name(served.project, LOG),
        timestamp_s=at_s,
        timestamp_text=timestamp_to_text(at_s),
        receive_s=at_s + served.latency_s,
        severity=_severity(served.status),
        http_request={name: value for name, value in request.items() if value != ""},
        resource=Resource(
            type=RESOURCE,
            labels={
                "project_id": served.project,
                "location": served.location,
                "service_name": served.service,
                "configuration_name": served.service,
                "revision_name": served.revision,
            },
        ),
        labels={INSTANCE_LABEL: served.instance} if served.instance else {},
        trace=f"projects/{served.project}/traces/{served.trace}",
        trace_sampled=True,
    )


def left_out_entry(project: str, count: int, at_s: float) -> LogEntry:
    """The entry that stands for requests which have none of their own. Ours."""
    return LogEntry(
        insert_id=insert_id(at_s, f"{project}/left out"),
        log_name=log_name(project, LOG),
        timestamp_s=at_s,
        timestamp_text=timestamp_to_text(at_s),
        receive_s=at_s,
        severity=Severity.NOTICE,
        text_payload=f"{count} more requests were served, too many for an entry each.",
        resource=Resource(type=RESOURCE, labels={"project_id": project}),
    )


def _severity(status: int) -> Severity:
    if status >= _SERVER_ERROR:
        return Severity.ERROR
    return Severity.WARNING if status >= _CLIENT_ERROR else Severity.INFO
