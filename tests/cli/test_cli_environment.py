"""`env` and `doctor`."""

from __future__ import annotations

import json
import subprocess

import pytest
import stub_server
from command_calls import Call

CONTRACT = [
    "CLOUDSDK_CORE_CHECK_GCE_METADATA",
    "CLOUDSDK_CORE_PROJECT",
    "CLOUDSDK_PROXY_ADDRESS",
    "CLOUDSDK_PROXY_PORT",
    "CLOUDSDK_PROXY_TYPE",
    "GCE_METADATA_HOST",
    "GCE_METADATA_IP",
    "GCE_METADATA_TIMEOUT",
    "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT",
    "GOOGLE_CLOUD_PROJECT",
    "HAKOBUNE_URL",
    "PUBSUB_EMULATOR_HOST",
    "STORAGE_EMULATOR_HOST",
]
OVERRIDES = [
    "CLOUDRESOURCEMANAGER",
    "CLOUDSCHEDULER",
    "EVENTARC",
    "IAM",
    "LOGGING",
    "PUBSUB",
    "RUN",
    "SERVICEUSAGE",
    "STORAGE",
    "WORKFLOWEXECUTIONS",
    "WORKFLOWS",
]


def test_the_runtime_is_asked_and_every_line_is_an_export(hakobune: Call, stub: stub_server.Stub) -> None:
    stub.env = {"A": "it's", "B": 'x"$HOME`id`\\', "STORAGE_EMULATOR_HOST": stub.url, "bad name": "x"}
    answer = hakobune("env", f"--port={stub.port}")
    assert answer.err == ""
    assert all(line.startswith("export ") for line in answer.lines)
    script = answer.out + 'printf "%s\\n" "$A" "$B" "$STORAGE_EMULATOR_HOST"'
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout.splitlines() == ["it's", 'x"$HOME`id`\\', stub.url]
    assert "bad name" not in answer.out


def test_the_port_comes_from_the_flag_or_the_url_and_the_project_from_the_flag(
    hakobune: Call, stub: stub_server.Stub
) -> None:
    stub.env = {"GOOGLE_CLOUD_PROJECT": "p1"}
    assert hakobune("env").lines == ["export GOOGLE_CLOUD_PROJECT='p1'"]
    lines = hakobune("env", "--project=p2").lines
    assert lines == ["export CLOUDSDK_CORE_PROJECT='p2'", "export GOOGLE_CLOUD_PROJECT='p2'"]


@pytest.mark.usefixtures("impatient")
def test_given_no_runtime_then_the_static_part_and_a_warning(hakobune: Call) -> None:
    answer = hakobune("env", "--port=1", "--grpc-port=2")
    assert answer.code == 0
    assert answer.err.startswith("WARNING: No runtime answers on port 1")
    found = dict(line.removeprefix("export ").split("=", 1) for line in answer.lines)
    assert set(CONTRACT) <= set(found)
    assert {f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api}" for api in OVERRIDES} <= set(found)
    assert found["STORAGE_EMULATOR_HOST"] == "'http://127.0.0.1:1'"
    assert found["PUBSUB_EMULATOR_HOST"] == "'127.0.0.1:2'"
    assert found["CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE"].endswith("/storage/v1/'")
    assert not {"CLOUDSDK_CONFIG", "GOOGLE_APPLICATION_CREDENTIALS"} & set(found)


def test_given_something_else_on_the_port_then_it_is_said(hakobune: Call, stub: stub_server.Stub) -> None:
    stub.errors["GET", "/hakobune/v1/env"] = (404, {"error": {"code": 404}})
    answer = hakobune("env", f"--port={stub.port}")
    assert answer.code == 1
    assert "is not this runtime" in answer.err
    assert answer.out == ""


@pytest.mark.parametrize("flag", ["--port=0", "--port=70000", "--port=x"])
def test_a_bad_port_is_a_usage_error(hakobune: Call, flag: str) -> None:
    answer = hakobune("env", flag)
    assert (answer.code, answer.out) == (2, "")


def test_the_doctor_shows_checks_and_remedies(hakobune: Call, stub: stub_server.Stub) -> None:
    stub.checks = [
        {"name": "disk", "state": "ok", "message": "76 GiB free"},
        {"name": "memory limits", "state": "warning", "message": "by watching", "remedy": "delegate a control group"},
    ]
    answer = hakobune("doctor")
    assert answer.code == 0
    text = " ".join(answer.out.split())
    assert "ok disk 76 GiB free" in text
    assert "warning memory limits by watching remedy: delegate a control group" in text
    assert f"ok runtime answers at {stub.url}" in text


def test_given_a_failed_check_then_the_exit_code_is_1(hakobune: Call, stub: stub_server.Stub) -> None:
    stub.checks = [{"name": "disk", "state": "error", "message": "full", "remedy": "make room"}]
    answer = hakobune("doctor", "--format=json")
    assert answer.code == 1
    assert answer.err == "ERROR: (hakobune.doctor) 1 check failed.\n"
    states = {check["name"]: check["state"] for check in json.loads(answer.out)["checks"]}
    assert (states["python"], states["disk"]) == ("ok", "error")


@pytest.mark.usefixtures("impatient")
def test_given_no_runtime_then_the_doctor_says_how_to_start_it(hakobune: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAKOBUNE_URL", "http://127.0.0.1:1")
    answer = hakobune("doctor")
    assert answer.code == 1
    assert "remedy: start it: hakobune up" in answer.out
