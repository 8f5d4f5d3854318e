"""Builds a tree from the beginnings and ends of its containers, as readers of YAML and JSON meet them.

Nothing here recurs into the input. Depth and number of nodes are bounded while the tree grows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from hakobune.core.workflows import limits
from hakobune.core.workflows.positions import Problem
from hakobune.core.workflows.scalars import key_text
from hakobune.core.workflows.tree import Entry, Map, Node, Scalar, Sequence, SourceText

# Keys of steps: who writes one of them twice wants two steps.
_DEEDS: Final = frozenset({"assign", "call", "for", "parallel", "raise", "return", "steps", "switch", "try"})


class SourceRefused(Exception):
    """The source cannot be read any further; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Built:
    """A finished node, with the nodes it stands for (aliases counted as often as they are used) and its levels."""

    node: Node
    size: int = 1
    height: int = 0


@dataclass(slots=True, eq=False)
class _Open:
    """A container whose end has not come yet."""

    is_map: bool
    start: int
    items: list[Node] = field(default_factory=list[Node])
    entries: list[Entry] = field(default_factory=list[Entry])
    repeated: list[Entry] = field(default_factory=list[Entry])
    keys: dict[str, Scalar] = field(default_factory=dict[str, Scalar])
    key: Scalar | None = None
    size: int = 1
    height: int = 0


class TreeBuilder:
    """The tree so far. `problems` are those that do not stop the reading: keys that stand twice."""

    def __init__(self, source: SourceText) -> None:
        self._source = source
        self._open: list[_Open] = []
        self._nodes = 0
        self.problems: list[Problem] = []
        self.root: Node | None = None

    def open(self, start: int, *, is_map: bool) -> None:
        """A map or a list begins. Raises SourceRefused when it is too deep."""
        self._check_depth(len(self._open) + 1, start)
        self._refuse_as_key(start)
        self._open.append(_Open(is_map, start))

    def close(self, end: int) -> Built:
        """The innermost open container ends."""
        closed = self._open.pop()
        node: Node
        if closed.is_map:
            node = Map(tuple(closed.entries), closed.start, end, tuple(closed.repeated))
        else:
            node = Sequence(tuple(closed.items), closed.start, end)
        built = Built(node, closed.size, closed.height + 1)
        self._place(built)
        return built

    def add_scalar(self, scalar: Scalar) -> None:
        """A key, or a value that is no container."""
        self._count(1, scalar.start)
        if not self._open:
            self.root = scalar
            return
        innermost = self._open[-1]
        innermost.size += 1
        if not innermost.is_map:
            innermost.items.append(scalar)
        elif innermost.key is None:
            innermost.key = scalar
        else:
            self._add_entry(innermost, scalar)

    def add_alias(self, built: Built, at: int) -> None:
        """A node that was built before stands here again."""
        if isinstance(built.node, Scalar):
            self.add_scalar(built.node)
            return
        self._check_depth(len(self._open) + built.height, at)
        self._refuse_as_key(at)
        self._count(built.size - 1, at)
        self._place(built)

    def _place(self, built: Built) -> None:
        self._count(1, built.node.start)
        if not self._open:
            self.root = built.node
            return
        innermost = self._open[-1]
        innermost.size += built.size
        innermost.height = max(innermost.height, built.height)
        if innermost.is_map:
            self._add_entry(innermost, built.node)
        else:
            innermost.items.append(built.node)

    def _add_entry(self, container: _Open, value: Node) -> None:
        node = container.key
        assert node is not None  # a container is refused as a key, so a value comes after a scalar
        container.key = None
        key = node.value if isinstance(node.value, str) else key_text(node.value)
        first = container.keys.setdefault(key, node)
        if first is node:
            container.entries.append(Entry(key, node, value))
            return
        container.repeated.append(Entry(key, node, value))
        position = self._source.position(node.start, node.end)
        before = self._source.position(first.start)
        places = f"in line {before.line} and in line {position.line}"
        if before.line == position.line:
            places = f"in line {before.line}, columns {before.column} and {position.column}"
        self.problems.append(
            Problem(
                rule="duplicate-key",
                message=f"key '{key}' stands twice in one map: {places}",
                position=position,
                remedy=f"remove one of them, or {'make it a step of its own' if key in _DEEDS else 'rename it'}",
            )
        )

    def _count(self, nodes: int, at: int) -> None:
        self._nodes += nodes
        if self._nodes > limits.SOURCE_NODES:
            raise SourceRefused(
                Problem(
                    rule="bound",
                    message=f"the source stands for more than {limits.SOURCE_NODES} values",
                    position=self._source.position(at),
                    remedy="use fewer aliases (*name): each one counts as all that its anchor holds",
                )
            )

    def _check_depth(self, depth: int, at: int) -> None:
        if depth > limits.NESTING_DEPTH:
            raise SourceRefused(
                Problem(
                    rule="bound",
                    message=f"maps and lists stand more than {limits.NESTING_DEPTH} levels deep in one another",
                    position=self._source.position(at),
                    remedy="move inner steps to a subworkflow, or inner data to a variable",
                )
            )

    def _refuse_as_key(self, at: int) -> None:
        """A map or list is no key."""
        if self._open and self._open[-1].is_map and self._open[-1].key is None:
            raise SourceRefused(
                Problem(
                    rule="yaml",
                    message="a map or a list cannot be a key",
                    position=self._source.position(at),
                    remedy="write a text as the key; quote it if it begins with '{' or '['; an expression is ${x}",
                )
            )
