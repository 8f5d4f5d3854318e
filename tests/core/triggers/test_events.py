"""CloudEvents as headers, as one object, as variables of a job."""

from __future__ import annotations

import base64
import json
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from hakobune.core.triggers.audit import AuditedCall, audit_event, bucket_of, project_of
from hakobune.core.triggers.events import (
    CloudEvent,
    binary_headers,
    event_to_json,
    header_value,
    identity_key,
    job_variables,
)

EVENT = CloudEvent(
    id="11",
    source="//storage.googleapis.com/projects/_/buckets/b",
    type="google.cloud.storage.object.v1.finalized",
    subject="objects/in/映像 1%.mp4",
    time="2026-06-01T02:00:00.123456Z",
    extensions={"bucket": "b"},
    data=b'{"name":"in/movie"}',
)


def test_attributes_become_headers_and_the_content_type_is_no_attribute() -> None:
    headers = dict(binary_headers(EVENT, "d"))
    assert {name: value for name, value in headers.items() if name.startswith("ce-")} == {
        "ce-id": "11",
        "ce-source": "//storage.googleapis.com/projects/_/buckets/b",
        "ce-specversion": "1.0",
        "ce-type": "google.cloud.storage.object.v1.finalized",
        "ce-subject": "objects/in/%E6%98%A0%E5%83%8F%201%25.mp4",
        "ce-time": "2026-06-01T02:00:00.123456Z",
        "ce-bucket": "b",
    }
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("APIs-Google;")
    assert headers["traceparent"] != dict(binary_headers(EVENT, "e"))["traceparent"]


def test_an_event_without_data_has_no_content_type() -> None:
    bare = CloudEvent(id="1", source="s", type="t", data_content_type="", data_schema="http://schema")
    headers = dict(binary_headers(bare, "d"))
    assert "Content-Type" not in headers
    assert headers["ce-dataschema"] == "http://schema"
    assert "ce-subject" not in headers
    assert event_to_json(bare) == {
        "id": "1", "source": "s", "specversion": "1.0", "type": "t", "dataschema": "http://schema",
    }  # fmt: skip


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_receiver_that_decodes_a_header_once_has_the_value(text: str) -> None:
    encoded = header_value(text)
    assert encoded.isascii()
    assert all("\x21" <= char <= "\x7e" and char != '"' for char in encoded)
    assert unquote(encoded) == text


def test_the_object_of_an_event_holds_its_data_decoded() -> None:
    tree = event_to_json(EVENT)
    assert tree["data"] == {"name": "in/movie"}
    assert tree["datacontenttype"] == "application/json"
    assert tree["subject"] == "objects/in/映像 1%.mp4"
    assert tree["bucket"] == "b"


def test_data_that_is_no_json_is_a_text_or_base64() -> None:
    def tree(content_type: str, data: bytes) -> dict[str, object]:
        return event_to_json(CloudEvent(id="1", source="s", type="t", data_content_type=content_type, data=data))

    assert tree("text/plain", "é".encode())["data"] == "é"
    assert tree("application/cloud+json; charset=utf-8", b"[1]")["data"] == [1]
    for content_type, data in (
        ("application/json", b"{"),
        ("application/json", b"[" * 100_000),
        ("text/plain", b"\xff"),
        ("image/png", b"a"),
    ):
        found = tree(content_type, data)
        assert "data" not in found
        assert base64.b64decode(str(found["data_base64"])) == data


def test_a_job_is_told_by_variables() -> None:
    assert job_variables(EVENT) == {
        "CE_ID": "11",
        "CE_SOURCE": EVENT.source,
        "CE_SPECVERSION": "1.0",
        "CE_TYPE": EVENT.type,
        "CE_SUBJECT": EVENT.subject,
        "CE_TIME": EVENT.time,
        "CE_BUCKET": "b",
        "CE_DATACONTENTTYPE": "application/json",
        "CE_DATA": '{"name":"in/movie"}',
    }
    for data in (b"\xff", b"a\0"):
        found = job_variables(CloudEvent(id="1", source="s", type="t", data_content_type="", data=data))
        assert (found["CE_DATAENCODING"], base64.b64decode(found["CE_DATA"])) == ("base64", data)


def test_source_and_id_are_what_an_event_is() -> None:
    other = CloudEvent(id="11", source=EVENT.source, type="other", data=b"other")
    assert identity_key(EVENT) == identity_key(other)
    assert identity_key(EVENT) != identity_key(CloudEvent(id="12", source=EVENT.source, type=EVENT.type))


def test_a_call_is_told_as_an_entry_of_the_audit_log() -> None:
    call = AuditedCall(
        service="storage.googleapis.com",
        method="storage.objects.create",
        resource="projects/_/buckets/b/objects/o",
        principal="a@p",
    )
    event = audit_event(call, "p", "i1", 1_780_279_200.0)
    assert event.source == "//cloudaudit.googleapis.com/projects/p/logs/activity"
    assert event.subject == "storage.googleapis.com/projects/_/buckets/b/objects/o"
    assert event.data_content_type == "application/json; charset=utf-8"
    assert dict(event.extensions) == {
        "servicename": "storage.googleapis.com",
        "methodname": "storage.objects.create",
        "resourcename": "projects/_/buckets/b/objects/o",
        "recordedtime": "2026-06-01T02:00:00.000000Z",
    }
    entry = json.loads(event.data)
    assert entry["protoPayload"]["methodName"] == "storage.objects.create"
    assert entry["protoPayload"]["authenticationInfo"] == {"principalEmail": "a@p"}
    assert entry["logName"] == "projects/p/logs/cloudaudit.googleapis.com%2Factivity"
    assert (project_of(call), bucket_of(call)) == ("", "b")
    job = AuditedCall(service="run.googleapis.com", method="m", resource="projects/q/locations/l/jobs/j", principal="")
    assert (project_of(job), bucket_of(job)) == ("q", "")
