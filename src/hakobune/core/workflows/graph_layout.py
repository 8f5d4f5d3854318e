"""Where everything of a graph stands: blocks within blocks, ways straight down, jumps in lanes at the side.

Each block has an axis, the vertical line that ways come in and go out on. A sequence puts its items on one axis; what
stands side by side stands in a row under what leads there. A jump leaves a node at its side, runs in a lane of the
smallest sequence that holds both ends (down at the right, up at the left), and comes in at the side of its target.
Jumps to one target share a lane. Lengths are in pixels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from unicodedata import east_asian_width

from hakobune.core.workflows.graph import Block, Edge, EdgeKind, Frame, Graph, Node, NodeKind, Row, Stack, nodes_of

CHARACTER: Final = 7.3  # width of a character at 12 px in the usual fixed-width fonts
LINE: Final = 16.0
_PAD_X, _PAD_Y = 12.0, 8.0
_GAP = 34.0  # between items of a sequence
_LABEL_GAP = 52.0  # the same, where a label stands above the lower one
_LABEL = 20.0  # what a label takes of it
_TIP = 8.0  # the straight end of a way, for its arrow
_GAP_X = 26.0  # between items of a row
_FRAME_X, _FRAME_TOP, _FRAME_BOTTOM = 14.0, 30.0, 14.0
_LANE = 14.0
_JOIN = 8.0  # the side of a point
_NODE_MIN = 48.0
_MARGIN = 16.0
_ROW_MAX = 2_400.0  # routines side by side, before the next row of them begins

_LANES: Final = frozenset({EdgeKind.JUMP, EdgeKind.BACK, EdgeKind.SKIP})


@dataclass(slots=True)
class Box:
    """A block with its place. `axis` is an x, as `x` and `y` are, once it is placed."""

    block: Block
    parent: Box | None
    w: float = 0.0
    h: float = 0.0
    axis: float = 0.0
    x: float = 0.0
    y: float = 0.0
    left: list[str] = field(default_factory=list[str])  # targets that have a lane at that side
    right: list[str] = field(default_factory=list[str])
    items: list[Box] = field(default_factory=list["Box"])
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Way:
    """An edge as points, and the middle of its label."""

    edge: Edge
    points: tuple[tuple[float, float], ...]
    is_curved: bool
    label_at: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Layout:
    """All boxes (parents before children), all ways, and the size of the whole."""

    boxes: tuple[Box, ...]
    ways: tuple[Way, ...]
    w: float
    h: float


def text_width(text: str) -> float:
    """How wide a text is drawn; characters of East Asia take two places."""
    return CHARACTER * sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def lay_out(graph: Graph) -> Layout:
    """Places for everything."""
    drawing = _Drawing(graph)
    return drawing.layout()


class _Drawing:
    """The work on one graph."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._boxes: list[Box] = []
        self._by_node: dict[str, Box] = {}
        self._order: dict[str, int] = {}
        self._roots = [self._box(routine, None) for routine in graph.routines]
        self._jumps: dict[str, list[Edge]] = {}  # those with a label, by source
        for edge in graph.edges:
            if edge.label and self._is_in_lane(edge):
                self._jumps.setdefault(edge.source, []).append(edge)
        self._labels = {edge.target: edge.label for edge in graph.edges if edge.label and not self._is_in_lane(edge)}

    def _box(self, block: Block, parent: Box | None) -> Box:
        box = Box(block, parent)
        self._boxes.append(box)
        match block:
            case Node():
                self._by_node[block.id] = box
                self._order[block.id] = len(self._order)
            case Frame():
                box.items = [self._box(block.inner, box)]
            case Stack() | Row():
                box.items = [self._box(item, box) for item in block.items]
        return box

    def layout(self) -> Layout:
        for edge in self._graph.edges:
            if self._is_in_lane(edge):
                self._take_lane(edge)
        for root in self._roots:
            self._measure(root)
        w, h = self._place_roots()
        ways = [self._lane_way(edge) if self._is_in_lane(edge) else self._flow_way(edge) for edge in self._graph.edges]
        return Layout(tuple(self._boxes), tuple(ways), w, h)

    # -- lanes ----------------------------------------------------------------------------------------------------

    def _is_in_lane(self, edge: Edge) -> bool:
        if edge.kind is EdgeKind.ERROR:
            source = self._by_node[edge.source].block
            return isinstance(source, Node) and source.kind is NodeKind.RAISE
        return edge.kind in _LANES

    def _goes_down(self, edge: Edge) -> bool:
        return self._order[edge.target] > self._order[edge.source]

    def _take_lane(self, edge: Edge) -> None:
        common, _, _ = self._meeting(edge)
        lanes = common.right if self._goes_down(edge) else common.left
        if edge.target not in lanes:
            lanes.append(edge.target)

    def _meeting(self, edge: Edge) -> tuple[Box, Box, Box]:
        """The smallest sequence that holds both ends, and its items (or a row's) that hold one each."""
        source, target = _ancestry(self._by_node[edge.source]), _ancestry(self._by_node[edge.target])
        depth = 0
        for at, (one, other) in enumerate(zip(source, target, strict=False)):
            if one is not other:
                break
            if isinstance(one.block, Stack):
                depth = at
        below = min(depth + 1, len(source) - 1, len(target) - 1)
        return source[depth], source[below], target[below]

    # -- sizes ----------------------------------------------------------------------------------------------------

    def _measure(self, box: Box) -> None:
        for item in box.items:
            self._measure(item)
        match box.block:
            case Node():
                self._measure_node(box, box.block)
            case Frame():
                self._measure_frame(box, box.block)
            case Stack():
                self._measure_stack(box)
            case Row():
                self._measure_row(box)

    def _measure_node(self, box: Box, node: Node) -> None:
        if node.kind is NodeKind.JOIN:
            box.w = box.h = _JOIN
        else:
            box.lines = (*node.lines, *self._jump_lines(node))
            box.w = max(_NODE_MIN, 2 * _PAD_X + max(map(text_width, box.lines), default=0.0))
            box.h = 2 * _PAD_Y + LINE * len(box.lines)
        box.axis = box.w / 2

    def _jump_lines(self, node: Node) -> list[str]:
        """The conditions of a switch that only jump: written in the node, as their lanes have no place for texts."""
        found: list[str] = []
        for edge in self._jumps.get(node.id, ()):
            target = self._by_node[edge.target].block
            name = target.lines[0] if isinstance(target, Node) and target.lines else "the end of the loop"
            found.append(f"{edge.label} → {name}")
        return found

    def _measure_frame(self, box: Box, frame: Frame) -> None:
        inner = box.items[0]
        box.w = max(inner.w + 2 * _FRAME_X, text_width(frame.title) + 2 * _FRAME_X)
        box.h = inner.h + _FRAME_TOP + _FRAME_BOTTOM
        box.axis = (box.w - inner.w) / 2 + inner.axis

    def _measure_stack(self, box: Box) -> None:
        before = max((item.axis for item in box.items), default=0.0)
        behind = max((item.w - item.axis for item in box.items), default=0.0)
        left, right = _lanes_width(box.left), _lanes_width(box.right)
        box.w = left + before + behind + right
        box.h = sum(item.h for item in box.items) + sum(map(self._gap_above, box.items[1:]))
        box.axis = left + before
        label = self._entry_label(box) if box.parent is not None and isinstance(box.parent.block, Row) else ""
        if label:
            missing = max(0.0, text_width(label) / 2 + 4 - box.axis)
            box.axis += missing
            box.w = max(box.w + missing, box.axis + text_width(label) / 2 + 4)

    def _gap_above(self, box: Box) -> float:
        entries = box.items if isinstance(box.block, Row) else [box]
        return _LABEL_GAP if any(map(self._entry_label, entries)) else _GAP

    def _entry_label(self, box: Box) -> str:
        entry = next(nodes_of(box.block), None)
        return "" if entry is None else self._labels.get(entry.id, "")

    def _measure_row(self, box: Box) -> None:
        box.w = sum(item.w for item in box.items) + _GAP_X * max(0, len(box.items) - 1)
        box.h = max((item.h for item in box.items), default=0.0)
        ends = [*box.items[:1], *box.items[-1:]]
        box.axis = box.w / 2 if not ends else (ends[0].axis + box.w - ends[-1].w + ends[-1].axis) / 2

    # -- places ---------------------------------------------------------------------------------------------------

    def _place_roots(self) -> tuple[float, float]:
        x = y = _MARGIN
        w = h = deepest = 0.0
        for root in self._roots:
            if x > _MARGIN and x + root.w > _ROW_MAX:
                x, y = _MARGIN, deepest + _GAP
            self._place(root, x, y)
            x += root.w + _GAP_X
            deepest = max(deepest, y + root.h)
            w, h = max(w, x - _GAP_X), max(h, deepest)
        return w + _MARGIN, h + _MARGIN

    def _place(self, box: Box, x: float, y: float) -> None:
        box.x, box.y = x, y
        box.axis += x
        match box.block:
            case Frame():
                inner = box.items[0]
                self._place(inner, box.axis - inner.axis, y + _FRAME_TOP)
            case Stack():
                for number, item in enumerate(box.items):
                    y += self._gap_above(item) if number else 0.0
                    self._place(item, box.axis - item.axis, y)
                    y += item.h
            case Row():
                for item in box.items:
                    self._place(item, x, y)
                    x += item.w + _GAP_X
            case Node():
                pass

    # -- ways -----------------------------------------------------------------------------------------------------

    def _flow_way(self, edge: Edge) -> Way:
        """Down from the source to the end of its item, over to the axis of the target, and down to it."""
        source, target = self._by_node[edge.source], self._by_node[edge.target]
        _, above, below = self._meeting(edge)
        start, turn = source.y + source.h, max(above.y + above.h, source.y + source.h)
        end = target.y
        landing = max(turn, min(below.y, end) - (_LABEL if edge.label else _TIP))
        points = ((source.axis, start), (source.axis, turn), (target.axis, landing), (target.axis, end))
        return Way(edge, points, True, (target.axis, landing + LINE / 2 - 1))

    def _lane_way(self, edge: Edge) -> Way:
        source, target = self._by_node[edge.source], self._by_node[edge.target]
        common, _, _ = self._meeting(edge)
        from_y, to_y = source.y + source.h / 2, target.y + target.h / 2
        if self._goes_down(edge):
            lane = common.x + common.w - _lanes_width(common.right) + _LANE * (common.right.index(edge.target) + 1)
            start, end = source.x + source.w, target.x + target.w
        else:
            lane = common.x + _lanes_width(common.left) - _LANE * (common.left.index(edge.target) + 1)
            start, end = source.x, target.x
        points = ((start, from_y), (lane, from_y), (lane, to_y), (end, to_y))
        return Way(edge, points, False, (lane, (from_y + to_y) / 2))


def _lanes_width(lanes: list[str]) -> float:
    return _LANE * (len(lanes) + 1) if lanes else 0.0


def _ancestry(box: Box) -> list[Box]:
    """The box and all around it, the outermost first."""
    found: list[Box] = []
    at: Box | None = box
    while at is not None:
        found.append(at)
        at = at.parent
    return found[::-1]


def placed_nodes(boxes: Iterable[Box]) -> list[tuple[Node, Box]]:
    """The boxes of nodes."""
    return [(box.block, box) for box in boxes if isinstance(box.block, Node)]


def placed_frames(boxes: Iterable[Box]) -> list[tuple[Frame, Box]]:
    """The boxes of frames, outer ones first."""
    return [(box.block, box) for box in boxes if isinstance(box.block, Frame)]
