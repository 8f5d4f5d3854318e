"""What running work says of its progress, read from its log (decision 0031).

`progress()` of the SDK writes structured lines, and so may `sys.log` of a workflow and any program:
{"hakobune.dev/progress": {"done": 12, "total": 40, "note": "…"}}. They are read by `entries:list` of Cloud Logging's
API, here and on Google Cloud alike. Entries may come late, twice or out of order: of each task only the highest counts.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from hakobune.sdk.cells import mapping
from hakobune.sdk.progress_meter import PROGRESS_KEY, RECEIPT_LABEL
from hakobune.sdk.receipts import Progress
from hakobune.sdk.reception_http import Api, Json, Platform

# Labels that the platform gives to entries: of a job's task
# (https://cloud.google.com/run/docs/logging#container-logs), of a workflow's execution
# (https://cloud.google.com/workflows/docs/log-workflow).
JOB_EXECUTION_LABEL = "run.googleapis.com/execution_name"
TASK_LABEL = "run.googleapis.com/task_index"
WORKFLOW_EXECUTION_LABEL = "workflows.googleapis.com/execution_id"

_PAGE_SIZE = 1000
_PAGES_MAX = 10  # in one look; the next look goes on from there
_OVERLAP_S = 10.0  # an entry may arrive so long after one that is younger


@dataclass(frozen=True, slots=True)
class Part:
    """Units of work of one task, or of one workflow's execution."""

    done: int
    total: int


class ProgressLog:
    """The progress of one receipt's work, as far as its log has been read. Not safe to use from two threads at once."""

    def __init__(self, receipt_id: str, execution: str, since_s: float) -> None:
        self._receipt_id = receipt_id
        self._execution = execution
        self._since_s = since_s
        self._parts: dict[tuple[str, str], Part] = {}
        self._note = ""

    def read(self, platform: Platform, *, is_workflow: bool) -> None:
        """Read what is new. Raises ApiUnavailable, ApiRefused; what was read until then counts."""
        own = WORKFLOW_EXECUTION_LABEL if is_workflow else JOB_EXECUTION_LABEL
        which = f'labels."{own}"="{self._execution}"'
        if is_workflow:  # and of jobs that it started, which carry the receipt
            which = f'({which} OR labels."{RECEIPT_LABEL}"="{self._receipt_id}")'
        since = datetime.fromtimestamp(self._since_s - _OVERLAP_S, UTC).isoformat()
        body: Json = {
            "resourceNames": [f"projects/{platform.project()}"],
            "filter": f'{which} AND jsonPayload."{PROGRESS_KEY}".done>=0 AND timestamp>="{since}"',
            "orderBy": "timestamp asc",
            "pageSize": _PAGE_SIZE,
        }
        for _ in range(_PAGES_MAX):
            answer = platform.call(Api.LOGGING, "POST", "/v2/entries:list", body)
            for entry in cast("Iterable[object]", answer.get("entries") or ()):
                self._take(entry)
            token = answer.get("nextPageToken")
            if not token:
                return
            body["pageToken"] = token

    def of_job(self, *, tasks: int, succeeded: int) -> Progress:
        """The progress of a job's execution: each task weighs the same, whatever its units. Never more than is true:
        which tasks have succeeded is not known here, so it is taken to be those that have reported most."""
        shares = heapq.nlargest(tasks, (_share(part) for part in self._parts.values()))
        fraction = (succeeded + sum(shares[succeeded:])) / tasks if tasks else 0.0
        return self._progress(list(self._parts.values()), fraction)

    def of_workflow(self) -> Progress:
        """The progress of a workflow's execution: what it says itself, else what the jobs say that it started."""
        own = [part for (kind, _), part in self._parts.items() if kind == WORKFLOW_EXECUTION_LABEL]
        parts = own or list(self._parts.values())
        total = sum(part.total for part in parts)
        return self._progress(parts, sum(part.done for part in parts) / total if total else 0.0)

    def _progress(self, parts: list[Part], fraction: float) -> Progress:
        if not parts:
            return Progress(fraction=fraction)
        done, total = sum(part.done for part in parts), sum(part.total for part in parts)
        return Progress(fraction=fraction, done=done, total=total, note=self._note)

    def _take(self, entry: object) -> None:
        fields = mapping(entry)
        at = fields.get("timestamp")
        part, note = _reported(mapping(mapping(fields.get("jsonPayload")).get(PROGRESS_KEY)))
        if part is None or not isinstance(at, str):
            return
        key = _speaker(mapping(fields.get("labels")))
        known = self._parts.get(key, Part(0, 0))
        self._parts[key] = Part(max(known.done, part.done), max(known.total, part.total, part.done))
        at_s = datetime.fromisoformat(at).timestamp()
        if at_s >= self._since_s:
            self._since_s, self._note = at_s, note or self._note


def _share(part: Part) -> float:
    return part.done / part.total if part.total else 0.0


def _speaker(labels: Mapping[str, object]) -> tuple[str, str]:
    if (execution := labels.get(JOB_EXECUTION_LABEL)) is not None:
        return JOB_EXECUTION_LABEL, f"{execution}/{labels.get(TASK_LABEL, '0')}"
    return WORKFLOW_EXECUTION_LABEL, str(labels.get(WORKFLOW_EXECUTION_LABEL, ""))


def _reported(report: Mapping[str, object]) -> tuple[Part | None, str]:
    done, total, note = _count(report.get("done")), _count(report.get("total", 0)), report.get("note")
    if done is None or total is None:
        return None, ""
    return Part(done, total), note if isinstance(note, str) else ""


def _count(value: object) -> int | None:
    """A whole number that is not negative. JSON of the service may hold it as a float."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0 or value != int(value):
        return None
    return int(value)
