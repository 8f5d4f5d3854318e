"""What a check of a definition finds, and the rules it goes by: their names are stable."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from hakobune.core.workflows.positions import Position, Problem, Severity
from hakobune.core.workflows.resolve import RULES as DEPLOYMENT_RULES


class Level(StrEnum):
    """How bad a finding is. The words are those of SARIF."""

    ERROR = "error"  # it cannot be deployed, or can never work
    WARNING = "warning"
    NOTE = "note"  # worth knowing


class LintRule(StrEnum):
    """The rules for production. Stable: people name them in comments and on the command line."""

    UNSTABLE_KEY = "unstable-key"
    RETRIED_POST = "retried-post"
    PARALLEL_RACE = "parallel-race"
    BAD_ARGUMENT = "bad-argument"
    UNHANDLED_CALL = "unhandled-call"
    ERROR_IS_TEXT = "error-is-text"
    POLLING_COST = "polling-cost"
    BUSY_LOOP = "busy-loop"
    GROWING_VARIABLE = "growing-variable"
    OIDC_FOR_GOOGLE_API = "oidc-for-google-api"
    OAUTH_FOR_SERVICE = "oauth-for-service"
    MISSING_AUTH = "missing-auth"
    DEFAULT_TIMEOUT = "default-timeout"
    SECRET_IN_LOG = "secret-in-log"  # noqa: S105 - a rule's name
    SECRET_IN_SOURCE = "secret-in-source"  # noqa: S105 - a rule's name
    UNGUARDED_DEFAULT = "unguarded-default"
    UNREACHABLE_STEP = "unreachable-step"
    NEAR_LIMIT = "near-limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleText:
    """What a rule asks for, in a sentence, and how bad it is where a finding does not say otherwise."""

    asks: str
    level: Level = Level.WARNING


RULES: Final[dict[str, RuleText]] = {
    LintRule.UNSTABLE_KEY: RuleText(asks="Names, addresses and keys do not come from the clock or from dice."),
    LintRule.RETRIED_POST: RuleText(asks="A request that must not arrive twice is not retried as if it might."),
    LintRule.PARALLEL_RACE: RuleText(asks="Parallel branches do not overwrite what another one wrote."),
    LintRule.BAD_ARGUMENT: RuleText(
        asks="Arguments that stand in the source are taken by the library.", level=Level.ERROR
    ),
    LintRule.UNHANDLED_CALL: RuleText(asks="A call that can fail stands in a try with except."),
    LintRule.ERROR_IS_TEXT: RuleText(asks="What is raised as text has no message, code or tags."),
    LintRule.POLLING_COST: RuleText(asks="A loop that asks again and again is worth its steps.", level=Level.NOTE),
    LintRule.BUSY_LOOP: RuleText(asks="A loop that asks the same thing again waits between."),
    LintRule.GROWING_VARIABLE: RuleText(asks="A loop does not collect whole answers in a variable."),
    LintRule.OIDC_FOR_GOOGLE_API: RuleText(asks="Google's APIs are called with OAuth2, not OIDC.", level=Level.ERROR),
    LintRule.OAUTH_FOR_SERVICE: RuleText(asks="Services of Cloud Run and functions are called with OIDC."),
    LintRule.MISSING_AUTH: RuleText(asks="A call of Google's APIs names its credentials."),
    LintRule.DEFAULT_TIMEOUT: RuleText(asks="A call that may take long says how long it may take.", level=Level.NOTE),
    LintRule.SECRET_IN_LOG: RuleText(asks="Secrets are not logged."),
    LintRule.SECRET_IN_SOURCE: RuleText(asks="Secrets do not stand in the source."),
    LintRule.UNGUARDED_DEFAULT: RuleText(asks="default() does not guard its first argument against a missing key."),
    LintRule.UNREACHABLE_STEP: RuleText(asks="Every step can be reached."),
    LintRule.NEAR_LIMIT: RuleText(asks="A definition keeps away from the limits of the service."),
}
"""What each rule for production asks for."""

_PARSING: Final[dict[str, str]] = {
    "condition": "A condition is a boolean, or an expression that gives one.",
    "embedded-expression": "An expression is the whole value: '${' within a text is a text.",
    "for": "A loop goes over a list.",
    "limit": "Counts are not above the limits of the service.",
    "parallel": "A shared variable is named once.",
    "step-name": "Names of steps have letters, digits, '_' and '-'.",
    "unreachable-next": "Nothing comes after return and raise.",
}  # rules of the parser that may be warnings; those that are errors refuse a deployment whatever is chosen

ALL_RULES: Final[dict[str, str]] = {
    **{name.value: RULES[name].asks for name in LintRule},
    **{str(name): text for name, text in DEPLOYMENT_RULES.items()},
    **_PARSING,
}
"""What each rule asks for, those of deployment too: all that can be selected or ignored."""

_ONLY_WARNED_OF: Final = frozenset({"hidden-function", "embedded-expression", "step-name", "unreachable-next"})
"""Rules of deployment that refuse nothing."""


def level_of(rule: str) -> Level:
    """How bad a finding of a rule is where it does not say otherwise."""
    known = RULES.get(rule)
    if known is not None:
        return known.level
    return Level.WARNING if rule in _ONLY_WARNED_OF else Level.ERROR


NEAR: Final = 0.8
"""The share of a limit from which on it is near. Our own choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a check found."""

    rule: str
    level: Level
    message: str
    position: Position
    remedy: str = ""
    routine: str = ""
    step: str = ""


def of_problem(problem: Problem) -> Finding:
    """A problem of deployment as a finding."""
    return Finding(
        rule=problem.rule,
        level=Level.ERROR if problem.severity is Severity.ERROR else Level.WARNING,
        message=problem.message,
        position=problem.position,
        remedy=problem.remedy,
        routine=problem.routine,
        step=problem.step,
    )


def found(
    rule: LintRule,
    message: str,
    position: Position,
    *,
    remedy: str,
    routine: str,
    step: str,
    level: Level | None = None,
) -> Finding:
    """A finding of a rule, at the rule's level unless it is given."""
    return Finding(
        rule=rule.value,
        level=level or RULES[rule].level,
        message=f"in step {step}: {message}" if step else message,
        position=position,
        remedy=remedy,
        routine=routine,
        step=step,
    )
