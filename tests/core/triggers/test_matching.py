"""The index of triggers gives what looking at each trigger would give."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hakobune.core.triggers.event_types import AUDIT_LOG, FINALIZED, MESSAGE_PUBLISHED
from hakobune.core.triggers.events import CloudEvent
from hakobune.core.triggers.matching import TriggerIndex
from hakobune.core.triggers.model import Destination, Filter, Trigger, TriggerName
from hakobune.core.triggers.patterns import compile_pattern

CHANNEL = "projects/p/locations/l/channels/c"


def a_trigger(uid: str, *filters: Filter, event_type: str = FINALIZED, channel: str = "") -> Trigger:
    return Trigger(
        name=TriggerName(project="p", location="l", id=uid),
        uid=uid,
        filters=(Filter(attribute="type", value=event_type), *filters),
        destination=Destination(workflow="w"),
        channel=channel,
    )


def an_event(event_type: str = FINALIZED, **extensions: str) -> CloudEvent:
    return CloudEvent(id="1", source="s", type=event_type, extensions=extensions)


def uids(index: TriggerIndex, event: CloudEvent, channel: str = "") -> set[str]:
    return {trigger.uid for trigger in index.matching(event, channel=channel)}


def test_given_triggers_of_two_buckets_when_one_changes_then_only_its_own_are_found() -> None:
    index = TriggerIndex(
        [
            a_trigger("one", Filter(attribute="bucket", value="a")),
            a_trigger("two", Filter(attribute="bucket", value="b")),
            a_trigger("all"),
        ]
    )
    assert uids(index, an_event(bucket="a")) == {"one", "all"}
    assert uids(index, an_event(bucket="c")) == {"all"}
    assert uids(index, an_event("another.type", bucket="a")) == set()


def test_attributes_of_filters_are_named_as_in_the_api_and_compared_with_those_of_events() -> None:
    trigger = a_trigger(
        "t",
        Filter(attribute="serviceName", value="run.googleapis.com"),
        Filter(attribute="methodName", value="m"),
        Filter(attribute="resourceName", value="projects/*/jobs/**", is_pattern=True),
        event_type=AUDIT_LOG,
    )
    index = TriggerIndex([trigger])
    assert index.wants_audit
    wanted = {"servicename": "run.googleapis.com", "methodname": "m", "resourcename": "projects/p/jobs/j"}
    assert uids(index, an_event(AUDIT_LOG, **wanted)) == {"t"}
    assert uids(index, an_event(AUDIT_LOG, **{**wanted, "methodname": "other"})) == set()
    assert uids(index, an_event(AUDIT_LOG, **{**wanted, "servicename": "other"})) == set()
    assert uids(index, an_event(AUDIT_LOG, **{**wanted, "resourcename": "projects/p/other"})) == set()
    del wanted["resourcename"]
    assert uids(index, an_event(AUDIT_LOG, **wanted)) == set()


def test_events_of_a_channel_are_for_the_triggers_of_that_channel_alone() -> None:
    index = TriggerIndex(
        [
            a_trigger("mine", event_type="my.type", channel=CHANNEL),
            a_trigger("none", event_type="my.type"),
            a_trigger("subject", Filter(attribute="subject", value="s"), event_type="my.type", channel=CHANNEL),
        ]
    )
    event = CloudEvent(id="1", source="s", type="my.type", subject="s")
    assert uids(index, event, CHANNEL) == {"mine", "subject"}
    assert uids(index, event) == {"none"}
    assert uids(index, event, CHANNEL + "2") == set()


def test_triggers_of_messages_are_not_in_the_index_they_hear_of_them_by_their_subscription() -> None:
    index = TriggerIndex([a_trigger("m", event_type=MESSAGE_PUBLISHED)])
    assert uids(index, an_event(MESSAGE_PUBLISHED)) == set()
    assert not index.wants_audit


def test_the_index_says_whether_an_event_is_worth_making() -> None:
    index = TriggerIndex([a_trigger("one", Filter(attribute="bucket", value="a"))])
    assert index.may_want(FINALIZED, "bucket", "a")
    assert not index.may_want(FINALIZED, "bucket", "b")
    assert not index.may_want("another.type", "bucket", "a")
    assert TriggerIndex([a_trigger("all")]).may_want(FINALIZED, "bucket", "b")
    assert not TriggerIndex([]).may_want(FINALIZED, "bucket", "b")


NAMES = st.sampled_from(["bucket", "subject", "x"])
VALUES = st.sampled_from(["a", "b", "a/b"])
FILTERS = st.builds(Filter, attribute=NAMES, value=st.sampled_from(["a", "b", "a/*", "**"]), is_pattern=st.booleans())


@given(st.lists(st.lists(FILTERS, max_size=3, unique_by=lambda one: one.attribute), max_size=12), st.data())
def test_the_index_finds_what_looking_at_each_trigger_finds(found: list[list[Filter]], data: st.DataObject) -> None:
    triggers = [a_trigger(f"t{number}", *filters) for number, filters in enumerate(found)]
    extensions = data.draw(st.dictionaries(st.sampled_from(["bucket", "x"]), VALUES))
    event = CloudEvent(id="1", source="s", type=FINALIZED, subject=data.draw(VALUES), extensions=extensions)
    attributes = dict(event.attributes())

    def wants(trigger: Trigger) -> bool:
        return all(
            one.attribute in attributes
            and (
                compile_pattern(one.value)(attributes[one.attribute])
                if one.is_pattern
                else attributes[one.attribute] == one.value
            )
            for one in trigger.filters
        )

    assert uids(TriggerIndex(triggers), event) == {trigger.uid for trigger in triggers if wants(trigger)}
