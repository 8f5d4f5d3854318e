"""`storage cp` and `storage mv`: between this machine and the store, both ways, and within the store."""

from __future__ import annotations

import mimetypes
import os
import sys
from functools import partial

from hakobune.cli.document import text_at
from hakobune.cli.errors import CommandError
from hakobune.cli.flags import Arguments, Command, Flag, Positional
from hakobune.cli.storage import metadata
from hakobune.cli.storage.api import Query, StorageApi
from hakobune.cli.storage.crew import Crew, Progress
from hakobune.cli.storage.destinations import Destination
from hakobune.cli.storage.downloads import Downloads
from hakobune.cli.storage.entries import FileEntry, ObjectEntry
from hakobune.cli.storage.expansion import Expansion, missing
from hakobune.cli.storage.sources import Item, Sources
from hakobune.cli.storage.transport import HttpError
from hakobune.cli.storage.uploads import Uploads
from hakobune.cli.storage.urls import CloudUrl, FileUrl, Url, url_from_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hakobune.cli.console import Console
    from hakobune.cli.session import Session

DEFAULT_TYPE = "application/octet-stream"


class Copying:
    """One run of cp or mv."""

    def __init__(self, session: Session, arguments: Arguments, *, is_move: bool) -> None:
        self._console: Console = session.console
        self._arguments = arguments
        self._is_move = is_move
        self._api = StorageApi(session)
        self._uploads = Uploads(self._api)
        self._downloads = Downloads(self._api)
        self._progress = Progress(session.console)
        self._query: Query = metadata.preconditions(arguments)
        self._is_careful = arguments.switch("no-clobber")
        if self._is_careful:
            self._query["ifGenerationMatch"] = "0"
        self._with_versions = arguments.switch("all-versions")
        self._may_collide = False
        self._written: set[int] = set()  # hashes of destinations, where two sources may have the same name

    def run(self) -> None:
        """Copy all. Raises CommandError, after the others were copied, for what failed or was not there."""
        urls = [url_from_text(text) for text in self._arguments.positionals["source"]]
        expansion = Expansion(self._api, with_versions=self._with_versions)
        sources = Sources(
            urls, expansion, self._console, is_recursive=self._is_move or self._arguments.switch("recursive")
        )
        typed = self._arguments.word("destination")
        destination = Destination(url_from_text(typed), Expansion(self._api))
        destination.check(sources)
        self._may_collide = sources.has_several_tops and not self._with_versions
        first = sources.first
        if first is not None and not sources.is_plural and _plain(first.top.url) == str(destination.url):
            raise CommandError(f"Source URL matches destination URL: {first.top.url}")
        is_stream = isinstance(destination.url, FileUrl) and destination.url.is_stream
        # One after the other: into one stream, and versions in the order of their generations.
        workers = 1 if is_stream or self._with_versions else None
        crew = Crew(self._api.transport, self._progress, **({"workers": workers} if workers else {}))
        try:
            crew.run(self._tasks(sources, destination))
        finally:
            self._progress.end()
        sources.check()

    def _tasks(self, sources: Sources, destination: Destination) -> Iterator[Callable[[], None]]:
        for item in sources.items():
            to = destination.of(item, sources)
            if isinstance(item.content, ObjectEntry) and isinstance(to, FileUrl) and to.path.endswith(os.sep):
                continue  # an object that stands for a folder: no file can have its name
            if isinstance(item.content, FileEntry) and isinstance(to, FileUrl):
                raise CommandError(f"Local copies not supported. Received copy from {item.content.url} to {to}")
            if _plain(item.content.url) == str(to):
                raise CommandError(f"Destination URL {to} already exists.")
            if self._may_collide and not (isinstance(to, FileUrl) and to.is_stream):
                if hash(str(to)) in self._written:
                    self._progress.say(f"Copying {self._told(item.content)} to {to}")
                    self._progress.say(
                        f"Skipping {_task(item.content, to)} for {to}. This can occur if a cp command results in"
                        " multiple writes to the same resource."
                    )
                    continue
                self._written.add(hash(str(to)))
            self._progress.expect(item.content.size_bytes)
            yield partial(self._copy, item, to)

    def _copy(self, item: Item, to: Url) -> None:
        content = item.content
        source = self._told(content)
        self._progress.say(f"Copying {source} to {to}")
        try:
            if not self._copy_one(content, to):
                return
        except HttpError as error:
            if error.code == 404 and isinstance(to, CloudUrl) and "bucket does not exist" in error.message:
                raise missing(error, to.bucket) from error
            if not (self._is_careful and error.code == 412 and isinstance(to, CloudUrl)):
                raise
            found = self._api.find_object(to)
            generation = f"#{text_at(found, 'generation')}" if found else ""
            self._progress.say(f"Skipping existing destination item (no-clobber): {to}{generation}")
            return
        if self._is_move:
            if isinstance(content, ObjectEntry):
                self._progress.say(f"Removing {source}...")
            self._remove_source(content, to)

    def _told(self, content: ObjectEntry | FileEntry) -> str:
        """What a source is called."""
        return str(content.url) if isinstance(content, FileEntry) or self._with_versions else _plain(content.url)

    def _copy_one(self, content: ObjectEntry | FileEntry, to: Url) -> bool:
        """Whether it was copied; False: it was left alone."""
        if isinstance(content, FileEntry) and isinstance(to, CloudUrl):
            described = metadata.new_object(self._arguments, content_type_of(content.url.path))
            self._uploads.upload(content, to, described, self._query, self._progress.advance)
        elif isinstance(content, FileEntry):
            raise TypeError("a copy within this machine was refused before")
        elif isinstance(to, CloudUrl):
            self._within_store(content, to)
        elif to.is_stream:
            self._downloads.to_stream(content, sys.stdout.buffer, self._progress.advance)
            sys.stdout.buffer.flush()
        elif self._is_careful and os.path.lexists(to.path):
            self._progress.say(f"Skipping existing destination item (no-clobber): {to}")
            return False
        else:
            is_unpacked = not self._arguments.switch("do-not-decompress")
            self._downloads.to_file(content, to.path, self._progress.advance, is_unpacked=is_unpacked)
        return True

    def _within_store(self, content: ObjectEntry, to: CloudUrl) -> None:
        described = metadata.copied_object(self._arguments, content.document)
        if self._is_move and described is None:
            # One instant. The generation: a version that came after the list was made is not the one that is meant.
            pinned = {**self._query, "ifSourceGenerationMatch": content.url.generation}
            self._move(content, to, pinned)
        else:
            self._api.rewrite(content.url, to, described, self._query)
        self._progress.advance(content.size_bytes)

    def _move(self, content: ObjectEntry, to: CloudUrl, query: Query) -> None:
        """Move once, also when the answer is lost: what is gone here and is there was moved."""
        source = CloudUrl(content.url.bucket, content.url.name)
        tries = 0

        def once() -> None:
            nonlocal tries
            tries += 1
            try:
                self._api.move(source, to, query)
            except HttpError as error:
                if tries == 1 or error.code not in (404, 412) or not self._has_moved(content, to):
                    raise

        self._api.transport.patiently(once)

    def _has_moved(self, content: ObjectEntry, to: CloudUrl) -> bool:
        found = self._api.find_object(to)
        is_same = found is not None and all(
            found.get(name) == content.document.get(name) for name in ("crc32c", "size")
        )
        return is_same and self._api.find_object(content.url) is None

    def _remove_source(self, content: ObjectEntry | FileEntry, to: Url) -> None:
        if isinstance(content, FileEntry):
            os.remove(content.url.path)
        elif isinstance(to, FileUrl) or metadata.has_changes(self._arguments):
            live = CloudUrl(content.url.bucket, content.url.name)
            self._api.delete_object(live, {"ifGenerationMatch": content.url.generation})


def _task(content: ObjectEntry | FileEntry, to: Url) -> str:
    """What gcloud calls such a copy."""
    if isinstance(to, FileUrl):
        return "FileDownloadTask"
    return "FileUploadTask" if isinstance(content, FileEntry) else "IntraCloudCopyTask"


def _plain(url: Url) -> str:
    return url.plain if isinstance(url, CloudUrl) else str(url)


def content_type_of(path: str) -> str:
    """The type that the name of a file suggests."""
    return mimetypes.guess_type(path, strict=False)[0] or DEFAULT_TYPE


def _cp(session: Session, arguments: Arguments) -> None:
    Copying(session, arguments, is_move=False).run()


def _mv(session: Session, arguments: Arguments) -> None:
    for text in arguments.positionals["source"]:
        url = url_from_text(text)
        if isinstance(url, CloudUrl) and not url.name:
            raise CommandError("Cannot mv buckets.")
        if isinstance(url, FileUrl) and url.is_stream:
            raise CommandError("Cannot mv stdin.")
    Copying(session, arguments, is_move=True).run()


_POSITIONALS = [
    Positional("source", "gs:// URLs, paths or patterns; `-` is standard input.", repeats=True),
    Positional("destination", "A gs:// URL or a path; `-` is standard output."),
]
COPY_FLAGS = [
    *metadata.METADATA_FLAGS,
    *metadata.PRECONDITION_FLAGS,
    Flag("--no-clobber", "switch", "Leave alone what is there already.", short="-n"),
    Flag("--do-not-decompress", "switch", "Download objects with the content encoding gzip as they are."),
    Flag("--all-versions", "switch", "All versions of the sources, one after the other.", short="-A"),
    Flag("--continue-on-error", "switch", "Go on after an error; that is done anyway.", short="-c"),
    Flag("--content-md5", "text", "", hidden=True, refusal="CRC-32C is compared for every object"),
    Flag("--gzip-in-flight", "list", "", hidden=True, short="-j", note="bytes are not compressed on the way"),
    Flag("--gzip-in-flight-all", "switch", "", hidden=True, short="-J", note="bytes are not compressed on the way"),
    Flag("--gzip-local", "list", "", hidden=True, short="-z", refusal="compress the files before, and give"
         " --content-encoding gzip"),
    Flag("--gzip-local-all", "switch", "", hidden=True, short="-Z", refusal="compress the files before, and give"
         " --content-encoding gzip"),
    Flag("--preserve-posix", "switch", "", hidden=True, short="-P", note="modes and owners are not stored"),
    Flag("--preserve-acl", "switch", "", hidden=True, short="-p", note="access is not checked by object here"),
    Flag("--canned-acl", "text", "", hidden=True, note="access is not checked by object here"),
    Flag("--predefined-acl", "text", "", hidden=True, short="-a", note="access is not checked by object here"),
    Flag("--daisy-chain", "switch", "", hidden=True, short="-D", note="the store copies by itself"),
    Flag("--skip-unsupported", "switch", "", hidden=True, short="-U", note="all kinds of objects are supported"),
    Flag("--manifest-path", "text", "", hidden=True, short="-L", refusal="no manifest is written"),
    Flag("--encryption-key", "text", "", hidden=True, refusal="there are no keys of customers here"),
    Flag("--decryption-keys", "list", "", hidden=True, refusal="there are no keys of customers here"),
    Flag("--read-paths-from-stdin", "switch", "", hidden=True, short="-I", refusal="write the sources on the command"
         " line, for example with xargs"),
]  # fmt: skip

CP = Command(
    _cp,
    "Copy files to the store, objects to this machine, or objects within the store. Several are copied at once; every"
    " content is compared by its CRC-32C. Large uploads go on where a broken connection left them, and a download"
    " appears under its name only when it is whole. `*` and `?` match within a part of a name, `**` over parts.",
    positionals=_POSITIONALS,
    flags=[Flag("--recursive", "switch", "Folders and buckets with all that is in them.", short="-r|-R"), *COPY_FLAGS],
    exclusive=metadata.CUSTOM_CHOICES,
    examples=[
        ("A file into a bucket:", "hakobune storage cp movie.mp4 gs://media/in/"),
        ("A folder:", "hakobune storage cp -r photos gs://media/"),
        ("All videos of a bucket:", "hakobune storage cp 'gs://media/**.mp4' ."),
        ("Only if nobody was faster:", "hakobune storage cp --if-generation-match=0 lock gs://media/lock"),
        ("From standard input, as from a pipe:", "hakobune storage cp - gs://media/log.txt < log.txt"),
        ("Into a pipe:", "hakobune storage cp gs://media/photos.tar - | tar t"),
    ],
)  # fmt: skip

MV = Command(
    _mv,
    "Move or rename files and objects, folders with all that is in them. An object that moves within the store does so"
    " in one instant, also between buckets: nobody sees two of it, or none.",
    positionals=_POSITIONALS,
    flags=COPY_FLAGS,
    exclusive=metadata.CUSTOM_CHOICES,
    examples=[
        ("Rename an object:", "hakobune storage mv gs://media/a.mp4 gs://media/b.mp4"),
        ("From quarantine to where it is served:", "hakobune storage mv 'gs://quarantine/*.mp4' gs://clean/"),
        ("Rename a folder:", "hakobune storage mv gs://media/in gs://media/done"),
    ],
)
