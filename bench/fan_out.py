"""Does a job of N tasks keep up with `xargs -P`, while every start, end and line of output is kept?

The task is /bin/true, so that nothing but the runtime is measured. The job runs through the real `hakobune up`, begun
by `:run` and waited for by a client that looks every 50 ms. `xargs` runs before and after each execution. CPU time is
that of control plane, supervisor and tasks together, beside that of `xargs` and its children.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.house import House
from bench.processes import Cost, cost, peak_rss_mib
from bench.report import POWER, Report, at_least, at_most, middle

WIDTH = 8
TRUE = "/bin/true"
SIZES = ((1_000, 7, 1.0), (10_000, 5, 0.7))  # tasks, rounds, least ratio (issue "Jobs", section 7)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    wall_s: float
    cpu_s: float
    control_plane_s: float
    supervisor_s: float
    xargs: Sequence[Cost]

    @property
    def ratio(self) -> float:
        return sum(one.wall_s for one in self.xargs) / len(self.xargs) / self.wall_s

    @property
    def cpu_ratio(self) -> float:
        return self.cpu_s / (sum(one.cpu_s for one in self.xargs) / len(self.xargs))


def _xargs(tasks: int) -> Cost:
    feed = "\n".join(map(str, range(tasks))).encode()
    return cost(["xargs", "-P", str(WIDTH), "-n", "1", TRUE], feed=feed)


def _round(house: House, job: str, tasks: int) -> _Round:
    before = _xargs(tasks)
    cpu_s, control_plane_s, supervisor_s = house.cpu_s(), house.control_plane_cpu_s(), house.supervisor_cpu_s()
    started_s = time.perf_counter()
    execution = house.wait(house.run_job(job))
    wall_s = time.perf_counter() - started_s
    if int(execution.get("succeededCount", 0)) != tasks:
        raise RuntimeError(f"{execution['name']}: {execution.get('succeededCount')} of {tasks} tasks succeeded")
    used_s = (
        house.cpu_s() - cpu_s,
        house.control_plane_cpu_s() - control_plane_s,
        house.supervisor_cpu_s() - supervisor_s,
    )
    return _Round(
        wall_s=wall_s,
        cpu_s=used_s[0],
        control_plane_s=used_s[1],
        supervisor_s=used_s[2],
        xargs=(before, _xargs(tasks)),
    )


def measure(directory: Path, *, is_quick: bool) -> Report:
    """Run all sizes, smallest first, each on a runtime of its own."""
    report = Report("fan_out", directory, durability=f"{POWER}; output captured", is_quick=is_quick)
    for tasks, rounds, least in SIZES:
        with House(directory / f"data-{tasks}") as house:
            house.start()
            job = house.create_job([TRUE], tasks=tasks, parallelism=WIDTH)
            _size(report, house, job, tasks, 2 if is_quick else rounds, least)
    return report


def _size(report: Report, house: House, job: str, tasks: int, rounds: int, least: float) -> None:
    found = [_round(house, job, tasks) for _ in range(rounds)]
    xargs = [one for round_ in found for one in round_.xargs]
    title = f"{tasks:,} tasks"
    report.sample(f"{title}: hakobune", [tasks / one.wall_s for one in found], "tasks/s")
    report.sample(f"{title}: xargs -P {WIDTH}", [tasks / one.wall_s for one in xargs], "tasks/s")
    per_task_us = 1e6 / tasks
    report.sample(f"{title}: hakobune, all CPU", [one.cpu_s * per_task_us for one in found], "us/task")
    report.sample(f"{title}:   control plane", [one.control_plane_s * per_task_us for one in found], "us/task")
    report.sample(f"{title}:   supervisor", [one.supervisor_s * per_task_us for one in found], "us/task")
    report.sample(f"{title}: xargs, all CPU", [one.cpu_s * per_task_us for one in xargs], "us/task")
    report.figure(f"{title}: rate", middle([one.ratio for one in found]), "x xargs", target=at_least(least, "x xargs"))
    report.figure(f"{title}: CPU", middle([one.cpu_ratio for one in found]), "x xargs")
    if tasks == max(size for size, _, _ in SIZES):
        memory = peak_rss_mib(house.pid)
        report.figure("control plane, most memory", memory, "MiB", target=at_most(120, "MiB"))
        report.figure("supervisor, most memory", peak_rss_mib(house.supervisor_pid), "MiB")
