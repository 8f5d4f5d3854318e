"""What the platform says about attempts that have ended. Not stored: it follows from their records.

Texts: seen in entries of the real service that are quoted in public repositories (exit, signal, memory, timeout).
Inferred: the severity WARNING of exit codes other than 0. Ours: failed starts, lost attempts.
"""

from __future__ import annotations

from hakobune.core.jobs.model import AttemptRecord, AttemptResult, Execution, ResultKind
from hakobune.core.jobs.texts import attempt_status
from hakobune.core.logs.entries import SYSTEM, LogEntry, Severity, insert_id, job_labels, job_resource, log_name
from hakobune.core.quantities import bytes_from_quantity

_MEBIBYTE = 1024 * 1024
_MEMORY_HELP = "Consider increasing the memory limit, see https://cloud.google.com/run/docs/configuring/memory-limits"
_LOST_TEXT = "The attempt was lost when the runtime stopped; it does not count as a retry."
_TIMEOUT_HELP = "To change this limit, see https://cloud.google.com/run/docs/configuring/task-timeout"


def system_entry(execution: Execution, attempt: AttemptRecord) -> LogEntry | None:
    """The platform's entry about an ended attempt, or None if there is nothing to say (it never ran, or still does)."""
    if attempt.result is None or attempt.end_time_s is None:
        return None
    said = _text(execution, attempt, attempt.result)
    if said is None:
        return None
    severity, text = said
    name = execution.name
    return LogEntry(
        insert_id=insert_id(attempt.end_time_s, f"{attempt.uid}/end"),
        log_name=log_name(name.project, SYSTEM),
        timestamp_s=attempt.end_time_s,
        receive_s=attempt.end_time_s,
        severity=severity,
        text_payload=text,
        resource=job_resource(name.project, name.location, name.job),
        labels=job_labels(name.execution, execution.uid, attempt.index, attempt.number),
    )


def _text(execution: Execution, attempt: AttemptRecord, result: AttemptResult) -> tuple[Severity, str] | None:
    match result.kind:
        case ResultKind.SUCCESS:
            return Severity.INFO, "Container called exit(0)."
        case ResultKind.EXIT:
            return Severity.WARNING, f"Container called exit({result.exit_code or 0})."
        case ResultKind.SIGNAL:
            return Severity.WARNING, f"Container terminated on signal {result.signal or 0}."
        case ResultKind.MEMORY:
            return Severity.ERROR, _memory_text(execution, attempt)
        case ResultKind.TIMEOUT:
            limit = f"{execution.template.timeout_s:g}"
            return (
                Severity.ERROR,
                f"Terminating task because it has reached the maximum timeout of {limit} seconds. {_TIMEOUT_HELP}",
            )
        case ResultKind.CANCELLED:
            return (
                None
                if result.signal is None
                else (
                    Severity.WARNING,
                    f"Container terminated on signal {result.signal}.",
                )
            )
        case ResultKind.START_FAILED:
            return Severity.ERROR, attempt_status(result).message
        case ResultKind.LOST:
            return None if attempt.start_time_s is None else (Severity.WARNING, _LOST_TEXT)


def _memory_text(execution: Execution, attempt: AttemptRecord) -> str:
    limit = execution.template.containers[0].limits.get("memory", "") if execution.template.containers else ""
    try:
        limit_mib = bytes_from_quantity(limit) // _MEBIBYTE
    except ValueError:
        limit_mib = 0  # stored by a version that let it through; the sum that was used still tells
    used_mib = max(attempt.max_rss_bytes // _MEBIBYTE, limit_mib)
    return f"Memory limit of {limit_mib} MiB exceeded with {used_mib} MiB used. {_MEMORY_HELP}"
