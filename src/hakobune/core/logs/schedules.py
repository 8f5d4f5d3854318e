"""What the platform says about the attempts of schedules.

Source: google.cloud.scheduler.logging.AttemptStarted and AttemptFinished; names of the log, of the resource and of its
labels: Cloud Logging documentation, "Monitored resource types". Texts of `debugInfo` are ours.
"""

from __future__ import annotations

from typing import Final

from hakobune.core.errors import Code
from hakobune.core.instants import timestamp_to_text
from hakobune.core.logs.entries import LogEntry, Resource, Severity, insert_id, log_name
from hakobune.core.schedules.model import Outcome, Run, Schedule

LOG: Final = "cloudscheduler.googleapis.com/executions"
RESOURCE: Final = "cloud_scheduler_job"

_TYPES: Final = "type.googleapis.com/google.cloud.scheduler.logging"
_TEXT_CHARS: Final = 1_250  # 5 kB, of characters of up to four bytes


def attempt_started(schedule: Schedule, run: Run, at_s: float) -> LogEntry:
    """A request or a message is sent."""
    payload = {"scheduledTime": timestamp_to_text(run.slot_s)}
    return _entry(schedule, run, at_s, "AttemptStarted", Severity.INFO, payload)


def attempt_finished(schedule: Schedule, run: Run, outcome: Outcome, at_s: float) -> LogEntry:
    """It was answered, or not."""
    if outcome.code is Code.OK:
        return _entry(schedule, run, at_s, "AttemptFinished", Severity.INFO, {})
    payload = {"status": outcome.code.name, "debugInfo": outcome.message[:_TEXT_CHARS]}
    return _entry(schedule, run, at_s, "AttemptFinished", Severity.ERROR, payload)


def _entry(schedule: Schedule, run: Run, at_s: float, kind: str, severity: Severity, more: dict[str, str]) -> LogEntry:
    name = schedule.name
    payload = {"@type": f"{_TYPES}.{kind}", "jobName": str(name), **_target(schedule), **more}
    return LogEntry(
        insert_id=insert_id(at_s, f"{run.uid}/{run.attempts}/{kind}"),
        log_name=log_name(name.project, LOG),
        timestamp_s=at_s,
        timestamp_text=timestamp_to_text(at_s),
        receive_s=at_s,
        severity=severity,
        json_payload=payload,
        resource=Resource(
            type=RESOURCE, labels={"project_id": name.project, "location": name.location, "job_id": name.job}
        ),
    )


def _target(schedule: Schedule) -> dict[str, str]:
    if schedule.pubsub is not None:
        return {"targetType": "PUB_SUB", "pubsubTopic": schedule.pubsub.topic}
    assert schedule.http is not None
    return {"targetType": "HTTP", "url": schedule.http.uri}
