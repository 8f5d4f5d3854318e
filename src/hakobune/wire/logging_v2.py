"""Cloud Logging API v2 in JSON: entries, `entries:list`, `entries:write`.

Source: https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries and …/rest/v2/LogEntry.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast
from urllib.parse import unquote

from hakobune.core.errors import InvalidArgument, Unimplemented
from hakobune.core.instants import timestamp_from_text, timestamp_to_text
from hakobune.core.logs import limits
from hakobune.core.logs.entries import (
    EntryOperation,
    LogEntry,
    Resource,
    Severity,
    SourceLocation,
    Split,
    log_name,
    utc_text,
)
from hakobune.core.logs.listing import ListEntries, Order
from hakobune.core.logs.query import parse
from hakobune.core.names import check_project
from hakobune.wire.schema import Choice, Json, ListOf, MapOf, Message, Reader, Scalar
from hakobune.wire.violations import Violations

_LOG_NAME = re.compile(r"projects/([^/]+)/logs/([^/]+)\Z")
_LOG_ID = re.compile(r"[A-Za-z0-9/_.-]{1,511}\Z")  # LogEntry.log_name: fewer than 512 characters
_OTHER_PARENTS = ("organizations/", "folders/", "billingAccounts/")

_SEVERITY = Choice(
    "type.googleapis.com/google.logging.type.LogSeverity", tuple(severity.value for severity in Severity)
)
_RESOURCE = Message(
    type_name="type.googleapis.com/google.api.MonitoredResource", fields={"type": Scalar.TEXT, "labels": MapOf()}
)
_HTTP_REQUEST = Message(
    type_name="type.googleapis.com/google.logging.type.HttpRequest",
    fields={
        **dict.fromkeys(
            ("requestMethod", "requestUrl", "userAgent", "remoteIp", "serverIp", "referer", "protocol"), Scalar.TEXT
        ),
        **dict.fromkeys(("requestSize", "responseSize", "cacheFillBytes"), Scalar.INT64),
        **dict.fromkeys(("cacheLookup", "cacheHit", "cacheValidatedWithOriginServer"), Scalar.FLAG),
        "status": Scalar.INT32,
        "latency": Scalar.DURATION,
    },
)
_OPERATION = Message(
    type_name="type.googleapis.com/google.logging.v2.LogEntryOperation",
    fields={"id": Scalar.TEXT, "producer": Scalar.TEXT, "first": Scalar.FLAG, "last": Scalar.FLAG},
)
_SOURCE_LOCATION = Message(
    type_name="type.googleapis.com/google.logging.v2.LogEntrySourceLocation",
    fields={"file": Scalar.TEXT, "line": Scalar.INT64, "function": Scalar.TEXT},
)
_SPLIT = Message(
    type_name="type.googleapis.com/google.logging.v2.LogSplit",
    fields={"uid": Scalar.TEXT, "index": Scalar.INT32, "totalSplits": Scalar.INT32},
)
# Payloads are read apart: they hold any JSON.
_ENTRY = Message(
    type_name="type.googleapis.com/google.logging.v2.LogEntry",
    fields={
        "logName": Scalar.TEXT,
        "resource": _RESOURCE,
        "timestamp": Scalar.TIMESTAMP,
        "receiveTimestamp": Scalar.ANYTHING,
        "severity": _SEVERITY,
        "insertId": Scalar.TEXT,
        "httpRequest": _HTTP_REQUEST,
        "labels": MapOf(),
        "metadata": Scalar.ANYTHING,
        "operation": _OPERATION,
        "trace": Scalar.TEXT,
        "spanId": Scalar.TEXT,
        "traceSampled": Scalar.FLAG,
        "sourceLocation": _SOURCE_LOCATION,
        "split": _SPLIT,
        "textPayload": Scalar.TEXT,
    },
    output_only=frozenset({"receiveTimestamp", "metadata"}),
    present=frozenset({"textPayload"}),
)
_WRITE = Message(
    type_name="type.googleapis.com/google.logging.v2.WriteLogEntriesRequest",
    fields={
        "logName": Scalar.TEXT,
        "resource": _RESOURCE,
        "labels": MapOf(),
        "partialSuccess": Scalar.FLAG,
        "dryRun": Scalar.FLAG,
    },
)
_LIST = Message(
    type_name="type.googleapis.com/google.logging.v2.ListLogEntriesRequest",
    fields={
        "projectIds": ListOf(Scalar.TEXT),
        "resourceNames": ListOf(Scalar.TEXT),
        "filter": Scalar.TEXT,
        "orderBy": Scalar.TEXT,
        "pageSize": Scalar.INT32,
        "pageToken": Scalar.TEXT,
    },
)


def entry_to_json(entry: LogEntry) -> Json:
    """A LogEntry. Defaults are left out, as the service leaves them out."""
    found: Json = {}
    if entry.text_payload is not None:
        found["textPayload"] = entry.text_payload
    if entry.json_payload is not None:
        found["jsonPayload"] = dict(entry.json_payload)
    found |= {
        "insertId": entry.insert_id,
        "resource": {"type": entry.resource.type, "labels": dict(entry.resource.labels)},
        "timestamp": entry.timestamp,
    }
    optional: Json = {
        "severity": "" if entry.severity is Severity.DEFAULT else entry.severity.value,
        "labels": dict(entry.labels),
        "httpRequest": None if entry.http_request is None else dict(entry.http_request),
        "operation": _operation_to_json(entry.operation),
        "trace": entry.trace,
        "spanId": entry.span_id,
        "traceSampled": entry.trace_sampled,
        "sourceLocation": _source_location_to_json(entry.source_location),
        "split": None if entry.split is None else {"uid": entry.split.uid, "index": entry.split.index},
    }
    found |= {key: value for key, value in optional.items() if value}
    return found | {"logName": entry.log_name, "receiveTimestamp": timestamp_to_text(entry.receive_s)}


def _operation_to_json(operation: EntryOperation | None) -> Json | None:
    if operation is None:
        return None
    whole: Json = {"id": operation.id, "producer": operation.producer, "first": operation.first, "last": operation.last}
    return {key: value for key, value in whole.items() if value}


def _source_location_to_json(location: SourceLocation | None) -> Json | None:
    if location is None:
        return None
    whole: Json = {"file": location.file, "line": str(location.line), "function": location.function}
    return {key: value for key, value in whole.items() if value}


def list_answer(entries: Sequence[LogEntry], next_page_token: str) -> Json:
    """The answer of `entries:list`."""
    answer: Json = {}
    if entries:
        answer["entries"] = [entry_to_json(entry) for entry in entries]
    if next_page_token:
        answer["nextPageToken"] = next_page_token
    return answer


def list_request_from_json(body: object) -> ListEntries:
    """A request of `entries:list`. Raises InvalidArgument with the paths of the fields, Unimplemented for parents
    that are no projects."""
    found = Violations()
    read = Reader(found=found, protobuf_paths=False).message(_LIST, body, "")
    found.check()
    names = [
        *(f"projects/{project}" for project in cast("list[str]", read.get("projectIds", []))),
        *cast("list[str]", read.get("resourceNames", [])),
    ]
    if not 1 <= len(names) <= limits.RESOURCE_NAMES_MAX:
        found.add("resourceNames", f"must name 1 to {limits.RESOURCE_NAMES_MAX} resources")
    projects = dict.fromkeys(_project(name, found) for name in names)
    order = str(read.get("orderBy", "")) or Order.OLDEST_FIRST.value
    if " ".join(order.split()) not in {*Order, "timestamp"}:
        found.add("orderBy", 'must be "timestamp asc" or "timestamp desc"')
    size = cast("int", read.get("pageSize", 0))
    if size < 0:
        found.add("pageSize", "must not be negative")
    found.check()
    return ListEntries(
        projects=tuple(projects),
        query=parse(str(read.get("filter", ""))),
        order=Order.NEWEST_FIRST if order.endswith("desc") else Order.OLDEST_FIRST,
        page_size=min(size or limits.PAGE_SIZE_DEFAULT, limits.PAGE_SIZE_MAX),
        page_token=str(read.get("pageToken", "")),
    )


def _project(name: str, found: Violations) -> str:
    """The project of `projects/P` or of a log view in it."""
    if name.startswith(_OTHER_PARENTS):
        raise Unimplemented(f"Logs of {name.split('/', maxsplit=1)[0]} are not kept here: name projects.")
    parts = name.split("/")
    if len(parts) < 2 or parts[0] != "projects" or (len(parts) > 2 and parts[2] != "locations"):
        found.add("resourceNames", f"expected projects/PROJECT, not {name[:120]!r}")
        return ""
    try:
        return check_project(parts[1], field="resourceNames")
    except InvalidArgument as error:
        found.add_all(error)
        return ""


def write_request_from_json(body: object) -> list[LogEntry]:
    """The entries of an `entries:write`, with what the request says for all of them filled in.

    Ids and times that an entry does not bring stay empty (`insert_id`, `timestamp_text`): the logs room gives them.
    Raises InvalidArgument with the paths of the fields. With `dryRun` nothing is to be written: an empty list.
    """
    found = Violations()
    reader = Reader(found=found, protobuf_paths=False)
    rest, taken = _without(body, "entries")
    shared = reader.message(_WRITE, rest, "")
    given = taken.get("entries", [])
    if not isinstance(given, list):
        found.add("entries", "must be a list")
    items = cast("list[object]", given) if isinstance(given, list) else []
    if len(items) > limits.WRITE_ENTRIES_MAX:
        found.add("entries", f"must be at most {limits.WRITE_ENTRIES_MAX}")
        items = []
    entries = [_entry(reader, shared, item, f"entries[{place}]") for place, item in enumerate(items)]
    found.check()
    return [] if shared.get("dryRun") else [entry for entry in entries if entry is not None]


def _without(message: object, *names: str) -> tuple[object, Json]:
    """A message without these fields, and the fields: they hold what tables cannot say."""
    if not isinstance(message, dict):
        return message, {}
    fields = cast("Json", message)
    rest: Json = {key: value for key, value in fields.items() if key not in names}
    return rest, {key: fields[key] for key in names if key in fields}


def _entry(reader: Reader, shared: Json, item: object, path: str) -> LogEntry | None:
    rest, taken = _without(item, "jsonPayload", "json_payload", "protoPayload", "proto_payload")
    if taken.keys() & {"protoPayload", "proto_payload"}:
        raise Unimplemented("Entries with a protoPayload are not supported here.")
    payload: object = taken.get("jsonPayload", taken.get("json_payload"))
    read = reader.message(_ENTRY, rest, path)
    if payload is not None and not isinstance(payload, dict):
        reader.found.add(f"{path}.jsonPayload", "must be an object")
        return None
    if payload is not None and "textPayload" in read:
        reader.found.add(f"{path}.textPayload", "an entry has one payload")
    name = _checked_log_name(str(read.get("logName") or shared.get("logName", "")), f"{path}.logName", reader.found)
    resource = cast("Json", read.get("resource") or shared.get("resource") or {"type": "global"})
    text = str(read.get("timestamp", ""))
    timestamp_s = timestamp_from_text(text) if text else 0.0
    return LogEntry(
        insert_id=str(read.get("insertId", "")),
        log_name=name,
        timestamp_s=timestamp_s,
        timestamp_text=utc_text(text, timestamp_s) if text else "",
        receive_s=0.0,
        severity=Severity(read.get("severity") or Severity.DEFAULT),
        text_payload=None if payload is not None else str(read.get("textPayload", "")),
        json_payload=None if payload is None else cast("Json", payload),
        resource=Resource(
            type=str(resource.get("type", "")), labels=cast("dict[str, str]", resource.get("labels", {}))
        ),
        labels={**cast("dict[str, str]", shared.get("labels", {})), **cast("dict[str, str]", read.get("labels", {}))},
        http_request=_http_request(read.get("httpRequest")),
        operation=_operation(read.get("operation")),
        source_location=_source_location(read.get("sourceLocation")),
        span_id=str(read.get("spanId", "")),
        trace=str(read.get("trace", "")),
        trace_sampled=bool(read.get("traceSampled", False)),
        split=_split(read.get("split")),
    )


def _checked_log_name(name: str, path: str, found: Violations) -> str:
    match = _LOG_NAME.match(name)
    if match is None or not _LOG_ID.match(unquote(match[2])):
        found.add(path, "must be projects/PROJECT/logs/LOG_ID, the id percent-encoded")
        return ""
    try:
        project = check_project(match[1], field=path)
    except InvalidArgument as error:
        found.add_all(error)
        return ""
    return log_name(project, unquote(match[2]))


def _http_request(value: object) -> Json | None:
    if value is None:
        return None
    request = cast("Json", value)
    sizes: Json = {
        key: str(request[key]) for key in ("requestSize", "responseSize", "cacheFillBytes") if key in request
    }
    return {**request, **sizes}


def _operation(value: object) -> EntryOperation | None:
    if value is None:
        return None
    whole = cast("Json", value)
    return EntryOperation(
        id=str(whole.get("id", "")),
        producer=str(whole.get("producer", "")),
        first=bool(whole.get("first", False)),
        last=bool(whole.get("last", False)),
    )


def _source_location(value: object) -> SourceLocation | None:
    if value is None:
        return None
    whole = cast("Json", value)
    return SourceLocation(
        file=str(whole.get("file", "")),
        line=cast("int", whole.get("line", 0)),
        function=str(whole.get("function", "")),
    )


def _split(value: object) -> Split | None:
    if value is None:
        return None
    whole = cast("Json", value)
    return Split(uid=str(whole.get("uid", "")), index=cast("int", whole.get("index", 0)))
