"""Counters and histograms for Prometheus. Names follow Cloud Monitoring's (`run.googleapis.com/job/…`), with `_`."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from hakobune.engines.api import Ended, EndKind, Known, Started
from hakobune.runtime.attempts import Observer
from hakobune.store.api import CommitInfo

_COMMIT_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
_ATTEMPT_BUCKETS_S = (0.01, 0.1, 1.0, 10.0, 60.0, 600.0, 3600.0, 86400.0)


class Histogram:
    """Counts per bucket, and the sum."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def lines(self, name: str) -> list[str]:
        """In Prometheus' text format."""
        found: list[str] = []
        total = 0
        for bound, count in zip((*self._bounds, "+Inf"), self._counts, strict=True):
            total += count
            found.append(f'{name}_bucket{{le="{bound}"}} {total}')
        return [*found, f"{name}_sum {self._sum:.6f}", f"{name}_count {total}"]


class Telemetry(Observer):
    """What happened since this process began. Hears of commits, of attempts and of requests."""

    def __init__(self) -> None:
        self.commits = Histogram(_COMMIT_BUCKETS_S)
        self.attempts = Histogram(_ATTEMPT_BUCKETS_S)
        self._units = 0
        self._ended: dict[str, int] = {}
        self._requests: dict[str, int] = {}

    def before_commit(self, seq: int) -> None:
        """Nothing to count yet."""

    def after_commit(self, info: CommitInfo) -> None:
        """A group of units is durable. Called on the writer's thread."""
        self.commits.observe(info.elapsed_s)
        self._units += info.units

    def opened(self, known: Sequence[Known]) -> None:
        """Nothing to count."""

    def started(self, report: Started) -> None:
        """Nothing to count."""

    def ended(self, report: Ended) -> None:
        """An attempt is over."""
        is_good = report.kind is EndKind.EXITED and report.exit_code == 0
        result = "succeeded" if is_good else report.kind.value if report.kind is not EndKind.EXITED else "failed"
        self._ended[result] = self._ended.get(result, 0) + 1
        if report.started_at_s is not None:
            self.attempts.observe(max(0.0, report.at_s - report.started_at_s))

    def request(self, status: int) -> None:
        """A request was answered."""
        key = f"{status // 100}xx"
        self._requests[key] = self._requests.get(key, 0) + 1

    def page(self, totals: Mapping[str, int], gauges: Mapping[str, float]) -> str:
        """The text of `/metrics`."""
        lines = ["# TYPE run_googleapis_com_job_completed_task_attempt_count counter"]
        lines += [
            f'run_googleapis_com_job_completed_task_attempt_count{{result="{result}"}} {count}'
            for result, count in sorted(self._ended.items())
        ]
        lines.append("# TYPE hakobune_executions gauge")
        lines += [
            f'hakobune_executions{{state="{name.removeprefix("executions_")}"}} {count}'
            for name, count in sorted(totals.items())
            if name.startswith("executions_")
        ]
        lines.append("# TYPE run_googleapis_com_job_running_task_attempts gauge")
        lines.append(f"run_googleapis_com_job_running_task_attempts {totals.get('running', 0)}")
        lines.append("# TYPE hakobune_tasks_handed_over gauge")
        lines.append(f"hakobune_tasks_handed_over {totals.get('in_flight', 0)}")
        lines.append("# TYPE hakobune_tasks_waiting_for_retry gauge")
        lines.append(f"hakobune_tasks_waiting_for_retry {totals.get('pending_rows', 0)}")
        for name, value in sorted(gauges.items()):
            lines += [f"# TYPE {name} gauge", f"{name} {value:g}"]
        lines.append("# TYPE hakobune_http_requests_total counter")
        lines += [f'hakobune_http_requests_total{{code="{key}"}} {n}' for key, n in sorted(self._requests.items())]
        lines += ["# TYPE hakobune_store_units_total counter", f"hakobune_store_units_total {self._units}"]
        lines.append("# TYPE hakobune_store_commit_seconds histogram")
        lines += self.commits.lines("hakobune_store_commit_seconds")
        lines.append("# TYPE hakobune_attempt_seconds histogram")
        lines += self.attempts.lines("hakobune_attempt_seconds")
        return "\n".join(lines) + "\n"
