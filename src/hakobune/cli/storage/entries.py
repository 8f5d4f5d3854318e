"""What a URL or a path may stand for: an object, a folder of objects, a bucket, a file, a folder of files."""

from __future__ import annotations

from hakobune.cli.document import Document, number_at, text_at
from hakobune.cli.storage.urls import CloudUrl, FileUrl


class ObjectEntry:
    """An object, with its metadata; its URL names its generation."""

    __slots__ = ("document", "url")

    def __init__(self, document: Document) -> None:
        self.document = document
        self.url = CloudUrl(text_at(document, "bucket"), text_at(document, "name"), text_at(document, "generation"))

    @property
    def size_bytes(self) -> int:
        """The size of the content."""
        return number_at(self.document, "size")


class PrefixEntry:
    """A folder of objects: a beginning of names that ends in a slash."""

    __slots__ = ("url",)

    def __init__(self, bucket: str, prefix: str) -> None:
        self.url = CloudUrl(bucket, prefix)


class BucketEntry:
    """A bucket; its metadata where they were asked for."""

    __slots__ = ("document", "url")

    def __init__(self, name: str, document: Document | None = None) -> None:
        self.url = CloudUrl(name)
        self.document: Document = document or {}


class FileEntry:
    """A file of this machine, or a stream, whose size is unknown (None)."""

    __slots__ = ("size_bytes", "url")

    def __init__(self, path: str, size_bytes: int | None) -> None:
        self.url = FileUrl(path)
        self.size_bytes = size_bytes


class FolderEntry:
    """A folder of this machine."""

    __slots__ = ("url",)

    def __init__(self, path: str) -> None:
        self.url = FileUrl(path)


CloudEntry = ObjectEntry | PrefixEntry | BucketEntry
Entry = CloudEntry | FileEntry | FolderEntry
Content = ObjectEntry | FileEntry
Container = PrefixEntry | BucketEntry | FolderEntry
