"""`storage buckets notifications create | list | describe | delete`: topics that hear of objects."""

from __future__ import annotations

from hakobune.cli.document import Document, dict_at, list_at, text_at
from hakobune.cli.errors import ApiError, CommandError
from hakobune.cli.flags import LIST_FLAGS, Arguments, Command, Flag, Positional
from hakobune.cli.run_api import quoted
from hakobune.cli.storage.api import StorageApi
from hakobune.cli.storage.entries import BucketEntry
from hakobune.cli.storage.expansion import Expansion, missing
from hakobune.cli.storage.transport import HttpError
from hakobune.cli.storage.urls import CloudUrl, url_from_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.session import Session

_EVENTS = ("OBJECT_ARCHIVE", "OBJECT_DELETE", "OBJECT_FINALIZE", "OBJECT_METADATA_UPDATE")
_PAYLOADS = {"json": "JSON_API_V1", "none": "NONE"}
_TOPIC_HOST = "//pubsub.googleapis.com/"


def _create(session: Session, arguments: Arguments) -> Document:
    bucket = _bucket(arguments.word("url"))
    topic = _topic_name(session, arguments.text("topic") or bucket)
    if not arguments.switch("skip-topic-setup"):
        _make_topic(session, topic)
    events = arguments.words("event-types")
    unknown = [event for event in events if event not in _EVENTS]
    if unknown:
        raise CommandError(
            f"argument --event-types: Invalid choice: '{unknown[0]}'. Valid choices are [{', '.join(_EVENTS)}].",
            exit_code=2,
        )
    payload = _PAYLOADS[arguments.text("payload-format") or "json"]
    body: Document = {"topic": f"{_TOPIC_HOST}{topic}", "payload_format": payload}
    if events:
        body["event_types"] = events
    if arguments.text("object-prefix"):
        body["object_name_prefix"] = arguments.text("object-prefix")
    if arguments.pairs("custom-attributes"):
        body["custom_attributes"] = dict[str, object](arguments.pairs("custom-attributes"))
    try:
        made = StorageApi(session).create_notification(bucket, body)
    except HttpError as error:
        raise missing(error, bucket) from error
    return {name: made[name] for name in sorted(made)}


def _topic_name(session: Session, text: str) -> str:
    if text.startswith("projects/"):
        return text
    return f"projects/{session.project}/topics/{text.rpartition('/')[2]}"


def _make_topic(session: Session, topic: str) -> None:
    """Make the topic if it is missing. Access to it needs no grant here."""
    target = "/v1/" + "/".join(quoted(part) for part in topic.split("/"))
    try:
        session.call("GET", target)
    except ApiError as error:
        if error.code != 404:
            raise
        session.call("PUT", target, {})
        session.console.say(f"Created Cloud Pub/Sub topic {topic}.")


def _list(session: Session, arguments: Arguments) -> Iterator[Document] | None:
    found = _configurations(session, arguments)
    if not arguments.switch("human-readable"):
        return (_shown(bucket, item) for bucket, item in found)
    for bucket, item in found:
        session.console.answer(_readable(bucket, item))
    return None


def _shown(bucket: str, item: Document) -> Document:
    fields: Document = {name: item[name] for name in sorted(item)}
    return {"Bucket URL": f"gs://{bucket}/", "Notification Configuration": fields}


def _configurations(session: Session, arguments: Arguments) -> Iterator[tuple[str, Document]]:
    """Each configuration of the buckets that are meant, with its bucket."""
    api = StorageApi(session)
    for text in arguments.positionals.get("url", ["gs://"]):
        url = url_from_text(text)
        if not isinstance(url, CloudUrl) or url.name:
            raise CommandError(f"Invalid bucket URL: {text}")
        for entry in Expansion(api).entries(url):
            if not isinstance(entry, BucketEntry):
                continue
            try:
                found = api.notifications(entry.url.bucket)
            except HttpError as error:
                raise missing(error, entry.url.bucket) from error
            yield from ((entry.url.bucket, item) for item in found)


def _readable(bucket: str, item: Document) -> str:
    lines = [f"projects/_/buckets/{bucket}/notificationConfigs/{text_at(item, 'id')}"]
    lines.append(f"\tCloud Pub/Sub topic: {text_at(item, 'topic').removeprefix(_TOPIC_HOST)}")
    attributes = dict_at(item, "custom_attributes")
    if attributes:
        lines += ["\tCustom attributes:", *(f"\t\t{key}: {value}" for key, value in attributes.items())]
    events = ", ".join(str(event) for event in list_at(item, "event_types"))
    prefix = text_at(item, "object_name_prefix")
    if events or prefix:
        lines.append("\tFilters:")
        lines += [f"\t\tEvent Types: {events}"] if events else []
        lines += [f"\t\tObject name prefix: '{prefix}'"] if prefix else []
    return "\n".join(lines) + "\n\n"


def _describe(session: Session, arguments: Arguments) -> Document:
    text = arguments.word("url")
    bucket, number = _configuration(text)
    if not number:
        raise CommandError(f"Received invalid notification configuration URL: {text}")
    try:
        found = StorageApi(session).notification(bucket, number)
    except HttpError as error:
        raise missing(error, f"{bucket}/notificationConfigs/{number}") from error
    return {name: found[name] for name in sorted(found)}


def _delete(session: Session, arguments: Arguments) -> None:
    api = StorageApi(session)
    for text in arguments.positionals["url"]:
        bucket, number = _configuration(text)
        try:
            numbers = [number] if number else [text_at(item, "id") for item in api.notifications(bucket)]
            for one in numbers:
                session.console.say(f"Removing projects/_/buckets/{bucket}/notificationConfigs/{one}...")
                api.delete_notification(bucket, one)
        except HttpError as error:
            raise missing(error, bucket) from error


def _configuration(text: str) -> tuple[str, str]:
    """Bucket and number of `gs://B`, `gs://B/notificationConfigs/N` or `projects/_/buckets/B/notificationConfigs/N`."""
    words = text.removeprefix("//storage.googleapis.com/").removeprefix("gs://").strip("/").split("/")
    if words[:1] == ["projects"]:
        words = words[3:]
    if len(words) == 1:
        return words[0], ""
    if len(words) == 3 and words[1] == "notificationConfigs":
        return words[0], words[2]
    raise CommandError(f"Received invalid notification configuration URL: {text}")


def _bucket(text: str) -> str:
    url = url_from_text(text)
    if isinstance(url, CloudUrl) and url.is_bucket:
        return url.bucket
    raise CommandError(f"Notification configurations available on only buckets. Invalid URL: {text}")


CREATE = Command(
    _create,
    "Tell a topic about the objects of a bucket: those that appear, change, become noncurrent or go. The topic is made"
    " if it is missing.",
    positionals=[Positional("url", "The bucket: gs://BUCKET")],
    flags=[
        Flag("--topic", "text", "The topic, by its id or its full name. Default: that of the bucket's name.",
             short="-t"),
        Flag("--event-types", "list", f"Only these: {', '.join(_EVENTS)}.", short="-e", metavar="EVENT"),
        Flag("--object-prefix", "text", "Only objects whose names begin so.", short="-p", metavar="PREFIX"),
        Flag("--payload-format", "choice", "json: the object's metadata; none: attributes alone.", short="-f",
             choices=tuple(_PAYLOADS)),
        Flag("--custom-attributes", "map", "Attributes of every message.", short="-m", metavar="KEY=VALUE"),
        Flag("--skip-topic-setup", "switch", "The topic is there already.", short="-s"),
    ],
    default_format="yaml",
    examples=[("Messages about new objects of a folder:",
               "hakobune storage buckets notifications create gs://media -t uploads -e OBJECT_FINALIZE -p in/")],
)  # fmt: skip

LIST = Command(
    _list,
    "List the notification configurations of buckets.",
    positionals=[Positional("url", "Buckets; else all of the project.", required=False, repeats=True)],
    flags=[Flag("--human-readable", "switch", "For people rather than for programs."), *LIST_FLAGS],
    default_format="yaml",
    examples=[("Of a bucket:", "hakobune storage buckets notifications list gs://media")],
)

DESCRIBE = Command(
    _describe,
    "Show a notification configuration.",
    positionals=[Positional("url", "Its name: projects/_/buckets/BUCKET/notificationConfigs/NUMBER")],
    default_format="yaml",
    examples=[("The first one:",
               "hakobune storage buckets notifications describe projects/_/buckets/media/notificationConfigs/1")],
)  # fmt: skip

DELETE = Command(
    _delete,
    "Delete notification configurations: one by its name, or all of a bucket.",
    positionals=[Positional("url", "Names or buckets.", repeats=True)],
    examples=[("All of a bucket:", "hakobune storage buckets notifications delete gs://media")],
)
