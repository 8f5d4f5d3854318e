"""Deliveries as JSON, operations about triggers, and the data of events about objects."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from hakobune.core.errors import InvalidArgument
from hakobune.core.names import OperationName
from hakobune.core.objects.model import Checksums, ObjectMetadata, ObjectState, ObjectVersion
from hakobune.core.operations import EventarcOperation, Verb
from hakobune.core.triggers.deliveries import Attempted, planned
from hakobune.core.triggers.events import CloudEvent
from hakobune.core.triggers.model import Channel, ChannelName, Destination, Filter, Mischief, Trigger, TriggerName
from hakobune.wire.eventarc_v1_deliveries import delivery_to_json, object_to_data, redeliver_request_from_json
from hakobune.wire.operations import any_operation_to_json

NAME = TriggerName.parse("projects/p/locations/l/triggers/t")
TRIGGER = Trigger(
    name=NAME,
    uid="u",
    filters=(Filter(attribute="type", value="x"),),
    destination=Destination(job="projects/p/locations/l/jobs/j"),
    is_strict=True,
)
EVENT = CloudEvent(id="1", source="//s", type="x", data=b"{}")


def test_a_delivery_shows_how_far_it_has_come() -> None:
    delivery = planned(7, "u", Mischief(delay_s=1.0), 0.0)[0]
    assert delivery_to_json(delivery, TRIGGER, EVENT) == {
        "name": f"{NAME}/events/7-u",
        "state": "PENDING",
        "attempts": 0,
        "createTime": "1970-01-01T00:00:00.000000Z",
        "nextAttemptTime": "1970-01-01T00:00:01.000000Z",
        "event": {
            "id": "1", "source": "//s", "specversion": "1.0", "type": "x", "datacontenttype": "application/json",
            "data": {},
        },
    }  # fmt: skip
    last = Attempted(is_accepted=True, status=200, started="e")
    shown = delivery_to_json(replace(delivery, try_s=None, settle_s=2.0, last=last), TRIGGER, EVENT)
    assert shown["settleTime"] == "1970-01-01T00:00:02.000000Z"
    assert shown["lastAttempt"] == {"status": 200, "started": "e"}
    assert "nextAttemptTime" not in shown


def test_the_data_of_an_object_is_what_storage_shows_without_what_the_message_does_not_have() -> None:
    version = ObjectVersion(
        bucket="b",
        name="映像.mp4",
        generation=5,
        metageneration=1,
        state=ObjectState.LIVE,
        size_bytes=3,
        checksums=Checksums(crc32c=1, md5="00" * 16),
        content="c",
        create_s=1.5,
        update_s=1.5,
        class_update_s=1.5,
        metadata=ObjectMetadata(content_type="video/mp4", custom={"k": "v"}, extra={"acl": [], "retention": {}}),
    )
    tree = json.loads(object_to_data(version, "http://h"))
    assert (tree["generation"], tree["size"], tree["metadata"]) == ("5", "3", {"k": "v"})
    assert tree["timeCreated"] == "1970-01-01T00:00:01.500Z"
    assert not {"acl", "retention", "timeFinalized"} & set(tree)


def test_a_request_to_deliver_again_may_say_anew() -> None:
    assert redeliver_request_from_json({"anew": True})
    assert not redeliver_request_from_json({})
    assert not redeliver_request_from_json(None)
    with pytest.raises(InvalidArgument):
        redeliver_request_from_json({"anew": "yes"})


def test_operations_hold_a_picture_without_what_google_s_messages_do_not_have() -> None:
    operation = EventarcOperation(
        name=OperationName(project="p", location="l", operation="o"),
        verb=Verb.CREATE,
        target=str(NAME),
        create_time_s=0.0,
        trigger=TRIGGER,
    )
    shown = any_operation_to_json(operation)
    assert shown["done"]
    assert shown["metadata"]["target"] == str(NAME)
    assert shown["response"]["@type"] == "type.googleapis.com/google.cloud.eventarc.v1.Trigger"
    assert not {"hakobune", "destination"} & set(shown["response"])
    channel = Channel(name=ChannelName.parse("projects/p/locations/l/channels/c"), uid="u")
    made = any_operation_to_json(replace(operation, trigger=None, channel=channel))
    assert made["response"]["state"] == "ACTIVE"
    gone = any_operation_to_json(replace(operation, trigger=None, verb=Verb.DELETE))
    assert gone["response"] == {"@type": shown["response"]["@type"], "name": str(NAME)}
