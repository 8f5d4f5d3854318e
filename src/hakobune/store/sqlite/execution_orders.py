"""Executions in the order of any fields: the statement that lists them, and where a page of it begins.

A cursor holds the values of the fields by which an execution is ordered, and its row id: the next page begins behind
that place, also when the execution is gone meanwhile.
"""

from __future__ import annotations

import json
import sqlite3
from typing import cast

from hakobune.core.errors import InvalidArgument
from hakobune.store.workflows_api import ExecutionOrder

ID_MAX = 1 << 62  # above every row id and ordinal


class OrderedExecutions:
    """A statement for an order and the cursor after which it begins ("": at the beginning). Raises InvalidArgument for
    a cursor of another order."""

    def __init__(self, statement: str, order: ExecutionOrder, cursor: str) -> None:
        self._fields = [part.field.value for part in order.parts]
        directions = [part.is_falling for part in order.parts]
        columns = [*zip(self._fields, directions, strict=True), ("id", directions[-1])]
        self.parameters: dict[str, object] = {}
        after = ""
        if cursor:
            names = [*(f"after_{number}" for number in range(len(self._fields))), "after_id"]
            self.parameters = dict(zip(names, _values(cursor, len(columns)), strict=True))
            after = f"WHERE {_beyond(columns, names)}"
        written = ", ".join(f"{column} {'DESC' if is_falling else 'ASC'}" for column, is_falling in columns)
        self.statement = statement.replace("/* AFTER */", after).replace("/* ORDER */ id", written)

    def cursor(self, row: sqlite3.Row) -> str:
        """The place of a row that the statement gave."""
        return json.dumps([*(row[_column(field)] for field in self._fields), row["id"]])


def _column(field: str) -> str:
    return "revision" if field == "workflowRevisionId" else field


def _beyond(columns: list[tuple[str, bool]], names: list[str]) -> str:
    """What comes after the place: it differs in some column, and is equal in all before."""
    (column, is_falling), name = columns[0], names[0]
    beyond = f"{column} {'<' if is_falling else '>'} :{name}"
    if len(columns) == 1:
        return beyond
    return f"({beyond} OR ({column} = :{name} AND {_beyond(columns[1:], names[1:])}))"


def _values(cursor: str, count: int) -> list[object]:
    try:
        found: object = json.loads(cursor)
    except ValueError:
        found = None
    values = cast("list[object]", found) if isinstance(found, list) else []
    if len(values) != count or not all(map(_is_value, values)) or not isinstance(values[-1], int) or values[-1] < 0:
        raise InvalidArgument("The page token is not one of this list: list again without it.")
    return values


def _is_value(value: object) -> bool:
    return isinstance(value, (str, float)) or (isinstance(value, int) and abs(value) < ID_MAX)
