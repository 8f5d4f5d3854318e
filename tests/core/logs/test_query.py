"""The query language: what it matches, what it refuses, and what follows for the folders that must be read."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hakobune.core.errors import HakobuneError, InvalidArgument, Unimplemented
from hakobune.core.logs.entries import EntryOperation, LogEntry, Resource, Severity, SourceLocation, Split
from hakobune.core.logs.query import Bounds, parse

PLAIN = LogEntry(
    insert_id="id-1",
    log_name="projects/p1/logs/run.googleapis.com%2Fstdout",
    timestamp_s=1_795_410_006.5,
    receive_s=1_795_410_007.0,
    text_payload="Resized 120 images; retry later",
    resource=Resource(
        type="cloud_run_job", labels={"project_id": "p1", "location": "us-central1", "job_name": "thumbs"}
    ),
    labels={
        "run.googleapis.com/execution_name": "thumbs-x7k2p",
        "run.googleapis.com/task_index": "0",
        "instanceId": "00ca",
    },
)
JSON = replace(
    PLAIN,
    severity=Severity.ERROR,
    text_payload=None,
    json_payload={
        "message": "bad input",
        "count": 12,
        "ratio": 0.5,
        "ok": True,
        "nothing": None,
        "tags": ["red", "blue"],
        "user": {"name": "Ai", "ids": [{"n": 1}, {"n": 2}], "a.b": "dotted"},
    },
    http_request={"requestMethod": "GET", "status": 503, "latency": "1.5s", "responseSize": "2048"},
    operation=EntryOperation(id="op-1", first=True),
    source_location=SourceLocation(file="main.py", line=12),
    split=Split(uid="u", index=2),
    trace="projects/p1/traces/abc",
)


@pytest.mark.parametrize(
    ("query", "plain", "structured"),
    [
        ("", True, True),
        ("  -- nothing but a comment\n", True, True),
        ("severity=ERROR", False, True),
        ("severity>=DEFAULT", True, True),
        ("severity >= WARNING", False, True),
        ("severity<ERROR", True, False),
        ("severity=error", False, True),
        ("severity=(INFO OR ERROR)", False, True),
        ("severity>=300", False, True),
        ("severity != ERROR", True, False),
        ('severity=~"^ERR"', False, True),
        ("resource.type=cloud_run_job", True, True),
        ('resource.type = "gce_instance"', False, False),
        ("resource.type=cloud_run_job AND resource.labels.job_name=thumbs", True, True),
        ("resource.labels.job_name=thumbs resource.labels.location=us-central1", True, True),
        ('labels."run.googleapis.com/execution_name" = thumbs-x7k2p', True, True),
        ('labels."run.googleapis.com/execution_name" = "THUMBS-X7K2P"', True, True),
        ('"labels"."run.googleapis.com/task_index"="0"', True, True),
        ("labels.instanceId:00", True, True),
        ("labels.unknown=x", False, False),
        ("labels.unknown!=x", False, False),
        ("NOT labels.unknown=x", True, True),
        ("-labels.unknown=x", True, True),
        ('textPayload:"120 IMAGES"', True, False),
        ('textPayload="resized 120 images; retry later"', True, False),
        ('textPayload=~"Resized \\d+ images"', True, False),
        ('textPayload=~"resized"', False, False),
        ('textPayload=~"(?i)resized"', True, False),
        ('textPayload!~"Resized"', False, True),
        ("text_payload:resized", True, False),
        ('textPayload!=""', True, False),
        ("jsonPayload.message:input", False, True),
        ("jsonPayload.count=12", False, True),
        ("jsonPayload.count>11.5 jsonPayload.count<=12", False, True),
        ("jsonPayload.count>-5", False, True),
        ("jsonPayload.count=many", False, False),
        ('jsonPayload.message>"a"', False, True),
        ("jsonPayload.ok=true", False, True),
        ("jsonPayload.ok=false", False, False),
        ("jsonPayload.nothing=NULL_VALUE", False, True),
        ("jsonPayload.message=NULL_VALUE", False, False),
        ("jsonPayload.message!=NULL_VALUE", False, True),
        ("jsonPayload.tags=blue", False, True),
        ("jsonPayload.tags=green", False, False),
        ("jsonPayload.tags!=blue", False, False),
        ("jsonPayload.user.name=ai", False, True),
        ("jsonPayload.user.ids.n=2", False, True),
        ('jsonPayload.user."a.b"=dotted', False, True),
        ("jsonPayload.user:dotted", False, True),
        ("jsonPayload:bad", False, True),
        ("jsonPayload.user:*", False, True),
        ("jsonPayload.other:*", False, False),
        ("jsonPayload:*", False, True),
        ("textPayload:*", True, False),
        ("severity:*", False, True),
        ("httpRequest.status>=500", False, True),
        ("httpRequest.status=503", False, True),
        ("httpRequest.latency>1s", False, True),
        ("httpRequest.latency>2", False, False),
        ("httpRequest.responseSize>1000", False, True),
        ("httpRequest.requestMethod=get", False, True),
        ("httpRequest.status=0", True, False),
        ("httpRequest:*", False, True),
        ("operation.id=op-1 operation.first=true", False, True),
        ("operation.last=false", True, True),
        ("sourceLocation.line>=12", False, True),
        ("source_location.file:main", False, True),
        ("split.index=2", False, True),
        ("trace=projects/p1/traces/abc", False, True),
        ('trace=""', True, False),
        ("insertId=id-1", True, True),
        ("protoPayload.serviceName=x", False, False),
        ('logName="projects/p1/logs/run.googleapis.com%2Fstdout"', True, True),
        ("logName:stdout", True, True),
        ('log_id("run.googleapis.com/stdout")', True, True),
        ('log_id("run.googleapis.com%2Fstderr")', False, False),
        ('timestamp>="2026-11-23T05:00:06Z"', True, True),
        ('timestamp>="2026-11-23T05:00:06.6Z"', False, False),
        ('timestamp<"2026-11-24"', True, True),
        ('timestamp>"2026-11-23T14:00:06+09:00"', True, True),
        ('receiveTimestamp>="2026-11-23T05:00:07Z"', True, True),
        ("timestamp:*", True, True),
        ("images", True, False),
        ('"bad input"', False, True),
        ("thumbs", True, True),
        ("images OR input", True, True),
        ("images AND retry", True, False),
        ("images retry", True, False),
        ("images -retry", False, False),
        ("NOT images", False, True),
        ("NOT (images OR input)", False, False),
        # OR binds more tightly than AND: missing AND (images OR input)
        ("missing AND images OR input", False, False),
        ("images OR input AND missing", False, False),
        ("(images AND retry) OR input", True, True),
        ("textPayload:(images AND retry)", True, False),
        ("textPayload:(images AND nothing)", False, False),
        ("textPayload:(NOT nothing)", True, True),
        ("textPayload:('images' OR \"x\")", True, False),
        ('textPayload:"images\\u003b"', True, False),
        ("severity=ERROR -- the bad ones\nresource.type=cloud_run_job", False, True),
        ("severity=ERROR\nOR\nseverity=DEFAULT", True, True),
        ("NOT NOT severity=ERROR", False, True),
    ],
)
def test_what_a_query_matches(query: str, plain: bool, structured: bool) -> None:
    parsed = parse(query)
    assert (parsed.matches(PLAIN), parsed.matches(JSON)) == (plain, structured)


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("severity=LOUD", "'LOUD' is not a severity (column 10)"),
        ("thud=5", "field not found: 'thud' (column 1)"),
        ("textPayload.thud=5", "field not found: 'textPayload.thud' (column 1)"),
        ("operation.thud=5", "field not found"),
        ("httpRequest.thud=5", "field not found"),
        ("resource.thud=5", "field not found"),
        ("timestamp>yesterday", "not an RFC 3339 timestamp: 'yesterday' (column 11)"),
        ("insertId = abc:def", "(column 15)"),
        ("severity=", "a value is missing after the operator (column 10)"),
        ("severity=AND", "a value is missing"),
        ("AND severity=ERROR", "unexpected 'AND' (column 1)"),
        ("severity=ERROR OR", "the filter ends too early"),
        ("severity=ERROR AND", "the filter ends too early"),
        ("NOT", "the filter ends too early"),
        ("(severity=ERROR", "a parenthesis is not closed (column 1)"),
        ("severity=ERROR)", "unexpected ')' (column 15)"),
        ("severity=(ERROR", "a parenthesis is not closed (column 10)"),
        ('"open', "a quoted text does not end (column 1)"),
        ("labels.=x", "a name is missing in the path"),
        ('textPayload=~"("', "invalid regular expression: missing closing parenthesis (column 14)"),
        ('textPayload=~"a(?=b)"', "looking around"),
        ("a ~ b", "unexpected '~' (column 3)"),
        ("()", "unexpected ')'"),
        ("foo(bar)", "unknown function 'foo'"),
        ("log_id()", "log_id takes one text"),
        ("(" * 51 + "a" + ")" * 51, "nested deeper than 50 levels"),
        ("NOT " * 51 + "a", "nested deeper than 50 levels"),
        ("a " * 1001, "more than 1000 terms"),
        ("a" * 20_001, "at most 20000 characters"),
    ],
)
def test_given_a_wrong_query_then_the_error_says_what_and_where(query: str, problem: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        parse(query)
    assert problem in raised.value.message
    assert raised.value.violations[0].field == "filter"


def test_functions_that_are_not_supported_are_named() -> None:
    with pytest.raises(Unimplemented, match="sample"):
        parse("sample(insertId, 0.5)")


@pytest.mark.parametrize(
    ("query", "bounds"),
    [
        ("", Bounds()),
        (
            (
                "resource.type = cloud_run_job AND resource.labels.job_name = Thumbs AND resource.labels.location=r "
                'severity>=WARNING labels."run.googleapis.com/task_index"=7'
            ),
            Bounds(job="thumbs", location="r", severity_min=400, task_index=7),
        ),
        ('labels."run.googleapis.com/execution_name"=e1', Bounds(execution="e1")),
        (
            'timestamp>="1970-01-01T00:00:10Z" AND (timestamp<="1970-01-01T00:00:20Z" timestamp>"1970-01-01")',
            Bounds(after_s=10.0, before_s=20.0),
        ),
        ('timestamp="1970-01-01T00:00:10Z"', Bounds(after_s=10.0, before_s=10.0)),
        ('log_id("run.googleapis.com/stdout")', Bounds(log_id="run.googleapis.com/stdout")),
        ('logName="projects/p/logs/run.googleapis.com%2Fstderr"', Bounds(log_id="run.googleapis.com/stderr")),
        ("resource.labels.job_name=a OR resource.labels.job_name=b", Bounds()),
        ("NOT resource.labels.job_name=a", Bounds()),
        ("resource.labels.job_name:a", Bounds()),
        ("severity<=ERROR severity=~E timestamp:*", Bounds()),
    ],
)
def test_what_follows_from_parts_that_must_all_hold(query: str, bounds: Bounds) -> None:
    assert parse(query).bounds() == bounds


_WORDS = st.sampled_from(
    [
        "severity",
        ">=",
        "=",
        "ERROR",
        "(",
        ")",
        "AND",
        "OR",
        "NOT",
        "-",
        ":",
        "*",
        '"q"',
        "textPayload",
        "jsonPayload.a",
        "=~",
        "--",
        "\n",
        ",",
        "log_id",
        "timestamp",
        "12",
        "\\",
        "'",
        '"',
        "labels.",
    ]
)


@given(st.lists(_WORDS, max_size=12), st.sampled_from(["", " "]))
def test_any_text_is_a_query_or_refused(words: list[str], between: str) -> None:
    try:
        query = parse(between.join(words))
    except HakobuneError:
        return
    assert query.matches(PLAIN) in {True, False}
    bounds = query.bounds()
    if query.matches(PLAIN):  # bounds never rule out what matches
        assert bounds.after_s is None or bounds.after_s <= PLAIN.timestamp_s
        assert bounds.before_s is None or bounds.before_s >= PLAIN.timestamp_s
        assert bounds.severity_min <= PLAIN.severity.number
