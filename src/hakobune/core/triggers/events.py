"""CloudEvents, and how they go out: as headers and body, as one JSON object, as variables of a job.

Sources: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md (binary content
mode), https://cloud.google.com/eventarc/docs/cloudevents, https://cloud.google.com/eventarc/docs/workflows/cloudevents.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from hakobune.core.triggers.model import JSON_TYPE

Headers = tuple[tuple[str, str], ...]

SPEC_VERSION = "1.0"
_AGENT = "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)"
_SENDER = "noreply@google.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudEvent:
    """An event. `time` is RFC 3339, "" if it has none. `extensions` by their names in lower case."""

    id: str
    source: str
    type: str
    subject: str = ""
    time: str = ""
    data_content_type: str = JSON_TYPE
    data_schema: str = ""
    extensions: Mapping[str, str] = field(default_factory=dict[str, str])
    data: bytes = b""

    def attributes(self) -> Iterator[tuple[str, str]]:
        """All attributes that are set, but for the content type of the data."""
        yield "id", self.id
        yield "source", self.source
        yield "specversion", SPEC_VERSION
        yield "type", self.type
        for name, value in (("subject", self.subject), ("time", self.time), ("dataschema", self.data_schema)):
            if value:
                yield name, value
        yield from self.extensions.items()

    @property
    def has_json(self) -> bool:
        """Whether the data is JSON."""
        media = self.data_content_type.partition(";")[0].strip().lower()
        return media == JSON_TYPE or media.endswith("+json")


def header_value(text: str) -> str:
    """An attribute as the value of a header: what is not visible ASCII, quotes and percent signs are encoded."""
    return "".join(_escaped(char) for char in text)


def _escaped(char: str) -> str:
    if "\x21" <= char <= "\x7e" and char not in '"%':
        return char
    return "".join(f"%{octet:02X}" for octet in char.encode("utf-8", "replace"))


def binary_headers(event: CloudEvent, delivery_uid: str) -> Headers:
    """The headers of a delivery, but for the token and those of the connection."""
    trace = hashlib.sha256(delivery_uid.encode()).hexdigest()
    return (
        *((f"ce-{name}", header_value(value)) for name, value in event.attributes()),
        *((("Content-Type", event.data_content_type),) if event.data_content_type else ()),
        ("Accept", JSON_TYPE),
        ("From", _SENDER),
        ("User-Agent", _AGENT),
        ("traceparent", f"00-{trace[:32]}-{trace[32:48]}-01"),
    )


def event_to_json(event: CloudEvent) -> dict[str, object]:
    """The event as one object, in the JSON format of CloudEvents: data that is JSON as it is, texts as texts, all else
    in base64."""
    tree: dict[str, object] = dict(event.attributes())
    if event.data_content_type:
        tree["datacontenttype"] = event.data_content_type
    if not event.data:
        return tree
    if event.has_json:
        try:
            tree["data"] = json.loads(event.data)
        except (ValueError, RecursionError):
            tree["data_base64"] = base64.b64encode(event.data).decode()
        return tree
    try:
        if not event.data_content_type.startswith("text/"):
            raise ValueError("not a text")
        tree["data"] = event.data.decode()
    except ValueError:
        tree["data_base64"] = base64.b64encode(event.data).decode()
    return tree


def job_variables(event: CloudEvent) -> dict[str, str]:
    """The event as variables of a job: CE_ID, CE_TYPE, … and CE_DATA. Ours."""
    found = {f"CE_{name.upper()}": value for name, value in event.attributes()}
    if event.data_content_type:
        found["CE_DATACONTENTTYPE"] = event.data_content_type
    try:
        found["CE_DATA"] = event.data.decode()
        if "\0" in found["CE_DATA"]:
            raise ValueError("no text")
    except ValueError:
        found["CE_DATA"] = base64.b64encode(event.data).decode()
        found["CE_DATAENCODING"] = "base64"
    return found


def identity_key(event: CloudEvent) -> str:
    """The same for all deliveries of an event, and for no other event: made of its source and id, which identify it."""
    return hashlib.sha256(f"{event.source}\n{event.id}".encode("utf-8", "surrogatepass")).hexdigest()[:40]
