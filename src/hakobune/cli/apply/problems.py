"""What is wrong with definitions: gathered over all files, told at once, each with its place and a remedy."""

from __future__ import annotations

import re
from dataclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from hakobune.core.errors import FieldViolation, HakobuneError

_SHOWN = 100  # ours: more are not read at once
# How the checks of the runtime word it, after Google's front end (wire/schema.py).
_UNKNOWN = re.compile(r'Unknown name "(?P<name>[^"]*)"(?: at \'(?P<path>.*)\')?: Cannot find field')
_VALUE = re.compile(r"Invalid value at '.*' \((?P<type>[^)]*)\), (?P<value>.*)", re.DOTALL)
_OWN_NAME = re.compile(r"(?:job|secret|workflow|service_account|trigger|schedule)(?:\.|\Z)")
_TYPES = {
    "TYPE_STRING": ("a text", "Put it in quotes."),
    "TYPE_BOOL": ("true or false", "Write true or false, without quotes."),
    "TYPE_INT32": ("a whole number", "Write a whole number."),
    "TYPE_INT64": ("a whole number", "Write a whole number."),
    "type.googleapis.com/google.protobuf.Duration": ("a length of time", 'Write seconds with an s: "90s".'),
    "type.googleapis.com/google.protobuf.Timestamp": ("an instant", 'Write it as "2030-01-31T09:00:00Z".'),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong, where it stands, and what to do. Line and column count from 1."""

    file: str
    line: int = 1
    column: int = 1
    field: str = ""
    message: str
    remedy: str = ""

    def text(self) -> str:
        """`FILE:LINE:COLUMN: FIELD: MESSAGE`, the remedy below it."""
        said = f"{self.field}: {self.message}" if self.field else self.message
        file = "".join(one if one.isprintable() else repr(one)[1:-1] for one in self.file)  # it may paint the terminal
        head = f"{file}:{self.line}:{self.column}: {said}"
        return f"{head}\n  {self.remedy}" if self.remedy else head


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at a path of one document (empty: with all of it)."""

    field: str
    message: str
    remedy: str = ""


class RefusedError(Exception):
    """A definition cannot be meant. `problems` are in other files that it names."""

    def __init__(self, *faults: Fault, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__("; ".join(fault.message for fault in faults))
        self.faults = faults
        self.problems = problems


def faults_of(error: HakobuneError) -> tuple[Fault, ...]:
    """What the checks of the runtime say, as faults."""
    return tuple(_fault(violation) for violation in error.violations) or (Fault("", error.message),)


def _fault(violation: FieldViolation) -> Fault:
    field = _spelled(_OWN_NAME.sub("", violation.field, count=1))
    unknown = _UNKNOWN.search(violation.description)
    if unknown is not None:
        path = f"{field}.{unknown['name']}" if field else unknown["name"]
        return Fault(path, "is no field of this kind", "Remove it, or mend its spelling.")
    wrong = _VALUE.search(violation.description)
    if wrong is not None:
        meant, remedy = _TYPES.get(wrong["type"], (f"a {wrong['type'].rpartition('.')[2]}", ""))
        return Fault(field, f"must be {meant}, not {wrong['value'][:80]}", remedy)
    return Fault(field, violation.description)


def _spelled(path: str) -> str:
    """A path in the names of JSON: `http_target.uri` is `httpTarget.uri`. Keys in brackets stay as they are."""
    parts = re.split(r"(\[[^\]]*\])", path)
    return "".join(
        part if part.startswith("[") else re.sub(r"_([a-z])", lambda found: found[1].upper(), part) for part in parts
    )


def told(problems: Iterable[Problem]) -> str:
    """All problems as one text, in the order of the files and lines; the number of those that are too many."""
    found = sorted(dict.fromkeys(problems), key=lambda one: (one.file, one.line, one.column))
    lines = [one.text() for one in found[:_SHOWN]]
    if len(found) > _SHOWN:
        lines.append(f"… and {len(found) - _SHOWN} more.")
    count = f"{len(found)} problem{'' if len(found) == 1 else 's'}"
    return "\n".join([f"There {'is' if len(found) == 1 else 'are'} {count}; nothing was changed.", *lines])
