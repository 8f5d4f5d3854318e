"""The unmodified google-cloud-workflows: workflows over REST and gRPC, executions over gRPC (they have no REST there)."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import workflows_v1, workflows_v1beta
from google.cloud.workflows import executions_v1, executions_v1beta
from google.iam.v1 import iam_policy_pb2, iam_policy_pb2_grpc
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf import duration_pb2, field_mask_pb2, json_format
from google.rpc import error_details_pb2

from runtime_process import LOCATION, PROJECT, RuntimeProcess

PARENT = f"projects/{PROJECT}/locations/{LOCATION}"
DOUBLE = "main:\n  params: [args]\n  steps:\n    - done:\n        return: ${args.n * 2}\n"
FAIL = 'main:\n  steps:\n    - boom:\n        raise: "no luck"\n'
SLEEP = "main:\n  steps:\n    - doze:\n        call: sys.sleep\n        args: {seconds: 3600}\n"
State = executions_v1.Execution.State


@pytest.fixture(scope="module")
def channel(runtime: RuntimeProcess) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{runtime.grpc_port}") as found:
        yield found


@pytest.fixture(params=["rest", "grpc"])
def workflows(request: pytest.FixtureRequest, runtime: RuntimeProcess, channel: grpc.Channel) -> Any:
    if request.param == "grpc":
        transport = workflows_v1.WorkflowsClient.get_transport_class("grpc")(channel=channel)
        return workflows_v1.WorkflowsClient(transport=transport)
    return workflows_v1.WorkflowsClient(
        transport="rest",
        credentials=AnonymousCredentials(),
        client_options=ClientOptions(api_endpoint=runtime.url),
    )


@pytest.fixture
def executions(channel: grpc.Channel) -> executions_v1.ExecutionsClient:
    transport = executions_v1.ExecutionsClient.get_transport_class("grpc")(channel=channel)
    return executions_v1.ExecutionsClient(transport=transport)


@pytest.fixture
def name() -> str:
    return f"w-{uuid.uuid4().hex[:8]}"


def create(workflows: Any, name: str, source: str, parent: str = PARENT, **fields: Any) -> workflows_v1.Workflow:
    workflow = workflows_v1.Workflow(source_contents=source, **fields)
    return workflows.create_workflow(parent=parent, workflow=workflow, workflow_id=name).result(timeout=30)


def ended(executions: Any, name: str) -> Any:
    end_s = time.monotonic() + 30
    while True:
        found = executions.get_execution(name=name)
        if int(found.state) not in (State.ACTIVE.value, State.QUEUED.value):  # v1beta has an enum of its own
            return found
        assert time.monotonic() < end_s
        time.sleep(0.02)


def test_a_workflow_is_created_read_changed_listed_and_deleted(workflows: Any, name: str) -> None:
    made = create(workflows, name, DOUBLE, labels={"a": "b"}, call_log_level=2, user_env_vars={"K": "v"})
    assert made.name == f"{PARENT}/workflows/{name}"
    assert (made.state, made.source_contents) == (workflows_v1.Workflow.State.ACTIVE, DOUBLE)
    assert made.call_log_level == workflows_v1.Workflow.CallLogLevel.LOG_ERRORS_ONLY
    assert workflows.get_workflow(name=made.name) == made
    changed = workflows_v1.Workflow(name=made.name, source_contents=FAIL, description="new")
    mask = field_mask_pb2.FieldMask(paths=["source_contents", "description"])
    operation = workflows.update_workflow(workflow=changed, update_mask=mask)
    updated = operation.result(timeout=30)
    assert (updated.description, dict(updated.labels), updated.revision_id[:6]) == ("new", {"a": "b"}, "000002")
    assert (operation.metadata.target, operation.metadata.verb) == (made.name, "update")
    whole = workflows.update_workflow(workflow=workflows_v1.Workflow(name=made.name, source_contents=DOUBLE))
    assert dict(whole.result(timeout=30).labels) == {}
    revisions = list(workflows.list_workflow_revisions(request={"name": made.name, "page_size": 2}))
    assert [revision.revision_id[:6] for revision in revisions] == ["000003", "000002", "000001"]
    first = workflows.get_workflow(request={"name": made.name, "revision_id": made.revision_id})
    assert first.source_contents == DOUBLE
    assert made.name in [found.name for found in workflows.list_workflows(parent=PARENT)]
    assert workflows.delete_workflow(name=made.name).result(timeout=30) is not None
    with pytest.raises(exceptions.NotFound, match=name):
        workflows.get_workflow(name=made.name)


def test_lists_page_filter_and_order(workflows: Any, name: str) -> None:
    parent = f"projects/{name}/locations/{LOCATION}"
    for number in range(5):
        create(workflows, f"w{number}", DOUBLE, parent, labels={"odd": str(number % 2)})
    request = workflows_v1.ListWorkflowsRequest(
        parent=parent, page_size=1, filter='labels.odd="0"', order_by="createTime desc"
    )
    found = [workflow.name.rpartition("/")[2] for workflow in workflows.list_workflows(request=request)]
    assert found == ["w4", "w2", "w0"]


def test_what_is_wrong_with_a_source_is_the_operation_s_error(workflows: Any, name: str) -> None:
    with pytest.raises(exceptions.InvalidArgument, match="failed to build"):
        create(workflows, name, "main: {steps: 5}")
    create(workflows, name, DOUBLE)
    with pytest.raises(exceptions.AlreadyExists):
        create(workflows, name, DOUBLE)


def test_errors_arrive_as_the_client_s_exceptions_with_their_fields(workflows: Any, name: str) -> None:
    with pytest.raises(exceptions.BadRequest, match="user_env_vars") as caught:
        create(workflows, name, DOUBLE, user_env_vars={"GOOGLE_X": "1"})
    (detail,) = caught.value.details
    if isinstance(detail, error_details_pb2.BadRequest):  # of gRPC; REST gives JSON
        detail = json_format.MessageToDict(detail)
    assert [found["field"] for found in detail["fieldViolations"]] == ["workflow.user_env_vars['GOOGLE_X']"]
    with pytest.raises(exceptions.NotFound):
        workflows.delete_workflow(name=f"{PARENT}/workflows/{name}")
    with pytest.raises(exceptions.BadRequest, match="Workflow ids have 1 to 64"):
        create(workflows, "1-wrong", DOUBLE)


def test_operations_and_locations_can_be_asked_for(workflows: Any, name: str) -> None:
    workflow = workflows_v1.Workflow(source_contents=DOUBLE)
    operation = workflows.create_workflow(parent=PARENT, workflow=workflow, workflow_id=name).operation
    again = workflows.get_operation({"name": operation.name})
    assert (again.done, again.response) == (True, operation.response)
    listed = workflows.list_operations({"name": PARENT, "page_size": 1000}).operations
    assert operation.name in [found.name for found in listed]
    workflows.delete_operation({"name": operation.name})
    with pytest.raises(exceptions.NotFound):
        workflows.get_operation({"name": operation.name})
    locations = [found.location_id for found in workflows.list_locations({"name": f"projects/{PROJECT}"}).locations]
    assert {LOCATION, "us-central1"} <= set(locations)
    assert workflows.get_location({"name": PARENT}).location_id == LOCATION


def test_an_execution_begins_and_ends_with_its_result(workflows: Any, executions: Any, name: str) -> None:
    workflow = create(workflows, name, DOUBLE, labels={"team": "art"})
    begun = executions.create_execution(
        parent=workflow.name, execution=executions_v1.Execution(argument=json.dumps({"n": 21}), labels={"run": "1"})
    )
    assert begun.name.startswith(f"{workflow.name}/executions/")
    found = ended(executions, begun.name)
    assert (found.state, found.result, found.argument) == (State.SUCCEEDED, "42", '{"n": 21}')
    assert dict(found.labels) == {"team": "art", "run": "1"}
    assert found.workflow_revision_id == workflow.revision_id
    assert found.end_time >= found.start_time
    assert found.duration == found.end_time - found.start_time
    basic = executions.get_execution(request={"name": begun.name, "view": executions_v1.ExecutionView.BASIC})
    assert (basic.result, basic.argument, basic.state) == ("", "", State.SUCCEEDED)


def test_a_failure_carries_its_stack(workflows: Any, executions: Any, name: str) -> None:
    workflow = create(workflows, name, FAIL)
    found = ended(executions, executions.create_execution(parent=workflow.name).name)
    assert (found.state, found.error.payload) == (State.FAILED, '"no luck"')
    element = found.error.stack_trace.elements[0]
    assert (element.step, element.routine, element.position.line) == ("boom", "main", 3)


def test_executions_are_listed_and_cancelled(workflows: Any, executions: Any, name: str) -> None:
    workflow = create(workflows, name, SLEEP)
    made = [executions.create_execution(parent=workflow.name).name for _ in range(3)]
    request = executions_v1.ListExecutionsRequest(parent=workflow.name, page_size=2)
    assert [found.name for found in executions.list_executions(request=request)] == made[::-1]
    cancelled = executions.cancel_execution(name=made[0])
    assert cancelled.name == made[0]
    assert ended(executions, made[0]).state == State.CANCELLED
    with pytest.raises(exceptions.FailedPrecondition):
        executions.cancel_execution(name=made[0])
    request = executions_v1.ListExecutionsRequest(parent=workflow.name, filter="state=CANCELLED", order_by="endTime")
    assert [found.name for found in executions.list_executions(request=request)] == made[:1]
    workflows.delete_workflow(name=workflow.name).result(timeout=30)
    with pytest.raises(exceptions.NotFound):
        executions.get_execution(name=made[1])


def test_wrong_executions_are_refused_over_grpc(executions: Any, name: str) -> None:
    parent = f"{PARENT}/workflows/{name}"
    with pytest.raises(exceptions.InvalidArgument, match="is not valid JSON"):
        executions.create_execution(parent=parent, execution=executions_v1.Execution(argument="{"))
    with pytest.raises(exceptions.NotFound):
        executions.create_execution(parent=parent)
    with pytest.raises(exceptions.InvalidArgument, match="is not of the form"):
        executions.get_execution(name="nonsense")
    with pytest.raises(exceptions.InvalidArgument, match="Unparseable filter"):
        executions.list_executions(request={"parent": parent, "filter": "what?"})
    with pytest.raises(exceptions.ResourceExhausted, match="larger than max"):
        executions.create_execution(parent=parent, execution=executions_v1.Execution(argument="x" * 5_000_000))


def test_a_long_message_arrives_cut(workflows: Any, name: str) -> None:
    variables = {f"GOOGLE_名前_{number}": "x" for number in range(20)}
    with pytest.raises(exceptions.BadRequest, match="GOOGLE_名前_"):
        create(workflows, name, DOUBLE, user_env_vars=variables)


@pytest.mark.anyio
async def test_the_asynchronous_clients_work(runtime: RuntimeProcess, name: str) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{runtime.grpc_port}") as channel:
        kind = workflows_v1.WorkflowsAsyncClient.get_transport_class("grpc_asyncio")
        workflows = workflows_v1.WorkflowsAsyncClient(transport=kind(channel=channel))
        workflow = workflows_v1.Workflow(source_contents=SLEEP)
        operation = await workflows.create_workflow(parent=PARENT, workflow=workflow, workflow_id=name)
        made = await operation.result()
        other = executions_v1.ExecutionsAsyncClient.get_transport_class("grpc_asyncio")
        executions = executions_v1.ExecutionsAsyncClient(transport=other(channel=channel))
        begun = await executions.create_execution(parent=made.name)
        assert (await executions.cancel_execution(name=begun.name)).name == begun.name


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_the_beta_clients_work(channel: grpc.Channel, name: str) -> None:
    kind = workflows_v1beta.WorkflowsClient.get_transport_class("grpc")
    workflows = workflows_v1beta.WorkflowsClient(transport=kind(channel=channel))
    workflow = workflows_v1beta.Workflow(source_contents=DOUBLE)
    made = workflows.create_workflow(parent=PARENT, workflow=workflow, workflow_id=name).result(timeout=30)
    assert made.source_contents == DOUBLE
    other = executions_v1beta.ExecutionsClient.get_transport_class("grpc")
    executions = executions_v1beta.ExecutionsClient(transport=other(channel=channel))
    begun = executions.create_execution(parent=made.name, execution={"argument": '{"n": 1}'})
    assert ended(executions, begun.name).result == "2"
    assert begun.name in [found.name for found in executions.list_executions(parent=made.name)]
    with pytest.raises(exceptions.FailedPrecondition):
        executions.cancel_execution(name=begun.name)
    assert made.name in [found.name for found in workflows.list_workflows(parent=PARENT)]
    changed = workflows_v1beta.Workflow(name=made.name, description="twice", source_contents=DOUBLE)
    workflows.update_workflow(workflow=changed, update_mask={"paths": ["description"]}).result(timeout=30)
    assert workflows.get_workflow(name=made.name).description == "twice"
    workflows.delete_workflow(name=made.name).result(timeout=30)


def test_operations_and_policies_have_services_of_their_own(workflows: Any, channel: grpc.Channel, name: str) -> None:
    workflow = workflows_v1.Workflow(source_contents=DOUBLE)
    operation = workflows.create_workflow(parent=PARENT, workflow=workflow, workflow_id=name).operation
    operations = operations_pb2_grpc.OperationsStub(channel)
    wait = operations_pb2.WaitOperationRequest(name=operation.name, timeout=duration_pb2.Duration(seconds=5))
    assert operations.WaitOperation(wait).done
    with pytest.raises(grpc.RpcError) as caught:
        operations.CancelOperation(operations_pb2.CancelOperationRequest(name=operation.name))
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED  # type: ignore[attr-defined]
    policies = iam_policy_pb2_grpc.IAMPolicyStub(channel)
    resource = f"{PARENT}/workflows/{name}"
    binding = {"role": "roles/workflows.invoker", "members": ["allUsers"]}
    asked = iam_policy_pb2.SetIamPolicyRequest(resource=resource, policy={"bindings": [binding]})
    policy = policies.SetIamPolicy(asked)
    assert policy.etag
    assert policies.GetIamPolicy(iam_policy_pb2.GetIamPolicyRequest(resource=resource)) == policy
    asked = iam_policy_pb2.SetIamPolicyRequest(resource=resource, policy={"etag": b"stale"})
    with pytest.raises(grpc.RpcError) as caught:
        policies.SetIamPolicy(asked)
    assert caught.value.code() is grpc.StatusCode.ABORTED  # type: ignore[attr-defined]
    tested = iam_policy_pb2.TestIamPermissionsRequest(resource=resource, permissions=["workflows.workflows.get"])
    assert list(policies.TestIamPermissions(tested).permissions) == ["workflows.workflows.get"]


def test_operations_of_cloud_run_stand_in_the_same_list_over_grpc(
    runtime: RuntimeProcess, channel: grpc.Channel, name: str
) -> None:
    runtime.create(name, ["/bin/true"])
    execution = runtime.run(name)
    runtime.wait(execution)
    operations = operations_pb2_grpc.OperationsStub(channel)
    listed = operations.ListOperations(operations_pb2.ListOperationsRequest(name=PARENT, page_size=1000)).operations
    assert any(execution in operation.metadata.value.decode(errors="replace") for operation in listed)


def test_a_token_counts_over_grpc_as_over_rest(own_runtime: RuntimeProcess) -> None:
    own_runtime.arguments = ("--auth", "token")
    own_runtime.start()
    token = own_runtime.call(
        "GET",
        "/computeMetadata/v1/instance/service-accounts/default/token",
        headers={"Metadata-Flavor": "Google"},
    ).json["access_token"]
    with grpc.insecure_channel(f"127.0.0.1:{own_runtime.grpc_port}") as channel:
        operations = operations_pb2_grpc.OperationsStub(channel)
        asked = operations_pb2.ListOperationsRequest(name=PARENT)
        for metadata in ((), (("authorization", "Bearer forged"),)):
            with pytest.raises(grpc.RpcError) as caught:
                operations.ListOperations(asked, metadata=metadata)
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED  # type: ignore[attr-defined]
        assert not operations.ListOperations(asked, metadata=(("authorization", f"Bearer {token}"),)).operations
    assert own_runtime.stop() == 0
