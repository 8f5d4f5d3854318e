"""`value(…)`, `csv(…)` and `get(…)`: one line for each record, cells joined by a separator."""

from __future__ import annotations

from hakobune.cli.document import as_dict, is_dict, is_list
from hakobune.cli.format.records import Record, cells
from hakobune.cli.format.transforms_of_quantities import float_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.format.projection import Format


class _Style:
    """Separators and quoting of one output."""

    __slots__ = ("delimiter", "quotes", "separator", "terminator")

    def __init__(self, form: Format) -> None:
        is_csv = form.name == "csv"
        self.separator = form.text("separator", "," if is_csv else "\t")
        self.delimiter = form.text("delimiter", ";")
        self.terminator = form.text("terminator", "\n")
        self.quotes = not form.has("no-quote") if is_csv else form.has("quote")


def delimited(form: Format, records: list[Record], *, first: bool = True) -> str:
    """All records as text, with a heading line for csv."""
    style = _Style(form)
    columns = form.columns or []
    lines: list[str] = []
    if form.name == "csv" and first and not form.has("no-heading"):
        heading = [_quoted(style, (column.label or "").lower()) for column in columns]
        lines.append(style.separator.join(heading))
    for record in records:
        row = cells(columns, record, transforms=form.name != "get")
        lines.append(style.separator.join(_cell(style, cell) for cell in row))
    return "".join(line + style.terminator for line in lines)


def _cell(style: _Style, value: object) -> str:
    if value is None:
        return ""
    if is_dict(value):
        members = as_dict(value)
        return style.delimiter.join(_quoted(style, f"{key}={members[key]}") for key in sorted(members))
    if is_list(value):
        return style.delimiter.join(_quoted(style, str(item)) if item else "" for item in value)
    if isinstance(value, float):
        return _quoted(style, float_text(value))
    return _quoted(style, str(value))


def _quoted(style: _Style, text: str) -> str:
    if not style.quotes or not text:
        return text
    specials = ('"', style.delimiter, style.separator, style.terminator, "\n")
    if not any(special and special in text for special in specials):
        return text
    return '"' + text.replace('"', '""') + '"'
