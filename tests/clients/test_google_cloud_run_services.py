"""The unmodified google-cloud-run client for services, worker pools and revisions, over REST and gRPC."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

grpc = pytest.importorskip("grpc")
run_v2 = pytest.importorskip("google.cloud.run_v2")

from google.api_core import exceptions  # noqa: E402
from google.api_core.client_options import ClientOptions  # noqa: E402
from google.auth.credentials import AnonymousCredentials  # noqa: E402
from google.iam.v1 import iam_policy_pb2, policy_pb2  # noqa: E402
from google.longrunning import operations_pb2  # noqa: E402
from google.protobuf import duration_pb2, field_mask_pb2  # noqa: E402

from runtime_process import LOCATION, PROJECT, RuntimeProcess  # noqa: E402

PARENT = f"projects/{PROJECT}/locations/{LOCATION}"
LISTENS = (
    "import os,socket,time\nheld=socket.create_server(('127.0.0.1',int(os.environ['PORT'])))\nwhile True: time.sleep(9)"
)
PYTHON = ["python3", "-I", "-S", "-c"]
LATEST = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST
REVISION = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
SUCCEEDED = run_v2.Condition.State.CONDITION_SUCCEEDED


class Clients:
    """The three clients, over one transport."""

    def __init__(self, runtime: RuntimeProcess, channel: Any) -> None:
        self._options = {
            "transport": "rest",
            "credentials": AnonymousCredentials(),
            "client_options": ClientOptions(api_endpoint=runtime.url),
        }
        self._channel = channel
        self.is_grpc = channel is not None
        self.services = self._of(run_v2.ServicesClient)
        self.pools = self._of(run_v2.WorkerPoolsClient)
        self.revisions = self._of(run_v2.RevisionsClient)

    def _of(self, kind: Any) -> Any:
        if self._channel is None:
            return kind(**self._options)
        return kind(transport=kind.get_transport_class("grpc")(channel=self._channel))


@pytest.fixture(scope="module", params=["rest", "grpc"])
def clients(request: pytest.FixtureRequest, runtime: RuntimeProcess) -> Iterator[Clients]:
    if request.param == "rest":
        yield Clients(runtime, None)
        return
    with grpc.insecure_channel(f"127.0.0.1:{runtime.grpc_port}") as channel:
        yield Clients(runtime, channel)


@pytest.fixture
def name() -> str:
    return f"s-{uuid.uuid4().hex[:8]}"


def settled(operation: Any) -> Any:
    """What an operation ends with. The client's own pauses begin at a second."""
    deadline_s = time.monotonic() + 30
    while not operation.done() and time.monotonic() < deadline_s:
        time.sleep(0.02)
    return operation.result(timeout=1)


def a_service(code: str = LISTENS, **template: Any) -> Any:
    container = run_v2.Container(image="local", command=PYTHON, args=[code])
    return run_v2.Service(template=run_v2.RevisionTemplate(containers=[container], **template))


def a_pool(instances: int = 0, **template: Any) -> Any:
    container = run_v2.Container(image="local", command=["/bin/sleep"], args=["1000"])
    scaling = run_v2.WorkerPoolScaling(manual_instance_count=instances)
    return run_v2.WorkerPool(template={"containers": [container], **template}, scaling=scaling)


@pytest.fixture(scope="module")
def service(clients: Clients) -> Iterator[Any]:
    """A service that nobody changes."""
    made = clients.services.create_service(
        parent=PARENT, service=a_service(), service_id=f"kept-{uuid.uuid4().hex[:8]}"
    )
    yield settled(made)
    settled(clients.services.delete_service(name=made.metadata.name))


@pytest.fixture(scope="module")
def pool(clients: Clients) -> Iterator[Any]:
    """A worker pool that nobody changes."""
    made = clients.pools.create_worker_pool(
        parent=PARENT, worker_pool=a_pool(1), worker_pool_id=f"kept-{uuid.uuid4().hex[:8]}"
    )
    yield settled(made)
    settled(clients.pools.delete_worker_pool(name=made.metadata.name))


# -- services --------------------------------------------------------------------------------------------------------


def test_a_service_is_created_with_the_defaults_of_cloud_run(clients: Clients, service: Any) -> None:
    found = clients.services.get_service(name=service.name)
    assert found.terminal_condition.state == SUCCEEDED
    assert found.template.max_instance_request_concurrency == 80
    assert found.template.timeout.seconds == 300
    assert found.template.containers[0].ports[0].container_port == 8080
    assert dict(found.template.containers[0].resources.limits) == {"cpu": "1000m", "memory": "512Mi"}
    assert found.ingress == run_v2.IngressTraffic.INGRESS_TRAFFIC_ALL
    assert (found.generation, found.observed_generation, found.reconciling) == (1, 1, False)
    assert found.uri.startswith("https://kept-")
    assert found.uri in found.urls


def test_the_operation_of_a_create_ends_with_the_service(clients: Clients, service: Any) -> None:
    assert service.name.startswith(f"{PARENT}/services/kept-")
    assert service.latest_ready_revision == service.latest_created_revision
    assert clients.services.get_service(name=service.name).uid == service.uid


def test_services_are_listed(clients: Clients, service: Any) -> None:
    assert service.name in [found.name for found in clients.services.list_services(parent=PARENT)]


def test_traffic_goes_to_the_latest_revision_that_is_ready(clients: Clients, service: Any) -> None:
    found = clients.services.get_service(name=service.name)
    assert [(target.type_, target.percent) for target in found.traffic] == [(LATEST, 100)]
    (status,) = found.traffic_statuses
    assert (status.type_, status.percent) == (LATEST, 100)
    assert found.latest_ready_revision.endswith(f"/{status.revision}")


def test_a_service_that_is_not_there_is_not_found(clients: Clients) -> None:
    with pytest.raises(exceptions.NotFound, match="Resource 'nope' of kind 'SERVICE'"):
        clients.services.get_service(name=f"{PARENT}/services/nope")


def test_a_service_of_the_same_name_is_refused(clients: Clients, service: Any) -> None:
    with pytest.raises(exceptions.Conflict):
        clients.services.create_service(parent=PARENT, service=a_service(), service_id=service.name.rpartition("/")[2])


def test_a_create_that_only_validates_makes_nothing(clients: Clients, name: str) -> None:
    request = run_v2.CreateServiceRequest(parent=PARENT, service=a_service(), service_id=name, validate_only=True)
    clients.services.create_service(request=request)
    with pytest.raises(exceptions.NotFound):
        clients.services.get_service(name=f"{PARENT}/services/{name}")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"traffic": [{"percent": 90}]}, "service.traffic"),
        ({"template": {"containers": []}}, "service.template.containers"),
        ({"template": {"containers": [{"image": "local"}]}}, "service.template.containers\\[0\\].command"),
    ],
)
def test_a_wrong_field_is_named(clients: Clients, name: str, change: dict[str, Any], field: str) -> None:
    body = run_v2.Service.to_dict(a_service()) | change
    with pytest.raises(exceptions.InvalidArgument if clients.is_grpc else exceptions.BadRequest, match=field):
        clients.services.create_service(parent=PARENT, service=run_v2.Service(body), service_id=name)


def test_a_program_that_ends_before_it_listens_fails_the_deploy(clients: Clients, name: str) -> None:
    operation = clients.services.create_service(
        parent=PARENT, service=a_service("raise SystemExit(3)"), service_id=name
    )
    with pytest.raises(exceptions.GoogleAPICallError, match=r"exit\(3\)"):
        settled(operation)
    found = clients.services.get_service(name=f"{PARENT}/services/{name}")
    assert found.terminal_condition.state == run_v2.Condition.State.CONDITION_FAILED
    settled(clients.services.delete_service(name=found.name))


def test_an_update_of_the_template_makes_a_revision_and_another_does_not(clients: Clients, name: str) -> None:
    made = settled(clients.services.create_service(parent=PARENT, service=a_service(), service_id=name))
    made.labels = {"team": "media"}
    labelled = settled(clients.services.update_service(service=made))
    assert (labelled.generation, labelled.latest_ready_revision) == (2, made.latest_ready_revision)
    labelled.template.max_instance_request_concurrency = 3
    changed = settled(clients.services.update_service(service=labelled))
    assert changed.latest_ready_revision != made.latest_ready_revision
    names = [found.name for found in clients.revisions.list_revisions(parent=made.name)]
    assert names == [changed.latest_ready_revision, made.latest_ready_revision]
    settled(clients.revisions.delete_revision(name=made.latest_ready_revision))
    with pytest.raises(exceptions.NotFound):
        clients.revisions.get_revision(name=made.latest_ready_revision)
    settled(clients.services.delete_service(name=made.name))


def test_traffic_is_divided_and_tagged(clients: Clients, name: str) -> None:
    made = settled(clients.services.create_service(parent=PARENT, service=a_service(), service_id=name))
    revision = made.latest_ready_revision.rpartition("/")[2]
    made.traffic = [
        run_v2.TrafficTarget(type_=LATEST, percent=60),
        run_v2.TrafficTarget(type_=REVISION, revision=revision, percent=40, tag="old"),
    ]
    mask = field_mask_pb2.FieldMask(paths=["traffic"])
    divided = settled(clients.services.update_service(service=made, update_mask=mask))
    assert [status.percent for status in divided.traffic_statuses] == [60, 40]
    assert divided.traffic_statuses[1].uri.startswith(f"https://old---{name}-")
    settled(clients.services.delete_service(name=made.name))


def test_a_missing_service_is_made_by_an_update_only_when_that_is_allowed(clients: Clients, name: str) -> None:
    wanted = a_service()
    wanted.name = f"{PARENT}/services/{name}"
    with pytest.raises(exceptions.NotFound):
        clients.services.update_service(service=wanted)
    request = run_v2.UpdateServiceRequest(service=wanted, allow_missing=True)
    assert settled(clients.services.update_service(request=request)).name == wanted.name
    settled(clients.services.delete_service(name=wanted.name))
    with pytest.raises(exceptions.NotFound):
        clients.services.get_service(name=wanted.name)


def test_an_etag_of_another_time_is_refused(clients: Clients, service: Any) -> None:
    stale = run_v2.Service(service)
    stale.etag = '"stale"'
    with pytest.raises(exceptions.Aborted if clients.is_grpc else exceptions.Conflict):
        clients.services.update_service(service=stale)


def test_who_may_call_a_service_is_kept(clients: Clients, service: Any) -> None:
    binding = policy_pb2.Binding(role="roles/run.invoker", members=["allUsers"])
    request = iam_policy_pb2.SetIamPolicyRequest(resource=service.name, policy=policy_pb2.Policy(bindings=[binding]))
    clients.services.set_iam_policy(request=request)
    held = clients.services.get_iam_policy(request=iam_policy_pb2.GetIamPolicyRequest(resource=service.name))
    assert [list(found.members) for found in held.bindings] == [["allUsers"]]


def test_the_permissions_of_a_caller_are_told(clients: Clients, service: Any) -> None:
    permissions = ["run.routes.invoke", "run.services.get"]
    request = iam_policy_pb2.TestIamPermissionsRequest(resource=service.name, permissions=permissions)
    assert list(clients.services.test_iam_permissions(request=request).permissions) == permissions


def test_operations_are_got_and_waited_for(clients: Clients, name: str) -> None:
    made = clients.services.create_service(parent=PARENT, service=a_service(), service_id=name)
    request = operations_pb2.WaitOperationRequest(name=made.operation.name, timeout=duration_pb2.Duration(seconds=20))
    waited = clients.services.wait_operation(request)
    if isinstance(waited, bytes):  # over gRPC the library leaves the message as it comes
        waited = operations_pb2.Operation.FromString(waited)
    assert waited.done
    assert clients.services.get_operation(operations_pb2.GetOperationRequest(name=made.operation.name)).done
    listed = clients.services.list_operations(operations_pb2.ListOperationsRequest(name=PARENT))
    assert made.operation.name in [found.name for found in listed.operations]
    settled(clients.services.delete_service(name=f"{PARENT}/services/{name}"))


# -- revisions -------------------------------------------------------------------------------------------------------


def test_a_revision_has_the_settings_of_its_template(clients: Clients, service: Any) -> None:
    found = clients.revisions.get_revision(name=service.latest_ready_revision)
    assert found.service == service.name.rpartition("/")[2]
    assert found.max_instance_request_concurrency == 80
    assert found.containers == service.template.containers
    states = {condition.type_: condition.state for condition in found.conditions}
    assert states["Ready"] == states["ContainerHealthy"] == SUCCEEDED


def test_a_revision_that_serves_is_not_deleted(clients: Clients, service: Any) -> None:
    kind = exceptions.FailedPrecondition if clients.is_grpc else exceptions.BadRequest
    with pytest.raises(kind, match="cannot be directly deleted because it is actively serving"):
        clients.revisions.delete_revision(name=service.latest_ready_revision)


# -- worker pools ----------------------------------------------------------------------------------------------------


def test_a_worker_pool_is_created_and_its_instances_are_of_its_revision(clients: Clients, pool: Any) -> None:
    found = clients.pools.get_worker_pool(name=pool.name)
    assert found.terminal_condition.state == SUCCEEDED
    assert found.scaling.manual_instance_count == 1
    (status,) = found.instance_split_statuses
    assert (status.percent, found.latest_ready_revision.rpartition("/")[2]) == (100, status.revision)
    assert dict(found.template.containers[0].resources.limits) == {"cpu": "1000m", "memory": "512Mi"}


def test_worker_pools_are_listed(clients: Clients, pool: Any) -> None:
    assert pool.name in [found.name for found in clients.pools.list_worker_pools(parent=PARENT)]


def test_a_mask_changes_the_number_of_instances_and_makes_no_revision(clients: Clients, name: str) -> None:
    made = settled(clients.pools.create_worker_pool(parent=PARENT, worker_pool=a_pool(), worker_pool_id=name))
    wanted = run_v2.WorkerPool(name=made.name, scaling=run_v2.WorkerPoolScaling(manual_instance_count=2))
    mask = field_mask_pb2.FieldMask(paths=["scaling.manual_instance_count"])
    scaled = settled(clients.pools.update_worker_pool(worker_pool=wanted, update_mask=mask))
    assert scaled.scaling.manual_instance_count == 2
    assert (scaled.generation, scaled.latest_ready_revision) == (2, made.latest_ready_revision)
    request = run_v2.UpdateWorkerPoolRequest(worker_pool=scaled, force_new_revision=True)
    assert (
        settled(clients.pools.update_worker_pool(request=request)).latest_ready_revision != made.latest_ready_revision
    )
    settled(clients.pools.delete_worker_pool(name=made.name))
    with pytest.raises(exceptions.NotFound, match="Resource"):
        clients.pools.get_worker_pool(name=made.name)


def test_a_worker_pool_has_no_port(clients: Clients, name: str) -> None:
    wanted = a_pool()
    wanted.template.containers[0].ports = [run_v2.ContainerPort(container_port=8080)]
    kind = exceptions.InvalidArgument if clients.is_grpc else exceptions.BadRequest
    with pytest.raises(kind, match=r"worker_pool.template.containers\[0\].ports"):
        clients.pools.create_worker_pool(parent=PARENT, worker_pool=wanted, worker_pool_id=name)


def test_who_may_change_a_worker_pool_is_kept(clients: Clients, pool: Any) -> None:
    binding = policy_pb2.Binding(role="roles/run.developer", members=["user:me@example.com"])
    request = iam_policy_pb2.SetIamPolicyRequest(resource=pool.name, policy=policy_pb2.Policy(bindings=[binding]))
    clients.pools.set_iam_policy(request=request)
    held = clients.pools.get_iam_policy(request=iam_policy_pb2.GetIamPolicyRequest(resource=pool.name))
    assert [found.role for found in held.bindings] == ["roles/run.developer"]
    asked = iam_policy_pb2.TestIamPermissionsRequest(resource=pool.name, permissions=["run.workerpools.get"])
    assert list(clients.pools.test_iam_permissions(request=asked).permissions) == ["run.workerpools.get"]
