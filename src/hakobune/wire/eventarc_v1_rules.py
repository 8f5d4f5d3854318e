"""What a trigger of the Eventarc API v1 may say: each rule names its field, and what to do. Bounds:
`core.triggers.limits`."""

from __future__ import annotations

import re
from dataclasses import replace

from hakobune.core.errors import InvalidArgument
from hakobune.core.instants import duration_from_text
from hakobune.core.names import JobName, WorkflowName, check_location
from hakobune.core.pubsub.names import TopicName
from hakobune.core.triggers import limits
from hakobune.core.triggers.event_types import EVENT_TYPES, MESSAGE_PUBLISHED, EventType
from hakobune.core.triggers.model import (
    JSON_TYPE,
    PATH_PATTERN,
    ChannelName,
    Destination,
    EndpointDestination,
    Filter,
    Mischief,
    ServiceDestination,
    Trigger,
    TriggerName,
)
from hakobune.core.triggers.patterns import BadPattern, compile_pattern
from hakobune.wire.schema import Json
from hakobune.wire.violations import Violations
from hakobune.wire.web_urls import is_web_url
from hakobune.wire.workflows_v1_rules import check_labels

_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}\Z", re.ASCII)
_SERVICE = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?\Z", re.ASCII)
_WORKFLOW = re.compile(r"projects/([^/]+)/locations/([^/]+)/workflows/([^/]+)\Z")
_PROTOBUF_TYPE = "application/protobuf"
DESTINATIONS = ("cloudRun", "cloudFunction", "gke", "workflow", "httpEndpoint")
_REMEDY = "give cloud_run, workflow or http_endpoint"


def trigger_from_tree(tree: Json, name: TriggerName, uid: str, found: Violations) -> Trigger:
    """A trigger from its canonical JSON; what is wrong is noted."""
    channel = _channel(tree.get("channel", ""), found)
    filters = _filters(tree.get("eventFilters", []), found, is_custom=bool(channel))
    extension: Json = tree.get("hakobune", {})
    labels: dict[str, str] = tree.get("labels", {})
    check_labels(labels, "trigger.labels", found)
    content_type = tree.get("eventDataContentType", JSON_TYPE) or JSON_TYPE
    if content_type == _PROTOBUF_TYPE:
        found.add(
            "trigger.event_data_content_type", f"{_PROTOBUF_TYPE} is not supported here: leave it out, or {JSON_TYPE}"
        )
    elif content_type != JSON_TYPE:
        found.add("trigger.event_data_content_type", f"must be {JSON_TYPE}, and is {content_type[:100]!r}")
    trigger = Trigger(
        name=name,
        uid=uid,
        filters=filters,
        destination=_destination(tree.get("destination", {}), name, found),
        service_account=_account(tree.get("serviceAccount", ""), found),
        labels=labels,
        channel=channel,
        content_type=content_type,
        is_strict=extension.get("strictDuplicates", False),
        mischief=_mischief(extension.get("test", {}), found),
    )
    return _with_transport(trigger, tree, found)


# -- filters --------------------------------------------------------------------------------------------------------


def _filters(items: list[Json], found: Violations, *, is_custom: bool) -> tuple[Filter, ...]:
    path = "trigger.event_filters"
    if len(items) > limits.FILTERS:
        found.add(path, f"has more than {limits.FILTERS} filters")
        return ()
    filters = tuple(_filter(item, f"{path}[{number}]", found) for number, item in enumerate(items))
    names = [one.attribute for one in filters]
    for number, name in enumerate(names):
        if name and name in names[:number]:
            found.add(f"{path}[{number}].attribute", f"{name} has two filters: leave one out")
    types = [number for number, one in enumerate(filters) if one.attribute == "type"]
    if not types:
        found.add_missing(path, 'must have a filter on the attribute "type"')
        return filters
    number = types[0]
    if filters[number].is_pattern:
        found.add(f"{path}[{number}].operator", "the attribute type takes no path pattern: leave the operator out")
    elif not is_custom:
        _check_type(filters, number, path, found)
    return filters


def _filter(item: Json, path: str, found: Violations) -> Filter:
    attribute, value, operator = item.get("attribute", ""), item.get("value", ""), item.get("operator", "")
    if not attribute:
        found.add(f"{path}.attribute", "must not be empty")
    elif not _ATTRIBUTE.match(attribute):
        found.add(f"{path}.attribute", f"{attribute[:100]!r} is no name of an attribute: letters and digits only")
    if not value:
        found.add(f"{path}.value", "must not be empty")
    elif len(value) > limits.VALUE_CHARACTERS:
        found.add(f"{path}.value", f"has more than {limits.VALUE_CHARACTERS} characters")
    if operator == "path_pattern":
        found.add(f"{path}.operator", f"path_pattern is of Cloud Functions: write {PATH_PATTERN}")
    elif operator not in ("", PATH_PATTERN):
        found.add(f"{path}.operator", f"must be {PATH_PATTERN}, or left out, and is {operator[:100]!r}")
    elif operator and value:
        try:
            compile_pattern(value)
        except BadPattern as error:
            found.add(f"{path}.value", f"the path pattern {value[:200]!r} {error}")
    return Filter(attribute=attribute, value=value, is_pattern=operator == PATH_PATTERN)


def _check_type(filters: tuple[Filter, ...], number: int, path: str, found: Violations) -> None:
    """The type must be known, and the other filters be about attributes that its events have."""
    known = EVENT_TYPES.get(filters[number].value)
    if known is None:
        if filters[number].value:
            text = (
                f"{filters[number].value[:200]!r} is no event type that is known here: "
                f"{', '.join(sorted(EVENT_TYPES))}; or name a channel for events of your own"
            )
            found.add(f"{path}[{number}].value", text)
        return
    attributes = {one.name: one for one in known.attributes}
    for place, one in enumerate(filters):
        if one.attribute in ("type", "") or not _ATTRIBUTE.match(one.attribute):
            continue
        attribute = attributes.get(one.attribute)
        if attribute is None:
            found.add(f"{path}[{place}].attribute", f"{one.attribute} is no attribute of {known.type}{_allowed(known)}")
        elif one.is_pattern and not attribute.takes_pattern:
            found.add(f"{path}[{place}].operator", f"the attribute {one.attribute} takes no path pattern: leave it out")
    given = {one.attribute for one in filters}
    missing = [one.name for one in known.attributes if one.is_required and one.name not in given]
    if missing:
        names = ", ".join(f'"{name}"' for name in missing)
        found.add(path, f"must have a filter on the attribute {names} for the type {known.type}")


def _allowed(known: EventType) -> str:
    if known.type == MESSAGE_PUBLISHED:
        return "; the topic is that of transport.pubsub.topic"
    return f": filter by {', '.join(['type', *(one.name for one in known.attributes)])}"


# -- destinations ---------------------------------------------------------------------------------------------------


def _destination(given: Json, name: TriggerName, found: Violations) -> Destination:
    path = "trigger.destination"
    set_here = [member for member in DESTINATIONS if given.get(member)]
    if not set_here:
        found.add_missing(path, f"must name who is told: {_REMEDY}")
        return Destination()
    match set_here[0]:
        case "cloudRun" if given["cloudRun"].get("job"):
            return Destination(job=_job(given["cloudRun"], name, found))
        case "cloudRun":
            return Destination(service=_service(given["cloudRun"], name, found))
        case "workflow":
            return Destination(workflow=_named_workflow(given["workflow"], name, found))
        case "httpEndpoint":
            attachment = given.get("networkConfig", {}).get("networkAttachment", "")
            uri = _uri(given["httpEndpoint"].get("uri", ""), f"{path}.http_endpoint.uri", found)
            return Destination(endpoint=EndpointDestination(uri=uri, network_attachment=attachment))
        case "gke":
            found.add(f"{path}.gke", f"is not supported here: {_REMEDY}")
        case _:
            found.add(f"{path}.cloud_function", f"is set by Cloud Functions only: {_REMEDY}")
    return Destination()


def _service(tree: Json, name: TriggerName, found: Violations) -> ServiceDestination:
    path = "trigger.destination.cloud_run"
    service, region, route = tree.get("service", ""), tree.get("region", "") or name.location, tree.get("path", "")
    if not service:
        found.add(f"{path}.service", "must not be empty")
    elif not _SERVICE.match(service):
        found.add(
            f"{path}.service",
            f"{service[:100]!r} is no id of a service: write its id only, such as uploads "
            "(a job stands in cloud_run.job, an extension)",
        )
    try:
        check_location(region, field=f"{path}.region")
    except InvalidArgument as error:
        found.add_all(error)
    if any(char.isspace() or ord(char) < 0x21 or ord(char) > 0x7E for char in route) or "?" in route or "#" in route:
        found.add(f"{path}.path", f"{route[:100]!r} is no path of a URL, such as /route/sub")
    return ServiceDestination(service=service, region=region, path=route)


def _named_workflow(text: str, name: TriggerName, found: Violations) -> str:
    path = "trigger.destination.workflow"
    match = _WORKFLOW.match(text)
    if match is None:
        found.add(path, f"must be of the form projects/PROJECT/locations/LOCATION/workflows/ID, and is {text[:200]!r}")
        return text
    try:
        WorkflowName.make(*match.groups(), field=path)
    except InvalidArgument as error:
        found.add_all(error)
    if match[1] != name.project:
        found.add(path, f"must be a workflow of the trigger's own project, {name.project}")
    return text


def _job(tree: Json, name: TriggerName, found: Violations) -> str:
    """The full name of a job. An extension: Google's reference has no such destination."""
    path = "trigger.destination.cloud_run"
    for field in ("service", "path"):
        if tree.get(field):
            found.add(f"{path}.{field}", "must not be given beside job: a trigger has one destination")
    try:
        return str(
            JobName.make(name.project, tree.get("region", "") or name.location, tree["job"], field=f"{path}.job")
        )
    except InvalidArgument as error:
        found.add_all(error)
        return ""


def _uri(text: str, path: str, found: Violations) -> str:
    if not text:
        found.add(path, "must not be empty")
        return text
    if (
        not is_web_url(text)
        or len(text) > limits.VALUE_CHARACTERS
        or any(ord(char) < 0x21 for char in text)
        or " " in text
    ):
        found.add(path, f"{text[:200]!r} is no URL that begins with http:// or https://")
    return text


# -- the rest -------------------------------------------------------------------------------------------------------


def _with_transport(trigger: Trigger, tree: Json, found: Violations) -> Trigger:
    attempts: int = tree.get("retryPolicy", {}).get("maxAttempts", 0)
    if attempts not in (0, 1):
        found.add("trigger.retry_policy.max_attempts", "must be 1, or left out: then it is tried for 24 hours")
    elif attempts and trigger.destination.service is None:
        found.add("trigger.retry_policy", "is for Cloud Run destinations only: leave it out")
    topic: str = tree.get("transport", {}).get("pubsub", {}).get("topic", "")
    if topic:
        topic = _topic(topic, trigger, found)
    return replace(trigger, topic=topic, max_attempts=attempts)


def _topic(text: str, trigger: Trigger, found: Violations) -> str:
    path = "trigger.transport.pubsub.topic"
    if trigger.event_type != MESSAGE_PUBLISHED or trigger.channel:
        if trigger.event_type in EVENT_TYPES or trigger.channel:
            found.add(path, f"can be named for events of the type {MESSAGE_PUBLISHED} only: leave it out")
        return text
    try:
        name = TopicName.parse(text, field=path)
    except InvalidArgument as error:
        found.add_all(error)
        return text
    if name.project != trigger.name.project:
        found.add(path, f"must be a topic of the trigger's own project, {trigger.name.project}")
    return text


def _account(text: str, found: Violations) -> str:
    email = text.rpartition("/")[2] if text.startswith("projects/") else text
    if email and ("@" not in email or len(email) > 254 or any(char.isspace() for char in email)):
        found.add("trigger.service_account", f"must be the email of a service account, and is {text[:100]!r}")
    return email


def _channel(text: str, found: Violations) -> str:
    if text:
        try:
            ChannelName.parse(text, field="trigger.channel")
        except InvalidArgument as error:
            found.add_all(error)
    return text


def _mischief(tree: Json, found: Violations) -> Mischief:
    path = "trigger.hakobune.test"
    duplicates: int = tree.get("duplicates", 0)
    if not 0 <= duplicates <= limits.DUPLICATES:
        found.add(f"{path}.duplicates", f"must be 0 to {limits.DUPLICATES}")
    return Mischief(
        duplicates=max(0, duplicates),
        delay_s=_length_s(tree, "delay", path, found),
        reorder_s=_length_s(tree, "reorder", path, found),
        seed=tree.get("seed", 0),
    )


def _length_s(tree: Json, name: str, path: str, found: Violations) -> float:
    length_s = duration_from_text(tree.get(name, "0s"))
    if not 0 <= length_s <= limits.TEST_DELAY_MAX_S:
        found.add(f"{path}.{name}", f"must be 0s to {limits.TEST_DELAY_MAX_S:g}s")
    return length_s
