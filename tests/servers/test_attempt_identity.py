"""Who did it: calls of an attempt come through its own listener, without a header or a token."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import pytest

from runtime_process import BASE, LOCATION, PROJECT, RuntimeProcess

# What a task says to the runtime: only the variables of its environment lead there.
CALLER = """
import json, os, urllib.request
url = os.environ["CLOUDSDK_API_ENDPOINT_OVERRIDES_LOGGING"].rstrip("/")
def call(method, path, body=None, **headers):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data=data, method=method, headers=headers)
    try:
        return urllib.request.urlopen(request, timeout=20).read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()
"""
RUNNER = CALLER + f"call('POST', '{BASE}/jobs/effect-target:run', {{}}, **{{'Idempotency-Key': 'from-a-task'}})"
READER = CALLER + f"call('GET', '{BASE}/jobs'); call('GET', '/healthz')"
FAILER = CALLER + f"call('POST', '{BASE}/jobs/not-there:run', {{}})"
WHO = (
    CALLER.replace(
        'os.environ["CLOUDSDK_API_ENDPOINT_OVERRIDES_LOGGING"]', '"http://" + os.environ["GCE_METADATA_HOST"]'
    )
    + """
flavor = {"Metadata-Flavor": "Google"}
names = ["instance/service-accounts/default/email", "project/project-id", "instance/region", "instance/id",
         "instance/service-accounts/default/identity?audience=https://example.com"]
print(json.dumps({"message": "who", "answers": [call("GET", "/computeMetadata/v1/" + name, **flavor) for name in names]}))
"""
)


def python(source: str) -> list[str]:
    return [sys.executable, "-c", source]


def attempts(runtime: RuntimeProcess, execution: str, index: int = 0) -> list[Any]:
    place = f"/hakobune/v1/projects/{PROJECT}/locations/{LOCATION}/executions/{execution.rpartition('/')[2]}"
    answer = runtime.call("GET", f"{place}/attempts?index={index}")
    assert answer.status == 200, answer.body
    return list(answer.json["attempts"])


def test_given_a_task_that_starts_a_job_then_its_call_is_on_record_as_its_effect(runtime: RuntimeProcess) -> None:
    runtime.create("effect-target", ["/bin/true"])
    runtime.create("effect-runner", python(RUNNER), maxRetries=0)
    execution = runtime.run("effect-runner")
    assert runtime.wait(execution)["succeededCount"] == 1
    (attempt,) = attempts(runtime, execution)
    effects = attempt["effects"]
    assert [effect["phase"] for effect in effects] == ["started", "applied", "answered"]
    assert len({effect["call"] for effect in effects}) == 1
    assert {effect["target"] for effect in effects} == {f"POST {BASE}/jobs/effect-target:run"}
    assert {effect["key"] for effect in effects} == {"from-a-task"}
    assert attempt["uid"].startswith(runtime.get(execution)["uid"])
    assert (attempt["cause"], attempt["attempt"]) == ("first", 0)
    listed = runtime.call("GET", f"{BASE}/jobs/effect-target/executions").json["executions"]
    assert len(listed) == 1


def test_given_a_call_that_was_refused_then_nothing_was_applied(runtime: RuntimeProcess) -> None:
    runtime.create("effect-failer", python(FAILER), maxRetries=0)
    execution = runtime.run("effect-failer")
    runtime.wait(execution)
    (attempt,) = attempts(runtime, execution)
    assert [effect["phase"] for effect in attempt["effects"]] == ["started", "answered"]


def test_given_a_task_that_only_reads_or_a_caller_from_outside_then_there_are_no_effects(
    runtime: RuntimeProcess,
) -> None:
    runtime.create("effect-target", ["/bin/true"])
    runtime.create("effect-reader", python(READER), maxRetries=0)
    execution = runtime.run("effect-reader")  # a call from outside
    runtime.wait(execution)
    (attempt,) = attempts(runtime, execution)
    assert attempt["effects"] == []
    assert attempt["result"]["kind"] == "success"


def test_given_a_task_then_the_metadata_server_says_its_job_s_account_and_project(runtime: RuntimeProcess) -> None:
    account = "worker@demo-project.iam.gserviceaccount.com"
    runtime.create("who-am-i", python(WHO), serviceAccount=account, maxRetries=0)
    execution = runtime.run("who-am-i")
    runtime.wait(execution)
    email, project, region, instance, token = said(runtime, execution)
    assert (email, project) == (account, PROJECT)
    assert region.endswith(f"/regions/{LOCATION}")
    outside = metadata(runtime, "instance/id")
    assert len(instance) == len(outside) == 64
    assert instance != outside
    from google.auth import jwt

    claims = jwt.decode(token, verify=False)
    assert (claims["email"], claims["aud"]) == (account, "https://example.com")


def said(runtime: RuntimeProcess, execution: str) -> list[str]:
    """What the task printed: log entries come within seconds."""
    name = execution.rpartition("/")[2]
    end = time.monotonic() + 20
    while time.monotonic() < end:
        found = runtime.entries(f'labels."run.googleapis.com/execution_name"="{name}" jsonPayload.message="who"')
        if found:
            return list(found[0]["jsonPayload"]["answers"])
        found = [entry for entry in runtime.entries('severity>="DEFAULT"') if name in json.dumps(entry)]
        answers = [entry["jsonPayload"]["answers"] for entry in found if "answers" in entry.get("jsonPayload", {})]
        if answers:
            return list(answers[0])
        time.sleep(0.05)
    raise AssertionError("the task said nothing")


def metadata(runtime: RuntimeProcess, path: str) -> str:
    answer = runtime.call("GET", f"/computeMetadata/v1/{path}", headers={"Metadata-Flavor": "Google"})
    assert answer.status == 200, answer.body
    return answer.body.decode()


def test_given_no_task_then_the_metadata_server_says_the_default_account(runtime: RuntimeProcess) -> None:
    account = metadata(runtime, "instance/service-accounts/default/email")
    assert "@" in account
    assert metadata(runtime, "project/project-id") == PROJECT
    assert metadata(runtime, "universe/universe-domain") == "googleapis.com"
    assert f"{account}/" in metadata(runtime, "instance/service-accounts/")
    quoted = account.replace("@", "%40")
    assert metadata(runtime, f"instance/service-accounts/{quoted}/email") == account
    token = json.loads(metadata(runtime, "instance/service-accounts/default/token"))
    answer = runtime.call("GET", f"{BASE}/jobs", headers={"Authorization": f"Bearer {token['access_token']}"})
    assert (answer.status, token["token_type"]) == (200, "Bearer")


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("project/project-id", {}, 403),
        ("project/project-id", {"Metadata-Flavor": "google"}, 403),
        ("instance/service-accounts/default/identity", {"Metadata-Flavor": "Google"}, 400),
        ("instance/service-accounts/default/identity?audience=", {"Metadata-Flavor": "Google"}, 400),
        ("instance/service-accounts/other@x.y/email", {"Metadata-Flavor": "Google"}, 404),
        ("instance/attributes/nothing", {"Metadata-Flavor": "Google"}, 404),
    ],
)
def test_given_a_wrong_question_to_the_metadata_server_then_it_is_refused(
    runtime: RuntimeProcess, path: str, headers: dict[str, str], status: int
) -> None:
    assert runtime.call("GET", f"/computeMetadata/v1/{path}", headers=headers).status == status


@pytest.mark.parametrize(("query", "status"), [("index=1", 404), ("index=x", 400), ("index=-1", 400), ("idx=0", 400)])
def test_given_no_such_task_then_its_attempts_are_not_found(runtime: RuntimeProcess, query: str, status: int) -> None:
    runtime.create("effect-target", ["/bin/true"])
    execution = runtime.run("effect-target").rpartition("/")[2]
    place = f"/hakobune/v1/projects/{PROJECT}/locations/{LOCATION}/executions"
    assert runtime.call("GET", f"{place}/{execution}/attempts?{query}").status == status
    assert runtime.call("GET", f"{place}/unknown-x/attempts").status == 404
