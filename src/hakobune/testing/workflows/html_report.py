"""Coverage as a page of HTML for each workflow: its picture, and its source, in the colours of what was reached."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Final

from hakobune.core.workflows.graph_builder import graph_of
from hakobune.core.workflows.graph_svg import to_svg
from hakobune.core.workflows.problem_texts import source_lines
from hakobune.testing.workflows.results import Session
from hakobune.testing.workflows.runs import Workflow
from hakobune.testing.workflows.terminal_report import percent
from hakobune.testing.workflows.watching import Point, PointKind

_STYLE: Final = """
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem; color: #1c2733; }
table.source { border-collapse: collapse; font: 13px/1.45 ui-monospace, monospace; }
table.source td { padding: 0 .6rem; white-space: pre; vertical-align: top; }
td.number, td.hits { text-align: right; color: #6b7885; user-select: none; }
tr.hit td.text { background: #e2f4e4; }
tr.miss td.text { background: #fbdcdc; }
tr.part td.text { background: #fdf1cf; }
td.note { color: #9a3324; font-family: system-ui, sans-serif; }
.summary td { padding-right: 1.5rem; }
figure { margin: 1rem 0; overflow-x: auto; }
figure .node.missed rect { stroke: #b3261e; }
figure .node.part rect { stroke: #b06000; }
@media (prefers-color-scheme: dark) {
  body { background: #202124; color: #e8eaed; } a { color: #8ab4f8; }
  tr.hit td.text { background: #1e3d2a; } tr.miss td.text { background: #4d2523; }
  tr.part td.text { background: #4a3a10; }
  td.note { color: #f28b82; }
}
"""


def write_pages(session: Session, folder: Path) -> list[Path]:
    """A page for each workflow, and `index.html` that names them all. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    pages: list[tuple[Workflow, Path]] = []
    for number, workflow in enumerate(session.workflows.values(), 1):
        page = folder / f"{number:02d}-{re.sub(r'[^A-Za-z0-9._-]', '_', workflow.name)}.html"
        page.write_text(_page(workflow), encoding="utf-8")
        pages.append((workflow, page))
    index = folder / "index.html"
    index.write_text(_index(pages), encoding="utf-8")
    return [index, *(page for _, page in pages)]


def _index(pages: Sequence[tuple[Workflow, Path]]) -> str:
    rows = "".join(
        f'<tr><td><a href="{escape(page.name)}">{escape(workflow.name)}</a></td><td>{_total(workflow)}</td></tr>'
        for workflow, page in pages
    )
    return _document("Coverage of workflows", f'<table class="summary">{rows}</table>')


def _total(workflow: Workflow) -> str:
    reached, of = workflow.coverage.share()
    return f"{reached} of {of} points ({percent(reached, of)} %)"


def _page(workflow: Workflow) -> str:
    by_line: dict[int, list[Point]] = defaultdict(list)
    for point in workflow.coverage.points:
        by_line[point.position.line].append(point)
    rows = "".join(
        _row(number, line, by_line.get(number, []), workflow)
        for number, line in enumerate(source_lines(workflow.source), 1)
    )
    summary = "".join(f"<tr><td>{kind.value}</td><td>{_kind_share(workflow, kind)}</td></tr>" for kind in PointKind)
    picture = to_svg(graph_of(workflow.program), title=workflow.name, marks=_marks(workflow))
    body = f'<table class="summary">{summary}</table><figure>{picture}</figure><table class="source">{rows}</table>'
    return _document(f"{workflow.name}: {_total(workflow)}", body)


def _marks(workflow: Workflow) -> dict[tuple[str, str], str]:
    """How each step's node looks: reached in whole, in part, or not."""
    marks: dict[tuple[str, str], str] = {}
    for point in workflow.coverage.points:
        key = point.routine, point.step
        if point.kind is PointKind.STEP:
            marks[key] = "seen" if workflow.coverage.count(point) else "missed"
    for point in workflow.coverage.missed:
        key = point.routine, point.step
        if marks.get(key) == "seen":
            marks[key] = "seen part"
    return marks


def _kind_share(workflow: Workflow, kind: PointKind) -> str:
    reached, of = workflow.coverage.share(kind)
    return f"{reached} of {of}" if of else "none"


def _row(number: int, text: str, points: Sequence[Point], workflow: Workflow) -> str:
    counts: Mapping[Point, int] = {point: workflow.coverage.count(point) for point in points}
    missed = [point for point, count in counts.items() if not count]
    kind = "" if not points else "hit" if not missed else "miss" if len(missed) == len(points) else "part"
    hits = str(max(counts.values())) if points else ""
    note = escape("; ".join(f"not reached: {point.describe()}" for point in missed))
    return (
        f'<tr class="{kind}"><td class="number">{number}</td><td class="hits">{hits}</td>'
        f'<td class="text">{escape(text)}</td><td class="note">{note}</td></tr>\n'
    )


def _document(title: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>{body}</body></html>\n"
    )
