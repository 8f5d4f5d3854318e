"""The IAM policies of topics and subscriptions: get, set, add and remove a binding."""

from __future__ import annotations

from hakobune.cli.flags import Arguments
from hakobune.cli.pages import target
from hakobune.cli.policies import PolicyOf
from hakobune.cli.pubsub.names import SUBSCRIPTION, TOPIC, full_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session


def _topic(session: Session, arguments: Arguments) -> str:
    return target(full_name(session, "topics", arguments.word("topic")))


def _subscription(session: Session, arguments: Arguments) -> str:
    return target(full_name(session, "subscriptions", arguments.word("subscription")))


GET_TOPIC, SET_TOPIC, ADD_TOPIC, REMOVE_TOPIC = PolicyOf(
    noun="topic",
    positional=TOPIC,
    path=_topic,
    words="pubsub topics",
    example="uploads",
    role="roles/pubsub.publisher",
    roles="roles/pubsub.publisher, roles/pubsub.viewer",
).commands()

GET_SUBSCRIPTION, SET_SUBSCRIPTION, ADD_SUBSCRIPTION, REMOVE_SUBSCRIPTION = PolicyOf(
    noun="subscription",
    positional=SUBSCRIPTION,
    path=_subscription,
    words="pubsub subscriptions",
    example="thumbs",
    role="roles/pubsub.subscriber",
    roles="roles/pubsub.subscriber, roles/pubsub.viewer",
).commands()
