"""How two documents differ, field by field, and how that is shown."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass

from hakobune.cli.apply.kinds import without
from hakobune.cli.document import as_dict, as_list, is_dict, is_list, text_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_SHOWN_CHARACTERS = 120
_SHOWN_LINES = 40  # of a text of many lines; the rest is counted


@dataclass(frozen=True, slots=True)
class Change:
    """One field: its path, what it is, what it will be. None: it is not there."""

    path: str
    before: object
    after: object

    def lines(self) -> list[str]:
        """The change for people, the first line with the path."""
        if isinstance(self.before, str) and isinstance(self.after, str) and "\n" in self.before + self.after:
            return [f"{self.path}:", *_text_lines(self.before, self.after)]
        if self.before is None:
            return [f"{self.path}: {_shown(self.after)}"]
        if self.after is None:
            return [f"{self.path}: {_shown(self.before)} → nothing"]
        return [f"{self.path}: {_shown(self.before)} → {_shown(self.after)}"]


def changes(before: object, after: object, path: str = "") -> Iterator[Change]:
    """The fields that differ. Items of lists are told by their names where they have some, else by their places."""
    if is_dict(before) and is_dict(after):
        for name in [*before, *(name for name in after if name not in before)]:
            yield from changes(before.get(name), after.get(name), _joined(path, name))
    elif is_list(before) and is_list(after):
        old, new = _by_name(before), _by_name(after)
        for name in [*old, *(name for name in new if name not in old)]:
            yield from changes(old.get(name), new.get(name), f"{path}[{name}]")
        if old == new and list(old) != list(new):
            yield Change(path, list(old), list(new))  # only their order differs
    elif before != after:
        yield Change(path, before, after)


def _by_name(items: list[object]) -> dict[str, object]:
    names = [text_at(item, "name") for item in items]
    if all(names) and len(set(names)) == len(names):
        return dict(zip(names, items, strict=True))
    return {str(number): item for number, item in enumerate(items)}


def _joined(path: str, name: str) -> str:
    if "." in name or "/" in name:
        return f"{path}['{name}']"
    return f"{path}.{name}" if path else name


def leaves(value: object, path: str = "") -> Iterator[Change]:
    """All fields of a document that is new."""
    if is_dict(value) and value:
        for name, item in as_dict(value).items():
            yield from leaves(item, _joined(path, name))
    elif is_list(value) and any(is_dict(item) for item in value):
        for name, item in _by_name(as_list(value)).items():
            named = text_at(item, "name") == name  # said by the path already
            yield from leaves(without(as_dict(item), ["name"]) if named else item, f"{path}[{name}]")
    elif value not in (None, {}, []):
        yield Change(path, None, value)


def _shown(value: object) -> str:
    """One line: JSON, cut where it is long; of a text of many lines, their number."""
    if isinstance(value, str):
        count = value.count("\n")
        if count:
            return f"{count + (not value.endswith(chr(10)))} lines"
        text = value if value and value == value.strip() and value.isprintable() else json.dumps(value)
    else:
        text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def _text_lines(before: str, after: str) -> Iterator[str]:
    """The lines that differ, each with one of its neighbours."""
    compared = difflib.unified_diff(before.splitlines(), after.splitlines(), n=1, lineterm="")
    told = [line for line in compared if not line.startswith(("---", "+++"))]
    yield from (f"  {line}" for line in told[:_SHOWN_LINES])
    if len(told) > _SHOWN_LINES:
        yield f"  … and {len(told) - _SHOWN_LINES} more lines"
