"""IAM policies of all kinds of resources, and what they decide under `--iam=enforce`."""

from __future__ import annotations

import base64
import subprocess
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from runtime_process import BASE, HAKOBUNE, LOCATION, PROJECT, Answer, RuntimeProcess

FLAVOR = {"Metadata-Flavor": "Google"}
V1 = f"/v1/projects/{PROJECT}"
SOURCE = "main:\n  steps:\n    - done:\n        return: 1\n"
ANN = f"ann-robot@{PROJECT}.iam.gserviceaccount.com"
SCOPE = {"scope": ["https://www.googleapis.com/auth/cloud-platform"]}


@pytest.fixture(scope="module")
def enforced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RuntimeProcess]:
    """A runtime whose policies count."""
    found = RuntimeProcess(tmp_path_factory.mktemp("enforced") / "data", ("--auth=token", "--iam=enforce")).start()
    yield found
    assert found.stop() == 0, found.log


class Caller:
    """Calls with the token of an account; "" is the owner."""

    def __init__(self, runtime: RuntimeProcess, account: str = "") -> None:
        self.runtime = runtime
        answer = runtime.call("GET", "/computeMetadata/v1/instance/service-accounts/default/token", headers=FLAVOR)
        token = answer.json["access_token"]
        if account:
            path = f"/v1/projects/-/serviceAccounts/{account}:generateAccessToken"
            token = runtime.call("POST", path, SCOPE, {"Authorization": f"Bearer {token}"}).json["accessToken"]
        self.headers = {"Authorization": f"Bearer {token}"}

    def __call__(self, method: str, path: str, body: object = None) -> Answer:
        return self.runtime.call(method, path, body, self.headers)

    def ok(self, method: str, path: str, body: object = None) -> Any:
        answer = self(method, path, body)
        assert answer.status == 200, answer.body
        return answer.json

    def bind(self, path: str, role: str, *members: str) -> None:
        """Give a role on a resource."""
        self.ok("POST", f"{path}:setIamPolicy", {"policy": {"bindings": [{"role": role, "members": list(members)}]}})


def make(call: Any, name: str) -> dict[str, str]:
    """One resource of each kind; their paths."""
    container = {"image": "local", "command": ["/bin/true"]}
    call("POST", f"{BASE}/jobs?jobId={name}", {"template": {"template": {"containers": [container]}}})
    call("POST", f"/v1/projects/{PROJECT}/locations/{LOCATION}/workflows?workflowId={name}", {"sourceContents": SOURCE})
    call("POST", f"{V1}/secrets?secretId={name}", {"replication": {"automatic": {}}})
    call("POST", f"{V1}/secrets/{name}:addVersion", {"payload": {"data": base64.b64encode(b"value").decode()}})
    call("POST", f"{V1}/serviceAccounts", {"accountId": name})
    return {
        "job": f"{BASE}/jobs/{name}",
        "workflow": f"{V1}/locations/{LOCATION}/workflows/{name}",
        "secret": f"{V1}/secrets/{name}",
        "account": f"{V1}/serviceAccounts/{name}@{PROJECT}.iam.gserviceaccount.com",
    }


def test_given_resources_of_all_kinds_then_each_keeps_its_policy(runtime: RuntimeProcess) -> None:
    paths = make(runtime.call, f"iam-{uuid.uuid4().hex[:8]}") | {"project": "/v1/projects/iam-project"}
    for kind, path in paths.items():
        method = "POST" if kind in ("account", "project") else "GET"
        assert runtime.call(method, f"{path}:getIamPolicy").json == {"etag": "ACAB"}, kind
        binding = {"role": "roles/viewer", "members": ["user:a@example.com"]}
        made = runtime.call("POST", f"{path}:setIamPolicy", {"policy": {"bindings": [binding]}}).json
        assert made["bindings"] == [binding]
        body = {"options": {"requestedPolicyVersion": 3}} if method == "POST" else None
        assert runtime.call(method, f"{path}:getIamPolicy", body).json == made, kind
        stale = {"policy": {"etag": "ACAB", "bindings": []}}
        assert runtime.call("POST", f"{path}:setIamPolicy", stale).status == 409
        asked = {"permissions": ["run.jobs.run", "x.y.z"]}
        assert runtime.call("POST", f"{path}:testIamPermissions", asked).json == asked, kind
        assert runtime.call("POST", f"{path}:testIamPermissions", {"permissions": ["run.*"]}).status == 400


def test_given_a_resource_that_is_not_there_then_it_has_no_policy(runtime: RuntimeProcess) -> None:
    for path in (
        f"{BASE}/jobs/gone",
        f"{V1}/locations/{LOCATION}/workflows/gone",
        f"{V1}/secrets/gone",
        f"{V1}/topics/gone",
        f"{V1}/subscriptions/gone",
        f"{V1}/snapshots/gone",
        f"{V1}/schemas/gone",
        f"{V1}/serviceAccounts/gone@x.y",
    ):
        for verb in ("setIamPolicy", "testIamPermissions"):
            assert runtime.call("POST", f"{path}:{verb}", {}).status == 404, path


def test_given_a_secret_that_is_made_again_then_the_old_policy_is_gone(runtime: RuntimeProcess) -> None:
    path = make(runtime.call, f"iam-{uuid.uuid4().hex[:8]}")["secret"]
    runtime.call(
        "POST", f"{path}:setIamPolicy", {"policy": {"bindings": [{"role": "roles/viewer", "members": ["allUsers"]}]}}
    )
    assert runtime.call("DELETE", path).status == 200
    runtime.call("POST", f"{V1}/secrets?secretId={path.rpartition('/')[2]}", {"replication": {"automatic": {}}})
    assert runtime.call("GET", f"{path}:getIamPolicy").json == {"etag": "ACAB"}


def test_given_a_policy_then_its_etag_looks_the_same_in_both_alphabets(runtime: RuntimeProcess) -> None:
    path = make(runtime.call, f"iam-{uuid.uuid4().hex[:8]}")["secret"]
    for number in range(20):
        bindings = [{"role": "roles/viewer", "members": [f"user:a{number}@example.com"]}]
        etag = runtime.call("POST", f"{path}:setIamPolicy", {"policy": {"bindings": bindings}}).json["etag"]
        assert base64.urlsafe_b64encode(base64.b64decode(etag)).decode() == etag


USES = [
    ("job", "POST", ":run", {}, "roles/run.invoker", "run.jobs.run"),
    ("workflow", "POST", "/executions", {}, "roles/workflows.invoker", "workflows.executions.create"),
    (
        "secret",
        "GET",
        "/versions/latest:access",
        None,
        "roles/secretmanager.secretAccessor",
        "secretmanager.versions.access",
    ),
    (
        "account",
        "POST",
        ":generateAccessToken",
        SCOPE,
        "roles/iam.serviceAccountTokenCreator",
        "iam.serviceAccounts.getAccessToken",
    ),
]


@pytest.mark.parametrize(("kind", "method", "path", "body", "role", "permission"), USES, ids=[use[0] for use in USES])
def test_given_enforcement_then_a_binding_opens_what_is_closed(
    enforced: RuntimeProcess, kind: str, method: str, path: str, body: object, role: str, permission: str
) -> None:
    owner, ann = Caller(enforced), Caller(enforced, ANN)
    resource = make(owner, f"iam-{uuid.uuid4().hex[:8]}")[kind]
    refused = ann(method, resource + path, body)
    assert (refused.status, refused.json["error"]["status"]) == (403, "PERMISSION_DENIED")
    assert f"Permission '{permission}' denied" in refused.json["error"]["message"]
    asked = {"permissions": [permission, "x.y.z"]}
    assert ann.ok("POST", f"{resource}:testIamPermissions", asked) == {}
    owner.bind(resource, role, f"serviceAccount:{ANN}")
    assert ann.ok("POST", f"{resource}:testIamPermissions", asked) == {"permissions": [permission]}
    assert ann(method, resource + path, body).status == 200
    owner.bind(resource, role, "user:bob@example.com")
    assert ann(method, resource + path, body).status == 403
    for members in ("allAuthenticatedUsers", "allUsers", f"domain:{ANN.partition('@')[2]}"):
        owner.bind(resource, role, members)
        assert ann(method, resource + path, body).status == 200
    owner.bind(resource, "roles/viewer", f"serviceAccount:{ANN}")
    assert ann(method, resource + path, body).status == 403
    assert owner(method, resource + path, body).status == 200


def test_given_enforcement_then_changes_need_an_editor_and_policies_an_owner(enforced: RuntimeProcess) -> None:
    owner, eve = Caller(enforced), Caller(enforced, "eve-robot@other.iam.gserviceaccount.com")
    paths = make(owner, f"iam-{uuid.uuid4().hex[:8]}")
    member = "serviceAccount:eve-robot@other.iam.gserviceaccount.com"
    changes = [
        ("DELETE", paths["secret"], None),
        ("DELETE", paths["job"], None),
        ("POST", f"{paths['secret']}:setIamPolicy", {}),
        ("POST", f"{V1}/serviceAccounts", {"accountId": "eves-own"}),
        ("POST", f"{paths['account']}/keys", {}),
        ("POST", "/hakobune/v1/identity/keys:rotate", {}),
        ("POST", f"/v1/projects/{PROJECT}:setIamPolicy", {}),
    ]
    for method, path, body in changes:
        assert eve(method, path, body).status == 403, path
    assert eve("GET", paths["job"]).status == 200
    assert eve("POST", f"{paths['account']}:getIamPolicy").status == 200
    project = f"/v1/projects/{PROJECT}"
    owner.bind(project, "roles/editor", member)
    try:
        assert (
            eve("POST", f"{V1}/secrets?secretId=eve-{uuid.uuid4().hex[:8]}", {"replication": {"automatic": {}}}).status
            == 200
        )
        assert eve("GET", f"{paths['secret']}/versions/1:access").status == 200
        assert eve("POST", f"{paths['secret']}:setIamPolicy", {}).status == 403
        assert eve("POST", f"{project}:setIamPolicy", {}).status == 403
        owner.bind(project, "roles/owner", member)
        assert eve("POST", f"{paths['secret']}:setIamPolicy", {}).status == 200
    finally:
        owner.ok("POST", f"{project}:setIamPolicy", {"policy": {"bindings": []}})
    assert eve("DELETE", paths["secret"]).status == 403


def test_given_enforcement_without_tokens_then_it_does_not_start(tmp_path: Any) -> None:
    done = subprocess.run(
        [HAKOBUNE, "up", "--data", str(tmp_path), "--iam=enforce"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "add --auth=token" in done.stderr


@pytest.mark.parametrize(
    ("root", "words"),
    [
        ("https://run.googleapis.com", "401"),
        ("https://storage.googleapis.com", "401"),
        ("http://127.0.0.1:{port}", "is the metadata server"),
        ("http://localhost:{port}", "is the metadata server"),
        ("http://[::ffff:127.0.0.1]:{port}", "is the metadata server"),
    ],
)
def test_given_enforcement_then_a_workflow_gets_no_token_of_the_owner(
    enforced: RuntimeProcess, root: str, words: str
) -> None:
    owner = Caller(enforced)
    path = "/computeMetadata/v1/instance/service-accounts/default/token"
    url = root.format(port=enforced.port) + path
    source = f"""
main:
  steps:
    - take:
        call: http.get
        args: {{url: "{url}", headers: {{Metadata-Flavor: Google}}}}
        result: got
    - done: {{return: "${{got.body}}"}}
"""
    name = f"thief-{uuid.uuid4().hex[:8]}"
    workflows = f"{V1}/locations/{LOCATION}/workflows"
    owner.ok("POST", f"{workflows}?workflowId={name}", {"sourceContents": source})
    found = owner.ok("POST", f"{workflows}/{name}/executions", {})
    deadline_s = time.monotonic() + 30
    while found["state"] in ("ACTIVE", "QUEUED") and time.monotonic() < deadline_s:
        time.sleep(0.05)
        found = owner.ok("GET", f"/v1/{found['name']}")
    assert found["state"] == "FAILED", found
    assert words in str(found["error"])


@pytest.mark.parametrize("is_v1", [False, True])
def test_given_enforcement_then_who_may_run_a_job_may_not_make_another_of_it(
    enforced: RuntimeProcess, is_v1: bool
) -> None:
    owner, ann = Caller(enforced), Caller(enforced, ANN)
    name = f"iam-{uuid.uuid4().hex[:8]}"
    job = make(owner, name)["job"]
    path = f"/apis/run.googleapis.com/v1/namespaces/{PROJECT}/jobs/{name}" if is_v1 else job
    changed = {"overrides": {"containerOverrides": [{"env": [{"name": "LD_PRELOAD", "value": "/tmp/x"}]}]}}
    ann.headers["Host"] = f"{LOCATION}-run.googleapis.com"
    owner.bind(job, "roles/run.invoker", f"serviceAccount:{ANN}")
    assert ann("POST", f"{path}:run", {}).status == 200
    refused = ann("POST", f"{path}:run", changed)
    assert refused.status == 403
    assert "run.jobs.runWithOverrides" in refused.json["error"]["message"]
    owner.bind(job, "roles/run.jobsExecutorWithOverrides", f"serviceAccount:{ANN}")
    assert ann("POST", f"{path}:run", changed).status == 200
