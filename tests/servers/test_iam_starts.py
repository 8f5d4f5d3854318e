"""What policies say of services, worker pools, schedules, triggers and channels under `--iam=enforce`."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from test_iam_policies import Caller, enforced

from runtime_process import BASE, LOCATION, PROJECT, Answer, RuntimeProcess

__all__ = ["enforced"]  # a fixture
V1 = f"/v1/projects/{PROJECT}/locations/{LOCATION}"
KNATIVE = "/apis/serving.knative.dev/v1/namespaces"
ZOE = f"zoe-robot@{PROJECT}.iam.gserviceaccount.com"
ZOE_MEMBER = f"serviceAccount:{ZOE}"
RUNNER = f"runner-robot@{PROJECT}.iam.gserviceaccount.com"
TEMPLATE = {"containers": [{"image": "local", "command": ["/bin/true"]}], "serviceAccount": RUNNER}
SCHEDULE = {"schedule": "0 0 1 1 *", "httpTarget": {"uri": "http://127.0.0.1:1/"}}
FILTERS = [{"attribute": "type", "value": "google.cloud.pubsub.topic.v1.messagePublished"}]
TRIGGER = {"eventFilters": FILTERS, "destination": {"httpEndpoint": {"uri": "http://127.0.0.1:1/"}}}


@pytest.fixture
def zoe(enforced: RuntimeProcess) -> Caller:
    """May do nothing."""
    owner = Caller(enforced)
    owner.ok("POST", f"/v1/projects/{PROJECT}:setIamPolicy", {"policy": {"bindings": []}})
    owner("POST", f"/v1/projects/{PROJECT}/serviceAccounts", {"accountId": "runner-robot"})
    owner.ok("POST", f"/v1/projects/-/serviceAccounts/{RUNNER}:setIamPolicy", {"policy": {"bindings": []}})
    return Caller(enforced, ZOE)


def grant(runtime: RuntimeProcess, *roles: str) -> None:
    bindings = [{"role": role, "members": [ZOE_MEMBER]} for role in roles]
    Caller(runtime).ok("POST", f"/v1/projects/{PROJECT}:setIamPolicy", {"policy": {"bindings": bindings}})


def may_act_as_runner(runtime: RuntimeProcess) -> None:
    Caller(runtime).bind(
        f"/v1/projects/-/serviceAccounts/{RUNNER}", "roles/iam.serviceAccountUser", f"serviceAccount:{ZOE}"
    )


CALLS: list[tuple[str, str, str, object, str, str]] = [
    # what, method, path, body, permission, role
    ("service", "POST", f"{BASE}/services?serviceId=N", {}, "run.services.create", "roles/run.developer"),
    ("service", "PATCH", f"{BASE}/services/N", {}, "run.services.update", "roles/run.admin"),
    ("service", "DELETE", f"{BASE}/services/N", None, "run.services.delete", "roles/run.developer"),
    ("revision", "DELETE", f"{BASE}/services/N/revisions/N-x", None, "run.revisions.delete", "roles/run.developer"),
    ("service v1", "POST", f"{KNATIVE}/{PROJECT}/services", {}, "run.services.create", "roles/run.developer"),
    ("service v1", "PUT", f"{KNATIVE}/{PROJECT}/services/N", {}, "run.services.update", "roles/run.developer"),
    ("service v1", "DELETE", f"{V1}/services/N", None, "run.services.delete", "roles/run.developer"),
    ("pool", "POST", f"{BASE}/workerPools?workerPoolId=N", {}, "run.workerpools.create", "roles/run.developer"),
    ("pool", "PATCH", f"{BASE}/workerPools/N", {}, "run.workerpools.update", "roles/run.developer"),
    (
        "pool v1",
        "DELETE",
        f"/apis/run.googleapis.com/v1/namespaces/{PROJECT}/workerpools/N",
        None,
        "run.workerpools.delete",
        "roles/run.developer",
    ),
    ("schedule", "POST", f"{V1}/jobs", SCHEDULE, "cloudscheduler.jobs.create", "roles/cloudscheduler.admin"),
    ("schedule", "POST", f"{V1}/jobs/N:run", {}, "cloudscheduler.jobs.run", "roles/cloudscheduler.jobRunner"),
    ("schedule", "POST", f"{V1}/jobs/N:resume", {}, "cloudscheduler.jobs.enable", "roles/cloudscheduler.admin"),
    ("schedule", "DELETE", f"{V1}/jobs/N", None, "cloudscheduler.jobs.delete", "roles/cloudscheduler.admin"),
    ("trigger", "POST", f"{V1}/triggers?triggerId=N", TRIGGER, "eventarc.triggers.create", "roles/eventarc.developer"),
    ("trigger", "DELETE", f"{V1}/triggers/N", None, "eventarc.triggers.delete", "roles/eventarc.admin"),
    (
        "event",
        "POST",
        f"{V1}/triggers/N/events/1:redeliver",
        {},
        "eventarc.triggers.update",
        "roles/eventarc.developer",
    ),
    ("channel", "POST", f"{V1}/channels?channelId=N", {}, "eventarc.channels.create", "roles/eventarc.admin"),
    ("channel", "POST", f"{V1}/channels/N:publishEvents", {}, "eventarc.channels.publish", "roles/eventarc.publisher"),
]


@pytest.mark.parametrize(
    ("method", "path", "body", "permission", "role"),
    [call[1:] for call in CALLS],
    ids=[f"{call[0]} {call[4].rpartition('.')[2]}" for call in CALLS],
)
def test_given_enforcement_then_a_call_needs_its_permission(
    enforced: RuntimeProcess, zoe: Caller, method: str, path: str, body: object, permission: str, role: str
) -> None:
    path = path.replace("N", f"iam-{uuid.uuid4().hex[:8]}")
    refused = zoe(method, path, body)
    assert refused.status == 403
    assert f"Permission '{permission}' denied" in refused.json["error"]["message"]
    grant(enforced, role)
    assert zoe(method, path, body).status != 403


@pytest.mark.parametrize("role", ["roles/run.developer", "roles/eventarc.developer"])
def test_given_a_developer_then_he_sets_no_policies(enforced: RuntimeProcess, zoe: Caller, role: str) -> None:
    grant(enforced, role)
    resource = "services" if "run" in role else "triggers"
    assert zoe("POST", f"{V1}/{resource}/some:setIamPolicy", {}).status == 403


def create(zoe: Caller, kind: str, name: str, account: str) -> Answer:
    match kind:
        case "services" | "workerPools":
            field = "serviceId" if kind == "services" else "workerPoolId"
            return zoe("POST", f"{BASE}/{kind}?{field}={name}&validateOnly=true", {"template": TEMPLATE})
        case "jobs":
            target: dict[str, Any] = {
                "uri": "https://run.googleapis.com/x",
                "oauthToken": {"serviceAccountEmail": account},
            }
            return zoe("POST", f"{V1}/jobs", {**SCHEDULE, "httpTarget": target})
        case _:
            return zoe(
                "POST", f"{V1}/triggers?triggerId={name}&validateOnly=true", {**TRIGGER, "serviceAccount": account}
            )


@pytest.mark.parametrize("kind", ["services", "workerPools", "jobs", "triggers"])
def test_given_a_maker_then_he_must_be_allowed_to_act_as_the_account(
    enforced: RuntimeProcess, zoe: Caller, kind: str
) -> None:
    grant(enforced, "roles/run.admin", "roles/cloudscheduler.admin", "roles/eventarc.admin")
    name = f"iam-{uuid.uuid4().hex[:8]}"
    refused = create(zoe, kind, name, RUNNER)
    assert refused.status == 403, refused.body
    assert "Permission 'iam.serviceAccounts.actAs' denied" in refused.json["error"]["message"]
    may_act_as_runner(enforced)
    assert create(zoe, kind, name, RUNNER).status == 200


def test_given_a_schedule_of_another_then_its_token_is_not_sent_elsewhere(
    enforced: RuntimeProcess, zoe: Caller
) -> None:
    target = {"uri": "https://run.googleapis.com/x", "oauthToken": {"serviceAccountEmail": RUNNER}}
    made = Caller(enforced).ok("POST", f"{V1}/jobs", {**SCHEDULE, "httpTarget": target})
    grant(enforced, "roles/cloudscheduler.admin")
    changed = {"httpTarget": {"uri": "https://storage.googleapis.com/x"}}
    path = f"/v1/{made['name']}?updateMask=httpTarget.uri"
    assert zoe("PATCH", path, changed).status == 403
    may_act_as_runner(enforced)
    assert zoe("PATCH", path, changed).status == 200


def test_given_a_service_then_no_mask_hides_its_account(enforced: RuntimeProcess, zoe: Caller) -> None:
    owner, name = Caller(enforced), f"iam-{uuid.uuid4().hex[:8]}"
    owner.ok("POST", f"{BASE}/services?serviceId={name}", {"template": TEMPLATE})
    grant(enforced, "roles/run.developer")
    path, changed = f"{BASE}/services/{name}", {"labels": {"a": "b"}}
    assert zoe("PATCH", f"{path}?updateMask=labels", changed).status == 403
    may_act_as_runner(enforced)
    assert zoe("PATCH", f"{path}?updateMask=labels", changed).status == 200
    assert zoe("DELETE", path).status == 200


@pytest.mark.parametrize(
    ("kind", "query", "body"),
    [
        ("services", "serviceId", {"template": TEMPLATE}),
        ("workerPools", "workerPoolId", {"template": TEMPLATE}),
        ("triggers", "triggerId", TRIGGER),
        ("channels", "channelId", {}),
    ],
)
def test_given_a_resource_that_is_made_again_then_the_old_policy_is_gone(
    enforced: RuntimeProcess, kind: str, query: str, body: object
) -> None:
    owner, name = Caller(enforced), f"iam-{uuid.uuid4().hex[:8]}"
    base = BASE if kind in ("services", "workerPools") else V1
    path = f"{base}/{kind}/{name}"
    owner.ok("POST", f"{base}/{kind}?{query}={name}", body)
    owner.bind(path, "roles/run.invoker", "allUsers")
    owner.ok("DELETE", path)
    owner.ok("POST", f"{base}/{kind}?{query}={name}", body)
    assert owner.ok("GET", f"{path}:getIamPolicy") == {"etag": "ACAB"}
    owner.ok("DELETE", path)
