"""From what was typed to what is there: wildcards, folders, all that lies below. Nothing is held whole in memory."""

from __future__ import annotations

from hakobune.cli.document import text_at
from hakobune.cli.errors import CommandError
from hakobune.cli.storage import globs
from hakobune.cli.storage.api import PAGE, Page
from hakobune.cli.storage.entries import BucketEntry, CloudEntry, ObjectEntry, PrefixEntry
from hakobune.cli.storage.transport import HttpError
from hakobune.cli.storage.urls import CloudUrl, has_wildcard, literal_prefix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.storage.api import StorageApi

NO_MATCH = "One or more URLs matched no objects."


class Expansion:
    """Answers for one command, on live objects, on all versions of them, or on those that were deleted and are kept."""

    def __init__(self, api: StorageApi, *, with_versions: bool = False, is_soft_deleted: bool = False) -> None:
        self._api = api
        self._with_versions = with_versions
        self._is_soft_deleted = is_soft_deleted

    def entries(self, url: CloudUrl, *, with_metadata: bool = False) -> Iterator[CloudEntry]:
        """What the URL names; `with_metadata`: that of buckets is wanted. Raises CommandError for a bucket that is not
        there."""
        if url.is_provider or has_wildcard(url.bucket):
            yield from self._of_buckets(url)
        elif url.is_bucket:
            yield BucketEntry(url.bucket, _found(self._api, url.bucket) if with_metadata else None)
        else:
            yield from self._in_bucket(url)

    def below(self, container: PrefixEntry | BucketEntry) -> Iterator[ObjectEntry]:
        """All objects of a bucket or folder."""
        yield from self._flat(container.url.bucket, container.url.name)

    def inside(self, container: PrefixEntry | BucketEntry) -> Iterator[CloudEntry]:
        """The objects and folders that lie directly in a bucket or folder."""
        yield from self._level(container.url.bucket, container.url.name)

    def _of_buckets(self, url: CloudUrl) -> Iterator[CloudEntry]:
        pattern = url.bucket or "*"
        for document in self._api.buckets(literal_prefix(pattern)):
            name = text_at(document, "name")
            if not globs.matches(pattern, name):
                continue
            if url.name:
                yield from self._in_bucket(CloudUrl(name, url.name, url.generation))
            else:
                yield BucketEntry(name, document)

    def _in_bucket(self, url: CloudUrl) -> Iterator[CloudEntry]:
        if not has_wildcard(url.name):
            yield from self._exactly(url)
        elif "**" in url.name:
            for entry in self._flat(url.bucket, literal_prefix(url.name)):
                if globs.matches(url.name, entry.url.name):
                    yield entry
        else:
            yield from self._by_parts(url.bucket, "", url.name)

    def _exactly(self, url: CloudUrl) -> Iterator[CloudEntry]:
        """The object of that name, and the folder of that name."""
        if self._is_soft_deleted or (self._with_versions and not url.generation):
            for entry in self._flat(url.bucket, url.name):
                if entry.url.name != url.name:
                    break  # the order is that of names
                if url.generation in ("", entry.url.generation):
                    yield entry
        else:
            try:
                found = self._api.find_object(url)
            except HttpError as error:
                raise missing(error, url.bucket) from error
            if found is not None:
                yield ObjectEntry(found)
        prefix = url.name if url.name.endswith("/") else f"{url.name}/"
        if not url.generation and next(self._flat(url.bucket, prefix, page_size=1), None) is not None:
            yield PrefixEntry(url.bucket, prefix)

    def _by_parts(self, bucket: str, done: str, rest: str) -> Iterator[CloudEntry]:
        """`a*/b*/c`: one level after the other, so that only what matches is listed."""
        head, slash, tail = rest.partition("/")
        if not has_wildcard(head):
            if not has_wildcard(tail):
                yield from self._exactly(CloudUrl(bucket, done + rest))
            else:
                yield from self._by_parts(bucket, f"{done}{head}/", tail)
            return
        for entry in self._level(bucket, done + literal_prefix(head)):
            name = entry.url.name[len(done) :]
            if isinstance(entry, ObjectEntry):
                if not slash and globs.matches(head, name):
                    yield entry
            elif globs.matches(head, name.rstrip("/")):
                if tail:
                    yield from self._by_parts(bucket, entry.url.name, tail)
                else:
                    yield entry

    def _level(self, bucket: str, prefix: str) -> Iterator[ObjectEntry | PrefixEntry]:
        """Objects first, then folders, page by page, as gcloud shows them."""
        for page in self._pages(bucket, prefix, is_flat=False):
            yield from (ObjectEntry(document) for document in page.objects)
            yield from (PrefixEntry(bucket, name) for name in page.prefixes)

    def _flat(self, bucket: str, prefix: str, *, page_size: int = PAGE) -> Iterator[ObjectEntry]:
        for page in self._pages(bucket, prefix, is_flat=True, page_size=page_size):
            yield from (ObjectEntry(document) for document in page.objects)

    def _pages(self, bucket: str, prefix: str, *, is_flat: bool, page_size: int = PAGE) -> Iterator[Page]:
        try:
            yield from self._api.pages(
                bucket,
                prefix,
                is_flat=is_flat,
                with_versions=self._with_versions,
                is_soft_deleted=self._is_soft_deleted,
                page_size=page_size,
            )
        except HttpError as error:
            raise missing(error, bucket) from error


def missing(error: HttpError, name: str) -> CommandError:
    """A 404 as gcloud says it; any other error as it is."""
    return CommandError(f"gs://{name} not found: 404.") if error.code == 404 else error


def _found(api: StorageApi, bucket: str) -> dict[str, object]:
    try:
        return api.bucket(bucket, is_full=True)
    except HttpError as error:
        raise missing(error, bucket) from error
