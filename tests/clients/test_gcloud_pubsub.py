"""The real `gcloud pubsub`, where it is installed, in the environment that `hakobune env` gives."""

from __future__ import annotations

import json
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest

from gcloud_process import GCLOUD, run_gcloud
from runtime_process import PROJECT

AVRO = '{"type": "record", "name": "A", "fields": [{"name": "k", "type": "string"}]}'
AVRO_2 = AVRO.replace("}]", '}, {"name": "z", "type": "string", "default": ""}]')
TOPICS, SUBSCRIPTIONS = f"projects/{PROJECT}/topics", f"projects/{PROJECT}/subscriptions"

pytestmark = pytest.mark.skipif(GCLOUD is None, reason="gcloud is not installed: its commands cannot be tried here")


class Pubsub:
    """Runs `gcloud pubsub …` in that environment."""

    def __init__(self, environ: dict[str, str]) -> None:
        self._environ = environ

    def __call__(self, *words: str, status: int = 0) -> str:
        """What a command prints; its errors when it must end with another `status`."""
        done = self._run(words)
        assert done.returncode == status, done.stderr
        return done.stderr if status else done.stdout

    def told(self, *words: str) -> str:
        """What a command says beside its output."""
        done = self._run(words)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "--format=json"))

    def _run(self, words: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        return run_gcloud(["pubsub", *words], self._environ)


@pytest.fixture(scope="module")
def pubsub(environ: dict[str, str]) -> Pubsub:
    return Pubsub(environ)


@pytest.fixture
def name() -> str:
    return f"g-{uuid.uuid4().hex[:8]}"


def test_topics(pubsub: Pubsub, name: str) -> None:
    assert f"Created topic [{TOPICS}/{name}]." in pubsub.told("topics", "create", name, "--labels=a=b")
    assert "already exists" in pubsub("topics", "create", name, status=1)
    assert pubsub.json("topics", "describe", name)["labels"] == {"a": "b"}
    pubsub("topics", "update", name, "--update-labels=c=d", "--message-retention-duration=1h")
    found = pubsub.json("topics", "describe", name)
    assert (found["labels"], found["messageRetentionDuration"]) == ({"a": "b", "c": "d"}, "3600s")
    assert f"{TOPICS}/{name}" in pubsub("topics", "list", "--format=value(name)").split()
    assert f"Deleted topic [{TOPICS}/{name}]." in pubsub.told("topics", "delete", name)
    assert "NOT_FOUND" in pubsub("topics", "describe", name, status=1)


def test_messages_are_published_pulled_and_acknowledged(pubsub: Pubsub, name: str) -> None:
    pubsub("topics", "create", name)
    told = pubsub.told("subscriptions", "create", name, f"--topic={name}", "--ack-deadline=60")
    assert f"Created subscription [{SUBSCRIPTIONS}/{name}]." in told
    assert "messageIds" in pubsub("topics", "publish", name, "--message=hello", "--attribute=k=v,l=w")
    (found,) = pubsub.json("subscriptions", "pull", name, "--limit=5")
    assert (found["message"]["data"], found["message"]["attributes"]) == ("aGVsbG8=", {"k": "v", "l": "w"})
    pubsub("subscriptions", "modify-message-ack-deadline", name, f"--ack-ids={found['ackId']}", "--ack-deadline=0")
    (again,) = pubsub.json("subscriptions", "pull", name)
    pubsub("subscriptions", "ack", name, f"--ack-ids={again['ackId']}")
    pubsub("topics", "publish", name, "--message=two")
    (last,) = pubsub.json("subscriptions", "pull", name, "--auto-ack")
    assert last["message"]["data"] == "dHdv"
    assert pubsub.json("subscriptions", "pull", name) == []


def test_settings_of_a_subscription(pubsub: Pubsub, name: str) -> None:
    dead = f"{name}-dead"
    pubsub("topics", "create", name, dead)
    pubsub(
        "subscriptions", "create", name, f"--topic={name}", '--message-filter=attributes.kind = "a"',
        "--enable-message-ordering", "--enable-exactly-once-delivery", f"--dead-letter-topic={dead}",
        "--max-delivery-attempts=7", "--min-retry-delay=20s", "--max-retry-delay=300s",
        "--message-retention-duration=2d", "--retain-acked-messages", "--expiration-period=never",
    )  # fmt: skip
    found = pubsub.json("subscriptions", "describe", name)
    assert found["filter"] == 'attributes.kind = "a"'
    assert found["enableMessageOrdering"] is found["enableExactlyOnceDelivery"] is found["retainAckedMessages"] is True
    assert found["deadLetterPolicy"] == {"deadLetterTopic": f"{TOPICS}/{dead}", "maxDeliveryAttempts": 7}
    assert found["retryPolicy"] == {"minimumBackoff": "20s", "maximumBackoff": "300s"}
    assert (found["messageRetentionDuration"], found["expirationPolicy"]) == ("172800s", {})
    pubsub("subscriptions", "update", name, "--clear-dead-letter-policy", "--ack-deadline=30", "--update-labels=a=b")
    found = pubsub.json("subscriptions", "describe", name)
    assert (found["ackDeadlineSeconds"], found["labels"], "deadLetterPolicy" in found) == (30, {"a": "b"}, False)
    pubsub("topics", "publish", name, "--message=in order", "--ordering-key=k", "--attribute=kind=a")
    (taken,) = pubsub.json("subscriptions", "pull", name)
    assert taken["message"]["orderingKey"] == "k"
    assert pubsub("topics", "list-subscriptions", name, "--format=value(.)").split() == [f"{SUBSCRIPTIONS}/{name}"]
    assert f"{SUBSCRIPTIONS}/{name}" in pubsub("subscriptions", "list", "--format=value(name)").split()
    assert f"Deleted subscription [{SUBSCRIPTIONS}/{name}]." in pubsub.told("subscriptions", "delete", name)
    assert "NOT_FOUND" in pubsub("subscriptions", "pull", name, status=1)


def test_push_and_detachment(pubsub: Pubsub, name: str) -> None:
    pubsub("topics", "create", name)
    account = f"pusher@{PROJECT}.iam.gserviceaccount.com"
    pubsub(
        "subscriptions", "create", name, f"--topic={name}", "--push-endpoint=http://127.0.0.1:9/hook",
        f"--push-auth-service-account={account}", "--push-auth-token-audience=aud",
    )  # fmt: skip
    found = pubsub.json("subscriptions", "describe", name)["pushConfig"]
    assert found["oidcToken"] == {"serviceAccountEmail": account, "audience": "aud"}
    pubsub("subscriptions", "modify-push-config", name, "--push-endpoint=")
    assert not pubsub.json("subscriptions", "describe", name).get("pushConfig", {}).get("pushEndpoint")
    pubsub("topics", "detach-subscription", name)
    assert pubsub.json("subscriptions", "describe", name)["detached"] is True


def test_snapshots_and_seeks(pubsub: Pubsub, name: str) -> None:
    pubsub("topics", "create", name)
    pubsub("subscriptions", "create", name, f"--topic={name}", "--retain-acked-messages")
    pubsub("topics", "publish", name, "--message=one")
    pubsub("snapshots", "create", name, f"--subscription={name}")
    assert len(pubsub.json("subscriptions", "pull", name, "--auto-ack")) == 1
    pubsub("subscriptions", "seek", name, f"--snapshot={name}")
    assert len(pubsub.json("subscriptions", "pull", name, "--auto-ack")) == 1
    pubsub("subscriptions", "seek", name, "--time=2020-01-01T00:00:00Z")
    assert len(pubsub.json("subscriptions", "pull", name, "--auto-ack")) == 1
    snapshot = f"projects/{PROJECT}/snapshots/{name}"
    assert pubsub.json("snapshots", "describe", name)["name"] == snapshot
    assert snapshot in [found["name"] for found in pubsub.json("snapshots", "list")]
    pubsub("snapshots", "delete", name)


def test_schemas(pubsub: Pubsub, name: str, tmp_path: Path) -> None:
    pubsub("schemas", "create", name, "--type=avro", f"--definition={AVRO}")
    pubsub("schemas", "validate-schema", "--type=avro", f"--definition={AVRO}")
    words = ("schemas", "validate-message", f"--schema-name={name}", "--message-encoding=json")
    pubsub(*words, '--message={"k": "v"}')
    assert "INVALID_ARGUMENT" in pubsub(*words, "--message={}", status=1)
    pubsub("topics", "create", name, f"--schema={name}", "--message-encoding=json")
    pubsub("topics", "publish", name, '--message={"k": "v"}')
    assert "INVALID_ARGUMENT" in pubsub("topics", "publish", name, "--message=no", status=1)
    first = pubsub.json("schemas", "describe", name)["revisionId"]
    second = pubsub.json("schemas", "commit", name, "--type=avro", f"--definition={AVRO_2}")["revisionId"]
    third = pubsub.json("schemas", "rollback", name, f"--revision-id={first}")["revisionId"]
    listed = [found["revisionId"] for found in pubsub.json("schemas", "list-revisions", name)]
    assert listed == [third, second, first]
    pubsub("schemas", "delete-revision", f"{name}@{second}")
    assert name in pubsub("schemas", "list", "--format=value(name.basename())").split()
    pubsub("topics", "delete", name)
    pubsub("schemas", "delete", name)


def test_policies(pubsub: Pubsub, name: str) -> None:
    pubsub("topics", "create", name)
    pubsub("subscriptions", "create", name, f"--topic={name}")
    for group, role in (("topics", "roles/pubsub.publisher"), ("subscriptions", "roles/pubsub.subscriber")):
        member = ("--member=user:a@b.c", f"--role={role}")
        pubsub(group, "add-iam-policy-binding", name, *member)
        assert pubsub.json(group, "get-iam-policy", name)["bindings"] == [{"members": ["user:a@b.c"], "role": role}]
        pubsub(group, "remove-iam-policy-binding", name, *member)
