"""Secret Manager v1 over REST."""

from __future__ import annotations

import base64
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import google_crc32c
import pytest

from runtime_process import BASE, PROJECT, RuntimeProcess, completed

SECRETS = f"/v1/projects/{PROJECT}/secrets"
AUTOMATIC = {"replication": {"automatic": {}}}


def create(runtime: RuntimeProcess, name: str = "", **fields: object) -> str:
    """Makes a secret; returns its path."""
    name = name or f"s-{uuid.uuid4().hex[:8]}"
    answer = runtime.call("POST", f"{SECRETS}?secretId={name}", {**AUTOMATIC, **fields})
    assert answer.status == 200, answer.body
    assert answer.json["name"] == f"projects/{PROJECT}/secrets/{name}"
    return f"{SECRETS}/{name}"


def add(runtime: RuntimeProcess, path: str, value: bytes) -> Any:
    payload = {"data": base64.b64encode(value).decode(), "dataCrc32c": str(google_crc32c.value(value))}
    answer = runtime.call("POST", f"{path}:addVersion", {"payload": payload})
    assert answer.status == 200, answer.body
    return answer.json


def access(runtime: RuntimeProcess, path: str, version: object = "latest") -> bytes:
    answer = runtime.call("GET", f"{path}/versions/{version}:access")
    assert answer.status == 200, answer.body
    data = base64.b64decode(answer.json["payload"]["data"])
    assert answer.json["payload"]["dataCrc32c"] == str(google_crc32c.value(data))
    return data


def test_given_a_secret_when_versions_are_added_then_each_is_read_by_number_alias_and_latest(
    runtime: RuntimeProcess,
) -> None:
    path = create(runtime, labels={"team": "art"}, annotations={"note": "N"})
    values = [b"one", b"\x00\xff" * 100, b"z" * 65_536]
    for number, value in enumerate(values, 1):
        version = add(runtime, path, value)
        assert version["name"] == f"{path.removeprefix('/v1/')}/versions/{number}"
        assert (version["state"], version["clientSpecifiedPayloadChecksum"]) == ("ENABLED", True)
    assert [access(runtime, path, number) for number in (1, 2, 3)] == values
    assert access(runtime, path) == values[-1]
    assert runtime.call("GET", f"{path}/versions/latest").json["name"].endswith("/versions/3")
    body = {"versionAliases": {"stable": 2, "old": "1"}}
    changed = runtime.call("PATCH", f"{path}?updateMask=version_aliases", body).json
    assert changed["versionAliases"] == {"stable": "2", "old": "1"}
    assert access(runtime, path, "stable") == values[1]
    assert (changed["labels"], changed["annotations"]) == ({"team": "art"}, {"note": "N"})
    listed = runtime.call("GET", f"{path}/versions?pageSize=2").json
    assert [found["name"][-1] for found in listed["versions"]] == ["3", "2"]
    rest = runtime.call("GET", f"{path}/versions?pageSize=2&pageToken={listed['nextPageToken']}").json
    assert [found["name"][-1] for found in rest["versions"]] == ["1"]
    assert "nextPageToken" not in rest


def test_given_a_version_when_disabled_and_destroyed_then_it_cannot_be_read(runtime: RuntimeProcess) -> None:
    path = create(runtime)
    add(runtime, path, b"one")
    one = f"{path}/versions/1"
    assert runtime.call("POST", f"{one}:disable", {}).json["state"] == "DISABLED"
    assert runtime.call("POST", f"{one}:disable", {}).json["state"] == "DISABLED"
    for version in (1, "latest"):
        answer = runtime.call("GET", f"{path}/versions/{version}:access")
        assert (answer.status, answer.json["error"]["status"]) == (400, "FAILED_PRECONDITION")
        assert "is in DISABLED state" in answer.json["error"]["message"]
    assert runtime.call("POST", f"{one}:enable", {}).json["state"] == "ENABLED"
    assert access(runtime, path) == b"one"
    gone = runtime.call("POST", f"{one}:destroy", {}).json
    assert (gone["state"], "destroyTime" in gone) == ("DESTROYED", True)
    for verb in ("enable", "disable", "destroy"):
        assert runtime.call("POST", f"{one}:{verb}", {}).status == 400
    assert runtime.call("GET", f"{one}:access").status == 400
    assert runtime.call("GET", one).json["state"] == "DESTROYED"
    add(runtime, path, b"two")
    states = runtime.call("GET", f"{path}/versions?filter=state:ENABLED").json["versions"]
    assert [found["name"][-1] for found in states] == ["2"]


def test_given_etags_then_an_old_one_changes_nothing(runtime: RuntimeProcess) -> None:
    path = create(runtime)
    first = runtime.call("GET", path).json["etag"]
    body = {"labels": {"a": "b"}, "etag": first}
    second = runtime.call("PATCH", f"{path}?updateMask=labels", body).json["etag"]
    assert second != first
    assert runtime.call("PATCH", f"{path}?updateMask=labels", body).status == 400
    version = add(runtime, path, b"x")
    one = f"{path}/versions/1"
    assert runtime.call("POST", f"{one}:disable", {"etag": version["etag"]}).status == 200
    assert runtime.call("POST", f"{one}:destroy", {"etag": version["etag"]}).status == 400
    assert runtime.call("DELETE", f"{path}?etag={first.strip(chr(34))}").status == 400
    assert runtime.call("GET", path).status == 200
    assert runtime.call("DELETE", f"{path}?etag=%22{second.strip(chr(34))}%22").status == 200


def test_given_a_secret_when_deleted_then_its_versions_go_and_its_name_is_free(runtime: RuntimeProcess) -> None:
    path = create(runtime)
    add(runtime, path, b"old")
    assert runtime.call("POST", f"{SECRETS}?secretId={path.rpartition('/')[2]}", AUTOMATIC).status == 409
    assert runtime.call("DELETE", path).json == {}
    for again in (path, f"{path}/versions", f"{path}/versions/1:access"):
        assert runtime.call("GET", again).status == 404
    create(runtime, path.rpartition("/")[2])
    assert runtime.call("GET", f"{path}/versions/1").status == 404
    assert "versions" not in runtime.call("GET", f"{path}/versions").json


def test_given_secrets_when_listed_then_filters_and_pages_hold(runtime: RuntimeProcess) -> None:
    mark = uuid.uuid4().hex[:8]
    for number in range(5):
        create(runtime, f"list-{mark}-{number}", labels={"mark": mark, "odd": str(number % 2)})
    query = f"filter=labels.mark%3D{mark}%20AND%20labels.odd%3D0"
    found: list[str] = []
    token = ""
    while True:
        page = runtime.call("GET", f"{SECRETS}?{query}&pageSize=2&pageToken={token}").json
        found += [secret["name"].rpartition("-")[2] for secret in page["secrets"]]
        token = page.get("nextPageToken", "")
        if not token:
            break
    assert found == ["0", "2", "4"]
    named = runtime.call("GET", f"{SECRETS}?filter=name:{mark}-3").json["secrets"]
    assert len(named) == 1


def test_given_a_time_to_live_when_it_is_over_then_the_secret_is_gone(runtime: RuntimeProcess) -> None:
    path = create(runtime, ttl="0.5s")
    assert "expireTime" in runtime.call("GET", path).json
    end_s = time.monotonic() + 10
    while runtime.call("GET", path).status == 200:
        assert time.monotonic() < end_s
        time.sleep(0.05)
    create(runtime, path.rpartition("/")[2])
    later = runtime.call("PATCH", f"{path}?updateMask=ttl", {"ttl": "3600s"}).json
    assert later["expireTime"]
    assert "expireTime" not in runtime.call("PATCH", f"{path}?updateMask=expireTime", {}).json


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", SECRETS, AUTOMATIC),
        ("POST", f"{SECRETS}?secretId=a.b", AUTOMATIC),
        ("POST", f"{SECRETS}?secretId={'x' * 256}", AUTOMATIC),
        ("POST", f"{SECRETS}?secretId=..%2Fx", AUTOMATIC),
        ("POST", f"{SECRETS}?secretId=bad", {}),
        ("POST", f"{SECRETS}?secretId=bad", {"replication": {"userManaged": {}}}),
        ("POST", f"{SECRETS}?secretId=bad", {"replication": {"automatic": {}, "userManaged": {}}}),
        ("POST", f"{SECRETS}?secretId=bad", {**AUTOMATIC, "nope": 1}),
        ("POST", f"{SECRETS}?secretId=bad", {**AUTOMATIC, "labels": {"UP": "x"}}),
        ("POST", f"{SECRETS}?secretId=bad", {**AUTOMATIC, "labels": {"a": 1}}),
        ("POST", f"{SECRETS}?secretId=bad", {**AUTOMATIC, "labels": {f"l{n}": "" for n in range(65)}}),
        ("POST", f"{SECRETS}?secretId=bad", {**AUTOMATIC, "annotations": {"a": "x" * 17_000}}),
        ("POST", f"{SECRETS}?secretId=bad", {**AUTOMATIC, "ttl": "-1s"}),
        ("POST", f"{SECRETS}?secretId=bad", {**AUTOMATIC, "expireTime": "2020-01-01T00:00:00Z"}),
        ("POST", f"{SECRETS}?secretId=bad", {**AUTOMATIC, "ttl": "1s", "expireTime": "2100-01-01T00:00:00Z"}),
        ("POST", f"{SECRETS}?secretId=bad", {**AUTOMATIC, "versionAliases": {"a": 1}}),
        ("POST", f"{SECRETS}?secretId=bad", {**AUTOMATIC, "versionAliases": {"latest": 1}}),
        ("POST", f"{SECRETS}?secretId=bad", {**AUTOMATIC, "versionAliases": {"a": "x"}}),
        ("POST", f"{SECRETS}?secretId=bad", {**AUTOMATIC, "topics": [{"name": "t"}] * 11}),
        ("PATCH", f"{SECRETS}/x?updateMask=replication", AUTOMATIC),
        ("PATCH", f"{SECRETS}/x", {}),
        ("PATCH", f"{SECRETS}/x?updateMask=labels", {"name": "projects/p/secrets/other"}),
        ("GET", f"{SECRETS}/x/versions/0x1", None),
        ("GET", f"{SECRETS}/x/versions/-1:access", None),
        ("GET", f"{SECRETS}/x/versions/{'9' * 40}", None),
        ("GET", f"{SECRETS}?filter=nope%3D1", None),
        ("GET", f"{SECRETS}?pageToken=made-up", None),
        ("POST", f"{SECRETS}/x:addVersion", {}),
        ("POST", f"{SECRETS}/x:addVersion", {"payload": {}}),
        ("POST", f"{SECRETS}/x:addVersion", {"payload": {"data": "%%%"}}),
        ("POST", f"{SECRETS}/x:addVersion", {"payload": {"data": ""}}),
        ("POST", f"{SECRETS}/x:addVersion", {"payload": {"data": "aGk=", "dataCrc32c": "1"}}),
        ("POST", f"{SECRETS}/x:addVersion", {"payload": {"data": base64.b64encode(b"x" * 65_537).decode()}}),
        ("POST", f"{SECRETS}/x/versions/1:enable", {"etag": 1}),
    ],
    ids=lambda value: str(value)[:60],
)
def test_given_what_cannot_be_meant_then_it_is_refused(
    runtime: RuntimeProcess, method: str, path: str, body: object
) -> None:
    answer = runtime.call(method, path, body)
    assert (answer.status, answer.json["error"]["status"]) == (400, "INVALID_ARGUMENT"), answer.body


def test_given_a_value_of_a_wrong_kind_then_no_error_shows_it(runtime: RuntimeProcess) -> None:
    path = create(runtime)
    for data in (123456789, ["hush-hush"], {"hush": "hush-hush"}, "hush-hush\0", "hush hush!", True):
        answer = runtime.call("POST", f"{path}:addVersion", {"payload": {"data": data}})
        assert answer.status == 400
        assert b"hush" not in answer.body
        assert b"123456789" not in answer.body
    assert "hush" not in runtime.log


def test_given_a_field_that_needs_a_clock_of_its_own_then_it_is_refused_by_name(runtime: RuntimeProcess) -> None:
    answer = runtime.call("POST", f"{SECRETS}?secretId=later", {**AUTOMATIC, "versionDestroyTtl": "86400s"})
    assert (answer.status, "versionDestroyTtl" in answer.json["error"]["message"]) == (501, True)


def contents(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())


def test_given_a_value_then_it_lies_nowhere_in_the_clear_and_survives_a_kill(own_runtime: RuntimeProcess) -> None:
    own_runtime.start()
    path = create(own_runtime)
    value = b"needle-in-the-haystack"
    add(own_runtime, path, value)
    own_runtime.kill()
    assert value not in contents(own_runtime.directory)
    assert base64.b64encode(value) not in contents(own_runtime.directory)
    key = own_runtime.directory / "identity" / "secrets.key"
    assert key.stat().st_mode & 0o777 == 0o600
    own_runtime.start()
    assert access(own_runtime, path) == value
    feed = own_runtime.call("GET", "/hakobune/v1/changes?since=0&timeout=0")
    assert value not in feed.body
    own_runtime.kill()
    key.write_bytes(b"k" * 32)
    own_runtime.start()
    answer = own_runtime.call("GET", f"{path}/versions/latest:access")
    assert (answer.status, answer.json["error"]["status"]) == (400, "FAILED_PRECONDITION")
    assert "is not the key" in answer.json["error"]["message"]


def test_given_a_workflow_then_its_connectors_reach_the_secrets(runtime: RuntimeProcess) -> None:
    path = create(runtime)
    secret = path.rpartition("/")[2]
    source = f"""
main:
  steps:
    - add:
        call: googleapis.secretmanager.v1.projects.secrets.addVersionString
        args: {{secret_id: {secret}, project_id: {PROJECT}, data: from-a-workflow}}
    - read:
        call: googleapis.secretmanager.v1.projects.secrets.versions.accessString
        args: {{secret_id: {secret}, project_id: {PROJECT}}}
        result: value
    - done:
        return: ${{value}}
"""
    workflows = f"/v1/projects/{PROJECT}/locations/us-central1/workflows"
    assert runtime.call("POST", f"{workflows}?workflowId={secret}", {"sourceContents": source}).status == 200
    begun = runtime.call("POST", f"{workflows}/{secret}/executions", {}).json
    end_s = time.monotonic() + 30
    while (found := runtime.call("GET", f"/v1/{begun['name']}").json)["state"] in ("ACTIVE", "QUEUED"):
        assert time.monotonic() < end_s
        time.sleep(0.05)
    assert (found["state"], found.get("result")) == ("SUCCEEDED", '"from-a-workflow"'), found
    assert access(runtime, path) == b"from-a-workflow"


# -- jobs -----------------------------------------------------------------------------------------------------------

TELL = """
import json, os, sys
value = os.environ["TOKEN"]
print("length", len(value), value[0])
print("the token is", value)
print(json.dumps({"message": "structured", "token": value}))
print(value, file=sys.stderr)
"""


def reference(secret: str, version: str = "latest") -> list[dict[str, object]]:
    return [{"name": "TOKEN", "valueSource": {"secretKeyRef": {"secret": secret, "version": version}}}]


def test_given_a_job_with_a_secret_then_each_attempt_has_its_value_and_no_log_shows_it(runtime: RuntimeProcess) -> None:
    path = create(runtime)
    name = path.rpartition("/")[2]
    job = f"secret-{uuid.uuid4().hex[:8]}"
    add(runtime, path, b"first-value")
    answer = runtime.create(job, [sys.executable, "-c", TELL], env=reference(name))
    assert answer.status == 200, answer.body
    first = runtime.run(job)
    assert runtime.wait(first)["succeededCount"] == 1
    add(runtime, path, b"second-value-is-longer")
    second = runtime.run(job)
    assert runtime.wait(second)["succeededCount"] == 1
    entries = runtime.entries(f'resource.labels.job_name="{job}" AND (textPayload:"" OR jsonPayload.message:"")')
    texts = [entry.get("textPayload", "") for entry in entries]
    assert [text for text in texts if text.startswith("length")] == ["length 11 f", "length 22 s"]
    assert [text for text in texts if text.startswith("the token")] == ["the token is ***"] * 2
    assert [entry["jsonPayload"]["token"] for entry in entries if "jsonPayload" in entry] == ["***", "***"]
    assert texts.count("***") == 2
    held = contents(runtime.directory)
    assert b"first-value" not in held
    assert b"second-value-is-longer" not in held
    assert b"second-value" not in runtime.call("GET", f"/v2/{second}").body


@pytest.mark.parametrize(
    ("state", "version", "said"),
    [
        ("missing", "latest", "not found"),
        ("empty", "latest", "not found"),
        ("one", "7", "not found"),
        ("disabled", "1", "is in DISABLED state"),
        ("destroyed", "latest", "is in DESTROYED state"),
        ("binary", "latest", "is not UTF-8"),
        ("nul", "latest", "NUL"),
    ],
)
def test_given_a_secret_that_cannot_be_read_then_the_execution_fails_and_says_why(
    runtime: RuntimeProcess, state: str, version: str, said: str
) -> None:
    name = f"bad-{state}-{uuid.uuid4().hex[:8]}"
    if state != "missing":
        path = create(runtime, name)
        if state != "empty":
            add(runtime, path, {"binary": b"\xff\xfe", "nul": b"a\0b"}.get(state, b"fine"))
        if state in ("disabled", "destroyed"):
            verb = {"disabled": "disable", "destroyed": "destroy"}[state]
            assert runtime.call("POST", f"{path}/versions/1:{verb}", {}).status == 200
    runtime.create(name, ["/bin/true"], env=reference(name, version), maxRetries=0)
    found = runtime.wait(runtime.run(name))
    message = completed(found)["message"]
    assert "TOKEN" in message
    assert said in message


def test_given_an_override_with_a_secret_then_it_is_resolved_too(runtime: RuntimeProcess) -> None:
    path = create(runtime)
    add(runtime, path, b"override-value")
    job = f"secret-{uuid.uuid4().hex[:8]}"
    runtime.create(job, [sys.executable, "-c", "import os, sys; sys.exit(os.environ['TOKEN'] != 'override-value')"])
    full = f"projects/{PROJECT}/secrets/{path.rpartition('/')[2]}"
    override = {"overrides": {"containerOverrides": [{"env": reference(full, "1")}]}}
    assert runtime.wait(runtime.run(job, override))["succeededCount"] == 1
    assert runtime.call("GET", f"{BASE}/jobs/{job}").status == 200


SHOW = """
import os, stat, sys
for path in sys.argv[1:]:
    mode = stat.S_IMODE(os.stat(path).st_mode)
    print(f"{path} {mode:o}", len(open(path, "rb").read()))
print("says", open(sys.argv[1]).read().strip())
try:
    open(os.path.dirname(sys.argv[1]) + "/other", "w")
except OSError as error:
    print("refused", error.errno)
print("left", sum(name.startswith("HAKOBUNE_MOUNTED_") for name in os.environ))
"""


def mounted(*places: tuple[str, dict[str, object]]) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Secret volumes and where they are mounted."""
    volumes: list[dict[str, object]] = [{"name": f"v{n}", "secret": source} for n, (_, source) in enumerate(places)]
    mounts: list[dict[str, object]] = [{"name": f"v{n}", "mountPath": place} for n, (place, _) in enumerate(places)]
    return volumes, mounts


def declared(argv: list[str], volumes: object, mounts: object, **task: object) -> dict[str, object]:
    container = {"image": "local", "command": argv, "volumeMounts": mounts}
    return {"template": {"template": {"containers": [container], "volumes": volumes, "maxRetries": 0, **task}}}


def test_given_a_secret_as_files_then_an_attempt_alone_sees_them_and_no_log_shows_them(
    runtime: RuntimeProcess,
) -> None:
    path = create(runtime)
    name = path.rpartition("/")[2]
    add(runtime, path, b"first-value")
    add(runtime, path, b"\xff\xfe second \0")
    place = f"/secrets-{uuid.uuid4().hex[:8]}/deep"
    volumes, mounts = mounted(
        (place, {"secret": name, "items": [{"path": "a/key", "version": "1"}, {"path": "k", "mode": 0o600}]}),
        (f"/etc/{name}", {"secret": name, "defaultMode": 0o440}),
    )
    argv = [sys.executable, "-c", SHOW, f"{place}/a/key", f"{place}/k", f"/etc/{name}/{name}"]
    job = f"files-{uuid.uuid4().hex[:8]}"
    answer = runtime.call("POST", f"{BASE}/jobs?jobId={job}", declared(argv, volumes, mounts))
    assert answer.status == 200, answer.body
    assert runtime.wait(runtime.run(job))["succeededCount"] == 1
    entries = runtime.entries(f'resource.labels.job_name="{job}" AND textPayload:""')
    texts = [entry["textPayload"] for entry in entries]
    assert texts[:6] == [
        f"{place}/a/key 444 11",
        f"{place}/k 400 11",
        f"/etc/{name}/{name} 440 11",
        "says ***",
        "refused 30",
        "left 0",
    ]
    assert not Path(place).parent.exists()
    assert not Path(f"/etc/{name}").exists()
    assert b"first-value" not in contents(runtime.directory)


def test_given_a_file_of_no_secret_then_the_execution_fails_and_says_which(runtime: RuntimeProcess) -> None:
    job = f"files-{uuid.uuid4().hex[:8]}"
    volumes, mounts = mounted(("/secrets/", {"secret": "nobody", "items": [{"path": "key", "version": "3"}]}))
    assert runtime.call("POST", f"{BASE}/jobs?jobId={job}", declared(["/bin/true"], volumes, mounts)).status == 200
    message = completed(runtime.wait(runtime.run(job)))["message"]
    assert "File /secrets/key: " in message
    assert "not found" in message


@pytest.mark.parametrize("place", ["/", "/proc", "/dev/shm/x", "/a/../b"])
def test_given_a_place_where_nothing_can_be_mounted_then_the_job_is_refused(
    runtime: RuntimeProcess, place: str
) -> None:
    volumes, mounts = mounted((place, {"secret": "any"}))
    answer = runtime.call("POST", f"{BASE}/jobs?jobId=refused", declared(["/bin/true"], volumes, mounts))
    assert answer.status == 400
    assert "volumeMounts" in answer.json["error"]["message"]


def test_given_files_and_a_program_that_is_not_there_then_the_execution_fails(runtime: RuntimeProcess) -> None:
    path = create(runtime)
    add(runtime, path, b"value")
    job = f"files-{uuid.uuid4().hex[:8]}"
    volumes, mounts = mounted(("/secrets", {"secret": path.rpartition("/")[2]}))
    body = declared(["no-such-program"], volumes, mounts)
    assert runtime.call("POST", f"{BASE}/jobs?jobId={job}", body).status == 200
    assert runtime.wait(runtime.run(job))["failedCount"] == 1
    assert runtime.entries(f'resource.labels.job_name="{job}" AND textPayload:"was not found on PATH"')
