"""What the platform says about ended attempts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hakobune.core.containers import Container
from hakobune.core.jobs.model import AttemptRecord, AttemptResult, Cause, Execution, ResultKind, TaskTemplate
from hakobune.core.jobs.states import ExecutionState
from hakobune.core.logs.entries import Severity
from hakobune.core.logs.progress import Progress, progress_from_line
from hakobune.core.logs.system import system_entry
from hakobune.core.names import JobName

MIB = 1024 * 1024


def an_execution(memory: str = "512Mi") -> Execution:
    job = JobName(project="p1", location="us-central1", job="thumbs")
    container = Container(image="local", limits={"memory": memory})
    return Execution(
        name=job.execution("thumbs-x7k2p"),
        uid="e-uid",
        job_uid="j-uid",
        job_generation=1,
        etag="",
        task_count=1,
        parallelism=1,
        template=TaskTemplate(containers=(container,), timeout_s=90.0),
        state=ExecutionState.RUNNING,
        create_time_s=1.0,
        update_time_s=1.0,
    )


def an_attempt(result: AttemptResult | None, end_time_s: float | None = 5.5) -> AttemptRecord:
    return AttemptRecord(
        uid="e-uid.3.1",
        index=3,
        number=1,
        cause=Cause.RETRY,
        create_time_s=2.0,
        start_time_s=3.0,
        end_time_s=end_time_s,
        result=result,
        max_rss_bytes=517 * MIB,
    )


@pytest.mark.parametrize(
    ("result", "severity", "text"),
    [
        (AttemptResult(kind=ResultKind.SUCCESS, exit_code=0), Severity.INFO, "Container called exit(0)."),
        (AttemptResult(kind=ResultKind.EXIT, exit_code=3), Severity.WARNING, "Container called exit(3)."),
        (AttemptResult(kind=ResultKind.SIGNAL, signal=9), Severity.WARNING, "Container terminated on signal 9."),
        (AttemptResult(kind=ResultKind.CANCELLED, signal=15), Severity.WARNING, "Container terminated on signal 15."),
        (
            AttemptResult(kind=ResultKind.MEMORY),
            Severity.ERROR,
            (
                "Memory limit of 512 MiB exceeded with 517 MiB used. Consider increasing the memory limit, "
                "see https://cloud.google.com/run/docs/configuring/memory-limits"
            ),
        ),
        (
            AttemptResult(kind=ResultKind.TIMEOUT),
            Severity.ERROR,
            (
                "Terminating task because it has reached the maximum timeout of 90 seconds. To change this limit, "
                "see https://cloud.google.com/run/docs/configuring/task-timeout"
            ),
        ),
        (
            AttemptResult(kind=ResultKind.LOST),
            Severity.WARNING,
            "The attempt was lost when the runtime stopped; it does not count as a retry.",
        ),
        (
            AttemptResult(kind=ResultKind.START_FAILED, detail="no-such-program: not found."),
            Severity.ERROR,
            "The container failed to start. no-such-program: not found.",
        ),
    ],
)
def test_each_way_to_end_has_its_line(result: AttemptResult, severity: Severity, text: str) -> None:
    entry = system_entry(an_execution(), an_attempt(result))
    assert entry is not None
    assert (entry.severity, entry.text_payload) == (severity, text)
    assert entry.log_name == "projects/p1/logs/run.googleapis.com%2Fvarlog%2Fsystem"
    assert entry.timestamp_s == 5.5
    assert entry.resource.labels == {"project_id": "p1", "location": "us-central1", "job_name": "thumbs"}
    assert (
        entry.labels.items()
        >= {
            "run.googleapis.com/execution_name": "thumbs-x7k2p",
            "run.googleapis.com/task_index": "3",
            "run.googleapis.com/task_attempt": "1",
        }.items()
    )


@pytest.mark.parametrize(
    ("result", "end_time_s"),
    [
        (None, None),
        (AttemptResult(kind=ResultKind.SUCCESS), None),
        (AttemptResult(kind=ResultKind.CANCELLED), 5.5),
    ],
)
def test_given_nothing_to_say_then_there_is_no_line(result: AttemptResult | None, end_time_s: float | None) -> None:
    assert system_entry(an_execution(), an_attempt(result, end_time_s)) is None


def test_given_an_attempt_that_was_lost_before_it_started_then_there_is_no_line() -> None:
    lost = replace(an_attempt(AttemptResult(kind=ResultKind.LOST)), start_time_s=None)
    assert system_entry(an_execution(), lost) is None


def test_given_a_limit_that_is_no_quantity_then_the_memory_line_is_there_all_the_same() -> None:
    entry = system_entry(an_execution(memory="lots"), an_attempt(AttemptResult(kind=ResultKind.MEMORY)))
    assert entry is not None
    assert "517 MiB used" in str(entry.text_payload)


@pytest.mark.parametrize(
    ("line", "progress"),
    [
        (b'{"hakobune.dev/progress": {"done": 3, "total": 9, "note": "n"}}', Progress(done=3, total=9, note="n")),
        (b'{"message": "m", "hakobune.dev/progress": {"done": 3}}', Progress(done=3, total=0)),
        (b'{"hakobune.dev/progress": {"done": -3, "total": 9}}', None),
        (b'{"hakobune.dev/progress": {"done": true, "total": 9}}', None),
        (b'{"hakobune.dev/progress": 5}', None),
        (b'{"message": "hakobune.dev/progress"}', None),
        (b"hakobune.dev/progress", None),
        (b"", None),
    ],
)
def test_progress_is_said_by_one_key(line: bytes, progress: Progress | None) -> None:
    assert progress_from_line(line) == progress
