"""Where receipts are kept: a directory, a gs:// prefix, or a database. Beside each receipt whose start is not confirmed
stands a mark, so that whoever comes after a crash finds those few without reading all.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Generator
from contextlib import contextmanager

from hakobune.sdk import files, objects
from hakobune.sdk.cells import DEFAULT_TABLE, Cell, RowCell, Snapshot, create_table, file_cell, object_cell
from hakobune.sdk.content import spooled
from hakobune.sdk.databases import Connection, Database
from hakobune.sdk.receipts import Receipt

Place = str | os.PathLike[str] | Callable[[], Connection]

_RECEIPTS = "receipts"
_OPEN = "receipts-open"
_ID = re.compile(r"[0-9a-f]{32}\Z")
_OPEN_MAX = 10_000  # looked at in one round; the next round finds the rest


class ReceiptStore:
    """Receipts by id. `scope`, 32 hexadecimal digits, separates receptions in one place."""

    def __init__(self, place: Place, scope: str) -> None:
        self._receipts, self._open = f"{_RECEIPTS}-{scope}", f"{_OPEN}-{scope}"
        self._connect: Callable[[], Connection] | None = None
        self._address = ""
        if not callable(place):
            self._address = os.fspath(place)
        elif hasattr(place, "cursor"):  # a connection of sqlite3 can be called, too
            raise TypeError("receipts need a function that opens a database connection, not a connection")
        else:
            self._connect = place

    def result_location(self, receipt_id: str) -> str:
        """Where a job leaves its result unless another place is named; "" if the receipts are in a database."""
        if self._connect is not None:
            return ""
        place = self._address if objects.is_object(self._address) else os.path.abspath(self._address)
        return f"{place.rstrip('/')}/results/{receipt_id}.json"

    def read(self, receipt_id: str) -> tuple[Receipt, int] | None:
        """The receipt and its version, None if there is none."""
        if not _ID.match(receipt_id):
            return None
        with self._cell(receipt_id) as cell:
            found: Snapshot | None = cell.read()
        return None if found is None else (Receipt.from_record(found.record), found.version)

    def swap(self, expected: int | None, receipt: Receipt) -> int | None:
        """Keep the receipt if its version is still `expected` (None: if there is none). The new version, None if not.
        When this returns, no crash can lose it."""
        with self._cell(receipt.id) as cell:
            return cell.swap(expected, receipt.to_record())

    def is_local(self) -> bool:
        """Whether only processes of this machine come here, so that a dead one can be recognised."""
        with self._cell("") as cell:
            return cell.is_local

    def mark_open(self, receipt_id: str) -> None:
        """Remember durably that the start of this receipt is to be confirmed."""
        if self._connect is not None:
            with self._database(self._connect) as (database, table):
                RowCell(database=database, table=table, space=self._open, name=receipt_id).swap(None, {})
        elif objects.is_object(self._address):
            with spooled(b"") as content:
                objects.write(self._mark_location(receipt_id), content, content_type=None, expected=objects.ABSENT)
        else:
            files.create(self._mark_path(receipt_id), ())

    def unmark(self, receipt_id: str) -> None:
        """Forget the mark, if it is there."""
        if self._connect is not None:
            with self._database(self._connect) as (database, table):
                database.execute(
                    f"DELETE FROM {table} WHERE space = ? AND name = ?",  # noqa: S608 - a quoted name
                    (self._open, receipt_id),
                )
        elif objects.is_object(self._address):
            objects.delete(self._mark_location(receipt_id))
        else:
            with contextlib.suppress(FileNotFoundError):  # another instance was faster
                os.unlink(self._mark_path(receipt_id))

    def open_ids(self) -> list[str]:
        """The receipts whose start is to be confirmed, at most 10,000 of them."""
        if self._connect is not None:
            found = self._open_rows(self._connect)
        elif objects.is_object(self._address):
            found = objects.names(self._mark_location(""), at_most=_OPEN_MAX)
        else:
            try:
                found = sorted(os.listdir(os.path.join(self._address, self._open)))
            except FileNotFoundError:
                found = []
        return [name for name in found if _ID.match(name)][:_OPEN_MAX]

    def _open_rows(self, connect: Callable[[], Connection]) -> list[str]:
        with self._database(connect) as (database, table):
            cursor = database.execute(
                f"SELECT name FROM {table} WHERE space = ? ORDER BY name LIMIT ?",  # noqa: S608 - a quoted name
                (self._open, _OPEN_MAX),
            )
            found: list[str] = []
            while (row := cursor.fetchone()) is not None:
                found.append(str(row[0]))
            return found

    def _mark_path(self, receipt_id: str) -> str:
        return os.path.join(self._address, self._open, receipt_id)

    def _mark_location(self, receipt_id: str) -> objects.Location:
        return objects.Location.parse(f"{self._address.rstrip('/')}/{self._open}/{receipt_id}")

    @contextmanager
    def _cell(self, receipt_id: str) -> Generator[Cell, None, None]:
        if self._connect is not None:
            with self._database(self._connect) as (database, table):
                yield RowCell(database=database, table=table, space=self._receipts, name=receipt_id)
        elif objects.is_object(self._address):
            yield object_cell(self._address, self._receipts, receipt_id)
        else:
            yield file_cell(self._address, self._receipts, receipt_id)

    @contextmanager
    def _database(self, connect: Callable[[], Connection]) -> Generator[tuple[Database, str], None, None]:
        with contextlib.closing(connect()) as connection:
            database = Database.of(connection)
            table = database.table(DEFAULT_TABLE)
            create_table(database, table)
            yield database, table
            connection.commit()
