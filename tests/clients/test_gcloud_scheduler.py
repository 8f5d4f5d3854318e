"""The real `gcloud scheduler`, where it is installed, in the environment that `hakobune env` gives."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

import pytest

from gcloud_process import GCLOUD, run_gcloud
from runtime_process import LOCATION, PROJECT, RuntimeProcess

URI = "http://127.0.0.1:9/"
AT = f"--location={LOCATION}"
JOBS = f"projects/{PROJECT}/locations/{LOCATION}/jobs"

pytestmark = pytest.mark.skipif(GCLOUD is None, reason="gcloud is not installed: its commands cannot be tried here")


class Jobs:
    """Runs `gcloud scheduler jobs …` in that environment."""

    def __init__(self, environ: dict[str, str]) -> None:
        self._environ = environ

    def __call__(self, *words: str, status: int = 0) -> tuple[str, str]:
        """What a command prints, and what it says beside it."""
        done = run_gcloud(["scheduler", "jobs", *words], self._environ)
        assert done.returncode == status, done.stderr
        return done.stdout, done.stderr

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "--format=json")[0])


@pytest.fixture(scope="module")
def jobs(environ: dict[str, str]) -> Jobs:
    return Jobs(environ)


@pytest.fixture
def name() -> str:
    return f"g-{uuid.uuid4().hex[:8]}"


def test_a_job_that_calls_a_url(jobs: Jobs, name: str, runtime: RuntimeProcess) -> None:
    made = jobs.json(
        *("create", "http", name, AT, "--schedule=0 2 * * *", "--time-zone=Asia/Tokyo", f"--uri={URI}"),
        *("--headers=A=1,B=2", "--message-body=hi", "--max-retry-attempts=3", "--attempt-deadline=60s"),
        f"--oidc-service-account-email=a@{PROJECT}.iam.gserviceaccount.com",
    )
    assert (made["name"], made["state"], made["attemptDeadline"]) == (f"{JOBS}/{name}", "ENABLED", "60s")
    assert (made["httpTarget"]["httpMethod"], made["retryConfig"]["retryCount"]) == ("POST", 3)
    changed = jobs.json(
        *("update", "http", name, AT, "--schedule=5 2 * * *", "--update-headers=C=3", "--remove-headers=A"),
        *("--clear-auth-token", "--clear-max-retry-attempts"),
    )
    assert (changed["schedule"], changed["timeZone"]) == ("5 2 * * *", "Asia/Tokyo")
    assert changed["httpTarget"] == {"uri": URI, "httpMethod": "POST", "body": "aGk=", "headers": {"B": "2", "C": "3"}}
    assert "retryCount" not in changed["retryConfig"]
    assert jobs("pause", name, AT)[1] == "Job has been paused.\n"
    table = [line.split() for line in jobs("list", AT, f"--filter=name:{name}")[0].splitlines()]
    assert table[0] == ["ID", "LOCATION", "SCHEDULE", "(TZ)", "TARGET_TYPE", "STATE"]
    assert table[1] == [name, LOCATION, "5", "2", "*", "*", "*", "(Asia/Tokyo)", "HTTP", "PAUSED"]
    assert jobs("delete", name, AT)[1] == f"Deleted job [{name}].\n"
    assert "NOT_FOUND" in jobs("run", name, AT, status=1)[1]


def test_a_job_that_publishes(jobs: Jobs, name: str) -> None:
    topic = f"projects/{PROJECT}/topics/uploads"
    made = jobs.json(
        *("create", "pubsub", name, AT, "--schedule=every 12 hours", "--topic=uploads"),
        *("--message-body=hi", "--attributes=a=b,c=d"),
    )
    assert made["pubsubTarget"] == {"topicName": topic, "data": "aGk=", "attributes": {"a": "b", "c": "d"}}
    assert base64.b64decode(made["pubsubTarget"]["data"]) == b"hi"


def test_what_is_wrong_is_told(jobs: Jobs, name: str) -> None:
    words = ("create", "http", name, AT, f"--uri={URI}")
    told = jobs(*words, "--schedule=61 * * * *", status=1)[1]
    assert "INVALID_ARGUMENT: job.schedule: minute '61': 61 is outside 0-59." in told
