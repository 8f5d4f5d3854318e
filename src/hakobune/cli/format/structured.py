"""`json`, `yaml`, `flattened`, `config`, `list` and `text`: the resource as a tree."""

from __future__ import annotations

import json

from hakobune.cli.document import as_dict, as_list, is_dict, is_list
from hakobune.cli.format.records import Record, cells, pruned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.format.projection import Column, Format


def json_text(form: Format, records: list[Record], *, single: bool) -> str:
    """Indented JSON with sorted keys: an object for one resource, else an array."""
    documents = [_shown(form, record) for record in records]
    value = documents[0] if single and documents else documents
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def yaml_text(form: Format, records: list[Record], *, single: bool) -> str:
    """Block-style YAML with sorted keys; several documents are parted by `---`."""
    from hakobune.cli.format.yaml_writer import yaml_of

    parts: list[str] = []
    for record in records:
        shown = _shown(form, record)
        text = f"  {shown}\n" if record.bare and shown is record.bare else yaml_of(shown, null=form.text("null"))
        parts.append(text if single else "---\n" + text)
    return "".join(parts)


def flattened_text(form: Format, records: list[Record], *, single: bool) -> str:
    """One `key: value` line for each leaf, values aligned; what is null is left out."""
    labels = {_name(column): column.label or "" for column in form.columns or []}
    separator = form.text("separator", ": ")
    lines: list[str] = []
    for record in records:
        if not single:
            lines.append("---")
        found = [(key, value) for key, value in leaves_of(_shown(form, record)) if value is not None]
        leaves = [(labels.get(key, "").lower() or key, value) for key, value in found]
        width = 0 if form.has("no-pad") else max((len(key) for key, _ in leaves), default=0)
        lines += [f"{key}{separator}{' ' * max(0, width - len(key))}{_one_line(str(value))}" for key, value in leaves]
    return "".join(line + "\n" for line in lines)


def config_text(form: Format, records: list[Record]) -> str:
    """Sections and `key = value` lines, as configuration files are written; lists are sections of numbers."""
    lines: list[str] = []
    for record in records:
        lines += _section("", _shown(form, record))
    return "".join(line + "\n" for line in lines)


def _section(name: str, value: object) -> list[str]:
    """The plain values of a tree under `[name]`, then its branches as sections of their own."""
    members = value if is_dict(value) else {str(index): item for index, item in enumerate(as_list(value))}
    keys = sorted(members) if is_dict(value) else list(members)
    plain = [key for key in keys if not (is_dict(members[key]) or is_list(members[key]))]
    lines = [f"[{name}]"] if name and plain else []
    lines += [f"{key} (unset)" if members[key] is None else f"{key} = {members[key]}" for key in plain]
    for key in keys:
        if key not in plain:
            lines += _section(f"{name}.{key}" if name else key, members[key])
    return lines


def _without_null(value: object) -> object:
    """A copy without the keys whose value is null."""
    if is_dict(value):
        return {key: _without_null(item) for key, item in value.items() if item is not None}
    return [_without_null(item) for item in value] if is_list(value) else value


def list_text(form: Format, records: list[Record]) -> str:
    """One item for each record, its values below one another (or, `compact`, beside)."""
    gap = " " if form.has("compact") else "\n   "
    title = form.text("title")
    parts = [title + "\n"] if title and records else []
    for record in records:
        if form.columns is not None:
            values = [str(cell) for cell in cells(form.columns, record) if cell is not None]
        else:
            document = as_dict(_without_null(record.document))
            values = [f"{key}: {document[key]}" for key in sorted(document)]
        parts.append(f" - {gap.join(values)}\n")
    return "".join(parts)


def leaves_of(value: object, name: str = "") -> list[tuple[str, object]]:
    """The leaves of a tree with their paths, keys sorted; empty lists and maps are leaves."""
    if is_dict(value) and value:
        members = as_dict(value)
        found: list[tuple[str, object]] = []
        for key in sorted(members):
            found += leaves_of(members[key], f"{name}.{key}" if name else key)
        return found
    if is_list(value) and value:
        found = []
        for position, item in enumerate(value):
            found += leaves_of(item, f"{name}[{position}]")
        return found
    return [(name, value)]


def _shown(form: Format, record: Record) -> object:
    if form.columns is None:
        return record.bare or record.document
    return pruned(form.columns, record.document)


def _name(column: Column) -> str:
    from hakobune.cli.format.keys import key_text

    return key_text(column.key)


def _one_line(text: str) -> str:
    if "\n" not in text and text == text.strip():
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return '"' + escaped.replace("\t", "\\t") + '"'
