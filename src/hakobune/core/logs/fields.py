"""Fields of an entry by the paths that queries use, and what comparing means for each type.

Names of fields are taken in camelCase and snake_case. Keys of payloads and labels are taken as they are. A field that
LogEntry has and the entry has not counts as its default; a key of a payload or of labels that is not there compares
false with everything, also with `!=`
(https://docs.cloud.google.com/logging/docs/view/logging-query-language, "missing and defaulted fields").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import cast

from hakobune.core.instants import duration_from_text, timestamp_from_text
from hakobune.core.logs.entries import LogEntry, Severity
from hakobune.core.logs.structured import severity_from

Path = tuple[str, ...]
Values = Sequence[object]  # of a field in one entry: none if it is missing, several if it is repeated


class FieldType(Enum):
    """How a field compares."""

    PLAIN = "plain"  # by the type of the value that is there
    SEVERITY = "severity"
    TIMESTAMP = "timestamp"
    DURATION = "duration"
    NUMBER = "number"  # a number, also where JSON has it as text


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field that a query names: how it compares, where its values are, and whether the entry has it itself."""

    type: FieldType
    values: Callable[[LogEntry], Values]
    is_present: Callable[[LogEntry], bool]


def find_field(path: Path) -> Field | None:
    """The field at `path`, or None if entries have no such field."""
    top = _plain(path[0])
    scalar = _SCALARS.get(top)
    if scalar is not None:
        return scalar if len(path) == 1 else None
    match top, path[1:]:
        case "resource", ():
            return _tree(lambda entry: {"type": entry.resource.type, "labels": entry.resource.labels}, ())
        case "resource", (name, *rest) if _plain(name) == "type" and not rest:
            return _scalar(lambda entry: entry.resource.type)
        case "resource", (name, *rest) if _plain(name) == "labels":
            return _tree(lambda entry: entry.resource.labels, tuple(rest))
        case "labels", rest:
            return _tree(lambda entry: entry.labels, tuple(rest))
        case "jsonpayload", rest:
            return _tree(lambda entry: entry.json_payload, tuple(rest))
        case "protopayload" | "metadata", rest:
            return _tree(lambda _: None, tuple(rest))
        case "httprequest", (name,):
            return _HTTP.get(_plain(name))
        case (("httprequest" | "operation" | "sourcelocation" | "split"), ()):
            return _tree(_WHOLE[top], ())
        case (("operation" | "sourcelocation" | "split"), (name,)):
            return _PARTS[top].get(_plain(name))
        case _:
            return None


def every_text(entry: LogEntry) -> Iterator[str]:
    """All texts of an entry, for a search without a field."""
    yield entry.text_payload or ""
    if entry.json_payload is not None:
        yield from _texts(entry.json_payload)
    yield entry.log_name
    yield entry.severity.value
    yield entry.insert_id
    yield entry.resource.type
    yield from entry.resource.labels.values()
    yield from entry.labels.values()
    yield entry.trace
    yield entry.span_id
    if entry.http_request is not None:
        yield from _texts(entry.http_request)


def has_text(value: object, wanted: str) -> bool:
    """Whether a value, a key or a value below it contains `wanted` (in lower case)."""
    if isinstance(value, (Mapping, list, tuple)):
        return any(wanted in text.lower() for text in _texts(cast("object", value)))
    return wanted in _shown(value).lower()


def _texts(value: object) -> Iterator[str]:
    stack = [value]
    while stack:
        part = stack.pop()
        if isinstance(part, Mapping):
            for key, child in cast("Mapping[str, object]", part).items():
                yield key
                stack.append(child)
        elif isinstance(part, (list, tuple)):
            stack.extend(cast("Sequence[object]", part))
        else:
            yield _shown(part)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


def literal(kind: FieldType, text: str) -> object:
    """The value that a query compares with. Raises ValueError with what is wrong."""
    match kind:
        case FieldType.SEVERITY:
            severity = severity_from(text)
            if severity is None:
                raise ValueError(f"{text[:60]!r} is not a severity")
            return severity.number
        case FieldType.TIMESTAMP:
            return instant(text)
        case FieldType.DURATION:
            return duration_from_text(text if text.endswith("s") else f"{text}s")
        case FieldType.NUMBER:
            return float(text)
        case FieldType.PLAIN:
            return text


def instant(text: str) -> float:
    """The instant of a timestamp, or of a date alone (its beginning in UTC). Raises ValueError."""
    return timestamp_from_text(f"{text}T00:00:00Z" if len(text) == len("2026-11-23") else text)


def compare(operator: str, value: object, wanted: object) -> bool:
    """`value operator wanted` for one of `= : < <= > >=`. A number compares with numbers only, a text with texts,
    without regard to case; `:` is "contains" for texts and "equals" for all else."""
    if isinstance(value, str):
        text, other = value.lower(), str(wanted).lower()
        return other in text if operator == ":" else _ordered(operator, text, other)
    if isinstance(value, (Mapping, list, tuple)):
        return operator == ":" and has_text(cast("object", value), str(wanted).lower())
    if isinstance(value, bool):
        return operator in {"=", ":"} and _shown(value) == str(wanted).lower()
    if isinstance(value, (int, float)):
        try:
            return _ordered(operator, value, float(cast("str | float", wanted)))
        except ValueError:
            return False
    return False


def _ordered(operator: str, left: str | float, right: str | float) -> bool:
    match operator:
        case "=" | ":":
            return left == right
        case "<":
            return left < right  # type: ignore[operator]  # both are texts or both are numbers
        case "<=":
            return left <= right  # type: ignore[operator]
        case ">":
            return left > right  # type: ignore[operator]
        case _:
            return left >= right  # type: ignore[operator]


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _scalar(get: Callable[[LogEntry], object], kind: FieldType = FieldType.PLAIN) -> Field:
    return Field(type=kind, values=lambda entry: (get(entry),), is_present=lambda entry: bool(get(entry)))


def _tree(get: Callable[[LogEntry], object], path: Path) -> Field:
    """What lies below a value of the entry. A list stands for each of its items."""

    def values(entry: LogEntry) -> Values:
        found: list[object] = [] if get(entry) is None else [get(entry)]
        for name in path:
            found = [
                cast("Mapping[str, object]", child)[name]
                for child in _flat(found)
                if isinstance(child, Mapping) and name in child
            ]
        return _flat(found)

    return Field(type=FieldType.PLAIN, values=values, is_present=lambda entry: bool(values(entry)))


def _flat(values: list[object]) -> list[object]:
    found: list[object] = []
    for value in values:
        if isinstance(value, (list, tuple)):
            found += cast("list[object]", value)
        else:
            found.append(value)
    return found


def _http(name: str, default: object, kind: FieldType) -> Field:
    def value(entry: LogEntry) -> object:
        found = default if entry.http_request is None else entry.http_request.get(name, default)
        try:
            if kind is FieldType.DURATION:
                return duration_from_text(str(found))
            return float(str(found)) if kind is FieldType.NUMBER else found
        except ValueError:
            return None  # a program wrote something else there

    return Field(
        type=kind,
        values=lambda entry: (value(entry),),
        is_present=lambda entry: entry.http_request is not None and name in entry.http_request,
    )


def _operation(entry: LogEntry) -> object:
    whole = entry.operation
    if whole is None:
        return None
    return {"id": whole.id, "producer": whole.producer, "first": whole.first, "last": whole.last}


def _source(entry: LogEntry) -> object:
    whole = entry.source_location
    return None if whole is None else {"file": whole.file, "line": whole.line, "function": whole.function}


def _split(entry: LogEntry) -> object:
    return None if entry.split is None else {"uid": entry.split.uid, "index": entry.split.index}


def _part(get: Callable[[LogEntry], object], name: str, default: object, kind: FieldType) -> Field:
    def value(entry: LogEntry) -> object:
        whole = get(entry)
        return default if whole is None else cast("Mapping[str, object]", whole)[name]

    return _scalar(value, kind)


_SCALARS: Mapping[str, Field] = {
    "insertid": _scalar(lambda entry: entry.insert_id),
    "logname": _scalar(lambda entry: entry.log_name),
    "textpayload": Field(
        type=FieldType.PLAIN,
        values=lambda entry: (entry.text_payload or "",),
        is_present=lambda entry: entry.text_payload is not None,
    ),
    "severity": Field(
        type=FieldType.SEVERITY,
        values=lambda entry: (entry.severity.number,),
        is_present=lambda entry: entry.severity is not Severity.DEFAULT,
    ),
    "timestamp": _scalar(lambda entry: entry.timestamp_s, FieldType.TIMESTAMP),
    "receivetimestamp": _scalar(lambda entry: entry.receive_s, FieldType.TIMESTAMP),
    "spanid": _scalar(lambda entry: entry.span_id),
    "trace": _scalar(lambda entry: entry.trace),
    "tracesampled": _scalar(lambda entry: entry.trace_sampled),
}

_HTTP: Mapping[str, Field] = {
    **{
        _plain(name): _http(name, "", FieldType.PLAIN)
        for name in ("requestMethod", "requestUrl", "userAgent", "remoteIp", "serverIp", "referer", "protocol")
    },
    **{
        _plain(name): _http(name, 0, FieldType.NUMBER)
        for name in ("status", "requestSize", "responseSize", "cacheFillBytes")
    },
    **{
        _plain(name): _http(name, False, FieldType.PLAIN)
        for name in ("cacheLookup", "cacheHit", "cacheValidatedWithOriginServer")
    },
    "latency": _http("latency", "0s", FieldType.DURATION),
}

_WHOLE: Mapping[str, Callable[[LogEntry], object]] = {
    "httprequest": lambda entry: entry.http_request,
    "operation": _operation,
    "sourcelocation": _source,
    "split": _split,
}

_PARTS: Mapping[str, Mapping[str, Field]] = {
    "operation": {
        "id": _part(_operation, "id", "", FieldType.PLAIN),
        "producer": _part(_operation, "producer", "", FieldType.PLAIN),
        "first": _part(_operation, "first", False, FieldType.PLAIN),
        "last": _part(_operation, "last", False, FieldType.PLAIN),
    },
    "sourcelocation": {
        "file": _part(_source, "file", "", FieldType.PLAIN),
        "line": _part(_source, "line", 0, FieldType.NUMBER),
        "function": _part(_source, "function", "", FieldType.PLAIN),
    },
    "split": {
        "uid": _part(_split, "uid", "", FieldType.PLAIN),
        "index": _part(_split, "index", 0, FieldType.NUMBER),
    },
}
