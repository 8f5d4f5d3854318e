"""Objects in Cloud Storage, changed only on a condition: the generation that was seen, or none.

A client repeats a request whose answer was lost, and its own first try then makes the condition fail (412). So every
write carries a random mark in the object's metadata: a 412 over an object with our mark is our own success.
Preconditions: https://cloud.google.com/storage/docs/request-preconditions. Needs google-cloud-storage.
"""

from __future__ import annotations

import base64
import importlib
import os
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import IO, Protocol, cast

from hakobune.sdk.content import CHUNK_BYTES, Spooled
from hakobune.sdk.errors import MissingDependency

ABSENT = 0  # the generation that stands for "there is no such object"

_MARK_KEY = "hakobune-write"
_SCHEME = "gs://"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]\Z")
_NAME_BYTES_MAX = 1024  # https://cloud.google.com/storage/docs/objects#naming
_READS_MAX = 20  # an object that changes between look-up and download is looked up again so often


class _Blob(Protocol):
    metadata: Mapping[str, str] | None

    @property
    def generation(self) -> int | None: ...
    @property
    def size(self) -> int | None: ...
    @property
    def md5_hash(self) -> str | None: ...
    @property
    def crc32c(self) -> str | None: ...
    def upload_from_file(
        self,
        file_obj: IO[bytes],
        *,
        rewind: bool,
        size: int,
        content_type: str | None,
        if_generation_match: int | None,
        retry: object,
    ) -> None: ...
    def download_as_bytes(self, *, if_generation_match: int | None, retry: object) -> bytes: ...


class _Bucket(Protocol):
    def blob(self, name: str) -> _Blob: ...
    def get_blob(self, name: str, *, retry: object) -> _Blob | None: ...
    def delete_blob(self, name: str, *, retry: object) -> None: ...


class _Named(Protocol):
    name: str


class _Client(Protocol):
    def bucket(self, name: str) -> _Bucket: ...
    def list_blobs(self, bucket: str, *, prefix: str, max_results: int, retry: object) -> Iterable[_Named]: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What stands under a name: its generation, and whether its bytes are the ones that were compared."""

    generation: int
    same: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """The bucket and the name of a gs:// address."""

    bucket: str
    name: str

    @classmethod
    def parse(cls, address: str) -> Location:
        """Raises ValueError for an address that no object can have."""
        bucket, _, name = address.removeprefix(_SCHEME).partition("/")
        if not _BUCKET.match(bucket):
            raise ValueError(f"{address!r} has no valid bucket: write gs://BUCKET/NAME")
        if not name or len(name.encode()) > _NAME_BYTES_MAX or name in (".", "..") or "\n" in name or "\r" in name:
            raise ValueError(
                f"{address!r} has no valid object name: 1 to {_NAME_BYTES_MAX} bytes, no line breaks, not . or .."
            )
        return cls(bucket=bucket, name=name)


def is_object(location: str) -> bool:
    """Whether the location is a gs:// address."""
    return location.startswith(_SCHEME)


def write(location: Location, content: Spooled, *, content_type: str | None, expected: int | None) -> int | None:
    """Write the object if its generation is `expected` (ABSENT: if there is none; None: in any case).

    The new generation, or None if the condition does not hold.
    """
    library = _Library.load()
    blob = library.bucket(location).blob(location.name)
    mark = secrets.token_hex(16)
    blob.metadata = {_MARK_KEY: mark}
    try:
        blob.upload_from_file(
            content.file,
            rewind=True,
            size=content.size_bytes,
            content_type=content_type,
            if_generation_match=expected,
            retry=library.retry,
        )
    except library.condition_failed:
        found = library.find(location)
        if found is None or (found.metadata or {}).get(_MARK_KEY) != mark:
            return None
        blob = found
    return _generation(blob)


def look(location: Location, content: Spooled) -> Stored | None:
    """What stands under the name, compared with `content` by size and hash; None if nothing does."""
    library = _Library.load()
    found = library.find(location)
    if found is None:
        return None
    same = found.size == content.size_bytes
    if same and found.md5_hash:
        same = base64.b64decode(found.md5_hash) == content.md5
    elif same:  # composed objects have only this one
        same = found.crc32c == library.crc32c(content.file)
    return Stored(generation=_generation(found), same=same)


def read(location: Location) -> tuple[bytes, int] | None:
    """The bytes of the object and their generation, or None if there is none."""
    library = _Library.load()
    for _ in range(_READS_MAX):
        found = library.find(location)
        if found is None:
            return None
        generation = _generation(found)
        try:
            return found.download_as_bytes(if_generation_match=generation, retry=library.retry), generation
        except (library.condition_failed, library.not_found):
            continue  # replaced or deleted since
    raise TimeoutError(f"gs://{location.bucket}/{location.name} changed {_READS_MAX} times while it was being read")


def delete(location: Location) -> None:
    """Delete the object, if it is there."""
    library = _Library.load()
    try:
        library.bucket(location).delete_blob(location.name, retry=library.retry)
    except library.not_found:
        return  # somebody was faster, or an answer was lost


def names(prefix: Location, *, at_most: int) -> list[str]:
    """The last parts of the names of the objects that begin with the prefix's name, in order."""
    library = _Library.load()
    found = library.client.list_blobs(prefix.bucket, prefix=prefix.name, max_results=at_most, retry=library.retry)
    return [blob.name.rpartition("/")[2] for blob in found]


def close_clients() -> None:
    """Close this process's connections to Cloud Storage; the next call opens new ones."""
    while _loaded:
        _loaded.popitem()[1].client.close()


def _generation(blob: _Blob) -> int:
    if blob.generation is None:
        raise ValueError("the storage server answered without a generation")
    return int(blob.generation)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Library:
    """The parts of google-cloud-storage that are used here, loaded when first needed."""

    client: _Client
    retry: object
    condition_failed: type[Exception]
    not_found: type[Exception]

    @classmethod
    def load(cls) -> _Library:
        # A client holds connections, which a forked child must not share; tests point at other servers.
        key = (os.getpid(), os.environ.get("STORAGE_EMULATOR_HOST"))
        library = _loaded.get(key)
        if library is None:
            library = _loaded[key] = cls._load()
        return library

    @classmethod
    def _load(cls) -> _Library:
        try:
            storage = importlib.import_module("google.cloud.storage")
            retry = importlib.import_module("google.cloud.storage.retry")
            exceptions = importlib.import_module("google.api_core.exceptions")
        except ImportError as error:
            raise MissingDependency(
                "gs:// locations need Google's storage library: pip install google-cloud-storage"
            ) from error
        return cls(
            client=cast("Callable[[], _Client]", storage.Client)(),
            # Safe to repeat: the request is conditional, or writes the same bytes to the same name.
            retry=cast("object", retry.DEFAULT_RETRY),
            condition_failed=cast("type[Exception]", exceptions.PreconditionFailed),
            not_found=cast("type[Exception]", exceptions.NotFound),
        )

    def bucket(self, location: Location) -> _Bucket:
        return self.client.bucket(location.bucket)

    def find(self, location: Location) -> _Blob | None:
        return self.bucket(location).get_blob(location.name, retry=self.retry)

    def crc32c(self, file: IO[bytes]) -> str:
        """The checksum as the object's metadata holds it: base64, big-endian."""
        library = importlib.import_module("google_crc32c")  # comes with google-cloud-storage
        checksum = cast("_Checksum", library.Checksum())
        file.seek(0)
        while chunk := file.read(CHUNK_BYTES):
            checksum.update(chunk)
        return base64.b64encode(checksum.digest()).decode()


class _Checksum(Protocol):
    def update(self, chunk: bytes) -> None: ...
    def digest(self) -> bytes: ...


_loaded: dict[tuple[int, str | None], _Library] = {}
