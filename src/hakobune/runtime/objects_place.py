"""Where a data directory keeps the contents of its objects: in itself, or in a bucket; never first here, then there.

A directory that uses a bucket says so in `DIR/objects/place.json`, and the prefix in the bucket names its owner, in the
object `hakobune-owner`: two directories that shared a prefix would remove each other's contents as strays.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from hakobune.core.errors import CorruptStore, FailedPrecondition, Unavailable
from hakobune.core.objects.content_places import ContentPlace
from hakobune.runtime.clock import Identifiers
from hakobune.runtime.threads import Threads
from hakobune.store.api import Store
from hakobune.store.blobs import Blobs
from hakobune.store.blobs_bucket import BucketBlobs
from hakobune.store.blobs_client import BucketClient, connect
from hakobune.store.blobs_files import FileBlobs

_OWNER = "hakobune-owner"
_FILE = "place.json"

_log = logging.getLogger("hakobune.objects")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the data directory says. `is_claimed`: the bucket has once said that the prefix is ours."""

    url: str
    owner: str
    is_claimed: bool


async def open_blobs(
    directory: Path, place: ContentPlace | None, store: Store, identifiers: Identifiers, threads: Threads
) -> Blobs:
    """The contents of a data directory. `place`: as the user says, None for files of the directory. Raises
    FailedPrecondition (another place than that of the contents there are; somebody else's prefix; no such bucket; the
    extra is missing), Unavailable (a new bucket that does not answer), CorruptStore."""
    folder = directory / "objects"
    known = await threads.run(_read, folder / _FILE)
    if (known.url if known else "") != (place.url if place else ""):
        if await store.read(lambda tx: tx.objects.has_contents()):
            raise FailedPrecondition(_moved(directory, known))
        await threads.run(_forget, folder / _FILE)
        known = None
    files = FileBlobs(folder)
    if place is None:
        return files
    try:
        client = connect(place)
        await threads.run(_claim, client, folder / _FILE, known or _new(place, identifiers))
    except BaseException:
        files.close()
        raise
    return BucketBlobs(client, files)


def _moved(directory: Path, known: _Known | None) -> str:
    where = known.url if known else "files of its own"
    remedy = f"--objects={known.url}" if known else "no --objects"
    return (
        f"The data directory {directory} keeps the contents of its objects in {where}: start it with {remedy}. To move "
        "them, copy the objects with `hakobune storage cp` to a runtime with a new data directory."
    )


def _new(place: ContentPlace, identifiers: Identifiers) -> _Known:
    return _Known(url=place.url, owner=identifiers.uid(), is_claimed=False)


def _claim(client: BucketClient, file: Path, known: _Known) -> None:
    """Make sure that the prefix is ours."""
    try:
        owner = client.read(_OWNER)
    except Unavailable as error:
        if not known.is_claimed:
            raise
        _log.warning("%s Objects answer 503 until then.", error.message)
        return
    if owner is None and known.is_claimed:
        raise FailedPrecondition(
            f"{client.url} does not hold the contents of this data directory: its object {_OWNER} is gone, or the "
            "bucket is. Bring the bucket back, or correct the endpoint in the environment."
        )
    if not known.is_claimed:
        _write(file, known)  # first: if we end here, the owner is known at the next start
        owner = _put_owner(client, known.owner) if owner is None else owner
    if owner != known.owner.encode():
        raise FailedPrecondition(
            f"{client.url} holds the contents of another data directory: choose another prefix with --objects."
        )
    if not known.is_claimed:
        _write(file, _Known(url=known.url, owner=known.owner, is_claimed=True))


def _put_owner(client: BucketClient, owner: str) -> bytes | None:
    """Who owns the prefix from now on."""
    try:
        client.put_new(_OWNER, owner.encode())
    except FileNotFoundError as error:
        raise FailedPrecondition(
            f"There is no bucket for {client.url}: create it, or name another with --objects."
        ) from error
    return client.read(_OWNER)


def _read(file: Path) -> _Known | None:
    try:
        text = file.read_text()
    except FileNotFoundError:
        return None
    try:
        found = cast("dict[str, object]", json.loads(text))
        return _Known(url=str(found["url"]), owner=str(found["owner"]), is_claimed=found["claimed"] is True)
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptStore(f"{file} cannot be read: {error}") from error


def _write(file: Path, known: _Known) -> None:
    """Durably, whole or not at all."""
    file.parent.mkdir(mode=0o700, exist_ok=True)
    new = file.with_suffix(".new")
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(fd, "w", encoding="utf-8") as out:
        json.dump({"url": known.url, "owner": known.owner, "claimed": known.is_claimed}, out)
        out.flush()
        os.fsync(out.fileno())
    os.replace(new, file)
    _sync(file.parent)
    _sync(file.parent.parent)


def _forget(file: Path) -> None:
    try:
        os.unlink(file)
    except FileNotFoundError:
        return
    _sync(file.parent)


def _sync(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
