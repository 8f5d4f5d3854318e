"""`storage buckets create | list | describe | update | delete`, and `storage service-agent`."""

from __future__ import annotations

from hakobune.cli.document import Document, as_dict, dict_at, is_dict, is_list
from hakobune.cli.errors import CommandError
from hakobune.cli.flags import LIST_FLAGS, Arguments, Command, Flag, Positional
from hakobune.cli.format.records import Record
from hakobune.cli.storage.api import Query, StorageApi
from hakobune.cli.storage.display import bucket_fields, raw_fields
from hakobune.cli.storage.entries import BucketEntry
from hakobune.cli.storage.expansion import Expansion, missing
from hakobune.cli.storage.removal import remove_bucket
from hakobune.cli.storage.transport import HttpError
from hakobune.cli.storage.urls import CloudUrl, bucket_url, url_from_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hakobune.cli.session import Session


def command_words(session: Session) -> str:
    """The command as it was typed, for messages."""
    return " ".join(["hakobune", *session.words])


def _create(session: Session, arguments: Arguments) -> None:
    urls = [bucket_url(text, command_words(session)) for text in arguments.positionals["url"]]
    api = StorageApi(session)
    for url in urls:
        session.console.say(f"Creating {url.plain}...")
        api.create_bucket({"name": url.bucket, **_settings(arguments, {})}, {})


def _settings(arguments: Arguments, old: Document) -> Document:
    """What the flags say, as a bucket or as a patch of `old`. Raises CommandError for a file that cannot be read."""
    found: Document = {}
    if arguments.text("location"):
        found["location"] = arguments.text("location")
    if arguments.text("default-storage-class"):
        found["storageClass"] = arguments.text("default-storage-class")
    if arguments.given("versioning"):
        found["versioning"] = {"enabled": arguments.switch("versioning")}
    if arguments.given("soft-delete-duration"):
        found["softDeletePolicy"] = {"retentionDurationSeconds": str(arguments.number("soft-delete-duration"))}
    elif arguments.switch("clear-soft-delete"):
        found["softDeletePolicy"] = {"retentionDurationSeconds": "0"}
    access: Document = {}
    if arguments.given("uniform-bucket-level-access"):
        access["uniformBucketLevelAccess"] = {"enabled": arguments.switch("uniform-bucket-level-access")}
    if arguments.given("public-access-prevention"):
        is_on = arguments.switch("public-access-prevention")
        access["publicAccessPrevention"] = "enforced" if is_on else "inherited"
    if access:
        found["iamConfiguration"] = {**dict_at(old, "iamConfiguration"), **access}
    if arguments.given("default-event-based-hold"):
        found["defaultEventBasedHold"] = arguments.switch("default-event-based-hold")
    if arguments.given("requester-pays"):
        found["billing"] = {"requesterPays": arguments.switch("requester-pays")}
    website = _website(arguments)
    if website:
        found["website"] = website
    labels = _labels(arguments, dict_at(old, "labels"))
    if labels is not None:
        found["labels"] = labels
    _read_files(arguments, found)
    return found


def _website(arguments: Arguments) -> Document:
    """The patch of the pages of a website."""
    found: Document = {}
    for flag, field in (("web-main-page-suffix", "mainPageSuffix"), ("web-error-page", "notFoundPage")):
        if arguments.given(flag):
            found[field] = arguments.text(flag)
        elif arguments.switch(f"clear-{flag}"):
            found[field] = None
    return found


def _labels(arguments: Arguments, old: Document) -> Document | None:
    """The patch of the labels, or None where they stay."""
    if arguments.switch("clear-labels"):
        return _nothing_for(old)
    if arguments.given("labels-file"):
        given = _file(arguments.text("labels-file"))
        return {**_nothing_for(old), **as_dict(given)}
    if not (arguments.given("update-labels") or arguments.given("remove-labels")):
        return None
    return {**_nothing_for(arguments.words("remove-labels")), **arguments.pairs("update-labels")}


def _nothing_for(keys: Iterable[str]) -> Document:
    """The patch that removes these keys."""
    found: Document = {}
    for key in keys:
        found[key] = None
    return found


def _read_files(arguments: Arguments, found: Document) -> None:
    if arguments.given("lifecycle-file"):
        rules = as_dict(_file(arguments.text("lifecycle-file")))
        # The file may be the rules, or as an older tool wrote it, with a name above them.
        found["lifecycle"] = rules.get("lifecycle", rules)
    elif arguments.switch("clear-lifecycle"):
        found["lifecycle"] = None
    if arguments.given("cors-file"):
        found["cors"] = _file(arguments.text("cors-file"))
    elif arguments.switch("clear-cors"):
        found["cors"] = None


def _file(path: str) -> object:
    from hakobune.cli.yaml_reader import read_file

    found = read_file(path)
    if not (is_dict(found) or is_list(found)):
        raise CommandError(f"[{path}] is not a JSON or YAML file of the form that is expected.")
    return found


def _list(session: Session, arguments: Arguments) -> Iterator[Record]:
    api = StorageApi(session)
    expansion = Expansion(api)
    for text in arguments.positionals.get("url", ["gs://"]):
        url = url_from_text(text)
        if not isinstance(url, CloudUrl) or url.name:
            raise CommandError(f"URL does not match buckets: {text}")
        for entry in expansion.entries(url, with_metadata=True):
            if isinstance(entry, BucketEntry):
                yield _record(entry.document, arguments)


def _describe(session: Session, arguments: Arguments) -> Record:
    text = arguments.word("url")
    url = bucket_url(text, command_words(session))
    if url.is_wild:
        raise CommandError(
            "Describe does not accept wildcards because it returns a single resource. Please use the `ls` or `buckets"
            " list` command for retrieving multiple resources."
        )
    try:
        return _record(StorageApi(session).bucket(url.bucket, is_full=True), arguments)
    except HttpError as error:
        raise missing(error, url.bucket) from error


def _record(document: Document, arguments: Arguments) -> Record:
    shown = raw_fields(document) if arguments.switch("raw") else bucket_fields(document)
    return Record(shown, uri=f"/storage/v1/b/{document.get('name')}")


def _update(session: Session, arguments: Arguments) -> None:
    urls = [bucket_url(text, command_words(session)) for text in arguments.positionals["url"]]
    query: Query = {}
    if arguments.text("if-metageneration-match"):
        query["ifMetagenerationMatch"] = arguments.text("if-metageneration-match")
    api = StorageApi(session)
    for entry in (entry for url in urls for entry in Expansion(api).entries(url, with_metadata=True)):
        if isinstance(entry, BucketEntry):
            session.console.say(f"Updating {entry.url.plain}...")
            api.patch_bucket(entry.url.bucket, _settings(arguments, entry.document), query)


def _delete(session: Session, arguments: Arguments) -> None:
    urls = [bucket_url(text, command_words(session)) for text in arguments.positionals["url"]]
    api = StorageApi(session)
    for url in urls:
        for entry in Expansion(api).entries(url):
            remove_bucket(session, api, CloudUrl(entry.url.bucket))


def _service_agent(session: Session, arguments: Arguments) -> None:
    del arguments
    session.console.answer(StorageApi(session).service_agent() + "\n")


RAW = Flag("--raw", "switch", "The fields as the API names them.")
_BUCKETS = Positional("url", "The buckets: gs://BUCKET …", repeats=True)
_SETTINGS = (
    Flag("--default-storage-class", "text", "The storage class, which is kept and makes no difference here.",
         short="-c|-s", metavar="CLASS"),
    Flag("--uniform-bucket-level-access", "switch", "Access by bucket alone.", short="-b",
         opposite="Access lists of objects too."),
    Flag("--public-access-prevention", "switch", "Let nobody be given access without a name.", short="--pap",
         opposite="What the project says."),
    Flag("--soft-delete-duration", "duration", "Keep what is deleted for so long; 0: not at all.", at_least=0,
         metavar="DURATION"),
    Flag("--lifecycle-file", "text", "A JSON file with the rules of what is deleted when.", metavar="FILE"),
    Flag("--retention-period", "text", "", hidden=True, refusal="retention policies are not enforced here"),
    Flag("--default-encryption-key", "text", "", hidden=True, short="-k", refusal="there is no key service here"),
    Flag("--enable-autoclass", "switch", "", hidden=True, note="storage classes make no difference here"),
    Flag("--recovery-point-objective", "text", "", hidden=True, short="--rpo", note="there is one machine"),
)  # fmt: skip

CREATE = Command(
    _create,
    "Create buckets.",
    positionals=[_BUCKETS],
    flags=[
        *_SETTINGS,
        Flag("--location", "text", "The location, which is kept and makes no difference here. Default: US.",
             short="-l"),
        Flag("--placement", "list", "", hidden=True, note="there is one machine"),
        Flag("--enable-hierarchical-namespace", "switch", "", hidden=True, refusal="names are flat here"),
    ],
    examples=[("A bucket:", "hakobune storage buckets create gs://media")],
)  # fmt: skip

LIST = Command(
    _list,
    "List the buckets of the project, with all their settings.",
    positionals=[Positional("url", "Patterns, such as gs://media*.", required=False, repeats=True)],
    flags=[RAW, *LIST_FLAGS],
    default_format="yaml",
    examples=[("The names alone:", 'hakobune storage buckets list --format "value(name)"')],
)

DESCRIBE = Command(
    _describe,
    "Show the settings of a bucket.",
    positionals=[Positional("url", "The bucket: gs://BUCKET")],
    flags=[RAW],
    default_format="yaml",
    examples=[("As the API answers it:", "hakobune storage buckets describe gs://media --raw --format json")],
)

UPDATE = Command(
    _update,
    "Change the settings of buckets.",
    positionals=[_BUCKETS],
    flags=[
        *_SETTINGS,
        Flag("--versioning", "switch", "Keep what is overwritten or deleted as noncurrent versions.",
             opposite="No longer keep them."),
        Flag("--clear-soft-delete", "switch", "Do not keep what is deleted."),
        Flag("--clear-lifecycle", "switch", "Remove all rules."),
        Flag("--cors-file", "text", "A JSON file with the CORS settings.", metavar="FILE"),
        Flag("--clear-cors", "switch", "Remove the CORS settings."),
        Flag("--default-event-based-hold", "switch", "New objects are held until they are released.",
             opposite="New objects are free."),
        Flag("--requester-pays", "switch", "Kept and shown.", opposite="The owner pays."),
        Flag("--web-main-page-suffix", "text", "Kept and shown: the page of a folder.", metavar="NAME"),
        Flag("--clear-web-main-page-suffix", "switch", "No such page."),
        Flag("--web-error-page", "text", "Kept and shown: the page in the place of one that is missing.",
             metavar="NAME"),
        Flag("--clear-web-error-page", "switch", "No such page."),
        Flag("--clear-retention-period", "switch", "", hidden=True, note="no bucket has a retention policy here"),
        Flag("--clear-default-encryption-key", "switch", "", hidden=True, note="there is no key service here"),
        Flag("--labels-file", "text", "A JSON file with the labels; these and no others.", metavar="FILE"),
        Flag("--update-labels", "map", "Add or change labels.", metavar="KEY=VALUE"),
        Flag("--remove-labels", "list", "Remove labels.", metavar="KEY"),
        Flag("--clear-labels", "switch", "Remove all labels."),
        Flag("--if-metageneration-match", "text", "Only if the bucket has this metageneration.",
             metavar="METAGENERATION"),
        Flag("--continue-on-error", "switch", "", hidden=True, note="each bucket is changed on its own"),
    ],
    exclusive=[
        ("--labels-file", "--clear-labels", "--update-labels+--remove-labels"),
        ("--lifecycle-file", "--clear-lifecycle"),
        ("--cors-file", "--clear-cors"),
        ("--web-main-page-suffix", "--clear-web-main-page-suffix"),
        ("--web-error-page", "--clear-web-error-page"),
        ("--soft-delete-duration", "--clear-soft-delete"),
    ],
    examples=[
        ("Keep old versions, and delete them after 30 days:",
         "hakobune storage buckets update gs://media --versioning --lifecycle-file rules.json"),
        ("A label:", "hakobune storage buckets update gs://media --update-labels team=video"),
    ],
)  # fmt: skip

DELETE = Command(
    _delete,
    "Delete buckets that are empty.",
    positionals=[_BUCKETS],
    flags=[Flag("--continue-on-error", "switch", "", hidden=True, short="-c", note="the first error ends the command")],
    examples=[
        ("An empty bucket:", "hakobune storage buckets delete gs://media"),
        ("A bucket with all that is in it:", "hakobune storage rm -r gs://media"),
    ],
)

SERVICE_AGENT = Command(
    _service_agent,
    "Show the account with which the store tells topics about objects.",
    flags=[Flag("--authorize-cmek", "text", "", hidden=True, refusal="there is no key service here")],
    examples=[("The account:", "hakobune storage service-agent")],
)
