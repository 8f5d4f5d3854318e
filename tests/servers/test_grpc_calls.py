"""The gRPC port under clients that leave, that send nonsense, and at an orderly stop."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from workflow_calls import BASE, DOUBLE, deploy

from runtime_process import BASE as RUN_BASE
from runtime_process import LOCATION, PROJECT, RuntimeProcess

grpc = pytest.importorskip("grpc")
executions_v1 = pytest.importorskip("google.cloud.workflows.executions_v1")

from google.api_core import exceptions  # noqa: E402
from google.longrunning import operations_pb2, operations_pb2_grpc  # noqa: E402

WORKFLOWS = "/google.cloud.workflows.v1.Workflows/"
PARENT = f"projects/{PROJECT}/locations/{LOCATION}"


def executions_of(channel: Any) -> Any:
    transport = executions_v1.ExecutionsClient.get_transport_class("grpc")(channel=channel)
    return executions_v1.ExecutionsClient(transport=transport)


def test_given_clients_that_leave_before_their_answer_then_what_was_begun_goes_on(runtime: RuntimeProcess) -> None:
    deploy(runtime, "impatient", DOUBLE)
    parent = f"{PARENT}/workflows/impatient"
    with grpc.insecure_channel(f"127.0.0.1:{runtime.grpc_port}") as channel:
        executions = executions_of(channel)

        def begin(number: int) -> None:
            execution = {"argument": '{"n": 1}'}
            with suppress(exceptions.DeadlineExceeded, exceptions.Cancelled):
                executions.create_execution(parent=parent, execution=execution, timeout=0.0005 * (number % 12))

        with ThreadPoolExecutor(16) as pool:
            list(pool.map(begin, range(240)))
        end_s = time.monotonic() + 30
        while True:
            found = runtime.call("GET", f"{BASE}/workflows/impatient/executions?filter=state!%3DSUCCEEDED").json
            if not found:
                break
            assert time.monotonic() < end_s, found
            time.sleep(0.05)
    assert runtime.call("GET", f"{BASE}/workflows/impatient/executions").json["executions"]
    assert "Traceback" not in runtime.log


@pytest.mark.parametrize(
    ("method", "content", "code", "text"),
    [
        ("/google.eventarc.v1.Eventarc/Gone", b"", "UNIMPLEMENTED", "/google.eventarc.v1.Eventarc/Gone: not"),
        ("/google.pubsub.v1.Publisher/Publish", b"", "INVALID_ARGUMENT", "Invalid [topics] name"),
        ("/google.pubsub.v1.Publisher/Publish", b"\xff\xff", "INVALID_ARGUMENT", "The request is no google.pubsub"),
        ("/google.pubsub.v1.Publisher/Publish", b"x" * 21_000_000, "RESOURCE_EXHAUSTED", "larger than max"),
        (WORKFLOWS + "Gone", b"", "UNIMPLEMENTED", f"{WORKFLOWS}Gone: not supported"),
        (WORKFLOWS + "GetWorkflow", b"", "INVALID_ARGUMENT", "Invalid value at 'name'"),
        (  # an Any without a type
            "/google.cloud.eventarc.publishing.v1.Publisher/PublishEvents",
            b"\x12\x03\x12\x01x",
            "INVALID_ARGUMENT",
            "The request is no google.cloud.eventarc",
        ),
        (WORKFLOWS + "GetWorkflow", b"\xff\xff", "INVALID_ARGUMENT", "The request is no google.cloud"),
        (WORKFLOWS + "GetWorkflow", b"x" * 5_000_000, "RESOURCE_EXHAUSTED", "larger than max"),
        (WORKFLOWS + "ListWorkflows", b"\x0a\x1cprojects/p/locations/a/../b/", "INVALID_ARGUMENT", "parent"),
    ],
)
def test_given_nonsense_then_a_status_says_what_is_wrong(
    runtime: RuntimeProcess, method: str, content: bytes, code: str, text: str
) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{runtime.grpc_port}") as channel:
        call = channel.unary_unary(method)
        with pytest.raises(grpc.RpcError) as caught:
            call(content, timeout=20)
    assert caught.value.code().name == code  # type: ignore[attr-defined]
    assert text in caught.value.details()  # type: ignore[attr-defined]


def test_given_a_long_wait_when_the_runtime_stops_then_the_client_hears_of_it(own_runtime: RuntimeProcess) -> None:
    own_runtime.start()
    own_runtime.create("long", ["/bin/sleep", "600"])
    operation = own_runtime.call("POST", f"{RUN_BASE}/jobs/long:run", {}).json["name"]
    codes: list[str] = []
    with grpc.insecure_channel(f"127.0.0.1:{own_runtime.grpc_port}") as channel:
        stub = operations_pb2_grpc.OperationsStub(channel)
        grpc.channel_ready_future(channel).result(timeout=20)

        def wait() -> None:
            try:
                stub.WaitOperation(operations_pb2.WaitOperationRequest(name=operation, timeout={"seconds": 300}))
            except grpc.RpcError as error:
                codes.append(error.code().name)  # type: ignore[attr-defined]

        waiting = threading.Thread(target=wait)
        waiting.start()
        _until_asked(own_runtime)
        assert own_runtime.stop() == 0
        waiting.join(timeout=20)
    assert codes in (["UNAVAILABLE"], ["CANCELLED"])
    assert "Traceback" not in own_runtime.log


def _until_asked(runtime: RuntimeProcess) -> None:
    """The wait has no trace outside: give it the time of a few other calls."""
    for _ in range(20):
        runtime.call("GET", "/healthz")


def test_given_an_operation_of_a_job_when_asked_for_over_grpc_then_it_carries_the_job_and_the_execution(
    runtime: RuntimeProcess,
) -> None:
    run_v2 = pytest.importorskip("google.cloud.run_v2")
    runtime.create("over-grpc", ["/bin/true"], tasks=3)
    name = runtime.call("POST", f"{RUN_BASE}/jobs/over-grpc:run", {}).json["name"]
    with grpc.insecure_channel(f"127.0.0.1:{runtime.grpc_port}") as channel:
        stub = operations_pb2_grpc.OperationsStub(channel)
        found = stub.WaitOperation(operations_pb2.WaitOperationRequest(name=name, timeout={"seconds": 60}), timeout=70)
        again = stub.GetOperation(operations_pb2.GetOperationRequest(name=name), timeout=20)
        listed = stub.ListOperations(operations_pb2.ListOperationsRequest(name=PARENT), timeout=20)
    assert found.done
    assert again == found
    assert found in listed.operations
    execution = run_v2.Execution()
    assert found.response.Unpack(run_v2.Execution.pb(execution))
    assert (execution.job, execution.task_count, execution.succeeded_count) == ("over-grpc", 3, 3)
    assert execution.launch_stage == 4  # GA
    assert [condition.state.name for condition in execution.conditions if condition.type_ == "Completed"] == [
        "CONDITION_SUCCEEDED"
    ]
    assert found.metadata.type_url == "type.googleapis.com/google.cloud.run.v2.Execution"
