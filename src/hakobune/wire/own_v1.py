"""JSON of what no Google API has: progress of an execution, and the attempts of a task."""

from __future__ import annotations

from hakobune.core.instants import timestamp_to_text
from hakobune.core.jobs.model import AttemptRecord
from hakobune.core.logs.progress import Progress
from hakobune.wire.run_v2_executions import attempt_result_to_json
from hakobune.wire.schema import Json


def progress_to_json(progress: Progress) -> Json:
    """What the tasks of an execution say, summed."""
    return {
        "done": progress.done,
        "total": progress.total,
        "note": progress.note,
        "tasks": progress.tasks,
    }


def attempt_to_json(attempt: AttemptRecord) -> Json:
    """One try of a task: when, how it ended, and why it was made."""
    found: Json = {
        "uid": attempt.uid,
        "index": attempt.index,
        "attempt": attempt.number,
        "cause": attempt.cause.value,
        "createTime": timestamp_to_text(attempt.create_time_s),
    }
    if attempt.start_time_s is not None:
        found["startTime"] = timestamp_to_text(attempt.start_time_s)
    if attempt.end_time_s is not None:
        found["endTime"] = timestamp_to_text(attempt.end_time_s)
    if attempt.result is not None:
        found["result"] = {"kind": attempt.result.kind.value, **attempt_result_to_json(attempt.result)}
        if attempt.result.detail:
            found["result"]["detail"] = attempt.result.detail
        found["maxRssBytes"] = str(attempt.max_rss_bytes)
        found["cpuSeconds"] = round(attempt.cpu_s, 6)
    return found
