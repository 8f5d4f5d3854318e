"""What is counted, and that Prometheus can read it."""

from __future__ import annotations

import re

from hakobune.engines.api import Ended, EndKind
from hakobune.runtime.telemetry import Histogram, Telemetry
from hakobune.store.api import CommitInfo

# The text format, version 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[a-zA-Z_]\w*="[^"\\\n]*"(,[a-zA-Z_]\w*="[^"\\\n]*")*\})? (\S+)')
KIND = re.compile(r"# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)")

TOTALS = {"executions_running": 2, "running": 5, "in_flight": 7, "pending_rows": 4}  # as `store.jobs.totals` has them


def read(page: str) -> tuple[dict[str, str], dict[str, float]]:
    """Kinds by metric, values by name and labels. Fails where Prometheus would."""
    kinds: dict[str, str] = {}
    values: dict[str, float] = {}
    assert page.endswith("\n")
    for line in page.splitlines():
        if line.startswith("#"):
            found = KIND.fullmatch(line)
            assert found is not None, line
            assert found[1] not in kinds, line
            kinds[found[1]] = found[2]
            continue
        found = SAMPLE.fullmatch(line)
        assert found is not None, line
        base = re.sub(r"_(bucket|sum|count)$", "", found[1])
        assert found[1] in kinds or kinds.get(base) == "histogram", line
        key = line.rpartition(" ")[0]
        assert key not in values, line
        values[key] = float(found[4])
    return kinds, values


def ended(kind: EndKind, code: int | None = None, seconds: float | None = 1.0) -> Ended:
    started = None if seconds is None else 100.0 - seconds
    return Ended(attempt_uid="a", lane_uid="l", at_s=100.0, kind=kind, exit_code=code, started_at_s=started)


def test_given_attempts_commits_and_requests_when_the_page_is_read_then_they_are_counted() -> None:
    telemetry = Telemetry()
    for report in (
        ended(EndKind.EXITED, 0),
        ended(EndKind.EXITED, 0, 5000.0),
        ended(EndKind.EXITED, 3),
        ended(EndKind.TIMED_OUT),
        ended(EndKind.NOT_STARTED, seconds=None),
    ):
        telemetry.ended(report)
    telemetry.after_commit(CommitInfo(seq=1, units=3, elapsed_s=0.003))
    for status in (200, 204, 404):
        telemetry.request(status)
    kinds, values = read(telemetry.page(TOTALS, {"hakobune_x": 1.5}))
    name = "run_googleapis_com_job_completed_task_attempt_count"
    assert kinds[name] == "counter"
    assert {key: value for key, value in values.items() if key.startswith(name)} == {
        f'{name}{{result="succeeded"}}': 2,
        f'{name}{{result="failed"}}': 1,
        f'{name}{{result="timed_out"}}': 1,
        f'{name}{{result="not_started"}}': 1,
    }
    assert values['hakobune_executions{state="running"}'] == 2
    assert values["run_googleapis_com_job_running_task_attempts"] == 5
    assert values["hakobune_tasks_handed_over"] == 7
    assert values["hakobune_tasks_waiting_for_retry"] == 4
    assert values["hakobune_x"] == 1.5
    assert values['hakobune_http_requests_total{code="2xx"}'] == 2
    assert values["hakobune_store_units_total"] == 3
    assert values["hakobune_attempt_seconds_count"] == 4
    assert values['hakobune_store_commit_seconds_bucket{le="0.005"}'] == 1


def test_given_values_when_a_histogram_is_read_then_buckets_add_up() -> None:
    histogram = Histogram((1.0, 10.0))
    for value in (0.5, 1.0, 5.0, 100.0):
        histogram.observe(value)
    assert histogram.lines("x") == [
        'x_bucket{le="1.0"} 2',
        'x_bucket{le="10.0"} 3',
        'x_bucket{le="+Inf"} 4',
        "x_sum 106.500000",
        "x_count 4",
    ]


def test_given_a_new_runtime_when_the_page_is_read_then_it_can_be_read() -> None:
    read(Telemetry().page({}, {}))
