"""google-cloud-eventarc and google-cloud-eventarc-publishing, over REST and gRPC."""

from __future__ import annotations

import base64
import json
import threading
import time
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import pytest

grpc = pytest.importorskip("grpc")
eventarc = pytest.importorskip("google.cloud.eventarc_v1")
publishing = pytest.importorskip("google.cloud.eventarc_publishing_v1")
id_token = pytest.importorskip("google.oauth2.id_token")

from google.api_core import exceptions  # noqa: E402
from google.auth.credentials import AnonymousCredentials  # noqa: E402
from google.iam.v1 import iam_policy_pb2, policy_pb2  # noqa: E402
from google.protobuf import field_mask_pb2  # noqa: E402

from runtime_process import LOCATION, PROJECT, RuntimeProcess  # noqa: E402

PARENT = f"projects/{PROJECT}/locations/{LOCATION}"
FINALIZED = "google.cloud.storage.object.v1.finalized"
MESSAGE = "google.cloud.pubsub.topic.v1.messagePublished"
ACCOUNT = "events@demo-project.iam.gserviceaccount.com"


class Sink:
    """A destination: what it got, as (headers, body)."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self._came = threading.Condition()
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with sink._came:
                    sink.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                    sink._came.notify_all()
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Silence."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def wait(self, count: int = 1) -> list[tuple[dict[str, str], bytes]]:
        with self._came:
            assert self._came.wait_for(lambda: len(self.got) >= count, 20), f"{len(self.got)} of {count} came"
            return list(self.got)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def sink() -> Iterator[Sink]:
    found = Sink()
    yield found
    found.stop()


def a_client(kind: Any, runtime: RuntimeProcess, transport: str) -> Any:
    if transport == "rest":
        options = {"api_endpoint": runtime.url}
        return kind(transport="rest", client_options=options, credentials=AnonymousCredentials())
    channel = grpc.insecure_channel(f"127.0.0.1:{runtime.grpc_port}")
    return kind(transport=kind.get_transport_class("grpc")(channel=channel))


@pytest.fixture(params=["rest", "grpc"])
def client(request: pytest.FixtureRequest, runtime: RuntimeProcess) -> Iterator[Any]:
    with a_client(eventarc.EventarcClient, runtime, request.param) as found:
        yield found


@pytest.fixture(params=["rest", "grpc"])
def publisher(request: pytest.FixtureRequest, runtime: RuntimeProcess) -> Iterator[Any]:
    with a_client(publishing.PublisherClient, runtime, request.param) as found:
        yield found


def a_trigger(bucket: str, uri: str = "http://127.0.0.1:9/", **fields: Any) -> Any:
    return eventarc.Trigger(
        event_filters=[{"attribute": "type", "value": FINALIZED}, {"attribute": "bucket", "value": bucket}],
        **{"destination": {"http_endpoint": {"uri": uri}}, **fields},
    )


def fresh(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def create(client: Any, trigger: Any, trigger_id: str = "") -> Any:
    """A trigger, made by a request whose operation has ended."""
    operation = client.create_trigger(parent=PARENT, trigger=trigger, trigger_id=trigger_id or fresh("t"))
    made = operation.result(timeout=20)
    assert operation.metadata.verb == "create"
    assert operation.metadata.target == made.name
    return made


def upload(runtime: RuntimeProcess, bucket: str, name: str) -> Any:
    return runtime.call("POST", f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}", {"a": 1}).json


def a_bucket(runtime: RuntimeProcess) -> str:
    name = fresh("bucket")
    runtime.call("POST", f"/storage/v1/b?project={PROJECT}", {"name": name})
    return name


# -- triggers --------------------------------------------------------------------------------------------------------


def test_a_trigger_is_created_and_its_operation_holds_it(client: Any) -> None:
    trigger = a_trigger("b01", labels={"team": "art"}, service_account=ACCOUNT)
    made = create(client, trigger)
    assert made.name.startswith(f"{PARENT}/triggers/t-")
    assert (made.uid, made.etag) != ("", "")
    assert made.create_time is not None
    assert dict(made.labels) == {"team": "art"}
    assert made.destination.http_endpoint.uri == "http://127.0.0.1:9/"
    assert made.transport.pubsub.subscription.startswith(f"projects/{PROJECT}/subscriptions/eventarc-{LOCATION}-t-")
    found = client.get_trigger(name=made.name)
    assert [(one.attribute, one.value) for one in found.event_filters] == [("type", FINALIZED), ("bucket", "b01")]


def test_triggers_are_listed_page_by_page(client: Any) -> None:
    names = {create(client, a_trigger("b01")).name for _ in range(3)}
    listed = list(client.list_triggers(request={"parent": PARENT, "page_size": 1}))
    assert names <= {trigger.name for trigger in listed}
    everywhere = client.list_triggers(parent=f"projects/{PROJECT}/locations/-")
    assert names <= {trigger.name for trigger in everywhere}


def test_a_trigger_is_changed_by_a_mask(client: Any) -> None:
    made = create(client, a_trigger("b01", labels={"a": "b"}))
    made.labels = {"c": "d"}
    made.service_account = ACCOUNT
    operation = client.update_trigger(trigger=made, update_mask=field_mask_pb2.FieldMask(paths=["labels"]))
    changed = operation.result(timeout=20)
    assert (dict(changed.labels), changed.service_account) == ({"c": "d"}, "")
    assert changed.etag != made.etag
    service = eventarc.Trigger(name=made.name, destination={"cloud_run": {"service": "svc", "path": "/x"}})
    mask = field_mask_pb2.FieldMask(paths=["destination"])
    moved = client.update_trigger(request={"trigger": service, "update_mask": mask}).result(timeout=20)
    assert (moved.destination.cloud_run.service, moved.destination.cloud_run.region) == ("svc", LOCATION)


def test_an_old_etag_is_refused(client: Any) -> None:
    made = create(client, a_trigger("b01"))
    mask = field_mask_pb2.FieldMask(paths=["labels"])
    client.update_trigger(trigger={"name": made.name, "labels": {"a": "b"}, "etag": made.etag}, update_mask=mask)
    with pytest.raises(exceptions.Aborted if client.transport.kind == "grpc" else exceptions.Conflict):
        client.update_trigger(trigger={"name": made.name, "labels": {}, "etag": made.etag}, update_mask=mask)
    with pytest.raises(exceptions.Aborted if client.transport.kind == "grpc" else exceptions.Conflict):
        client.delete_trigger(request={"name": made.name, "etag": made.etag})


def test_allow_missing_makes_and_bears_what_is_not_there(client: Any) -> None:
    name = f"{PARENT}/triggers/{fresh('t')}"
    trigger = a_trigger("b01", name=name)
    with pytest.raises(exceptions.NotFound):
        client.update_trigger(trigger=trigger, update_mask=field_mask_pb2.FieldMask(paths=["labels"]))
    made = client.update_trigger(trigger=trigger, allow_missing=True).result(timeout=20)
    assert made.name == name
    client.delete_trigger(name=name).result(timeout=20)
    with pytest.raises(exceptions.NotFound):
        client.delete_trigger(name=name)
    client.delete_trigger(request={"name": name, "allow_missing": True}).result(timeout=20)


def test_validate_only_changes_nothing(client: Any) -> None:
    trigger_id = fresh("t")
    request = {"parent": PARENT, "trigger": a_trigger("b01"), "trigger_id": trigger_id, "validate_only": True}
    assert client.create_trigger(request=request).result(timeout=20).name.endswith(trigger_id)
    with pytest.raises(exceptions.NotFound):
        client.get_trigger(name=f"{PARENT}/triggers/{trigger_id}")
    made = create(client, a_trigger("b01"))
    client.delete_trigger(request={"name": made.name, "validate_only": True})
    assert client.get_trigger(name=made.name).uid == made.uid


def test_a_second_trigger_of_a_name_is_refused(client: Any) -> None:
    made = create(client, a_trigger("b01"))
    with pytest.raises(exceptions.Conflict):
        create(client, a_trigger("b01"), made.name.rpartition("/")[2])


@pytest.mark.parametrize(
    ("trigger", "field"),
    [
        ({"event_filters": [], "destination": {"cloud_run": {"service": "s"}}}, "trigger.event_filters"),
        (
            {
                "event_filters": [{"attribute": "type", "value": "no.such.type"}],
                "destination": {"cloud_run": {"service": "s"}},
            },
            "trigger.event_filters[0].value",
        ),
        ({"event_filters": [{"attribute": "type", "value": MESSAGE}]}, "trigger.destination"),
    ],
)
def test_what_is_wrong_is_named_by_its_field(client: Any, trigger: Any, field: str) -> None:
    with pytest.raises(
        exceptions.InvalidArgument if client.transport.kind == "grpc" else exceptions.BadRequest
    ) as caught:
        create(client, trigger)
    assert field in caught.value.message


def test_triggers_and_channels_have_policies(client: Any) -> None:
    channel = client.create_channel(parent=PARENT, channel={}, channel_id=fresh("c")).result(timeout=20)
    for name in (create(client, a_trigger("b01")).name, channel.name):
        binding = policy_pb2.Binding(role="roles/eventarc.viewer", members=["user:me@example.com"])
        request = iam_policy_pb2.SetIamPolicyRequest(resource=name, policy=policy_pb2.Policy(bindings=[binding]))
        client.set_iam_policy(request=request)
        found = client.get_iam_policy(request=iam_policy_pb2.GetIamPolicyRequest(resource=name))
        assert [bound.role for bound in found.bindings] == ["roles/eventarc.viewer"]
        asked = iam_policy_pb2.TestIamPermissionsRequest(resource=name, permissions=["eventarc.triggers.get"])
        assert list(client.test_iam_permissions(request=asked).permissions) == ["eventarc.triggers.get"]


@pytest.mark.parametrize(
    "collection", ["channel_connections", "message_buses", "enrollments", "pipelines", "google_api_sources"]
)
def test_what_is_not_here_says_so_by_its_name(client: Any, collection: str) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match="not supported"):
        next(iter(getattr(client, f"list_{collection}")(parent=PARENT)))


def test_there_are_no_channel_settings_of_google(client: Any) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match="not supported"):
        client.get_google_channel_config(name=f"{PARENT}/googleChannelConfig")


def test_operations_and_locations_are_there(client: Any) -> None:
    operation = client.create_trigger(parent=PARENT, trigger=a_trigger("b01"), trigger_id=fresh("t"))
    found = client.get_operation(request={"name": operation.operation.name})
    assert found.done
    listed = client.list_operations(request={"name": PARENT})
    assert operation.operation.name in {one.name for one in listed.operations}
    assert client.get_location(request={"name": PARENT}).location_id == LOCATION


# -- providers and channels ------------------------------------------------------------------------------------------


def test_providers_tell_their_event_types(client: Any) -> None:
    found = {provider.name.rpartition("/")[2]: provider for provider in client.list_providers(parent=PARENT)}
    assert set(found) == {"cloudaudit.googleapis.com", "pubsub.googleapis.com", "storage.googleapis.com"}
    storage = client.get_provider(name=f"{PARENT}/providers/storage.googleapis.com")
    assert len(storage.event_types) == 4
    assert {one.attribute for one in storage.event_types[0].filtering_attributes} == {"type", "bucket"}
    with pytest.raises(exceptions.NotFound):
        client.get_provider(name=f"{PARENT}/providers/none")


def test_a_channel_is_created_listed_changed_and_deleted(client: Any) -> None:
    channel_id = fresh("c")
    made = client.create_channel(parent=PARENT, channel={"labels": {"a": "b"}}, channel_id=channel_id).result(
        timeout=20
    )
    assert made.state is eventarc.Channel.State.ACTIVE
    assert made.name in {channel.name for channel in client.list_channels(parent=PARENT)}
    made.labels = {"c": "d"}
    mask = field_mask_pb2.FieldMask(paths=["labels"])
    assert dict(client.update_channel(channel=made, update_mask=mask).result(timeout=20).labels) == {"c": "d"}
    client.delete_channel(name=made.name).result(timeout=20)
    with pytest.raises(exceptions.NotFound):
        client.get_channel(name=made.name)


def test_events_of_ones_own_reach_the_triggers_of_a_channel(client: Any, publisher: Any, sink: Sink) -> None:
    channel = client.create_channel(parent=PARENT, channel={}, channel_id=fresh("c")).result(timeout=20).name
    trigger = eventarc.Trigger(
        event_filters=[{"attribute": "type", "value": "my.order"}, {"attribute": "shop", "value": "1"}],
        destination={"http_endpoint": {"uri": sink.url}},
        channel=channel,
    )
    create(client, trigger)
    event = {"specversion": "1.0", "id": "e1", "source": "//shop", "type": "my.order", "shop": "1", "data": {"n": 7}}
    other = {**event, "id": "e2", "shop": "2"}
    publisher.publish_events(request={"channel": channel, "text_events": [json.dumps(other), json.dumps(event)]})
    ((headers, body),) = sink.wait()
    assert (headers["ce-id"], headers["ce-shop"], json.loads(body)) == ("e1", "1", {"n": 7})
    with pytest.raises(exceptions.InvalidArgument if publisher.transport.kind == "grpc" else exceptions.BadRequest):
        publisher.publish_events(request={"channel": channel, "text_events": ["{}"]})


def test_packed_events_are_taken_over_grpc(client: Any, runtime: RuntimeProcess, sink: Sink) -> None:
    from google.protobuf import any_pb2

    channel = client.create_channel(parent=PARENT, channel={}, channel_id=fresh("c")).result(timeout=20).name
    trigger = eventarc.Trigger(
        event_filters=[{"attribute": "type", "value": "my.order"}],
        destination={"http_endpoint": {"uri": sink.url}},
        channel=channel,
    )
    create(client, trigger)
    event = publishing.CloudEvent(
        id="p1",
        source="//shop",
        spec_version="1.0",
        type_="my.order",
        attributes={"datacontenttype": {"ce_string": "application/json"}},
        text_data='{"n": 8}',
    )
    content = publishing.CloudEvent.serialize(event)
    packed = any_pb2.Any(type_url="type.googleapis.com/io.cloudevents.v1.CloudEvent", value=content)
    # Over REST the library itself cannot write such an event: it does not have the message.
    with a_client(publishing.PublisherClient, runtime, "grpc") as publisher:
        publisher.publish_events(request={"channel": channel, "events": [packed]})
    ((headers, body),) = sink.wait()
    assert (headers["ce-id"], json.loads(body)) == ("p1", {"n": 8})


# -- deliveries ------------------------------------------------------------------------------------------------------


def test_an_upload_is_told_with_the_headers_of_cloudevents_and_a_token_that_verifies(
    client: Any, runtime: RuntimeProcess, sink: Sink
) -> None:
    from google.auth.transport.requests import Request

    bucket = a_bucket(runtime)
    create(client, a_trigger(bucket, sink.url, service_account=ACCOUNT))
    made = upload(runtime, bucket, "in/%E6%98%A0%E5%83%8F%201%25.mp4")
    ((headers, body),) = sink.wait()
    assert headers["ce-type"] == FINALIZED
    assert headers["ce-source"] == f"//storage.googleapis.com/projects/_/buckets/{bucket}"
    assert unquote(headers["ce-subject"]) == "objects/in/映像 1%.mp4"
    assert headers["content-type"] == "application/json"
    data = json.loads(body)
    assert (data["generation"], data["size"]) == (made["generation"], made["size"])
    claims = id_token.verify_token(
        headers["authorization"].removeprefix("Bearer "),
        Request(),
        audience=sink.url,
        certs_url=f"{runtime.url}/oauth2/v1/certs",
    )
    assert (claims["email"], claims["exp"] - claims["iat"]) == (ACCOUNT, 3_600)


def test_a_message_is_told_by_a_trigger_of_its_topic(client: Any, runtime: RuntimeProcess, sink: Sink) -> None:
    trigger = eventarc.Trigger(
        event_filters=[{"attribute": "type", "value": MESSAGE}], destination={"http_endpoint": {"uri": sink.url}}
    )
    made = create(client, trigger)
    topic = made.transport.pubsub.topic
    answer = runtime.call("POST", f"/v1/{topic}:publish", {"messages": [{"data": base64.b64encode(b"hi").decode()}]})
    ((headers, body),) = sink.wait()
    assert headers["ce-id"] == answer.json["messageIds"][0]
    told = json.loads(body)
    assert told["subscription"] == made.transport.pubsub.subscription
    assert base64.b64decode(told["message"]["data"]) == b"hi"


def test_a_workflow_is_started_for_an_event(client: Any, runtime: RuntimeProcess) -> None:
    workflow, bucket = fresh("w"), a_bucket(runtime)
    text = "main:\n  params: [event]\n  steps:\n  - done:\n      return: ${event.data.bucket}\n"
    runtime.call("POST", f"/v1/{PARENT}/workflows?workflowId={workflow}", {"sourceContents": text})
    name = f"{PARENT}/workflows/{workflow}"
    made = create(client, a_trigger(bucket, destination={"workflow": name}))
    upload(runtime, bucket, "a")
    end = time.monotonic() + 20
    while True:
        found = runtime.call("GET", f"/v1/{name}/executions?view=FULL").json.get("executions", [])
        if found and found[0]["state"] == "SUCCEEDED":
            break
        assert time.monotonic() < end, found
        time.sleep(0.02)
    assert json.loads(found[0]["result"]) == bucket
    assert client.get_trigger(name=made.name).conditions == {}
