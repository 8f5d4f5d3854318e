"""The words of a file of cases: maps with known keys, lists, texts, numbers, lengths of time, values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Final, TypeVar

from hakobune.core.workflows.positions import Position, Problem
from hakobune.core.workflows.tree import Map, Node, Scalar, SourceTree, kind_of
from hakobune.core.workflows.tree import Sequence as ListNode
from hakobune.core.workflows.values import Value
from hakobune.testing.workflows.durations import seconds
from hakobune.testing.workflows.mocks import NOTHING, Nothing
from hakobune.testing.workflows.step_names import StepName

_T = TypeVar("_T")

RULE: Final = "test-file"


class Words:
    """One reading of a file; what is wrong is noted in `problems` and left out. `steps` are those that it names."""

    def __init__(self, tree: SourceTree) -> None:
        self.tree = tree
        self.steps: list[StepName] = []
        self.problems: list[Problem] = []

    def map(self, node: Node, what: str, keys: Sequence[str]) -> Map:
        """The node as a map with no other keys than these; an empty map where it is none."""
        if not isinstance(node, Map):
            self.complain(node, f"{what} must be a map, it is {kind_of(node)}", f"its keys are {', '.join(keys)}")
            return Map((), node.start, node.end)
        for entry in node.entries:
            if entry.key not in keys:
                near = get_close_matches(entry.key, keys, n=1)
                remedy = f"did you mean '{near[0]}'?" if near else f"the keys are {', '.join(keys)}"
                self.complain(entry.key_node, f"unknown key '{entry.key}' of {what}", remedy)
        return node

    def items(self, node: Map, key: str) -> Sequence[Node]:
        """The entries of a list."""
        found = node.get(key)
        if found is None or isinstance(found, ListNode):
            return () if found is None else found.items
        self.complain(found, f"'{key}' must be a list, it is {kind_of(found)}", "write '- …' for each entry")
        return ()

    def text(self, node: Map, key: str) -> str:
        """Text as it is; numbers and booleans as they are written."""
        found = node.get(key)
        if found is None:
            return ""
        if isinstance(found, Scalar) and found.value is not None:
            return found.value if isinstance(found.value, str) else self.tree.source.text[found.start : found.end]
        self.complain(found, f"'{key}' must be text, it is {kind_of(found)}", "write it in quotes")
        return ""

    def texts(self, node: Map, key: str) -> dict[str, str]:
        """A map of texts."""
        found = node.get(key)
        if found is None:
            return {}
        if not isinstance(found, Map):
            self.complain(found, f"'{key}' must be a map, it is {kind_of(found)}", "write 'NAME: value'")
            return {}
        return {entry.key: self.text(found, entry.key) for entry in found.entries}

    def names(self, node: Map, key: str) -> list[str]:
        """A list of texts."""
        names: list[str] = []
        for item in self.items(node, key):
            if isinstance(item, Scalar) and isinstance(item.value, str):
                names.append(item.value)
            else:
                self.complain(item, f"an entry of '{key}' must be text", "write a name")
        return names

    def step(self, node: Map, what: str) -> str:
        """The step that a map names under `step`."""
        found, name = node.get("step"), self.text(node, "step")
        if found is not None and name:
            self.steps.append(StepName(name=name, what=what, position=self.tree.position_of(found)))
        return name

    def step_names(self, node: Map, key: str) -> list[str]:
        """A list of steps."""
        for item in self.items(node, key):
            if isinstance(item, Scalar) and isinstance(item.value, str):
                position = self.tree.position_of(item)
                self.steps.append(StepName(name=item.value, what=f"'{key}'", position=position))
        return self.names(node, key)

    def number(self, node: Map, key: str) -> int | None:
        """A whole number."""
        found = node.get(key)
        if found is None:
            return None
        number = found.value if isinstance(found, Scalar) else None
        if isinstance(number, int) and not isinstance(number, bool) and number >= 0:
            return number
        self.complain(found, f"'{key}' must be a whole number", "write 0 or more")
        return None

    def seconds(self, node: Map, key: str) -> float | None:
        """A length of time."""
        found = node.get(key)
        return None if found is None else self.length(found, key)

    def length(self, node: Node, key: str) -> float:
        """A length of time that is there."""
        length_s = seconds(node.value) if isinstance(node, Scalar) else None
        if length_s is None:
            self.complain(node, f"'{key}' must be a length of time", "write seconds, or 20ms, 90s, 1h30m, 365d")
        return length_s or 0.0

    def lengths(self, node: Map, key: str) -> list[float]:
        """A list of lengths of time."""
        return [self.length(item, key) for item in self.items(node, key)]

    def flag(self, node: Map, key: str) -> bool:
        """True or false."""
        found = node.get(key)
        if found is not None and not (isinstance(found, Scalar) and isinstance(found.value, bool)):
            self.complain(found, f"'{key}' must be true or false", "")
        return isinstance(found, Scalar) and found.value is True

    def value(self, node: Map, key: str) -> Value | Nothing:
        """Any value."""
        found = node.get(key)
        return NOTHING if found is None else value_of(found)

    def if_given(self, node: Map, key: str, read: Callable[[Map, str], list[_T]]) -> list[_T] | None:
        """What is read, None where nothing is given."""
        return None if node.get(key) is None else read(node, key)

    def complain(self, node: Node, message: str, remedy: str) -> None:
        """Something is wrong with a node."""
        self.problem(self.tree.position_of(node), message, remedy)

    def problem(self, position: Position, message: str, remedy: str) -> None:
        """Something is wrong at a place."""
        self.problems.append(Problem(rule=RULE, message=message, position=position, remedy=remedy))


def value_of(node: Node) -> Value:
    """The value that a node of a file writes."""
    match node:
        case Scalar():
            return node.value
        case ListNode():
            return [value_of(item) for item in node.items]
        case Map():
            return {entry.key: value_of(entry.value) for entry in node.entries}
