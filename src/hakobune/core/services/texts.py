"""What residents say when something goes wrong. Texts of Google's services where they are known, so that what reads
them finds what it looks for."""

from __future__ import annotations

from collections.abc import Sequence

from hakobune.core.instants import timestamp_to_text
from hakobune.core.services.model import CrashLoop, Probe, ProbeKind
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


def listening(addresses: Sequence[str], port: int) -> str:
    """Where a program listens instead of on the port that it was given; "": nothing is known of that."""
    if not addresses:
        return ""
    if all(address.endswith(f"]:{port}") for address in addresses):
        return f"It listens on {' and '.join(addresses)} only, which IPv4 does not reach: listen on 0.0.0.0."
    if any(address.endswith(f":{port}") for address in addresses):
        return ""
    return f"It listens on {' and '.join(addresses)}, not on PORT={port}: read the number from the variable PORT."


def probe_failed(kind: str, probe: Probe, port: int, attempts: int, how: str = "") -> str:
    """Of a startup or liveness probe that failed as often as it may. `how` says what the program does instead."""
    shown = {ProbeKind.HTTP: "HTTP", ProbeKind.TCP: "TCP", ProbeKind.GRPC: "gRPC"}[probe.kind]
    path = f' path "{probe.path}" on' if probe.kind is ProbeKind.HTTP else ""
    return (
        f"{kind} {shown} probe failed {attempts} time{'s' if attempts != 1 else ''} consecutively for container "
        f"on{path} port {port}. The instance was not started successfully or was shut down. {how}{' ' if how else ''}"
        "Logs for this revision might contain more information."
    )


def cannot_start(detail: str) -> str:
    """Of a program that is not there, or cannot be started as declared."""
    return f"The container cannot be started: {detail}"


def crashing(loop: CrashLoop) -> str:
    """Of a resident whose instances end again and again."""
    return (
        f"Its instances end by themselves again and again, {loop.failures} times in a row by now. The last one: "
        f"{loop.detail} The next one starts at {timestamp_to_text(loop.restart_s)}. "
        "Logs for this revision might contain more information."
    )


def ended(exit_code: int | None, signal: int | None, detail: str) -> str:
    """How an instance ended by itself."""
    if exit_code is not None:
        return f"Container called exit({exit_code})."
    if signal is not None:
        return f"Container terminated on signal {signal}."
    return detail or "The instance was lost."
