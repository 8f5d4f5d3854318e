"""The real gcloud as a client of secrets and service accounts, where it is installed."""

from __future__ import annotations

import json
import subprocess
import uuid
from pathlib import Path

import pytest

from gcloud_process import GCLOUD, run_gcloud
from runtime_process import LOCATION, PROJECT, RuntimeProcess

pytestmark = pytest.mark.skipif(GCLOUD is None, reason="gcloud is not installed: its commands cannot be tried here")


@pytest.fixture
def name() -> str:
    return f"g-{uuid.uuid4().hex[:8]}"


def gcloud(environ: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    done = run_gcloud(words, environ)
    assert done.returncode == 0, done.stderr
    return done


def test_a_secret_is_made_read_bound_and_destroyed(environ: dict[str, str], name: str, tmp_path: Path) -> None:
    (tmp_path / "value").write_bytes(b"hello")
    gcloud(environ, "secrets", "create", name, "--labels=a=b", "--replication-policy=automatic")
    gcloud(environ, "secrets", "versions", "add", name, f"--data-file={tmp_path / 'value'}")
    assert gcloud(environ, "secrets", "versions", "access", "latest", f"--secret={name}").stdout == "hello"
    gcloud(environ, "secrets", "update", name, "--update-version-aliases=stable=1", "--update-labels=c=d")
    assert gcloud(environ, "secrets", "versions", "access", "stable", f"--secret={name}").stdout == "hello"
    assert name in gcloud(environ, "secrets", "list", "--filter=labels.c=d").stdout
    role = "--role=roles/secretmanager.secretAccessor"
    gcloud(environ, "secrets", "add-iam-policy-binding", name, "--member=user:a@b.c", role)
    policy = json.loads(gcloud(environ, "secrets", "get-iam-policy", name, "--format=json").stdout)
    assert policy["bindings"] == [{"members": ["user:a@b.c"], "role": "roles/secretmanager.secretAccessor"}]
    gcloud(environ, "secrets", "remove-iam-policy-binding", name, "--member=user:a@b.c", role)
    gcloud(environ, "secrets", "versions", "disable", "1", f"--secret={name}")
    gcloud(environ, "secrets", "versions", "destroy", "1", f"--secret={name}")
    states = json.loads(gcloud(environ, "secrets", "versions", "list", name, "--format=json").stdout)
    assert [version["state"] for version in states] == ["DESTROYED"]
    gcloud(environ, "secrets", "delete", name)


def test_an_account_is_made_bound_impersonated_and_deleted(
    environ: dict[str, str], name: str, tmp_path: Path, runtime: RuntimeProcess
) -> None:
    email = f"{name}@{PROJECT}.iam.gserviceaccount.com"
    group = ("iam", "service-accounts")
    gcloud(environ, *group, "create", name, "--display-name=Batch")
    assert email in gcloud(environ, *group, "list").stdout
    gcloud(environ, *group, "keys", "create", str(tmp_path / "key.json"), f"--iam-account={email}")
    assert json.loads((tmp_path / "key.json").read_text())["client_email"] == email
    member = ("--member=user:a@b.c", "--role=roles/iam.serviceAccountTokenCreator")
    gcloud(environ, *group, "add-iam-policy-binding", email, *member)
    assert "a@b.c" in gcloud(environ, *group, "get-iam-policy", email).stdout
    token = gcloud(environ, "auth", "print-access-token", f"--impersonate-service-account={email}").stdout.strip()
    assert runtime.call("GET", f"/tokeninfo?access_token={token}").json["email"] == email
    gcloud(environ, *group, "disable", email)
    gcloud(environ, *group, "enable", email)
    gcloud(environ, "projects", "add-iam-policy-binding", PROJECT, "--member=user:a@b.c", "--role=roles/viewer")
    gcloud(environ, "projects", "remove-iam-policy-binding", PROJECT, "--member=user:a@b.c", "--role=roles/viewer")
    gcloud(environ, *group, "delete", email)


def test_a_job_takes_a_secret(environ: dict[str, str], name: str, tmp_path: Path, runtime: RuntimeProcess) -> None:
    (tmp_path / "value").write_bytes(b"from-gcloud")
    gcloud(environ, "secrets", "create", name, f"--data-file={tmp_path / 'value'}", "--replication-policy=automatic")
    script = '[ "$TOKEN" = from-gcloud ] && echo "it is $TOKEN"'
    gcloud(
        environ, "run", "jobs", "create", name, "--image=local", "--command=/bin/sh", f"--args=-c,{script}",
        f"--set-secrets=TOKEN={name}:latest", f"--region={LOCATION}", "--max-retries=0",
    )  # fmt: skip
    gcloud(environ, "run", "jobs", "execute", name, "--wait", f"--region={LOCATION}")
    texts = [entry.get("textPayload") for entry in runtime.entries(f'resource.labels.job_name="{name}"')]
    assert "it is ***" in texts
