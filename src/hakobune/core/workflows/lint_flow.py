"""Rules about where values come from and where they go: the clock and dice into names, secrets into logs.

A variable is *tainted* if some step of its routine assigns it from a source or from a tainted variable; order and
branches are not looked at, because jumps may go anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from hakobune.core.workflows.expr.nodes import CallOf, Index, Member
from hakobune.core.workflows.expr.walk import calls, nodes, paths_read
from hakobune.core.workflows.lint_findings import Finding, LintRule, found
from hakobune.core.workflows.lint_sites import (
    HTTP,
    Site,
    argument,
    assigned,
    connector,
    entries,
    evaluated,
    functions_in,
    names_in,
    reached,
    routine_sites,
    templates,
)
from hakobune.core.workflows.syntax import Body, Call, Program, Template

_ASKING: Final = (HTTP, "googleapis.", "events.", "experimental.", "sys.", "gke.")
_RANDOM: Final = frozenset({"sys.now", "uuid.generate"})
_KEY_HEADERS: Final = frozenset({"idempotency-key", "x-idempotency-key", "x-request-id"})
_NAME: Final = re.compile(r"(?:.*[a-z0-9]Id|id|name|object|parent|resource|destinationObject)")
_SECRET_SOURCE: Final = re.compile(r"googleapis\.secretmanager\.v1\..*\.access(?:String)?")
_SECRET_NAME: Final = re.compile(
    r"(?:^|[._])(?:\w+_)?(?:secret|token|password|passwd|credentials?|api_?key|authorization)$", re.IGNORECASE
)

_IsSource = Callable[[str], bool]


def flow_findings(program: Program, sites: list[Site]) -> Iterator[Finding]:
    """What the rules of this chapter find."""
    for routine in program.routines:
        own = list(routine_sites(routine))
        random = _tainted(own, _RANDOM.__contains__)
        secret = _tainted(own, lambda name: _SECRET_SOURCE.fullmatch(name) is not None)
        for site in own:
            if isinstance(site.body, Call):
                yield from _check_names(site, site.body, random)
                yield from _check_log(site, site.body, secret)
    for site in sites:
        yield from _check_default(site)


def _tainted(sites: list[Site], is_source: _IsSource) -> set[str]:
    """The variables of a routine that hold something from a source."""
    sources: set[str] = set()
    flows: list[tuple[str, set[str]]] = []
    for site in sites:
        for target, value in assigned(site.body):
            values = [value] if value is not None else _copied(site.body)
            functions = {name for part in values for name in functions_in(part)}
            if value is None and isinstance(site.body, Call):
                functions.add(site.body.function)
            if any(map(is_source, functions)):
                sources.add(target.name)
            flows.extend((target.name, names_in(part)) for part in values)
    return reached(sources, flows)


def _copied(body: Body) -> list[Template]:
    """What the result of a call is made of: the arguments, where nobody outside is asked."""
    if not isinstance(body, Call) or body.function.startswith(_ASKING):
        return []
    return list(templates(body))


def _is_from(value: Template, tainted: set[str], is_source: _IsSource) -> bool:
    return bool(names_in(value) & tainted) or any(map(is_source, functions_in(value)))


# -- names and keys ---------------------------------------------------------------------------------------------


def _check_names(site: Site, call: Call, random: set[str]) -> Iterator[Finding]:
    for what, value in _keys(call):
        if _is_from(value, random, _RANDOM.__contains__):
            yield found(
                LintRule.UNSTABLE_KEY,
                f"{what} of {call.function} comes from sys.now or uuid.generate: another one at each execution",
                call.function_position,
                remedy="make it from the input, or from sys.get_env('GOOGLE_CLOUD_WORKFLOW_EXECUTION_ID')",
                routine=site.routine.name,
                step=site.step.name,
            )


def _keys(call: Call) -> Iterator[tuple[str, Template]]:
    """The arguments by which a receiver tells things apart."""
    if call.function.startswith(HTTP):
        url = argument(call, "url")
        if url is not None:
            yield "the address", url
        for name, value in entries(argument(call, "headers")).items():
            if name.lower() in _KEY_HEADERS:
                yield f"the header {name}", value
        for name, value in entries(argument(call, "query")).items():
            if _NAME.fullmatch(name):
                yield f"the query parameter {name}", value
    elif connector(call) is not None:
        for name, value in call.arguments.named or ():
            if _NAME.fullmatch(name):
                yield f"the argument {name}", value


# -- secrets ----------------------------------------------------------------------------------------------------


def _check_log(site: Site, call: Call, secret: set[str]) -> Iterator[Finding]:
    if call.function != "sys.log":
        return
    for template in templates(call):
        for part in evaluated(template):
            for name, path in paths_read(part.expression):
                if name.name in secret or _SECRET_NAME.search(path):
                    yield found(
                        LintRule.SECRET_IN_LOG,
                        f"'{path}' seems to be a secret, and is written to the log in clear text",
                        part.position,
                        remedy="log a part of it that tells nothing, or its name",
                        routine=site.routine.name,
                        step=site.step.name,
                    )
                    return


# -- default ----------------------------------------------------------------------------------------------------


def _check_default(site: Site) -> Iterator[Finding]:
    for template in templates(site.body):
        for part in evaluated(template):
            for call in calls(part.expression):
                if call.path == "default" and call.arguments and _may_miss(call):
                    yield found(
                        LintRule.UNGUARDED_DEFAULT,
                        "default() evaluates its first argument: a key that is not there is a KeyError all the same",
                        part.position,
                        remedy='write default(map.get(m, "key"), …): map.get gives null where there is no key',
                        routine=site.routine.name,
                        step=site.step.name,
                    )
                    return


def _may_miss(call: CallOf) -> bool:
    return any(isinstance(node, Member | Index) for node in nodes(call.arguments[0]) if not _is_in_call(node, call))


def _is_in_call(node: object, call: CallOf) -> bool:
    """Whether a node stands in a call within the first argument: `map.get(a.b, "k")` reads `a.b` on purpose."""
    return any(node is inner for nested in calls(call.arguments[0]) for inner in nodes(nested))
