"""Triggers, channels and providers as JSON: what is shown, and what is refused, with its field and a remedy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hakobune.core.errors import Code, InvalidArgument
from hakobune.core.triggers.event_types import PROVIDERS
from hakobune.core.triggers.model import Channel, ChannelName, Condition, Trigger, TriggerName
from hakobune.wire.eventarc_v1 import (
    channel_patch_from_json,
    channel_to_json,
    new_channel_from_json,
    new_trigger_from_json,
    provider_to_json,
    trigger_patch_from_json,
    trigger_to_json,
)

PARENT = "projects/p/locations/us-central1"
NAME = TriggerName.parse(f"{PARENT}/triggers/t")
CHANNEL = ChannelName.parse(f"{PARENT}/channels/c")
FINALIZED = {"attribute": "type", "value": "google.cloud.storage.object.v1.finalized"}
MESSAGE = {"attribute": "type", "value": "google.cloud.pubsub.topic.v1.messagePublished"}
AUDIT = {"attribute": "type", "value": "google.cloud.audit.log.v1.written"}
BUCKET = {"attribute": "bucket", "value": "b"}
SERVICE = {"cloudRun": {"service": "s"}}
WORKFLOW = f"{PARENT}/workflows/w"


def body(**fields: Any) -> dict[str, Any]:
    return {"eventFilters": [FINALIZED, BUCKET], "destination": SERVICE, **fields}


def trigger(**fields: Any) -> Trigger:
    return new_trigger_from_json(body(**fields), NAME)("u")


def refused(**fields: Any) -> dict[str, str]:
    with pytest.raises(InvalidArgument) as caught:
        trigger(**fields)
    return {violation.field: violation.description for violation in caught.value.violations}


# -- what is shown ---------------------------------------------------------------------------------------------------


def test_a_trigger_with_everything_is_shown_as_it_was_given() -> None:
    given = body(
        name=str(NAME),
        eventFilters=[
            AUDIT,
            {"attribute": "serviceName", "value": "run.googleapis.com"},
            {"attribute": "methodName", "value": "m"},
            {"attribute": "resourceName", "value": "projects/**", "operator": "match-path-pattern"},
        ],
        destination={"cloudRun": {"service": "s", "region": "r", "path": "/x"}},
        serviceAccount="a@p.iam.gserviceaccount.com",
        labels={"k": "v"},
        eventDataContentType="application/json",
        retryPolicy={"maxAttempts": 1},
        hakobune={
            "strictDuplicates": True,
            "test": {"duplicates": 2, "delay": "1.5s", "reorder": "2s", "seed": 7},
        },
    )
    made = replace(new_trigger_from_json(given, NAME)("u"), topic="projects/p/topics/x", subscription="projects/p/s/y")
    shown = trigger_to_json(made, [Condition(reason="R", code=Code.NOT_FOUND, message="m")])
    assert {name: shown[name] for name in given} == given
    assert shown["transport"] == {"pubsub": {"topic": "projects/p/topics/x", "subscription": "projects/p/s/y"}}
    assert shown["conditions"] == {"R": {"code": "NOT_FOUND", "message": "m"}}
    assert (shown["uid"], shown["createTime"]) == ("u", "1970-01-01T00:00:00.000000Z")


@pytest.mark.parametrize(
    ("destination", "shown"),
    [
        ({"cloudRun": {"service": "s"}}, {"cloudRun": {"service": "s", "region": "us-central1"}}),
        ({"workflow": WORKFLOW}, {"workflow": WORKFLOW}),
        ({"httpEndpoint": {"uri": "http://h:1/x"}}, {"httpEndpoint": {"uri": "http://h:1/x"}}),
        (
            {"httpEndpoint": {"uri": "https://h"}, "networkConfig": {"networkAttachment": "n"}},
            {"httpEndpoint": {"uri": "https://h"}, "networkConfig": {"networkAttachment": "n"}},
        ),
    ],
)
def test_destinations(destination: Any, shown: Any) -> None:
    assert trigger_to_json(trigger(destination=destination))["destination"] == shown


def test_a_job_is_an_extension() -> None:
    made = trigger(destination={"cloudRun": {"job": "j"}})
    assert made.destination.job == f"{PARENT}/jobs/j"
    assert trigger_to_json(made)["destination"] == {"cloudRun": {"job": "j", "region": "us-central1"}}


def test_providers_tell_their_types_with_their_attributes() -> None:
    audit, pubsub, storage = (provider_to_json(provider, PARENT) for provider in PROVIDERS)
    assert storage["name"] == f"{PARENT}/providers/storage.googleapis.com"
    attributes = {one["attribute"]: one for one in audit["eventTypes"][0]["filteringAttributes"]}
    assert set(attributes) == {"type", "serviceName", "methodName", "resourceName"}
    assert attributes["resourceName"]["pathPatternSupported"]
    assert "required" not in attributes["resourceName"]
    assert attributes["type"]["required"]
    assert [one["attribute"] for one in pubsub["eventTypes"][0]["filteringAttributes"]] == ["type"]


# -- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filters", "field", "text"),
    [
        ([], "trigger.event_filters", 'a filter on the attribute "type"'),
        ([BUCKET], "trigger.event_filters", 'a filter on the attribute "type"'),
        ([FINALIZED], "trigger.event_filters", 'a filter on the attribute "bucket"'),
        ([AUDIT], "trigger.event_filters", 'a filter on the attribute "serviceName"'),
        ([FINALIZED, BUCKET, BUCKET], "trigger.event_filters[2].attribute", "bucket has two filters"),
        ([{**FINALIZED, "value": "x.y"}, BUCKET], "trigger.event_filters[0].value", "or name a channel"),
        ([{**FINALIZED, "value": ""}, BUCKET], "trigger.event_filters[0].value", "must not be empty"),
        ([FINALIZED, {**BUCKET, "attribute": ""}], "trigger.event_filters[1].attribute", "must not be empty"),
        ([FINALIZED, {**BUCKET, "attribute": "a b"}], "trigger.event_filters[1].attribute", "no name of an attribute"),
        (
            [FINALIZED, BUCKET, {"attribute": "object", "value": "x"}],
            "trigger.event_filters[2].attribute",
            "filter by type, bucket",
        ),
        (
            [MESSAGE, {"attribute": "topic", "value": "x"}],
            "trigger.event_filters[1].attribute",
            "transport.pubsub.topic",
        ),
        (
            [FINALIZED, {**BUCKET, "operator": "match-path-pattern"}],
            "trigger.event_filters[1].operator",
            "takes no path pattern",
        ),
        (
            [{**FINALIZED, "operator": "match-path-pattern"}, BUCKET],
            "trigger.event_filters[0].operator",
            "takes no path pattern",
        ),
        (
            [FINALIZED, {**BUCKET, "operator": "path_pattern"}],
            "trigger.event_filters[1].operator",
            "match-path-pattern",
        ),
        ([FINALIZED, {**BUCKET, "operator": "like"}], "trigger.event_filters[1].operator", "match-path-pattern"),
        (
            [
                AUDIT,
                {"attribute": "serviceName", "value": "s"},
                {"attribute": "methodName", "value": "m"},
                {"attribute": "resourceName", "value": "a/{b=*}", "operator": "match-path-pattern"},
            ],
            "trigger.event_filters[3].value",
            "captures",
        ),
        ([FINALIZED, {**BUCKET, "value": "b" * 2_000}], "trigger.event_filters[1].value", "more than 1024 characters"),
        ([BUCKET] * 51, "trigger.event_filters", "more than 50 filters"),
    ],
)
def test_a_wrong_filter_is_named_with_what_to_do(filters: Any, field: str, text: str) -> None:
    assert text in refused(eventFilters=filters)[field]


@pytest.mark.parametrize(
    ("fields", "field", "text"),
    [
        ({"destination": {}}, "trigger.destination", "give cloud_run, workflow or http_endpoint"),
        ({"destination": {"cloudRun": {}}}, "trigger.destination", "who is told"),
        ({"destination": {"cloudRun": {"region": "r"}}}, "trigger.destination.cloud_run.service", "must not be empty"),
        (
            {"destination": {"cloudRun": {"service": "projects/p/locations/l/services/s"}}},
            "trigger.destination.cloud_run.service",
            "write its id only",
        ),
        (
            {"destination": {"cloudRun": {"service": "s", "region": "A B"}}},
            "trigger.destination.cloud_run.region",
            "location",
        ),
        (
            {"destination": {"cloudRun": {"service": "s", "path": "a b"}}},
            "trigger.destination.cloud_run.path",
            "no path of a URL",
        ),
        ({"destination": {"workflow": "w"}}, "trigger.destination.workflow", "projects/PROJECT/locations/LOCATION/w"),
        (
            {"destination": {"workflow": "projects/q/locations/l/workflows/w"}},
            "trigger.destination.workflow",
            "own project, p",
        ),
        (
            {"destination": {"workflow": "projects/p/locations/l/workflows/-"}},
            "trigger.destination.workflow",
            "Workflow ids have",
        ),
        ({"destination": {"httpEndpoint": {}}}, "trigger.destination", "who is told"),
        ({"destination": {"httpEndpoint": {"uri": "ftp://x"}}}, "trigger.destination.http_endpoint.uri", "no URL"),
        ({"destination": {"httpEndpoint": {"uri": "http://[x"}}}, "trigger.destination.http_endpoint.uri", "no URL"),
        ({"destination": {"gke": {"cluster": "c"}}}, "trigger.destination.gke", "give cloud_run"),
        ({"destination": {"cloudFunction": "f"}}, "trigger.destination.cloud_function", "give cloud_run"),
        ({"destination": {"cloudRun": {"job": "-"}}}, "trigger.destination.cloud_run.job", "Job ids have"),
        (
            {"destination": {"cloudRun": {"job": "j", "service": "s"}}},
            "trigger.destination.cloud_run.service",
            "a trigger has one destination",
        ),
        ({"hakobune": {"test": {"duplicates": 11}}}, "trigger.hakobune.test.duplicates", "0 to 10"),
        ({"hakobune": {"test": {"delay": "-1s"}}}, "trigger.hakobune.test.delay", "0s to 3600s"),
        ({"retryPolicy": {"maxAttempts": 2}}, "trigger.retry_policy.max_attempts", "must be 1"),
        (
            {"retryPolicy": {"maxAttempts": 1}, "destination": {"workflow": WORKFLOW}},
            "trigger.retry_policy",
            "Cloud Run destinations only",
        ),
        (
            {"transport": {"pubsub": {"topic": "projects/p/topics/t01"}}},
            "trigger.transport.pubsub.topic",
            "messagePublished only",
        ),
        (
            {"eventFilters": [MESSAGE], "transport": {"pubsub": {"topic": "t01"}}},
            "trigger.transport.pubsub.topic",
            "expected projects/PROJECT/topics/ID",
        ),
        (
            {"eventFilters": [MESSAGE], "transport": {"pubsub": {"topic": "projects/q/topics/t01"}}},
            "trigger.transport.pubsub.topic",
            "own project, p",
        ),
        ({"serviceAccount": "nobody"}, "trigger.service_account", "email of a service account"),
        ({"channel": "c"}, "trigger.channel", "projects/PROJECT/locations/LOCATION/channels/ID"),
        ({"eventDataContentType": "application/protobuf"}, "trigger.event_data_content_type", "is not supported here"),
        ({"eventDataContentType": "text/plain"}, "trigger.event_data_content_type", "must be application/json"),
        ({"labels": {"A": "b"}}, "trigger.labels['A']", "keys of labels"),
        ({"name": f"{PARENT}/triggers/other"}, "trigger.name", "contradicts"),
    ],
)
def test_a_wrong_field_is_named_with_what_to_do(fields: Any, field: str, text: str) -> None:
    found = refused(**fields)
    assert text in found[field]


def test_all_that_is_wrong_is_told_at_once_and_unknown_fields_are_refused() -> None:
    assert len(refused(eventFilters=[], destination={}, serviceAccount="x")) == 3
    with pytest.raises(InvalidArgument, match='Unknown name "destinations"'):
        new_trigger_from_json(body(destinations={}), NAME)
    with pytest.raises(InvalidArgument, match="oneof"):
        trigger(destination={"cloudRun": {"service": "s"}, "workflow": WORKFLOW})


def test_events_of_a_channel_may_have_any_type_and_any_attribute() -> None:
    made = trigger(
        channel=str(CHANNEL),
        eventFilters=[
            {"attribute": "type", "value": "my.type"},
            {"attribute": "subject", "value": "a/*", "operator": "match-path-pattern"},
        ],
    )
    assert (made.event_type, made.channel) == ("my.type", str(CHANNEL))
    topic = {"pubsub": {"topic": "projects/p/topics/t01"}}
    assert "trigger.transport.pubsub.topic" in refused(channel=str(CHANNEL), transport=topic)


# -- patches ---------------------------------------------------------------------------------------------------------


def patched(old: Trigger, mask: str | None, **fields: Any) -> Trigger:
    return trigger_patch_from_json(fields, old.name, mask).change(old)


def test_a_mask_names_what_changes_and_a_field_that_is_not_given_goes() -> None:
    old = trigger(labels={"a": "b"}, serviceAccount="a@p", retryPolicy={"maxAttempts": 1})
    new = patched(old, "labels,service_account", serviceAccount="b@p", destination={"workflow": WORKFLOW})
    assert (dict(new.labels), new.service_account, new.destination) == ({}, "b@p", old.destination)
    assert patched(old, None, labels={"c": "d"}).service_account == "a@p"
    assert patched(old, "*", **body(labels={"e": "f"})).max_attempts == 0
    assert patched(old, "name,uid,etag,conditions", labels={"x": "y"}) == old


def test_what_a_change_leads_to_must_be_good_as_a_whole() -> None:
    old = trigger(retryPolicy={"maxAttempts": 1})
    with pytest.raises(InvalidArgument, match="Cloud Run destinations only"):
        patched(old, "destination", destination={"workflow": WORKFLOW})
    with pytest.raises(InvalidArgument, match="'nothing' is no field of a trigger that can be changed"):
        patched(old, "nothing")
    with pytest.raises(InvalidArgument, match="more than 100 paths"):
        patched(old, ",".join(["labels"] * 101))


def test_a_topic_cannot_be_changed_but_may_be_given_as_it_is() -> None:
    old = replace(trigger(eventFilters=[MESSAGE]), topic="projects/p/topics/t01", subscription="projects/p/s/1")
    same = {"pubsub": {"topic": old.topic}}
    assert patched(old, "transport", transport=same) == old
    assert patched(old, None, transport=same) == old
    with pytest.raises(InvalidArgument, match="cannot be changed"):
        patched(old, "transport", transport={"pubsub": {"topic": "projects/p/topics/t02"}})


def test_a_part_of_a_destination_can_be_changed_and_another_destination_takes_its_place() -> None:
    old = trigger(destination={"cloudRun": {"service": "s", "path": "/x"}})
    moved = patched(old, "destination.cloud_run.path", destination={"cloudRun": {"path": "/y"}})
    assert trigger_to_json(moved)["destination"] == {
        "cloudRun": {"service": "s", "path": "/y", "region": "us-central1"}
    }
    bare = patched(old, "destination.cloudRun.path")
    assert trigger_to_json(bare)["destination"] == {"cloudRun": {"service": "s", "region": "us-central1"}}
    workflow = patched(old, "destination.workflow", destination={"workflow": WORKFLOW})
    assert trigger_to_json(workflow)["destination"] == {"workflow": WORKFLOW}
    back = patched(workflow, "destination.cloud_run.service", destination={"cloudRun": {"service": "z"}})
    assert trigger_to_json(back)["destination"] == {"cloudRun": {"service": "z", "region": "us-central1"}}
    whole = patched(old, "labels.a,eventFilters.value", labels={"a": "b"}, eventFilters=[FINALIZED, BUCKET])
    assert dict(whole.labels) == {"a": "b"}
    with pytest.raises(InvalidArgument, match=r"'destination\.cloudRun\.x' is no field"):
        patched(old, "destination.cloudRun.x")
    with pytest.raises(InvalidArgument, match=r"'channel\.x' is no field"):
        patched(old, "channel.x")


def test_a_patch_can_make_a_trigger_that_is_missing() -> None:
    wanted = trigger_patch_from_json({**body(), "etag": "e"}, NAME, None)
    assert (wanted.make("u"), wanted.etag) == (trigger(), "e")
    topic = {"pubsub": {"topic": "projects/p/topics/t01"}}
    made = trigger_patch_from_json(body(eventFilters=[MESSAGE], transport=topic), NAME, None).make("u")
    assert made.topic == "projects/p/topics/t01"


# -- channels --------------------------------------------------------------------------------------------------------


def test_channels_are_shown_as_they_were_given_and_changed_by_their_mask() -> None:
    made: Channel = new_channel_from_json({"labels": {"a": "b"}, "cryptoKeyName": "k"}, CHANNEL)("u")
    shown = channel_to_json(made)
    assert (shown["name"], shown["state"], shown["labels"]) == (str(CHANNEL), "ACTIVE", {"a": "b"})
    change = channel_patch_from_json({"provider": "x"}, CHANNEL, "provider,labels")
    changed = change(made)
    assert (changed.provider, dict(changed.labels), changed.crypto_key_name) == ("x", {}, "k")
    assert channel_patch_from_json({"labels": {"c": "d"}}, CHANNEL, None)(made).labels == {"c": "d"}
    with pytest.raises(InvalidArgument, match="keys of labels"):
        new_channel_from_json({"labels": {"A": "b"}}, CHANNEL)
    with pytest.raises(InvalidArgument, match="no field of a channel"):
        channel_patch_from_json({}, CHANNEL, "x")
