"""Metadata of objects from flags: content headers, custom fields, times, and the preconditions."""

from __future__ import annotations

from hakobune.cli.document import Document, dict_at
from hakobune.cli.errors import CommandError
from hakobune.cli.flags import Arguments, Flag
from hakobune.cli.storage.api import Query

# flag: field of the object
_FIELDS = {
    "cache-control": "cacheControl",
    "content-disposition": "contentDisposition",
    "content-encoding": "contentEncoding",
    "content-language": "contentLanguage",
    "content-type": "contentType",
    "custom-time": "customTime",
    "storage-class": "storageClass",
}
_CLEARABLE = ("cache-control", "content-disposition", "content-encoding", "content-language", "content-type")
_COPIED = (*_FIELDS.values(), "metadata")

METADATA_FLAGS = (
    Flag("--cache-control", "text", "How caches may keep the object."),
    Flag("--content-disposition", "text", "How browsers show the object."),
    Flag("--content-encoding", "text", "The encoding of the bytes, such as gzip."),
    Flag("--content-language", "text", "The language of the content."),
    Flag("--content-type", "text", "The type of the content; else by the name of the file.", metavar="TYPE"),
    Flag("--custom-time", "text", "An instant of your own, such as 2026-01-31T12:00:00Z.", metavar="INSTANT"),
    Flag("--custom-metadata", "map", "Fields of your own; these and no others.", metavar="KEY=VALUE"),
    Flag("--update-custom-metadata", "map", "Fields of your own, beside those that are there.", metavar="KEY=VALUE"),
    Flag("--remove-custom-metadata", "list", "Remove these fields of your own.", metavar="KEY"),
    Flag("--clear-custom-metadata", "switch", "Remove all fields of your own."),
    Flag("--storage-class", "text", "The storage class, which is kept and makes no difference here.", short="-s"),
)
CUSTOM_CHOICES = (
    ("--custom-metadata", "--clear-custom-metadata", "--update-custom-metadata+--remove-custom-metadata"),
)
CLEAR_FLAGS = tuple(Flag(f"--clear-{name}", "switch", f"Remove the {name} field.") for name in (*_CLEARABLE,))
PRECONDITION_FLAGS = (
    Flag("--if-generation-match", "text", "Only if the destination has this generation; 0: only if there is none.",
         metavar="GENERATION"),
    Flag("--if-metageneration-match", "text", "Only if the destination has this metageneration.",
         metavar="METAGENERATION"),
)  # fmt: skip


def preconditions(arguments: Arguments) -> Query:
    """The query parameters of the precondition flags. Raises CommandError for what is no number."""
    found: Query = {}
    for name, parameter in (
        ("if-generation-match", "ifGenerationMatch"),
        ("if-metageneration-match", "ifMetagenerationMatch"),
    ):
        if arguments.given(name):
            text = arguments.text(name)
            if not (text.isascii() and text.isdigit()):
                raise CommandError(f"argument --{name}: Value must be a whole number; received: {text}", exit_code=2)
            found[parameter] = text
    return found


def given_fields(arguments: Arguments) -> Document:
    """The fields that flags set, apart from the custom ones."""
    return {field: arguments.text(name) for name, field in _FIELDS.items() if arguments.text(name)}


def has_changes(arguments: Arguments) -> bool:
    """Whether any flag changes metadata."""
    names = (*_FIELDS, "custom-metadata", "update-custom-metadata", "remove-custom-metadata", "clear-custom-metadata")
    return any(arguments.given(name) for name in (*names, *(f"clear-{name}" for name in _CLEARABLE)))


def custom_fields(arguments: Arguments, old: Document) -> Document:
    """The custom fields after the flags, from those that were there."""
    if arguments.given("custom-metadata"):
        return dict[str, object](arguments.pairs("custom-metadata"))
    kept = {} if arguments.switch("clear-custom-metadata") else dict(old)
    for key in arguments.words("remove-custom-metadata"):
        kept.pop(key, None)
    return {**kept, **arguments.pairs("update-custom-metadata")}


def new_object(arguments: Arguments, content_type: str) -> Document:
    """The metadata of an object that is uploaded."""
    found = {"contentType": content_type, **given_fields(arguments)}
    custom = custom_fields(arguments, {})
    return {**found, "metadata": custom} if custom else found


def copied_object(arguments: Arguments, source: Document) -> Document | None:
    """The metadata of a copy in the store, or None: that of the source, untouched."""
    if not has_changes(arguments):
        return None
    found = {field: source[field] for field in _COPIED if field in source} | given_fields(arguments)
    custom = custom_fields(arguments, dict_at(source, "metadata"))
    return {**found, "metadata": custom}


def patch_of(arguments: Arguments, source: Document) -> Document:
    """The merge patch that the flags mean for an object that is there."""
    change = given_fields(arguments)
    for name in _CLEARABLE:
        if arguments.switch(f"clear-{name}"):
            change[_FIELDS[name]] = None
    old = dict_at(source, "metadata")
    custom = custom_fields(arguments, old)
    if custom != old:
        gone: Document = {key: None for key in old if key not in custom}
        change["metadata"] = {**gone, **custom} if custom else None
    return change
