"""Where bytes are: `gs://BUCKET/OBJECT#GENERATION`, a local path, or `-` for the standard streams."""

from __future__ import annotations

import os

from hakobune.cli.errors import CommandError

SCHEME = "gs://"
_FILE = "file://"
_WILD = frozenset("*?[")


class CloudUrl:
    """All buckets (`gs://`), a bucket, or an object of it, perhaps in one generation."""

    __slots__ = ("bucket", "generation", "name")

    def __init__(self, bucket: str = "", name: str = "", generation: str = "") -> None:
        self.bucket = bucket
        self.name = name
        self.generation = generation

    def __str__(self) -> str:
        return f"{self.plain}#{self.generation}" if self.generation else self.plain

    @property
    def plain(self) -> str:
        """The URL without the generation."""
        if not self.bucket:
            return SCHEME
        return f"{SCHEME}{self.bucket}/{self.name}"

    @property
    def is_bucket(self) -> bool:
        """Whether a bucket and nothing in it is meant."""
        return bool(self.bucket) and not self.name

    @property
    def is_provider(self) -> bool:
        """Whether `gs://` alone is meant: all buckets of the project."""
        return not self.bucket

    @property
    def is_wild(self) -> bool:
        """Whether the bucket or the name has wildcards."""
        return has_wildcard(self.bucket) or has_wildcard(self.name)


class FileUrl:
    """A file or folder of this machine; `-` is stdin or stdout."""

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path

    def __str__(self) -> str:
        return f"{_FILE}{self.path}"

    @property
    def is_stream(self) -> bool:
        """Whether it is `-`."""
        return self.path == "-"


Url = CloudUrl | FileUrl


def url_from_text(text: str) -> Url:
    """What was typed. Raises CommandError for schemes that are not served here."""
    if text.startswith(_FILE):
        return FileUrl(text[len(_FILE) :])
    scheme, found, _ = text.partition("://")
    if not found:
        return FileUrl(text)
    if scheme != "gs":
        raise CommandError(f'Unrecognized scheme "{scheme}".')
    return cloud_url(text)


def cloud_url(text: str) -> CloudUrl:
    """The parts of a `gs://…` text. Raises CommandError for an object without a bucket."""
    bucket, _, name = text[len(SCHEME) :].partition("/")
    if name and not bucket:
        raise CommandError(f"Cloud URL scheme should be followed by a bucket name: {text}")
    plain, hashed, generation = name.rpartition("#")
    if hashed and generation.isdigit():
        return CloudUrl(bucket, plain, generation)
    return CloudUrl(bucket, name)


def bucket_url(text: str, command: str) -> CloudUrl:
    """A bucket; `command` is its words, such as `hakobune storage buckets describe`. Raises CommandError."""
    url = url_from_text(text)
    if isinstance(url, CloudUrl) and url.is_bucket:
        return url
    raise CommandError(f'"{command}" only accepts bucket URLs.\nExample: "gs://bucket"\nReceived: "{_shown(url)}"')


def object_url(text: str, command: str) -> CloudUrl:
    """An object; `command` is its words. Raises CommandError."""
    url = url_from_text(text)
    if isinstance(url, CloudUrl) and url.name:
        return url
    raise CommandError(
        f'"{command}" only accepts object URLs.\nExample: "gs://bucket/object.txt"\nReceived: "{_shown(url)}"'
    )


def _shown(url: Url) -> str:
    return str(url) if isinstance(url, CloudUrl) else url.path


def has_wildcard(text: str) -> bool:
    """Whether `text` is a pattern: `*`, `**`, `?` or `[…]`."""
    return not _WILD.isdisjoint(text)


def literal_prefix(pattern: str) -> str:
    """What stands before the first wildcard."""
    for place, character in enumerate(pattern):
        if character in _WILD:
            return pattern[:place]
    return pattern


def last_part(path: str, separator: str) -> str:
    """The last name of a path; a separator at its end belongs to it."""
    bare = path.removesuffix(separator)
    return path[bare.rfind(separator) + 1 :]


def joined(base: str, rest: str) -> str:
    """Two parts of an object's name with one slash between them."""
    return f"{base.rstrip('/')}/{rest.lstrip('/')}" if base.rstrip("/") else rest.lstrip("/")


def local_path(folder: str, rest: str) -> str:
    """A path below `folder` for an object's name. Raises CommandError where the name would lead out of it."""
    path = os.path.join(folder, *(part for part in rest.split("/") if part not in ("", ".")))
    inside = os.path.relpath(os.path.normpath(path), os.path.normpath(folder))
    if inside.split(os.sep)[0] == "..":
        raise CommandError(f"The object name [{rest}] leads out of the destination [{folder}]; nothing was written.")
    return os.path.normpath(path) if ".." in rest else path
