"""CloudEvents as JSON: in the JSON format of CloudEvents, and as protobuf writes `io.cloudevents.v1.CloudEvent`.

Sources: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md and cloudevents.proto;
https://cloud.google.com/eventarc/docs/reference/publishing/rest.
"""

from __future__ import annotations

import json
import re
from typing import cast

from hakobune.core.instants import timestamp_from_text
from hakobune.core.triggers.events import SPEC_VERSION, CloudEvent
from hakobune.core.triggers.limits import EVENT_BYTES, EVENTS_AT_ONCE, EXTENSIONS
from hakobune.core.triggers.model import JSON_TYPE
from hakobune.wire.octets import octets_from_text
from hakobune.wire.schema import Json, ListOf, Message, Reader, Scalar
from hakobune.wire.violations import Violations

_TYPE = "type.googleapis.com/io.cloudevents.v1.CloudEvent"
_NAME = re.compile(r"[a-z0-9]{1,64}\Z")  # of an attribute; the CloudEvents specification, "attribute naming convention"
_REQUIRED = ("id", "source", "type")
_OPTIONAL = ("subject", "time", "dataschema", "datacontenttype")
_DATA = ("data", "data_base64")
_CE_VALUES = ("ceString", "ceBoolean", "ceInteger", "ceBytes", "ceUri", "ceUriRef", "ceTimestamp")
_PUBLISH_REQUEST = Message(
    type_name="type.googleapis.com/google.cloud.eventarc.publishing.v1.PublishEventsRequest",
    fields={"channel": Scalar.TEXT, "events": Scalar.ANYTHING, "textEvents": ListOf(Scalar.TEXT)},
)


def events_from_json(value: object) -> list[CloudEvent]:
    """The body of `channels.publishEvents`: `events`, `textEvents`, or both. Raises InvalidArgument with all that is
    wrong."""
    found = Violations()
    tree = Reader(found=found).message(_PUBLISH_REQUEST, value, "")
    found.check()
    given: object = cast("Json", value).get("events") or []
    items: list[object] = cast("list[object]", given) if isinstance(given, list) else [given]
    texts: list[str] = tree.get("textEvents", [])
    if not items and not texts:
        found.add_missing("events", "must hold at least one event, or text_events must")
    if len(items) + len(texts) > EVENTS_AT_ONCE:
        found.add("events", f"a call takes at most {EVENTS_AT_ONCE} events")
        found.check()
    events = [_from_protobuf(item, f"events[{place}]", found) for place, item in enumerate(items)]
    events += [_from_text(text, f"text_events[{place}]", found) for place, text in enumerate(texts)]
    found.check()
    return events


def _from_text(text: str, path: str, found: Violations) -> CloudEvent:
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError) as error:
        found.add(path, f"is no JSON: {error}")
        return _NOTHING
    if not isinstance(tree, dict):
        found.add(path, "is no JSON object")
        return _NOTHING
    return _from_object(cast("Json", tree), path, found)


def _from_object(tree: Json, path: str, found: Violations) -> CloudEvent:
    """An event in the JSON format of CloudEvents."""
    attributes: dict[str, str] = {}
    for name, value in tree.items():
        if name in _DATA or value is None:
            continue
        if isinstance(value, (str, bool, int)):
            attributes[name] = json.dumps(value) if isinstance(value, bool) else str(value)
        else:
            found.add(f"{path}.{name[:64]}", "must be a text, a whole number or a boolean")
    if "data" in tree and "data_base64" in tree:
        found.add(f"{path}.data_base64", "must not be given beside data")
    data, content_type = b"", attributes.get("datacontenttype", "")
    if tree.get("data_base64") is not None:
        data = _octets(tree["data_base64"], f"{path}.data_base64", found)
    elif tree.get("data") is not None:
        is_text = isinstance(tree["data"], str) and not _is_json(content_type)
        data = tree["data"].encode() if is_text else json.dumps(tree["data"], ensure_ascii=False).encode()
        attributes.setdefault("datacontenttype", JSON_TYPE)
    return _event(attributes, data, path, found)


def _from_protobuf(value: object, path: str, found: Violations) -> CloudEvent:
    """An event as protobuf's JSON writes the message, packed into an Any."""
    tree = cast("Json", value) if isinstance(value, dict) else {}
    if tree.get("@type") != _TYPE:
        found.add(path, f'must be an object with "@type": "{_TYPE}"')
        return _NOTHING
    attributes: dict[str, str] = {}
    for name in ("id", "source", "type", "specVersion", "spec_version"):
        if name in tree:
            attributes["specversion" if name.startswith("spec") else name] = _text(tree[name], f"{path}.{name}", found)
    given = tree.get("attributes", {})
    for name, held in (cast("Json", given) if isinstance(given, dict) else {}).items():
        attributes[name] = _attribute(held, f"{path}.attributes[{name[:64]!r}]", found)
    data = b""
    if "textData" in tree:
        data = _text(tree["textData"], f"{path}.text_data", found).encode()
    elif "binaryData" in tree:
        data = _octets(tree["binaryData"], f"{path}.binary_data", found)
    elif "protoData" in tree:
        found.add(f"{path}.proto_data", "is not supported here: write text_data or binary_data")
    return _event(attributes, data, path, found)


def _attribute(value: object, path: str, found: Violations) -> str:
    tree = cast("Json", value) if isinstance(value, dict) else {}
    names = [name for name in _CE_VALUES if name in tree]
    if len(names) != 1 or len(tree) != 1:
        found.add(path, f"must have one of {', '.join(_CE_VALUES)}")
        return ""
    held = tree[names[0]]
    return json.dumps(held) if isinstance(held, bool) else str(held)


def _event(attributes: dict[str, str], data: bytes, path: str, found: Violations) -> CloudEvent:
    """An event of its attributes, all of them as texts."""
    for name in _REQUIRED:
        if not attributes.get(name):
            found.add(f"{path}.{name}", "must not be empty")
    version = attributes.pop("specversion", "")
    if version != SPEC_VERSION:
        found.add(f"{path}.specversion", f'must be "{SPEC_VERSION}", and is {version[:20]!r}')
    time = attributes.get("time", "")
    if time:
        try:
            timestamp_from_text(time)
        except ValueError:
            found.add(f"{path}.time", f"{time[:60]!r} is no timestamp, such as 2026-06-01T02:00:00Z")
    extensions = {name: value for name, value in attributes.items() if name not in (*_REQUIRED, *_OPTIONAL)}
    for name, value in attributes.items():
        if not _NAME.match(name):
            found.add(f"{path}.{name[:64]}", "names of attributes have lower case letters and digits only")
        if any(ord(char) < 0x20 or ord(char) == 0x7F for char in value):
            found.add(f"{path}.{name[:64]}", "has a control character")
    if len(extensions) > EXTENSIONS:
        found.add(path, f"has more than {EXTENSIONS} attributes of its own")
    if len(data) + sum(map(len, attributes.values())) > EVENT_BYTES:
        found.add(path, f"has more than {EVENT_BYTES} bytes")
    return CloudEvent(
        id=attributes.get("id", ""),
        source=attributes.get("source", ""),
        type=attributes.get("type", ""),
        subject=attributes.get("subject", ""),
        time=time,
        data_content_type=attributes.get("datacontenttype", ""),
        data_schema=attributes.get("dataschema", ""),
        extensions=extensions,
        data=data,
    )


_NOTHING = CloudEvent(id="", source="", type="")


def _is_json(content_type: str) -> bool:
    return not content_type or CloudEvent(id="", source="", type="", data_content_type=content_type).has_json


def _text(value: object, path: str, found: Violations) -> str:
    if isinstance(value, str):
        return value
    found.add(path, "must be a text")
    return ""


def _octets(value: object, path: str, found: Violations) -> bytes:
    try:
        return octets_from_text(_text(value, path, found))
    except ValueError as error:
        found.add(path, str(error))
        return b""
