"""The messages of the gRPC port against Google's own libraries, and the REST calls that its methods mean."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest

from hakobune.core.errors import Code, InvalidArgument, Unimplemented

grpc = pytest.importorskip("grpc")
workflows_v1 = pytest.importorskip("google.cloud.workflows_v1")
workflows_v1beta = pytest.importorskip("google.cloud.workflows_v1beta")
executions_v1 = pytest.importorskip("google.cloud.workflows.executions_v1")
run_v2 = pytest.importorskip("google.cloud.run_v2")
executions_v1beta = pytest.importorskip("google.cloud.workflows.executions_v1beta")
secretmanager_v1 = pytest.importorskip("google.cloud.secretmanager_v1")
iam_credentials_v1 = pytest.importorskip("google.cloud.iam_credentials_v1")
iam_admin_v1 = pytest.importorskip("google.cloud.iam_admin_v1")
pubsub_v1 = pytest.importorskip("google.pubsub_v1")
scheduler_v1 = pytest.importorskip("google.cloud.scheduler_v1")
eventarc_v1 = pytest.importorskip("google.cloud.eventarc_v1")
publishing_v1 = pytest.importorskip("google.cloud.eventarc_publishing_v1")
iam_policy_pb2 = pytest.importorskip("google.iam.v1.iam_policy_pb2")
policy_pb2 = pytest.importorskip("google.iam.v1.policy_pb2")

from google.cloud.location import locations_pb2  # noqa: E402
from google.longrunning import operations_pb2  # noqa: E402
from google.protobuf import field_mask_pb2  # noqa: E402
from google.rpc import error_details_pb2, status_pb2  # noqa: E402

from hakobune.servers.grpc.messages import PACKAGES  # noqa: E402
from hakobune.servers.grpc.methods import METHODS, Method  # noqa: E402
from hakobune.servers.grpc.pool import is_known, message_class  # noqa: E402
from hakobune.servers.grpc.transcoding import message_of, request_of, status_of  # noqa: E402
from hakobune.servers.http.messages import Request, Response, json_response  # noqa: E402
from hakobune.wire.errors import error_to_json  # noqa: E402

PARENT = "projects/p1/locations/us-central1"
NAME = f"{PARENT}/workflows/w"
W = "/google.cloud.workflows.v1.Workflows/"
E = "/google.cloud.workflows.executions.v1.Executions/"
LIBRARIES = {
    "google.cloud.workflows.v1": workflows_v1,
    "google.cloud.workflows.v1beta": workflows_v1beta,
    "google.cloud.workflows.executions.v1": executions_v1,
    "google.cloud.workflows.executions.v1beta": executions_v1beta,
    "google.cloud.secretmanager.v1": secretmanager_v1,
    "google.iam.credentials.v1": iam_credentials_v1,
    "google.iam.admin.v1": iam_admin_v1,
    "google.pubsub.v1": pubsub_v1,
    "google.cloud.scheduler.v1": scheduler_v1,
    "google.cloud.eventarc.v1": eventarc_v1,
    "google.cloud.eventarc.publishing.v1": publishing_v1,
    "io.cloudevents.v1": publishing_v1,  # its own event has the same fields
}
# Services whose later methods are not here: UNIMPLEMENTED names them.
S = "/google.cloud.secretmanager.v1.SecretManagerService/"
A = "/google.iam.admin.v1.IAM/"
ABSENT = {S + "EnableManagedRotation", S + "RotateSecret"} | {
    A + name
    for name in (
        *(f"{verb}Role" for verb in ("Create", "Delete", "Get", "Undelete", "Update")),
        "LintPolicy", "ListRoles", "QueryAuditableServices", "QueryGrantableRoles", "QueryTestablePermissions",
        "SignBlob", "SignJwt", "UndeleteServiceAccount", "UploadServiceAccountKey",
    )
}  # fmt: skip
B = "/google.cloud.eventarc.v1.Eventarc/"
ABSENT |= {
    B + name
    for name in (
        *(f"{verb}{noun}" for verb in ("Create", "Delete", "Get", "Update")
          for noun in ("Enrollment", "GoogleApiSource", "MessageBus", "Pipeline")),
        *(f"{verb}ChannelConnection" for verb in ("Create", "Delete", "Get")),
        "GetGoogleChannelConfig", "UpdateGoogleChannelConfig", "ListChannelConnections", "ListEnrollments",
        "ListGoogleApiSources", "ListMessageBuses", "ListMessageBusEnrollments", "ListPipelines",
    )
} | {f"/google.cloud.eventarc.publishing.v1.Publisher/{name}" for name in ("Publish", "PublishChannelConnectionEvents")}  # fmt: skip
# Methods that messages pass through are no REST calls.
P = "/google.pubsub.v1."
HOT = {P + "Publisher/Publish"} | {
    f"{P}Subscriber/{name}" for name in ("Pull", "StreamingPull", "Acknowledge", "ModifyAckDeadline")
}


def _library_descriptors() -> Iterator[tuple[str, Any]]:
    """Every message of the tables, as Google's libraries describe it. v1beta has a part of them."""
    for package in PACKAGES:
        library = run_v2 if package.name == "google.cloud.run.v2" else LIBRARIES.get(package.name)
        for name in package.messages:
            full = f"{package.name}.{name}"
            if library is None:
                found = getattr(policy_pb2, name, None) or getattr(iam_policy_pb2, name, None)
                yield full, found.DESCRIPTOR if found is not None else _options(name)
                continue
            outer, *inner = name.split(".")
            kind = getattr(library, outer, None)
            descriptor = kind.pb(kind()).DESCRIPTOR if kind is not None else None
            for part in inner:
                descriptor = descriptor.nested_types_by_name.get(part) if descriptor is not None else None
            if descriptor is not None:
                yield full, descriptor


def _options(name: str) -> Any:
    from google.iam.v1 import options_pb2

    return getattr(options_pb2, name).DESCRIPTOR


DESCRIPTORS = dict(_library_descriptors())


def _shape(descriptor: Any) -> dict[str, object]:
    shape: dict[str, object] = {}
    for field in descriptor.fields:
        kind: object = field.type
        if field.message_type is not None:
            is_map = field.message_type.GetOptions().map_entry
            kind = "map" if is_map else field.message_type.full_name
        elif field.enum_type is not None:
            kind = {value.name: value.number for value in field.enum_type.values}
        shape[field.name.rstrip("_")] = (field.number, field.is_repeated, kind, field.has_presence)
    return shape


def test_all_messages_of_v1_and_iam_are_compared() -> None:
    wanted = {f"{package.name}.{name}" for package in PACKAGES for name in package.messages}
    assert {name for name in wanted if "v1beta" not in name} <= set(DESCRIPTORS)


@pytest.mark.parametrize("name", DESCRIPTORS)
def test_names_numbers_and_types_are_those_of_google_s_library(name: str) -> None:
    ours, theirs = _shape(message_class(name).DESCRIPTOR), _shape(DESCRIPTORS[name])
    if "secretmanager" in name or ".run." in name:  # these grow with each release
        assert ours.items() <= theirs.items()
    elif "v1beta" in name:  # an older state of the same messages
        assert theirs.items() <= ours.items() or _without_enums(theirs).items() <= _without_enums(ours).items()
    else:
        assert ours == theirs


def _without_enums(shape: dict[str, Any]) -> dict[str, object]:
    return {name: kind for name, kind in shape.items() if not isinstance(kind[2], dict)}


def methods_of(client: Any, channel: Any) -> set[str]:
    """The methods that a client of Google's calls."""
    transport = client.get_transport_class("grpc")(channel=channel)
    for name in dir(type(transport)):
        if isinstance(getattr(type(transport), name), property):
            getattr(transport, name)
    methods = {stub._method for stub in transport._stubs.values()}
    return {method.decode() if isinstance(method, bytes) else method for method in methods}


def test_every_method_of_the_client_libraries_is_served() -> None:
    methods: set[str] = set()
    with grpc.insecure_channel("127.0.0.1:1") as channel:
        for library in LIBRARIES.values():
            for name in dir(library):
                if name.endswith("Client") and "Async" not in name:
                    methods |= methods_of(getattr(library, name), channel)
    assert methods >= {W + "ListWorkflowRevisions", E + "CancelExecution"}
    assert methods - ABSENT - HOT <= set(METHODS)


def test_every_method_has_messages_that_are_known() -> None:
    for method in METHODS.values():
        assert is_known(method.request)
        assert is_known(method.response)
    assert not is_known("google.cloud.run.v2.Build")


# -- requests ----------------------------------------------------------------------------------------------------


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def rest(method: str, message: Any, **metadata: str) -> Request:
    content = message.SerializeToString() if hasattr(message, "SerializeToString") else type(message).serialize(message)
    return request_of(METHODS[method], content, metadata, "ipv4:127.0.0.1:5")


CASES = [
    (
        W + "CreateWorkflow",
        workflows_v1.CreateWorkflowRequest(
            parent=PARENT, workflow_id="w", workflow={"source_contents": "x", "call_log_level": 1, "labels": {"a": "b"}}
        ),
        ("POST", f"/v1/{PARENT}/workflows?workflowId=w"),
        {"sourceContents": "x", "callLogLevel": "LOG_ALL_CALLS", "labels": {"a": "b"}},
    ),
    (
        W + "UpdateWorkflow",
        workflows_v1.UpdateWorkflowRequest(
            workflow={"name": NAME, "description": "d"},
            update_mask=field_mask_pb2.FieldMask(paths=["description", "source_contents"]),
        ),
        ("PATCH", f"/v1/{NAME}?updateMask=description%2CsourceContents"),
        {"name": NAME, "description": "d"},
    ),
    (W + "GetWorkflow", workflows_v1.GetWorkflowRequest(name=NAME), ("GET", f"/v1/{NAME}"), None),
    (
        W + "GetWorkflow",
        workflows_v1.GetWorkflowRequest(name=NAME, revision_id="000001-a4d"),
        ("GET", f"/v1/{NAME}?revisionId=000001-a4d"),
        None,
    ),
    (
        W + "ListWorkflows",
        workflows_v1.ListWorkflowsRequest(parent=PARENT, page_size=-5, filter="a=b c", order_by="name desc"),
        ("GET", f"/v1/{PARENT}/workflows?pageSize=-5&filter=a%3Db+c&orderBy=name+desc"),
        None,
    ),
    (
        W + "ListWorkflowRevisions",
        workflows_v1.ListWorkflowRevisionsRequest(name=NAME, page_token="t"),
        ("GET", f"/v1/{NAME}:listRevisions?pageToken=t"),
        None,
    ),
    (W + "DeleteWorkflow", workflows_v1.DeleteWorkflowRequest(name=NAME), ("DELETE", f"/v1/{NAME}"), None),
    (
        E + "CreateExecution",
        executions_v1.CreateExecutionRequest(parent=NAME, execution={"argument": "{}"}),
        ("POST", f"/v1/{NAME}/executions"),
        {"argument": "{}"},
    ),
    (E + "CreateExecution", executions_v1.CreateExecutionRequest(parent=NAME), ("POST", f"/v1/{NAME}/executions"), {}),
    (
        E + "GetExecution",
        executions_v1.GetExecutionRequest(name=f"{NAME}/executions/e", view=1),
        ("GET", f"/v1/{NAME}/executions/e?view=BASIC"),
        None,
    ),
    (
        E + "CancelExecution",
        executions_v1.CancelExecutionRequest(name=f"{NAME}/executions/e"),
        ("POST", f"/v1/{NAME}/executions/e:cancel"),
        {},
    ),
    (
        "/google.longrunning.Operations/ListOperations",
        operations_pb2.ListOperationsRequest(name=PARENT, filter="done", page_size=3),
        ("GET", f"/v1/{PARENT}/operations?filter=done&pageSize=3"),
        None,
    ),
    (
        "/google.longrunning.Operations/WaitOperation",
        operations_pb2.WaitOperationRequest(name=f"{PARENT}/operations/o", timeout={"seconds": 5}),
        ("POST", f"/v1/{PARENT}/operations/o:wait"),
        {"timeout": "5s"},
    ),
    (
        "/google.cloud.location.Locations/ListLocations",
        locations_pb2.ListLocationsRequest(name="projects/p1"),
        ("GET", "/v1/projects/p1/locations"),
        None,
    ),
    (
        "/google.iam.v1.IAMPolicy/GetIamPolicy",
        iam_policy_pb2.GetIamPolicyRequest(resource=NAME, options={"requested_policy_version": 3}),
        ("GET", f"/v1/{NAME}:getIamPolicy?options.requestedPolicyVersion=3"),
        None,
    ),
    (
        "/google.iam.v1.IAMPolicy/SetIamPolicy",
        iam_policy_pb2.SetIamPolicyRequest(
            resource=f"{PARENT}/jobs/j",
            policy={"bindings": [{"role": "r", "members": ["m"]}], "etag": b"\x00\x20\x01"},
            update_mask=field_mask_pb2.FieldMask(paths=["audit_configs"]),
        ),
        ("POST", f"/v1/{PARENT}/jobs/j:setIamPolicy"),
        {
            "policy": {"bindings": [{"role": "r", "members": ["m"]}], "etag": "ACAB"},
            "updateMask": "auditConfigs",
        },
    ),
]


@pytest.mark.anyio
@pytest.mark.parametrize(("method", "message", "line", "body"), CASES)
async def test_a_request_becomes_the_rest_call_that_it_means(
    method: str, message: Any, line: tuple[str, str], body: object
) -> None:
    found = rest(method, message)
    assert (found.method, found.target) == line
    content = await found.content()
    assert (json.loads(content) if content else None) == body


def test_only_what_says_who_calls_is_taken_from_the_metadata() -> None:
    message = workflows_v1.GetWorkflowRequest(name=NAME)
    found = rest(W + "GetWorkflow", message, authorization="Bearer t", host="evil", origin="http://evil", other="x")
    assert found.headers == {"authorization": "Bearer t"}
    assert found.peer == "ipv4:127.0.0.1:5"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "w",
        f"{NAME}/executions/e",
        f"{PARENT}/jobs/w",
        f"{PARENT}/workflows/",
        f"/{NAME}",
        f"{NAME}/",
    ],
)
def test_a_name_of_another_form_is_refused(name: str) -> None:
    with pytest.raises(InvalidArgument, match="is not of the form projects/"):
        rest(W + "GetWorkflow", workflows_v1.GetWorkflowRequest(name=name))


@pytest.mark.parametrize("workflow", ["w:listRevisions", "w?view=FULL", "w#x", "..", "a%2Fb", "w b", "ü"])
def test_a_name_never_becomes_another_call(workflow: str) -> None:
    found = rest(W + "GetWorkflow", workflows_v1.GetWorkflowRequest(name=f"{PARENT}/workflows/{workflow}"))
    segment = found.target.removeprefix(f"/v1/{PARENT}/workflows/")
    assert not set(segment) & set("/:?# ")
    assert segment.isascii()


def test_a_filter_is_one_field_of_the_query_whatever_it_says() -> None:
    text = 'a="b&pageSize=1" AND c:*#'
    found = rest(W + "ListWorkflows", workflows_v1.ListWorkflowsRequest(parent=PARENT, filter=text))
    assert parse_qsl(found.target.partition("?")[2]) == [("filter", text)]


@pytest.mark.parametrize("content", [b"\xff", b"\x0a\x05ab", b"\x0a\x02\xff\xfe"])
def test_bytes_that_are_no_message_are_refused(content: bytes) -> None:
    with pytest.raises(InvalidArgument, match=r"The request is no google.cloud.workflows.v1.GetWorkflowRequest"):
        request_of(METHODS[W + "GetWorkflow"], content, {}, "")


def test_a_mask_that_json_cannot_say_is_refused() -> None:
    mask = field_mask_pb2.FieldMask(paths=["sourceContents"])
    with pytest.raises(InvalidArgument):
        rest(W + "UpdateWorkflow", workflows_v1.UpdateWorkflowRequest(workflow={"name": NAME}, update_mask=mask))


# -- answers -----------------------------------------------------------------------------------------------------

_OPERATION = METHODS["/google.longrunning.Operations/GetOperation"]
_FOREIGN = {
    "name": f"{PARENT}/operations/o",
    "metadata": {"@type": "type.googleapis.com/google.cloud.other.v1.Thing", "name": "j"},
}


def answered(method: Method, tree: object, kind: Any) -> Any:
    return kind.FromString(message_of(method, json_response(tree)))


def test_an_answer_becomes_the_message_with_what_it_carries() -> None:
    tree = {
        "name": f"{PARENT}/operations/o",
        "metadata": {
            "@type": "type.googleapis.com/google.cloud.workflows.v1.OperationMetadata",
            "target": NAME,
            "createTime": "2026-01-01T00:00:00.5Z",
        },
        "done": True,
        "response": {
            "@type": "type.googleapis.com/google.cloud.workflows.v1.Workflow",
            "name": NAME,
            "state": "ACTIVE",
        },
    }
    operation = answered(_OPERATION, tree, operations_pb2.Operation)
    assert operation.done
    assert workflows_v1.OperationMetadata.deserialize(operation.metadata.value).target == NAME
    assert workflows_v1.Workflow.deserialize(operation.response.value).state == workflows_v1.Workflow.State.ACTIVE
    assert operation.response.type_url == "type.googleapis.com/google.cloud.workflows.v1.Workflow"
    deleted = {"name": "o", "done": True, "response": {"@type": "type.googleapis.com/google.protobuf.Empty"}}
    assert answered(_OPERATION, deleted, operations_pb2.Operation).response.value == b""


def test_fields_that_only_rest_has_are_left_out() -> None:
    tree = {"name": "e", "state": "QUEUED", "createTime": "2026-01-01T00:00:00Z", "duration": "1.500s"}
    content = message_of(METHODS[E + "GetExecution"], json_response(tree))
    execution = executions_v1.Execution.deserialize(content)
    assert execution.state == executions_v1.Execution.State.QUEUED
    assert execution.duration.total_seconds() == 1.5


def test_an_operation_of_an_api_without_grpc_is_refused_alone_and_bare_in_a_list() -> None:
    with pytest.raises(Unimplemented, match="use REST"):
        message_of(_OPERATION, json_response(_FOREIGN))
    method = METHODS["/google.longrunning.Operations/ListOperations"]
    done = {**_FOREIGN, "done": True, "response": _FOREIGN["metadata"]}
    tree = {"operations": [_FOREIGN, done], "nextPageToken": "t"}
    listed = answered(method, tree, operations_pb2.ListOperationsResponse)
    assert [operation.name for operation in listed.operations] == [_FOREIGN["name"]] * 2
    assert listed.next_page_token == "t"


def refusal(error: Any) -> Response:
    status, body = error_to_json(error)
    return json_response(body, status)


def test_an_error_becomes_a_status_with_its_details() -> None:
    from hakobune.core.errors import FieldViolation

    error = InvalidArgument("Bad 名前.", violations=[FieldViolation(field="f", description="d")])
    code, text, content = status_of(refusal(error))
    assert (code, text) == (Code.INVALID_ARGUMENT, "Bad 名前.")
    status = status_pb2.Status.FromString(content)
    assert (status.code, status.message) == (3, "Bad 名前.")
    detail = error_details_pb2.BadRequest()
    assert status.details[0].Unpack(detail)
    assert [(found.field, found.description) for found in detail.field_violations] == [("f", "d")]


@pytest.mark.parametrize("text", ["x" * 100_000, "名" * 50_000, "%\n" * 50_000])
def test_a_status_always_fits_into_the_headers(text: str) -> None:
    from hakobune.core.errors import FieldViolation

    violations = [FieldViolation(field="f" * 50, description="d" * 100)] * 50
    code, shown, content = status_of(refusal(InvalidArgument(text, violations=violations)))
    assert code is Code.INVALID_ARGUMENT
    assert shown.endswith("...")
    assert len(content) < 2_100
    assert not status_pb2.Status.FromString(content).details
