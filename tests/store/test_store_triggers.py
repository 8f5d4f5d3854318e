"""What every store remembers of triggers, channels, events and deliveries."""

from __future__ import annotations

from dataclasses import replace

import pytest
from store_factories import Stores

from hakobune.core.errors import AlreadyExists
from hakobune.core.names import OperationName
from hakobune.core.operations import EventarcOperation, Verb
from hakobune.core.triggers.deliveries import Attempted, Delivery, planned
from hakobune.core.triggers.events import CloudEvent
from hakobune.core.triggers.model import (
    Channel,
    ChannelName,
    Destination,
    Filter,
    Mischief,
    ServiceDestination,
    Trigger,
    TriggerName,
)
from hakobune.core.triggers.states import DeliveryState
from hakobune.store.api import Page
from hakobune.store.sqlite.database import SqliteStore
from hakobune.store.triggers_api import DeliveryQuery

pytestmark = pytest.mark.anyio
ALL = DeliveryQuery(project="p", location=None)


def a_trigger(trigger_id: str = "t", location: str = "l", **fields: object) -> Trigger:
    made = Trigger(
        name=TriggerName(project="p", location=location, id=trigger_id),
        uid=f"{location}-{trigger_id}",
        filters=(Filter(attribute="type", value="x"), Filter(attribute="a", value="b/*", is_pattern=True)),
        destination=Destination(service=ServiceDestination(service="s", region="r")),
        mischief=Mischief(duplicates=1, delay_s=2.0),
        labels={"k": "v"},
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def a_channel(channel_id: str = "c") -> Channel:
    return Channel(name=ChannelName(project="p", location="l", id=channel_id), uid=channel_id, labels={"k": "v"})


def an_event(event_id: str = "1") -> CloudEvent:
    return CloudEvent(id=event_id, source="//s", type="x", extensions={"e": "映"}, data=b"\xff\0")


def a_delivery(event: int, trigger: str = "l-t", **fields: object) -> Delivery:
    return replace(planned(event, trigger, Mischief(), 10.0)[0], **fields)  # type: ignore[arg-type]


async def test_triggers_and_channels_are_kept_found_changed_and_removed(store_factory: Stores) -> None:
    store = await store_factory.open()
    await store.write(lambda tx: tx.triggers.add_trigger(a_trigger()))
    await store.write(lambda tx: tx.triggers.add_channel(a_channel()))
    for add in (lambda tx: tx.triggers.add_trigger(a_trigger()), lambda tx: tx.triggers.add_channel(a_channel())):
        with pytest.raises(AlreadyExists):
            await store.write(add)
    changed, renamed = a_trigger(channel="c", revision=2), replace(a_channel(), provider="x")
    await store.write(lambda tx: (tx.triggers.save_trigger(changed), tx.triggers.save_channel(renamed)))
    await store.close()
    store = await store_factory.open()
    assert await store.read(lambda tx: tx.triggers.find_trigger(changed.name)) == changed
    assert await store.read(lambda tx: tx.triggers.trigger_by_uid("l-t")) == changed
    assert await store.read(lambda tx: tx.triggers.find_channel(renamed.name)) == renamed
    await store.write(lambda tx: (tx.triggers.remove_trigger("l-t"), tx.triggers.remove_channel("c")))
    assert await store.read(lambda tx: tx.triggers.find_trigger(changed.name)) is None
    assert await store.read(lambda tx: tx.triggers.trigger_by_uid("l-t")) is None
    assert await store.read(lambda tx: tx.triggers.find_channel(renamed.name)) is None
    await store.close()


async def test_lists_are_by_id_then_location_and_go_on_where_they_ended(store: SqliteStore) -> None:
    places = [("a", "l"), ("a", "m"), ("b", "l")]
    for trigger_id, location in places:
        await store.write(lambda tx, t=trigger_id, at=location: tx.triggers.add_trigger(a_trigger(t, at)))
    await store.write(lambda tx: (tx.triggers.add_channel(a_channel("c1")), tx.triggers.add_channel(a_channel("c2"))))

    async def listed(location: str | None, page: Page) -> list[tuple[str, str]]:
        found = await store.read(lambda tx: tx.triggers.list_triggers("p", location, page))
        return [(one.name.id, one.name.location) for one in found]

    assert await listed(None, Page(limit=10)) == places
    assert await listed(None, Page(limit=10, after="a/l")) == places[1:]
    assert await listed("l", Page(limit=10)) == [("a", "l"), ("b", "l")]
    assert await listed("l", Page(limit=1, after="a/l")) == [("b", "l")]
    channels = await store.read(lambda tx: tx.triggers.list_channels("p", None, Page(limit=10, after="c1/l")))
    assert [one.name.id for one in channels] == ["c2"]
    assert await store.read(lambda tx: tx.triggers.count_triggers("p")) == len(places)
    assert len(await store.read(lambda tx: tx.triggers.all_triggers())) == len(places)
    assert await store.read(lambda tx: tx.triggers.count_triggers("q")) == 0


async def test_events_get_numbers_that_rise_and_stay_as_long_as_a_delivery_of_them(store: SqliteStore) -> None:
    await store.write(lambda tx: tx.triggers.add_trigger(a_trigger()))

    def unit(tx: object) -> int:
        triggers = tx.triggers  # type: ignore[attr-defined]
        number = int(triggers.next_event(100.0))
        triggers.add_event(number, an_event())
        triggers.save_delivery(a_delivery(number))
        return number

    first, second = await store.write(unit), await store.write(unit)
    assert (first, second) == (100_000_000, 100_000_001)
    assert await store.read(lambda tx: tx.triggers.find_event(first)) == an_event()
    done = a_delivery(first, state=DeliveryState.DELIVERED, settle_s=5.0)
    await store.write(lambda tx: tx.triggers.save_delivery(done))
    assert await store.read(lambda tx: tx.triggers.find_delivery(done.uid)) == done
    assert not await store.read(lambda tx: tx.triggers.has_settled(5.0, 10))
    assert await store.read(lambda tx: tx.triggers.has_settled(6.0, 10))
    assert await store.write(lambda tx: tx.triggers.forget_settled(6.0, 10, 10)) == [done.uid]
    assert await store.read(lambda tx: tx.triggers.find_event(first)) is None
    assert await store.read(lambda tx: tx.triggers.find_event(second)) is not None


async def test_of_deliveries_that_are_over_only_the_newest_are_kept(store: SqliteStore) -> None:
    await store.write(lambda tx: tx.triggers.add_trigger(a_trigger()))
    for number in range(5):
        over = a_delivery(number, state=DeliveryState.DROPPED, settle_s=float(number))
        await store.write(lambda tx, n=number: tx.triggers.add_event(n, an_event()))
        await store.write(lambda tx, one=over: tx.triggers.save_delivery(one))
    assert await store.read(lambda tx: tx.triggers.has_settled(-1.0, 2))
    assert await store.write(lambda tx: tx.triggers.forget_settled(-1.0, 2, 1)) == ["0-l-t"]
    assert await store.write(lambda tx: tx.triggers.forget_settled(-1.0, 2, 10)) == ["1-l-t"]
    assert not await store.read(lambda tx: tx.triggers.has_settled(-1.0, 2))


async def test_deliveries_are_listed_newest_first_by_trigger_and_state(store: SqliteStore) -> None:
    for trigger in (a_trigger(), a_trigger("u", "m")):
        await store.write(lambda tx, one=trigger: tx.triggers.add_trigger(one))
    found = [
        a_delivery(1),
        a_delivery(2, state=DeliveryState.DELIVERED, settle_s=1.0),
        a_delivery(2, "m-u"),
        a_delivery(3, "m-u"),
    ]
    for number in (1, 2, 3):
        await store.write(lambda tx, n=number: tx.triggers.add_event(n, an_event()))
    for delivery in found:
        await store.write(lambda tx, one=delivery: tx.triggers.save_delivery(one))

    async def listed(query: DeliveryQuery, page: Page | None = None) -> list[str]:
        wanted = page or Page(limit=10)
        return [one.uid for one, _ in await store.read(lambda tx: tx.triggers.list_deliveries(query, wanted))]

    assert await listed(ALL) == ["3-m-u", "2-m-u", "2-l-t", "1-l-t"]
    assert await listed(ALL, Page(limit=2, after="2-m-u")) == ["2-l-t", "1-l-t"]
    assert await listed(replace(ALL, location="l")) == ["2-l-t", "1-l-t"]
    assert await listed(replace(ALL, trigger_uid="m-u")) == ["3-m-u", "2-m-u"]
    assert await listed(replace(ALL, is_open=True)) == ["3-m-u", "2-m-u", "1-l-t"]
    assert await listed(replace(ALL, is_open=False)) == ["2-l-t"]
    assert await listed(replace(ALL, project="q")) == []
    assert await store.write(lambda tx: tx.triggers.remove_trigger("m-u")) == ["2-m-u", "3-m-u"]
    assert await store.read(lambda tx: tx.triggers.find_event(3)) is None
    assert await store.read(lambda tx: tx.triggers.find_event(2)) is not None


async def test_the_newest_delivery_that_fails_is_found_until_it_is_over(store: SqliteStore) -> None:
    await store.write(lambda tx: tx.triggers.add_trigger(a_trigger()))
    await store.write(lambda tx: tx.triggers.add_event(1, an_event()))
    failed = a_delivery(1, failures=1, last=Attempted(is_accepted=False, message="no"), try_s=20.0)
    await store.write(lambda tx: tx.triggers.save_delivery(a_delivery(1)))
    assert await store.read(lambda tx: tx.triggers.failing("l-t")) is None
    await store.write(lambda tx: tx.triggers.save_delivery(failed))
    assert await store.read(lambda tx: tx.triggers.failing("l-t")) == failed
    await store.write(lambda tx: tx.triggers.save_delivery(replace(failed, settle_s=30.0)))
    assert await store.read(lambda tx: tx.triggers.failing("l-t")) is None


async def test_operations_about_triggers_and_channels_keep_their_picture(store: SqliteStore) -> None:
    for number, picture in enumerate(({"trigger": a_trigger()}, {"channel": a_channel()}, {})):
        operation = EventarcOperation(
            name=OperationName(project="p", location="l", operation=f"o{number}"),
            verb=Verb.CREATE,
            target="t",
            create_time_s=1.0,
            **picture,  # type: ignore[arg-type]
        )
        await store.write(lambda tx, one=operation: tx.operations.add_eventarc_operation(one))
        assert await store.read(lambda tx, one=operation: tx.operations.find_operation(one.name)) == operation
        assert operation.done
