"""A program as a picture: steps as nodes, what follows what as edges, blocks as frames around them.

The drawing keeps the structure of the text (a sequence, branches side by side, a frame around a loop), so it needs no
search for a layout. `graph_mermaid` writes it as Mermaid, `graph_svg` as SVG.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class NodeKind(StrEnum):
    """What a node stands for."""

    START = "start"
    END = "end"
    ASSIGN = "assign"
    CALL = "call"
    SWITCH = "switch"
    LOOP = "loop"
    PARALLEL = "parallel"
    TRY = "try"
    RAISE = "raise"
    RETURN = "return"
    GOTO = "goto"
    JOIN = "join"  # a point at which ways meet


class EdgeKind(StrEnum):
    """Why one node follows another."""

    FLOW = "flow"  # to what stands below
    JUMP = "jump"  # `next`
    BACK = "back"  # the next iteration
    SKIP = "skip"  # past a loop's body, when it is over
    ERROR = "error"  # to an `except`


class FrameKind(StrEnum):
    """What a frame is drawn around."""

    ROUTINE = "routine"
    GROUP = "group"
    LOOP = "loop"
    BRANCH = "branch"
    TRY = "try"
    EXCEPT = "except"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One node. `lines` are its texts, the step's name first; `calls` names the subworkflow that it calls."""

    id: str
    kind: NodeKind
    routine: str
    step: str
    lines: tuple[str, ...]
    line: int  # in the source, from 1; 0 for what stands nowhere
    calls: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """From one node to another."""

    source: str
    target: str
    kind: EdgeKind
    label: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Blocks one below the other."""

    items: tuple[Block, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """Blocks side by side: the cases of a switch, the branches of a parallel step."""

    items: tuple[Block, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A frame with a title around a block."""

    kind: FrameKind
    title: str
    inner: Stack


Block: TypeAlias = Node | Stack | Row | Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A whole definition: one frame for each routine, `main` first."""

    routines: tuple[Frame, ...]
    edges: tuple[Edge, ...]


def nodes_of(block: Block) -> Iterator[Node]:
    """All nodes of a block, in the order of the text. The depth of blocks is bounded by that of the source."""
    match block:
        case Node():
            yield block
        case Frame():
            yield from nodes_of(block.inner)
        case Stack() | Row():
            for item in block.items:
                yield from nodes_of(item)
