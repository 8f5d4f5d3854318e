"""The messages and methods of Cloud Run on the gRPC port: made from Google's own library, and at one with our REST."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

grpc = pytest.importorskip("grpc")
run_v2 = pytest.importorskip("google.cloud.run_v2")

from google.protobuf import duration_pb2  # noqa: E402
from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from hakobune.core.errors import InvalidArgument  # noqa: E402
from hakobune.servers.grpc import run_messages  # noqa: E402
from hakobune.servers.grpc.methods import METHODS  # noqa: E402
from hakobune.servers.grpc.pool import message_class  # noqa: E402
from hakobune.servers.grpc.transcoding import message_of, request_of  # noqa: E402
from hakobune.servers.http.messages import json_response  # noqa: E402
from hakobune.wire import run_v2_resident_schema, run_v2_schema  # noqa: E402
from hakobune.wire.schema import ListOf, Message  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
RUN = "/google.cloud.run.v2."
PARENT = "projects/p1/locations/us-central1"
JOB = f"{PARENT}/jobs/j"
EXECUTION = f"{JOB}/executions/e"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


# -- tables ------------------------------------------------------------------------------------------------------


def library_descriptor(name: str) -> Any:
    outer, *inner = name.split(".")
    kind = getattr(run_v2, outer)
    descriptor = kind.pb(kind()).DESCRIPTOR
    for part in inner:
        descriptor = descriptor.nested_types_by_name[part]
    return descriptor


@pytest.mark.parametrize("name", run_messages.RUN.messages)
def test_fields_share_their_oneofs_as_in_google_s_library(name: str) -> None:
    ours = message_class(f"google.cloud.run.v2.{name}").DESCRIPTOR
    shared = [{oneof.name: [field.number for field in oneof.fields]} for oneof in ours.oneofs]
    assert shared == [
        {oneof.name: [field.number for field in oneof.fields]} for oneof in library_descriptor(name).oneofs
    ]


def resources(descriptor: Any, message: Message) -> Iterator[tuple[str, Any, Message]]:
    """Each pair of a protobuf message and the table of REST that is the same."""
    yield descriptor.full_name, descriptor, message
    for field in descriptor.fields:
        other = message.fields.get(field.json_name)
        inner = other.item if isinstance(other, ListOf) else other
        if isinstance(inner, Message) and field.message_type is not None:
            yield from resources(field.message_type, inner)


def test_every_field_of_what_is_sent_has_the_name_that_rest_gives_it() -> None:
    compared: set[str] = set()
    for name, table in (
        ("Job", run_v2_schema.JOB),
        ("RunJobRequest", run_v2_schema.RUN_JOB_REQUEST),
        ("Service", run_v2_resident_schema.SERVICE),
        ("WorkerPool", run_v2_resident_schema.WORKER_POOL),
    ):
        for full_name, descriptor, message in resources(message_class(f"google.cloud.run.v2.{name}").DESCRIPTOR, table):
            compared.add(full_name.rpartition(".")[2])
            assert {field.json_name for field in descriptor.fields} <= set(message.fields), full_name
    assert compared >= {"Container", "EnvVar", "Volume", "Condition", "TaskTemplate", "ContainerOverride"}


def test_the_tables_are_what_the_generator_makes() -> None:
    recorded = re.search(r"google-cloud-run (\S+);", run_messages.__doc__ or "")
    assert recorded is not None
    installed = version("google-cloud-run")
    if installed != recorded[1]:
        pytest.skip(f"made from google-cloud-run {recorded[1]}, and {installed} is installed")
    made = generator()
    assert made.TARGET.read_text(encoding="utf-8") == made.module()


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_grpc_messages", ROOT / "tools" / "make_grpc_messages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# -- methods -----------------------------------------------------------------------------------------------------


def test_every_method_of_jobs_services_and_worker_pools_is_served_and_no_other_of_run() -> None:
    named = {
        f"{RUN}{service}/{name}"
        for service, names in {
            "Jobs": "CreateJob GetJob ListJobs UpdateJob DeleteJob RunJob GetIamPolicy SetIamPolicy TestIamPermissions",
            "Executions": "GetExecution ListExecutions DeleteExecution CancelExecution",
            "Tasks": "GetTask ListTasks",
            "Services": "CreateService GetService ListServices UpdateService DeleteService "
            "GetIamPolicy SetIamPolicy TestIamPermissions",
            "WorkerPools": "CreateWorkerPool GetWorkerPool ListWorkerPools UpdateWorkerPool DeleteWorkerPool "
            "GetIamPolicy SetIamPolicy TestIamPermissions",
            "Revisions": "GetRevision ListRevisions DeleteRevision",
        }.items()
        for name in names.split()
    }
    with grpc.insecure_channel("127.0.0.1:1") as channel:
        for client in (
            run_v2.JobsClient,
            run_v2.ExecutionsClient,
            run_v2.TasksClient,
            run_v2.ServicesClient,
            run_v2.WorkerPoolsClient,
            run_v2.RevisionsClient,
        ):
            transport = client.get_transport_class("grpc")(channel=channel)
            for name in dir(type(transport)):
                if isinstance(getattr(type(transport), name), property):
                    getattr(transport, name)
            assert {stub._method for stub in transport._stubs.values()} <= set(METHODS)
    assert {method for method in METHODS if method.startswith(RUN)} == named


CASES = [
    (
        "Jobs/CreateJob",
        run_v2.CreateJobRequest(
            parent=PARENT,
            job_id="j",
            validate_only=True,
            job={
                "labels": {"a": "b"},
                "launch_stage": 4,
                "template": {
                    "task_count": 3,
                    "template": {
                        "max_retries": 0,
                        "timeout": duration_pb2.Duration(seconds=600),
                        "execution_environment": 2,
                        "containers": [{"image": "local", "env": [{"name": "A", "value": ""}, {"name": "B"}]}],
                    },
                },
            },
        ),
        ("POST", f"/v2/{PARENT}/jobs?jobId=j&validateOnly=true"),
        {
            "labels": {"a": "b"},
            "launchStage": "GA",
            "template": {
                "taskCount": 3,
                "template": {
                    "maxRetries": 0,
                    "timeout": "600s",
                    "executionEnvironment": "EXECUTION_ENVIRONMENT_GEN2",
                    "containers": [{"image": "local", "env": [{"name": "A", "value": ""}, {"name": "B"}]}],
                },
            },
        },
    ),
    (
        "Jobs/UpdateJob",
        run_v2.UpdateJobRequest(job={"name": JOB, "generation": 2**53 + 1}, allow_missing=True),
        ("PATCH", f"/v2/{JOB}?allowMissing=true"),
        {"name": JOB, "generation": str(2**53 + 1)},
    ),
    ("Jobs/GetJob", run_v2.GetJobRequest(name=JOB), ("GET", f"/v2/{JOB}"), None),
    (
        "Jobs/ListJobs",
        run_v2.ListJobsRequest(parent=PARENT, page_size=2, page_token="t", show_deleted=True),
        ("GET", f"/v2/{PARENT}/jobs?pageSize=2&pageToken=t&showDeleted=true"),
        None,
    ),
    ("Jobs/DeleteJob", run_v2.DeleteJobRequest(name=JOB, etag='"e"'), ("DELETE", f"/v2/{JOB}?etag=%22e%22"), None),
    (
        "Jobs/RunJob",
        run_v2.RunJobRequest(
            name=JOB,
            overrides={
                "task_count": 2,
                "timeout": duration_pb2.Duration(seconds=1, nanos=500_000_000),
                "container_overrides": [{"args": ["x"], "clear_args": False}],
            },
        ),
        ("POST", f"/v2/{JOB}:run"),
        {"overrides": {"taskCount": 2, "timeout": "1.500s", "containerOverrides": [{"args": ["x"]}]}},
    ),
    (
        "Executions/ListExecutions",
        run_v2.ListExecutionsRequest(parent=f"{PARENT}/jobs/-"),
        ("GET", f"/v2/{PARENT}/jobs/-/executions"),
        None,
    ),
    ("Executions/GetExecution", run_v2.GetExecutionRequest(name=EXECUTION), ("GET", f"/v2/{EXECUTION}"), None),
    ("Executions/DeleteExecution", run_v2.DeleteExecutionRequest(name=EXECUTION), ("DELETE", f"/v2/{EXECUTION}"), None),
    (
        "Executions/CancelExecution",
        run_v2.CancelExecutionRequest(name=EXECUTION, validate_only=True),
        ("POST", f"/v2/{EXECUTION}:cancel"),
        {"validateOnly": True},
    ),
    ("Tasks/ListTasks", run_v2.ListTasksRequest(parent=EXECUTION), ("GET", f"/v2/{EXECUTION}/tasks"), None),
    ("Tasks/GetTask", run_v2.GetTaskRequest(name=f"{EXECUTION}/tasks/t"), ("GET", f"/v2/{EXECUTION}/tasks/t"), None),
]


@pytest.mark.anyio
@pytest.mark.parametrize(("method", "message", "line", "body"), CASES)
async def test_a_request_becomes_the_rest_call_that_it_means(
    method: str, message: Any, line: tuple[str, str], body: object
) -> None:
    metadata = {"x-goog-request-params": "name=other"}
    found = request_of(METHODS[RUN + method], type(message).serialize(message), metadata, "ipv4:127.0.0.1:5")
    assert (found.method, found.target) == line
    assert found.headers == {}
    content = await found.content()
    assert (json.loads(content) if content else None) == body


@pytest.mark.parametrize("method", [method for method in METHODS if method.startswith(RUN)])
@given(names=st.lists(st.text(min_size=1, max_size=8), min_size=5, max_size=5), noise=st.binary(max_size=60))
def test_whatever_is_sent_becomes_that_call_or_is_refused(method: str, names: list[str], noise: bytes) -> None:
    (field, form), *_ = re.findall(r"\{([a-z._]+)=([^}]*)\}", METHODS[method].path)
    name = re.sub(r"\*", lambda _: names.pop(), form)
    message = message_class(METHODS[method].request)()
    *outer, last = field.split(".")
    setattr(getattr(message, outer[0]) if outer else message, last, name)
    try:
        found = request_of(METHODS[method], message.SerializeToString() + noise, {}, "")
    except InvalidArgument:
        assert noise or name.count("/") != form.count("/")
        return
    path, _, _ = found.target.partition("?")
    version, verb = METHODS[method].path.partition("{")[0], METHODS[method].path.rpartition("}")[2]
    assert path.startswith(f"{version}projects/")
    assert path.endswith(verb)
    assert path.isascii()
    assert not set(path.removesuffix(verb)) & set(":?# ")


def test_an_answer_keeps_what_is_zero_and_not_nothing() -> None:
    tree = {"template": {"template": {"maxRetries": 0, "containers": [{"env": [{"name": "A", "value": ""}]}]}}}
    job = run_v2.Job.deserialize(message_of(METHODS[RUN + "Jobs/GetJob"], json_response(tree)))
    assert "max_retries" in job.template.template
    assert "value" in job.template.template.containers[0].env[0]
    nothing = {"template": {"template": {"containers": [{"env": [{"name": "A"}]}]}}}
    job = run_v2.Job.deserialize(message_of(METHODS[RUN + "Jobs/GetJob"], json_response(nothing)))
    assert "max_retries" not in job.template.template
    assert "value" not in job.template.template.containers[0].env[0]


def test_enums_with_gaps_in_their_numbers_arrive_as_what_they_are() -> None:
    tree = {"conditions": [{"type": "Completed", "reason": "PROGRESS_DEADLINE_EXCEEDED", "severity": "ERROR"}]}
    execution = run_v2.Execution.deserialize(message_of(METHODS[RUN + "Executions/GetExecution"], json_response(tree)))
    (condition,) = execution.conditions
    assert condition.type_ == "Completed"
    assert condition.reason == run_v2.Condition.CommonReason.PROGRESS_DEADLINE_EXCEEDED
    assert condition.reason.value == 4


def test_the_port_needs_none_of_google_s_client_packages() -> None:
    script = (
        "import sys, hakobune.servers.grpc.services, hakobune.servers.grpc.pubsub\n"
        "from hakobune.servers.grpc.pool import pool\n"
        "pool()\n"
        "print(*sorted({'proto', 'google.api_core', 'google.cloud.run_v2', 'google.pubsub_v1'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
