"""What the house remembers of triggers, channels, events and their deliveries, in domain words: a part of the store's
interface (`store/api.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hakobune.core.triggers.deliveries import Delivery
from hakobune.core.triggers.events import CloudEvent
from hakobune.core.triggers.model import Channel, ChannelName, Trigger, TriggerName
from hakobune.store.records import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryQuery:
    """Which deliveries a list shows. `trigger_uid` "": those of all triggers of the location; `is_open` None: in all
    states."""

    project: str
    location: str | None
    trigger_uid: str = ""
    is_open: bool | None = None


class TriggersRead(Protocol):
    """Questions about triggers."""

    def find_trigger(self, name: TriggerName) -> Trigger | None:
        """The trigger of this name."""
        ...

    def trigger_by_uid(self, uid: str) -> Trigger | None:
        """None: it was deleted."""
        ...

    def list_triggers(self, project: str, location: str | None, page: Page) -> list[Trigger]:
        """By id, then location. `after` is `id/location` of the last one seen."""
        ...

    def count_triggers(self, project: str) -> int:
        """Of all locations."""
        ...

    def all_triggers(self) -> list[Trigger]:
        """Of all projects."""
        ...

    def find_channel(self, name: ChannelName) -> Channel | None:
        """The channel of this name."""
        ...

    def list_channels(self, project: str, location: str | None, page: Page) -> list[Channel]:
        """As `list_triggers`."""
        ...

    def find_event(self, number: int) -> CloudEvent | None:
        """The event of this number."""
        ...

    def find_delivery(self, uid: str) -> Delivery | None:
        """One delivery."""
        ...

    def list_deliveries(self, query: DeliveryQuery, page: Page) -> list[tuple[Delivery, Trigger]]:
        """The newest first. `after` is the uid of the last one seen."""
        ...

    def has_settled(self, before_s: float, keep: int) -> bool:
        """Whether `forget_settled` would remove something."""
        ...

    def failing(self, trigger_uid: str) -> Delivery | None:
        """The newest delivery that has failed and is not given up."""
        ...


class TriggersWrite(TriggersRead, Protocol):
    """Changes of triggers."""

    def add_trigger(self, trigger: Trigger) -> None:
        """Raises AlreadyExists."""
        ...

    def save_trigger(self, trigger: Trigger) -> None:
        """Replace what is stored under this uid."""
        ...

    def remove_trigger(self, uid: str) -> list[str]:
        """Remove a trigger with its deliveries and its policy; the uids of those that were open."""
        ...

    def add_channel(self, channel: Channel) -> None:
        """Raises AlreadyExists."""
        ...

    def save_channel(self, channel: Channel) -> None:
        """Replace what is stored under this uid."""
        ...

    def remove_channel(self, uid: str) -> None:
        """Remove a channel with its policy."""
        ...

    def next_event(self, now_s: float) -> int:
        """A number that no event has had: about the instant, in microseconds."""
        ...

    def add_event(self, number: int, event: CloudEvent) -> None:
        """Keep an event for as long as there is a delivery of it."""
        ...

    def save_delivery(self, delivery: Delivery) -> None:
        """Add a delivery, or replace it."""
        ...

    def forget_settled(self, before_s: float, keep: int, limit: int) -> Sequence[str]:
        """Remove some deliveries that were over before an instant, or that are not among the `keep` newest."""
        ...
