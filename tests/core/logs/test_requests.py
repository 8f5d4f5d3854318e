"""The entry of a request to a service."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hakobune.core.logs.entries import Severity
from hakobune.core.logs.requests import Served, left_out_entry, request_entry

SERVED = Served(
    project="p1",
    location="us-central1",
    service="hello",
    revision="hello-00001-abc",
    instance="i.0.1",
    number=7,
    method="GET",
    url="http://hello-1.localhost/x",
    status=200,
    size_bytes=12,
    user_agent="test",
    referer="",
    remote_ip="127.0.0.1",
    trace="ab" * 16,
    started_s=1_700_000_000.25,
    latency_s=0.0125,
)


def test_an_entry_tells_the_request_and_who_had_it() -> None:
    entry = request_entry(SERVED)
    assert entry.http_request == {
        "requestMethod": "GET",
        "requestUrl": "http://hello-1.localhost/x",
        "status": 200,
        "responseSize": "12",
        "userAgent": "test",
        "remoteIp": "127.0.0.1",
        "latency": "0.012500000s",
        "protocol": "HTTP/1.1",
    }
    assert (entry.log_name, entry.trace) == (
        "projects/p1/logs/run.googleapis.com%2Frequests",
        f"projects/p1/traces/{'ab' * 16}",
    )
    assert (entry.resource.type, dict(entry.labels)) == ("cloud_run_revision", {"instanceId": "i.0.1"})
    assert entry.resource.labels["service_name"] == entry.resource.labels["configuration_name"] == "hello"
    assert entry.timestamp == "2023-11-14T22:13:20.250000Z"
    assert entry.insert_id != request_entry(replace(SERVED, number=8)).insert_id


def test_given_no_instance_then_none_is_named_and_a_long_url_is_cut() -> None:
    entry = request_entry(replace(SERVED, instance="", url="x" * 5_000, latency_s=-1.0))
    assert entry.labels == {}
    assert entry.http_request is not None
    assert len(str(entry.http_request["requestUrl"])) == 2_048
    assert entry.http_request["latency"] == "0.000000000s"


@pytest.mark.parametrize(
    ("status", "severity"), [(101, Severity.INFO), (302, Severity.INFO), (404, Severity.WARNING), (503, Severity.ERROR)]
)
def test_the_status_says_how_bad_it_is(status: int, severity: Severity) -> None:
    assert request_entry(replace(SERVED, status=status)).severity is severity


def test_given_requests_without_entries_then_one_says_how_many() -> None:
    entry = left_out_entry("p1", 12, 1_700_000_000.0)
    assert (entry.severity, entry.log_name) == (Severity.NOTICE, "projects/p1/logs/run.googleapis.com%2Frequests")
    assert entry.text_payload == "12 more requests were served, too many for an entry each."
