"""Ways through an expression's tree. None of them recurses, except to the depth that the grammar allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import assert_never

from hakobune.core.workflows.expr.nodes import (
    Binary,
    CallOf,
    Expression,
    Held,
    Index,
    ListOf,
    Literal,
    Logic,
    MapOf,
    Member,
    Name,
    Not,
    Sign,
)


def children(node: Expression) -> tuple[Expression, ...]:
    """What a node is made of, in the order of evaluation."""
    match node:
        case Literal() | Name() | Held():
            return ()
        case Member():
            return (node.of,)
        case Index():
            return (node.of, node.index)
        case Not() | Sign():
            return (node.operand,)
        case Binary() | Logic():
            return (node.left, node.right)
        case ListOf():
            return node.items
        case MapOf():
            return tuple(value for _, value in node.entries)
        case CallOf():
            return node.arguments
        case _:
            assert_never(node)


def nodes(root: Expression) -> Iterator[Expression]:
    """The node itself and everything below it; a node before its parts, parts in the order of evaluation."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(children(node)))


def calls(root: Expression) -> Iterator[CallOf]:
    """Every call, an outer one before the calls in its arguments."""
    return (node for node in nodes(root) if isinstance(node, CallOf))


def contains_call(root: Expression, predicate: Callable[[CallOf], bool]) -> bool:
    """Whether some call fits."""
    return any(predicate(call) for call in calls(root))


def names_read(root: Expression) -> Iterator[Name]:
    """Every name that is read as a value: `e` of `"x" in e.tags`, but not the function of a call."""
    return (node for node in nodes(root) if isinstance(node, Name))


def paths_read(root: Expression) -> Iterator[tuple[Name, str]]:
    """Every name that is read, with the longest dotted path it begins: `e.tags` for `e.tags[0]`."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        path = dotted_path(node)
        if path is not None:
            while isinstance(node, Member):
                node = node.of
            if isinstance(node, Name):
                yield node, path
        else:
            waiting.extend(reversed(children(node)))


def dotted_path(node: Expression) -> str | None:
    """`a.b.c` for a name and members of it; None for anything else."""
    keys: list[str] = []
    while isinstance(node, Member):
        keys.append(node.key)
        node = node.of
    return ".".join([node.name, *reversed(keys)]) if isinstance(node, Name) else None


def height(root: Expression) -> int:
    """Levels of the tree: 1 for a literal."""
    levels = 0
    level = [root]
    while level:
        levels += 1
        level = [child for node in level for child in children(node)]
    return levels


def rebuilt(node: Expression, change: Callable[[Expression], Expression]) -> Expression:
    """The tree with `change` applied to every node, parts before the whole, in the order of evaluation."""
    match node:
        case Literal() | Name() | Held():
            return change(node)
        case Member():
            return change(replace(node, of=rebuilt(node.of, change)))
        case Index():
            of = rebuilt(node.of, change)
            return change(replace(node, of=of, index=rebuilt(node.index, change)))
        case Not() | Sign():
            return change(replace(node, operand=rebuilt(node.operand, change)))
        case Binary() | Logic():
            left = rebuilt(node.left, change)
            return change(replace(node, left=left, right=rebuilt(node.right, change)))
        case ListOf():
            return change(replace(node, items=_all_rebuilt(node.items, change)))
        case MapOf():
            keys = [key for key, _ in node.entries]
            return change(replace(node, entries=tuple(zip(keys, _all_rebuilt(children(node), change), strict=True))))
        case CallOf():
            return change(replace(node, arguments=_all_rebuilt(node.arguments, change)))
        case _:
            assert_never(node)


def _all_rebuilt(parts: tuple[Expression, ...], change: Callable[[Expression], Expression]) -> tuple[Expression, ...]:
    """A loop, where a generator would take another level of the stack."""
    changed: list[Expression] = []
    for part in parts:
        changed.append(rebuilt(part, change))  # noqa: PERF401 - a comprehension is a level of its own before 3.12
    return tuple(changed)


def replace_calls(root: Expression, change: Callable[[CallOf], Expression]) -> Expression:
    """The tree with each call given to `change`, the calls in its arguments before it, in the order of evaluation."""
    return rebuilt(root, lambda node: change(node) if isinstance(node, CallOf) else node)
