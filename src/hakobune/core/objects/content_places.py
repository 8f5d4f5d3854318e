"""Where the contents of objects are kept when that is not the data directory: what `up --objects` takes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hakobune.core.errors import InvalidArgument

SCHEMES = ("gs", "s3", "file")
_FORMS = "gs://BUCKET/PREFIX, s3://BUCKET/PREFIX or file:///DIRECTORY"
# Source: the rules of Cloud Storage and S3 for names of buckets; what both agree on, and dots and underscores of one.
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]\Z")
_SEGMENT = re.compile(r"[A-Za-z0-9 ._~+=@-]+\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentPlace:
    """A bucket and a prefix in it. For the scheme `file`, a directory: `prefix` is its path without the first slash."""

    scheme: str
    bucket: str
    prefix: str

    @property
    def url(self) -> str:
        """The one way to write it."""
        return f"{self.scheme}://{self.bucket}/{self.prefix}".rstrip("/")


def place_from_text(text: str) -> ContentPlace:
    """Raises InvalidArgument."""
    scheme, found, rest = text.partition("://")
    if not found or scheme not in SCHEMES:
        raise InvalidArgument(f"{text[:200]!r} is no place for objects: write {_FORMS}.")
    bucket, _, path = rest.partition("/")
    if scheme == "file" and bucket:
        raise InvalidArgument(f"{text[:200]!r}: write the whole path of the directory, as in file:///srv/objects.")
    if scheme != "file" and not _BUCKET.match(bucket):
        raise InvalidArgument(f"{bucket[:80]!r} is no name of a bucket: write {_FORMS}.")
    segments = path.removesuffix("/").split("/") if path.removesuffix("/") else []
    for segment in segments:
        if not _SEGMENT.match(segment) or segment in (".", ".."):
            raise InvalidArgument(f"{text[:200]!r}: {segment[:80]!r} cannot be a part of such a path.")
    if scheme == "file" and not segments:
        raise InvalidArgument("file:/// alone would be the root of the file system: name a directory of its own.")
    return ContentPlace(scheme=scheme, bucket=bucket, prefix="/".join(segments))
