"""Jobs of the Cloud Scheduler API v1: what is taken, what is shown, what is refused and with which words."""

from __future__ import annotations

import base64
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hakobune.core.errors import Code, InvalidArgument, Unimplemented
from hakobune.core.schedules.model import CatchUp, Extension, Outcome, Overlap, Schedule, ScheduleName
from hakobune.wire.scheduler_v1 import job_patch_from_json, job_to_json, new_job_from_json

PARENT = "projects/p/locations/tokyo/jobs"
NAME = ScheduleName.make("p", "tokyo", "j")
URI = "http://127.0.0.1/"
RUN = "https://run.googleapis.com/v2/projects/p/locations/tokyo/jobs/one:run"


def a_body(**fields: Any) -> dict[str, Any]:
    return {"schedule": "0 2 * * *", "httpTarget": {"uri": URI}, **fields}


def http(**fields: Any) -> dict[str, Any]:
    return a_body(httpTarget={"uri": URI, **fields})


def pubsub(**fields: Any) -> dict[str, Any]:
    return {"schedule": "0 2 * * *", "pubsubTarget": {"topicName": "projects/p/topics/ttt", "data": "aGk=", **fields}}


def made(body: Any) -> Schedule:
    return new_job_from_json(body, "p", "tokyo").make("uid", NAME)


def shown(body: Any) -> dict[str, Any]:
    return job_to_json(made(body), None)


def refused(body: Any) -> dict[str, str]:
    """Every wrong field, with what is said of it."""
    with pytest.raises(InvalidArgument) as caught:
        made(body)
    return {violation.field: violation.description for violation in caught.value.violations}


# -- shown ------------------------------------------------------------------------------------------------------------


def test_given_the_least_when_a_job_is_made_then_the_rest_has_the_services_defaults() -> None:
    assert shown(a_body()) == {
        "name": f"{PARENT}/j",
        "schedule": "0 2 * * *",
        "timeZone": "Etc/UTC",
        "httpTarget": {"uri": URI, "httpMethod": "POST"},
        "attemptDeadline": "180s",
        "retryConfig": {
            "maxRetryDuration": "0s",
            "minBackoffDuration": "5s",
            "maxBackoffDuration": "3600s",
            "maxDoublings": 5,
        },
        "state": "ENABLED",
        "userUpdateTime": "1970-01-01T00:00:00.000000Z",
    }


def test_given_all_fields_when_a_job_is_made_and_shown_then_they_are_the_same() -> None:
    body = {
        "name": f"{PARENT}/j",
        "description": "d",
        "schedule": "every 5 minutes",
        "timeZone": "Asia/Tokyo",
        "httpTarget": {
            "uri": "https://example.com/a?b=c",
            "httpMethod": "PUT",
            "headers": {"X-A": "1,2"},
            "body": "aGk=",
            "oidcToken": {"serviceAccountEmail": "a@b.c", "audience": "me"},
        },
        "retryConfig": {
            "retryCount": 5,
            "maxRetryDuration": "60s",
            "minBackoffDuration": "0.500s",
            "maxBackoffDuration": "1s",
            "maxDoublings": 0,
        },
        "attemptDeadline": "1800s",
        "hakobune": {"catchUp": "NONE", "catchUpWindow": "60s", "jitter": "1.5s"},
    }
    tree = shown(body)
    for name, value in body.items():
        expected = value
        if name == "retryConfig":
            expected = {**body["retryConfig"], "minBackoffDuration": "0.5s"}  # type: ignore[dict-item]
        if name == "hakobune":
            expected = {"overlap": "ALLOW", **body["hakobune"]}  # type: ignore[dict-item]
        assert tree[name] == expected, name


def test_given_what_clients_send_when_it_is_read_then_numbers_of_enums_and_snake_case_are_taken() -> None:
    body = {"schedule": "* * * * *", "time_zone": "utc", "http_target": {"uri": URI, "http_method": 2}}
    tree = shown(body)
    assert (tree["httpTarget"]["httpMethod"], tree["timeZone"]) == ("GET", "Etc/UTC")
    assert shown(http(oauthToken={"serviceAccountEmail": "a@b.c"}))["httpTarget"]["oauthToken"] == {
        "serviceAccountEmail": "a@b.c"
    }
    read = shown({**a_body(), "state": "PAUSED", "status": {"code": 5}, "scheduleTime": "2026-01-01T00:00:00Z"})
    assert (read["state"], "status" in read, "scheduleTime" in read) == ("ENABLED", False, False)


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (None, None),
        (Outcome(code=Code.OK), {}),
        (Outcome(code=Code.UNAVAILABLE, message="no"), {"code": 14, "message": "no"}),
    ],
)
def test_given_an_outcome_when_a_job_is_shown_then_its_status_and_times_are_there(outcome: Any, status: Any) -> None:
    schedule = replace(made(a_body()), outcome=outcome, last_attempt_s=1.5)
    tree = job_to_json(schedule, 60.0)
    assert tree.get("status") == status
    assert (tree["lastAttemptTime"], tree["scheduleTime"]) == (
        "1970-01-01T00:00:01.500000Z",
        "1970-01-01T00:01:00.000000Z",
    )


def test_given_a_name_when_a_job_is_made_then_it_is_the_callers_or_left_to_us() -> None:
    assert new_job_from_json(a_body(), "p", "tokyo").name is None
    assert new_job_from_json(a_body(name=f"{PARENT}/j"), "p", "tokyo").name == NAME


def test_given_a_policy_when_the_target_starts_executions_then_it_is_kept() -> None:
    for uri in (
        RUN,
        "https://tokyo-run.googleapis.com/apis/run.googleapis.com/v1/namespaces/p/jobs/one:run",
        "https://workflowexecutions.googleapis.com/v1/projects/p/locations/tokyo/workflows/w/executions",
    ):
        body = a_body(httpTarget={"uri": uri}, hakobune={"overlap": "FORBID"})
        assert made(body).extension == Extension(overlap=Overlap.FORBID, catch_up=CatchUp.LATEST)


# -- refused ----------------------------------------------------------------------------------------------------------

_LONG = "x" * 501
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({**a_body(), "schedule": ""}, "job.schedule", "it is empty"),
    (a_body(schedule="99 * * * *"), "job.schedule", "minute '99': 99 is outside 0-59."),
    (a_body(schedule="* * * * * *"), "job.schedule", "There is no field for seconds."),
    (a_body(timeZone="Asia/Tokio"), "job.time_zone", "Did you mean Asia/Tokyo?"),
    (a_body(description=_LONG), "job.description", "has more than 500 characters"),
    ({"schedule": "* * * * *"}, "job.target", "http_target or pubsub_target"),
    (a_body(name="projects/other/locations/tokyo/jobs/j"), "job.name", "must begin with the parent"),
    (a_body(httpTarget={}), "job.http_target.uri", "must not be empty"),
    (a_body(httpTarget={"uri": "ftp://x/"}), "job.http_target.uri", "begins with http:// or https://"),
    (a_body(httpTarget={"uri": "http://"}), "job.http_target.uri", "begins with http:// or https://"),
    (a_body(httpTarget={"uri": "http://x y/"}), "job.http_target.uri", "begins with http:// or https://"),
    (a_body(httpTarget={"uri": "http://x:99999/"}), "job.http_target.uri", "begins with http:// or https://"),
    (a_body(httpTarget={"uri": "http://x/ü"}), "job.http_target.uri", "must be percent-encoded"),
    (a_body(httpTarget={"uri": "http://x/" + "y" * 2_083}), "job.http_target.uri", "more than 2083 characters"),
    (http(httpMethod="GET", body="aGk="), "job.http_target.body", "is only sent with PATCH, POST, PUT"),
    (http(body="%"), "job.http_target.body", "base64"),
    (http(headers={"a b": "c"}), "job.http_target.headers['a b']", "is no name of a header"),
    (http(headers={"a": "b\r\nc: d"}), "job.http_target.headers['a']", "line break"),
    (http(headers={"a": "b", "A": "c"}), "job.http_target.headers['A']", "is given twice"),
    (http(headers={"a": "b" * 81_920}), "job.http_target.headers", "81920 bytes or more"),
    (http(oidcToken={"serviceAccountEmail": "nobody"}), "job.http_target.oidc_token.service_account_email", "email"),
    (http(oauthToken={}), "job.http_target.oauth_token.service_account_email", "email"),
    (http(body=base64.b64encode(b"x" * 1_048_577).decode()), "job", "has more than 1048576 bytes"),
    (pubsub(data=""), "job.pubsub_target.data", "must not be empty, unless"),
    (pubsub(topicName="projects/q/topics/ttt"), "job.pubsub_target.topic_name", "of the job's own project, p"),
    (pubsub(topicName="ttt"), "job.pubsub_target.topic_name", "projects/"),
    (a_body(retryConfig={"retryCount": 6}), "job.retry_config.retry_count", "must be 0 to 5"),
    (a_body(retryConfig={"retryCount": -1}), "job.retry_config.retry_count", "must be 0 to 5"),
    (a_body(retryConfig={"maxDoublings": 17}), "job.retry_config.max_doublings", "must be 0 to 16"),
    (a_body(retryConfig={"minBackoffDuration": "9999s"}), "job.retry_config.min_backoff_duration", "3600s"),
    (a_body(retryConfig={"maxRetryDuration": "-1s"}), "job.retry_config.max_retry_duration", "must be 0s to a year"),
    (a_body(attemptDeadline="14s"), "job.attempt_deadline", "must be 15s to 1800s"),
    (a_body(attemptDeadline="1801s"), "job.attempt_deadline", "must be 15s to 1800s"),
    (a_body(hakobune={"overlap": "FORBID"}), "job.hakobune.overlap", "only for targets that start executions"),
    ({**pubsub(), "hakobune": {"overlap": "QUEUE"}}, "job.hakobune.overlap", "only for targets that start executions"),
    (
        a_body(httpTarget={"uri": RUN, "httpMethod": "GET"}, hakobune={"overlap": "QUEUE"}),
        "job.hakobune.overlap",
        "only for targets that start executions",
    ),
    (a_body(hakobune={"jitter": "-1s"}), "job.hakobune.jitter", "must be 0s to a year"),
]


@pytest.mark.parametrize(("body", "field", "words"), REFUSED)
def test_given_a_wrong_field_when_a_job_is_made_then_it_is_named_with_a_remedy(
    body: dict[str, Any], field: str, words: str
) -> None:
    found = refused(body)
    assert list(found) == [field]
    assert words in found[field]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ([], "Invalid value at 'job'"),
        ({**a_body(), "unknown": 1}, 'Unknown name "unknown"'),
        ({**a_body(), **pubsub()}, "oneof field 'target' is already set"),
        (
            http(oauthToken={"serviceAccountEmail": "a@b"}, oidcToken={"serviceAccountEmail": "a@b"}),
            "oneof field 'authorization_header' is already set",
        ),
        (http(httpMethod="TRACE"), "TRACE"),
        (http(httpMethod=9), "9"),
        (a_body(retryConfig={"retryCount": True}), "retry_count"),
        (a_body(retryConfig={"retryCount": 1.5}), "retry_count"),
        (a_body(attemptDeadline="soon"), "attempt_deadline"),
        (a_body(schedule="\0"), "schedule"),
        (a_body(hakobune={"overlap": "MAYBE"}), "overlap"),
    ],
)
def test_given_a_body_that_is_none_of_the_messages_when_it_is_read_then_it_is_refused(body: Any, words: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        made(body)
    assert words in caught.value.message


def test_given_several_wrong_fields_when_a_job_is_made_then_all_are_told_at_once() -> None:
    body = {**a_body(schedule="x", timeZone="y", attemptDeadline="1s"), "httpTarget": {"uri": "z"}}
    assert set(refused(body)) == {"job.schedule", "job.time_zone", "job.attempt_deadline", "job.http_target.uri"}


@pytest.mark.parametrize("job", ["", "a/b", "ä", "a.b", "x" * 501])
def test_given_an_id_that_cannot_be_when_a_job_is_made_then_it_is_refused(job: str) -> None:
    with pytest.raises(InvalidArgument, match="Job ids have 1 to 500 characters"):
        made(a_body(name=f"{PARENT}/{job}"))


def test_given_an_app_engine_target_when_a_job_is_made_then_it_is_refused_by_name() -> None:
    with pytest.raises(Unimplemented, match="App Engine targets"):
        made({"schedule": "* * * * *", "appEngineHttpTarget": {"relativeUri": "/x"}})


# -- patches ----------------------------------------------------------------------------------------------------------

FULL = a_body(
    description="d",
    httpTarget={
        "uri": URI,
        "headers": {"A": "1"},
        "body": "aGk=",
        "oauthToken": {"serviceAccountEmail": "a@b.c", "scope": "s"},
    },
    retryConfig={"retryCount": 3, "maxBackoffDuration": "60s"},
    hakobune={"jitter": "5s"},
)


def patched(mask: str | None, **fields: Any) -> dict[str, Any]:
    before = made(FULL)
    after = job_to_json(job_patch_from_json(fields, NAME, mask)(before), None)
    whole = job_to_json(before, None)
    return {key: after.get(key) for key in {*after, *whole} if after.get(key) != whole.get(key)}


OIDC = {"serviceAccountEmail": "a@b.c"}


@pytest.mark.parametrize(
    ("mask", "fields", "changed"),
    [
        ("schedule", {"schedule": "1 * * * *", "timeZone": "Asia/Tokyo"}, {"schedule": "1 * * * *"}),
        ("time_zone,description", {"timeZone": "Asia/Tokyo"}, {"timeZone": "Asia/Tokyo", "description": None}),
        ("name,state,status,schedule", {"schedule": "1 * * * *", "state": 2}, {"schedule": "1 * * * *"}),
        ("retryConfig.retryCount", {}, {"retryConfig": {"retryCount": None}}),
        ("retryConfig.maxBackoffDuration", {}, {"retryConfig": {"maxBackoffDuration": "3600s"}}),
        ("httpTarget.uri", {"httpTarget": {"uri": "http://y/"}}, {"httpTarget": {"uri": "http://y/"}}),
        ("httpTarget.headers", {}, {"httpTarget": {"headers": None}}),
        (
            "httpTarget.headers",
            {"httpTarget": {"headers": {"B": "2"}}},
            {"httpTarget": {"headers": {"A": "1", "B": "2"}}},
        ),
        (
            "httpTarget.headers",
            {"httpTarget": {"headers": {"A": None, "B": "2"}}},
            {"httpTarget": {"headers": {"B": "2"}}},
        ),
        ("http_target.headers", {"http_target": {"headers": {"A": None}}}, {"httpTarget": {"headers": None}}),
        (
            "httpTarget.oauthToken.serviceAccountEmail,httpTarget.oauthToken.scope,httpTarget.oidcToken.audience",
            {"httpTarget": {}},
            {"httpTarget": {"oauthToken": None}},
        ),
        (
            "httpTarget.oidcToken.serviceAccountEmail",
            {"httpTarget": {"oidcToken": {"serviceAccountEmail": "a@b.c"}}},
            {"httpTarget": {"oauthToken": None, "oidcToken": {"serviceAccountEmail": "a@b.c"}}},
        ),
        ("httpTarget.oidcToken", {"httpTarget": {"oidcToken": {}}}, {}),
        ("httpTarget.body", {"httpTarget": {}}, {"httpTarget": {"body": None}}),
        (
            "http_target.oidc_token",
            {"httpTarget": {"oidcToken": OIDC}},
            {"httpTarget": {"oauthToken": None, "oidcToken": OIDC}},
        ),
        ("hakobune.jitter", {"hakobune": {"jitter": "9s"}}, {"hakobune": {"jitter": "9s"}}),
        ("hakobune", {}, {"hakobune": None}),
        (None, {"name": str(NAME), "schedule": "1 * * * *"}, {"schedule": "1 * * * *"}),
    ],
)
def test_given_a_mask_when_a_job_is_patched_then_only_what_it_names_changes(
    mask: str | None, fields: dict[str, Any], changed: dict[str, Any]
) -> None:
    whole = job_to_json(made(FULL), None)
    expected: dict[str, Any] = {}
    for key, value in changed.items():
        if isinstance(value, dict):
            merged = {**whole[key], **value}
            expected[key] = {name: one for name, one in merged.items() if one is not None}
        else:
            expected[key] = value
    assert patched(mask, **fields) == expected


def test_given_attributes_when_a_topic_is_patched_then_they_are_added_and_removed() -> None:
    before = made(pubsub(attributes={"a": "1", "b": "2"}))
    fields = {"pubsubTarget": {"attributes": {"a": None, "c": "3"}}}
    after = job_patch_from_json(fields, NAME, "pubsubTarget.attributes")(before)
    assert job_to_json(after, None)["pubsubTarget"]["attributes"] == {"b": "2", "c": "3"}
    with pytest.raises(InvalidArgument):
        job_patch_from_json({"pubsubTarget": "x"}, NAME, "pubsubTarget.attributes")


def test_given_another_target_when_a_job_is_patched_then_it_replaces_the_first() -> None:
    target = {"topicName": "projects/p/topics/ttt", "data": "aGk="}
    for mask in ("pubsubTarget", None):
        change = patched(mask, pubsubTarget=target)
        assert change == {"pubsubTarget": target, "httpTarget": None, "attemptDeadline": None}


def test_given_all_fields_in_a_mask_when_a_job_is_patched_then_it_is_what_was_sent() -> None:
    after = job_patch_from_json(a_body(), NAME, "*")(made(FULL))
    assert job_to_json(after, None) == shown(a_body())


@pytest.mark.parametrize(
    ("mask", "fields", "words"),
    [
        ("", {}, "'' is no field of a job that can be changed"),
        ("nothing", {}, "'nothing' is no field"),
        ("httpTarget.uri.x", {}, "is no field"),
        ("schedule.x", {}, "is no field"),
        ("appEngineHttpTarget", {}, "is no field"),
        (",".join(["schedule"] * 101), {}, "has more than 100 paths"),
        ("schedule", {"name": f"{PARENT}/other", "schedule": "1 * * * *"}, "contradicts the name in the path"),
        ("schedule", {}, "it is empty"),
        ("httpTarget", {}, "must be given: http_target or pubsub_target"),
        ("httpTarget.httpMethod", {"httpTarget": {"httpMethod": "GET"}}, "is only sent with"),
    ],
)
def test_given_a_patch_that_cannot_be_when_it_is_made_then_the_reason_is_told(
    mask: str, fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        job_patch_from_json(fields, NAME, mask)(made(FULL))
    assert words in caught.value.message


def test_given_an_app_engine_target_when_a_job_is_patched_then_it_is_refused_by_name() -> None:
    with pytest.raises(Unimplemented, match="App Engine"):
        job_patch_from_json({"appEngineHttpTarget": {"relativeUri": "/x"}}, NAME, None)


# -- anything ---------------------------------------------------------------------------------------------------------

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
FIELD_NAMES = [
    "name",
    "schedule",
    "timeZone",
    "httpTarget",
    "pubsubTarget",
    "retryConfig",
    "attemptDeadline",
    "hakobune",
]


@given(body=st.dictionaries(st.sampled_from(FIELD_NAMES), ANY | st.sampled_from(["1s", "* * * * *", {"uri": URI}])))
def test_given_any_body_when_it_is_read_then_it_is_a_job_or_an_invalid_argument(body: dict[str, Any]) -> None:
    with suppress(InvalidArgument):
        assert job_to_json(made(body), None)["name"] == str(NAME)
