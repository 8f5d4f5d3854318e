"""Cloud Logging's JSON: entries out, requests in."""

from __future__ import annotations

import pytest

from hakobune.core.errors import InvalidArgument, Unimplemented
from hakobune.core.logs.entries import EntryOperation, LogEntry, Resource, Severity, SourceLocation, Split
from hakobune.core.logs.listing import Order
from hakobune.wire.logging_v2 import entry_to_json, list_answer, list_request_from_json, write_request_from_json

ENTRY = LogEntry(
    insert_id="6787d8b6000aef76df59bb52",
    log_name="projects/p1/logs/run.googleapis.com%2Fstdout",
    timestamp_s=1_795_410_006.716662,
    receive_s=1_795_410_006.721909,
    text_payload="resized 120 images",
    resource=Resource(type="cloud_run_job", labels={"project_id": "p1"}),
    labels={"run.googleapis.com/task_index": "0"},
)


def test_a_plain_line_has_no_severity() -> None:
    assert entry_to_json(ENTRY) == {
        "textPayload": "resized 120 images",
        "insertId": "6787d8b6000aef76df59bb52",
        "resource": {"type": "cloud_run_job", "labels": {"project_id": "p1"}},
        "labels": {"run.googleapis.com/task_index": "0"},
        "timestamp": "2026-11-23T05:00:06.716662Z",
        "receiveTimestamp": "2026-11-23T05:00:06.721909Z",
        "logName": "projects/p1/logs/run.googleapis.com%2Fstdout",
    }


def test_all_fields_of_an_entry() -> None:
    entry = LogEntry(
        insert_id="i",
        log_name="projects/p/logs/l",
        timestamp_s=5.0,
        timestamp_text="1970-01-01T00:00:05.000000007Z",
        receive_s=6.0,
        severity=Severity.NOTICE,
        json_payload={"a": [1, None]},
        resource=Resource(type="global"),
        http_request={"status": 200},
        operation=EntryOperation(id="o", producer="p", first=True, last=True),
        source_location=SourceLocation(file="f", line=3, function="g"),
        span_id="s",
        trace="t",
        trace_sampled=True,
        split=Split(uid="u", index=1),
    )
    assert entry_to_json(entry) == {
        "jsonPayload": {"a": [1, None]},
        "insertId": "i",
        "resource": {"type": "global", "labels": {}},
        "timestamp": "1970-01-01T00:00:05.000000007Z",
        "severity": "NOTICE",
        "httpRequest": {"status": 200},
        "operation": {"id": "o", "producer": "p", "first": True, "last": True},
        "sourceLocation": {"file": "f", "line": "3", "function": "g"},
        "spanId": "s",
        "trace": "t",
        "traceSampled": True,
        "split": {"uid": "u", "index": 1},
        "logName": "projects/p/logs/l",
        "receiveTimestamp": "1970-01-01T00:00:06.000000Z",
    }


def test_an_empty_answer_is_an_empty_object() -> None:
    assert list_answer([], "") == {}
    assert list_answer([ENTRY], "t") == {"entries": [entry_to_json(ENTRY)], "nextPageToken": "t"}


def test_a_list_request_as_gcloud_sends_it() -> None:
    request = list_request_from_json(
        {
            "resourceNames": ["projects/p1", "projects/p1"],
            "filter": "severity=ERROR",
            "orderBy": "timestamp desc",
            "pageSize": 200,
        }
    )
    assert request.projects == ("p1",)
    assert request.query.text == "severity=ERROR"
    assert request.order is Order.NEWEST_FIRST
    assert (request.page_size, request.page_token) == (200, "")


def test_defaults_of_a_list_request() -> None:
    request = list_request_from_json(
        {"projectIds": ["a", "b"], "resource_names": ["projects/c/locations/global/buckets/_Default/views/_All"]}
    )
    assert request.projects == ("a", "b", "c")
    assert request.order is Order.OLDEST_FIRST
    assert request.page_size == 50
    assert list_request_from_json({"resourceNames": ["projects/p"], "pageSize": 5_000}).page_size == 1_000


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "resourceNames"),
        ({"resourceNames": "projects/p"}, "resourceNames"),
        ({"resourceNames": [5]}, "resourceNames[0]"),
        ({"resourceNames": ["p"]}, "resourceNames"),
        ({"resourceNames": ["projects/P P"]}, "resourceNames"),
        ({"resourceNames": ["projects/p/topics/t"]}, "resourceNames"),
        ({"resourceNames": ["projects/p"] * 101}, "resourceNames"),
        ({"resourceNames": ["projects/p"], "orderBy": "severity"}, "orderBy"),
        ({"resourceNames": ["projects/p"], "pageSize": -1}, "pageSize"),
        ({"resourceNames": ["projects/p"], "pageSize": True}, "pageSize"),
        ({"resourceNames": ["projects/p"], "pageSize": 1.5}, "pageSize"),
        ({"resourceNames": ["projects/p"], "filter": 5}, "filter"),
        ({"resourceNames": ["projects/p"], "filter": "a ="}, "filter"),
        ({"resourceNames": ["projects/p"], "filter": "a\0"}, "filter"),
        ({"resourceNames": ["projects/p"], "colour": "red"}, ""),
        ([], ""),
    ],
)
def test_given_a_wrong_list_request_then_the_field_is_named(body: object, path: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        list_request_from_json(body)
    assert raised.value.violations[0].field == path


def test_parents_that_are_no_projects_are_not_supported() -> None:
    with pytest.raises(Unimplemented, match="organizations"):
        list_request_from_json({"resourceNames": ["organizations/1"]})


def test_a_write_request_gives_its_entries_what_they_share() -> None:
    entries = write_request_from_json(
        {
            "logName": "projects/p1/logs/my%2Flog",
            "resource": {"type": "global", "labels": {"project_id": "p1"}},
            "labels": {"a": "shared", "b": "shared"},
            "entries": [
                {"textPayload": "hello", "severity": "WARNING", "labels": {"b": "own"}},
                {
                    "jsonPayload": {"deep": {"er": [1]}},
                    "insertId": "id-1",
                    "timestamp": "2026-11-23T14:00:06.5+09:00",
                    "logName": "projects/p2/logs/other",
                    "resource": {"type": "cloud_run_job"},
                    "httpRequest": {"status": 200, "responseSize": "12"},
                    "operation": {"id": "o", "first": True},
                    "sourceLocation": {"line": "3"},
                    "split": {"uid": "u", "index": 2, "totalSplits": 3},
                    "trace": "t",
                    "spanId": "s",
                    "traceSampled": True,
                },
            ],
        }
    )
    assert entries == [
        LogEntry(
            insert_id="",
            log_name="projects/p1/logs/my%2Flog",
            timestamp_s=0.0,
            receive_s=0.0,
            severity=Severity.WARNING,
            text_payload="hello",
            resource=Resource(type="global", labels={"project_id": "p1"}),
            labels={"a": "shared", "b": "own"},
        ),
        LogEntry(
            insert_id="id-1",
            log_name="projects/p2/logs/other",
            timestamp_s=1_795_410_006.5,
            timestamp_text="2026-11-23T05:00:06.500000Z",
            receive_s=0.0,
            json_payload={"deep": {"er": [1]}},
            resource=Resource(type="cloud_run_job"),
            labels={"a": "shared", "b": "shared"},
            http_request={"status": 200, "responseSize": "12"},
            operation=EntryOperation(id="o", first=True),
            source_location=SourceLocation(line=3),
            split=Split(uid="u", index=2),
            span_id="s",
            trace="t",
            trace_sampled=True,
        ),
    ]


def test_a_dry_run_has_no_entries() -> None:
    body = {"logName": "projects/p/logs/l", "entries": [{"textPayload": "t"}], "dryRun": True}
    assert write_request_from_json(body) == []


@pytest.mark.parametrize(
    ("entry", "path"),
    [
        ({"textPayload": 5}, "entries[0].textPayload"),
        ({"jsonPayload": "x"}, "entries[0].jsonPayload"),
        ({"jsonPayload": {}, "textPayload": "x"}, "entries[0].textPayload"),
        ({"severity": "LOUD"}, "entries[0].severity"),
        ({"timestamp": "yesterday"}, "entries[0].timestamp"),
        ({"logName": "l"}, "entries[0].logName"),
        ({"logName": "projects/p/logs/a b"}, "entries[0].logName"),
        ({"logName": "projects/.../logs/l"}, "entries[0].logName"),
        ({"logName": "projects/p/logs/" + "l" * 512}, "entries[0].logName"),
        ({"labels": {"a": 1}}, "entries[0].labels['a']"),
        ({"colour": "red"}, "entries[0]"),
        ("text", "entries[0]"),
    ],
)
def test_given_a_wrong_entry_then_the_field_is_named(entry: object, path: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        write_request_from_json({"logName": "projects/p/logs/l", "entries": [entry]})
    assert raised.value.violations[0].field == path


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"entries": {}}, "entries"),
        ({"entries": [{}]}, "entries[0].logName"),
        ({"entries": [{}] * 1_001, "logName": "projects/p/logs/l"}, "entries"),
        ({"entries": [], "colour": 1}, ""),
        (None, ""),
    ],
)
def test_given_a_wrong_write_request_then_the_field_is_named(body: object, path: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        write_request_from_json(body)
    assert raised.value.violations[0].field == path


def test_proto_payloads_are_not_supported() -> None:
    with pytest.raises(Unimplemented, match="protoPayload"):
        write_request_from_json({"logName": "projects/p/logs/l", "entries": [{"protoPayload": {}}]})
