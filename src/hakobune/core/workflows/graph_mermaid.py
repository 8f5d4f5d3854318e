"""A graph as Mermaid text: `flowchart`, with a subgraph for each routine and each block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hakobune.core.workflows.graph import Block, Edge, EdgeKind, Frame, Graph, Node, NodeKind, Row, Stack, nodes_of

_SHAPES: Final = {
    NodeKind.START: ("([", "])"),
    NodeKind.END: ("([", "])"),
    NodeKind.SWITCH: ("{", "}"),
    NodeKind.LOOP: ("{{", "}}"),
    NodeKind.PARALLEL: ("[[", "]]"),
    NodeKind.TRY: ("(", ")"),
    NodeKind.RETURN: ("([", "])"),
    NodeKind.RAISE: (">", "]"),
    NodeKind.JOIN: ("((", "))"),
}
_ARROWS: Final = {EdgeKind.ERROR: "-.->"}
# What would end a text or begin markup, as Mermaid's own entities.
_ENTITIES: Final = str.maketrans({
    "#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "&": "#amp;", "`": "#96;", "\\": "#92;", "|": "#124;",
    "\n": " ", "\r": " ",
})  # fmt: skip


def to_mermaid(graph: Graph) -> str:
    """The graph as Mermaid text. Source of the syntax: https://mermaid.js.org/syntax/flowchart.html."""
    lines = ["flowchart TD"]
    entries: dict[str, str] = {}
    for number, routine in enumerate(graph.routines):
        lines += _frame(routine, f"f{number}", "  ")
        first = next(nodes_of(routine))
        entries[first.routine] = first.id
    lines += [f"  {_edge(edge)}" for edge in graph.edges]
    for routine in graph.routines:
        for node in nodes_of(routine):
            if node.calls in entries:
                lines.append(f"  {node.id} -.->|calls| {entries[node.calls]}")
    lines.append("  classDef error stroke:#c5221f")
    raised = [node.id for routine in graph.routines for node in nodes_of(routine) if node.kind is NodeKind.RAISE]
    if raised:
        lines.append(f"  class {','.join(raised)} error")
    return "\n".join(lines) + "\n"


def _frame(frame: Frame, name: str, indent: str) -> Iterator[str]:
    yield f'{indent}subgraph {name}["{_text(frame.title)}"]'
    for number, item in enumerate(frame.inner.items):
        yield from _block(item, f"{name}_{number}", f"{indent}  ")
    yield f"{indent}end"


def _block(block: Block, name: str, indent: str) -> Iterator[str]:
    match block:
        case Node():
            before, after = _SHAPES.get(block.kind, ("[", "]"))
            text = "<br/>".join(_text(line) for line in block.lines) or " "
            yield f'{indent}{block.id}{before}"{text}"{after}'
        case Frame():
            yield from _frame(block, name, indent)
        case Stack() | Row():
            for number, item in enumerate(block.items):
                yield from _block(item, f"{name}_{number}", indent)


def _edge(edge: Edge) -> str:
    label = f'|"{_text(edge.label)}"|' if edge.label else ""
    return f"{edge.source} {_ARROWS.get(edge.kind, '-->')}{label} {edge.target}"


def _text(text: str) -> str:
    return text.translate(_ENTITIES)
