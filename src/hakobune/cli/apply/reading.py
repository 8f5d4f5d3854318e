"""A folder or file of definitions: all documents read and checked, or all that is wrong with them."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from hakobune.cli.apply.kinds import Ground, Key, Kind, Wanted
from hakobune.cli.apply.places import Places, read_documents
from hakobune.cli.apply.problems import Fault, Problem, RefusedError, faults_of
from hakobune.cli.apply.programs import walk
from hakobune.cli.apply.run_kinds import program_of
from hakobune.cli.apply.table import KINDS, SOURCE_ENDINGS
from hakobune.cli.document import Document, text_at
from hakobune.cli.errors import CommandError
from hakobune.cli.workflows.source_file import is_cases, may_be_read, read_source
from hakobune.core.errors import HakobuneError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_ENDINGS = (".yaml", ".yml", ".json")
_FILES_MAX = 10_000  # ours: a folder with more is not what was meant


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A resource that is wanted, and where that is said."""

    wanted: Wanted
    said: Document  # the document as it is written
    file: str
    line: int
    places: Places | None = None  # None: the whole file is the definition

    @property
    def key(self) -> Key:
        """Which resource it is."""
        return self.wanted.key

    @property
    def kind(self) -> Kind:
        """How its kind is applied."""
        return KINDS[self.key.kind]

    def problem(self, field: str, message: str, remedy: str) -> Problem:
        """Something that is wrong with it, at the place of `field`."""
        line, column = (self.line, 1) if self.places is None else self.places.at(field)
        return Problem(file=self.file, line=line, column=column, field=field, message=message, remedy=remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """All that was read."""

    definitions: tuple[Definition, ...]
    problems: tuple[Problem, ...]
    left_out: tuple[tuple[str, str], ...]  # files that are no definitions, and why
    watched: frozenset[str]  # files and folders of which definitions are made, beside those in the folder


def read_folder(name: str, ground: Ground) -> Folder:
    """All definitions below a folder, or in a file. Raises CommandError: there is no such thing, or none in it."""
    if not os.path.exists(name):
        raise CommandError(f"[{name}] does not exist. Name a folder of definitions, or a file.")
    files = sorted(_below(name)) if os.path.isdir(name) else [name]
    if len(files) > _FILES_MAX:
        raise CommandError(f"[{name}] has more than {_FILES_MAX} files of YAML and JSON: name a smaller folder.")
    reading = _Reading(ground)
    for path in files:
        reading.read(path)
    folder = reading.result(name)
    if not folder.definitions and not folder.problems:
        raise CommandError(f"[{name}] holds no definition: no document in it has a kind that is known.")
    return folder


def _below(folder: str) -> Iterator[str]:
    """Files of YAML and JSON; folders whose names begin with a dot are not looked into."""
    for place, folders, names in walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = (os.path.normpath(os.path.join(place, name)) for name in names if name.endswith(_ENDINGS))
        yield from filter(may_be_read, paths)


class _Reading:
    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._definitions: list[Definition] = []
        self._problems: list[Problem] = []
        self._left_out: list[tuple[str, str]] = []
        self._sources: list[str] = []  # workflow sources, each a definition unless a document names it
        self._programs: set[str] = set()

    def read(self, path: str) -> None:
        """Read one file."""
        if is_cases(path):
            self._left_out.append((path, "cases of a test"))
        elif path.endswith(SOURCE_ENDINGS):
            self._sources.append(path)
        else:
            self._read_documents(path)

    def _read_documents(self, path: str) -> None:
        try:
            text = read_source(path)
        except CommandError as error:
            self._problems.append(Problem(file=path, message=str(error)))
            return
        if path.endswith(".json"):
            text = text.replace("\t", " ")  # YAML takes no tabs there, JSON has them nowhere else
        documents, problems = read_documents(text, path)
        self._problems += problems
        count = 0
        for body, places in documents:
            count += self._read_document(path, body, places)
        if not count and not problems:
            self._left_out.append((path, "no document in it has a kind"))

    def _read_document(self, path: str, body: Document, places: Places) -> bool:
        """Whether it is a definition, perhaps a wrong one."""
        if "kind" not in body:
            return False
        kind = KINDS.get(text_at(body, "kind"))
        if kind is None:
            self._unknown(path, text_at(body, "kind"), places)
            return True
        ground = replace(self._ground, folder=os.path.dirname(path))
        program = program_of(body, ground)
        if program:
            self._programs.add(program)
        try:
            wanted = kind.read(body, ground)
        except RefusedError as error:
            self._add(path, places, error.faults)
            self._problems += error.problems
        except HakobuneError as error:
            self._add(path, places, faults_of(error))
        else:
            line, _ = places.start
            self._definitions.append(Definition(wanted=wanted, said=body, file=path, line=line, places=places))
        return True

    def _add(self, path: str, places: Places, faults: tuple[Fault, ...]) -> None:
        for fault in faults:
            line, column = places.at(fault.field)
            self._problems.append(
                Problem(
                    file=path,
                    line=line,
                    column=column,
                    field=fault.field,
                    message=fault.message,
                    remedy=fault.remedy,
                )
            )

    def _unknown(self, path: str, name: str, places: Places) -> None:
        from difflib import get_close_matches

        near = get_close_matches(name, KINDS, n=1)
        remedy = f"Did you mean {near[0]}?" if near else f"The kinds are {', '.join(sorted(KINDS))}."
        self._add(path, places, (Fault("kind", f"{name[:60]!r} is no kind that can be applied", remedy),))

    def result(self, name: str) -> Folder:
        """What was read, with the sources that no document names."""
        named = {file for one in self._definitions for file in one.wanted.watched}
        for path in self._sources:
            if os.path.abspath(path) not in named:
                self._read_workflow(path)
        watched = frozenset(file for one in self._definitions for file in one.wanted.watched)
        self._leave_programs_out(name)
        self._check_doubles()
        return Folder(
            definitions=tuple(self._definitions),
            problems=tuple(self._problems),
            left_out=tuple(self._left_out),
            watched=watched,
        )

    def _read_workflow(self, path: str) -> None:
        """A source that stands for itself: its name is the workflow's."""
        ending = next(ending for ending in SOURCE_ENDINGS if path.endswith(ending))
        name = os.path.basename(path).removesuffix(ending)
        ground = replace(self._ground, folder=os.path.dirname(path))
        body: Document = {"name": name, "source": os.path.basename(path)}
        try:
            wanted = KINDS["Workflow"].read(body, ground)
        except (RefusedError, HakobuneError) as error:
            faults = error.faults if isinstance(error, RefusedError) else faults_of(error)
            self._problems += error.problems if isinstance(error, RefusedError) else ()
            for fault in faults:
                self._problems.append(Problem(file=path, field=fault.field, message=fault.message, remedy=fault.remedy))
        else:
            self._definitions.append(Definition(wanted=wanted, said=body, file=path, line=1))

    def _leave_programs_out(self, name: str) -> None:
        """What lies in the folder of a program belongs to the program, whatever it looks like."""
        top = os.path.abspath(name)
        programs = [f"{path}/" for path in self._programs if path.startswith(f"{top}/")]

        def is_program(file: str) -> bool:
            return any(os.path.abspath(file).startswith(program) for program in programs)

        self._definitions = [one for one in self._definitions if not is_program(one.file)]
        self._problems = [one for one in self._problems if not is_program(one.file)]
        self._left_out = [one for one in self._left_out if not is_program(one[0])]

    def _check_doubles(self) -> None:
        first: dict[Key, Definition] = {}
        for one in self._definitions:
            held = first.setdefault(one.key, one)
            if held is not one:
                said = f"{one.key} is defined in {held.file}:{held.line} already"
                self._problems.append(one.problem("", said, "Remove one of the two."))
