"""`hakobune scheduler …` against a running server. What is compared with gcloud 528 stands as it prints it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_calls import Call, Outcome

URI = "http://127.0.0.1:9/"
AT = "--location=asia-northeast1"
YEARLY = "--schedule=0 0 1 1 *"


@pytest.fixture
def jobs(command: Call) -> Call:
    """`jobs("list")` runs `hakobune scheduler jobs list`, in a project of this test."""

    def call(*words: str) -> Outcome:
        return command("scheduler", *(words if words[0] == "locations" else ("jobs", *words)))

    return call


@pytest.fixture
def nightly(jobs: Call) -> str:
    done = jobs("create", "http", "nightly", AT, YEARLY, f"--uri={URI}", "--headers=A=1,B=2", "--message-body=hi")
    assert done.code == 0, done.err
    return "nightly"


def told(done: Outcome) -> dict[str, object]:
    assert done.code == 0, done.err
    return dict(json.loads(done.out))


def test_given_flags_when_a_job_is_created_then_it_is_printed_with_them(jobs: Call, project: str) -> None:
    done = jobs(
        *("create", "http", "j", AT, "--schedule=0 2 * * *", "--time-zone=Asia/Tokyo", f"--uri={URI}"),
        *("--http-method=PUT", "--headers=A=1", "--message-body=hi", "--attempt-deadline=1m", "--description=d"),
        *("--max-retry-attempts=3", "--max-retry-duration=1h", "--min-backoff=1s", "--max-backoff=1m"),
        *("--max-doublings=2", "--oidc-service-account-email=a@b.c", "--oidc-token-audience=me"),
        *("--jitter=5s", "--catch-up=none", "--catch-up-window=1m"),
    )
    assert done.code == 0, done.err
    assert done.lines[:3] == ["attemptDeadline: 60s", "description: d", "hakobune:"]
    found = told(jobs("describe", "j", AT, "--format=json"))
    assert found["name"] == f"projects/{project}/locations/asia-northeast1/jobs/j"
    assert (found["schedule"], found["timeZone"], found["description"]) == ("0 2 * * *", "Asia/Tokyo", "d")
    assert found["httpTarget"] == {
        "uri": URI,
        "httpMethod": "PUT",
        "headers": {"A": "1"},
        "body": "aGk=",
        "oidcToken": {"serviceAccountEmail": "a@b.c", "audience": "me"},
    }
    assert found["retryConfig"] == {
        "retryCount": 3,
        "maxRetryDuration": "3600s",
        "minBackoffDuration": "1s",
        "maxBackoffDuration": "60s",
        "maxDoublings": 2,
    }
    assert found["hakobune"] == {"overlap": "ALLOW", "catchUp": "NONE", "catchUpWindow": "60s", "jitter": "5s"}


def test_given_a_target_that_starts_executions_when_a_policy_is_named_then_it_is_kept(jobs: Call) -> None:
    uri = "--uri=https://run.googleapis.com/v2/projects/p/locations/us-central1/jobs/one:run"
    words = ("create", "http", "j", AT, YEARLY, "--oauth-service-account-email=a@b.c", "--overlap=forbid")
    done = jobs(*words, uri, "--format=value(hakobune.overlap, httpTarget.oauthToken.serviceAccountEmail)")
    assert (done.code, done.out) == (0, "FORBID\ta@b.c\n")
    refused = jobs(*words, f"--uri={URI}")
    assert (refused.code, "job.hakobune.overlap: is only for targets that start" in refused.err) == (1, True)


def test_given_a_job_for_a_topic_when_it_is_created_and_changed_then_its_message_is_as_the_flags_say(
    jobs: Call, project: str, tmp_path: Path
) -> None:
    (tmp_path / "body").write_bytes(b"\x00\xff")
    words = ("create", "pubsub", "j", AT, YEARLY, "--topic=uploads")
    none = jobs(*words)
    assert (none.code, "(--attributes --message-body | --message-body-from-file)" in none.err) == (2, True)
    found = told(jobs(*words, "--message-body-from-file=body", "--attributes=a=b,c=d", "--format=json"))
    topic = f"projects/{project}/topics/uploads"
    assert found["pubsubTarget"] == {"topicName": topic, "data": "AP8=", "attributes": {"a": "b", "c": "d"}}
    change = ("update", "pubsub", "j", AT, "--format=json")
    found = told(jobs(*change, "--update-attributes=c=e", "--remove-attributes=a", "--message-body=hi"))
    assert found["pubsubTarget"] == {"topicName": topic, "data": "aGk=", "attributes": {"c": "e"}}
    found = told(jobs(*change, "--clear-attributes", f"--topic=projects/{project}/topics/other"))
    assert found["pubsubTarget"] == {"topicName": topic.replace("uploads", "other"), "data": "aGk="}
    missing = jobs(*change, "--message-body-from-file=nowhere")
    assert (missing.code, "Unable to read file [nowhere]: No such file or directory" in missing.err) == (1, True)


def test_given_jobs_when_they_are_listed_then_the_table_is_gclouds(jobs: Call, nightly: str, project: str) -> None:
    assert jobs("create", "pubsub", "a", AT, "--schedule=every 5 minutes", "--topic=ttt", "--message-body=x").code == 0
    assert jobs("pause", "a", AT).code == 0
    assert jobs("list", AT).lines == [
        "ID       LOCATION         SCHEDULE (TZ)              TARGET_TYPE  STATE",
        "a        asia-northeast1  every 5 minutes (Etc/UTC)  Pub/Sub      PAUSED",
        "nightly  asia-northeast1  0 0 1 1 * (Etc/UTC)        HTTP         ENABLED",
    ]
    assert jobs("list", AT, "--filter=state=ENABLED", "--format=value(name.basename())").out == "nightly\n"
    uris = jobs("list", AT, "--uri", "--limit=1").out
    assert uris.endswith(f"/v1/projects/{project}/locations/asia-northeast1/jobs/a\n")
    assert jobs("list", "--location=us-central1").err.endswith("Listed 0 items.\n")


def test_given_a_job_when_it_is_paused_resumed_run_and_deleted_then_each_is_told_as_gcloud_does(
    jobs: Call, nightly: str
) -> None:
    assert (jobs("pause", nightly, AT).err, jobs("resume", nightly, AT).err) == (
        "Job has been paused.\n",
        "Job has been resumed.\n",
    )
    run = jobs("run", nightly, AT)
    assert (run.code, run.out, run.err) == (0, "", "")
    twice = jobs("resume", nightly, AT)
    assert (twice.code, "FAILED_PRECONDITION: Job nightly is ENABLED" in twice.err) == (1, True)
    asked = jobs("delete", nightly, AT)
    assert asked.code == 1
    assert asked.err.startswith("You are about to delete job [nightly]\n")
    assert jobs("delete", nightly, AT, "--quiet").err.endswith("Deleted job [nightly].\n")
    gone = jobs("describe", nightly, AT)
    assert (gone.code, "NOT_FOUND: Job not found: projects/" in gone.err) == (1, True)


def test_given_a_job_when_flags_change_it_then_only_that_changes(jobs: Call, nightly: str) -> None:
    change = ("update", "http", nightly, AT, "--format=json")
    found = told(jobs(*change, "--schedule=5 2 * * *", "--update-headers=C=3", "--remove-headers=A"))
    assert (found["schedule"], found["timeZone"]) == ("5 2 * * *", "Etc/UTC")
    assert found["httpTarget"] == {"uri": URI, "httpMethod": "POST", "body": "aGk=", "headers": {"B": "2", "C": "3"}}
    found = told(
        jobs(*change, "--oauth-service-account-email=a@b.c", "--time-zone=Asia/Tokyo", "--max-retry-attempts=2")
    )
    assert found["timeZone"] == "Asia/Tokyo"
    cleared = ("--clear-headers", "--clear-message-body", "--clear-auth-token", "--clear-time-zone")
    found = told(jobs(*change, *cleared, "--clear-max-retry-attempts", "--http-method=get"))
    assert found["httpTarget"] == {"uri": URI, "httpMethod": "GET"}
    assert (found["timeZone"], "retryCount" in found["retryConfig"]) == ("Etc/UTC", False)  # type: ignore[operator]
    none = jobs("update", "http", nightly, AT)
    assert (none.code, "Must specify at least one field to update." in none.err) == (1, True)


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("list",), 1, "Please use the location flag to manually specify a location."),
        (("create", "http", "j", AT, YEARLY), 2, "argument --uri: Must be specified."),
        (("create", "http", "j", AT, f"--uri={URI}"), 2, "argument --schedule: Must be specified."),
        (
            ("create", "http", "j", AT, YEARLY, f"--uri={URI}", "--http-method=x"),
            2,
            "--http-method: Invalid choice: 'x'",
        ),
        (
            (
                *("create", "http", "j", AT, YEARLY, f"--uri={URI}"),
                *("--oauth-service-account-email=a@b.c", "--oidc-service-account-email=a@b.c"),
            ),
            2,
            "At most one of --oauth-service-account-email --oauth-token-scope | --oidc-service-account-email",
        ),
        (("create", "http", "j", AT, "--schedule=99 * * * *", f"--uri={URI}"), 1, "minute '99': 99 is outside 0-59."),
        (("describe", "projects/p/jobs/j"), 2, "is not a full name: projects/PROJECT/locations/LOCATION/jobs/JOB"),
        (("create", "app-engine", "j"), 2, "Invalid choice: 'app-engine'"),
    ],
)
def test_given_wrong_words_when_a_command_is_run_then_the_mistake_is_told(
    jobs: Call, words: tuple[str, ...], code: int, text: str
) -> None:
    done = jobs(*words)
    assert (done.code, text in done.err) == (code, True), done.err


def test_given_a_full_name_or_a_url_then_its_project_and_location_count(jobs: Call, nightly: str, project: str) -> None:
    name = f"projects/{project}/locations/asia-northeast1/jobs/{nightly}"
    for text in (name, f"https://cloudscheduler.googleapis.com/v1/{name}"):
        assert jobs("describe", text, "--project=other", "--format=value(name)").out.strip() == name


def test_given_locations_when_they_are_asked_for_then_they_are_shown(jobs: Call, project: str) -> None:
    listed = jobs("locations", "list")
    assert listed.lines[0].split() == ["NAME", "FULL_NAME"]
    assert f"projects/{project}/locations/us-central1" in listed.out
    assert "locationId: us-central1" in jobs("locations", "describe", "us-central1").out
    assert jobs("locations", "describe", "a/b").code == 2


# -- preview ----------------------------------------------------------------------------------------------------------


def test_given_a_schedule_when_it_is_previewed_then_its_times_and_changes_of_clocks_are_shown(jobs: Call) -> None:
    words = ("preview", "--schedule=30 2 * * *", "--time-zone=Europe/Berlin", "--after=2026-03-27T12:00:00Z")
    assert jobs(*words, "--count=2").lines == [
        "TIME                       UTC                   TIME_ZONE      NOTE",
        "2026-03-28T02:30:00+01:00  2026-03-28T01:30:00Z  Europe/Berlin",
        (
            "2026-03-30T02:30:00+02:00  2026-03-30T00:30:00Z  Europe/Berlin  2026-03-29 02:30 does not exist"
            " (clocks go forward) and is left out"
        ),
    ]
    found = json.loads(jobs(*words, "--format=json").out)
    assert len(found) == 10
    assert found[0] == {
        "time": "2026-03-28T02:30:00+01:00",
        "utc": "2026-03-28T01:30:00Z",
        "timeZone": "Europe/Berlin",
        "note": "",
    }
    none = jobs("preview", "--schedule=0 0 31 2 *")
    assert (none.code, "has no time within eight years" in none.err) == (0, True)


def test_given_a_job_when_it_is_previewed_then_its_schedule_counts_and_a_pause_is_told(
    jobs: Call, nightly: str
) -> None:
    found = jobs("preview", nightly, AT, "--count=1", "--after=2026-06-01", "--format=value(time)")
    assert (found.out, found.err) == ("2027-01-01T00:00:00+00:00\n", "")
    jobs("pause", nightly, AT)
    assert "The job is PAUSED" in jobs("preview", nightly, AT).err


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("preview",), 2, "argument JOB: Must be specified, or --schedule."),
        (("preview", "j", AT, "--schedule=* * * * *"), 2, "leave JOB out"),
        (("preview", "--schedule=x y"), 1, "The schedule [x y] (Etc/UTC) has no times: it is neither"),
        (("preview", "--schedule=* * * * *", "--time-zone=Asia/Tokio"), 1, "Did you mean Asia/Tokyo?"),
        (("preview", "--schedule=* * * * *", "--after=soon"), 2, "argument --after: [soon] is no instant"),
        (("preview", "--schedule=* * * * *", "--count=10001"), 2, "less than or equal to 10000"),
        (("preview", "--schedule=* * * * *", "--count=0"), 2, "greater than or equal to 1"),
    ],
)
def test_given_wrong_words_when_times_are_previewed_then_the_mistake_is_told(
    jobs: Call, words: tuple[str, ...], code: int, text: str
) -> None:
    done = jobs(*words)
    assert (done.code, text in done.err) == (code, True), done.err
