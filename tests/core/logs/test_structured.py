"""What a line of output says of its entry."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hakobune.core.logs.entries import EntryOperation, Severity, SourceLocation
from hakobune.core.logs.structured import LineFields, parse_line, severity_from

DEEP = "[" * 200 + "]" * 200


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"plain text", "plain text"),
        (b"", ""),
        (b"ends with carriage return\r", "ends with carriage return"),
        (b"caf\xe9 \xff", "caf\ufffd \ufffd"),
        (b'{"message": "cut off', '{"message": "cut off'),
        (b'["a", "list"]', '["a", "list"]'),
        (b'"a text"', '"a text"'),
        (b"{not json}", "{not json}"),
        (b'{"n": NaN}', '{"n": NaN}'),
        (b'{"n": 1e999}', '{"n": 1e999}'),
        (b'{"half": "\\ud800"}', '{"half": "\\ud800"}'),
        (f'{{"deep": {DEEP}}}'.encode(), f'{{"deep": {DEEP}}}'),
    ],
)
def test_given_no_object_of_json_then_the_line_is_text(line: bytes, text: str) -> None:
    assert parse_line(line) == LineFields(text_payload=text)


def test_given_json_beyond_the_interpreters_depth_then_the_line_is_text() -> None:
    line = b'{"a":' * 40_000 + b"1" + b"}" * 40_000
    assert parse_line(line).text_payload == line.decode()


def test_given_a_line_beyond_the_size_of_an_entry_then_it_is_text() -> None:
    line = json.dumps({"message": "m" * 300_000}).encode()
    assert parse_line(line).text_payload == line.decode()


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ({"message": "hello"}, LineFields(text_payload="hello")),
        ({"severity": "ERROR", "message": "bad"}, LineFields(severity=Severity.ERROR, text_payload="bad")),
        (
            {"severity": "warn", "message": "m", "n": 1},
            LineFields(severity=Severity.WARNING, json_payload={"message": "m", "n": 1}),
        ),
        ({"severity": "loud", "message": "m"}, LineFields(json_payload={"severity": "loud", "message": "m"})),
        ({"message": 5}, LineFields(json_payload={"message": 5})),
        ({}, LineFields(json_payload={})),
        (
            {"time": "2026-11-23T14:00:06.716662123+09:00", "message": "m"},
            LineFields(
                timestamp_s=1795410006.716662123,
                timestamp_text="2026-11-23T05:00:06.716662123Z",
                text_payload="m",
            ),
        ),
        (
            {"time": "1970-01-01T00:00:05.999999999Z", "message": "m"},
            LineFields(timestamp_s=5.999999999, timestamp_text="1970-01-01T00:00:05.999999999Z", text_payload="m"),
        ),
        ({"time": "yesterday", "a": 1}, LineFields(json_payload={"time": "yesterday", "a": 1})),
        (
            {"timestamp": {"seconds": 5, "nanos": 7}, "message": "m"},
            LineFields(timestamp_s=5.000000007, timestamp_text="1970-01-01T00:00:05.000000007Z", text_payload="m"),
        ),
        (
            {"timestampSeconds": "5", "timestampNanos": 500000000, "message": "m"},
            LineFields(timestamp_s=5.5, timestamp_text="1970-01-01T00:00:05.500000Z", text_payload="m"),
        ),
        (
            {"timestamp": {"seconds": 1}, "timestampSeconds": 2, "timestampNanos": 0, "time": "1970-01-01T00:00:03Z"},
            LineFields(
                timestamp_s=1.0,
                timestamp_text="1970-01-01T00:00:01.000000Z",
                json_payload={"timestampSeconds": 2, "timestampNanos": 0, "time": "1970-01-01T00:00:03Z"},
            ),
        ),
        (
            {"timestamp": {"seconds": 1, "nanos": -1}, "message": "m"},
            LineFields(json_payload={"timestamp": {"seconds": 1, "nanos": -1}, "message": "m"}),
        ),
        (
            {"timestamp": {"seconds": 10**18}, "a": 1},
            LineFields(json_payload={"timestamp": {"seconds": 10**18}, "a": 1}),
        ),
        (
            {
                "logging.googleapis.com/insertId": "id-1",
                "logging.googleapis.com/spanId": "00f",
                "logging.googleapis.com/trace": "projects/p/traces/1",
                "logging.googleapis.com/trace_sampled": True,
                "message": "m",
            },
            LineFields(
                insert_id="id-1", span_id="00f", trace="projects/p/traces/1", trace_sampled=True, text_payload="m"
            ),
        ),
        (
            {"logging.googleapis.com/trace_sampled": "yes", "logging.googleapis.com/insertId": 5},
            LineFields(
                json_payload={"logging.googleapis.com/trace_sampled": "yes", "logging.googleapis.com/insertId": 5}
            ),
        ),
        (
            {"logging.googleapis.com/labels": {"a": "1", "b": 2}, "message": "m"},
            LineFields(labels={"a": "1"}, json_payload={"logging.googleapis.com/labels": {"b": 2}, "message": "m"}),
        ),
        (
            {
                "logging.googleapis.com/operation": {"id": "o", "producer": "p", "first": True},
                "logging.googleapis.com/sourceLocation": {"file": "main.py", "line": "12", "function": "f"},
                "message": "m",
            },
            LineFields(
                operation=EntryOperation(id="o", producer="p", first=True),
                source_location=SourceLocation(file="main.py", line=12, function="f"),
                text_payload="m",
            ),
        ),
        (
            {"logging.googleapis.com/operation": {"id": 1}, "logging.googleapis.com/sourceLocation": {"line": "x"}},
            LineFields(
                json_payload={
                    "logging.googleapis.com/operation": {"id": 1},
                    "logging.googleapis.com/sourceLocation": {"line": "x"},
                }
            ),
        ),
        (
            {"httpRequest": {"requestMethod": "GET", "status": "200", "responseSize": 12, "odd": 1}, "message": "m"},
            LineFields(
                http_request={"requestMethod": "GET", "status": 200, "responseSize": "12"},
                json_payload={"httpRequest": {"odd": 1}, "message": "m"},
            ),
        ),
        ({"httpRequest": "GET /"}, LineFields(json_payload={"httpRequest": "GET /"})),
    ],
)
def test_keys_with_a_meaning_move_and_all_else_stays(line: dict[str, object], fields: LineFields) -> None:
    assert parse_line(json.dumps(line).encode()) == fields


@pytest.mark.parametrize(
    ("given_severity", "severity"),
    [
        ("info", Severity.INFO),
        (" Critical ", Severity.CRITICAL),
        ("FATAL", Severity.CRITICAL),
        ("trace", Severity.DEBUG),
        ("W", Severity.WARNING),
        ("550", Severity.ERROR),
        (300, Severity.NOTICE),
        (99_999, Severity.EMERGENCY),
        (-1, None),
        (True, None),
        ("", None),
        (None, None),
        (1.5, None),
    ],
)
def test_severities_are_known_in_the_spellings_of_agents(given_severity: object, severity: Severity | None) -> None:
    assert severity_from(given_severity) is severity


@given(st.binary(max_size=200))
def test_no_line_raises_and_text_or_json_comes_out(line: bytes) -> None:
    fields = parse_line(line)
    assert (fields.text_payload is None) != (fields.json_payload is None)


@given(
    st.dictionaries(
        st.sampled_from(
            ["severity", "message", "time", "timestamp", "timestampSeconds", "timestampNanos", "httpRequest", "x"]
            + [
                f"logging.googleapis.com/{name}"
                for name in ("labels", "operation", "sourceLocation", "trace", "spanId")
            ]
        ),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
            max_leaves=6,
        ),
        max_size=6,
    )
)
def test_no_object_raises(payload: dict[str, object]) -> None:
    fields = parse_line(json.dumps(payload).encode())
    assert (fields.text_payload is None) != (fields.json_payload is None)
