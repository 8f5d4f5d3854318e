"""Expressions: every name in them is something, and every call in them can be made there."""

from __future__ import annotations

from typing import assert_never

from hakobune.core.workflows.expr.nodes import CallOf, Expression, Literal, Member, Name
from hakobune.core.workflows.expr.walk import children, dotted_path
from hakobune.core.workflows.resolve_calls import Calls
from hakobune.core.workflows.resolve_findings import position_in
from hakobune.core.workflows.resolve_symbols import Symbols
from hakobune.core.workflows.scopes import Scope
from hakobune.core.workflows.stdlib import library
from hakobune.core.workflows.syntax import Constant, Evaluated, ListTemplate, MapTemplate, Target, Template


class Expressions:
    """Checks the expressions of one routine. `what` names a value in messages: "return value", "args", …"""

    def __init__(self, symbols: Symbols, calls: Calls) -> None:
        self._symbols = symbols
        self._calls = calls

    def check_template(self, template: Template, what: str, scope: Scope) -> None:
        """A value that may hold expressions at any depth."""
        match template:
            case Constant():
                pass
            case Evaluated():
                self._check(template.expression, template, what, scope)
            case ListTemplate():
                for item in template.items:
                    self.check_template(item, what, scope)
            case MapTemplate():
                for key, value in template.entries:
                    self.check_template(key, what, scope)
                    self.check_template(value, what, scope)
            case _:
                assert_never(template)

    def check_target(self, target: Target, what: str, scope: Scope) -> None:
        """The left side of an assignment: the expressions in its path, and the variable."""
        self._symbols.check_write(target, what, scope)
        for key in target.path:
            self._check(key, target, what, scope)

    def _check(self, root: Expression, origin: Evaluated | Target, what: str, scope: Scope) -> None:
        waiting = [root]
        while waiting:
            node = waiting.pop()
            if isinstance(node, Literal):
                continue
            if isinstance(node, Name | Member):
                inner = self._check_path(node, origin, what, scope)
                if inner is not None:
                    waiting.append(inner)
                continue
            if isinstance(node, CallOf):
                self._calls.check_expression(node, origin, what, scope)
            waiting.extend(reversed(children(node)))

    def _check_path(
        self, node: Name | Member, origin: Evaluated | Target, what: str, scope: Scope
    ) -> Expression | None:
        """A name, perhaps with members; or what the members are of, where that is no name."""
        first: Expression = node
        while isinstance(first, Member):
            first = first.of
        if not isinstance(first, Name):
            return first
        if not self._symbols.is_known(first.name, scope):
            path = dotted_path(node) or first.name
            if not is_of_library(path):
                self._symbols.complain_of(path, position_in(origin, first.at, first.name), what, scope)
        return None


def is_of_library(path: str) -> bool:
    """Whether a dotted path begins with a constant or a function of the library: `retry.default_backoff.multiplier`."""
    parts = path.split(".")
    heads = (".".join(parts[:count]) for count in range(1, len(parts) + 1))
    return any(library.find(head) is not None or library.find_value(head) is not None for head in heads)
