"""The unmodified google-cloud-run client over gRPC, which it speaks by default."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

grpc = pytest.importorskip("grpc")
run_v2 = pytest.importorskip("google.cloud.run_v2")

from google.api_core import exceptions  # noqa: E402
from google.longrunning import operations_pb2  # noqa: E402
from google.protobuf import duration_pb2, json_format  # noqa: E402
from google.rpc import error_details_pb2  # noqa: E402

from runtime_process import BASE, LOCATION, PROJECT, RuntimeProcess  # noqa: E402

PARENT = f"projects/{PROJECT}/locations/{LOCATION}"


class Clients:
    """The three clients, on one channel."""

    def __init__(self, channel: Any) -> None:
        self.channel = channel
        self.jobs = self.of(run_v2.JobsClient)
        self.executions = self.of(run_v2.ExecutionsClient)
        self.tasks = self.of(run_v2.TasksClient)

    def of(self, kind: Any) -> Any:
        return kind(transport=kind.get_transport_class("grpc")(channel=self.channel))


@pytest.fixture(scope="module")
def clients(runtime: RuntimeProcess) -> Iterator[Clients]:
    with grpc.insecure_channel(f"127.0.0.1:{runtime.grpc_port}") as channel:
        yield Clients(channel)


@pytest.fixture
def name() -> str:
    return f"grpc-{uuid.uuid4().hex[:8]}"


def a_job(command: list[str], *, tasks: int = 1, **template: Any) -> Any:
    container = run_v2.Container(image="local", command=command[:1], args=command[1:])
    task = run_v2.TaskTemplate(containers=[container], **template)
    return run_v2.Job(template=run_v2.ExecutionTemplate(task_count=tasks, template=task))


def create(clients: Clients, name: str, job: Any) -> Any:
    return clients.jobs.create_job(parent=PARENT, job=job, job_id=name).result(timeout=30)


def as_json(message: Any) -> Any:
    return json_format.MessageToDict(type(message).pb(message))


def test_a_job_arrives_whole_and_is_the_same_over_rest(clients: Clients, runtime: RuntimeProcess, name: str) -> None:
    job = a_job(["/bin/true"], tasks=2, max_retries=0, timeout=duration_pb2.Duration(seconds=90))
    job.labels = {"team": "art"}
    job.annotations = {"who": "somebody"}
    container = job.template.template.containers[0]
    container.env = [run_v2.EnvVar(name="EMPTY", value=""), run_v2.EnvVar(name="COLOUR", value="grün")]
    container.resources = run_v2.ResourceRequirements(limits={"memory": "256Mi"})
    made = create(clients, name, job)
    assert made.name == f"{PARENT}/jobs/{name}"
    assert (dict(made.labels), dict(made.annotations)) == ({"team": "art"}, {"who": "somebody"})
    assert (made.template.task_count, made.template.template.max_retries) == (2, 0)
    assert made.template.template.timeout.seconds == 90
    assert dict(made.template.template.containers[0].resources.limits) == {"cpu": "1000m", "memory": "256Mi"}
    assert made.terminal_condition.state == run_v2.Condition.State.CONDITION_SUCCEEDED
    found = clients.jobs.get_job(name=made.name)
    assert found == made
    over_rest = runtime.call("GET", f"{BASE}/jobs/{name}").json
    assert as_json(found) == over_rest
    assert over_rest["template"]["template"]["containers"][0]["env"][0] == {"name": "EMPTY", "value": ""}


def test_a_run_ends_and_its_execution_and_tasks_are_the_same_over_rest(
    clients: Clients, runtime: RuntimeProcess, name: str
) -> None:
    job = create(clients, name, a_job(["/bin/true"], tasks=5))
    operation = clients.jobs.run_job(name=job.name)
    assert operation.metadata.name.startswith(f"{job.name}/executions/")
    execution = operation.result(timeout=60)
    assert execution.name == operation.metadata.name
    assert (execution.task_count, execution.succeeded_count, execution.failed_count) == (5, 5, 0)
    assert execution.completion_time >= execution.start_time
    found = clients.executions.get_execution(name=execution.name)
    assert as_json(found) == runtime.call("GET", f"/v2/{execution.name}").json
    tasks = list(clients.tasks.list_tasks(run_v2.ListTasksRequest(parent=execution.name, page_size=2)))
    assert [task.index for task in tasks] == [0, 1, 2, 3, 4]
    task = clients.tasks.get_task(name=tasks[3].name)
    assert as_json(task) == runtime.call("GET", f"/v2/{task.name}").json
    assert task.last_attempt_result.exit_code == 0


def test_a_failing_task_raises_aborted_with_the_exit_code(clients: Clients, name: str) -> None:
    job = create(clients, name, a_job(["/bin/sh", "-c", "exit 3"], tasks=2, max_retries=1))
    operation = clients.jobs.run_job(name=job.name)
    with pytest.raises(exceptions.Aborted, match=r"failed with exit code: 3 and message: The container exited"):
        operation.result(timeout=60)
    execution = clients.executions.get_execution(name=operation.metadata.name)
    assert (execution.failed_count, execution.retried_count) == (2, 2)
    completed = next(condition for condition in execution.conditions if condition.type_ == "Completed")
    assert completed.execution_reason == run_v2.Condition.ExecutionReason.NON_ZERO_EXIT_CODE
    task = next(iter(clients.tasks.list_tasks(parent=execution.name)))
    assert (task.retried, task.last_attempt_result.exit_code) == (1, 3)
    assert task.last_attempt_result.status.code == 10


def test_overrides_change_one_execution_only(clients: Clients, name: str) -> None:
    script = 'test "$COLOUR" = red && test "$1" = extra && test "$CLOUD_RUN_TASK_COUNT" = 3'
    job = create(clients, name, a_job(["/bin/sh", "-c", script, "sh", "none"], max_retries=0))
    container = run_v2.RunJobRequest.Overrides.ContainerOverride(
        args=["-c", script, "sh", "extra"], env=[run_v2.EnvVar(name="COLOUR", value="red")]
    )
    overrides = run_v2.RunJobRequest.Overrides(
        container_overrides=[container], task_count=3, timeout=duration_pb2.Duration(seconds=55)
    )
    execution = clients.jobs.run_job(run_v2.RunJobRequest(name=job.name, overrides=overrides)).result(timeout=60)
    assert (execution.task_count, execution.succeeded_count) == (3, 3)
    assert execution.template.timeout.seconds == 55
    assert clients.jobs.get_job(name=job.name).template.task_count == 1


def test_a_cancel_ends_the_execution_and_both_operations_succeed(clients: Clients, name: str) -> None:
    job = create(clients, name, a_job(["/bin/sleep", "300"], tasks=3))
    run = clients.jobs.run_job(name=job.name)
    assert not run.done()
    cancelled = clients.executions.cancel_execution(name=run.metadata.name).result(timeout=60)
    assert cancelled.cancelled_count == 3
    assert run.result(timeout=60).name == cancelled.name
    with pytest.raises(exceptions.BadRequest, match="cannot be cancelled because it is not running"):
        clients.executions.cancel_execution(name=cancelled.name)


def test_a_job_is_updated_and_a_new_generation_counts(clients: Clients, name: str) -> None:
    job = create(clients, name, a_job(["/bin/true"]))
    job.template.task_count = 7
    updated = clients.jobs.update_job(job=job).result(timeout=30)
    assert (updated.template.task_count, updated.generation) == (7, 2)
    with pytest.raises(exceptions.Aborted):  # the etag is the first one's
        clients.jobs.update_job(job=job)
    missing = a_job(["/bin/true"])
    missing.name = f"{PARENT}/jobs/{name}-none"
    with pytest.raises(exceptions.NotFound):
        clients.jobs.update_job(job=missing)
    made = clients.jobs.update_job(run_v2.UpdateJobRequest(job=missing, allow_missing=True)).result(timeout=30)
    assert made.name == missing.name


def test_lists_page_through_everything(clients: Clients, name: str) -> None:
    job = create(clients, name, a_job(["/bin/true"]))
    names = {clients.jobs.run_job(name=job.name).result(timeout=60).name for _ in range(4)}
    pager = clients.executions.list_executions(run_v2.ListExecutionsRequest(parent=job.name, page_size=3))
    pages = [[execution.name for execution in page.executions] for page in pager.pages]
    assert [len(page) for page in pages] == [3, 1]
    assert {found for page in pages for found in page} == names
    jobs = [item.name for item in clients.jobs.list_jobs(run_v2.ListJobsRequest(parent=PARENT, page_size=1))]
    assert job.name in jobs
    assert jobs == sorted(jobs)
    with pytest.raises(exceptions.InvalidArgument):
        clients.jobs.list_jobs(run_v2.ListJobsRequest(parent=PARENT, page_token="nonsense"))


def test_errors_are_the_clients_exceptions_and_carry_details(clients: Clients, name: str) -> None:
    with pytest.raises(exceptions.NotFound, match=f"Resource '{name}' of kind 'JOB' in region '{LOCATION}'"):
        clients.jobs.get_job(name=f"{PARENT}/jobs/{name}")
    create(clients, name, a_job(["/bin/true"]))
    with pytest.raises(exceptions.AlreadyExists, match=f"Resource '{name}' already exists"):
        create(clients, name, a_job(["/bin/true"]))
    with pytest.raises(exceptions.InvalidArgument, match="task_count") as caught:
        create(clients, f"{name}-x", a_job(["/bin/true"], tasks=10_001))
    (detail,) = caught.value.details
    assert isinstance(detail, error_details_pb2.BadRequest)
    assert [violation.field for violation in detail.field_violations] == ["job.template.task_count"]
    with pytest.raises(exceptions.InvalidArgument, match=r"execution_environment.*99"):
        create(clients, f"{name}-y", a_job(["/bin/true"], execution_environment=99))
    with pytest.raises(exceptions.InvalidArgument, match="is not of the form"):
        clients.jobs.get_job(name=f"{PARENT}/jobs/{name}/executions/e")


def test_validate_only_changes_nothing(clients: Clients, name: str) -> None:
    request = run_v2.CreateJobRequest(parent=PARENT, job=a_job(["/bin/true"]), job_id=name, validate_only=True)
    clients.jobs.create_job(request=request)
    with pytest.raises(exceptions.NotFound):
        clients.jobs.get_job(name=f"{PARENT}/jobs/{name}")


def test_deletes_take_jobs_and_executions_away(clients: Clients, name: str) -> None:
    job = create(clients, name, a_job(["/bin/true"]))
    first = clients.jobs.run_job(name=job.name).result(timeout=60)
    deleted = clients.executions.delete_execution(name=first.name).result(timeout=60)
    assert deleted.delete_time is not None
    with pytest.raises(exceptions.NotFound):
        clients.executions.get_execution(name=first.name)
    assert clients.jobs.delete_job(name=job.name).result(timeout=60).name == job.name
    with pytest.raises(exceptions.NotFound):
        clients.jobs.get_job(name=job.name)


def test_operations_can_be_waited_for_listed_and_forgotten(clients: Clients, name: str) -> None:
    job = create(clients, name, a_job(["/bin/true"]))
    operation = clients.jobs.run_job(name=job.name)
    content = clients.jobs.wait_operation({"name": operation.operation.name, "timeout": {"seconds": 30}})
    waited = operations_pb2.Operation.FromString(content)  # over gRPC this client hands on the bytes of the answer
    execution = run_v2.Execution()
    assert waited.done
    assert waited.response.Unpack(run_v2.Execution.pb(execution))
    assert (execution.name, execution.succeeded_count) == (operation.metadata.name, 1)
    found = {item.name: item for item in clients.jobs.list_operations({"name": PARENT}).operations}
    assert found[operation.operation.name] == waited
    clients.jobs.delete_operation({"name": operation.operation.name})
    with pytest.raises(exceptions.NotFound):
        clients.jobs.get_operation({"name": operation.operation.name})


def test_a_job_has_a_policy(clients: Clients, name: str) -> None:
    job = create(clients, name, a_job(["/bin/true"]))
    policy = clients.jobs.get_iam_policy({"resource": job.name})
    assert not policy.bindings
    policy.bindings.add(role="roles/run.invoker", members=["allUsers"])
    kept = clients.jobs.set_iam_policy({"resource": job.name, "policy": policy})
    assert kept.bindings == policy.bindings
    assert kept.etag != policy.etag
    assert clients.jobs.get_iam_policy({"resource": job.name}) == kept
    with pytest.raises(exceptions.Aborted):  # the etag is the first one's
        clients.jobs.set_iam_policy({"resource": job.name, "policy": policy})
    tested = clients.jobs.test_iam_permissions({"resource": job.name, "permissions": ["run.jobs.run"]})
    assert list(tested.permissions) == ["run.jobs.run"]
    with pytest.raises(exceptions.NotFound):
        clients.jobs.get_iam_policy({"resource": f"{job.name}-none"})


def test_the_asynchronous_client_runs_a_job(runtime: RuntimeProcess, name: str) -> None:
    async def run() -> Any:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{runtime.grpc_port}") as channel:
            transport = run_v2.JobsAsyncClient.get_transport_class("grpc_asyncio")(channel=channel)
            jobs = run_v2.JobsAsyncClient(transport=transport)
            creation = await jobs.create_job(parent=PARENT, job=a_job(["/bin/true"], tasks=2), job_id=name)
            job = await creation.result(timeout=30)
            return await (await jobs.run_job(name=job.name)).result(timeout=60)

    assert asyncio.run(run()).succeeded_count == 2


@pytest.mark.parametrize(
    ("kind", "call", "argument"),
    [
        ("Services", "get_service", {"name": f"{PARENT}/services/s"}),
        ("WorkerPools", "get_worker_pool", {"name": f"{PARENT}/workerPools/w"}),
        ("Revisions", "get_revision", {"name": f"{PARENT}/services/s/revisions/r"}),
    ],
)
def test_what_is_not_there_is_refused_by_name(clients: Clients, kind: str, call: str, argument: dict[str, str]) -> None:
    client = clients.of(getattr(run_v2, f"{kind}Client"))
    name = argument["name"].rpartition("/")[2]
    with pytest.raises(exceptions.NotFound, match=f"Resource '{name}' of kind '"):
        getattr(client, call)(argument)
