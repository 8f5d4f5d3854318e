"""YAML and JSON documents with the place of every value: what PyYAML composes, kept beside what it means."""

from __future__ import annotations

import re

import yaml

from hakobune.cli.apply.problems import Problem
from hakobune.cli.document import Document, is_dict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_DEPTH_MAX = 100  # as definitions of workflows: the runtime takes no deeper JSON
_NODES_MAX = 200_000  # with what aliases stand for: a few lines of them can mean millions
_DOCUMENTS_MAX = 1_000
_PART = re.compile(r"\[(\d+)\]|\['([^']*)'\]|([^.\[\]]+)")
_TAG = "tag:yaml.org,2002:"
_MERGE = f"{_TAG}merge"
_OF_JSON = frozenset(f"{_TAG}{name}" for name in ("bool", "float", "int", "map", "merge", "null", "seq", "str"))
_TIMESTAMP = f"{_TAG}timestamp"

Place = tuple[int, int]


class _Loader(yaml.SafeLoader):
    """Safe types without dates: `2026-01-01` is a text in JSON."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class Places:
    """Where the values of one document stand. Lines and columns count from 1."""

    def __init__(self, root: yaml.Node) -> None:
        self._root = root

    @property
    def start(self) -> Place:
        """Where the document begins."""
        return _place(self._root)

    def at(self, path: str) -> Place:
        """The place of `spec.containers[0].env`, in either spelling of the names; as near to it as there is one."""
        node, place = self._root, _place(self._root)
        for index, quoted, word in _PART.findall(path):
            found = _item(node, int(index)) if index else _value(node, quoted or word)
            if found is None:
                break
            node, place = found
        return place


def read_documents(text: str, file: str) -> tuple[list[tuple[Document, Places]], list[Problem]]:
    """The documents of a file that are maps, with their places, and what is wrong with the file.

    Documents that are no maps are no definitions, and left out.
    """
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        said = f"this is no YAML: it has the character {error.character!r}"
        return [], [Problem(file=file, line=line, message=said, remedy="Remove it, or write it as an escape.")]
    found: list[tuple[Document, Places]] = []
    problems: list[Problem] = []
    try:
        while loader.check_node():
            root = loader.get_node()
            if len(found) >= _DOCUMENTS_MAX:
                raise ValueError(f"has more than {_DOCUMENTS_MAX} documents")
            if root is None or not isinstance(root, yaml.MappingNode):
                continue
            own = list(_problems(root, file))
            problems += own
            if not own:
                value: object = loader.construct_document(root)  # pyright: ignore[reportUnknownMemberType] - untyped stub
                if is_dict(value):
                    found.append((value, Places(root)))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        said = f"this is no YAML: {error.problem or error.context}"
        problems.append(Problem(file=file, line=line, column=column, message=said, remedy="Mend the line."))
    except (yaml.YAMLError, RecursionError, ValueError, LookupError) as error:
        problems.append(Problem(file=file, message=f"this cannot be read: {error}", remedy="Mend the file."))
    finally:
        loader.dispose()
    return found, problems


def _problems(root: yaml.Node, file: str) -> Iterator[Problem]:
    """What JSON cannot say or the runtime would not take: keys that are no texts or stand twice, too deep, too many."""
    pending: list[tuple[yaml.Node, int]] = [(root, 1)]
    count = 0
    while pending:
        node, depth = pending.pop()
        count += 1
        line, column = _place(node)
        if depth > _DEPTH_MAX or count > _NODES_MAX:
            bound = f"{_DEPTH_MAX} levels" if depth > _DEPTH_MAX else f"{_NODES_MAX} values"
            yield Problem(
                file=file, line=line, column=column, message=f"has more than {bound}", remedy="Say it shorter."
            )
            return
        if node.tag not in _OF_JSON:
            said = f"the tag {node.tag.removeprefix(_TAG)[:40]!r} makes something that JSON has not"
            yield Problem(file=file, line=line, column=column, message=said, remedy="Remove the tag, or use quotes.")
        if isinstance(node, yaml.SequenceNode):
            pending += [(item, depth + 1) for item in node.value]
        elif isinstance(node, yaml.MappingNode):
            yield from _bad_keys(node, file)
            pending += [(value, depth + 1) for _, value in node.value]


def _bad_keys(node: yaml.MappingNode, file: str) -> Iterator[Problem]:
    seen: set[str] = set()
    for key, _ in node.value:
        line, column = _place(key)
        if key.tag == _MERGE:
            continue
        if not isinstance(key, yaml.ScalarNode) or key.tag != f"{_TAG}str":
            shown = str(key.value)[:40] if isinstance(key, yaml.ScalarNode) else "a list or map"
            said = f"the key {shown} is no text"
            yield Problem(file=file, line=line, column=column, message=said, remedy="Put it in quotes.")
        elif key.value in seen:
            said = f"the key {key.value[:80]!r} stands here twice"
            yield Problem(file=file, line=line, column=column, message=said, remedy="Remove one of the two.")
        else:
            seen.add(key.value)


def _place(node: yaml.Node) -> Place:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _item(node: yaml.Node, index: int) -> tuple[yaml.Node, Place] | None:
    if isinstance(node, yaml.SequenceNode) and index < len(node.value):
        return node.value[index], _place(node.value[index])
    return None


def _value(node: yaml.Node, name: str) -> tuple[yaml.Node, Place] | None:
    """The value of a key, and the place of the key: that is what a person looks for."""
    if not isinstance(node, yaml.MappingNode):
        return None
    for key, value in node.value:
        if key.value == name or _plain(str(key.value)) == _plain(name):
            return value, _place(key)
    return None


def _plain(name: str) -> str:
    return name.replace("_", "").lower()
