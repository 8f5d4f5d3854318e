"""`storage rsync`: make one folder or bucket like another, by size and CRC-32C.

Both sides are listed in the order of names and merged, so that neither is held in memory.
"""

from __future__ import annotations

import os
import re
from functools import partial

from hakobune.cli.document import text_at
from hakobune.cli.errors import CommandError
from hakobune.cli.flags import Arguments, Command, Flag, Positional
from hakobune.cli.storage import metadata
from hakobune.cli.storage.api import StorageApi
from hakobune.cli.storage.copying import content_type_of
from hakobune.cli.storage.crew import Crew, Progress
from hakobune.cli.storage.downloads import Downloads
from hakobune.cli.storage.entries import BucketEntry, Content, FileEntry, ObjectEntry, PrefixEntry
from hakobune.cli.storage.expansion import Expansion
from hakobune.cli.storage.uploads import Uploads, local_crc32c
from hakobune.cli.storage.urls import CloudUrl, FileUrl, Url, joined, local_path, url_from_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hakobune.cli.session import Session


class _Side:
    """One of the two: a folder of this machine, or a bucket or folder of the store."""

    def __init__(self, url: Url, api: StorageApi, *, is_recursive: bool, excluded: list[re.Pattern[str]]) -> None:
        self.url = url
        self._api = api
        self._is_recursive = is_recursive
        self._excluded = excluded

    def contents(self) -> Iterator[tuple[str, Content]]:
        """Relative names and what they stand for, in the order of the names' bytes."""
        found = self._objects(self.url) if isinstance(self.url, CloudUrl) else self._files(self.url.path)
        for name, content in found:
            if not any(pattern.match(name) for pattern in self._excluded):
                yield name, content

    def place(self, name: str) -> Url:
        """Where a relative name is on this side. Raises CommandError for one that leads out of it."""
        if isinstance(self.url, CloudUrl):
            return CloudUrl(self.url.bucket, joined(self.url.name, name))
        return FileUrl(local_path(self.url.path, name))

    def check_presence(self) -> None:
        """Raises CommandError if this is a folder of a bucket in which nothing lies. As a source it is a slip of the
        pen: with --delete-unmatched-destination-objects, everything at the destination would go."""
        if isinstance(self.url, CloudUrl) and self.url.name:
            top = PrefixEntry(self.url.bucket, f"{self.url.name.rstrip('/')}/")
            if next(Expansion(self._api).below(top), None) is None:
                raise CommandError(f"Did not find existing container at: {self.url}")

    def _objects(self, url: CloudUrl) -> Iterator[tuple[str, Content]]:
        prefix = f"{url.name.rstrip('/')}/" if url.name else ""
        expansion = Expansion(self._api)
        top = PrefixEntry(url.bucket, prefix) if prefix else BucketEntry(url.bucket)
        found = expansion.below(top) if self._is_recursive else expansion.inside(top)
        for entry in found:
            if isinstance(entry, ObjectEntry) and not entry.url.name.endswith("/"):
                yield entry.url.name[len(prefix) :], entry

    def _files(self, folder: str) -> Iterator[tuple[str, Content]]:
        """As the store orders names: `a.b` comes before `a/b`, so folders are sorted as names with a slash."""
        stack = [self._names(folder, "")]
        while stack:
            found = next(stack[-1], None)
            if found is None:
                stack.pop()
            elif found.endswith("/"):
                if self._is_recursive:
                    stack.append(self._names(folder, found))
            else:
                path = os.path.join(folder, *found.split("/"))
                yield found, FileEntry(path, os.stat(path).st_size)

    @staticmethod
    def _names(folder: str, inner: str) -> Iterator[str]:
        with os.scandir(os.path.join(folder, *inner.split("/"))) as entries:
            names = [
                f"{inner}{entry.name}/" if entry.is_dir(follow_symlinks=False) else f"{inner}{entry.name}"
                for entry in entries
                if entry.is_dir(follow_symlinks=False) or entry.is_file()
            ]
        return iter(sorted(names, key=os.fsencode))


class _Rsync:
    """One run."""

    def __init__(self, session: Session, arguments: Arguments) -> None:
        self._arguments = arguments
        self._api = StorageApi(session)
        self._progress = Progress(session.console)
        self._uploads = Uploads(self._api)
        self._downloads = Downloads(self._api)
        self._is_dry = arguments.switch("dry-run")
        source, destination = url_from_text(arguments.word("source")), url_from_text(arguments.word("destination"))
        excluded = [_pattern(text) for text in arguments.words("exclude")]
        is_recursive = arguments.switch("recursive")
        _check(source, destination)
        self._source = _Side(source, self._api, is_recursive=is_recursive, excluded=excluded)
        self._destination = _Side(destination, self._api, is_recursive=is_recursive, excluded=excluded)

    def run(self) -> None:
        """Copy what differs; then, if so wished, remove what the source does not have."""
        self._source.check_presence()
        try:
            Crew(self._api.transport, self._progress).run(self._tasks())
        finally:
            self._progress.end()

    def _tasks(self) -> Iterator[Callable[[], None]]:
        ours, theirs = self._source.contents(), self._destination.contents()
        source, there = next(ours, None), next(theirs, None)
        while source is not None or there is not None:
            order = _order(source, there)
            if order <= 0 and source is not None:
                held = there[1] if order == 0 and there is not None else None
                self._progress.expect(source[1].size_bytes)
                yield partial(self._sync, source[0], source[1], held)
                source = next(ours, None)
                there = next(theirs, None) if order == 0 else there
            elif there is not None:
                if self._arguments.switch("delete-unmatched-destination-objects"):
                    self._progress.expect(None)
                    yield partial(self._remove, there[1])
                there = next(theirs, None)

    def _sync(self, name: str, content: Content, held: Content | None) -> None:
        if held is not None and (self._arguments.switch("no-clobber") or self._is_same(content, held)):
            return
        to = self._destination.place(name)
        if self._is_dry:
            self._progress.say(f"Would copy {content.url} to {to}")
            return
        source = content.url.plain if isinstance(content, ObjectEntry) else str(content.url)
        self._progress.say(f"Copying {source} to {to}")
        if isinstance(content, FileEntry) and isinstance(to, CloudUrl):
            described = metadata.new_object(self._arguments, content_type_of(content.url.path))
            self._uploads.upload(content, to, described, {}, self._progress.advance)
        elif isinstance(content, ObjectEntry) and isinstance(to, CloudUrl):
            self._api.rewrite(content.url, to, metadata.copied_object(self._arguments, content.document), {})
            self._progress.advance(content.size_bytes)
        elif isinstance(content, ObjectEntry) and isinstance(to, FileUrl):
            # As it is stored: what is unpacked would differ in size the next time.
            self._downloads.to_file(content, to.path, self._progress.advance, is_unpacked=False)

    def _is_same(self, content: Content, held: Content) -> bool:
        if content.size_bytes != held.size_bytes:
            return False
        return _crc32c(content) == _crc32c(held)

    def _remove(self, held: Content) -> None:
        if self._is_dry:
            self._progress.say(f"Would remove {held.url}")
            return
        self._progress.say(f"Removing {held.url}...")
        if isinstance(held, FileEntry):
            os.remove(held.url.path)
        else:
            live = CloudUrl(held.url.bucket, held.url.name)
            self._api.delete_object(live, {"ifGenerationMatch": held.url.generation})


def _order(source: tuple[str, Content] | None, there: tuple[str, Content] | None) -> int:
    if source is None or there is None:
        return 1 if source is None else -1
    one, other = os.fsencode(source[0]), os.fsencode(there[0])
    return (one > other) - (one < other)


def _crc32c(content: Content) -> str:
    if isinstance(content, ObjectEntry):
        return text_at(content.document, "crc32c")
    try:
        return local_crc32c(content.url.path)
    except OSError as error:
        raise CommandError(f"[{content.url.path}] cannot be read: {error.strerror or error}") from error


def _check(source: Url, destination: Url) -> None:
    """Raises CommandError for what cannot be compared."""
    for url in (source, destination):
        if isinstance(url, CloudUrl) and (url.is_provider or url.is_wild or url.generation):
            raise CommandError(f"rsync only accepts buckets, folders and directories, not patterns: {url}")
        if isinstance(url, FileUrl) and not os.path.isdir(url.path):
            raise CommandError(f"Did not find existing container at: {url}")
    if isinstance(source, FileUrl) and isinstance(destination, FileUrl):
        raise CommandError("One of the two must be a gs:// URL.")


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise CommandError(f"argument --exclude: [{text}] is not a regular expression: {error}", exit_code=2) from error


def _rsync(session: Session, arguments: Arguments) -> None:
    _Rsync(session, arguments).run()


RSYNC = Command(
    _rsync,
    "Make a folder or bucket like another: what is missing there or differs, by size and CRC-32C, is copied.",
    positionals=[
        Positional("source", "A directory, a bucket or a folder of one."),
        Positional("destination", "The same, of which at least one is a gs:// URL."),
    ],
    flags=[
        *metadata.METADATA_FLAGS,
        Flag("--recursive", "switch", "All that lies below.", short="-r|-R"),
        Flag("--delete-unmatched-destination-objects", "switch", "Remove there what is not here."),
        Flag("--dry-run", "switch", "Say what would be done, and do nothing."),
        Flag("--exclude", "list", "Leave alone names that begin with a match of this regular expression.",
             metavar="REGEX", short="-x"),
        Flag("--no-clobber", "switch", "Leave alone what is there already, even if it differs.", short="-n"),
        Flag("--checksums-only", "switch", "", hidden=True, note="checksums always decide"),
        Flag("--preserve-posix", "switch", "", hidden=True, short="-P", note="modes and owners are not stored"),
        Flag("--continue-on-error", "switch", "", hidden=True, short="-c", note="the others are copied anyway"),
    ],
    exclusive=metadata.CUSTOM_CHOICES,
    examples=[
        ("Upload what is new:", "hakobune storage rsync -r photos gs://media/photos"),
        ("An exact copy, but look first:",
         "hakobune storage rsync -r --delete-unmatched-destination-objects --dry-run gs://media/photos photos"),
    ],
)  # fmt: skip
