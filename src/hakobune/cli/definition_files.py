"""The definitions among the files of a folder: what is checked when a folder is named."""

from __future__ import annotations

import os

from hakobune.cli.errors import CommandError
from hakobune.cli.workflows.source_file import is_cases, line_without_utf8, may_be_read, read_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.core.workflows.tree import Node

_ENDINGS = (".yaml", ".yml", ".json")
_BODIES = frozenset({
    "assign", "call", "for", "next", "parallel", "raise", "return", "steps", "switch", "try",
})  # fmt: skip


def definitions(name: str) -> tuple[list[str], list[tuple[str, str]]]:
    """The definitions that a name on the command line means, and what is left out, with the reason.

    A folder means all files below it that are workflows; a file means itself, unless it holds the cases of a test.
    """
    if not os.path.isdir(name):
        return ([], [(name, "cases of a test")]) if is_cases(name) else ([name], [])
    found: list[str] = []
    left_out: list[tuple[str, str]] = []
    for path in _below(name):
        why = "cases of a test" if is_cases(path) else _why_not(path)
        if why:
            left_out.append((path, why))
        else:
            found.append(path)
    return found, left_out


def _below(folder: str) -> Iterator[str]:
    """Files of YAML and JSON, by name; folders whose names begin with a dot are not looked into."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = os.path.normpath(os.path.join(place, name))
            if name.endswith(_ENDINGS) and may_be_read(path):
                yield path


def is_definition(path: str) -> bool:
    """Whether a file is a workflow, perhaps with mistakes: routines with steps, or a list of steps."""
    return not _why_not(path)


def _why_not(path: str) -> str:
    """Why a file is no workflow; "" if it is one. One that is not UTF-8 is looked at as far as it can be read."""
    try:
        data = read_bytes(path)
    except CommandError as error:
        return str(error)
    text = data.decode("utf-8-sig", errors="replace")
    if not text.strip():
        return "it is empty"
    if _looks_like_one(text):
        return ""
    wrong = line_without_utf8(data)
    return f"no workflow as far as it can be read: line {wrong} is not UTF-8 text" if wrong else "no workflow"


def _looks_like_one(text: str) -> bool:
    from hakobune.core.workflows.limits import Strictness
    from hakobune.core.workflows.source import SourceOptions
    from hakobune.core.workflows.source import read_source as read_tree

    tree, _ = read_tree(text, SourceOptions(limits=Strictness.OFF))
    if tree is None:  # no YAML: what begins as a workflow is one with a mistake
        return text.startswith("main:") or "\nmain:" in text
    return _is_program(tree.root)


def _is_program(root: Node) -> bool:
    from hakobune.core.workflows.tree import Map, Sequence

    if isinstance(root, Map):
        return any(
            entry.key == "main" or (isinstance(entry.value, Map) and entry.value.get("steps") is not None)
            for entry in root.entries
        )
    if not isinstance(root, Sequence) or not root.items:
        return False
    first = root.items[0]
    if not isinstance(first, Map) or len(first.entries) != 1:
        return False
    body = first.entries[0].value
    return isinstance(body, Map) and any(entry.key in _BODIES for entry in body.entries)
