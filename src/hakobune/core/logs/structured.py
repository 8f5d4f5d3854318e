"""A line of output as the fields of a log entry: structured where it is one JSON object, else text.

Rules: https://docs.cloud.google.com/logging/docs/structured-logging ("special JSON fields"). Keys with a meaning move
to the entry's own fields; what has not the right form stays in the payload, so nothing that a program wrote is lost.
Spellings of severities are those that Google's logging agents translate.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import NoReturn, cast

from hakobune.core.instants import timestamp_from_text
from hakobune.core.logs import limits
from hakobune.core.logs.entries import EntryOperation, Severity, SourceLocation, nanos_to_text, utc_text

_PREFIX = "logging.googleapis.com/"

_SPELLINGS: dict[str, Severity] = {
    **{severity.value: severity for severity in Severity},
    "TRACE": Severity.DEBUG,
    "FINE": Severity.DEBUG,
    "FINER": Severity.DEBUG,
    "FINEST": Severity.DEBUG,
    "CONFIG": Severity.DEBUG,
    "INFORMATION": Severity.INFO,
    "WARN": Severity.WARNING,
    "ERR": Severity.ERROR,
    "SEVERE": Severity.ERROR,
    "CRIT": Severity.CRITICAL,
    "FATAL": Severity.CRITICAL,
    "EMERG": Severity.EMERGENCY,
    "D": Severity.DEBUG,
    "I": Severity.INFO,
    "N": Severity.NOTICE,
    "W": Severity.WARNING,
    "E": Severity.ERROR,
    "C": Severity.CRITICAL,
    "F": Severity.CRITICAL,
    "A": Severity.ALERT,
}

# https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#HttpRequest. Numbers of 64 bits are texts.
_HTTP_TEXTS = frozenset(
    {"requestMethod", "requestUrl", "userAgent", "remoteIp", "serverIp", "referer", "latency", "protocol"}
)
_HTTP_FLAGS = frozenset({"cacheLookup", "cacheHit", "cacheValidatedWithOriginServer"})
_HTTP_SIZES = frozenset({"requestSize", "responseSize", "cacheFillBytes"})

Json = dict[str, object]


@dataclass(slots=True, kw_only=True)
class LineFields:
    """What a line says of its entry. `timestamp_s` None: the line gave no time of its own."""

    severity: Severity = Severity.DEFAULT
    timestamp_s: float | None = None
    timestamp_text: str = ""
    text_payload: str | None = None
    json_payload: Json | None = None
    labels: dict[str, str] = field(default_factory=dict[str, str])
    insert_id: str = ""
    http_request: Json | None = None
    operation: EntryOperation | None = None
    source_location: SourceLocation | None = None
    span_id: str = ""
    trace: str = ""
    trace_sampled: bool = False


def is_json_like(data: bytes) -> bool:
    """Whether a line may be structured. Cheap: most lines are not."""
    return data.rstrip()[-1:] == b"}" and data.lstrip()[:1] == b"{"


def parse_line(data: bytes) -> LineFields:
    """The fields of one line (without its line end). Never raises: what is no object of JSON is text."""
    if len(data) <= limits.ENTRY_MAX_BYTES and is_json_like(data):
        payload = _parse_object(data)
        if payload is not None:
            return _from_payload(payload)
    return LineFields(text_payload=data.removesuffix(b"\r").decode("utf-8", "replace"))


def severity_from(value: object) -> Severity | None:
    """A severity in any spelling that agents accept: names in any case, numbers (cut to hundreds); else None."""
    if isinstance(value, str):
        text = value.strip().upper()
        if text.isascii() and text.isdigit() and len(text) < 10:
            return severity_from(int(text))
        return _SPELLINGS.get(text)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return tuple(Severity)[min(value // 100, 8)]
    return None


def _parse_object(data: bytes) -> Json | None:
    try:
        value = _DECODER.decode(data.decode("utf-8", "replace").strip())
    except (ValueError, RecursionError):  # no JSON, numbers that are none, or nested beyond all bounds
        return None
    if not isinstance(value, dict):
        return None
    payload = cast("Json", value)
    if data.count(b"{") + data.count(b"[") > limits.JSON_DEPTH_MAX and _is_too_deep(payload):
        return None
    if b"\\u" in data and not _is_unicode(payload):
        return None
    return payload


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _float(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError("a number beyond all bounds")
    return value


_DECODER = json.JSONDecoder(parse_constant=_constant, parse_float=_float)


def _is_too_deep(payload: Json) -> bool:
    level: list[object] = [payload]
    for _ in range(limits.JSON_DEPTH_MAX):
        level = [child for value in level for child in _children(value)]
        if not level:
            return False
    return True


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(cast("Json", value).values())
    return cast("list[object]", value) if isinstance(value, list) else []


def _is_unicode(payload: Json) -> bool:
    """False for half a surrogate pair, which no UTF-8 can hold."""
    try:
        json.dumps(payload, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _from_payload(payload: Json) -> LineFields:
    fields = LineFields()
    _take_severity(payload, fields)
    _take_time(payload, fields)
    for key, take in _TAKERS.items():
        if key in payload and take(payload[key], fields):
            del payload[key]
    _take_labels(payload, fields)
    _take_http_request(payload, fields)
    message = payload.get("message")
    if isinstance(message, str) and len(payload) == 1:
        fields.text_payload = message
    else:
        fields.json_payload = payload
    return fields


def _take_severity(payload: Json, fields: LineFields) -> None:
    severity = severity_from(payload.get("severity"))
    if severity is not None:
        fields.severity = severity
        del payload["severity"]


def _take_time(payload: Json, fields: LineFields) -> None:
    """The first of the three forms that is whole: an object, a pair of numbers, a text."""
    timestamp = payload.get("timestamp")
    if isinstance(timestamp, dict):
        parts = cast("Json", timestamp)
        if parts.keys() <= {"seconds", "nanos"} and _set_time(parts.get("seconds"), parts.get("nanos", 0), fields):
            del payload["timestamp"]
            return
    if _set_time(payload.get("timestampSeconds"), payload.get("timestampNanos"), fields):
        del payload["timestampSeconds"], payload["timestampNanos"]
        return
    time = payload.get("time")
    if isinstance(time, str):
        try:
            fields.timestamp_s = timestamp_from_text(time)
            fields.timestamp_text = utc_text(time, fields.timestamp_s)
        except (ValueError, OverflowError):
            fields.timestamp_s = None
            return
        del payload["time"]


def _set_time(seconds: object, nanos: object, fields: LineFields) -> bool:
    whole, part = _whole_number(seconds), _whole_number(nanos)
    if whole is None or part is None:
        return False
    try:
        fields.timestamp_text = nanos_to_text(whole, part)
    except (ValueError, OverflowError, OSError):
        return False
    fields.timestamp_s = whole + part / 1e9
    return True


def _whole_number(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.isascii() and value.removeprefix("-").isdigit() and len(value) < 20:
        return int(value)
    return None


def _take_insert_id(value: object, fields: LineFields) -> bool:
    if not isinstance(value, str) or not value:
        return False
    fields.insert_id = value
    return True


def _take_span_id(value: object, fields: LineFields) -> bool:
    if not isinstance(value, str):
        return False
    fields.span_id = value
    return True


def _take_trace(value: object, fields: LineFields) -> bool:
    if not isinstance(value, str):
        return False
    fields.trace = value
    return True


def _take_trace_sampled(value: object, fields: LineFields) -> bool:
    if not isinstance(value, bool):
        return False
    fields.trace_sampled = value
    return True


_OPERATION_TYPES: Mapping[str, type] = {"id": str, "producer": str, "first": bool, "last": bool}


def _take_operation(value: object, fields: LineFields) -> bool:
    if not isinstance(value, dict):
        return False
    parts = cast("Json", value)
    found: Json = {}
    for key, part in parts.items():
        if not isinstance(part, _OPERATION_TYPES.get(key, ())):
            return False
        found[key] = part
    fields.operation = EntryOperation(
        id=str(found.get("id", "")),
        producer=str(found.get("producer", "")),
        first=bool(found.get("first", False)),
        last=bool(found.get("last", False)),
    )
    return True


def _take_source_location(value: object, fields: LineFields) -> bool:
    if not isinstance(value, dict):
        return False
    parts = cast("Json", value)
    file, function = parts.get("file", ""), parts.get("function", "")
    line = _whole_number(parts.get("line", 0))
    if parts.keys() - {"file", "line", "function"} or line is None:
        return False
    if not isinstance(file, str) or not isinstance(function, str):
        return False
    fields.source_location = SourceLocation(file=file, line=line, function=function)
    return True


_TAKERS: Mapping[str, Callable[[object, LineFields], bool]] = {
    f"{_PREFIX}insertId": _take_insert_id,
    f"{_PREFIX}operation": _take_operation,
    f"{_PREFIX}sourceLocation": _take_source_location,
    f"{_PREFIX}spanId": _take_span_id,
    f"{_PREFIX}trace": _take_trace,
    f"{_PREFIX}trace_sampled": _take_trace_sampled,
}


def _take_labels(payload: Json, fields: LineFields) -> None:
    key = f"{_PREFIX}labels"
    labels = payload.get(key)
    if not isinstance(labels, dict):
        return
    given = cast("Json", labels)
    fields.labels = {name: value for name, value in given.items() if isinstance(value, str)}
    rest = {name: value for name, value in given.items() if not isinstance(value, str)}
    _leave(payload, key, rest)


def _take_http_request(payload: Json, fields: LineFields) -> None:
    request = payload.get("httpRequest")
    if not isinstance(request, dict) or not request:
        return
    taken: Json = {}
    rest: Json = {}
    for name, value in cast("Json", request).items():
        whole = _http_value(name, value)
        if whole is None:
            rest[name] = value
        else:
            taken[name] = whole
    if taken:
        fields.http_request = taken
        _leave(payload, "httpRequest", rest)


def _http_value(name: str, value: object) -> object:
    """The value in the form that the API has, or None if it does not fit."""
    if name in _HTTP_TEXTS and isinstance(value, str):
        return value
    if name in _HTTP_FLAGS and isinstance(value, bool):
        return value
    number = _whole_number(value)
    if name == "status" and number is not None and abs(number) < 1 << 31:
        return number
    return str(number) if name in _HTTP_SIZES and number is not None else None


def _leave(payload: Json, key: str, rest: Json) -> None:
    """Keep in the payload only what could not be moved out of it."""
    if rest:
        payload[key] = rest
    else:
        del payload[key]
