"""A cell: one small JSON record under a name, changed only by comparing and swapping.

Ledger, lease and checkpoint all stand on it. Three homes: a file, a row of SQLite or PostgreSQL, an object in Cloud
Storage. A version is an opaque number that changes with every write.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, cast

from hakobune.sdk import files, objects
from hakobune.sdk.content import spooled
from hakobune.sdk.databases import Database, Dialect
from hakobune.sdk.errors import CorruptRecord
from hakobune.sdk.ids import stable_id

Record = dict[str, object]

DEFAULT_TABLE = "hakobune_cells"

_FORMAT = "hakobune.cell.1"
_VERSION_BITS = 53  # what JSON numbers keep exactly everywhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A record as it was read."""

    record: Record
    version: int


class Cell(Protocol):
    """A place for one record."""

    @property
    def is_local(self) -> bool:
        """Whether only processes of this machine come here, so that a dead one can be recognised."""
        ...

    def read(self) -> Snapshot | None:
        """The record, or None. Raises CorruptRecord."""
        ...

    def swap(self, expected: int | None, record: Mapping[str, object]) -> int | None:
        """Write if the version is still `expected` (None: if there is no record). The new version, None if not."""
        ...


class Slot(Cell, Protocol):
    """A cell whose record may also be replaced unseen."""

    def put(self, record: Mapping[str, object]) -> int:
        """Write in any case. The new version."""
        ...


def mapping(value: object) -> Record:
    """The value if it is a JSON object, else an empty one."""
    return cast("Record", value) if isinstance(value, dict) else {}


def encoded(record: Mapping[str, object]) -> str:
    """The record as JSON on one line, keys sorted. Raises TypeError or ValueError for what JSON cannot hold."""
    return json.dumps(record, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def decoded(text: str | bytes, where: str) -> Record:
    """The record in `text`. Raises CorruptRecord naming `where`."""
    try:
        value: object = json.loads(text)
    except ValueError as error:
        raise CorruptRecord(f"{where} holds no JSON record: {error}") from error
    if not isinstance(value, dict):
        raise CorruptRecord(f"{where} holds no JSON object")
    return cast("Record", value)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCell:
    """A record in a file. Writers take turns by a lock on the file `lock`; readers need none."""

    path: str
    lock: str
    durable: bool = True
    is_local: bool = True

    def read(self) -> Snapshot | None:
        """The record, or None. Raises CorruptRecord."""
        try:
            with open(self.path, "rb") as file:
                text = file.read()
        except FileNotFoundError:
            return None
        whole = decoded(text, self.path)
        version, record = whole.get("version"), whole.get("record")
        if whole.get("format") != _FORMAT or not isinstance(version, int) or not isinstance(record, dict):
            raise CorruptRecord(f"{self.path} is no record of {_FORMAT}")
        return Snapshot(record=cast("Record", record), version=version)

    def swap(self, expected: int | None, record: Mapping[str, object]) -> int | None:
        """Write if the version is still `expected`."""
        with files.locked(self.lock):
            current = self.read()
            if (None if current is None else current.version) != expected:
                return None
            return self._write(record)

    def put(self, record: Mapping[str, object]) -> int:
        """Write in any case."""
        with files.locked(self.lock):
            return self._write(record)

    def _write(self, record: Mapping[str, object]) -> int:
        version = secrets.randbits(_VERSION_BITS) + 1  # never 0
        text = encoded({"format": _FORMAT, "version": version, "record": record}) + "\n"
        files.replace(self.path, [text.encode()], durable=self.durable)
        return version


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectCell:
    """A record in an object of Cloud Storage; the version is its generation."""

    location: objects.Location
    is_local: bool = False

    def read(self) -> Snapshot | None:
        """The record, or None. Raises CorruptRecord."""
        found = objects.read(self.location)
        if found is None:
            return None
        text, generation = found
        return Snapshot(record=decoded(text, f"gs://{self.location.bucket}/{self.location.name}"), version=generation)

    def swap(self, expected: int | None, record: Mapping[str, object]) -> int | None:
        """Write if the generation is still `expected`."""
        return self._write(record, objects.ABSENT if expected is None else expected)

    def put(self, record: Mapping[str, object]) -> int:
        """Write in any case."""
        generation = self._write(record, None)
        assert generation is not None, "an unconditional write has no condition that could fail"
        return generation

    def _write(self, record: Mapping[str, object], expected: int | None) -> int | None:
        with spooled(encoded(record) + "\n") as content:
            return objects.write(self.location, content, content_type="application/json", expected=expected)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCell:
    """A record in a row. Commits nothing: the caller's transaction, if there is one, does."""

    database: Database
    table: str  # quoted
    space: str
    name: str

    @property
    def is_local(self) -> bool:
        """SQLite is a file of this machine; PostgreSQL may have callers anywhere."""
        return self.database.dialect is Dialect.SQLITE

    def read(self) -> Snapshot | None:
        """The record, or None. Raises CorruptRecord."""
        row = self.database.execute(
            f"SELECT version, record FROM {self.table} WHERE space = ? AND name = ?",  # noqa: S608 - a quoted name
            (self.space, self.name),
        ).fetchone()
        if row is None:
            return None
        version, text = row
        assert isinstance(version, int)
        assert isinstance(text, str)
        return Snapshot(record=decoded(text, f"the record {self.name!r} in {self.table}"), version=version)

    def swap(self, expected: int | None, record: Mapping[str, object]) -> int | None:
        """Write if the version is still `expected`."""
        text = encoded(record)
        if expected is None:
            cursor = self.database.execute(
                f"INSERT INTO {self.table} (space, name, version, record) "  # noqa: S608 - a quoted name
                "VALUES (?, ?, 1, ?) ON CONFLICT (space, name) DO NOTHING",
                (self.space, self.name, text),
            )
            return 1 if cursor.rowcount == 1 else None
        cursor = self.database.execute(
            f"UPDATE {self.table} SET version = version + 1, record = ? "  # noqa: S608 - a quoted name
            "WHERE space = ? AND name = ? AND version = ?",
            (text, self.space, self.name, expected),
        )
        return expected + 1 if cursor.rowcount == 1 else None


def create_table(database: Database, table: str) -> None:
    """Make the table of row cells if it is missing. Callers that do so at once do not fail."""
    columns = (
        "space TEXT NOT NULL, name TEXT NOT NULL, version BIGINT NOT NULL, record TEXT NOT NULL, "
        "PRIMARY KEY (space, name)"
    )
    create = f"CREATE TABLE IF NOT EXISTS {table} ({columns})"
    if database.dialect is Dialect.SQLITE:
        database.execute(create)
        return
    row = database.execute("SELECT to_regclass(?)::text", (table,)).fetchone()
    if row is None or row[0] is None:
        # IF NOT EXISTS alone fails when two transactions create the table at once.
        lock = "PERFORM pg_advisory_xact_lock(hashtext('hakobune.sdk.cells'));"
        database.execute(f"DO $$ BEGIN {lock} {create}; END $$")


def file_cell(directory: str, space: str, name: str, *, durable: bool = True) -> FileCell:
    """The cell of an arbitrary name in a directory that many cells share."""
    digest = stable_id(space, name)
    return FileCell(
        path=os.path.join(directory, space, digest[:2], f"{digest}.json"),
        lock=os.path.join(directory, space, ".lock"),
        durable=durable,
    )


def object_cell(address: str, space: str, name: str) -> ObjectCell:
    """The cell of an arbitrary name under a gs:// prefix."""
    return ObjectCell(location=objects.Location.parse(f"{address.rstrip('/')}/{space}/{stable_id(space, name)}.json"))
