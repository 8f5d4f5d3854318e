"""CloudEvents that are published: both forms, and what is refused."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from hakobune.core.errors import InvalidArgument
from hakobune.core.triggers.events import CloudEvent
from hakobune.wire.cloudevents import events_from_json

TYPE = "type.googleapis.com/io.cloudevents.v1.CloudEvent"
TEXT = {"specversion": "1.0", "id": "1", "source": "//s", "type": "my.type"}
PROTO = {"@type": TYPE, "specVersion": "1.0", "id": "1", "source": "//s", "type": "my.type"}


def one_text(**fields: Any) -> CloudEvent:
    (event,) = events_from_json({"textEvents": [json.dumps({**TEXT, **fields})]})
    return event


def one(**fields: Any) -> CloudEvent:
    (event,) = events_from_json({"events": [{**PROTO, **fields}]})
    return event


def refused(body: Any) -> str:
    with pytest.raises(InvalidArgument) as caught:
        events_from_json(body)
    return caught.value.message


def test_a_text_event_with_everything() -> None:
    event = one_text(
        subject="o", time="2026-06-01T02:00:00Z", dataschema="http://d", count=3, flag=True, data={"a": ["é"]}
    )
    assert event == CloudEvent(
        id="1",
        source="//s",
        type="my.type",
        subject="o",
        time="2026-06-01T02:00:00Z",
        data_content_type="application/json",
        data_schema="http://d",
        extensions={"count": "3", "flag": "true"},
        data='{"a": ["é"]}'.encode(),
    )


def test_data_is_json_unless_its_content_type_says_otherwise() -> None:
    assert one_text(data="a", datacontenttype="text/plain").data == b"a"
    assert one_text(data="a").data == b'"a"'
    assert one_text(data_base64=base64.b64encode(b"\xff").decode(), datacontenttype="image/png").data == b"\xff"
    assert (one_text().data, one_text().data_content_type) == (b"", "")


def test_an_event_of_protobuf_has_its_attributes_by_their_kinds() -> None:
    event = one(
        attributes={
            "datacontenttype": {"ceString": "application/json"},
            "time": {"ceTimestamp": "2026-06-01T02:00:00Z"},
            "flag": {"ceBoolean": False},
            "count": {"ceInteger": 3},
        },
        textData='{"a": 1}',
    )
    assert (event.data, event.data_content_type, event.time) == (
        b'{"a": 1}',
        "application/json",
        "2026-06-01T02:00:00Z",
    )
    assert dict(event.extensions) == {"flag": "false", "count": "3"}
    assert one(binaryData="/w==").data == b"\xff"


def test_both_forms_may_come_together_in_order() -> None:
    found = events_from_json({"events": [{**PROTO, "id": "a"}], "textEvents": [json.dumps({**TEXT, "id": "b"})]})
    assert [event.id for event in found] == ["a", "b"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "events: must hold at least one event"),
        ({"textEvents": ["{"]}, "text_events[0]: is no JSON"),
        ({"textEvents": ["[" * 100_000]}, "text_events[0]: is no JSON"),
        ({"textEvents": ["[]"]}, "text_events[0]: is no JSON object"),
        ({"textEvents": ["{}"]}, "text_events[0].id: must not be empty"),
        ({"textEvents": [json.dumps({**TEXT, "specversion": "0.3"})]}, 'text_events[0].specversion: must be "1.0"'),
        ({"textEvents": [json.dumps({**TEXT, "time": "now"})]}, "text_events[0].time: 'now' is no timestamp"),
        ({"textEvents": [json.dumps({**TEXT, "myAttr": "x"})]}, "text_events[0].myAttr: names of attributes"),
        ({"textEvents": [json.dumps({**TEXT, "x": [1]})]}, "text_events[0].x: must be a text"),
        ({"textEvents": [json.dumps({**TEXT, "x": "a\nb"})]}, "text_events[0].x: has a control character"),
        ({"textEvents": [json.dumps({**TEXT, "data": 1, "data_base64": "YQ=="})]}, "must not be given beside data"),
        ({"textEvents": [json.dumps({**TEXT, "data_base64": "%"})]}, "text_events[0].data_base64: is not base64"),
        ({"textEvents": [json.dumps({**TEXT, "data_base64": 1})]}, "text_events[0].data_base64: must be a text"),
        ({"textEvents": [json.dumps({**TEXT, **{f"x{n}": "y" for n in range(51)}})]}, "more than 50 attributes"),
        ({"textEvents": [json.dumps(TEXT)] * 101}, "a call takes at most 100 events"),
        ({"events": "x"}, "events[0]: must be an object"),
        ({"events": [{**PROTO, "@type": "other"}]}, f'events[0]: must be an object with "@type": "{TYPE}"'),
        ({"events": [{**PROTO, "id": 1}]}, "events[0].id: must be a text"),
        ({"events": [{**PROTO, "attributes": {"x": {}}}]}, "events[0].attributes['x']: must have one of"),
        ({"events": [{**PROTO, "protoData": {}}]}, "events[0].proto_data: is not supported here"),
        ({"unknown": 1}, 'Unknown name "unknown"'),
    ],
)
def test_what_is_no_event_is_named(body: Any, text: str) -> None:
    assert text in refused(body)


def test_an_event_that_is_too_large_is_refused() -> None:
    assert "more than 10000000 bytes" in refused({"textEvents": [json.dumps({**TEXT, "data": "a" * 10_000_000})]})
