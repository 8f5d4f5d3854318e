"""The text of a definition → its syntax tree, or all that is wrong with it at once: routines and their parameters.

The chapters: `source.py` reads the text into a tree, `parse_steps.py` reads steps, `parse_calls.py` calls,
`parse_blocks.py` steps that hold other steps, `parse_values.py` values and expressions; `gaps.py` keeps what nobody
understood.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from hakobune.core.workflows import limits
from hakobune.core.workflows.gaps import Gaps
from hakobune.core.workflows.limits import Strictness
from hakobune.core.workflows.parse_steps import StepParser
from hakobune.core.workflows.parse_values import template, variable_name
from hakobune.core.workflows.positions import Problem, Severity
from hakobune.core.workflows.reading import STRANGE_KEY, Reading
from hakobune.core.workflows.source import SourceOptions, read_source
from hakobune.core.workflows.syntax import Parameter, Program, Routine
from hakobune.core.workflows.tree import Entry, Map, Node, Scalar, Sequence, kind_of

_MAIN: Final = "main"
_ROUTINE_KEYS: Final = ("params", "steps")
_ROUTINE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

LIBRARY_MODULES: Final = frozenset(
    {
        "base64",
        "events",
        "experimental",
        "gke",
        "googleapis",
        "hash",
        "http",
        "json",
        "list",
        "map",
        "math",
        "retry",
        "sys",
        "text",
        "time",
        "uuid",
    }
)
"""First words of library functions: no subworkflow can have such a name (inferred: its calls would mean the library).

Source: standard library reference, and the list of connectors.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """The most that could be read of a source. `gaps` tells what is missing in the program.

    There is no program where the source is neither YAML nor JSON. `problems` are in the order of the text.
    """

    program: Program | None
    gaps: Gaps
    problems: list[Problem]


def parse_partly(
    source: str | bytes, strictness: Strictness = Strictness.STRICT, *, warns_plain_yaml: bool = False
) -> Parsed:
    """What a source says, as far as it can be read, and every problem in its form. Never raises.

    `strictness` says whether counts above the service's limits are errors, warnings or nothing; `warns_plain_yaml` adds
    warnings for what other YAML tools cannot read.
    """
    tree, problems = read_source(source, SourceOptions(limits=strictness, warns_plain_yaml=warns_plain_yaml))
    if tree is None:
        return Parsed(program=None, gaps=Gaps(), problems=problems)
    reading = Reading(tree, strictness)
    program = _ProgramParser(reading).program()
    return Parsed(program=program, gaps=reading.gaps, problems=sorted([*problems, *reading.problems], key=_by_place))


def parse_source(
    source: str | bytes, strictness: Strictness = Strictness.STRICT, *, warns_plain_yaml: bool = False
) -> tuple[Program | None, list[Problem]]:
    """The program that a source says, if its form is right, and every problem in its form. As `parse_partly`."""
    parsed = parse_partly(source, strictness, warns_plain_yaml=warns_plain_yaml)
    if any(problem.severity is Severity.ERROR for problem in parsed.problems):
        return None, parsed.problems
    return parsed.program, parsed.problems


def _by_place(problem: Problem) -> tuple[int, int]:
    return problem.position.line, problem.position.column


class _ProgramParser:
    """Reads the routines of one source."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._steps = StepParser(reading)

    def program(self) -> Program:
        """All routines that could be read."""
        reading = self._reading
        root = reading.tree.root
        match root:
            case Sequence():
                return Program((self._bare_main(root),))
            case Map():
                found = [self._routine(entry) for entry in _with_main(root).entries]
                for entry in root.repeated:
                    reading.gaps.add(entry.key, entry.value)
                    reading.gaps.add_open_routine(entry.key)
                reading.begin_routine("")
                if root.get(_MAIN) is None:
                    self._complain_of_missing_main(root)
                return Program(tuple(found))
            case Scalar():
                reading.complain(
                    "top-level",
                    f"a definition must be a list of steps or a map of routines, it is {kind_of(root)}",
                    root,
                    remedy="begin with 'main:' and 'steps:' below it, or with '- name:' of the first step",
                )
                return Program(())

    def _bare_main(self, root: Sequence) -> Routine:
        """A list of steps alone is `main` without parameters."""
        reading = self._reading
        block = reading.new_block()
        reading.begin_routine(_MAIN)
        return Routine(block, _MAIN, (), self._steps.steps(root, _MAIN), reading.tree.source.position(root.start))

    def _complain_of_missing_main(self, root: Map) -> None:
        if _has_bare_steps(root):
            remedy = "write 'main:' above and indent all of this below it"
        else:
            remedy = "call the routine that begins 'main'; a list of steps alone needs no routines"
        self._reading.complain(
            "missing-main", "there is no 'main'", self._reading.tree.source.position(root.start), remedy=remedy
        )

    def _routine(self, entry: Entry) -> Routine:
        reading = self._reading
        block = reading.new_block()
        reading.begin_routine(entry.key)
        self._check_name(entry)
        position = reading.position_of(entry)
        if not isinstance(entry.value, Map):
            reading.complain(
                "routine-shape",
                f"a routine must be a map with 'steps', it is {kind_of(entry.value)}",
                entry,
                remedy="write 'steps:' below its name, and the list of steps below that",
            )
            reading.gaps.add_open_routine(entry.key)
            is_list = isinstance(entry.value, Sequence)  # of steps, most likely
            steps = self._steps.steps(entry.value, "steps") if is_list else ()
            return Routine(block, entry.key, (), steps, position)
        node = reading.check_keys(entry.value, _ROUTINE_KEYS, "a routine")
        params_node = node.get("params")
        parameters = self._parameters(params_node)
        if reading.is_doubtful(node, {"params"} if params_node is not None else {"params", STRANGE_KEY}):
            reading.gaps.add_open_routine(entry.key)
        steps_node = node.get("steps")
        if steps_node is None and not reading.is_doubtful(node, {"steps"}):
            reading.complain(
                "missing-key", "a routine needs 'steps'", entry, remedy="write 'steps:' and a list of steps below it"
            )
        steps = () if steps_node is None else self._steps.steps(steps_node, "steps")
        return Routine(block, entry.key, parameters, steps, position)

    def _check_name(self, entry: Entry) -> None:
        if not _ROUTINE_NAME.fullmatch(entry.key):
            self._reading.complain(
                "routine-name",
                f"'{entry.key}' cannot be the name of a routine",
                entry,
                remedy="use letters, digits and '_', and do not begin with a digit",
            )
        elif entry.key in LIBRARY_MODULES:
            self._reading.complain(
                "routine-name",
                f"'{entry.key}' is a module of the library: a routine cannot have its name",
                entry,
                remedy=f"choose another name, such as 'my_{entry.key}'",
            )

    # -- parameters ---------------------------------------------------------------------------------------------

    def _parameters(self, node: Node | None) -> tuple[Parameter, ...]:
        """`params`; an empty one is as good as none."""
        reading = self._reading
        if node is None or (isinstance(node, Scalar) and node.value is None):
            return ()
        if not isinstance(node, Sequence):
            reading.complain(
                "params",
                f"params must be a list of names, it is {kind_of(node)}",
                node,
                remedy="write 'params: [name]'",
            )
            self._lose(node)
            return ()
        if reading.routine == _MAIN and len(node.items) > 1:
            reading.complain(
                "params",
                f"main takes one parameter, the argument of the execution; it has {len(node.items)}",
                node,
                remedy="take one map, and read args.name from it",
            )
        elif reading.routine != _MAIN:
            reading.check_limit("parameters", len(node.items), limits.PARAMETERS_PER_ROUTINE, node, remedy="pass a map")
        found: dict[str, Parameter] = {}
        for item in node.items:
            parameter = self._parameter(item)
            if parameter is None:
                self._lose(item)
                continue
            if parameter.name in found:
                self._lose(item)
                reading.complain("params", f"parameter '{parameter.name}' is named twice", item, remedy="rename one")
            found[parameter.name] = parameter
        return tuple(found.values())

    def _lose(self, node: Node) -> None:
        """A parameter that was not understood: how the routine can be called is not known either."""
        self._reading.lose(node)
        self._reading.gaps.add_open_routine(self._reading.routine)

    def _parameter(self, node: Node) -> Parameter | None:
        reading = self._reading
        if isinstance(node, Scalar):
            name = variable_name(reading, node, "a parameter")
            return None if name is None else Parameter(name, None, reading.position_of(node))
        if isinstance(node, Map) and len(node.entries) == 1:
            entry = node.entries[0]
            name = variable_name(reading, entry.key_node, "a parameter")
            default = template(reading, entry.value, "parameter default")
            return None if name is None else Parameter(name, default, reading.position_of(entry))
        count = f"a map of {len(node.entries)} keys" if isinstance(node, Map) else kind_of(node)
        reading.complain(
            "params",
            f"a parameter must be a name, or a map of one name and its default; it is {count}",
            node,
            remedy="write 'params: [name, other: \"default\"]'",
        )
        return None


def _has_bare_steps(root: Map) -> bool:
    return root.get(_MAIN) is None and isinstance(root.get("steps"), Sequence)


def _with_main(root: Map) -> Map:
    """The routines of a map. Where 'main' was left out and its contents were not, as if it were there."""
    if not _has_bare_steps(root):
        return root
    inside = tuple(entry for entry in root.entries if entry.key in _ROUTINE_KEYS)
    main = Entry(_MAIN, inside[0].key_node, Map(inside, root.start, root.end))
    return Map((main, *(entry for entry in root.entries if entry not in inside)), root.start, root.end)
