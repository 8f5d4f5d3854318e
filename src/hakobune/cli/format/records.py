"""What a command answers, and how the columns of a projection are taken from it."""

from __future__ import annotations

from hakobune.cli.document import Document, is_dict, is_list
from hakobune.cli.format.keys import get
from hakobune.cli.format.transforms import apply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.format.projection import Column


class Record:
    """A resource as the API answered it, and the short names that tables, filters and sorting know besides. `bare`: it
    is nothing but this text, and is shown so where there are no columns."""

    __slots__ = ("bare", "document", "names", "uri")

    def __init__(self, document: Document, names: Document | None = None, uri: str = "", bare: str = "") -> None:
        self.document = document
        self.bare = bare
        self.names = {**document, **names} if names else document
        self.uri = uri


def cells(columns: list[Column], record: Record, *, transforms: bool = True) -> list[object]:
    """One value for each column."""
    found: list[object] = []
    for column in columns:
        value = get(record.names, column.key) if column.key else record.names
        found.append(apply(column.transforms, value) if transforms and column.transforms else value)
    return found


def pruned(columns: list[Column], document: Document) -> object:
    """The part of a document that the columns name, in its own shape; for json, yaml and their like. None: nothing."""
    tree = _Node()
    for column in columns:
        node = tree
        for part in column.key:
            node = node.members.setdefault(part, _Node())
        node.column = column
    return _prune(document, tree)


class _Node:
    """One step of the keys of a projection."""

    __slots__ = ("column", "members")

    def __init__(self) -> None:
        self.members: dict[str | int | None, _Node] = {}
        self.column: Column | None = None


def _prune(value: object, node: _Node) -> object:
    if node.column is not None and not node.members:
        return apply(node.column.transforms, value)
    if is_dict(value):
        every = node.members.get(None)
        found: dict[str, object] = {}
        for name, member in value.items():
            inner = node.members.get(name) or every
            if inner is not None:
                kept = _prune(member, inner)
                if kept is not None or inner.column is not None:
                    found[name] = kept
        return found or None
    if is_list(value):
        return _prune_list(value, node)
    return None


def _prune_list(items: list[object], node: _Node) -> object:
    every = node.members.get(None)
    indexes = {index % len(items) for index in node.members if isinstance(index, int) and items and index < len(items)}
    last = len(items) if every is not None else max(indexes, default=-1) + 1
    found: list[object] = []
    for position in range(last):
        inner = node.members.get(position) or node.members.get(position - len(items)) or every
        found.append(_prune(items[position], inner) if inner is not None else None)
    while found and found[-1] is None:
        found.pop()
    return found or None
