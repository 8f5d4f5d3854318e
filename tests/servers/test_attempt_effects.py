"""What an attempt does to objects and messages is on record, with what makes it safe to repeat."""

from __future__ import annotations

import sys
import uuid
from typing import Any

from runtime_process import LOCATION, PROJECT, RuntimeProcess

CALLER = """
import base64, json, os, urllib.error, urllib.request
url = os.environ["STORAGE_EMULATOR_HOST"].rstrip("/")
name = os.environ["NAME"]
def call(method, path, body=None, **headers):
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    headers = {key.replace("_", "-"): value for key, value in headers.items()}
    request = urllib.request.Request(url + path, data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        return {"refused": error.code}
"""
STORAGE = """
upload = f"/upload/storage/v1/b/{name}/o?uploadType=media&name="
assert call("POST", upload + "one&ifGenerationMatch=0", b"x")["size"] == "1"
assert call("POST", upload + "one&ifGenerationMatch=0", b"y") == {"refused": 412}
call("POST", upload + "two", b"x", x_goog_gcs_idempotency_token="token-of-two")
call("POST", upload + "three&ifGenerationMatch=0", b"x", x_goog_gcs_idempotency_token="token-of-three")
call("POST", upload + "four&ifGenerationMatch=0", b"x", Idempotency_Key="own-key")
call("POST", f"/storage/v1/b/{name}/o/one/copyTo/b/{name}/o/five?ifSourceGenerationNotMatch=7", {})
call("PUT", f"/{name}/six", b"x", Host="storage.googleapis.com", x_goog_if_generation_match="0")
call("DELETE", f"/storage/v1/b/{name}/o/two")
call("GET", f"/storage/v1/b/{name}/o")
"""
PUBSUB = """
root = f"/v1/projects/{os.environ['GOOGLE_CLOUD_PROJECT']}"
call("POST", f"{root}/topics/{name}:publish", {"messages": [{"data": "eA=="}]})
received = call("POST", f"{root}/subscriptions/{name}:pull", {"maxMessages": 1})["receivedMessages"]
call("POST", f"{root}/subscriptions/{name}:acknowledge", {"ackIds": [received[0]["ackId"]]})
call("POST", f"{root}/topics/no-such-topic:publish", {"messages": [{"data": "eA=="}]})
"""
# As users write it: Google's own client, which is led here by its environment.
CLIENT = """
from google.cloud import storage
client = storage.Client()
blob = client.bucket(name).blob("from-the-client")
blob.upload_from_string("x", if_generation_match=0)
blob.delete()
"""
ALL = ["started", "applied", "answered"]


def effects(runtime: RuntimeProcess, program: str, name: str) -> list[tuple[str, str, list[str]]]:
    """(target, key, phases) of each call of a task."""
    job = f"effects-{uuid.uuid4().hex[:8]}"
    command = [sys.executable, "-c", CALLER + program]
    runtime.create(job, command, maxRetries=0, env=[{"name": "NAME", "value": name}])
    execution = runtime.run(job)
    assert runtime.wait(execution)["succeededCount"] == 1, runtime.entries("severity>=ERROR")[-3:]
    place = f"/hakobune/v1/projects/{PROJECT}/locations/{LOCATION}/executions/{execution.rpartition('/')[2]}"
    answer = runtime.call("GET", f"{place}/attempts?index=0")
    (attempt,) = answer.json["attempts"]
    calls: dict[str, list[Any]] = {}
    for effect in attempt["effects"]:
        calls.setdefault(effect["call"], []).append(effect)
    return [(found[0]["target"], found[0]["key"], [one["phase"] for one in found]) for found in calls.values()]


def a_bucket(runtime: RuntimeProcess) -> str:
    name = f"effects-{uuid.uuid4().hex[:8]}"
    assert runtime.call("POST", f"/storage/v1/b?project={PROJECT}", {"name": name}).status == 200
    return name


def test_given_a_task_that_changes_objects_then_its_writes_are_on_record_with_preconditions_and_keys(
    runtime: RuntimeProcess,
) -> None:
    name = a_bucket(runtime)
    upload = f"POST /upload/storage/v1/b/{name}/o"
    assert effects(runtime, STORAGE, name) == [
        (upload, "ifGenerationMatch=0", ALL),
        (upload, "ifGenerationMatch=0", ["started", "answered"]),
        (upload, "token-of-two", ALL),
        (upload, "ifGenerationMatch=0 token-of-three", ALL),
        (upload, "own-key", ALL),
        (f"POST /storage/v1/b/{name}/o/one/copyTo/b/{name}/o/five", "ifSourceGenerationNotMatch=7", ALL),
        (f"PUT /{name}/six", "x-goog-if-generation-match: 0", ALL),
        (f"DELETE /storage/v1/b/{name}/o/two", "", ALL),
    ]


def test_given_a_task_with_google_s_client_then_its_writes_are_on_record_with_their_preconditions(
    runtime: RuntimeProcess,
) -> None:
    name = a_bucket(runtime)
    assert effects(runtime, CLIENT, name) == [
        (f"POST /upload/storage/v1/b/{name}/o", "ifGenerationMatch=0", ALL),
        (f"DELETE /storage/v1/b/{name}/o/from-the-client", "", ALL),
    ]


def test_given_a_task_that_sends_and_takes_messages_then_its_publish_and_its_ack_are_on_record(
    runtime: RuntimeProcess,
) -> None:
    name = f"effects-{uuid.uuid4().hex[:8]}"
    root = f"/v1/projects/{PROJECT}"
    assert runtime.call("PUT", f"{root}/topics/{name}", {}).status == 200
    topic = {"topic": f"projects/{PROJECT}/topics/{name}"}
    assert runtime.call("PUT", f"{root}/subscriptions/{name}", topic).status == 200
    assert effects(runtime, PUBSUB, name) == [
        (f"POST {root}/topics/{name}:publish", "", ALL),
        (f"POST {root}/subscriptions/{name}:pull", "", ALL),
        (f"POST {root}/subscriptions/{name}:acknowledge", "", ALL),
        (f"POST {root}/topics/no-such-topic:publish", "", ["started", "answered"]),
    ]
