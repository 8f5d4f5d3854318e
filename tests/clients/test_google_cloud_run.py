"""The unmodified google-cloud-run client over REST."""

from __future__ import annotations

import uuid

import pytest
from google.api_core import exceptions
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import run_v2
from google.protobuf import duration_pb2

from runtime_process import LOCATION, PROJECT, RuntimeProcess

PARENT = f"projects/{PROJECT}/locations/{LOCATION}"


class Clients:
    def __init__(self, url: str) -> None:
        options = {
            "transport": "rest",
            "credentials": AnonymousCredentials(),
            "client_options": ClientOptions(api_endpoint=url),
        }
        self.jobs = run_v2.JobsClient(**options)
        self.executions = run_v2.ExecutionsClient(**options)
        self.tasks = run_v2.TasksClient(**options)


@pytest.fixture(scope="module")
def clients(runtime: RuntimeProcess) -> Clients:
    return Clients(runtime.url)


@pytest.fixture
def name() -> str:
    return f"job-{uuid.uuid4().hex[:8]}"


def a_job(command: list[str], *, tasks: int = 1, retries: int | None = None, timeout_s: int = 600) -> run_v2.Job:
    template = run_v2.TaskTemplate(
        containers=[run_v2.Container(image="local", command=command[:1], args=command[1:])],
        timeout=duration_pb2.Duration(seconds=timeout_s),
    )
    if retries is not None:
        template.max_retries = retries
    return run_v2.Job(template=run_v2.ExecutionTemplate(task_count=tasks, template=template))


def create(clients: Clients, name: str, job: run_v2.Job) -> run_v2.Job:
    return clients.jobs.create_job(parent=PARENT, job=job, job_id=name).result(timeout=30)


def test_a_job_is_created_with_the_services_defaults(clients: Clients, name: str) -> None:
    job = create(clients, name, a_job(["/bin/true"]))
    assert job.name == f"{PARENT}/jobs/{name}"
    assert job.template.task_count == 1
    assert job.template.template.max_retries == 3
    assert job.template.template.timeout.seconds == 600
    assert dict(job.template.template.containers[0].resources.limits) == {"cpu": "1000m", "memory": "512Mi"}
    assert job.terminal_condition.state == run_v2.Condition.State.CONDITION_SUCCEEDED
    assert job.generation == 1
    assert clients.jobs.get_job(name=job.name) == job


def test_a_run_ends_with_all_tasks_succeeded(clients: Clients, name: str) -> None:
    job = create(clients, name, a_job(["/bin/true"], tasks=5))
    execution = clients.jobs.run_job(name=job.name).result(timeout=60)
    assert (execution.task_count, execution.succeeded_count, execution.failed_count) == (5, 5, 0)
    assert execution.completion_time is not None
    tasks = list(clients.tasks.list_tasks(parent=execution.name))
    assert [task.index for task in tasks] == [0, 1, 2, 3, 4]
    assert clients.tasks.get_task(name=tasks[3].name).index == 3
    latest = clients.jobs.get_job(name=job.name).latest_created_execution
    assert latest.name.endswith(execution.name.rpartition("/")[2])


def test_a_failing_task_raises_aborted_with_the_exit_code(clients: Clients, name: str) -> None:
    job = create(clients, name, a_job(["/bin/sh", "-c", "exit 3"], tasks=2, retries=1))
    operation = clients.jobs.run_job(name=job.name)
    with pytest.raises(exceptions.Aborted, match=r"failed with exit code: 3 and message: The container exited"):
        operation.result(timeout=60)
    execution = clients.executions.get_execution(name=operation.metadata.name)
    assert (execution.failed_count, execution.retried_count) == (2, 2)
    task = next(iter(clients.tasks.list_tasks(parent=execution.name)))
    assert (task.retried, task.last_attempt_result.exit_code) == (1, 3)


def test_a_timeout_raises_deadline_exceeded(clients: Clients, name: str) -> None:
    job = create(clients, name, a_job(["/bin/sleep", "60"], retries=0, timeout_s=1))
    with pytest.raises(exceptions.DeadlineExceeded, match="The configured timeout was reached"):
        clients.jobs.run_job(name=job.name).result(timeout=60)


def test_overrides_change_one_execution_only(clients: Clients, name: str) -> None:
    script = 'test "$COLOUR" = red && test "$1" = extra && test "$CLOUD_RUN_TASK_COUNT" = 3'
    job = create(clients, name, a_job(["/bin/sh", "-c", script, "sh", "none"], retries=0))
    container = run_v2.RunJobRequest.Overrides.ContainerOverride(
        args=["-c", script, "sh", "extra"], env=[run_v2.EnvVar(name="COLOUR", value="red")]
    )
    overrides = run_v2.RunJobRequest.Overrides(container_overrides=[container], task_count=3)
    request = run_v2.RunJobRequest(name=job.name, overrides=overrides)
    execution = clients.jobs.run_job(request=request).result(timeout=60)
    assert (execution.task_count, execution.succeeded_count) == (3, 3)
    assert clients.jobs.get_job(name=job.name).template.task_count == 1


def test_a_cancel_ends_the_execution_and_both_operations_succeed(clients: Clients, name: str) -> None:
    job = create(clients, name, a_job(["/bin/sleep", "300"], tasks=3))
    run = clients.jobs.run_job(name=job.name)
    cancelled = clients.executions.cancel_execution(name=run.metadata.name).result(timeout=60)
    assert cancelled.cancelled_count == 3
    assert run.result(timeout=60).name == cancelled.name
    completed = next(c for c in cancelled.conditions if c.type_ == "Completed")
    assert completed.execution_reason == run_v2.Condition.ExecutionReason.CANCELLED
    with pytest.raises(exceptions.BadRequest, match="cannot be cancelled because it is not running"):
        clients.executions.cancel_execution(name=cancelled.name)


def test_a_job_is_updated_and_a_new_generation_counts(clients: Clients, name: str) -> None:
    job = create(clients, name, a_job(["/bin/true"]))
    job.template.task_count = 7
    updated = clients.jobs.update_job(job=job).result(timeout=30)
    assert (updated.template.task_count, updated.generation) == (7, 2)
    missing = a_job(["/bin/true"])
    missing.name = f"{PARENT}/jobs/{name}-none"
    with pytest.raises(exceptions.NotFound):
        clients.jobs.update_job(job=missing)
    made = clients.jobs.update_job(request=run_v2.UpdateJobRequest(job=missing, allow_missing=True)).result(timeout=30)
    assert made.name == missing.name


def test_lists_page_through_everything(clients: Clients, name: str) -> None:
    job = create(clients, name, a_job(["/bin/true"]))
    names = {clients.jobs.run_job(name=job.name).result(timeout=60).name for _ in range(4)}
    pager = clients.executions.list_executions(run_v2.ListExecutionsRequest(parent=job.name, page_size=3))
    found = [execution.name for execution in pager]
    assert set(found) == names
    assert len(found) == 4
    jobs = [item.name for item in clients.jobs.list_jobs(run_v2.ListJobsRequest(parent=PARENT, page_size=1))]
    assert job.name in jobs
    assert jobs == sorted(jobs)


def test_errors_arrive_as_the_clients_exceptions(clients: Clients, name: str) -> None:
    with pytest.raises(exceptions.NotFound, match=f"Resource '{name}' of kind 'JOB' in region '{LOCATION}'"):
        clients.jobs.get_job(name=f"{PARENT}/jobs/{name}")
    create(clients, name, a_job(["/bin/true"]))
    with pytest.raises(exceptions.Conflict, match=f"Resource '{name}' already exists"):
        create(clients, name, a_job(["/bin/true"]))
    with pytest.raises(exceptions.BadRequest, match="task_count"):
        create(clients, f"{name}-x", a_job(["/bin/true"], tasks=10_001))
    job = a_job(["/bin/true"])
    job.template.template.containers[0].image = "us-docker.pkg.dev/p/app/x:1"
    with pytest.raises(exceptions.BadRequest, match="--map-image"):
        create(clients, f"{name}-y", job)


def test_validate_only_changes_nothing(clients: Clients, name: str) -> None:
    request = run_v2.CreateJobRequest(parent=PARENT, job=a_job(["/bin/true"]), job_id=name, validate_only=True)
    clients.jobs.create_job(request=request)
    with pytest.raises(exceptions.NotFound):
        clients.jobs.get_job(name=f"{PARENT}/jobs/{name}")


def test_deletes_take_jobs_and_executions_away(clients: Clients, name: str) -> None:
    job = create(clients, name, a_job(["/bin/true"]))
    first = clients.jobs.run_job(name=job.name).result(timeout=60)
    clients.executions.delete_execution(name=first.name).result(timeout=60)
    with pytest.raises(exceptions.NotFound):
        clients.executions.get_execution(name=first.name)
    running = clients.jobs.run_job(name=job.name)
    clients.jobs.delete_job(name=job.name).result(timeout=60)
    with pytest.raises(exceptions.NotFound):
        clients.jobs.get_job(name=job.name)
    assert running.result(timeout=60).name == running.metadata.name


def test_operations_can_be_waited_for_listed_and_forgotten(clients: Clients, name: str) -> None:
    job = create(clients, name, a_job(["/bin/true"]))
    operation = clients.jobs.run_job(name=job.name)
    waited = clients.jobs.wait_operation({"name": operation.operation.name, "timeout": {"seconds": 30}})
    assert waited.done
    found = clients.jobs.list_operations({"name": PARENT}).operations
    assert operation.operation.name in [item.name for item in found]
    clients.jobs.delete_operation({"name": operation.operation.name})
    with pytest.raises(exceptions.NotFound):
        clients.jobs.get_operation({"name": operation.operation.name})
