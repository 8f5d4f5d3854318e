"""What the house remembers of topics, subscriptions and messages, in domain words: a part of the store's interface
(`store/api.py`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from hakobune.core.pubsub.model import Delivery, NewMessage, Schema, SchemaSettings, Snapshot, Subscription, Topic
from hakobune.core.pubsub.names import SchemaName, SnapshotName, SubscriptionName, TopicName
from hakobune.store.records import Page


class Published(NamedTuple):
    """What a publish did: the ids are `first`, `first + 1`, … `topic_id` is whom to wake."""

    first: int
    topic_id: int


class Pulled(NamedTuple):
    """What a pull brought. Empty: the next message whose time may come, if there is one, is due at `next_due_s`."""

    deliveries: list[Delivery]
    subscription_id: int
    topic_id: int
    may_have_more: bool  # a unit looks at a bounded number of messages: ask again
    next_due_s: float | None
    woken_topics: Sequence[int]  # that got dead letters


class Settled(NamedTuple):
    """What an acknowledgement or a new deadline did. `failures` by ack id are told by subscriptions with exactly-once
    delivery; nothing was done then."""

    subscription_id: int
    topic_id: int
    failures: Mapping[str, str]
    woken_topics: Sequence[int]  # that got dead letters
    may_free: bool  # messages may come that could not before
    next_due_s: float | None  # when the next message may come again by itself


class Joined(NamedTuple):
    """How far a topic's messages are put together."""

    place: int  # behind this message the next look begins
    may_have_more: bool  # a unit goes through a bounded number of messages: ask again


@dataclass(frozen=True, slots=True, kw_only=True)
class PullWish:
    """What a puller asks for. `lease_s` None: the subscription's ack deadline. `known` is the subscription as the
    puller knows it: if it is another one by now, nothing is given."""

    limit: int
    limit_bytes: int
    lease_s: float | None = None
    known: Subscription | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """Messages that are not acknowledged, leased ones included; those that a filter will drop count until they are
    looked at. `oldest_s`: about when the oldest was published."""

    count: int
    oldest_s: float | None = None


class PubsubRead(Protocol):
    """Questions about topics and subscriptions."""

    def is_used(self) -> bool:
        """Whether there is anything that can change by itself: a topic, or what one left."""
        ...

    def find_topic(self, name: TopicName) -> Topic | None:
        """The topic of this name, if it is not deleted."""
        ...

    def list_topics(self, project: str, page: Page) -> list[Topic]:
        """By id. `after` is the id of the last one seen."""
        ...

    def count_topics(self, project: str) -> int:
        """Topics of a project."""
        ...

    def list_topic_subscriptions(self, name: TopicName, page: Page) -> list[SubscriptionName]:
        """Those that are attached, by name. `after` is `project/id` of the last one seen. Raises NotFound."""
        ...

    def count_topic_subscriptions(self, name: TopicName) -> int:
        """Those that are attached. Raises NotFound."""
        ...

    def list_topic_snapshots(self, name: TopicName, page: Page) -> list[SnapshotName]:
        """By name. `after` is `project/id` of the last one seen. Raises NotFound."""
        ...

    def find_subscription(self, name: SubscriptionName) -> Subscription | None:
        """The subscription of this name."""
        ...

    def backlog(self, name: SubscriptionName) -> Backlog | None:
        """What waits in a subscription; None: there is none of this name."""
        ...

    def list_subscriptions(self, project: str, page: Page) -> list[Subscription]:
        """By id. `after` is the id of the last one seen."""
        ...

    def count_subscriptions(self, project: str) -> int:
        """Subscriptions of a project."""
        ...

    def push_subscriptions(self) -> list[Subscription]:
        """All that push, oldest first."""
        ...

    def dead_letter_dues(self) -> list[tuple[SubscriptionName, float]]:
        """Subscriptions with a dead letter policy, and when the next of their leases is over."""
        ...

    def find_snapshot(self, name: SnapshotName) -> Snapshot | None:
        """The snapshot of this name."""
        ...

    def list_snapshots(self, project: str, page: Page) -> list[Snapshot]:
        """By id. `after` is the id of the last one seen."""
        ...

    def count_snapshots(self, project: str) -> int:
        """Snapshots of a project."""
        ...

    def find_schema(self, name: SchemaName, revision: str = "") -> Schema | None:
        """A revision of a schema; "" is the newest one."""
        ...

    def list_schemas(self, project: str, page: Page) -> list[Schema]:
        """The newest revision of each, by id. `after` is the id of the last one seen."""
        ...

    def list_schema_revisions(self, name: SchemaName, page: Page) -> list[Schema]:
        """Newest first. `after` is the id of the last revision seen."""
        ...

    def count_schemas(self, project: str) -> int:
        """Schemas of a project."""
        ...


class PubsubWrite(PubsubRead, Protocol):
    """Changes of topics and subscriptions."""

    def add_topic(self, topic: Topic) -> None:
        """Raises AlreadyExists."""
        ...

    def replace_topic(self, topic: Topic) -> None:
        """Store new contents under the same name."""
        ...

    def remove_topic(self, name: TopicName) -> bool:
        """The name is free; its subscriptions keep what they have. False if there is none."""
        ...

    def add_subscription(self, subscription: Subscription, now_s: float) -> None:
        """It gets what is published from now on. Raises AlreadyExists, NotFound (no such topic)."""
        ...

    def replace_subscription(self, subscription: Subscription) -> None:
        """Store new contents under the same name. One that is detached loses its messages."""
        ...

    def remove_subscription(self, name: SubscriptionName) -> bool:
        """Its messages go with it. False if there is none."""
        ...

    def replace_snapshot(self, snapshot: Snapshot) -> None:
        """Store new contents under the same name."""
        ...

    def remove_snapshot(self, name: SnapshotName) -> bool:
        """False if there is none."""
        ...

    def add_schema(self, schema: Schema) -> None:
        """A first or further revision. Raises AlreadyExists: this revision is there."""
        ...

    def remove_schema(self, name: SchemaName) -> list[TopicName]:
        """Remove all revisions; the topics that used it."""
        ...

    def remove_schema_revision(self, name: SchemaName, revision: str) -> bool:
        """False if there is none."""
        ...

    def touch(self, names: Sequence[SubscriptionName], now_s: float) -> None:
        """These subscriptions are in use."""
        ...

    def expire(self, now_s: float, running_since_s: float) -> list[SubscriptionName]:
        """Remove snapshots and subscriptions whose time is over; these subscriptions. A subscription was in use at
        least at `running_since_s`."""
        ...


class MessagesWrite(Protocol):
    """Messages on their way. All of it is bounded by what is asked for, never by the backlog."""

    def publish(
        self, topic: TopicName, messages: Sequence[NewMessage], schema: SchemaSettings | None, now_s: float
    ) -> Published | SchemaSettings:
        """Store messages that fit `schema`; the topic's schema if it is another one: nothing was done.
        Raises NotFound."""
        ...

    def pull(self, name: SubscriptionName, wish: PullWish, now_s: float) -> Pulled:
        """Lease messages. Raises NotFound, FailedPrecondition (detached; one that pushes, and is not known), Aborted
        (not the one that is known)."""
        ...

    def acknowledge(self, name: SubscriptionName, ack_ids: Sequence[str], now_s: float) -> Settled:
        """Raises NotFound, InvalidArgument (malformed)."""
        ...

    def modify_deadlines(
        self, name: SubscriptionName, ack_ids: Sequence[str], deadline_s: float, now_s: float
    ) -> Settled:
        """Leases end `deadline_s` from now; 0: the deliveries failed. Raises NotFound, InvalidArgument (malformed)."""
        ...

    def settle_overdue(self, name: SubscriptionName, now_s: float) -> Sequence[int]:
        """Send dead letters of leases that ran out; the topics that got some."""
        ...

    def seek_to_time(self, name: SubscriptionName, at_s: float, now_s: float) -> int:
        """Messages published before are acknowledged, later ones are not, as far as they are kept. The subscription's
        number. Raises NotFound."""
        ...

    def seek_to_snapshot(self, name: SubscriptionName, snapshot: SnapshotName, now_s: float) -> int:
        """What was not acknowledged then is not now. The subscription's number. Raises NotFound, FailedPrecondition (of
        another topic)."""
        ...

    def add_snapshot(
        self, name: SnapshotName, subscription: SubscriptionName, labels: Mapping[str, str], now_s: float
    ) -> Snapshot:
        """Keep what the subscription has not acknowledged. Raises AlreadyExists, NotFound, FailedPrecondition (it would
        expire too soon)."""
        ...

    def release_pushed(self, now_s: float) -> None:
        """At a start: what was being pushed may be pushed again."""
        ...

    def topics_with_messages(self) -> list[int]:
        """The numbers of topics that may have something to remove."""
        ...

    def clean_topic(self, topic_id: int, after: int, now_s: float) -> int | None:
        """Remove messages that nobody needs any more from a stretch behind the message `after`. Where the next stretch
        begins; None: that was all."""
        ...

    def join_messages(self, topic_id: int, after: int) -> Joined:
        """Make a stretch of messages that wait behind the message `after` take less room."""
        ...

    def clean_leavings(self) -> bool:
        """Remove some rows of lanes and snapshots that are gone. False: there are none."""
        ...
