"""IAM policies, access lists and notification configs of Cloud Storage over HTTP: kept and given back."""

from __future__ import annotations

import pytest
from storage_calls import Storage, a_bucket, reason

from runtime_process import PROJECT, RuntimeProcess

TOPIC = f"//pubsub.googleapis.com/projects/{PROJECT}/topics/t1"


@pytest.fixture
def bucket(runtime: RuntimeProcess) -> Storage:
    return a_bucket(runtime)


def test_a_policy_begins_with_the_project_s_roles_and_can_be_replaced(bucket: Storage) -> None:
    found = bucket.call("GET", f"{bucket.root}/iam").json
    assert (found["kind"], found["resourceId"]) == ("storage#policy", f"projects/_/buckets/{bucket.bucket}")
    assert {binding["role"] for binding in found["bindings"]} >= {"roles/storage.legacyBucketOwner"}
    bindings = [{"role": "roles/storage.objectViewer", "members": ["allUsers"]}]
    changed = bucket.call("PUT", f"{bucket.root}/iam", {"bindings": bindings, "etag": found["etag"]}).json
    assert changed["bindings"] == bindings
    assert bucket.call("GET", f"{bucket.root}/iam").json == changed
    answer = bucket.call("PUT", f"{bucket.root}/iam", {"bindings": [], "etag": found["etag"]})
    assert (answer.status, reason(answer)) == (412, "conditionNotMet")
    condition = {"title": "t", "expression": "true"}
    body = {"version": 3, "bindings": [{**bindings[0], "condition": condition}]}
    assert bucket.call("PUT", f"{bucket.root}/iam", body).json["bindings"][0]["condition"] == condition


def test_a_policy_goes_with_its_bucket(bucket: Storage) -> None:
    bucket.call("PUT", f"{bucket.root}/iam", {"bindings": [{"role": "roles/x", "members": ["allUsers"]}]})
    bucket.call("DELETE", bucket.root)
    assert bucket.call("GET", f"{bucket.root}/iam").status == 404
    bucket.call("POST", f"/storage/v1/b?project={PROJECT}", {"name": bucket.bucket})
    assert "roles/x" not in bucket.call("GET", f"{bucket.root}/iam").body.decode()


@pytest.mark.parametrize(
    "body", [{"bindings": [{}]}, {"bindings": "x"}, {"version": 7}, {"bindings": [{"role": "r", "members": [5]}]}]
)
def test_a_policy_that_cannot_be_is_refused(bucket: Storage, body: object) -> None:
    answer = bucket.call("PUT", f"{bucket.root}/iam", body)
    assert (answer.status, reason(answer)) == (400, "invalid")


def test_permissions_are_held_by_all(bucket: Storage) -> None:
    path = f"{bucket.root}/iam/testPermissions?permissions=storage.objects.get&permissions=storage.objects.list"
    found = bucket.call("GET", path).json
    assert found["kind"] == "storage#testIamPermissionsResponse"
    assert found["permissions"] == ["storage.objects.get", "storage.objects.list"]
    assert bucket.call("GET", "/storage/v1/b/no-such-bucket/iam/testPermissions").status == 404


def test_policies_of_objects_are_named_as_missing(bucket: Storage) -> None:
    bucket.put("x")
    answer = bucket.call("GET", f"{bucket.root}/o/x/iam")
    assert (answer.status, reason(answer)) == (501, "notImplemented")


@pytest.mark.parametrize("place", ["acl", "defaultObjectAcl", "o/dir%2Fx/acl"])
def test_an_access_list_is_kept(bucket: Storage, place: str) -> None:
    bucket.put("dir/x")
    path = f"{bucket.root}/{place}"
    assert bucket.call("GET", path).json["items"] == []
    made = bucket.call("POST", path, {"entity": "allUsers", "role": "READER"}).json
    assert (made["entity"], made["role"], made["bucket"]) == ("allUsers", "READER", bucket.bucket)
    assert bucket.call("GET", f"{path}/allUsers").json == made
    assert bucket.call("PUT", f"{path}/allUsers", {"role": "OWNER"}).json["role"] == "OWNER"
    assert bucket.call("PATCH", f"{path}/user-a@example.com", {"role": "READER"}).status == 200
    items = bucket.call("GET", path).json["items"]
    assert [(item["entity"], item["role"]) for item in items] == [
        ("allUsers", "OWNER"),
        ("user-a@example.com", "READER"),
    ]
    assert bucket.call("DELETE", f"{path}/allUsers").status == 204
    assert bucket.call("DELETE", f"{path}/allUsers").status == 404
    assert bucket.call("GET", f"{path}/allUsers").status == 404
    assert bucket.call("POST", path, {"entity": "allUsers", "role": "KING"}).status == 400
    assert bucket.call("POST", path, {"role": "READER"}).status == 400
    assert bucket.call("DELETE", path).status == 405


def test_lists_that_are_part_of_an_object_are_shown_when_all_is_wanted(bucket: Storage) -> None:
    bucket.put("x")
    body = {"acl": [{"entity": "allUsers", "role": "READER"}]}
    assert bucket.call("PATCH", bucket.path("x", projection="full"), body).json["acl"] == body["acl"]
    assert "acl" not in bucket.get("x")
    assert bucket.get("x", projection="full")["acl"] == body["acl"]


def test_managed_folders_there_are_none(bucket: Storage) -> None:
    assert bucket.call("GET", f"{bucket.root}/managedFolders").json == {"kind": "storage#managedFolders"}
    assert bucket.call("GET", f"{bucket.root}/managedFolders/x").status == 404
    assert bucket.call("GET", f"{bucket.root}/folders").json == {"kind": "storage#folders"}
    assert bucket.call("POST", f"{bucket.root}/managedFolders", {"name": "x/"}).status == 501


# -- notifications --------------------------------------------------------------------------------------------------


def test_notification_configs_are_made_shown_and_removed(bucket: Storage) -> None:
    path = f"{bucket.root}/notificationConfigs"
    assert bucket.call("GET", path).json == {"kind": "storage#notifications"}
    body = {
        "topic": TOPIC,
        "payload_format": "JSON_API_V1",
        "event_types": ["OBJECT_FINALIZE", "OBJECT_DELETE"],
        "object_name_prefix": "in/",
        "custom_attributes": {"k": "v"},
    }
    made = bucket.call("POST", path, body).json
    assert {name: made[name] for name in body} == body
    assert made["kind"] == "storage#notification"
    assert made["selfLink"] == f"{bucket.runtime.url}{path}/{made['id']}"
    plain = bucket.call("POST", path, {"topic": f"projects/{PROJECT}/topics/t2"}).json
    assert plain["topic"] == f"//pubsub.googleapis.com/projects/{PROJECT}/topics/t2"
    assert plain["payload_format"] == "JSON_API_V1"
    assert bucket.call("GET", f"{path}/{made['id']}").json == made
    assert [item["id"] for item in bucket.call("GET", path).json["items"]] == [made["id"], plain["id"]]
    assert bucket.call("DELETE", f"{path}/{made['id']}").status == 204
    answer = bucket.call("GET", f"{path}/{made['id']}")
    assert (answer.status, reason(answer)) == (404, "notFound")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"topic": "t1"},
        {"topic": f"{TOPIC}/x"},
        {"topic": TOPIC, "payload_format": "XML"},
        {"topic": TOPIC, "event_types": ["OBJECT_SEEN"]},
        {"topic": TOPIC, "custom_attributes": {"k": 5}},
        {"topic": TOPIC, "custom_attributes": {str(number): "v" for number in range(6)}},
    ],
)
def test_notification_configs_that_cannot_be_are_refused(bucket: Storage, body: object) -> None:
    answer = bucket.call("POST", f"{bucket.root}/notificationConfigs", body)
    assert answer.status == 400, answer.body
    reason(answer)


def test_given_ten_configs_that_tell_of_an_event_then_no_other_is_taken(bucket: Storage) -> None:
    path = f"{bucket.root}/notificationConfigs"

    def made(*events: str) -> int:
        body = {"topic": TOPIC, "payload_format": "NONE", "event_types": list(events)}
        return bucket.call("POST", path, body).status

    assert [made("OBJECT_DELETE") for _ in range(10)] == [200] * 10
    answer = bucket.call("POST", path, {"topic": TOPIC, "payload_format": "NONE"})
    assert (answer.status, "OBJECT_DELETE" in answer.body.decode()) == (400, True), "no event named means all"
    assert made("OBJECT_FINALIZE", "OBJECT_DELETE") == 400
    assert made("OBJECT_FINALIZE") == 200
    assert bucket.call("DELETE", f"{path}/{bucket.call('GET', path).json['items'][0]['id']}").status == 204
    assert made() == 200
