"""Tables: aligned columns, headings, boxes, titles, wrapping to the terminal."""

from __future__ import annotations

import sys
from itertools import zip_longest

from hakobune.cli import console
from hakobune.cli.format.records import Record, cells
from hakobune.cli.format.transforms import Painted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.format.projection import Column, Format

_PAD = 2
# Corner, edge and line characters of a box: left, middle, right of the top, of a rule, of the bottom.
_BOX = {"h": "─", "v": "│", "top": "┌┬┐", "rule": "├┼┤", "bottom": "└┴┘"}
_ASCII_BOX = {"h": "-", "v": "|", "top": "+++", "rule": "+++", "bottom": "+++"}


def table(form: Format, records: list[Record]) -> str:
    """The whole table as text, empty when there are no records."""
    columns = form.columns or []
    if not records or not columns:
        return ""
    rows = _sorted_rows(columns, [cells(columns, record) for record in records])
    shown = [index for index in range(len(columns)) if not columns[index].subformat]
    texts = [[_cell(row[index]) for index in shown] for row in rows]
    columns = [columns[index] for index in shown]
    keep = [
        index
        for index, column in enumerate(columns)
        if not column.optional or any(row[index] for row in texts)
    ]  # fmt: skip
    columns = [columns[index] for index in keep]
    texts = [[row[index] for index in keep] for row in texts]
    heading = None if form.has("no-heading") else [column.label or "" for column in columns]
    if heading is not None and not any(heading):
        heading = None
    if form.has("box") or form.has("all-box"):
        return _boxed(form, columns, heading, texts)
    return _plain(form, columns, heading, texts)


def _sorted_rows(columns: list[Column], rows: list[list[object]]) -> list[list[object]]:
    ordered = [index for index in range(len(columns)) if columns[index].order]
    ordered.sort(key=lambda index: columns[index].order or 0)
    for index in reversed(ordered):
        rows = sorted(rows, key=lambda row: _sort_value(row[index]), reverse=columns[index].reverse)
    return rows


def _sort_value(value: object) -> tuple[float, str]:
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("inf")
    return number, str(_cell(value))


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        from hakobune.cli.format.transforms_of_quantities import float_text

        return float_text(value)
    return str(value)


def _plain(form: Format, columns: list[Column], heading: list[str] | None, texts: list[list[str]]) -> str:
    pad = " " * int(form.text("pad") or _PAD)
    lines = ([heading] if heading is not None else []) + texts
    widths = [max(_width(line[index]) for line in lines) for index in range(len(columns))]
    widths = [max(width, column.width) for width, column in zip(widths, columns, strict=True)]
    widths = _fitted(columns, widths, len(pad))
    out: list[str] = []
    title = form.text("title")
    if title:
        out.append(_center(title, sum(widths) + len(pad) * (len(widths) - 1)).rstrip())
    for line in lines:
        for part in _wrapped(columns, widths, line):
            row = pad.join(
                _aligned(cell, width, column.align) for cell, width, column in zip(part, widths, columns, strict=True)
            )
            out.append(row.rstrip(" "))
    return "\n".join(out) + "\n"


def _boxed(form: Format, columns: list[Column], heading: list[str] | None, texts: list[list[str]]) -> str:
    box = _BOX if console.shows(sys.stdout, "┌") else _ASCII_BOX
    lines = ([heading] if heading is not None else []) + texts
    widths = [max(_width(part) for line in lines for part in _parts(line[index])) for index in range(len(columns))]
    inside = sum(widths) + 3 * len(widths) - 1
    title = form.text("title")
    out: list[str] = []
    if title:
        inside = max(inside, _width(title) + 2)
        out.append(box["top"][0] + box["h"] * inside + box["top"][2])
        out.append(box["v"] + _center(title, inside) + box["v"])
        widths[-1] += inside - (sum(widths) + 3 * len(widths) - 1)
    rule = [box["h"] * (width + 2) for width in widths]
    edge = "rule" if title else "top"
    out.append(box[edge][0] + (box["top"][1]).join(rule) + box[edge][2])
    middle = box["rule"][0] + box["rule"][1].join(rule) + box["rule"][2]
    for position, line in enumerate(lines):
        is_heading = heading is not None and position == 0
        for row in zip_longest(*map(_parts, line), fillvalue=""):
            parts = [
                f" {_center(cell, width) if is_heading else _aligned(cell, width, column.align)} "
                for cell, width, column in zip(row, widths, columns, strict=True)
            ]
            out.append(box["v"] + box["v"].join(parts) + box["v"])
        if position < len(lines) - 1 and (form.has("all-box") or (heading is not None and position == 0)):
            out.append(middle)
    out.append(box["bottom"][0] + box["bottom"][1].join(rule) + box["bottom"][2])
    return "\n".join(out) + "\n"


def _parts(cell: str) -> list[str]:
    """The lines of a cell."""
    return cell.split("\n") if "\n" in cell else [cell]


def _fitted(columns: list[Column], widths: list[int], pad: int) -> list[int]:
    """Narrow the columns that may wrap until the table fits the terminal."""
    if not any(column.wrap for column in columns):
        return widths
    import shutil

    room = shutil.get_terminal_size().columns - pad * (len(widths) - 1)
    excess = sum(widths) - room
    wrappable = [index for index, column in enumerate(columns) if column.wrap]
    if excess <= 0:
        return widths
    fitted = list(widths)
    for index in wrappable:
        fitted[index] = max(10, widths[index] - -(-excess // len(wrappable)))
    return fitted


def _wrapped(columns: list[Column], widths: list[int], line: list[str]) -> list[list[str]]:
    parts: list[list[str]] = []
    for cell, width, column in zip(line, widths, columns, strict=True):
        parts.append(_pieces(cell, width) if column.wrap and _width(cell) > width else [cell])
    height = max(len(part) for part in parts)
    return [[part[row] if row < len(part) else "" for part in parts] for row in range(height)]


def _pieces(text: str, width: int) -> list[str]:
    pieces: list[str] = []
    while _width(text) > width:
        cut = width
        while cut > 1 and _width(text[:cut]) > width:
            cut -= 1
        space = text.rfind(" ", 0, cut + 1)
        cut = space if space > 0 else cut
        pieces.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return [*pieces, text]


def _aligned(cell: str, width: int, align: str) -> str:
    text = console.paint(cell, cell.colour) if isinstance(cell, Painted) and console.coloured(sys.stdout) else cell
    room = " " * (width - _width(cell))
    if align == "right":
        return room + text
    if align == "center":
        return _center(cell, width).replace(cell, text)
    return text + room


def _center(text: str, width: int) -> str:
    """`text` in the middle, as `str.center` does it, by display width."""
    return text.center(width - (_width(text) - len(text)))


def _width(text: str) -> int:
    """Columns of a terminal: East Asian wide characters take two (Unicode UAX #11)."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)
