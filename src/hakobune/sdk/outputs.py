"""Outputs under deterministic names, written so that a repeated task converges on one result.

A location is a path or a gs:// address. What is written is absent or whole, at every instant and after a power cut.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from hakobune.sdk import files, objects
from hakobune.sdk.content import Data, chunks, spooled
from hakobune.sdk.errors import ContentMismatch

_PLAIN_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a write found and did. True if this call wrote.

    wrote: this call's bytes now stand under the name, by this call. existed: something stood there before. same: what
    stands there now is exactly these bytes. generation: of an object in Cloud Storage; None for files.
    """

    location: str
    wrote: bool
    existed: bool
    same: bool
    size_bytes: int
    generation: int | None = None

    def __bool__(self) -> bool:
        return self.wrote


def write_once(
    location: str | os.PathLike[str], data: Data, *, content_type: str | None = None, must_match: bool = False
) -> Written:
    """Write `data` unless something stands under the name already; then leave that alone and say whether it is same.

    Of many callers at once exactly one writes. `data`: text (UTF-8), bytes, a file, or an iterable of those.
    `content_type` counts for gs:// only. With `must_match`, other bytes under the name raise ContentMismatch.
    Raises UnsupportedFilesystem where the file system has no hard links, MissingDependency for gs:// without
    google-cloud-storage, OSError.
    """
    address = os.fspath(location)
    written = _create_object(address, data, content_type) if objects.is_object(address) else _create_file(address, data)
    if must_match and not written.same:
        raise ContentMismatch(
            f"{address} exists with other bytes: the task is not deterministic, or the name is used twice"
        )
    return written


def overwrite(location: str | os.PathLike[str], data: Data, *, content_type: str | None = None) -> Written:
    """Write `data` under the name, in place of what stands there: readers see the old bytes or the new, whole.

    Arguments and errors as for `write_once`; `existed` is what was seen just before.
    """
    address = os.fspath(location)
    if not objects.is_object(address):
        path = os.path.realpath(address)
        existed = os.path.lexists(path)
        size_bytes = files.replace(path, chunks(data))
        return Written(location=address, wrote=True, existed=existed, same=True, size_bytes=size_bytes)
    target = objects.Location.parse(address)
    with spooled(data) as content:
        existed = objects.look(target, content) is not None
        generation = objects.write(
            target, content, content_type=_content_type(address, data, content_type), expected=None
        )
        return Written(
            location=address,
            wrote=True,
            existed=existed,
            same=True,
            size_bytes=content.size_bytes,
            generation=generation,
        )


def write_json(
    location: str | os.PathLike[str], value: object, *, once: bool = False, must_match: bool = False
) -> Written:
    """Write `value` as JSON whose bytes depend on the value only: keys sorted, UTF-8, one line feed at the end.

    Overwrites, or writes once with `once=True` (then `must_match` as for `write_once`). Raises TypeError or ValueError
    for a value that JSON cannot hold, NaN and infinities included, before anything is written.
    """
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=2) + "\n"
    if once:
        return write_once(location, text, content_type=_JSON, must_match=must_match)
    return overwrite(location, text, content_type=_JSON)


def _create_file(address: str, data: Data) -> Written:
    made = files.create(os.path.realpath(address), chunks(data))
    return Written(
        location=address, wrote=made.created, existed=not made.created, same=made.same, size_bytes=made.size_bytes
    )


def _create_object(address: str, data: Data, content_type: str | None) -> Written:
    target = objects.Location.parse(address)
    with spooled(data) as content:
        kind = _content_type(address, data, content_type)
        while True:
            generation = objects.write(target, content, content_type=kind, expected=objects.ABSENT)
            if generation is not None:
                same, wrote = True, True
                break
            found = objects.look(target, content)
            if found is not None:
                generation, same, wrote = found.generation, found.same, False
                break
            # Deleted between the two requests: now there is room for ours.
        return Written(
            location=address,
            wrote=wrote,
            existed=not wrote,
            same=same,
            size_bytes=content.size_bytes,
            generation=generation,
        )


def _content_type(address: str, data: Data, given: str | None) -> str:
    if given is not None:
        return given
    import mimetypes

    guessed, _ = mimetypes.guess_type(address.rpartition("/")[2])
    return guessed or (_PLAIN_TEXT if isinstance(data, str) else "application/octet-stream")
