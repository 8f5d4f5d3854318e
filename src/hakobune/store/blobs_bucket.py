"""Contents in a bucket elsewhere: `PREFIX/<2 hex digits>/<uid>`.

A content that comes in one request goes on to the bucket in parts while it comes. One that comes in a session is
gathered in a file of the data directory (*staged*), where each answered byte is durable, and goes to the bucket when it
is whole. Either way the bucket has acknowledged all of it before the transaction that names it.

Contents that are open are not removed before they are closed: there is no file that would stay readable.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

from hakobune.core.errors import CorruptStore, HakobuneError
from hakobune.core.objects.failures import InvalidRequest
from hakobune.store.blobs import Hashes, examine, is_uid, path_of
from hakobune.store.blobs_client import BucketClient
from hakobune.store.blobs_files import FileBlobs, FileWriter

# Both services take at most 10,000 parts of 5 MiB to 5 GiB. Source: "Quotas & limits" of Cloud Storage; "Amazon S3
# multipart upload limits".
_PARTS = 10_000
_PART_BYTES = 8 * 1024 * 1024

_log = logging.getLogger("hakobune.objects")


def part_bytes_of(size_bytes: int) -> int:
    """How large parts must be for so large a content."""
    return max(_PART_BYTES, -(-size_bytes // _PARTS))


class BucketBlobs:
    """The contents in a bucket. What each method means: `Blobs`."""

    is_remote = True

    def __init__(self, client: BucketClient, staging: FileBlobs) -> None:
        self.client = client
        self.staging = staging
        self.in_work: set[str] = set()
        self._readers: Counter[str] = Counter()
        self._doomed: set[str] = set()  # to be removed when their last reader closes
        self._guard = threading.Lock()
        self._removers = ThreadPoolExecutor(1, thread_name_prefix="content-remove")

    def create(self, uid: str) -> BucketWriter:
        """A new content, in work."""
        return self._create(uid, _PART_BYTES)

    def _create(self, uid: str, part_bytes: int) -> BucketWriter:
        writer = BucketWriter(self, uid, part_bytes)
        self.in_work.add(uid)
        return writer

    def resume(self, uid: str, size_bytes: int, hashes: Hashes | None = None) -> StagedWriter:
        """A staged file, to be written on."""
        return StagedWriter(self, self.staging.resume(uid, size_bytes, hashes))

    def open(self, uid: str) -> BucketContent:
        """A content for reading. Nothing is asked yet."""
        content = BucketContent(self, uid, path_of(uid))
        with self._guard:
            self._readers[uid] += 1
        return content

    def closed(self, uid: str) -> None:
        """A reader has closed."""
        with self._guard:
            self._readers[uid] -= 1
            if self._readers[uid]:
                return
            del self._readers[uid]
            if uid not in self._doomed:
                return
            self._doomed.discard(uid)
        self._removers.submit(self._remove_late, uid)

    def _remove_late(self, uid: str) -> None:
        try:
            self.client.remove([path_of(uid)])
        except HakobuneError as error:
            _log.warning("the content %s is left to the next cleaning: %s", uid, error.message)

    def join(self, uid: str, sources: Sequence[str], size_bytes: int) -> None:
        """Make a content of others: all bytes come here and go back."""
        with ExitStack() as stack:
            contents = [stack.enter_context(closing(self.open(source))) for source in sources]
            writer = self._create(uid, part_bytes_of(size_bytes))
            try:
                for content in contents:
                    writer.copy(content.pieces())
                if writer.size_bytes != size_bytes:
                    raise CorruptStore("a content in the bucket is not as long as its row says")
                writer.finish()
            except BaseException:
                writer.discard()
                raise

    def release(self, uid: str) -> None:
        """A content is no longer in work."""
        self.in_work.discard(uid)

    def remove(self, uids: Sequence[str]) -> None:
        """Remove contents, and what is staged of them."""
        paths = {uid: path_of(uid) for uid in uids}
        self.staging.remove(uids)
        with self._guard:
            read = {uid for uid in uids if uid in self._readers}
            self._doomed |= read
        self.client.remove([path for uid, path in paths.items() if uid not in read])

    def folders(self) -> list[str]:
        """The folders of the bucket."""
        return [name for name in self.client.folders() if len(name) == 2]

    def uids(self, folder: str) -> list[str]:
        """The contents of a folder of the bucket."""
        return [name for name in self.client.names(folder) if is_uid(name) and name not in self.in_work]

    def staged(self) -> list[str]:
        """The contents that are in files here."""
        return [uid for folder in self.staging.folders() for uid in self.staging.uids(folder)]

    def unstage(self, uid: str) -> None:
        """Remove the file."""
        self.staging.remove([uid])

    def examine(self, uid: str) -> tuple[int, int] | None:
        """What the bucket really holds."""
        with closing(self.open(uid)) as content:
            try:
                return examine(content.pieces())
            except FileNotFoundError:
                return None

    def close(self) -> None:
        """End the threads."""
        self._removers.shutdown()
        self.staging.close()


class BucketContent:
    """A content of the bucket, kept from being removed."""

    def __init__(self, blobs: BucketBlobs, uid: str, path: str) -> None:
        self._blobs = blobs
        self._uid = uid
        self._path = path
        self._is_closed = False

    def pieces(self, offset: int = 0, size_bytes: int | None = None) -> Iterator[bytes]:
        """As `Content.pieces`."""
        return self._blobs.client.pieces(self._path, offset, size_bytes)

    def close(self) -> None:
        """It may be removed."""
        if not self._is_closed:
            self._is_closed = True
            self._blobs.closed(self._uid)


class BucketWriter:
    """A content on its way to the bucket. What each method means: `ContentWriter`."""

    def __init__(self, blobs: BucketBlobs, uid: str, part_bytes: int) -> None:
        self.uid = uid
        self.hashes = blobs.staging.new_hashes()
        self.size_bytes = 0
        self._blobs = blobs
        self._part_bytes = part_bytes
        self._file = blobs.client.begin(path_of(uid), part_bytes)
        self._is_open = True

    def write(self, block: bytes) -> None:
        """Append."""
        self.hashes.update(block)
        self._put(block)

    def copy(self, pieces: Iterator[bytes]) -> None:
        """Append what comes; hashes do not see it."""
        for piece in pieces:
            self._put(piece)

    def _put(self, block: bytes) -> None:
        self.size_bytes += len(block)
        if self.size_bytes > self._part_bytes * _PARTS:
            raise InvalidRequest(
                f"With a bucket behind, more than {self._part_bytes * _PARTS} bytes do not come in one request: "
                "use a resumable upload."
            )
        self._blobs.client.write(self._file, block)

    def finish(self) -> None:
        """Wait until the bucket has acknowledged all."""
        self._blobs.client.finish(self._file)
        self._is_open = False

    def close(self) -> None:
        """Give up what is not finished. If parts of it are there, they are made one object, which can be removed."""
        if not self._is_open:
            return
        self._is_open = False
        if self.size_bytes < self._part_bytes:
            return  # nothing was sent
        try:
            self._blobs.client.finish(self._file)
        except HakobuneError as error:
            _log.warning("parts of the content %s may be left in the bucket: %s", self.uid, error.message)

    def discard(self) -> None:
        """Close and remove it."""
        self.close()
        try:
            self._blobs.remove([self.uid])
        except HakobuneError as error:
            _log.warning("the content %s is left to the next cleaning: %s", self.uid, error.message)
        finally:
            self._blobs.release(self.uid)


class StagedWriter:
    """A content of a session, in a file until it is whole. What each method means: `ResumableWriter`."""

    def __init__(self, blobs: BucketBlobs, file: FileWriter) -> None:
        self._blobs = blobs
        self._file = file

    @property
    def uid(self) -> str:
        """Its name."""
        return self._file.uid

    @property
    def hashes(self) -> Hashes:
        """Of all bytes so far."""
        return self._file.hashes

    @property
    def size_bytes(self) -> int:
        """All bytes so far."""
        return self._file.size_bytes

    def write(self, block: bytes) -> None:
        """Append to the file."""
        self._file.write(block)

    def sync(self) -> None:
        """Make the file durable."""
        self._file.sync()

    def finish(self) -> None:
        """Send all to the bucket, and wait until it has acknowledged that. The file stays: until a row says that the
        session is done, the session goes on from it. It may be tried again."""
        upload = BucketWriter(self._blobs, self.uid, part_bytes_of(self.size_bytes))
        try:
            with closing(self._blobs.staging.open(self.uid)) as file:
                upload.copy(file.pieces(0, self.size_bytes))
            if upload.size_bytes != self.size_bytes:
                raise CorruptStore(f"the staged file of the content {self.uid} is shorter than it was")
            upload.finish()
        finally:
            upload.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def discard(self) -> None:
        """Close and remove it."""
        self._file.close()
        self._blobs.remove([self.uid])
