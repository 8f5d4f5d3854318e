"""Calls: what is called, whether it may be called there, and whether the arguments fit."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from hakobune.core.workflows.connectors import table
from hakobune.core.workflows.expr.nodes import CallOf
from hakobune.core.workflows.gaps import UNREAD_FUNCTION
from hakobune.core.workflows.positions import Position, Severity
from hakobune.core.workflows.resolve_findings import Findings, Rule, position_in
from hakobune.core.workflows.scopes import Scope
from hakobune.core.workflows.stdlib import library
from hakobune.core.workflows.stdlib.registry import Kind, LibraryFunction
from hakobune.core.workflows.syntax import Call, Evaluated, Routine, Target

_MAIN = "main"
_ARGS = "args"
_CONNECTOR = f"{library.CONNECTORS}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What can be called: a routine, a library function, a connector. `required` is a part of `parameters`.

    Not `is_known`: the source tells its parameters in a form that could not be read.
    """

    name: str
    parameters: tuple[str, ...]
    required: frozenset[str]
    is_open: bool = False
    is_blocking: bool = False
    is_known: bool = True

    @property
    def shown(self) -> str:
        """For people: `http.get(url, [timeout], …)`."""
        shown = [name if name in self.required else f"[{name}]" for name in self.parameters]
        return f"{self.name}({', '.join(shown)})"


class Calls:
    """Checks the calls of a program."""

    def __init__(self, findings: Findings, routines: Mapping[str, Routine]) -> None:
        self._findings = findings
        self._routines = routines
        self._signatures: dict[str, Signature | None] = {}

    def signature(self, path: str) -> Signature | None:
        """What this name calls: a routine before the library. None where it is unknown."""
        if path not in self._signatures:
            self._signatures[path] = self._find(path)
        return self._signatures[path]

    def _find(self, path: str) -> Signature | None:
        routine = self._routines.get(path)
        if routine is not None:
            return Signature(
                name=path,
                parameters=tuple(parameter.name for parameter in routine.parameters),
                required=frozenset(p.name for p in routine.parameters if p.default is None),
                is_known=not self._findings.gaps.is_open_routine(path),
            )
        function = library.find(path)
        return None if function is None else _of_library(function)

    # -- the two places of a call -------------------------------------------------------------------------------

    def check_step(self, call: Call, scope: Scope) -> None:
        """A `call` step. Arguments that one expression gives are checked when it runs."""
        if call.function == UNREAD_FUNCTION:
            return
        position = call.function_position
        signature = self._called(call.function, position, "", scope)
        if signature is None or not signature.is_known or call.arguments.dynamic is not None:
            return
        if call.arguments.positional is not None:
            places = [item.position for item in call.arguments.positional]
            self._check_positional(signature, places, position, _ARGS)
            return
        names = [name for name, _ in call.arguments.named or ()]
        named = dict(zip(names, call.arguments.places, strict=True))
        self._check_known(signature, named)
        self._check_required(signature, named.keys(), position, _ARGS, is_named=True)

    def check_expression(self, call: CallOf, origin: Evaluated | Target, what: str, scope: Scope) -> None:
        """A call inside an expression."""
        position = position_in(origin, call.at, call.path)
        signature = self._called(call.path, position, what, scope)
        if signature is None:
            return
        if signature.is_blocking:
            self._findings.add(
                Rule.BLOCKING_IN_EXPRESSION,
                f"'{call.path}' waits and cannot be called inside an expression",
                position,
                remedy=f"write a step with 'call: {call.path}' and a 'result', and read the result here",
                what=what,
            )
        if not signature.is_known:
            return
        places = [position_in(origin, argument.at, "") for argument in call.arguments]
        self._check_positional(signature, places, position, what)

    def _called(self, path: str, position: Position, what: str, scope: Scope) -> Signature | None:
        """What is called; None when it is unknown, which is noted."""
        signature = self.signature(path)
        if signature is None:
            self._complain_of_unknown(path, position, what, scope)
        elif path == _MAIN:
            self._findings.add(
                Rule.CALL_OF_MAIN,
                "'main' is where an execution starts and cannot be called",
                position,
                remedy="move its steps into a subworkflow, and call that from both places",
                what=what,
            )
        return signature

    def _complain_of_unknown(self, path: str, position: Position, what: str, scope: Scope) -> None:
        if self._findings.gaps.may_have_anywhere(path):
            return  # a subworkflow that stands in the wrong place
        # Source of the wording: an error as published ("error in step create_callback: symbol 'events' not found").
        detail = f"symbol '{path}' not found"
        if path.startswith(_CONNECTOR):
            near = self._findings.guess_by(path, table.suggestion)
            remedy = f"did you mean '{near}'?" if near else "call its API by http.request, with 'auth: {type: OAuth2}'"
            self._findings.add(Rule.UNKNOWN_CONNECTOR, detail, position, remedy=remedy, what=what)
            return
        first, _, rest = path.partition(".")
        near = self._findings.guess(path, [*library.names(), *self._routines])
        if near:
            remedy = f"did you mean '{near}'?"
        elif rest and library.is_module(first):
            remedy = f"the library has no such function in '{first}'"
        elif scope.lookup(first) is not None:
            remedy = f"'{first}' is a variable and holds no function: write {first}[…] to read an element"
        elif rest:
            remedy = f"the library has nothing that begins with '{first}', and no '.' is in the name of a subworkflow"
        else:
            remedy = f"add a subworkflow '{path}' to this source, or call a function of the library"
        self._findings.add(Rule.UNKNOWN_FUNCTION, detail, position, remedy=remedy, what=what)

    # -- arguments ----------------------------------------------------------------------------------------------

    def _check_known(self, signature: Signature, named: Mapping[str, Position]) -> None:
        """Connectors of the service take arguments that the descriptions of their APIs do not tell: a warning there."""
        for name, place in named.items():
            if name in signature.parameters or signature.is_open:
                continue
            near = self._findings.guess(name, signature.parameters)
            self._findings.add(
                Rule.UNKNOWN_ARGUMENT,
                f"'{signature.name}' has no argument '{name}'",
                place,
                remedy=f"did you mean '{near}'? it takes {signature.shown}" if near else f"it takes {signature.shown}",
                what=_ARGS,
                severity=Severity.WARNING if signature.name.startswith(_CONNECTOR) else Severity.ERROR,
            )

    def _check_positional(
        self, signature: Signature, places: Sequence[Position], position: Position, what: str
    ) -> None:
        allowed = len(signature.parameters)
        if len(places) > allowed:
            self._findings.add(
                Rule.TOO_MANY_ARGUMENTS,
                f"'{signature.name}' takes {_counted(allowed)}, not {len(places)}",
                places[allowed],
                remedy=f"it takes {signature.shown}",
                what=what,
            )
        self._check_required(signature, signature.parameters[: len(places)], position, what)

    def _check_required(
        self, signature: Signature, given: Collection[str], position: Position, what: str, *, is_named: bool = False
    ) -> None:
        missing = [name for name in signature.parameters if name in signature.required and name not in given]
        for name in missing:
            self._findings.add(
                Rule.MISSING_ARGUMENT,
                f"'{signature.name}' needs the argument '{name}'",
                position,
                remedy=f"it takes {signature.shown}" + (f": write '{name}: …' below 'args:'" if is_named else ""),
                what=what,
            )


def _of_library(function: LibraryFunction) -> Signature:
    return Signature(
        name=function.name,
        parameters=tuple(parameter.name for parameter in function.parameters),
        required=frozenset(parameter.name for parameter in function.parameters if parameter.is_required),
        is_open=function.is_open,
        is_blocking=function.kind is Kind.BLOCKING and not function.is_expression_allowed,
    )


def _counted(count: int) -> str:
    return "no arguments" if count == 0 else "1 argument" if count == 1 else f"{count} arguments"
