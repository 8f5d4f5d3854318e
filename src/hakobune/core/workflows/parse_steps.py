"""Steps and their bodies: the step itself, `assign`, `call`, `switch`, `raise`, `return`, `next` and nested `steps`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from typing import Final

from hakobune.core.workflows import limits
from hakobune.core.workflows.gaps import unread_target, unread_value
from hakobune.core.workflows.parse_blocks import BlockParser
from hakobune.core.workflows.parse_calls import call
from hakobune.core.workflows.parse_values import is_expression, literal_text, target, template
from hakobune.core.workflows.reading import STRANGE_KEY, Reading
from hakobune.core.workflows.syntax import (
    Assign,
    Assignment,
    Body,
    Case,
    Goto,
    Group,
    Jump,
    Raise,
    Return,
    Step,
    Switch,
)
from hakobune.core.workflows.tree import Entry, Map, Node, Scalar, Sequence, kind_of

_COMPANIONS: Final[dict[str, frozenset[str]]] = {
    "assign": frozenset({"next"}),
    "call": frozenset({"args", "result", "next"}),
    "for": frozenset({"next"}),
    "parallel": frozenset({"next"}),
    "raise": frozenset(),
    "return": frozenset(),
    "steps": frozenset({"next"}),
    "switch": frozenset({"next"}),
    "try": frozenset({"retry", "except", "next"}),
}
"""The main key of a step, and what may stand beside it. Source: syntax cheat sheet; the published JSON schema."""

_OWNERS: Final = {"args": "call", "result": "call", "retry": "try", "except": "try"}
_BODY_KEYS: Final = frozenset({*_COMPANIONS, *_OWNERS, "next"})
_SINGLE: Final = frozenset({"assign", "call", "raise", "return"})  # keys of bodies that hold no steps
_JUMP_TARGETS: Final = frozenset({"end", "break", "continue"})
_USUAL_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Home(StrEnum):
    """What a body stands in."""

    STEP = "step"
    CASE = "switch entry"
    TRY = "try"


_OWN_KEYS: Final[dict[Home, frozenset[str]]] = {
    Home.STEP: frozenset({"next"}),
    Home.CASE: frozenset({"condition", "next"}),
    Home.TRY: frozenset(),
}
_KEYS: Final = {home: frozenset({*_COMPANIONS, *_OWNERS, *own}) for home, own in _OWN_KEYS.items()}


class StepParser:
    """Reads the steps of one source."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._blocks = BlockParser(reading, self.steps, self._body_of_try, self.name)
        self._parsers: dict[str, Callable[[Map, Entry], Body | None]] = {
            "assign": lambda _, main: self._assign(main),
            "call": lambda node, main: call(reading, node, main),
            "for": lambda _, main: self._blocks.loop(main),
            "parallel": lambda _, main: self._blocks.parallel(main),
            "raise": lambda _, main: Raise(template(reading, main.value, "raise value")),
            "return": lambda _, main: Return(template(reading, main.value, "return value")),
            "steps": lambda _, main: Group(self.steps(main.value, "steps")),
            "switch": lambda _, main: self._switch(main),
            "try": self._blocks.attempt,
        }

    def steps(self, node: Node, owner: str) -> tuple[Step, ...]:
        """The steps of a list; those that are wrong are left out and noted."""
        reading = self._reading
        if not isinstance(node, Sequence):
            whose = owner if owner == "steps" else f"steps of {owner}"
            reading.complain(
                "steps-shape",
                f"{whose} must be a list of steps, it is {kind_of(node)}",
                node,
                remedy="begin each step with '- name:' on a line of its own",
            )
            reading.lose(node)
            return ()
        if not node.items:
            remedy = "write at least one step, beginning with '- name:'"
            reading.complain("steps-shape", f"{owner} has no steps", node, remedy=remedy)
        outer_step = reading.step
        found: list[Step] = []
        for item in node.items:
            step = self._step(item)
            if step is not None:
                found.append(step)
            reading.step = outer_step
        return tuple(found)

    def name(self, entry: Entry, kind: str) -> str:
        """The name of a step or a branch, checked; what is wrong with it is noted."""
        reading = self._reading
        name = entry.key
        if not name or _CONTROL.search(name):
            reading.complain(
                "step-name", f"the name of a {kind} must be a text without control characters", entry, remedy="name it"
            )
        elif name in _JUMP_TARGETS:
            reading.complain(
                "step-name",
                f"'{name}' is a target of 'next', not a name for a {kind}",
                entry,
                remedy=f"choose another name, such as '{name}_step'",
            )
        elif not _USUAL_NAME.fullmatch(name):
            reading.warn(
                "step-name",
                f"the name '{name}' has unusual characters",
                entry,
                remedy="use letters, digits, '_' and '-'",
            )
        position = reading.position_of(entry)
        first = reading.first_use(name, position)
        if first is not None:
            reading.complain(
                "duplicate-step",
                f"step name '{name}' is used twice in routine '{reading.routine}': in line {first.line} and in line "
                f"{position.line}",
                entry,
                remedy="names of steps and branches are unique in a routine, also in nested blocks: rename one",
            )
            reading.gaps.add_step_twice(reading.routine, name)
        return name

    def _step(self, node: Node) -> Step | None:
        reading = self._reading
        if not isinstance(node, Map) or len(node.entries) != 1:
            self._complain_of_step_shape(node)
            unindented = _unindented(node)
            if unindented is None:
                reading.lose(node)
                return None
            node = unindented
        entry = node.entries[0]
        reading.lose(*node.repeated)
        reading.step = entry.key
        name = self.name(entry, "step")
        if not isinstance(entry.value, Map):
            detail = f"a step must be a map with a key such as 'call' or 'assign', it is {kind_of(entry.value)}"
            reading.complain("step-shape", detail, entry, remedy=_body_remedy(entry.value))
            reading.lose(entry.value)
            return Step(name, Goto(), None, reading.position_of(entry))
        body, jump = self._body(self._meant(entry.value, Home.STEP), entry, Home.STEP)
        return Step(name, body or Goto(), jump, reading.position_of(entry))

    def _complain_of_step_shape(self, node: Node) -> None:
        if not isinstance(node, Map):
            detail, remedy = f"a step must be a map of one name, it is {kind_of(node)}", _body_remedy(node)
        elif any(entry.key in _COMPANIONS for entry in node.entries[1:]):
            detail = f"a step must be a map of one name, it has {len(node.entries)} keys"
            remedy = "indent the lines of its body further than its name"
        elif not node.entries:
            detail, remedy = "a step must be a map of one name, it is empty", "write '- name:' and its body below"
        else:
            detail = f"a step must be a map of one name, it has {len(node.entries)} keys"
            remedy = "begin each step with '- '"
        self._reading.complain("step-shape", detail, node, remedy=remedy)

    # -- bodies -------------------------------------------------------------------------------------------------

    def _body_of_try(self, node: Map, entry: Entry) -> Body:
        return self._body(self._meant(node, Home.TRY), entry, Home.TRY)[0] or Goto()

    def _meant(self, node: Map, home: Home) -> Map:
        """The map of a body, with its keys checked."""
        return self._reading.check_keys(node, _KEYS[home], f"a {home}")

    def _body(self, node: Map, owner: Entry | Map, home: Home) -> tuple[Body | None, Jump | None]:
        """The one thing that a step, an entry of a switch or a `try` does, and where it goes then."""
        reading = self._reading
        mains = [entry for entry in node.entries if entry.key in _COMPANIONS]
        jump_keys = _OWN_KEYS[home] & {"next"}
        next_entry = node.entry("next")
        jump = None if next_entry is None else self._jump(next_entry.value)
        if not mains:
            self._companions_alone(node)
            is_told = reading.is_doubtful(node, {*_COMPANIONS, *jump_keys})
            if next_entry is None and home is not Home.CASE and not is_told:
                reading.complain(
                    "missing-key",
                    f"a {home} needs one of {', '.join(sorted(_COMPANIONS))}" + (" or next" if jump_keys else ""),
                    owner,
                    remedy="write what it does",
                )
            return None, jump
        main = mains[0]
        for other in mains[1:]:
            reading.complain(
                "conflicting-keys",
                f"a {home} does one thing, this one has both '{main.key}' and '{other.key}'",
                other,
                remedy="make two steps of it",
            )
        for entry in node.entries:
            if entry.key in _OWNERS and entry.key not in _COMPANIONS[main.key]:
                self._complain_of_companion(entry, main)
        if next_entry is not None and "next" not in _COMPANIONS[main.key]:
            reading.warn(  # published samples of the service have it, so it is no error
                "unreachable-next",
                f"nothing comes after '{main.key}': 'next' is never used",
                next_entry,
                remedy="remove 'next'",
            )
        if len(mains) > 1:
            return self._things(node, mains), jump
        return self._parsers[main.key](node, main), jump

    def _companions_alone(self, node: Map) -> None:
        """Of a body that does nothing. It may do what a key says that is not known: then that is what is wrong."""
        reading = self._reading
        companions = [entry for entry in node.entries if entry.key in _OWNERS]
        reading.lose(*companions)
        if not reading.is_doubtful(node, {*_COMPANIONS, STRANGE_KEY}):
            for entry in companions:
                self._complain_of_companion(entry, None)

    def _things(self, node: Map, mains: list[Entry]) -> Body | None:
        """The many things that one step does, all of them to be judged. Blocks may be meant to stand in one another."""
        reading = self._reading
        position = reading.position_of(mains[0])
        if any(main.key not in _SINGLE for main in mains):
            reading.lose(*mains[1:])
            return self._parsers[mains[0].key](node, mains[0])
        bodies = [self._parsers[main.key](node, main) for main in mains]
        return Group(tuple(Step(reading.step, body or Goto(), None, position) for body in bodies))

    def _complain_of_companion(self, entry: Entry, main: Entry | None) -> None:
        owner = _OWNERS[entry.key]
        self._reading.complain(
            "conflicting-keys",
            f"'{entry.key}' belongs to '{owner}'" + (f", not to '{main.key}'" if main else ""),
            entry,
            remedy=f"write it beside '{owner}', in the same map",
        )
        self._reading.lose(entry)

    def _jump(self, node: Node) -> Jump | None:
        reading = self._reading
        text = literal_text(reading, node, "next", "name one step, or write 'next: end'")
        if text is None:
            return None
        if text.strip().startswith("${"):
            reading.complain(
                "next",
                "the target of 'next' cannot be an expression",
                node,
                remedy="name a step; use a 'switch' to choose one while running",
            )
            return None
        return Jump(text, reading.position_of(node))

    # -- assign -------------------------------------------------------------------------------------------------

    def _assign(self, main: Entry) -> Assign | None:
        reading = self._reading
        node = main.value
        if not isinstance(node, Sequence) or not node.items:
            reading.complain(
                "assign-shape",
                f"assign must be a list of at least one assignment, it is {kind_of(node)}",
                main,
                remedy="write each assignment as '- name: value'",
            )
            reading.lose(node)
            return None
        reading.check_limit(
            "assignments in one step",
            len(node.items),
            limits.ASSIGNMENTS_PER_STEP,
            main,
            remedy="split the step in two",
        )
        found = (self._assignment(item) for item in node.items)
        return Assign(tuple(assignment for assignment in found if assignment is not None))

    def _assignment(self, node: Node) -> Assignment | None:
        reading = self._reading
        if not isinstance(node, Map) or len(node.entries) != 1:
            count = f"a map of {len(node.entries)} keys" if isinstance(node, Map) else kind_of(node)
            reading.complain(
                "assign-shape",
                f"an assignment must be a map of one variable, it is {count}",
                node,
                remedy="write each assignment as '- name: value', with a space behind the colon",
            )
            reading.lose(node)
            return None
        entry = node.entries[0]
        left = target(reading, entry.key, entry.key_node, "assignment")
        value = template(reading, entry.value, "assignment")
        position = reading.position_of(entry)
        return Assignment(left or unread_target(position), value, position)

    # -- switch -------------------------------------------------------------------------------------------------

    def _switch(self, main: Entry) -> Switch | None:
        reading = self._reading
        node = main.value
        if not isinstance(node, Sequence) or not node.items:
            reading.complain(
                "switch-shape",
                f"switch must be a list of at least one condition, it is {kind_of(node)}",
                main,
                remedy="begin each entry with '- condition: ${…}'",
            )
            reading.lose(node)
            return None
        reading.check_limit(
            "conditions in one switch",
            len(node.items),
            limits.CONDITIONS_PER_SWITCH,
            main,
            remedy="split the step in two",
        )
        found = (self._case(item) for item in node.items)
        return Switch(tuple(case for case in found if case is not None))

    def _case(self, node: Node) -> Case | None:
        reading = self._reading
        if not isinstance(node, Map):
            reading.complain(
                "switch-shape",
                f"an entry of a switch must be a map with a condition, it is {kind_of(node)}",
                node,
                remedy="write '- condition: ${…}' and what to do below it",
            )
            reading.lose(node)
            return None
        meant = self._meant(node, Home.CASE)
        body, jump = self._body(meant, meant, Home.CASE)
        position = reading.tree.source.position(node.start)
        condition = meant.get("condition")
        if condition is None:
            if not reading.is_doubtful(meant, {"condition"}):
                reading.complain(
                    "missing-key",
                    "an entry of a switch needs 'condition'",
                    node,
                    remedy="write 'condition: ${…}'; 'condition: true' holds always",
                )
            return Case(unread_value(position), body, jump, position)
        read = template(reading, condition, "condition")
        if not is_expression(condition) and not (isinstance(condition, Scalar) and isinstance(condition.value, bool)):
            reading.warn(
                "condition",
                f"the condition is never a boolean, it is {kind_of(condition)}: it will raise a TypeError",
                condition,
                remedy="write an expression: ${…}",
            )
        return Case(read, body, jump, position)


def _body_remedy(node: Node) -> str:
    if isinstance(node, Scalar) and isinstance(node.value, str) and ":" in node.value:
        return "write a space behind the colon: 'key: value'"
    return "write '- name:' and below it, indented further, what the step does"


def _unindented(node: Node) -> Map | None:
    """The step that was meant where its body is not indented further than its name. None: that is not what is wrong."""
    if not isinstance(node, Map) or node.repeated:
        return None
    first, body = node.entries[:1], Map(node.entries[1:], node.start, node.end)
    is_name = all(entry.key not in _BODY_KEYS and _is_empty(entry.value) for entry in first)
    if not body.entries or not is_name or any(entry.key not in _BODY_KEYS for entry in body.entries):
        return None
    return Map((replace(first[0], value=body),), node.start, node.end)


def _is_empty(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None
