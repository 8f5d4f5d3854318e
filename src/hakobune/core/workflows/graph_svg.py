"""A graph as SVG: one file with all in it, readable in light and in dark, with nothing to load."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hakobune.core.workflows.graph import EdgeKind, Frame, FrameKind, Graph, Node, NodeKind
from hakobune.core.workflows.graph_layout import LINE, Box, Way, lay_out, placed_frames, placed_nodes, text_width

_CORNER = 6.0
_STYLE: Final = """\
svg { background: #fff; font: 12px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
text { fill: #202124; }
.title { font-weight: bold; }
.detail { fill: #5f6368; }
.frame { fill: none; stroke: #9aa0a6; }
.frame.routine { fill: #f8f9fa; stroke: #5f6368; }
.frame.loop, .frame.branch { stroke-dasharray: 5 3; }
.frame.except { stroke: #d93025; }
.node rect, .node path { fill: #fff; stroke: #5f6368; }
.node.call rect { fill: #e8f0fe; stroke: #1967d2; }
.node.switch rect { fill: #fef7e0; stroke: #b06000; }
.node.loop rect, .node.parallel rect { fill: #e6f4ea; stroke: #137333; }
.node.try rect { fill: #f3e8fd; stroke: #8430ce; }
.node.raise rect { fill: #fce8e6; stroke: #c5221f; }
.node.start rect, .node.end rect, .node.return rect { fill: #f1f3f4; }
.node.join rect { fill: #5f6368; }
.node.seen rect { stroke-width: 2.5; stroke: #137333; }
.node.missed rect { stroke-dasharray: 4 3; fill: #fff; }
.way { fill: none; stroke: #5f6368; }
.way.jump, .way.back, .way.skip { stroke: #1967d2; }
.way.error { stroke: #d93025; stroke-dasharray: 4 3; }
.label { fill: #5f6368; }
.under { fill: #f8f9fa; }
marker path { fill: #5f6368; stroke: none; }
marker.jump path { fill: #1967d2; }
marker.error path { fill: #d93025; }
@media (prefers-color-scheme: dark) {
svg { background: #202124; } text { fill: #e8eaed; } .detail, .label { fill: #bdc1c6; } .under { fill: #292a2d; }
.frame.routine { fill: #292a2d; } .node rect { fill: #303134; } .node.call rect { fill: #1c3a5f; }
.node.switch rect { fill: #4a3a10; } .node.loop rect, .node.parallel rect { fill: #1e3d2a; }
.node.try rect { fill: #3b2a4d; } .node.raise rect { fill: #4d2523; } .node.missed rect { fill: #202124; }
.node.start rect, .node.end rect, .node.return rect { fill: #3c4043; } .node.join rect { fill: #bdc1c6; }
marker path { fill: #bdc1c6; } marker.jump path { fill: #8ab4f8; } marker.error path { fill: #f28b82; }
.way { stroke: #bdc1c6; } .way.jump, .way.back, .way.skip { stroke: #8ab4f8; } .way.error { stroke: #f28b82; }
}"""
# One for each colour: a marker that takes the colour of its line is not drawn everywhere yet.
_MARKERS: Final = "".join([
    "<defs>",
    *(
        f'<marker id="arrow-{name}" class="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8"'
        ' markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8Z"/></marker>'
        for name in ("flow", "jump", "error")
    ),
    "</defs>",
])  # fmt: skip
_ARROWS: Final = {EdgeKind.FLOW: "flow", EdgeKind.JUMP: "jump", EdgeKind.BACK: "jump", EdgeKind.ERROR: "error"}
_ROUND: Final = frozenset({NodeKind.START, NodeKind.END, NodeKind.RETURN})


def to_svg(graph: Graph, *, title: str = "", marks: Mapping[tuple[str, str], str] | None = None) -> str:
    """The graph as SVG. `marks`: classes for the nodes of a step, by routine and step (`seen` and `missed` have a look
    of their own)."""
    layout = lay_out(graph)
    w, h = round(layout.w), round(layout.h)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img">',
        f"<title>{_xml(title or 'Workflow')}</title>",
        f"<style>{_STYLE}</style>",
        _MARKERS,
    ]
    parts += [_frame(frame, box) for frame, box in placed_frames(layout.boxes)]
    parts += [_way(way) for way in layout.ways]
    parts += [
        _node(node, box, (marks or {}).get((node.routine, node.step), "")) for node, box in placed_nodes(layout.boxes)
    ]
    parts += [_label(way) for way in layout.ways if way.is_curved and way.edge.label]
    return "\n".join([*parts, "</svg>", ""])


def _frame(frame: Frame, box: Box) -> str:
    name = frame.title.partition("(")[0]
    anchor = f' id="routine-{_xml(name)}"' if frame.kind is FrameKind.ROUTINE else ""
    return (
        f'<g{anchor}><rect class="frame {frame.kind}" {_place(box)} rx="8"/>'
        f'<text class="title" x="{_n(box.x + 14)}" y="{_n(box.y + 19)}">{_xml(frame.title)}</text></g>'
    )


def _node(node: Node, box: Box, mark: str) -> str:
    classes = " ".join(["node", node.kind, *mark.split()])
    radius = box.h / 2 if node.kind in _ROUND or node.kind is NodeKind.JOIN else 14 if node.kind is NodeKind.LOOP else 4
    place = f"line {node.line}" if node.line else ""
    about = ", ".join(part for part in (f"{node.routine}.{node.step}".rstrip("."), place) if part)
    lines = [
        f'<text class="{"detail" if number else "title"}" text-anchor="middle" x="{_n(box.axis)}"'
        f' y="{_n(box.y + 8 + LINE * number + 12)}">{_xml(line)}</text>'
        for number, line in enumerate(box.lines)
    ]
    drawn = (
        f'<g class="{_xml(classes)}" data-step="{_xml(f"{node.routine}.{node.step}")}"><title>{_xml(about)}</title>'
        f'<rect {_place(box)} rx="{_n(radius)}"/>{"".join(lines)}</g>'
    )
    return f'<a href="#routine-{_xml(node.calls)}">{drawn}</a>' if node.calls else drawn


def _way(way: Way) -> str:
    name = _ARROWS.get(way.edge.kind)
    arrow = f' marker-end="url(#arrow-{name})"' if name else ""
    path = _curve(way.points) if way.is_curved else _lane(way.points)
    return f'<path class="way {way.edge.kind}" d="{path}"{arrow}/>'


def _curve(points: tuple[tuple[float, float], ...]) -> str:
    """Down, over in an S, down."""
    (x, start), (_, turn), (to_x, landing), (_, end) = points
    bend = (landing - turn) / 2
    return (
        f"M{_n(x)} {_n(start)}V{_n(turn)}"
        f"C{_n(x)} {_n(turn + bend)} {_n(to_x)} {_n(landing - bend)} {_n(to_x)} {_n(landing)}V{_n(end)}"
    )


def _lane(points: tuple[tuple[float, float], ...]) -> str:
    """Aside, along the lane, and back, with round corners."""
    (x, y), (lane, _), (_, to_y), (to_x, _) = points
    r = min(_CORNER, abs(to_y - y) / 2)
    out, back = (r if lane > x else -r), (r if lane > to_x else -r)
    down = r if to_y > y else -r
    return (
        f"M{_n(x)} {_n(y)}H{_n(lane - out)}Q{_n(lane)} {_n(y)} {_n(lane)} {_n(y + down)}"
        f"V{_n(to_y - down)}Q{_n(lane)} {_n(to_y)} {_n(lane - back)} {_n(to_y)}H{_n(to_x)}"
    )


def _label(way: Way) -> str:
    x, y = way.label_at
    w = text_width(way.edge.label)
    return (
        f'<rect class="under" x="{_n(x - w / 2 - 2)}" y="{_n(y - 7)}" width="{_n(w + 4)}" height="14"/>'
        f'<text class="label" text-anchor="middle" x="{_n(x)}" y="{_n(y + 4)}">{_xml(way.edge.label)}</text>'
    )


def _place(box: Box) -> str:
    return f'x="{_n(box.x)}" y="{_n(box.y)}" width="{_n(box.w)}" height="{_n(box.h)}"'


def _n(value: float) -> str:
    """A number of at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")


def _xml(text: str) -> str:
    """Text in XML: escaped, and without the characters that XML cannot hold."""
    kept = "".join(c if c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff" else " " for c in text)
    return kept.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
