"""Ways through an expression's tree. None of them recurses, except to the depth that the grammar allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias, assert_never

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
        found = _path(node)
        if found is None:
            waiting.extend(reversed(children(node)))
        else:
            yield found


def dotted_path(node: Expression) -> str | None:
    """`a.b.c` for a name and members of it; None for anything else."""
    found = _path(node)
    return None if found is None else found[1]


def _path(node: Expression) -> tuple[Name, str] | None:
    """The name that a dotted path begins with, and the whole path."""
    keys: list[str] = []
    while isinstance(node, Member):
        keys.append(node.key)
        node = node.of
    return (node, ".".join([node.name, *reversed(keys)])) if isinstance(node, Name) else None


Link: TypeAlias = Binary | Logic
"""What a chain of operators is made of: `a + b + c` is a link of `a + b` and `c`."""


def chain(node: Expression) -> tuple[Expression, list[Link]]:
    """The first operand of a chain of operators, and its links from the innermost to the node itself."""
    links: list[Link] = []
    while isinstance(node, Binary | Logic):
        links.append(node)
        node = node.left
    links.reverse()
    return node, links


def height(root: Expression) -> int:
    """How many values stand inside one another: 1 for a literal. A chain of operators is one level."""
    levels = 0
    level = [root]
    while level:
        levels += 1
        below: list[Expression] = []
        for node in level:
            first, links = chain(node)
            below += children(first)
            below += [link.right for link in links]
        level = below
    return levels


def rebuilt(node: Expression, change: Callable[[Expression], Expression]) -> Expression:
    """The tree with `change` applied to every node, parts before the whole, in the order of evaluation.

    A node whose parts stay the same is not copied.
    """
    first, links = chain(node)
    left = _rebuilt_first(first, change)
    for link in links:
        parts = (left, rebuilt(link.right, change))
        left = change(link if _is_same(parts, link) else with_children(link, parts))
    return left


def _rebuilt_first(node: Expression, change: Callable[[Expression], Expression]) -> Expression:
    parts = children(node)
    changed: list[Expression] = []
    for part in parts:
        changed.append(rebuilt(part, change))  # noqa: PERF401 - a comprehension is a level of the stack before 3.12
    same = all(new is old for new, old in zip(changed, parts, strict=True))
    return change(node if same else with_children(node, changed))


def _is_same(parts: tuple[Expression, Expression], link: Link) -> bool:
    return parts[0] is link.left and parts[1] is link.right


def with_children(node: Expression, parts: Sequence[Expression]) -> Expression:
    """The node with these parts in place of its own, as many of them."""
    match node:
        case Literal() | Name() | Held():
            return node
        case Member():
            return replace(node, of=parts[0])
        case Index():
            return replace(node, of=parts[0], index=parts[1])
        case Not() | Sign():
            return replace(node, operand=parts[0])
        case Binary() | Logic():
            return replace(node, left=parts[0], right=parts[1])
        case ListOf():
            return replace(node, items=tuple(parts))
        case MapOf():
            return replace(node, entries=tuple((key, part) for (key, _), part in zip(node.entries, parts, strict=True)))
        case CallOf():
            return replace(node, arguments=tuple(parts))
        case _:
            assert_never(node)
