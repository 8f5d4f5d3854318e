"""What residents say when something goes wrong. Texts of Google's services where they are known, so that what reads
them finds what it looks for."""

from __future__ import annotations

from hakobune.core.services.model import Probe, ProbeKind
from hakobune.core.services.names import Kind, ResidentName, RevisionName

HEALTH_REASON = "HEALTH_CHECK_CONTAINER_ERROR"  # Condition.RevisionReason
FAILED_REASON = "REVISION_FAILED"  # Condition.CommonReason
MISSING_REASON = "CONTAINER_MISSING"

_KINDS = {Kind.SERVICE: "SERVICE", Kind.POOL: "WORKER POOL"}


def missing(name: ResidentName | RevisionName) -> str:
    """The service's own text for what does not exist."""
    resident = name.resident if isinstance(name, RevisionName) else name
    last, kind = (name.revision, "REVISION") if isinstance(name, RevisionName) else (name.id, _KINDS[resident.kind])
    return (
        f"Resource '{last}' of kind '{kind}' in region '{resident.location}' in project '{resident.project}' "
        "does not exist."
    )


def serving(revision: RevisionName) -> str:
    """Why a revision cannot be deleted."""
    return f'Revision "{revision.revision}" cannot be directly deleted because it is actively serving.'


def not_ready(revision: RevisionName, message: str) -> str:
    """What a resident says of its newest revision that failed."""
    purpose = "serve traffic" if revision.resident.kind is Kind.SERVICE else "process workloads"
    return f"Revision '{revision.revision}' is not ready and cannot {purpose}. {message}"


def not_listening(port: int, how: str) -> str:
    """Of a program that does not listen. `how` says what it did instead; "": it ran until the time was over."""
    after = how or "It runs, but nothing listens on that port: read the number from the variable PORT."
    return (
        "The user-provided container failed to start and listen on the port defined provided by the "
        f"PORT={port} environment variable within the allocated timeout. {after} "
        "Logs for this revision might contain more information."
    )


def probe_failed(kind: str, probe: Probe, port: int, attempts: int) -> str:
    """Of a startup or liveness probe that failed as often as it may."""
    shown = {ProbeKind.HTTP: "HTTP", ProbeKind.TCP: "TCP", ProbeKind.GRPC: "gRPC"}[probe.kind]
    path = f' path "{probe.path}" on' if probe.kind is ProbeKind.HTTP else ""
    return (
        f"{kind} {shown} probe failed {attempts} time{'s' if attempts != 1 else ''} consecutively for container "
        f"on{path} port {port}. The instance was not started successfully or was shut down. "
        "Logs for this revision might contain more information."
    )


def cannot_start(detail: str) -> str:
    """Of a program that is not there, or cannot be started as declared."""
    return f"The container cannot be started: {detail}"


def ended(exit_code: int | None, signal: int | None, detail: str) -> str:
    """How an instance ended by itself."""
    if exit_code is not None:
        return f"Container called exit({exit_code})."
    if signal is not None:
        return f"Container terminated on signal {signal}."
    return detail or "The instance was lost."
