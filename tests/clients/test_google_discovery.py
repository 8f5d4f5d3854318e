"""googleapiclient with the discovery documents that it ships: what is not here is refused with its name, every method
has a row in the tables, and what the other clients never call is called."""

from __future__ import annotations

import base64
import io
import json
import re
import uuid
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import pytest
from client_checks import Row, rows
from google.auth.credentials import AnonymousCredentials
from googleapiclient.discovery import build, build_from_document
from googleapiclient.discovery_cache import get_static_doc
from googleapiclient.errors import HttpError
from googleapiclient.http import MediaIoBaseDownload, MediaIoBaseUpload

from runtime_process import PROJECT, RuntimeProcess

# The rows of an API with this prefix are the methods of that document.
APIS = {
    "storage": "",
    "pubsub": "projects.",
    "iamcredentials": "",
    "secretmanager": "",
    "iam": "",
    "cloudscheduler": "projects.locations.",
}
NOT_REST = {"streaming pull"}
# Rows that part one method, or stand for what the document does not list.
PARTS = re.compile(r"(objects\.(insert|get)): .*")
BESIDE = {"objects.watchAll", "channels.stop", "batch"}


@cache
def methods(api: str) -> dict[str, tuple[dict[str, Any], tuple[str, ...]]]:
    """The methods of a document by their names, without the name of the API, each with the way to it."""

    def walk(found: dict[str, Any], way: tuple[str, ...]) -> Iterator[tuple[dict[str, Any], tuple[str, ...]]]:
        for name, method in found.get("methods", {}).items():
            yield method, (*way, name)
        for name, below in found.get("resources", {}).items():
            yield from walk(below, (*way, name))

    document = json.loads(get_static_doc(api, "v1"))
    return {method["id"].partition(".")[2].removeprefix(APIS[api]): (method, way) for method, way in walk(document, ())}


def stands_for(row: Row, name: str) -> bool:
    """Whether a method is in a row."""
    part = PARTS.fullmatch(row.name)
    return fnmatchcase(name, part.group(1) if part else row.name)


@cache
def clients(url: str, api: str) -> Any:
    """The client of an API. Contents go to the root of the document, whatever `api_endpoint` says: so it is ours."""
    document = {**json.loads(get_static_doc(api, "v1")), "rootUrl": f"{url}/", "mtlsRootUrl": ""}
    return build_from_document(document, credentials=AnonymousCredentials())


@pytest.fixture
def call(runtime: RuntimeProcess) -> Any:
    """`call("pubsub", "topics.get", topic=…)`: the answer. What is not given is made up."""

    def called(api: str, name: str, /, **given: Any) -> Any:
        method, (*resources, verb) = methods(api)[name]
        client = clients(runtime.url, api)
        for resource in resources:
            client = getattr(client, resource)()
        found = {key: value(key, fact) for key, fact in method.get("parameters", {}).items() if fact.get("required")}
        if "request" in method:
            found["body"] = {}
        return getattr(client, verb)(**{**found, **given}).execute()

    return called


def value(name: str, fact: dict[str, Any]) -> object:
    """What a required parameter may be."""
    if fact["type"] == "boolean":
        return True
    pattern = fact.get("pattern", "").strip("^$")
    if not pattern:
        return {"projectId": PROJECT, "project": PROJECT}.get(
            name, "1234" if "eneration" in name else f"x-{name.lower()}"
        )
    return pattern.replace("projects/[^/]+", f"projects/{PROJECT}").replace("[^/]+", "x-1").replace(".*", "x-1")


@pytest.mark.parametrize("api", APIS)
def test_given_the_document_of_an_api_then_each_method_has_a_row_and_each_row_a_method(api: str) -> None:
    here = [row for row in rows() if row.api == api]
    names = set(methods(api))
    assert [name for name in names if not any(stands_for(row, name) for row in here)] == []
    extra = NOT_REST | BESIDE
    assert [
        row.name for row in here if row.name not in extra and not any(stands_for(row, name) for name in names)
    ] == []


@pytest.mark.parametrize(
    "row", [row for row in rows() if row.api in APIS and row.here == "refused"], ids=lambda row: row.key
)
def test_given_a_method_that_is_not_here_when_it_is_called_then_it_is_refused_by_name(call: Any, row: Row) -> None:
    names = [name for name in methods(row.api) if stands_for(row, name)] or [row.name]
    for name in names:
        if name in BESIDE:
            continue
        with pytest.raises(HttpError) as caught:
            call(row.api, name)
        assert caught.value.status_code == 501, (name, caught.value.status_code, caught.value.reason)
        assert "not supported by this version of hakobune" in caught.value.reason, (name, caught.value.reason)


# -- what the other clients do not call -----------------------------------------------------------------------------


@pytest.fixture
def name() -> str:
    return f"d-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def bucket(call: Any, name: str) -> str:
    return str(call("storage", "buckets.insert", project=PROJECT, body={"name": name})["name"])


def uploaded(runtime: RuntimeProcess, bucket: str, name: str, content: bytes = b"hello") -> dict[str, Any]:
    """`objects.insert` in its simple form."""
    media = MediaIoBaseUpload(io.BytesIO(content), mimetype="text/plain")
    request = clients(runtime.url, "storage").objects().insert(bucket=bucket, name=name, media_body=media)
    return dict(request.execute())


def test_a_bucket_is_replaced_described_and_listed(call: Any, bucket: str) -> None:
    call("storage", "buckets.update", bucket=bucket, body={"name": bucket, "labels": {"a": "b"}})
    assert call("storage", "buckets.get", bucket=bucket)["labels"] == {"a": "b"}
    call("storage", "buckets.update", bucket=bucket, body={"name": bucket})
    assert "labels" not in call("storage", "buckets.get", bucket=bucket)
    assert call("storage", "buckets.getStorageLayout", bucket=bucket)["bucket"] == bucket
    listed = call("storage", "buckets.list", project=PROJECT, prefix=bucket)
    assert [found["name"] for found in listed["items"]] == [bucket]
    asked = call("storage", "buckets.testIamPermissions", bucket=bucket, permissions=["storage.buckets.get"])
    assert asked["permissions"] == ["storage.buckets.get"]
    call("storage", "buckets.delete", bucket=bucket)


def test_an_object_goes_up_in_the_simple_form_and_down_in_ranges(
    runtime: RuntimeProcess, call: Any, bucket: str
) -> None:
    made = uploaded(runtime, bucket, "dir/x.txt")
    assert (made["size"], made["contentType"]) == ("5", "text/plain")
    storage = clients(runtime.url, "storage")
    target = io.BytesIO()
    loader = MediaIoBaseDownload(target, storage.objects().get_media(bucket=bucket, object="dir/x.txt"), chunksize=2)
    while not loader.next_chunk()[1]:
        pass
    assert target.getvalue() == b"hello"


def test_an_object_goes_up_in_a_session(runtime: RuntimeProcess, bucket: str) -> None:
    content = bytes(600_000)
    media = MediaIoBaseUpload(io.BytesIO(content), mimetype="a/b", chunksize=256 * 1024, resumable=True)
    request = clients(runtime.url, "storage").objects().insert(bucket=bucket, name="big", media_body=media)
    answer = None
    while answer is None:
        _, answer = request.next_chunk()
    assert answer["size"] == str(len(content))


def test_an_object_is_changed_copied_moved_joined_and_removed(runtime: RuntimeProcess, call: Any, bucket: str) -> None:
    uploaded(runtime, bucket, "x")
    here = {"bucket": bucket, "object": "x"}
    call("storage", "objects.patch", **here, body={"metadata": {"k": "v"}})
    call("storage", "objects.update", **here, body={"contentType": "a/b"})
    found = call("storage", "objects.get", **here)
    assert (found["contentType"], "metadata" in found, found["metageneration"]) == ("a/b", False, "3")
    source = {"sourceBucket": bucket, "sourceObject": "x"}
    call("storage", "objects.copy", **source, destinationBucket=bucket, destinationObject="copied", body={})
    done = call(
        "storage", "objects.rewrite", **source, destinationBucket=bucket, destinationObject="rewritten", body={}
    )
    assert done["done"] is True
    call("storage", "objects.move", bucket=bucket, sourceObject="copied", destinationObject="moved")
    body = {"sourceObjects": [{"name": "x"}, {"name": "moved"}]}
    joined = call("storage", "objects.compose", destinationBucket=bucket, destinationObject="joined", body=body)
    assert (joined["size"], joined["componentCount"]) == ("10", 2)
    call("storage", "objects.delete", **here)
    listed = call("storage", "objects.list", bucket=bucket)["items"]
    assert [entry["name"] for entry in listed] == ["joined", "moved", "rewritten"]


def test_a_deleted_object_is_restored(runtime: RuntimeProcess, call: Any, bucket: str) -> None:
    call("storage", "buckets.patch", bucket=bucket, body={"softDeletePolicy": {"retentionDurationSeconds": "604800"}})
    made = uploaded(runtime, bucket, "x")
    call("storage", "objects.delete", bucket=bucket, object="x")
    call("storage", "objects.restore", bucket=bucket, object="x", generation=made["generation"])
    assert call("storage", "objects.get", bucket=bucket, object="x")["size"] == "5"


@pytest.mark.parametrize("kind", ["bucketAccessControls", "defaultObjectAccessControls", "objectAccessControls"])
def test_access_lists_are_kept(runtime: RuntimeProcess, call: Any, bucket: str, kind: str) -> None:
    uploaded(runtime, bucket, "x")
    place = {"bucket": bucket, **({"object": "x"} if kind == "objectAccessControls" else {})}
    entity = "user-a@example.com"
    call("storage", f"{kind}.insert", **place, body={"entity": entity, "role": "READER"})
    assert call("storage", f"{kind}.get", **place, entity=entity)["role"] == "READER"
    call("storage", f"{kind}.patch", **place, entity=entity, body={"role": "OWNER"})
    assert call("storage", f"{kind}.get", **place, entity=entity)["role"] == "OWNER"
    call("storage", f"{kind}.update", **place, entity=entity, body={"entity": entity, "role": "READER"})
    assert entity in [found["entity"] for found in call("storage", f"{kind}.list", **place)["items"]]
    call("storage", f"{kind}.delete", **place, entity=entity)
    with pytest.raises(HttpError) as caught:
        call("storage", f"{kind}.get", **place, entity=entity)
    assert caught.value.status_code == 404


@pytest.mark.parametrize(("kind", "one"), [("folders", "folder"), ("managedFolders", "managedFolder")])
def test_there_are_no_folders(call: Any, bucket: str, kind: str, one: str) -> None:
    assert "items" not in call("storage", f"{kind}.list", bucket=bucket)
    with pytest.raises(HttpError) as caught:
        call("storage", f"{kind}.get", bucket=bucket, **{one: "dir"})
    assert caught.value.status_code == 404


def test_notifications(call: Any, bucket: str) -> None:
    body = {"topic": f"//pubsub.googleapis.com/projects/{PROJECT}/topics/uploads", "payload_format": "NONE"}
    made = call("storage", "notifications.insert", bucket=bucket, body=body)
    assert call("storage", "notifications.get", bucket=bucket, notification=made["id"])["payload_format"] == "NONE"
    assert len(call("storage", "notifications.list", bucket=bucket)["items"]) == 1
    call("storage", "notifications.delete", bucket=bucket, notification=made["id"])


def test_topics_over_rest(call: Any, name: str) -> None:
    topic, project = f"projects/{PROJECT}/topics/{name}", f"projects/{PROJECT}"
    call("pubsub", "topics.create", name=topic, body={"labels": {"a": "b"}})
    body = {"topic": {"name": topic, "labels": {"c": "d"}}, "updateMask": "labels"}
    assert call("pubsub", "topics.patch", name=topic, body=body)["labels"] == {"c": "d"}
    assert call("pubsub", "topics.get", topic=topic)["labels"] == {"c": "d"}
    assert topic in [found["name"] for found in call("pubsub", "topics.list", project=project)["topics"]]
    assert call("pubsub", "topics.subscriptions.list", topic=topic) == {}
    assert call("pubsub", "topics.snapshots.list", topic=topic) == {}
    call("pubsub", "topics.delete", topic=topic)


def test_messages_over_rest(call: Any, name: str) -> None:
    topic, subscription = f"projects/{PROJECT}/topics/{name}", f"projects/{PROJECT}/subscriptions/{name}"
    call("pubsub", "topics.create", name=topic)
    call("pubsub", "subscriptions.create", name=subscription, body={"topic": topic, "retainAckedMessages": True})
    messages = [{"data": "b25l", "attributes": {"k": "v"}}, {"data": "dHdv"}]
    ids = call("pubsub", "topics.publish", topic=topic, body={"messages": messages})["messageIds"]
    here = {"subscription": subscription}
    received = call("pubsub", "subscriptions.pull", **here, body={"maxMessages": 5})["receivedMessages"]
    assert [found["message"]["messageId"] for found in received] == ids
    body: dict[str, Any] = {"ackIds": [received[0]["ackId"]], "ackDeadlineSeconds": 0}
    call("pubsub", "subscriptions.modifyAckDeadline", **here, body=body)
    call("pubsub", "subscriptions.acknowledge", **here, body={"ackIds": [received[1]["ackId"]]})
    again = call("pubsub", "subscriptions.pull", **here, body={"maxMessages": 5})["receivedMessages"]
    assert [found["message"]["data"] for found in again] == ["b25l"]
    call("pubsub", "subscriptions.seek", **here, body={"time": "2020-01-01T00:00:00Z"})
    assert len(call("pubsub", "subscriptions.pull", **here, body={"maxMessages": 5})["receivedMessages"]) == 2


def test_subscriptions_and_snapshots_over_rest(call: Any, name: str) -> None:
    project = f"projects/{PROJECT}"
    topic, subscription = f"{project}/topics/{name}", f"{project}/subscriptions/{name}"
    snapshot = f"{project}/snapshots/{name}"
    call("pubsub", "topics.create", name=topic)
    call("pubsub", "subscriptions.create", name=subscription, body={"topic": topic})
    body: dict[str, Any] = {"subscription": {"name": subscription, "ackDeadlineSeconds": 33}}
    call("pubsub", "subscriptions.patch", name=subscription, body={**body, "updateMask": "ackDeadlineSeconds"})
    assert call("pubsub", "subscriptions.get", subscription=subscription)["ackDeadlineSeconds"] == 33
    listed = call("pubsub", "subscriptions.list", project=project)["subscriptions"]
    assert subscription in [found["name"] for found in listed]
    call("pubsub", "snapshots.create", name=snapshot, body={"subscription": subscription})
    body = {"snapshot": {"name": snapshot, "labels": {"a": "b"}}, "updateMask": "labels"}
    assert call("pubsub", "snapshots.patch", name=snapshot, body=body)["labels"] == {"a": "b"}
    assert call("pubsub", "snapshots.get", snapshot=snapshot)["topic"] == topic
    assert snapshot in [found["name"] for found in call("pubsub", "snapshots.list", project=project)["snapshots"]]
    call("pubsub", "snapshots.delete", snapshot=snapshot)
    push = {"pushConfig": {"pushEndpoint": "http://127.0.0.1:9/x"}}
    call("pubsub", "subscriptions.modifyPushConfig", subscription=subscription, body=push)
    call("pubsub", "subscriptions.detach", subscription=subscription)
    assert call("pubsub", "subscriptions.get", subscription=subscription)["detached"] is True
    call("pubsub", "subscriptions.delete", subscription=subscription)


def test_schemas_over_rest(call: Any, name: str) -> None:
    project, schema = f"projects/{PROJECT}", f"projects/{PROJECT}/schemas/{name}"
    definition = '{"type": "record", "name": "A", "fields": [{"name": "k", "type": "string"}]}'
    later = definition.replace("}]", '}, {"name": "z", "type": "string", "default": ""}]')
    first = call(
        "pubsub", "schemas.create", parent=project, schemaId=name, body={"type": "AVRO", "definition": definition}
    )
    body = {"schema": {"name": schema, "type": "AVRO", "definition": later}}
    second = call("pubsub", "schemas.commit", name=schema, body=body)
    call("pubsub", "schemas.rollback", name=schema, body={"revisionId": first["revisionId"]})
    assert len(call("pubsub", "schemas.listRevisions", name=schema)["schemas"]) == 3
    call("pubsub", "schemas.deleteRevision", name=f"{schema}@{second['revisionId']}")
    assert call("pubsub", "schemas.get", name=schema)["definition"] == definition
    assert schema in [found["name"] for found in call("pubsub", "schemas.list", parent=project)["schemas"]]
    call("pubsub", "schemas.validate", parent=project, body={"schema": {"type": "AVRO", "definition": later}})
    message = base64.b64encode(b'{"k": "v"}').decode()
    call(
        "pubsub",
        "schemas.validateMessage",
        parent=project,
        body={"name": schema, "message": message, "encoding": "JSON"},
    )
    call("pubsub", "schemas.delete", name=schema)


@pytest.mark.parametrize("kind", ["topics", "subscriptions", "snapshots", "schemas"])
def test_policies_of_messages_over_rest(call: Any, name: str, kind: str) -> None:
    resource, topic = f"projects/{PROJECT}/{kind}/{name}", f"projects/{PROJECT}/topics/{name}"
    definition = '{"type": "record", "name": "A", "fields": [{"name": "k", "type": "string"}]}'
    call("pubsub", "topics.create", name=topic)
    call("pubsub", "subscriptions.create", name=f"projects/{PROJECT}/subscriptions/{name}", body={"topic": topic})
    if kind == "snapshots":
        body = {"subscription": f"projects/{PROJECT}/subscriptions/{name}"}
        call("pubsub", "snapshots.create", name=resource, body=body)
    if kind == "schemas":
        body = {"type": "AVRO", "definition": definition}
        call("pubsub", "schemas.create", parent=f"projects/{PROJECT}", schemaId=name, body=body)
    policy_is_kept(call, "pubsub", kind, resource, "roles/pubsub.viewer", f"pubsub.{kind}.get")


def policy_is_kept(call: Any, api: str, group: str, resource: str, role: str, permission: str) -> None:
    """Set, read and asked."""
    binding = {"role": role, "members": ["user:me@example.com"]}
    call(api, f"{group}.setIamPolicy", resource=resource, body={"policy": {"bindings": [binding]}})
    assert call(api, f"{group}.getIamPolicy", resource=resource)["bindings"] == [binding]
    asked = call(api, f"{group}.testIamPermissions", resource=resource, body={"permissions": [permission]})
    assert asked["permissions"] == [permission]


def test_policies_of_secrets_over_rest(call: Any, name: str) -> None:
    body = {"replication": {"automatic": {}}}
    call("secretmanager", "projects.secrets.create", parent=f"projects/{PROJECT}", secretId=name, body=body)
    resource, role = f"projects/{PROJECT}/secrets/{name}", "roles/secretmanager.viewer"
    policy_is_kept(call, "secretmanager", "projects.secrets", resource, role, "secretmanager.secrets.get")


def test_service_accounts_and_their_keys(call: Any, name: str) -> None:
    here = "projects.serviceAccounts"
    made = call("iam", f"{here}.create", name=f"projects/{PROJECT}", body={"accountId": name})
    account = made["name"]
    assert call("iam", f"{here}.get", name=account)["email"] == made["email"]
    body = {"serviceAccount": {"displayName": "Batch"}, "updateMask": "displayName"}
    call("iam", f"{here}.patch", name=account, body=body)
    call("iam", f"{here}.update", name=account, body={"displayName": "Robot", "etag": ""})
    assert call("iam", f"{here}.get", name=account)["displayName"] == "Robot"
    key = call("iam", f"{here}.keys.create", name=account)["name"]
    call("iam", f"{here}.keys.disable", name=key)
    call("iam", f"{here}.keys.enable", name=key)
    found = call("iam", f"{here}.keys.get", name=key, publicKeyType="TYPE_X509_PEM_FILE")
    assert base64.b64decode(found["publicKeyData"]).startswith(b"-----BEGIN CERTIFICATE-----")
    assert key in [entry["name"] for entry in call("iam", f"{here}.keys.list", name=account)["keys"]]
    call("iam", f"{here}.keys.delete", name=key)
    call("iam", f"{here}.disable", name=account)
    call("iam", f"{here}.enable", name=account)
    policy_is_kept(call, "iam", here, account, "roles/iam.serviceAccountUser", "iam.serviceAccounts.actAs")
    call("iam", f"{here}.delete", name=account)


def test_a_project_is_there_and_has_a_policy(runtime: RuntimeProcess) -> None:
    options = {"api_endpoint": runtime.url}
    with build(
        "cloudresourcemanager", "v1", credentials=AnonymousCredentials(), client_options=options, static_discovery=True
    ) as client:
        projects = client.projects()
        assert projects.get(projectId="any-project").execute()["projectId"] == "any-project"
        binding = {"role": "roles/viewer", "members": ["user:me@example.com"]}
        projects.setIamPolicy(resource="any-project", body={"policy": {"bindings": [binding]}}).execute()
        assert projects.getIamPolicy(resource="any-project", body={}).execute()["bindings"] == [binding]
        asked = {"permissions": ["resourcemanager.projects.get"]}
        assert projects.testIamPermissions(resource="any-project", body=asked).execute() == asked
