"""How calls are named in the audit log."""

from __future__ import annotations

from typing import Any

import pytest

from hakobune.servers.audit import audited
from hakobune.servers.http.messages import Request, Response, json_response

L = "/v1/projects/p/locations/l"
V2 = "/v2/projects/p/locations/l"
OPERATION = "projects/p/locations/l/operations/o"


def named(method: str, path: str, answer: Any, status: int = 200) -> tuple[str, str, str] | None:
    request = Request(method=method, target=path, path=path.partition("?")[0])
    request.account = "a@p"
    found = audited(request, json_response(answer, status))
    if found is None:
        return None
    assert found.principal == "a@p"
    return found.service.removesuffix(".googleapis.com"), found.method, found.resource


OBJECT = {"kind": "storage#object", "bucket": "b", "name": "d/o"}
JOB = "projects/p/locations/l/jobs/j"


@pytest.mark.parametrize(
    ("method", "path", "answer", "name"),
    [
        ("POST", "/storage/v1/b?project=p", {"kind": "storage#bucket", "name": "b"},
         ("storage", "storage.buckets.create", "projects/_/buckets/b")),
        ("DELETE", "/storage/v1/b/b", {}, ("storage", "storage.buckets.delete", "projects/_/buckets/b")),
        ("POST", "/upload/storage/v1/b/b/o?name=d/o", OBJECT,
         ("storage", "storage.objects.create", "projects/_/buckets/b/objects/d/o")),
        ("PATCH", "/storage/v1/b/b/o/d%2Fo", OBJECT,
         ("storage", "storage.objects.update", "projects/_/buckets/b/objects/d/o")),
        ("POST", "/storage/v1/b/b/o/x/rewriteTo/b/b/o/y", {"kind": "storage#rewriteResponse", "resource": OBJECT},
         ("storage", "storage.objects.create", "projects/_/buckets/b/objects/d/o")),
        ("DELETE", "/storage/v1/b/b/o/d%2Fo", {},
         ("storage", "storage.objects.delete", "projects/_/buckets/b/objects/d/o")),
        ("POST", f"{V2}/jobs", {"name": OPERATION, "metadata": {"name": JOB}},
         ("run", "google.cloud.run.v2.Jobs.CreateJob", JOB)),
        ("DELETE", f"{V2}/jobs/j", {"name": OPERATION}, ("run", "google.cloud.run.v2.Jobs.DeleteJob", JOB)),
        ("POST", f"{V2}/jobs/j:run", {"name": OPERATION, "metadata": {"name": f"{JOB}/executions/e"}},
         ("run", "google.cloud.run.v2.Jobs.RunJob", f"{JOB}/executions/e")),
        ("POST", "/apis/run.googleapis.com/v1/namespaces/p/jobs/j:run", {},
         ("run", "google.cloud.run.v1.Jobs.RunJob", "namespaces/p/jobs/j")),
        ("POST", f"{L}/workflows", {"name": OPERATION, "metadata": {"target": "projects/p/locations/l/workflows/w"}},
         ("workflows", "google.cloud.workflows.v1.Workflows.CreateWorkflow", "projects/p/locations/l/workflows/w")),
        ("POST", f"{L}/workflows/w/executions", {"name": "projects/p/locations/l/workflows/w/executions/e"},
         ("workflowexecutions", "google.cloud.workflows.executions.v1.Executions.CreateExecution",
          "projects/p/locations/l/workflows/w/executions/e")),
        ("PUT", "/v1/projects/p/topics/t", {"name": "projects/p/topics/t"},
         ("pubsub", "google.pubsub.v1.Publisher.CreateTopic", "projects/p/topics/t")),
        ("DELETE", f"{L}/triggers/t", {"name": OPERATION, "response": {"name": "projects/p/locations/l/triggers/t"}},
         ("eventarc", "google.cloud.eventarc.v1.Eventarc.DeleteTrigger", "projects/p/locations/l/triggers/t")),
    ],
)  # fmt: skip
def test_a_call_has_the_name_of_its_method_and_of_what_it_changed(
    method: str, path: str, answer: Any, name: tuple[str, str, str]
) -> None:
    assert named(method, path, answer) == name


@pytest.mark.parametrize(
    ("method", "path", "answer", "status"),
    [
        ("GET", f"{V2}/jobs/j", {"name": JOB}, 200),
        ("POST", f"{V2}/jobs/j:run", {"error": {}}, 404),
        ("POST", f"{V2}/jobs/j:testIamPermissions", {}, 200),
        ("POST", "/v1/projects/p/topics/t:publish", {"messageIds": ["1"]}, 200),
        ("POST", "/upload/storage/v1/b/b/o?uploadType=resumable", {}, 200),
        ("PUT", "/upload/storage/v1/b/b/o?upload_id=u", {}, 308),
        ("POST", "/hakobune/v1/anything", {}, 200),
    ],
)
def test_what_changes_nothing_has_no_name(method: str, path: str, answer: Any, status: int) -> None:
    assert named(method, path, answer, status) is None


def test_answers_that_are_no_json_are_named_by_their_path() -> None:
    request = Request(method="DELETE", target="", path=f"{V2}/jobs/j")
    for content in (b"", b"not json", b"[]", b" " * 4_000_001):
        found = audited(request, Response(content=content))
        assert found is not None
        assert found.resource == JOB
    request.is_xml = True
    assert audited(request, Response()) is None
