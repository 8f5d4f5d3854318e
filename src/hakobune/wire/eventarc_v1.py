"""Triggers, channels and providers of the Eventarc API v1 as JSON, both ways.

Source: https://cloud.google.com/eventarc/docs/reference/rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hakobune.core.instants import duration_to_text, timestamp_to_text
from hakobune.core.triggers.event_types import Attribute, EventType, Provider
from hakobune.core.triggers.model import (
    PATH_PATTERN,
    Channel,
    ChannelName,
    Condition,
    Destination,
    Filter,
    Mischief,
    Trigger,
    TriggerName,
)
from hakobune.wire.eventarc_v1_rules import DESTINATIONS, trigger_from_tree
from hakobune.wire.eventarc_v1_schema import CHANNEL, TRIGGER
from hakobune.wire.schema import FieldType, Json, ListOf, MapOf, Message, Reader
from hakobune.wire.violations import Violations
from hakobune.wire.workflows_v1_rules import check_labels

_TRIGGER, _CHANNEL = "trigger", "channel"
_MASK = "update_mask"
_MASK_PATHS_MAX = 100


# -- show -----------------------------------------------------------------------------------------------------------


def trigger_to_json(trigger: Trigger, conditions: Sequence[Condition] = ()) -> Json:
    """A trigger as it is shown."""
    tree = _settings_to_json(trigger)
    tree["uid"] = trigger.uid
    tree["createTime"] = timestamp_to_text(trigger.create_s)
    tree["updateTime"] = timestamp_to_text(trigger.update_s)
    tree["transport"] = {"pubsub": {"topic": trigger.topic, "subscription": trigger.subscription}}
    tree["etag"] = trigger.etag
    if conditions:
        tree["conditions"] = {one.reason: {"code": one.code.name, "message": one.message} for one in conditions}
    return tree


def _settings_to_json(trigger: Trigger) -> Json:
    """All that a user sets, but for the transport."""
    tree: Json = {
        "name": str(trigger.name),
        "eventFilters": [_filter_to_json(one) for one in trigger.filters],
        "destination": _destination_to_json(trigger.destination),
        "eventDataContentType": trigger.content_type,
    }
    for name, value in (
        ("serviceAccount", trigger.service_account),
        ("channel", trigger.channel),
        ("labels", dict(trigger.labels)),
    ):
        if value:
            tree[name] = value
    if trigger.max_attempts:
        tree["retryPolicy"] = {"maxAttempts": trigger.max_attempts}
    extension = _extension_to_json(trigger)
    if extension:
        tree["hakobune"] = extension
    return tree


def _filter_to_json(one: Filter) -> Json:
    tree: Json = {"attribute": one.attribute, "value": one.value}
    return {**tree, "operator": PATH_PATTERN} if one.is_pattern else tree


def _destination_to_json(destination: Destination) -> Json:
    service, endpoint = destination.service, destination.endpoint
    if service is not None:
        tree: Json = {"service": service.service, "region": service.region}
        return {"cloudRun": {**tree, "path": service.path} if service.path else tree}
    if endpoint is not None:
        tree = {"httpEndpoint": {"uri": endpoint.uri}}
        if endpoint.network_attachment:
            tree["networkConfig"] = {"networkAttachment": endpoint.network_attachment}
        return tree
    if destination.job:
        parts = destination.job.split("/")
        return {"cloudRun": {"job": parts[5], "region": parts[3]}}
    return {"workflow": destination.workflow}


def _extension_to_json(trigger: Trigger) -> Json:
    tree: Json = {}
    if trigger.is_strict:
        tree["strictDuplicates"] = True
    if trigger.mischief != Mischief():
        mischief = trigger.mischief
        tree["test"] = {
            "duplicates": mischief.duplicates,
            "delay": duration_to_text(mischief.delay_s),
            "reorder": duration_to_text(mischief.reorder_s),
            "seed": mischief.seed,
        }
    return tree


def channel_to_json(channel: Channel) -> Json:
    """A channel as it is shown: one that can be used."""
    tree: Json = {
        "name": str(channel.name),
        "uid": channel.uid,
        "createTime": timestamp_to_text(channel.create_s),
        "updateTime": timestamp_to_text(channel.update_s),
        "state": "ACTIVE",
    }
    for name, value in (
        ("provider", channel.provider),
        ("cryptoKeyName", channel.crypto_key_name),
        ("labels", dict(channel.labels)),
    ):
        if value:
            tree[name] = value
    return tree


def provider_to_json(provider: Provider, parent: str) -> Json:
    """A provider in a location, `projects/P/locations/L`."""
    return {
        "name": f"{parent}/providers/{provider.id}",
        "displayName": provider.display_name,
        "eventTypes": [_type_to_json(one) for one in provider.types],
    }


_TYPE_ATTRIBUTE = Attribute(name="type", description="The type of the event.")


def _type_to_json(known: EventType) -> Json:
    return {
        "type": known.type,
        "description": known.description,
        "filteringAttributes": [_attribute_to_json(one) for one in (_TYPE_ATTRIBUTE, *known.attributes)],
        "eventSchemaUri": known.schema_uri,
    }


def _attribute_to_json(attribute: Attribute) -> Json:
    tree: Json = {"attribute": attribute.name, "description": attribute.description}
    if attribute.is_required:
        tree["required"] = True
    if attribute.takes_pattern:
        tree["pathPatternSupported"] = True
    return tree


# -- read -----------------------------------------------------------------------------------------------------------

# Makes a trigger or a channel of what was given, from the uid that it gets.
MakeTrigger = Callable[[str], Trigger]
MakeChannel = Callable[[str], Channel]


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerPatch:
    """What `triggers.patch` was asked: a change of the trigger that is stored, and a new one should there be none."""

    change: Callable[[Trigger], Trigger]
    make: MakeTrigger
    etag: str


def new_trigger_from_json(value: object, name: TriggerName) -> MakeTrigger:
    """The body of `triggers.create`. Raises InvalidArgument with all that is wrong."""
    tree, found = _read(TRIGGER, _TRIGGER, value, str(name))
    draft = trigger_from_tree(tree, name, "-", found)
    found.check()
    return lambda uid: replace(draft, uid=uid)


def trigger_patch_from_json(value: object, name: TriggerName, mask: str | None) -> TriggerPatch:
    """The body of `triggers.patch`. Only what the mask names counts; without one (None) all that was given. Raises
    InvalidArgument; what it returns raises InvalidArgument, too."""
    tree, found = _read(TRIGGER, _TRIGGER, value, str(name))
    etag: str = tree.pop("etag", "")
    topic: str = tree.pop("transport", {}).get("pubsub", {}).get("topic", "")
    paths = [(field,) for field in sorted(tree)] if mask is None else _masked(TRIGGER, mask, found)
    found.check()

    def change(trigger: Trigger) -> Trigger:
        merged = _settings_to_json(trigger)
        for path in paths:
            if path[0] != "transport":
                _copy(tree, merged, path)
        problems = Violations()
        if topic not in ("", trigger.topic) and (mask is None or ("transport",) in [path[:1] for path in paths]):
            problems.add("trigger.transport.pubsub.topic", "cannot be changed: delete the trigger and create it again")
        changed = trigger_from_tree(merged, name, trigger.uid, problems)
        problems.check()
        return replace(
            changed,
            topic=trigger.topic,
            subscription=trigger.subscription,
            owns_topic=trigger.owns_topic,
            create_s=trigger.create_s,
            revision=trigger.revision,
        )

    def make(uid: str) -> Trigger:
        transport = {"transport": {"pubsub": {"topic": topic}}} if topic else {}
        return new_trigger_from_json({**tree, **transport}, name)(uid)

    return TriggerPatch(change=change, make=make, etag=etag)


def _copy(source: Json, target: Json, path: tuple[str, ...]) -> None:
    """Put what stands at a path into another tree; what is not there goes there, too."""
    *parents, last = path
    for place, parent in enumerate(parents):
        source = source.get(parent, {})
        if path[:place] == ("destination",) and source:
            _make_way(target, parent)
        target = target.setdefault(parent, {})
    if last not in source:
        target.pop(last, None)
        return
    if parents == ["destination"]:
        _make_way(target, last)
    target[last] = source[last]


def _make_way(destination: Json, member: str) -> None:
    """A destination is one of several: the others go."""
    if member in DESTINATIONS:
        for other in DESTINATIONS:
            if other != member:
                destination.pop(other, None)


def new_channel_from_json(value: object, name: ChannelName) -> MakeChannel:
    """The body of `channels.create`. Raises InvalidArgument."""
    tree, found = _read(CHANNEL, _CHANNEL, value, str(name))
    draft = _channel_from_tree(tree, Channel(name=name, uid="-"), found)
    found.check()
    return lambda uid: replace(draft, uid=uid)


def channel_patch_from_json(value: object, name: ChannelName, mask: str | None) -> Callable[[Channel], Channel]:
    """The body of `channels.patch`: a change of the channel that is stored. Raises InvalidArgument."""
    tree, found = _read(CHANNEL, _CHANNEL, value, str(name))
    paths = [(field,) for field in sorted(tree)] if mask is None else _masked(CHANNEL, mask, found)
    _channel_from_tree(tree, Channel(name=name, uid="-"), found)
    found.check()

    def change(channel: Channel) -> Channel:
        shown = channel_to_json(channel)
        merged: Json = {name: shown[name] for name in ("provider", "cryptoKeyName", "labels") if name in shown}
        for path in paths:
            _copy(tree, merged, path)
        return _channel_from_tree(merged, channel, Violations())

    return change


def _channel_from_tree(tree: Json, base: Channel, found: Violations) -> Channel:
    labels: dict[str, str] = tree.get("labels", {})
    check_labels(labels, f"{_CHANNEL}.labels", found)
    return replace(
        base, provider=tree.get("provider", ""), crypto_key_name=tree.get("cryptoKeyName", ""), labels=labels
    )


def _read(kind: Message, field: str, value: object, name: str) -> tuple[Json, Violations]:
    found = Violations()
    tree = Reader(found=found).message(kind, value, field)
    if tree.pop("name", name) != name:
        found.add(f"{field}.name", f"contradicts the name in the path, {name}")
    return tree, found


def _masked(kind: Message, mask: str, found: Violations) -> list[tuple[str, ...]]:
    """The paths of a mask, in the names of JSON."""
    texts = [text.strip() for text in mask.split(",")]
    if len(texts) > _MASK_PATHS_MAX:
        found.add(_MASK, f"has more than {_MASK_PATHS_MAX} paths")
        return []
    kept = kind.output_only | {"name", "etag"}
    if texts == ["*"]:
        return [(name,) for name in kind.fields if name not in kept and name != "transport"]
    paths: list[tuple[str, ...]] = []
    for text in texts:
        path = _path(kind, text)
        if path is None:
            found.add(_MASK, f"{text[:_MASK_PATHS_MAX]!r} is no field of a {_kind_name(kind)} that can be changed")
        elif path[0] not in kept:  # clients name what they read: ignored
            paths.append(path)
    return paths


def _path(kind: Message, text: str) -> tuple[str, ...] | None:
    """The fields that a path names; it ends at a list, or at a map."""
    path: list[str] = []
    inner: FieldType = kind
    for part in text.split("."):
        if isinstance(inner, (ListOf, MapOf)):
            break
        name = inner.names.get(part) if isinstance(inner, Message) else None
        if name is None or not isinstance(inner, Message):
            return None
        path.append(name)
        inner = inner.fields[name]
    return tuple(path)


def _kind_name(kind: Message) -> str:
    """The name of a message, as a text says it."""
    return kind.type_name.rpartition(".")[2].lower()
