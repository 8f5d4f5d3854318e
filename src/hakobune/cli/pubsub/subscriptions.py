"""`pubsub subscriptions create | list | describe | update | delete | modify-push-config`."""

from __future__ import annotations

from hakobune.cli.document import Document, dict_at
from hakobune.cli.errors import CommandError, UsageError
from hakobune.cli.flags import LIST_FLAGS, Arguments, Command, Flag
from hakobune.cli.format.records import Record
from hakobune.cli.pages import items, target
from hakobune.cli.pubsub.batches import each
from hakobune.cli.pubsub.labels import LABELS, LABELS_EXCLUDE, UPDATE_LABELS, changed_labels
from hakobune.cli.pubsub.names import SUBSCRIPTION, SUBSCRIPTIONS, full_name, record_of
from hakobune.cli.pubsub.subscription_settings import PUSH_FLAGS, SETTINGS, push_config, settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.session import Session


def _names(session: Session, arguments: Arguments) -> list[str]:
    return [full_name(session, "subscriptions", text) for text in arguments.positionals["subscription"]]


def _name(session: Session, arguments: Arguments) -> str:
    return full_name(session, "subscriptions", arguments.word("subscription"))


def _create(session: Session, arguments: Arguments) -> Iterator[Record]:
    if not arguments.given("topic"):
        raise UsageError("argument (--topic : --topic-project=TOPIC_PROJECT): Must be specified.")
    if arguments.given("message-filter") and not arguments.text("message-filter"):
        raise CommandError(
            "Invalid value for [--message-filter]: Filter string must be non-empty. If you do not want a filter, do"
            " not set the --message-filter argument."
        )
    body = settings(session, arguments)
    body["topic"] = full_name(session, "topics", arguments.text("topic"), project=arguments.text("topic-project"))
    if arguments.given("message-filter"):
        body["filter"] = arguments.text("message-filter")
    if arguments.switch("enable-message-ordering"):
        body["enableMessageOrdering"] = True
    if arguments.given("labels"):
        body["labels"] = arguments.pairs("labels")
    made = each(
        session,
        _names(session, arguments),
        "subscription",
        "create",
        "Created",
        lambda name: session.call("PUT", target(name), {**body}),
    )
    return (record_of(subscription) for subscription in made)


def _update(session: Session, arguments: Arguments) -> Document | None:
    name = _name(session, arguments)
    subscription = settings(session, arguments)
    mask = sorted(subscription)
    for flag, field in (("clear-dead-letter-policy", "deadLetterPolicy"), ("clear-retry-policy", "retryPolicy")):
        if arguments.switch(flag):
            mask.append(field)
    if arguments.switch("clear-push-no-wrapper-config") and "pushConfig" not in mask:
        mask.append("pushConfig.noWrapper")
    labels = changed_labels(arguments, lambda: dict_at(session.call("GET", target(name)), "labels"))
    if labels is not None:
        subscription["labels"] = labels
        mask.append("labels")
    if not mask:
        if not any(arguments.given(flag.name[2:]) for flag in UPDATE_LABELS):
            raise CommandError("Must specify at least one field to update.")
        session.console.say("No update to perform.")
        return None
    subscription["name"] = name
    answer = session.call("PATCH", target(name), {"subscription": subscription, "updateMask": ",".join(mask)})
    session.console.say(f"Updated subscription [{name}].")
    return answer


def _list(session: Session, arguments: Arguments) -> Iterator[Record]:
    del arguments
    found = items(session, f"projects/{session.project}/subscriptions", "subscriptions")
    return (record_of(subscription) for subscription in found)


def _describe(session: Session, arguments: Arguments) -> Record:
    return record_of(session.call("GET", target(_name(session, arguments))))


def _delete(session: Session, arguments: Arguments) -> Iterator[Document]:
    return each(
        session,
        _names(session, arguments),
        "subscription",
        "delete",
        "Deleted",
        lambda name: session.call("DELETE", target(name)),
    )


def _modify_push(session: Session, arguments: Arguments) -> Document:
    if not arguments.given("push-endpoint"):
        raise UsageError("argument --push-endpoint: Must be specified.")
    name = _name(session, arguments)
    body = {"pushConfig": push_config(session, arguments)}
    answer = session.call("POST", target(name, verb="modifyPushConfig"), body)
    session.console.say(f"Updated subscription [{name}].")
    return answer


CREATE = Command(
    _create,
    "Create one or more subscriptions of a topic: what is published from now on waits there for whoever pulls, or is"
    " pushed to an endpoint.",
    positionals=[SUBSCRIPTIONS],
    flags=[
        Flag("--topic", "text", "The topic."),
        Flag("--topic-project", "text", "The project of the topic.", metavar="PROJECT"),
        *SETTINGS,
        Flag("--message-filter", "text", "Only messages whose attributes are so.", metavar="FILTER"),
        Flag("--enable-message-ordering", "switch", "Messages of one ordering key come in order."),
        LABELS,
    ],
    examples=[
        ("For a worker that pulls:", "hakobune pubsub subscriptions create worker --topic uploads --ack-deadline 60"),
        ("Only some messages, and those that fail five times go to another topic:",
         """hakobune pubsub subscriptions create videos --topic uploads --message-filter 'attributes.kind = "video"' \\
      --dead-letter-topic failed --max-delivery-attempts 5"""),
        ("Pushed to a service:",
         "hakobune pubsub subscriptions create hook --topic uploads --push-endpoint http://127.0.0.1:8080/hook"),
    ],
)  # fmt: skip

UPDATE = Command(
    _update,
    "Change a subscription.",
    positionals=[SUBSCRIPTION],
    flags=[
        *UPDATE_LABELS,
        *SETTINGS,
        Flag("--clear-dead-letter-policy", "switch", "Messages that cannot be delivered come again and again."),
        Flag("--clear-retry-policy", "switch", "Messages come again at once."),
        Flag("--clear-push-no-wrapper-config", "switch", "Pushes are envelopes again."),
    ],
    exclusive=[
        LABELS_EXCLUDE,
        ("--clear-dead-letter-policy", "--dead-letter-topic+--max-delivery-attempts"),
        ("--clear-retry-policy", "--min-retry-delay+--max-retry-delay"),
        ("--clear-push-no-wrapper-config", "--push-no-wrapper"),
    ],
    examples=[("More time:", "hakobune pubsub subscriptions update worker --ack-deadline 120")],
)

LIST = Command(
    _list,
    "List the subscriptions of the project.",
    flags=LIST_FLAGS,
    default_format="yaml",
    examples=[("As a table:", 'hakobune pubsub subscriptions list --format "table(name.basename(),topic.basename())"')],
)

DESCRIBE = Command(
    _describe,
    "Show a subscription.",
    positionals=[SUBSCRIPTION],
    default_format="yaml",
    examples=[("As JSON:", "hakobune pubsub subscriptions describe worker --format json")],
)

DELETE = Command(
    _delete,
    "Delete one or more subscriptions, with the messages that wait there.",
    positionals=[SUBSCRIPTIONS],
    examples=[("A subscription:", "hakobune pubsub subscriptions delete worker")],
)

MODIFY_PUSH = Command(
    _modify_push,
    "Change where the messages of a subscription are pushed to; an empty endpoint lets them wait to be pulled.",
    positionals=[SUBSCRIPTION],
    flags=PUSH_FLAGS,
    default_format="yaml",
    examples=[
        ("Somewhere else:",
         "hakobune pubsub subscriptions modify-push-config hook --push-endpoint http://127.0.0.1:9090/hook"),
        ("Nowhere:", 'hakobune pubsub subscriptions modify-push-config hook --push-endpoint=""'),
    ],
)  # fmt: skip
