"""The real gcloud as a client of Eventarc, where it is installed."""

from __future__ import annotations

import json
import subprocess
import uuid
from typing import Any

import pytest

from gcloud_process import GCLOUD, run_gcloud
from runtime_process import LOCATION, PROJECT

FINALIZED = "--event-filters=type=google.cloud.storage.object.v1.finalized,bucket=b01"
WHERE = f"--location={LOCATION}"

pytestmark = pytest.mark.skipif(GCLOUD is None, reason="gcloud is not installed: its commands cannot be tried here")


@pytest.fixture(scope="module")
def environ(environ: dict[str, str]) -> dict[str, str]:
    return {**environ, "CLOUDSDK_CORE_PROJECT": PROJECT}


@pytest.fixture
def name() -> str:
    return f"t-{uuid.uuid4().hex[:8]}"


def gcloud(environ: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return run_gcloud(["eventarc", *words], environ)


def done(environ: dict[str, str], *words: str) -> str:
    found = gcloud(environ, *words)
    assert found.returncode == 0, found.stderr
    return found.stdout


def told(environ: dict[str, str], *words: str) -> Any:
    return json.loads(done(environ, *words, "--format=json"))


def test_a_trigger_is_created_described_changed_listed_and_deleted(environ: dict[str, str], name: str) -> None:
    create = ("triggers", "create", name, WHERE, FINALIZED, "--destination-run-service=svc", "--labels=a=b")
    found = gcloud(environ, *create, "--service-account=e@demo.iam.gserviceaccount.com")
    assert found.returncode == 0, found.stderr
    assert f"Creating trigger [{name}]" in found.stderr
    shown = told(environ, "triggers", "describe", name, WHERE)
    assert shown["destination"] == {"cloudRun": {"region": LOCATION, "service": "svc"}}
    assert shown["labels"] == {"a": "b"}
    assert shown["conditions"]["DESTINATION_NOT_FOUND"]["code"] == "NOT_FOUND"
    done(environ, "triggers", "update", name, WHERE, "--destination-run-path=/x", "--update-labels=c=d", "--async")
    shown = told(environ, "triggers", "describe", name, WHERE)
    assert shown["destination"]["cloudRun"]["path"] == "/x"
    assert shown["labels"] == {"a": "b", "c": "d"}
    done(
        environ, "triggers", "update", name, WHERE, "--clear-destination-run-path", "--clear-service-account", "--async"
    )
    shown = told(environ, "triggers", "describe", name, WHERE)
    assert "path" not in shown["destination"]["cloudRun"]
    assert "serviceAccount" not in shown
    listed = done(environ, "triggers", "list", f"--filter=name:{name}")
    assert listed.splitlines()[1].split() == [
        name, "google.cloud.storage.object.v1.finalized", "Cloud", "Run", "service:", "svc", "Yes", LOCATION,
    ]  # fmt: skip
    done(environ, "triggers", "delete", name, WHERE, "--async")
    gone = gcloud(environ, "triggers", "describe", name, WHERE)
    assert gone.returncode == 1
    assert "NOT_FOUND" in gone.stderr


def test_what_is_wrong_is_told_by_its_field(environ: dict[str, str], name: str) -> None:
    wrong = ("--event-filters=type=google.cloud.storage.object.v1.finalized", "--destination-workflow=w")
    found = gcloud(environ, "triggers", "create", name, WHERE, *wrong)
    assert found.returncode == 1
    assert 'must have a filter on the attribute "bucket"' in found.stderr


def test_a_workflow_and_a_topic(environ: dict[str, str], name: str) -> None:
    message = "--event-filters=type=google.cloud.pubsub.topic.v1.messagePublished"
    found = gcloud(environ, "triggers", "create", name, WHERE, message, "--destination-workflow=w")
    assert found.returncode == 0, found.stderr
    assert f"Created Pub/Sub topic [projects/{PROJECT}/topics/eventarc-{LOCATION}-{name}-" in found.stderr
    shown = told(environ, "triggers", "describe", name, WHERE)
    assert shown["destination"] == {"workflow": f"projects/{PROJECT}/locations/{LOCATION}/workflows/w"}
    assert shown["conditions"]["DESTINATION_NOT_FOUND"]["code"] == "NOT_FOUND"


def test_providers_and_channels(environ: dict[str, str]) -> None:
    names = {provider["name"].rpartition("/")[2] for provider in told(environ, "providers", "list", WHERE)}
    assert names == {"cloudaudit.googleapis.com", "pubsub.googleapis.com", "storage.googleapis.com"}
    provider = told(environ, "providers", "describe", "storage.googleapis.com", WHERE)
    assert len(provider["eventTypes"]) == 4
    channel = f"c-{uuid.uuid4().hex[:8]}"
    done(environ, "channels", "create", channel, WHERE, "--async")
    assert channel in done(environ, "channels", "list", WHERE)
    event = ("--event-id=1", "--event-type=my.type", "--event-source=//me", '--event-data={"a": 1}')
    done(environ, "channels", "publish", channel, WHERE, *event, "--event-attributes=k=v")
    done(environ, "channels", "delete", channel, WHERE, "--async")
