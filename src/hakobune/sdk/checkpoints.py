"""Resume inside a task: what an attempt saved, the next attempt of the same task finds.

A record per task and name, replaced whole. It is kept outside the attempt's file system, which is gone with the
attempt on Cloud Run: in the directory the runtime names (HAKOBUNE_CHECKPOINT_DIR), or where you say.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal, Self, TypeVar, cast
from urllib.parse import quote

from hakobune.sdk import objects, progress_meter, shutdown
from hakobune.sdk.cells import FileCell, ObjectCell, Record, Slot, decoded, encoded
from hakobune.sdk.errors import (
    CheckpointConflict,
    CorruptCheckpoint,
    CorruptRecord,
    ForeignCheckpoint,
    SdkError,
)
from hakobune.sdk.ids import Part, stable_id
from hakobune.sdk.task import Task

T = TypeVar("T")

DIRECTORY_VARIABLE = "HAKOBUNE_CHECKPOINT_DIR"

_FORMAT = "hakobune.checkpoint.1"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
_NOTHING_DONE = stable_id("checkpoint items")


class Checkpoint:
    """One saved value, and how many items of one loop are done. Made by `Checkpoint.open`."""

    def __init__(self, slot: Slot, place: str, identity: Mapping[str, object]) -> None:
        self._slot = slot
        self._place = place
        self._identity = dict(identity)
        self._version: int | None = None
        self._replaces_unread = False
        self._value: object = None
        self._has_value = False
        self._done = 0
        self._fingerprint = _NOTHING_DONE

    @classmethod
    def open(
        cls,
        name: str = "checkpoint",
        where: str | os.PathLike[str] | None = None,
        *,
        scope: Literal["execution", "job"] = "execution",
        version: int = 1,
        on_unreadable: Literal["raise", "fresh"] = "raise",
        environ: Mapping[str, str] = os.environ,
    ) -> Self:
        """The checkpoint of this task under `name`, read if there is one.

        where: a directory or gs:// prefix, used when the runtime names no directory itself (HAKOBUNE_CHECKPOINT_DIR);
        so the same program runs here and on Cloud Run. scope: "execution" resumes over the attempts of one execution,
        "job" also over executions. version: raise it when your program's saved value changes its shape.

        Raises CorruptCheckpoint for a record that is torn or none of ours, ForeignCheckpoint for one of another
        version or task count; with on_unreadable="fresh" those start anew instead, and the next save replaces them.
        Raises ValueError for a name that is no plain name, SdkError if there is no place to keep it.
        """
        if not _NAME.match(name):
            raise ValueError(f"{name!r} is no checkpoint name: letters, digits, '.', '_', '-', at most 100")
        task = Task.from_env(environ)
        place = environ.get(DIRECTORY_VARIABLE) or (os.fspath(where) if where is not None else "")
        if not place:
            raise SdkError(
                f"no place for the checkpoint {name!r}: pass where= (a directory that outlives the attempt, or "
                f"gs://BUCKET/PREFIX), or set {DIRECTORY_VARIABLE}"
            )
        execution = task.execution if scope == "execution" else "all"
        key = (task.job or "none", execution or "none", str(task.index), name)
        parts = "/".join(quote(part, safe="") for part in key)
        checkpoint = cls(
            _slot(place, parts),
            f"{place.rstrip('/')}/{parts}.json",
            {"format": _FORMAT, "version": version, "count": task.count, "index": task.index, "name": name},
        )
        try:
            checkpoint._read()
        except (CorruptCheckpoint, ForeignCheckpoint):
            if on_unreadable == "raise":
                raise
            checkpoint._replaces_unread = True
        return checkpoint

    def load(self, default: T) -> T:
        """The value saved last, by this attempt or an earlier one; `default` if none was."""
        return cast("T", self._value) if self._has_value else default

    @property
    def done(self) -> int:
        """Items that `items` has marked as done, over all attempts."""
        return self._done

    def save(self, value: object) -> None:
        """Keep `value` (JSON) durably, in place of the older one. When this returns, a crash cannot lose it.

        Raises TypeError or ValueError for what JSON cannot hold, and CheckpointConflict if another process has saved
        this checkpoint since: then this attempt is no longer the one that counts, and must stop.
        """
        encoded({"value": value})
        self._value, self._has_value = value, True
        self._write()

    def stage(self, value: object) -> None:
        """Keep `value` with the mark of the item in hand: both or neither. For use inside the loop over `items`."""
        encoded({"value": value})
        self._value, self._has_value = value, True

    def items(self, items: Iterable[T], *, key: Callable[[T], Part] | None = None, save_every: int = 1) -> Iterator[T]:
        """The items that are not done yet, in order; each is marked as done when the loop asks for the next one.

        An item whose body raised, or was killed, is not marked and comes again. `key` gives what identifies an item
        (text or number) when the item is not that itself. With `save_every` above 1 the mark is written less often,
        and up to that many items come again after a crash. One loop per checkpoint.

        If the items that were done are not the first items now, ForeignCheckpoint is raised. Once SIGTERM has been
        seen (`shutdown.install()`), the loop ends after the item in hand by SystemExit(143), with its mark saved.
        """
        if save_every < 1:
            raise ValueError(f"save_every must be at least 1, not {save_every}")
        identify: Callable[[T], Part] = key or _identity_of
        fingerprint = _NOTHING_DONE
        position = unsaved = 0
        for item in items:
            mark = stable_id(fingerprint, identify(item))
            if position < self._done:
                position, fingerprint = position + 1, mark
                if position == self._done:
                    self._check_items(fingerprint)
                continue
            try:
                shutdown.leave_if_stopping()
                yield item
            except BaseException:
                if unsaved:
                    self._write()
                raise
            position, fingerprint = position + 1, mark
            self._done, self._fingerprint = position, fingerprint
            unsaved += 1
            if unsaved >= save_every:
                self._write()
                unsaved = 0
        if position < self._done:
            raise ForeignCheckpoint(self._items_changed(f"there are only {position} items now"))
        if unsaved:
            self._write()

    def _check_items(self, fingerprint: str) -> None:
        if fingerprint != self._fingerprint:
            raise ForeignCheckpoint(self._items_changed("the first ones are others now, or in another order"))

    def _items_changed(self, how: str) -> str:
        return (
            f"{self._place} says that {self._done} items are done, but {how}. Give the loop the same items, or open "
            "the checkpoint under another name or version"
        )

    def _write(self) -> None:
        record: Record = {**self._identity, "done": self._done, "fingerprint": self._fingerprint}
        if self._has_value:
            record["value"] = self._value
        if (reported := progress_meter.reported()) is not None:
            record["progress"] = reported
        record["digest"] = _digest(record)
        if self._replaces_unread:
            self._version = self._slot.put(record)
            self._replaces_unread = False
            return
        version = self._slot.swap(self._version, record)
        if version is None:
            raise CheckpointConflict(
                f"another process has saved {self._place} since this one read it, most likely a later attempt of the "
                "same task: this one must stop"
            )
        self._version = version

    def _read(self) -> None:
        try:
            found = self._slot.read()
        except CorruptRecord as error:
            raise CorruptCheckpoint(f"{self._place} cannot be read: {error}. {_REMEDY}") from error
        if found is None:
            return
        self._version = found.version
        record = found.record
        digest = record.pop("digest", None)
        done, fingerprint = record.get("done"), record.get("fingerprint")
        is_ours = record.get("format") == _FORMAT and isinstance(done, int) and isinstance(fingerprint, str)
        if not is_ours or digest != _digest(record):
            raise CorruptCheckpoint(f"{self._place} is torn, or no checkpoint of ours. {_REMEDY}")
        for field, expected in self._identity.items():
            if record.get(field) != expected:
                raise ForeignCheckpoint(
                    f"{self._place} was saved with {field} {record.get(field)!r}, this task has {expected!r}. {_REMEDY}"
                )
        self._done, self._fingerprint = cast("int", done), cast("str", fingerprint)
        self._has_value = "value" in record
        self._value = record.get("value")
        progress = record.get("progress")
        if isinstance(progress, int):
            progress_meter.raise_floor(progress)


_REMEDY = 'Remove it, or open it with on_unreadable="fresh" to begin anew'


def _slot(place: str, parts: str) -> Slot:
    if objects.is_object(place):
        return ObjectCell(location=objects.Location.parse(f"{place.rstrip('/')}/{parts}.json"))
    path = os.path.join(place, *parts.split("/"))
    return FileCell(path=f"{path}.json", lock=f"{path}.lock")


def _digest(record: Mapping[str, object]) -> str:
    # By the text that reading would give: JSON turns tuples into lists and number keys into text.
    return stable_id(encoded(decoded(encoded(record), "the checkpoint")))


def _identity_of(item: object) -> Part:
    if item is None or isinstance(item, (bool, int, float, str, bytes, list, tuple)):
        return cast("Part", item)
    if isinstance(item, os.PathLike):
        return cast("str | bytes", os.fspath(cast("os.PathLike[str]", item)))
    raise TypeError(f"items of type {type(item).__name__} do not identify themselves: pass key=, for example an id")
