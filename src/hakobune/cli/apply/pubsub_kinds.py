"""Topics and subscriptions, in the fields of the Pub/Sub API v1."""

from __future__ import annotations

from hakobune.cli.apply.calls import found
from hakobune.cli.apply.kinds import (
    Ground,
    Key,
    Wanted,
    account_reference,
    changed_fields,
    check_own_project,
    labels_of,
    name_of,
    split_name,
    without,
)
from hakobune.cli.document import Document, at, is_dict, text_at
from hakobune.cli.pages import items, target
from hakobune.core.pubsub.names import SubscriptionName, TopicName
from hakobune.wire.pubsub_v1 import topic_from_json, topic_to_json
from hakobune.wire.pubsub_v1_subscriptions import subscription_from_json, subscription_to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hakobune.cli.session import Session

_LABELS = ("labels",)


class TopicKind:
    """`kind: Topic`."""

    name = "Topic"
    stage = 0
    label_path = _LABELS
    immutable = frozenset({"kmsKeyName"})

    def read(self, body: Document, ground: Ground) -> Wanted:
        """The topic in `body`. Raises RefusedError, HakobuneError."""
        full = ground.full_name("topics", name_of(body))
        project, topic = split_name(full, "projects/*/topics/*")
        check_own_project(project, ground)
        wanted = topic_from_json({**without(body, ["kind"]), "name": full}, TopicName.make(project, topic))
        return Wanted(key=Key(self.name, "", topic), body=without(topic_to_json(wanted), ["name"]))

    def find(self, session: Session, key: Key) -> Document | None:
        """The topic, or None."""
        return found(session, _path(session, "topics", key))

    def compared(self, session: Session, wanted: Wanted, held: Document) -> tuple[Document, Document]:
        """What is there, and what is wanted."""
        del session
        return without(held, ["name", "state", "satisfiesPzs"]), wanted.body

    def create(self, session: Session, wanted: Wanted) -> None:
        """Make it."""
        session.call("PUT", target(_path(session, "topics", wanted.key)), wanted.body)

    def update(self, session: Session, wanted: Wanted, before: Document, after: Document) -> None:
        """Change the fields that differ."""
        path = _path(session, "topics", wanted.key)
        mask = ",".join(changed_fields(before, after))
        session.call("PATCH", target(path), {"topic": {**after, "name": path}, "updateMask": mask})

    def delete(self, session: Session, key: Key) -> None:
        """Remove it; its subscriptions stay, without a topic."""
        session.call("DELETE", target(_path(session, "topics", key)))

    def all(self, session: Session) -> Iterator[tuple[Key, Mapping[str, object]]]:
        """The topics of the project, with their labels."""
        for topic in items(session, f"projects/{session.project}/topics", "topics"):
            yield Key(self.name, "", text_at(topic, "name").rpartition("/")[2]), labels_of(topic, _LABELS)


class SubscriptionKind:
    """`kind: Subscription`."""

    name = "Subscription"
    stage = 1
    label_path = _LABELS
    immutable = frozenset({"topic", "filter", "enableMessageOrdering"})

    def read(self, body: Document, ground: Ground) -> Wanted:
        """The subscription in `body`; topics may be named by their ids. Raises RefusedError, HakobuneError."""
        full = ground.full_name("subscriptions", name_of(body))
        project, name = split_name(full, "projects/*/subscriptions/*")
        check_own_project(project, ground)
        tree = {**without(body, ["kind"]), "name": full}
        if text_at(tree, "topic"):
            tree["topic"] = ground.full_name("topics", text_at(tree, "topic"))
        policy = tree.get("deadLetterPolicy")
        if is_dict(policy) and text_at(policy, "deadLetterTopic"):
            tree["deadLetterPolicy"] = {
                **policy,
                "deadLetterTopic": ground.full_name("topics", text_at(policy, "deadLetterTopic")),
            }
        wanted = subscription_from_json(tree, SubscriptionName.make(project, name))
        shown = without(subscription_to_json(wanted), ["name", "state", "detached", "topicMessageRetentionDuration"])
        return Wanted(
            key=Key(self.name, "", name), body=shown, references=frozenset(_references(shown, ground.project))
        )

    def find(self, session: Session, key: Key) -> Document | None:
        """The subscription, or None."""
        return found(session, _path(session, "subscriptions", key))

    def compared(self, session: Session, wanted: Wanted, held: Document) -> tuple[Document, Document]:
        """What is there, and what is wanted."""
        del session
        return without(held, ["name", "state", "detached", "topicMessageRetentionDuration"]), wanted.body

    def create(self, session: Session, wanted: Wanted) -> None:
        """Make it."""
        session.call("PUT", target(_path(session, "subscriptions", wanted.key)), wanted.body)

    def update(self, session: Session, wanted: Wanted, before: Document, after: Document) -> None:
        """Change the fields that differ."""
        path = _path(session, "subscriptions", wanted.key)
        mask = ",".join(changed_fields(before, after))
        session.call("PATCH", target(path), {"subscription": {**after, "name": path}, "updateMask": mask})

    def delete(self, session: Session, key: Key) -> None:
        """Remove it, with the messages that wait in it."""
        session.call("DELETE", target(_path(session, "subscriptions", key)))

    def all(self, session: Session) -> Iterator[tuple[Key, Mapping[str, object]]]:
        """The subscriptions of the project, with their labels."""
        for one in items(session, f"projects/{session.project}/subscriptions", "subscriptions"):
            yield Key(self.name, "", text_at(one, "name").rpartition("/")[2]), labels_of(one, _LABELS)


def _references(subscription: Document, project: str) -> Iterator[Key]:
    for topic in (text_at(subscription, "topic"), text_at(subscription, "deadLetterPolicy", "deadLetterTopic")):
        yield from topic_reference(topic, project)
    account = at(subscription, "pushConfig", "oidcToken", "serviceAccountEmail")
    if isinstance(account, str):
        yield from account_reference(account, project)


def topic_reference(topic: str, project: str) -> Iterator[Key]:
    """The topic of this project that a full name means, as a reference."""
    if topic.startswith(f"projects/{project}/topics/"):
        yield Key("Topic", "", topic.rpartition("/")[2])


def _path(session: Session, collection: str, key: Key) -> str:
    return f"projects/{session.project}/{collection}/{key.id}"
