"""What jobs, executions and tasks say about themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from world import CANCELLED, EXIT_1, LOST, OK, World, an_execution, result

from hakobune.core.conditions import Condition
from hakobune.core.jobs.conditions import execution_conditions, job_condition, task_conditions
from hakobune.core.jobs.model import Execution, ExecutionTemplate, Job, Policy, ResultKind, Task, TaskTemplate
from hakobune.core.jobs.states import ExecutionState, TaskState
from hakobune.core.names import JobName


def a_job(**more: object) -> Job:
    return Job(
        name=JobName.make("p1", "us-central1", "thumbs"),
        uid="j1",
        generation=1,
        etag='"1"',
        create_time_s=1.0,
        update_time_s=2.0,
        template=ExecutionTemplate(template=TaskTemplate(containers=())),
        **more,  # type: ignore[arg-type]
    )


def shown(conditions: tuple[Condition, ...]) -> list[tuple[str, str, str, str]]:
    return [
        (condition.type, condition.state.removeprefix("CONDITION_"), condition.message, condition.execution_reason)
        for condition in conditions
    ]


READY = [
    ("ContainerReady", "SUCCEEDED", "Imported container image in 0s.", ""),
    ("ResourcesAvailable", "SUCCEEDED", "Provisioned imported containers.", ""),
]


@pytest.mark.parametrize(
    ("job", "state", "message", "reason"),
    [
        (a_job(), "CONDITION_SUCCEEDED", "", ""),
        (a_job(is_reconciling=True), "CONDITION_RECONCILING", "Preparing the source of the job.", ""),
        (a_job(ready_error="no such directory"), "CONDITION_FAILED", "no such directory", "CONTAINER_MISSING"),
    ],
)
def test_jobs_are_ready_or_say_why_not(job: Job, state: str, message: str, reason: str) -> None:
    condition = job_condition(job)
    assert (condition.type, condition.state, condition.message, condition.reason) == ("Ready", state, message, reason)
    assert condition.since_s == 2.0


def test_given_a_new_execution_when_asked_then_it_waits_to_start() -> None:
    assert shown(execution_conditions(an_execution())) == [
        ("Started", "RECONCILING", "Waiting for execution to start.", ""),
        ("Completed", "PENDING", "", ""),
        *READY,
    ]


def test_given_containers_that_may_not_start_yet_when_asked_then_nothing_is_said_of_them() -> None:
    conditions = execution_conditions(replace(an_execution(), start_time_s=None))
    assert [condition.type for condition in conditions] == ["Started", "Completed"]


def test_given_a_running_execution_when_asked_then_it_has_started_and_waits_to_complete() -> None:
    world = World(an_execution(task_count=2))
    world.create()
    world.now_s = 115.95
    world.start(0)
    conditions = execution_conditions(world.execution)
    assert shown(conditions)[:2] == [
        ("Started", "SUCCEEDED", "Started deployed execution in 15.95s.", ""),
        ("Completed", "RECONCILING", "Waiting for execution to complete.", ""),
    ]
    assert conditions[0].since_s == conditions[1].since_s == 115.95


def test_given_a_succeeded_execution_when_asked_then_all_conditions_succeeded() -> None:
    world = World(an_execution())
    world.create()
    world.now_s = 112.3
    world.end(0, OK)
    assert shown(execution_conditions(world.execution)) == [
        ("Started", "SUCCEEDED", "Started deployed execution in 12.3s.", ""),
        ("Completed", "SUCCEEDED", "Execution completed successfully in 12.3s.", ""),
        *READY,
    ]


def test_given_nothing_to_run_when_asked_then_the_execution_counts_as_started() -> None:
    done = replace(an_execution(), state=ExecutionState.SUCCEEDED, completion_time_s=100.0)
    assert shown(execution_conditions(done))[0] == ("Started", "SUCCEEDED", "", "")


@pytest.mark.parametrize(
    ("outcome", "reason", "execution_reason"),
    [
        (EXIT_1, "", "NON_ZERO_EXIT_CODE"),
        (result(ResultKind.TIMEOUT), "", ""),
        (result(ResultKind.MEMORY), "", ""),
        (result(ResultKind.SIGNAL, signal=9), "", ""),
    ],
)
def test_given_a_failed_execution_when_asked_then_the_reason_is_that_of_its_first_failure(
    outcome: object, reason: str, execution_reason: str
) -> None:
    world = World(an_execution(max_retries=0))
    world.create()
    world.now_s = 101.0
    world.end(0, outcome)  # type: ignore[arg-type]
    started, completed, *_ = execution_conditions(world.execution)
    assert started.state == "CONDITION_SUCCEEDED"
    assert completed.state == "CONDITION_FAILED"
    assert completed.message.startswith("Task thumbs-x7k2p-task0 failed with exit code: ")
    assert (completed.reason, completed.execution_reason) == (reason, execution_reason)


def test_given_a_platform_failure_when_asked_then_the_reason_is_internal() -> None:
    execution = replace(
        an_execution(),
        state=ExecutionState.FAILED,
        failure=LOST,
        failure_index=0,
        first_start_time_s=100.5,
        completion_time_s=101.0,
    )
    assert execution_conditions(execution)[1].reason == "INTERNAL"


def test_given_a_program_that_cannot_be_started_when_asked_then_every_condition_on_the_way_failed() -> None:
    world = World(an_execution())
    world.create()
    world.end(0, result(ResultKind.START_FAILED, detail="No such file."), ran=False)
    started, completed, ready, resources = execution_conditions(world.execution)
    text = "Task thumbs-x7k2p-task0 could not be started: The container failed to start. No such file."
    assert (started.state, started.message) == ("CONDITION_FAILED", text)
    assert (completed.state, completed.message, completed.reason) == ("CONDITION_FAILED", text, "CONTAINER_MISSING")
    assert (ready.state, ready.message) == ("CONDITION_FAILED", "The container failed to start. No such file.")
    assert resources.state == "CONDITION_SUCCEEDED"


def test_given_a_cancel_when_asked_then_it_is_said_at_once_and_at_the_end() -> None:
    world = World(an_execution())
    world.create()
    world.cancel()
    assert shown(execution_conditions(world.execution))[1] == (
        "Completed",
        "RECONCILING",
        "Waiting for execution to be cancelled.",
        "CANCELLING",
    )
    world.end(0, CANCELLED, ran=False)
    assert shown(execution_conditions(world.execution))[:2] == [
        ("Started", "FAILED", "Cancelled by user.", "CANCELLED"),
        ("Completed", "FAILED", "Cancelled by user.", "CANCELLED"),
    ]


def test_given_an_end_without_an_instant_when_asked_then_the_last_update_stands_in() -> None:
    execution = replace(an_execution(), state=ExecutionState.CANCELLED, update_time_s=123.0)
    assert execution_conditions(execution)[1].since_s == 123.0


# -- tasks ---------------------------------------------------------------------------------------------------------


def a_task(state: TaskState, **more: object) -> Task:
    return Task(index=0, state=state, **more)  # type: ignore[arg-type]


_TIMES: dict[str, object] = {"start_time_s": 101.0, "completion_time_s": 105.0}
_FAILED = "Task thumbs-x7k2p-task0 failed with exit code: 1 and message: The container exited with an error."


@pytest.mark.parametrize(
    ("task", "started", "completed"),
    [
        (
            a_task(TaskState.PENDING),
            ("Started", "PENDING", "Waiting for task to start.", ""),
            ("Completed", "PENDING", "", ""),
        ),
        (
            a_task(TaskState.RUNNING),
            ("Started", "PENDING", "Waiting for task to start.", ""),
            ("Completed", "PENDING", "", ""),
        ),
        (
            a_task(TaskState.RUNNING, start_time_s=101.0),
            ("Started", "SUCCEEDED", "", ""),
            ("Completed", "RECONCILING", "Waiting for task to complete.", ""),
        ),
        (
            a_task(TaskState.PENDING, start_time_s=101.0, retried=1, result=EXIT_1),
            ("Started", "SUCCEEDED", "", ""),
            ("Completed", "RECONCILING", "Waiting for retry 1 of 3.", ""),
        ),
        (  # handed over again, and not started yet
            a_task(TaskState.RUNNING, start_time_s=101.0, retried=1, result=EXIT_1),
            ("Started", "SUCCEEDED", "", ""),
            ("Completed", "RECONCILING", "Waiting for retry 1 of 3.", ""),
        ),
        (
            a_task(TaskState.RUNNING, start_time_s=101.0, retried=1, result=EXIT_1, is_running=True),
            ("Started", "SUCCEEDED", "", ""),
            ("Completed", "RECONCILING", "Waiting for task to complete.", ""),
        ),
        (
            a_task(TaskState.SUCCEEDED, result=OK, **_TIMES),
            ("Started", "SUCCEEDED", "", ""),
            ("Completed", "SUCCEEDED", "", ""),
        ),
        (
            a_task(TaskState.FAILED, result=EXIT_1, **_TIMES),
            ("Started", "SUCCEEDED", "", ""),
            ("Completed", "FAILED", _FAILED, "NON_ZERO_EXIT_CODE"),
        ),
        (
            a_task(TaskState.CANCELLED, result=CANCELLED, **_TIMES),
            ("Started", "SUCCEEDED", "", ""),
            ("Completed", "FAILED", "Cancelled by user.", "CANCELLED"),
        ),
        (
            a_task(TaskState.CANCELLED),
            ("Started", "FAILED", "Cancelled by user.", "CANCELLED"),
            ("Completed", "FAILED", "Cancelled by user.", "CANCELLED"),
        ),
    ],
)
def test_tasks_say_whether_they_started_and_how_they_ended(
    task: Task, started: tuple[str, ...], completed: tuple[str, ...]
) -> None:
    assert shown(task_conditions(task, an_execution())) == [started, completed]


def test_given_a_cut_after_failures_when_a_task_is_cancelled_then_it_does_not_blame_the_user() -> None:
    execution: Execution = replace(an_execution(policy=Policy(max_failed_tasks=0)), cancel_reason="max_failed_tasks")
    message = task_conditions(a_task(TaskState.CANCELLED), execution)[1].message
    assert message == "Cancelled because too many tasks failed."
