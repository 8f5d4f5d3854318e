"""What a caller of `entries:list` asks for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hakobune.core.logs import limits
from hakobune.core.logs.query import Query


class Order(StrEnum):
    """In which order entries come. Entries of one instant keep the order in which they were written."""

    OLDEST_FIRST = "timestamp asc"
    NEWEST_FIRST = "timestamp desc"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEntries:
    """A checked request."""

    projects: tuple[str, ...]
    query: Query
    order: Order = Order.OLDEST_FIRST
    page_size: int = limits.PAGE_SIZE_DEFAULT
    page_token: str = ""
