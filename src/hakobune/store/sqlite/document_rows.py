"""Rows that hold one value each as a document: the questions and changes of most rooms are no more than that."""

from __future__ import annotations

import sqlite3
from typing import TypeVar

from hakobune.store.documents import from_document
from hakobune.store.queries import queries
from hakobune.store.records import Page

T = TypeVar("T")


class DocumentRows:
    """The named queries of a room; those for values answer `doc` as their first column."""

    def __init__(self, connection: sqlite3.Connection, room: str) -> None:
        self._connection = connection
        self._sql = queries(room)

    def _first(self, query: str, /, **parameters: object) -> object:
        """The first column of the first row, or None."""
        row = self._connection.execute(self._sql[query], parameters).fetchone()
        return None if row is None else row[0]

    def _one(self, noun: type[T], query: str, /, **parameters: object) -> T | None:
        """The value of the first row, or None."""
        document = self._first(query, **parameters)
        return None if document is None else from_document(noun, str(document))

    def _all(self, noun: type[T], query: str, /, **parameters: object) -> list[T]:
        """The values of all rows."""
        rows = self._connection.execute(self._sql[query], parameters).fetchall()
        return [from_document(noun, row[0]) for row in rows]

    def _page(self, noun: type[T], query: str, location: str | None, page: Page, /, **parameters: object) -> list[T]:
        """Values of one location by `query`, of all locations by `QUERY_everywhere`, after the place `ID/LOCATION`."""
        after, _, after_location = page.after.partition("/")
        parameters |= {"after": after, "limit": page.limit}
        if location is not None:
            return self._all(noun, query, location=location, **parameters)
        return self._all(noun, f"{query}_everywhere", after_location=after_location, **parameters)

    def _do(self, query: str, /, **parameters: object) -> None:
        """Change what the query changes."""
        self._connection.execute(self._sql[query], parameters)
