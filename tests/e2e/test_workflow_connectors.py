"""Workflows that keep objects, send messages and read secrets: the connectors go to this runtime's own APIs."""

from __future__ import annotations

import base64
import json
import time
import uuid
from typing import Any

import pytest

from runtime_process import LOCATION, PROJECT, RuntimeProcess

BASE = f"/v1/projects/{PROJECT}/locations/{LOCATION}/workflows"
FINAL = ("SUCCEEDED", "FAILED", "CANCELLED")

OBJECTS = """
main:
  params: [input]
  steps:
    - names:
        assign:
          - bucket: ${input.bucket}
          - refused: 0
          - missing: 0
    - make:
        call: googleapis.storage.v1.buckets.insert
        args:
          project: ${sys.get_env("GOOGLE_CLOUD_PROJECT_ID")}
          body: {name: "${bucket}", location: asia-northeast1}
    - upload:
        call: googleapis.storage.v1.objects.insert
        args:
          bucket: ${bucket}
          uploadType: media
          name: in/tea list.txt
          ifGenerationMatch: 0
          body: sencha
        result: uploaded
    - upload_again:
        try:
          call: googleapis.storage.v1.objects.insert
          args:
            bucket: ${bucket}
            uploadType: media
            name: in/tea list.txt
            ifGenerationMatch: 0
            body: hojicha
        except:
          as: e
          steps:
            - keep:
                assign: [{refused: "${e.code}"}]
    - upload_json:
        call: googleapis.storage.v1.objects.insert
        args:
          bucket: ${bucket}
          uploadType: media
          name: in/map.json
          body: {leaves: [1, 2]}
    - copy:
        call: googleapis.storage.v1.objects.copy
        args:
          sourceBucket: ${bucket}
          sourceObject: ${text.url_encode("in/tea list.txt")}
          destinationBucket: ${bucket}
          destinationObject: ${text.url_encode("out/copy.txt")}
          body: {}
        result: copied
    - rewrite:
        call: googleapis.storage.v1.objects.rewrite
        args:
          sourceBucket: ${bucket}
          sourceObject: ${text.url_encode("in/map.json")}
          destinationBucket: ${bucket}
          destinationObject: ${text.url_encode("out/map.json")}
          body: {contentType: application/json}
        result: rewritten
    - read:
        call: googleapis.storage.v1.objects.get
        args:
          bucket: ${bucket}
          object: ${text.url_encode("out/copy.txt")}
          alt: media
        result: content
    - read_json:
        call: googleapis.storage.v1.objects.get
        args:
          bucket: ${bucket}
          object: ${text.url_encode("out/map.json")}
          alt: media
        result: leaves
    - remove:
        call: googleapis.storage.v1.objects.delete
        args:
          bucket: ${bucket}
          object: ${text.url_encode("in/tea list.txt")}
    - list:
        call: googleapis.storage.v1.objects.list
        args: {bucket: "${bucket}"}
        result: listed
    - collect:
        assign: [{found: []}]
    - each:
        for:
          value: item
          in: ${listed.items}
          steps:
            - add:
                assign: [{found: "${list.concat(found, item.name)}"}]
    - gone:
        try:
          call: googleapis.storage.v1.objects.get
          args:
            bucket: ${bucket}
            object: ${text.url_encode("in/tea list.txt")}
        except:
          as: e
          steps:
            - keep_gone:
                assign: [{missing: "${e.code}"}]
    - done:
        return:
          uploaded: ${uploaded.name}
          refused: ${refused}
          copied: ${copied.size}
          rewritten: ${rewritten.done}
          content: ${content}
          leaves: ${leaves.leaves}
          listed: ${found}
          missing: ${missing}
"""

MESSAGES = """
main:
  params: [input]
  steps:
    - names:
        assign:
          - project: ${"projects/" + sys.get_env("GOOGLE_CLOUD_PROJECT_ID")}
          - topic: ${project + "/topics/" + input.name}
          - subscription: ${project + "/subscriptions/" + input.name}
    - make_topic:
        call: googleapis.pubsub.v1.projects.topics.create
        args: {name: "${topic}", body: {}}
    - make_subscription:
        call: googleapis.pubsub.v1.projects.subscriptions.create
        args: {name: "${subscription}", body: {topic: "${topic}"}}
    - publish:
        call: googleapis.pubsub.v1.projects.topics.publish
        args:
          topic: ${topic}
          body:
            messages:
              - data: ${base64.encode(json.encode({"cup":"one"}))}
                attributes: {kind: cup}
              - data: ${base64.encode(text.encode("two"))}
        result: published
    - pull:
        call: googleapis.pubsub.v1.projects.subscriptions.pull
        args:
          subscription: ${subscription}
          body: {maxMessages: 10}
        result: pulled
    - start:
        assign: [{ids: []}, {texts: []}]
    - each:
        for:
          value: received
          in: ${pulled.receivedMessages}
          steps:
            - add:
                assign:
                  - ids: ${list.concat(ids, received.ackId)}
                  - texts: ${list.concat(texts, text.decode(base64.decode(received.message.data)))}
    - acknowledge:
        call: googleapis.pubsub.v1.projects.subscriptions.acknowledge
        args:
          subscription: ${subscription}
          body: {ackIds: "${ids}"}
    - done:
        return: {count: "${len(published.messageIds)}", texts: "${texts}"}
"""

SECRETS = """
main:
  params: [input]
  steps:
    - start:
        assign: [{code: 0}]
    - make:
        call: googleapis.secretmanager.v1.projects.secrets.create
        args:
          parent: ${"projects/" + sys.get_env("GOOGLE_CLOUD_PROJECT_ID")}
          secretId: ${input.name}
          body: {replication: {automatic: {}}}
    - add:
        call: googleapis.secretmanager.v1.projects.secrets.addVersionString
        args: {secret_id: "${input.name}", data: old leaves}
    - add_again:
        call: googleapis.secretmanager.v1.projects.secrets.addVersionString
        args: {secret_id: "${input.name}", data: fresh leaves}
        result: version
    - newest:
        call: googleapis.secretmanager.v1.projects.secrets.versions.accessString
        args: {secret_id: "${input.name}"}
        result: newest
    - first:
        call: googleapis.secretmanager.v1.projects.secrets.versions.accessString
        args: {secret_id: "${input.name}", version: "1"}
        result: first
    - missing:
        try:
          call: googleapis.secretmanager.v1.projects.secrets.versions.accessString
          args: {secret_id: "${input.name}", version: "3"}
        except:
          as: e
          steps:
            - keep:
                assign: [{code: "${e.code}"}]
    - done:
        return: {name: "${version.name}", newest: "${newest}", first: "${first}", code: "${code}"}
"""

# Google's API hosts called as any other URL.
HTTP = """
main:
  params: [input]
  steps:
    - ask:
        call: http.get
        args:
          url: ${"https://storage.googleapis.com/storage/v1/b/" + input.bucket}
          auth: {type: OAuth2}
        result: found
    - done:
        return: ${found.body.name}
"""


def unique(kind: str) -> str:
    return f"{kind}-{uuid.uuid4().hex[:10]}"


def run(runtime: RuntimeProcess, source: str, argument: object) -> Any:
    """The result of one execution of a definition."""
    identifier = unique("w")
    answer = runtime.call("POST", f"{BASE}?workflowId={identifier}", {"sourceContents": source})
    assert "response" in answer.json, answer.body
    begun = runtime.call("POST", f"{BASE}/{identifier}/executions", {"argument": json.dumps(argument)}).json
    end_s = time.monotonic() + 60
    while (found := runtime.call("GET", f"/v1/{begun['name']}").json)["state"] not in FINAL:
        assert time.monotonic() < end_s, found
        time.sleep(0.05)
    assert found["state"] == "SUCCEEDED", found
    return json.loads(found["result"])


def test_given_a_workflow_that_keeps_objects_then_they_are_uploaded_copied_listed_and_deleted_here(
    runtime: RuntimeProcess,
) -> None:
    bucket = unique("b")
    assert run(runtime, OBJECTS, {"bucket": bucket}) == {
        "uploaded": "in/tea list.txt",
        "refused": 412,
        "copied": "6",
        "rewritten": True,
        "content": "sencha",
        "leaves": [1, 2],
        "listed": ["in/map.json", "out/copy.txt", "out/map.json"],
        "missing": 404,
    }
    seen = runtime.call("GET", f"/download/storage/v1/b/{bucket}/o/out%2Fcopy.txt?alt=media")
    assert (seen.status, seen.body) == (200, b"sencha")
    assert run(runtime, HTTP, {"bucket": bucket}) == bucket


def test_given_a_workflow_that_sends_messages_then_it_publishes_pulls_and_acknowledges_here(
    runtime: RuntimeProcess,
) -> None:
    name = unique("t")
    found = run(runtime, MESSAGES, {"name": name})
    assert found["count"] == 2
    assert sorted(found["texts"]) == ["two", '{"cup":"one"}']
    pull = f"/v1/projects/{PROJECT}/subscriptions/{name}:pull"
    assert runtime.call("POST", pull, {"maxMessages": 10, "returnImmediately": True}).json == {}


def test_given_a_workflow_that_needs_a_secret_then_access_string_gives_its_text(runtime: RuntimeProcess) -> None:
    name = unique("s")
    found = run(runtime, SECRETS, {"name": name})
    assert found["name"].endswith(f"/secrets/{name}/versions/2")
    del found["name"]
    assert found == {"newest": "fresh leaves", "first": "old leaves", "code": 404}
    path = f"/v1/projects/{PROJECT}/secrets/{name}/versions/latest:access"
    assert base64.b64decode(runtime.call("GET", path).json["payload"]["data"]) == b"fresh leaves"


def test_given_a_workflow_that_makes_a_schedule_then_it_is_there_and_can_be_run(runtime: RuntimeProcess) -> None:
    name = f"projects/{PROJECT}/locations/{LOCATION}/jobs/{unique('s')}"
    source = f"""
main:
  params: [args]
  steps:
    - create:
        call: googleapis.cloudscheduler.v1.projects.locations.jobs.create
        args:
          parent: projects/{PROJECT}/locations/{LOCATION}
          body:
            name: ${{args.name}}
            schedule: "0 0 1 1 *"
            httpTarget: {{uri: "http://127.0.0.1:9/"}}
        result: made
    - run:
        call: googleapis.cloudscheduler.v1.projects.locations.jobs.run
        args: {{name: "${{args.name}}"}}
    - done:
        return: ${{made.state}}
"""
    assert run(runtime, source, {"name": name}) == "ENABLED"
    assert runtime.call("GET", f"/v1/{name}").json["schedule"] == "0 0 1 1 *"


@pytest.mark.parametrize(
    ("call", "api"),
    [
        ("googleapis.cloudtasks.v2.projects.locations.queues.list", "Cloud Tasks"),
    ],
)
def test_given_a_connector_of_what_is_not_here_then_the_error_names_it(
    runtime: RuntimeProcess, call: str, api: str
) -> None:
    source = f"""
main:
  steps:
    - ask:
        try:
          call: {call}
          args: {{parent: projects/{PROJECT}/locations/{LOCATION}}}
        except:
          as: e
          steps:
            - done:
                return: ${{e}}
"""
    found = run(runtime, source, None)
    assert "SystemError" in found["tags"]
    assert api in found["message"]
    assert call in found["message"]
