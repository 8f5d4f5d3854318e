"""The bucket of somebody else, as contents need it: obstore, with its errors in our words.

obstore is loaded here alone, and only when a bucket is used. It takes credentials and endpoints from the environment
(https://developmentseed.org/obstore): GOOGLE_APPLICATION_CREDENTIALS, AWS_ACCESS_KEY_ID, AWS_ENDPOINT, ...
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from hakobune.core.errors import FailedPrecondition, HakobuneError, Unavailable
from hakobune.core.objects.content_places import ContentPlace

if TYPE_CHECKING:
    from obstore import WritableFile
    from obstore.store import ObjectStore, RetryConfig

_RETRY: RetryConfig = {"max_retries": 6, "retry_timeout": timedelta(seconds=20)}  # then the caller may try again
_PIECE_BYTES = 512 * 1024
_PARTS_AT_ONCE = 2  # of one upload: so many, and the one that is gathered, are in memory
_REASON_CHARS = 300
_BREAKS_MAX = 3  # of connections, with nothing between them


def connect(place: ContentPlace) -> BucketClient:
    """A client; nothing is asked yet. Raises FailedPrecondition: the extra is not installed, or a setting is wrong."""
    try:
        from obstore.exceptions import BaseError
        from obstore.store import GCSStore, LocalStore, S3Store
    except ImportError as error:
        raise FailedPrecondition(
            f"Objects in {place.url} need the extra `bucket`: pip install 'hakobune[bucket]'."
        ) from error
    try:
        if place.scheme == "file":
            store: ObjectStore = LocalStore(Path("/", place.prefix), mkdir=True)
        elif place.scheme == "s3":
            store = S3Store(place.bucket, prefix=place.prefix or None, retry_config=_RETRY)
        else:
            store = GCSStore(place.bucket, prefix=place.prefix or None, retry_config=_RETRY)
    except (BaseError, OSError, ValueError) as error:
        raise FailedPrecondition(f"Objects cannot be kept in {place.url}: {_reason(error)}") from error
    return BucketClient(store, place.url)


class BucketClient:
    """A prefix of a bucket. All methods block, and raise Unavailable when the bucket does not do what it is asked."""

    def __init__(self, store: ObjectStore, url: str) -> None:
        import obstore
        from obstore import exceptions

        self.url = url
        self._store = store
        self._obstore = obstore
        self._already_exists = exceptions.AlreadyExistsError
        self._errors = (exceptions.BaseError, OSError, ValueError)  # files of obstore raise OSError

    def read(self, key: str) -> bytes | None:
        """A small object; None: there is none, or no bucket."""
        try:
            with self._asked():
                return bytes(self._obstore.get(self._store, key).bytes())
        except FileNotFoundError:
            return None

    def put_new(self, key: str, content: bytes) -> bool:
        """Make a small object; False: there is one. Raises FileNotFoundError: no such bucket."""
        try:
            with self._asked():
                self._obstore.put(self._store, key, content, mode="create")
        except Unavailable as error:
            if isinstance(error.__cause__, self._already_exists):
                return False
            raise
        return True

    def begin(self, key: str, part_bytes: int) -> WritableFile:
        """An object to be written with `write` and `finish`. One that is smaller than a part goes in one request."""
        with self._asked():
            return self._obstore.open_writer(self._store, key, buffer_size=part_bytes, max_concurrency=_PARTS_AT_ONCE)

    def write(self, file: WritableFile, block: bytes) -> None:
        """Append; parts go while the caller goes on."""
        with self._written():
            file.write(block)

    def finish(self, file: WritableFile) -> None:
        """The object is there, whole, when this returns."""
        with self._written():
            file.close()

    def pieces(self, key: str, offset: int, size_bytes: int | None) -> Iterator[bytes]:
        """So many bytes from `offset` on, or all that are left; fewer if there are not so many. A connection that
        breaks off is taken up again where it broke. Raises FileNotFoundError, too."""
        end = None if size_bytes is None else offset + size_bytes
        breaks = 0  # since the last piece
        stream: Iterator[bytes] | None = None
        while end is None or offset < end:
            if stream is None:
                with self._asked():  # tried several times already when it fails
                    stream = self._stream(key, offset, end)
            try:
                with self._asked():
                    piece = next(stream, b"")
            except Unavailable:
                stream = None
                breaks += 1
                if breaks > _BREAKS_MAX:
                    raise
                continue
            if not piece:
                return
            breaks = 0
            offset += len(piece)
            yield piece

    def _stream(self, key: str, offset: int, end: int | None) -> Iterator[bytes]:
        if end is not None:
            found = self._obstore.get(self._store, key, options={"range": (offset, end)})
        elif offset:
            found = self._obstore.get(self._store, key, options={"range": {"offset": offset}})
        else:
            found = self._obstore.get(self._store, key)
        return iter(found.stream(min_chunk_size=_PIECE_BYTES))

    def remove(self, keys: Sequence[str]) -> None:
        """Remove objects; one that is not there is no error."""
        if not keys:
            return
        with suppress(FileNotFoundError), self._asked():
            self._obstore.delete(self._store, list(keys))
            return
        for key in keys:  # one is gone already: which of the others are, nobody says
            with suppress(FileNotFoundError), self._asked():
                self._obstore.delete(self._store, key)

    def folders(self) -> list[str]:
        """The first segments of keys that have several."""
        with self._asked():
            return sorted(self._obstore.list_with_delimiter(self._store)["common_prefixes"])  # pyright: ignore[reportUnknownMemberType]

    def names(self, folder: str) -> list[str]:
        """The last segments of the keys of a folder."""
        with self._asked():
            pages = self._obstore.list(self._store, folder)  # pyright: ignore[reportUnknownMemberType]
            return sorted(item["path"].rpartition("/")[2] for page in pages for item in page)

    @contextmanager
    def _written(self) -> Generator[None]:
        try:
            with self._asked():
                yield
        except FileNotFoundError as error:
            raise self._refusal(error) from error

    @contextmanager
    def _asked(self) -> Generator[None]:
        """Say what obstore's errors mean to callers. FileNotFoundError is left as it is."""
        try:
            yield
        except FileNotFoundError:
            raise
        except self._errors as error:
            raise self._refusal(error) from error

    def _refusal(self, error: Exception) -> HakobuneError:
        return Unavailable(
            f"The bucket of the objects, {self.url}, cannot be used now ({_reason(error)}): nothing was changed. "
            "Try again."
        )


def _reason(error: Exception) -> str:
    """The first line: obstore says everything twice."""
    text = str(error).partition("\n")[0].strip()
    return text if len(text) <= _REASON_CHARS else f"{text[:_REASON_CHARS]}…"
