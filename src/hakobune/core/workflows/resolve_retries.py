"""What decides about retries: policies and predicates that are named and not called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hakobune.core.workflows.expr.nodes import (
    Binary,
    CallOf,
    Expression,
    ListOf,
    Literal,
    Logic,
    MapOf,
    Member,
    Name,
    Not,
    Sign,
)
from hakobune.core.workflows.expr.walk import dotted_path
from hakobune.core.workflows.gaps import is_unread
from hakobune.core.workflows.resolve_findings import Findings, Rule
from hakobune.core.workflows.scopes import Scope
from hakobune.core.workflows.stdlib import library
from hakobune.core.workflows.syntax import Evaluated, RetryBlock, Routine

_PREDICATE = "retry predicate"
_POLICY = "retry policy"
_ANY_POLICY: Final = "http.default_retry"
# Which policy a predicate belongs to: who writes the one where the other is due means that.
_POLICY_OF: Final = {"http.default_retry_predicate_non_idempotent": "http.default_retry_non_idempotent"}
_NEVER_FUNCTIONS = Literal | ListOf | MapOf | Binary | Logic | Not | Sign


class Retries:
    """Checks what `retry` names, where it can be known before it runs."""

    def __init__(self, findings: Findings, routines: Mapping[str, Routine]) -> None:
        self._findings = findings
        self._routines = routines

    def check(self, retry: RetryBlock | Evaluated, scope: Scope) -> None:
        """The policy, or the predicate of a block."""
        if isinstance(retry, Evaluated):
            self._check_policy(retry, scope)
        elif isinstance(retry.predicate, Evaluated) and not is_unread(retry.predicate):
            self._check_predicate(retry.predicate, scope)

    def _check_policy(self, policy: Evaluated, scope: Scope) -> None:
        path = _named(policy.expression, scope)
        if path is None:
            return
        value = library.find_value(path)
        is_policy = isinstance(value, dict) and "predicate" in value
        if not is_policy and (value is not None or library.find(path) is not None or path in self._routines):
            self._findings.add(
                Rule.RETRY_POLICY,
                f"'{path}' is no retry policy",
                policy.position,
                remedy=f"write 'retry: ${{{_POLICY_OF.get(path, _ANY_POLICY)}}}', or a map with predicate, max_retries "
                "and backoff",
                what=_POLICY,
            )

    def _check_predicate(self, predicate: Evaluated, scope: Scope) -> None:
        node = predicate.expression
        if isinstance(node, _NEVER_FUNCTIONS):
            self._refuse(predicate, "a retry predicate must name a function", "write the name alone: ${my_predicate}")
            return
        if isinstance(node, CallOf) and library.predicate(node.path) is not None:
            self._refuse(predicate, f"'{node.path}' is called here", f"name it without arguments: ${{{node.path}}}")
            return
        path = _named(node, scope)
        if path is None:
            return
        routine = self._routines.get(path)
        if routine is not None:
            self._check_routine(predicate, routine)
        elif library.predicate(path) is None and (library.find_value(path) or library.find(path)):
            self._refuse(
                predicate,
                f"'{path}' is no retry predicate",
                "write ${http.default_retry_predicate}, ${retry.always}, or the name of a subworkflow of one parameter",
            )

    def _check_routine(self, predicate: Evaluated, routine: Routine) -> None:
        if len(routine.parameters) != 1 and not self._findings.gaps.is_open_routine(routine.name):
            self._refuse(
                predicate,
                f"subworkflow '{routine.name}' is called with one argument, the error; it has "
                f"{len(routine.parameters)} parameters",
                f"write 'params: [e]' in '{routine.name}'",
            )

    def _refuse(self, predicate: Evaluated, detail: str, remedy: str) -> None:
        self._findings.add(Rule.RETRY_PREDICATE, detail, predicate.position, remedy=remedy, what=_PREDICATE)


def _named(node: Expression, scope: Scope) -> str | None:
    """The routine or the part of the library that an expression names. None for variables and anything else."""
    path = dotted_path(node) if isinstance(node, Name | Member) else None
    return None if path is None or scope.lookup(path.partition(".")[0]) is not None else path
