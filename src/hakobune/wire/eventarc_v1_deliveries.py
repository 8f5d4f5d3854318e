"""Deliveries as JSON, and the data of events about objects. The API of deliveries is ours."""

from __future__ import annotations

import json

from hakobune.core.instants import timestamp_to_text
from hakobune.core.objects.model import ObjectVersion
from hakobune.core.triggers.deliveries import Delivery
from hakobune.core.triggers.events import CloudEvent, event_to_json
from hakobune.core.triggers.model import Trigger
from hakobune.wire.schema import Json, Message, Reader, Scalar
from hakobune.wire.storage_v1_objects import object_to_json
from hakobune.wire.violations import Violations

# Fields of an object that the message StorageObjectData does not have.
# Source: https://github.com/googleapis/google-cloudevents, proto/google/events/cloud/storage/v1/data.proto.
_NOT_TOLD = frozenset(
    {"acl", "contexts", "retention", "timeFinalized", "softDeleteTime", "hardDeleteTime", "customTime"}
)
_REDELIVER_REQUEST = Message(type_name="hakobune.RedeliverEventRequest", fields={"anew": Scalar.FLAG})


def delivery_to_json(delivery: Delivery, trigger: Trigger, event: CloudEvent) -> Json:
    """A delivery, with its event."""
    tree: Json = {
        "name": f"{trigger.name}/events/{delivery.uid}",
        "state": delivery.state.value,
        "attempts": delivery.attempts,
        "createTime": timestamp_to_text(delivery.create_s),
        "event": event_to_json(event),
    }
    if delivery.try_s is not None:
        tree["nextAttemptTime"] = timestamp_to_text(delivery.try_s)
    if delivery.settle_s is not None:
        tree["settleTime"] = timestamp_to_text(delivery.settle_s)
    last = delivery.last
    if last is not None:
        tree["lastAttempt"] = {
            name: value
            for name, value in (("status", last.status), ("message", last.message), ("started", last.started))
            if value
        }
    return tree


def redeliver_request_from_json(value: object) -> bool:
    """The body of `events.redeliver`: whether a workflow or a job is to be started anew. Raises InvalidArgument."""
    found = Violations()
    tree = Reader(found=found).message(_REDELIVER_REQUEST, {} if value is None else value, "")
    found.check()
    return bool(tree.get("anew", False))


def object_to_data(version: ObjectVersion, root: str) -> bytes:
    """The data of an event about an object. `root`: scheme and host of its links."""
    tree = {name: value for name, value in object_to_json(version, root).items() if name not in _NOT_TOLD}
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode()
