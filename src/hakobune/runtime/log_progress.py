"""The progress that tasks report in their output: the newest report of each task, read as it comes."""

from __future__ import annotations

import threading
from collections import OrderedDict

from hakobune.core.jobs.model import Execution
from hakobune.core.logs.progress import Progress, progress_from_line
from hakobune.engines.logs.reader import LogReader, Position, Record

_EXECUTIONS_MAX = 32  # whose reports are remembered
_OVERLAP_S = 1.0  # files of a lane are written one after the other: look again at the newest second
_RECORDS_MAX = 60_000  # read in one call (about 0.3 s); older output is read by the calls that follow

_Key = tuple[float, Position]


class _Reports:
    """What is known of one execution: a newest report of each task, and the part of its output that was read."""

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.by_task: dict[int, tuple[_Key, Progress]] = {}
        self.newest_s: float | None = None
        self.oldest: _Key | None = None  # what is older was not read yet; None: everything was

    def take(self, record: Record) -> None:
        said = progress_from_line(record.data)
        key = (record.at_s, record.position)
        if said is not None:
            known = self.by_task.get(record.task_index)
            if known is None or known[0] < key:
                self.by_task[record.task_index] = (key, said)
        if self.newest_s is None or record.at_s > self.newest_s:
            self.newest_s = record.at_s


class ProgressReports:
    """Reads and remembers reports. Its one method blocks: it is for worker threads."""

    def __init__(self, reader: LogReader) -> None:
        self._reader = reader
        self._known: OrderedDict[str, _Reports] = OrderedDict()
        self._guard = threading.Lock()

    def progress(self, execution: Execution) -> Progress | None:
        """The newest reports of all tasks, summed; None if no task has reported."""
        with self._guard:
            reports = self._known.setdefault(execution.uid, _Reports())
            self._known.move_to_end(execution.uid)
            while len(self._known) > _EXECUTIONS_MAX:
                self._known.popitem(last=False)
        with reports.guard:
            self._read_new(execution.uid, reports)
            if reports.oldest is not None and len(reports.by_task) < execution.task_count:
                self._read_old(execution.uid, reports, reports.oldest[0])
            found = list(reports.by_task.values())
        if not found:
            return None
        newest = max(found, key=lambda report: report[0])[1]
        return Progress(
            done=sum(report.done for _, report in found),
            total=sum(report.total for _, report in found),
            note=newest.note,
            tasks=len(found),
        )

    def _read_new(self, uid: str, reports: _Reports) -> None:
        if reports.newest_s is None:
            self._read_old(uid, reports, None)
            return
        for record in self._reader.records(uid, after_s=reports.newest_s - _OVERLAP_S):
            reports.take(record)

    def _read_old(self, uid: str, reports: _Reports, before_s: float | None) -> None:
        oldest = reports.oldest
        reports.oldest = None
        walk = self._reader.records(uid, newest_first=True, before_s=before_s)
        for count, record in enumerate(walk):
            key = (record.at_s, record.position)
            if oldest is not None and key >= oldest:
                continue
            reports.take(record)
            if count >= _RECORDS_MAX:
                reports.oldest = key
                return
