"""Names and what follows from a trigger's fields."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hakobune.core.errors import InvalidArgument
from hakobune.core.triggers.event_types import EVENT_TYPES, PROVIDERS
from hakobune.core.triggers.model import (
    ChannelName,
    Destination,
    DestinationKind,
    EndpointDestination,
    Filter,
    ServiceDestination,
    Trigger,
    TriggerName,
)

NAME = "projects/p/locations/us-central1/triggers/t-1"


def test_names_are_parsed_and_printed() -> None:
    name = TriggerName.parse(NAME)
    assert (name.project, name.location, name.id, str(name)) == ("p", "us-central1", "t-1", NAME)
    assert str(name.parent) == "projects/p/locations/us-central1"
    assert str(ChannelName.parse("projects/p/locations/l/channels/c")).endswith("/channels/c")


@pytest.mark.parametrize("text", ["", "t", NAME + "/x", NAME.replace("triggers", "channels"), NAME + "_", NAME + "A"])
def test_what_is_no_name_is_refused_with_its_field(text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        TriggerName.parse(text, field="name")
    assert [violation.field for violation in caught.value.violations] == ["name"]


@pytest.mark.parametrize("trigger_id", ["a", "a" * 63, "a-b0"])
def test_ids_that_are_taken(trigger_id: str) -> None:
    assert TriggerName.make("p", "l", trigger_id).id == trigger_id


@pytest.mark.parametrize("trigger_id", ["", "a" * 64, "1a", "a-", "A", "a_b", "a b", "a\n"])
def test_ids_that_are_refused(trigger_id: str) -> None:
    with pytest.raises(InvalidArgument, match="Ids of triggers have 1 to 63 characters"):
        TriggerName.make("p", "l", trigger_id)


@pytest.mark.parametrize(
    ("destination", "kind", "text"),
    [
        (Destination(service=ServiceDestination(service="s", region="r")), DestinationKind.SERVICE, "service s in r"),
        (Destination(endpoint=EndpointDestination(uri="http://e")), DestinationKind.ENDPOINT, "endpoint http://e"),
        (Destination(workflow="w"), DestinationKind.WORKFLOW, "workflow w"),
        (Destination(job="j"), DestinationKind.JOB, "job j"),
    ],
)
def test_a_destination_is_one_of_four(destination: Destination, kind: DestinationKind, text: str) -> None:
    assert (destination.kind, str(destination)) == (kind, text)


def test_each_change_of_a_trigger_changes_its_etag() -> None:
    trigger = Trigger(
        name=TriggerName.parse(NAME),
        uid="u",
        filters=(Filter(attribute="bucket", value="b"),),
        destination=Destination(),
    )
    assert trigger.event_type == ""
    assert trigger.etag == replace(trigger, labels={"a": "b"}).etag
    assert trigger.etag != replace(trigger, revision=2).etag


def test_every_known_type_has_one_provider_and_objects_are_found_by_their_bucket() -> None:
    assert len(EVENT_TYPES) == sum(len(provider.types) for provider in PROVIDERS) == 6
    for name in (one for one in EVENT_TYPES if ".storage." in one):
        assert [attribute.name for attribute in EVENT_TYPES[name].attributes] == ["bucket"]
