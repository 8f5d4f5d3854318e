"""`storage objects list | describe | update | compose`."""

from __future__ import annotations

from functools import partial

from hakobune.cli.document import Document
from hakobune.cli.errors import CommandError
from hakobune.cli.flags import LIST_FLAGS, Arguments, Command, Flag, Positional
from hakobune.cli.format.records import Record
from hakobune.cli.storage import metadata
from hakobune.cli.storage.api import Query, StorageApi, object_path
from hakobune.cli.storage.buckets import RAW, command_words
from hakobune.cli.storage.crew import Crew, Progress
from hakobune.cli.storage.display import object_fields, raw_fields
from hakobune.cli.storage.entries import ObjectEntry
from hakobune.cli.storage.expansion import Expansion, missing
from hakobune.cli.storage.listing import VERSIONS
from hakobune.cli.storage.sources import Sources
from hakobune.cli.storage.transport import HttpError
from hakobune.cli.storage.urls import CloudUrl, has_wildcard, object_url, url_from_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hakobune.cli.session import Session

_SOURCES_MAX = 32  # source: Cloud Storage documentation, "Composite objects"


def _list(session: Session, arguments: Arguments) -> Iterator[Record]:
    expansion = Expansion(StorageApi(session), with_versions=True)
    for text in arguments.positionals["url"]:
        url = url_from_text(text)
        if not isinstance(url, CloudUrl) or (not url.name and (url.is_provider or has_wildcard(url.bucket))):
            raise CommandError(f"URL does not match objects: {text}")
        pattern = url if url.name else CloudUrl(url.bucket, "*")
        for entry in expansion.entries(pattern):
            if isinstance(entry, ObjectEntry):
                yield _record(entry.document, arguments)


def _describe(session: Session, arguments: Arguments) -> Record:
    text = arguments.word("url")
    if has_wildcard(text):
        raise CommandError(
            "Describe does not accept wildcards because it returns a single resource. Please use the `ls` or `objects"
            " list` command for retrieving multiple resources."
        )
    url = object_url(text, command_words(session))
    try:
        return _record(StorageApi(session).get_object(url), arguments)
    except HttpError as error:
        raise missing(error, str(url).removeprefix("gs://")) from error


def _record(document: Document, arguments: Arguments) -> Record:
    entry = ObjectEntry(document)
    shown = raw_fields(document) if arguments.switch("raw") else object_fields(document)
    return Record(shown, uri=f"/storage/v1{object_path(entry.url)}")


def _update(session: Session, arguments: Arguments) -> None:
    if not metadata.has_changes(arguments) and not _holds(arguments):
        raise CommandError("Please supply at least one flag that changes something.")
    urls = [object_or_pattern(text) for text in arguments.positionals["url"]]
    api = StorageApi(session)
    expansion = Expansion(api, with_versions=arguments.switch("all-versions"))
    sources = Sources(urls, expansion, session.console, is_recursive=arguments.switch("recursive"))
    progress = Progress(session.console, "objects")
    query = metadata.preconditions(arguments)
    try:
        Crew(api.transport, progress).run(_changes(api, progress, sources, arguments, query))
    finally:
        progress.end()
    sources.check()


def _changes(
    api: StorageApi, progress: Progress, sources: Sources, arguments: Arguments, query: Query
) -> Iterator[Callable[[], None]]:
    for item in sources.items():
        if isinstance(item.content, ObjectEntry):
            progress.expect(None)
            is_exact = arguments.switch("all-versions") or item.is_pinned
            listed = item.content.url
            url = listed if is_exact else CloudUrl(listed.bucket, listed.name)
            yield partial(_change, api, progress, url, item.content, arguments, query)


def _change(
    api: StorageApi, progress: Progress, url: CloudUrl, entry: ObjectEntry, arguments: Arguments, query: Query
) -> None:
    progress.say(f"Patching {url}...")
    change = metadata.patch_of(arguments, entry.document) | _holds(arguments)
    if "storageClass" in change:
        # A class cannot be patched: the object is written onto itself (documentation, "Change storage class").
        described = metadata.copied_object(arguments, entry.document)
        api.rewrite(entry.url, CloudUrl(url.bucket, url.name), described, query)
        return
    api.patch_object(url, change, query)


def _holds(arguments: Arguments) -> Document:
    found: Document = {}
    if arguments.given("temporary-hold"):
        found["temporaryHold"] = arguments.switch("temporary-hold")
    if arguments.given("event-based-hold"):
        found["eventBasedHold"] = arguments.switch("event-based-hold")
    return found


def _compose(session: Session, arguments: Arguments) -> None:
    words = command_words(session)
    to = object_url(arguments.word("destination"), words)
    if to.generation:
        raise CommandError(
            "Version-specific URLs are not valid destinations because composing always results in creating an object"
            " with the latest generation."
        )
    urls = [object_url(text, words) for text in arguments.positionals["source"]]
    api = StorageApi(session)
    sources = Sources(urls, Expansion(api), session.console, is_recursive=False)
    found = [item for item in sources.items() if isinstance(item.content, ObjectEntry)]
    sources.check()
    if any(item.content.url.bucket != to.bucket for item in found if isinstance(item.content, ObjectEntry)):
        raise CommandError("Composing needs all objects in the bucket of the destination.")
    if len(found) > _SOURCES_MAX:
        raise CommandError(f"At most {_SOURCES_MAX} objects can be composed at once; these are {len(found)}.")
    session.console.say(f"Composing {to} from {len(found)} component object(s).")
    parts: list[object] = []
    for item in found:
        if isinstance(item.content, ObjectEntry):
            pinned = {"generation": item.content.url.generation} if item.is_pinned else {}
            parts.append({"name": item.content.url.name, **pinned})
    first = found[0].content
    described = metadata.given_fields(arguments)
    if isinstance(first, ObjectEntry) and "contentType" in first.document:
        described = {"contentType": first.document["contentType"], **described}
    api.compose(to, {"sourceObjects": parts, "destination": described}, metadata.preconditions(arguments))


def object_or_pattern(text: str) -> CloudUrl:
    """A URL of the store that names more than `gs://`. Raises CommandError."""
    url = url_from_text(text)
    if isinstance(url, CloudUrl) and not url.is_provider:
        return url
    raise CommandError(f"Expected a gs:// URL of objects. Received: {text}")


LIST = Command(
    _list,
    "List objects with all that is known of them, and all their versions.",
    positionals=[Positional("url", "Buckets, objects or patterns.", repeats=True)],
    flags=[RAW, *LIST_FLAGS],
    default_format="yaml",
    examples=[("Names and sizes:", 'hakobune storage objects list gs://media --format "table(name,size)"')],
)

DESCRIBE = Command(
    _describe,
    "Show what is known of an object.",
    positionals=[Positional("url", "The object: gs://BUCKET/OBJECT, perhaps with #GENERATION")],
    flags=[RAW],
    default_format="yaml",
    examples=[("Its generation:", 'hakobune storage objects describe gs://media/a.mp4 --format "value(generation)"')],
)

UPDATE = Command(
    _update,
    "Change the metadata of objects; the content stays.",
    positionals=[Positional("url", "Objects or patterns.", repeats=True)],
    flags=[
        *metadata.METADATA_FLAGS,
        *metadata.CLEAR_FLAGS,
        *metadata.PRECONDITION_FLAGS,
        Flag("--recursive", "switch", "All objects of folders and buckets.", short="-r|-R"),
        VERSIONS,
        Flag("--temporary-hold", "switch", "Let nobody delete the object.", opposite="Let it be deleted again."),
        Flag("--event-based-hold", "switch", "Let nobody delete the object.", opposite="Let it be deleted again."),
        Flag("--continue-on-error", "switch", "", hidden=True, short="-c", note="the others are changed anyway"),
    ],
    exclusive=metadata.CUSTOM_CHOICES,
    examples=[
        ("The type:", "hakobune storage objects update gs://media/a.mp4 --content-type video/mp4"),
        (
            "A field of your own:",
            "hakobune storage objects update gs://media/a.mp4 --update-custom-metadata ok=yes",
        ),
    ],
)

COMPOSE = Command(
    _compose,
    "Join up to 32 objects of a bucket into one.",
    positionals=[
        Positional("source", "The objects, in their order.", repeats=True),
        Positional("destination", "The object that holds all of them."),
    ],
    flags=[*(flag for flag in metadata.METADATA_FLAGS if flag.name.startswith("--content")),
           *metadata.PRECONDITION_FLAGS],
    examples=[("Parts into a whole:",
               "hakobune storage objects compose gs://media/part-1 gs://media/part-2 gs://media/whole")],
)  # fmt: skip
