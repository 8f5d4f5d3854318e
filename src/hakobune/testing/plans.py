"""What one seed asks of the runtime: jobs, runs, changes, and what each attempt will do. Drawn, and then only read."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from hakobune.engines.api import Attempt, Lane
from hakobune.testing.engine import Fate

PROJECT = "sim"
LOCATION = "us-central1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What one generation of a job declares."""

    tasks: int
    parallelism: int
    max_retries: int
    timeout_s: int
    backoff_s: float
    max_failed: int | None


@dataclass(slots=True, kw_only=True)
class JobPlan:
    """One job of a scenario, and what its tasks do."""

    name: str
    declarations: list[Declaration]  # by generation; the first is created, the others are updates
    update_delays_s: list[float]
    token: str
    delete_after_s: float | None
    failing: frozenset[int]  # indexes that never succeed
    flaky: dict[int, int]  # index -> attempts of its own that fail first
    slow: frozenset[int]  # indexes that run into the timeout
    long: frozenset[int]  # indexes that take most of a minute, if the timeout allows it
    stubborn: frozenset[int]  # indexes that ignore SIGTERM
    is_doomed: bool = False  # somebody has asked for its end
    deleted_at_s: float | None = None  # when that was answered


@dataclass(slots=True, kw_only=True)
class RunPlan:
    """One execution of a scenario, and what became of it. Instants are the loop's."""

    job: JobPlan
    delay_s: float
    key: str
    cancel_after_s: float | None = None
    delete_after_s: float | None = None
    is_rerun_wanted: bool = False
    carried: frozenset[int] = frozenset()  # of a re-run: what had succeeded before
    execution: str = ""  # the full name, once it is known
    uid: str = ""
    is_accepted: bool = False
    stopped_at_s: float | None = None  # when a cancel or a delete was answered
    was_deleted: bool = False


@dataclass(slots=True, kw_only=True)
class Scenario:
    """Everything that a seed asks of the runtime."""

    jobs: list[JobPlan]
    runs: list[RunPlan]
    is_plain: bool  # whatever goes wrong, every task ends as it would without: see `draw`
    failures: dict[tuple[str, int], int] = field(
        default_factory=dict[tuple[str, int], int]
    )  # so far, by lane and index


def draw(rng: random.Random) -> Scenario:
    """One to three jobs, one to five runs. Four of ten scenarios are plain: nobody cancels, deletes or changes
    anything, no threshold cuts an execution, and no index is flaky for longer than its retries last."""
    is_plain = rng.random() < 0.4
    jobs = [_job(rng, f"job-{number}", is_plain=is_plain) for number in range(rng.randint(1, 3))]
    runs = [
        RunPlan(
            job=rng.choice(jobs),
            delay_s=rng.choice((0.0, 0.1, 5.0, 60.0)),
            key=f"key-{number}",
            cancel_after_s=_sometimes(rng, 0.2, (0.0, 0.5, 10.0)),
            delete_after_s=_sometimes(rng, 0.1, (0.5, 30.0)),
            is_rerun_wanted=rng.random() < 0.2,
        )
        for number in range(rng.randint(1, 5))
    ]
    runs += [
        RunPlan(job=job, delay_s=0.0, key="", delete_after_s=_sometimes(rng, 0.3, (1.0, 30.0)))
        for job in jobs
        if job.token
    ]
    if is_plain:
        for run in runs:
            run.cancel_after_s = run.delete_after_s = None
    return Scenario(jobs=jobs, runs=runs, is_plain=is_plain)


def _sometimes(rng: random.Random, chance: float, delays_s: tuple[float, ...]) -> float | None:
    delay_s = rng.choice(delays_s)
    return delay_s if rng.random() < chance else None


def _job(rng: random.Random, name: str, *, is_plain: bool) -> JobPlan:
    tasks = rng.choice((1, 2, 5, 12, 30, 150))
    is_clean = rng.random() < 0.3
    first = Declaration(
        tasks=tasks,
        parallelism=rng.choice((0, 1, 2, 5, 40)),
        max_retries=rng.choice((0, 1, 3)),
        timeout_s=rng.choice((10, 600)),
        backoff_s=rng.choice((0.0, 0.0, 2.0)),
        max_failed=rng.choice((None, None, 0, 3)) if not is_plain else None,
    )

    def pick(share: float) -> frozenset[int]:
        return frozenset(index for index in range(tasks) if rng.random() < share)

    longest = first.max_retries if is_plain else 3
    flaky = {index: rng.randint(1, 3) for index in pick(0.2)}
    plan = JobPlan(
        name=name,
        declarations=[first],
        update_delays_s=[rng.choice((0.0, 2.0, 30.0)) for _ in range(rng.choice((0, 0, 1, 3)))],
        token=rng.choice(("", "", "", "now")),
        delete_after_s=_sometimes(rng, 0.12, (0.5, 20.0, 100.0)),
        failing=frozenset() if is_clean else pick(0.05),
        flaky={} if is_clean else {index: count for index, count in flaky.items() if count <= longest},
        slow=frozenset() if is_clean else pick(0.03),
        long=pick(0.1),
        stubborn=pick(0.1),
    )
    if is_plain:
        plan.update_delays_s, plan.delete_after_s = [], None
    for _ in plan.update_delays_s:
        plan.declarations.append(_changed(rng, plan.declarations[-1]))
    return plan


def _changed(rng: random.Random, old: Declaration) -> Declaration:
    """Another declaration than `old`."""
    return replace(
        old,
        tasks=rng.choice((old.tasks, 1, old.tasks + 3)),
        parallelism=old.parallelism % 7 + 1,
        max_retries=rng.choice((0, 2)),
        timeout_s=rng.choice((5, 300)),
    )


def fate_of(scenario: Scenario, rng: random.Random, lane: Lane, attempt: Attempt) -> Fate:
    """What an attempt does: by its index and by how often that index has failed already in this execution."""
    name = lane.env["CLOUD_RUN_JOB"]
    job = next((job for job in scenario.jobs if job.name == name), None)
    if job is None:  # a workflow runs it
        return Fate(duration_s=rng.choice((0.01, 2.0, 30.0)))
    index = attempt.index
    stubborn = index in job.stubborn
    if index in job.slow:
        return Fate(duration_s=100_000.0, ignores_sigterm=stubborn)
    duration_s = min(45.0, lane.timeout_s - 1.0) if index in job.long else rng.choice((0.0, 0.01, 0.5, 3.0))
    failed = scenario.failures.get((lane.uid, index), 0)
    if index in job.failing or failed < job.flaky.get(index, 0):
        scenario.failures[lane.uid, index] = failed + 1
        if rng.random() < 0.2:
            return Fate(duration_s=duration_s, signal=9, ignores_sigterm=stubborn)
        return Fate(duration_s=duration_s, exit_code=rng.choice((1, 3, 255)), ignores_sigterm=stubborn)
    return Fate(duration_s=duration_s, ignores_sigterm=stubborn)
