"""The rule about arguments that stand in the source and that the library refuses whenever the call is reached."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from hakobune.core.workflows import limits
from hakobune.core.workflows.effects import TokenKind
from hakobune.core.workflows.lint_findings import Finding, LintRule, found
from hakobune.core.workflows.lint_sites import HTTP, Site, argument, entries, literal
from hakobune.core.workflows.stdlib import library
from hakobune.core.workflows.stdlib.http_requests import METHODS
from hakobune.core.workflows.stdlib.system import SEVERITIES
from hakobune.core.workflows.syntax import Call, Template

_TOKENS: Final = tuple(TokenKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bounds:
    """The numbers that an argument may be. `is_above`: the least one is not among them."""

    function: str
    name: str
    least: float
    most: float
    is_above: bool = False

    def has(self, value: float) -> bool:
        return value <= self.most and (value > self.least if self.is_above else value >= self.least)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """The texts that an argument may be."""

    function: str
    name: str
    words: Sequence[str]


_BOUNDS: Final = (
    _Bounds(function="sys.sleep", name="seconds", least=0, most=limits.SLEEP_S_MAX),
    _Bounds(function="events.await_callback", name="timeout", least=0, most=limits.CALLBACK_TIMEOUT_S_MAX),
)
_HTTP_TIMEOUT: Final = _Bounds(function=HTTP, name="timeout", least=0, most=limits.HTTP_TIMEOUT_S_MAX, is_above=True)
_CHOICES: Final = (
    _Choice(function="sys.log", name="severity", words=SEVERITIES),
    _Choice(function="http.request", name="method", words=METHODS),
    _Choice(function="events.create_callback_endpoint", name="http_callback_method", words=METHODS),
)


def argument_findings(sites: Sequence[Site]) -> Iterator[Finding]:
    """What the rule finds in each call."""
    for site in sites:
        if isinstance(site.body, Call):
            yield from _check(site, site.body)


def _check(site: Site, call: Call) -> Iterator[Finding]:
    for bounds in _BOUNDS:
        if bounds.function == call.function:
            yield from _check_number(site, call, bounds)
    for choice in _CHOICES:
        if choice.function == call.function:
            yield from _check_text(site, call, choice.name, argument(call, choice.name), choice.words)
    if call.function.startswith(HTTP) and library.find(call.function) is not None:
        yield from _check_number(site, call, _HTTP_TIMEOUT)
        yield from _check_text(site, call, "auth.type", entries(argument(call, "auth")).get("type"), _TOKENS)


def _check_number(site: Site, call: Call, bounds: _Bounds) -> Iterator[Finding]:
    template = argument(call, bounds.name)
    value = literal(template)
    if template is None or isinstance(value, bool) or not isinstance(value, int | float) or bounds.has(value):
        return
    from_where = f"above {bounds.least:g}" if bounds.is_above else f"from {bounds.least:g}"
    message = f"{bounds.name} of {call.function} is {value:,}: a ValueError whenever the step is reached"
    yield _finding(site, template, message, f"write a number of seconds {from_where} to {bounds.most:.0f}")


def _check_text(
    site: Site, call: Call, name: str, template: Template | None, words: Sequence[str]
) -> Iterator[Finding]:
    value = literal(template)
    if template is None or not isinstance(value, str) or value in words:
        return
    near = get_close_matches(value.upper(), [word.upper() for word in words], n=1)
    meant = next((f"; did you mean {word}?" for word in words if near and word.upper() == near[0]), "")
    message = f"{name} of {call.function} is {value[:60]!r}: a ValueError whenever the step is reached"
    yield _finding(site, template, message, f"write one of {', '.join(words)}{meant}")


def _finding(site: Site, template: Template, message: str, remedy: str) -> Finding:
    return found(
        LintRule.BAD_ARGUMENT,
        message,
        template.position,
        remedy=remedy,
        routine=site.routine.name,
        step=site.step.name,
    )
