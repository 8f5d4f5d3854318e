"""Rules about calls: who may call, how often, for how long, and what becomes of their errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from hakobune.core.workflows import limits
from hakobune.core.workflows.expr.nodes import Binary, Expression, Literal, Member, Name
from hakobune.core.workflows.expr.walk import dotted_path, nodes
from hakobune.core.workflows.lint_findings import Finding, Level, LintRule, found
from hakobune.core.workflows.lint_sites import (
    HTTP,
    Site,
    argument,
    connector,
    entries,
    evaluated,
    functions_in,
    literal,
    steps_sites,
    templates,
    text_prefix,
    try_sites,
    verb,
)
from hakobune.core.workflows.stdlib import library
from hakobune.core.workflows.syntax import Call, Evaluated, Except, Program, Raise, RetryBlock, Try

_FAILING: Final = ("http.", "googleapis.", "events.await_callback", "experimental.executions.", "gke.")
_GOOGLE_API: Final = ".googleapis.com"
_SERVICE_DOMAINS: Final = (".run.app", ".cloudfunctions.net")
_NOT_REPEATABLE: Final = frozenset({"POST", "PATCH"})
_EAGER: Final = frozenset(
    {"http.default_retry", "http.default_retry_predicate", "retry.always"}
)  # they try again after errors that may have come when all was done
_SAFE_POLICY: Final = "http.default_retry_non_idempotent"
_SAFE_PREDICATE: Final = "http.default_retry_predicate_non_idempotent"
_IDEMPOTENCY_KEY: Final = "idempotency-key"
_ERROR_KEYS: Final = frozenset({"message", "code", "tags", "body", "headers"})


def call_findings(program: Program, sites: list[Site]) -> Iterator[Finding]:
    """What the rules of this chapter find."""
    handled = _handled_routines(program, sites)
    for site in sites:
        if isinstance(site.body, Call):
            yield from _check_handled(site, site.body, handled)
            yield from _check_retried(site, site.body)
            yield from _check_auth(site, site.body)
            yield from _check_timeout(site, site.body)
        elif isinstance(site.body, Try) and site.body.handler is not None:
            yield from _check_text_error(site, site.body, site.body.handler)


def _found(rule: LintRule, site: Site, call: Call, message: str, remedy: str, level: Level | None = None) -> Finding:
    return found(
        rule,
        message,
        call.function_position,
        remedy=remedy,
        routine=site.routine.name,
        step=site.step.name,
        level=level,
    )


# -- errors -----------------------------------------------------------------------------------------------------


def _handled_routines(program: Program, sites: list[Site]) -> Mapping[str, bool]:
    """Whether every call of a routine stands where its errors are handled, directly or by a caller."""
    callers: dict[str, list[Site]] = {routine.name: [] for routine in program.routines}
    for site in sites:
        names = {name for template in templates(site.body) for name in functions_in(template)}
        if isinstance(site.body, Call):
            names.add(site.body.function)
        for name in names & callers.keys():
            callers[name].append(site)
    handled = {name: bool(of) and name != "main" for name, of in callers.items()}
    is_changing = True
    while is_changing:  # from all to fewer: a cycle of routines that nobody else calls stays handled
        is_changing = False
        for name, of in callers.items():
            if handled[name] and not all(site.is_handled or handled[site.routine.name] for site in of):
                handled[name] = False
                is_changing = True
    return handled


def _check_handled(site: Site, call: Call, handled: Mapping[str, bool]) -> Iterator[Finding]:
    if not call.function.startswith(_FAILING) or site.is_handled or handled[site.routine.name]:
        return
    message = f"an error of {call.function} ends the execution: no except is around it"
    yield _found(LintRule.UNHANDLED_CALL, site, call, message, "put it into a try with except, here or around a caller")


def _check_text_error(site: Site, body: Try, handler: Except) -> Iterator[Finding]:
    """`raise: "text"` in the try, `e.message` in the except: the text has no keys."""
    name = handler.name
    if name is None or not any(
        isinstance(inner.body, Raise) and _is_text(inner.body) for inner in try_sites(site, body)
    ):
        return
    for inner in steps_sites(site.routine, handler.steps):
        for part in (part for template in templates(inner.body) for part in evaluated(template)):
            for node in nodes(part.expression):
                if isinstance(node, Member) and node.key in _ERROR_KEYS and _is_name(node.of, name):
                    yield found(
                        LintRule.ERROR_IS_TEXT,
                        f"'{name}' may be the text that the try raises, and a text has no '{node.key}'",
                        part.position,
                        remedy="raise a map with message and code, or look at get_type first",
                        routine=site.routine.name,
                        step=inner.step.name,
                    )
                    return


def _is_name(node: Expression, name: str) -> bool:
    return isinstance(node, Name) and node.name == name


def _is_text(body: Raise) -> bool:
    if isinstance(literal(body.value), str):
        return True
    return (
        isinstance(body.value, Evaluated)
        and isinstance(body.value.expression, Binary)
        and bool(text_prefix(body.value))
        and not isinstance(body.value.expression, Literal)
    )


# -- retries ----------------------------------------------------------------------------------------------------


def _check_retried(site: Site, call: Call) -> Iterator[Finding]:
    if verb(call) not in _NOT_REPEATABLE or _has_key(call):
        return
    eager = next((name for body in reversed(site.tries) if (name := _policy(body)) in _EAGER), "")
    if not eager:
        return
    message = f"a {verb(call)} is tried again by {eager}, also where it may have arrived: it may be done twice"
    # Where a policy stands, a policy is to be written; where its predicate does, a predicate.
    safe = f"retry: ${{{_SAFE_POLICY}}}" if library.predicate(eager) is None else f"predicate: ${{{_SAFE_PREDICATE}}}"
    remedy = f"write '{safe}', or send a stable Idempotency-Key header"
    yield _found(LintRule.RETRIED_POST, site, call, message, remedy)


def _policy(body: Try) -> str:
    """The name of the policy or the predicate that a try goes by; "" if it has none by name."""
    retry = body.retry.predicate if isinstance(body.retry, RetryBlock) else body.retry
    return (dotted_path(retry.expression) or "") if isinstance(retry, Evaluated) else ""


def _has_key(call: Call) -> bool:
    """Whether the receiver can tell that a request is the same: by a header, or by the request id of an API."""
    headers = entries(argument(call, "headers"))
    if any(name.lower() == _IDEMPOTENCY_KEY for name in headers):
        return True
    return argument(call, "requestId") is not None


# -- credentials and timeouts -----------------------------------------------------------------------------------


def _check_auth(site: Site, call: Call) -> Iterator[Finding]:
    if not call.function.startswith(HTTP):
        return
    host = _host(text_prefix(argument(call, "url")))
    kind = literal(entries(argument(call, "auth")).get("type"))
    has_auth = argument(call, "auth") is not None or "authorization" in {
        name.lower() for name in entries(argument(call, "headers"))
    }
    if host.endswith(_GOOGLE_API) and kind == "OIDC":
        message = f"{host} takes an OAuth2 token, with one of OIDC it answers 401"
        yield _found(LintRule.OIDC_FOR_GOOGLE_API, site, call, message, "write 'auth: {type: OAuth2}'")
    elif host.endswith(_GOOGLE_API) and not has_auth:
        message = f"{host} is called without credentials"
        yield _found(LintRule.MISSING_AUTH, site, call, message, "write 'auth: {type: OAuth2}'")
    elif host.endswith(_SERVICE_DOMAINS) and kind == "OAuth2":
        message = f"{host} checks tokens of OIDC, an OAuth2 token is not for it"
        yield _found(LintRule.OAUTH_FOR_SERVICE, site, call, message, "write 'auth: {type: OIDC}'")


def _host(prefix: str) -> str:
    """The host of an address; "" where the address does not name it whole."""
    try:
        parts = urlsplit(prefix)
        return (parts.hostname or "").lower() if parts.path else ""
    except ValueError:
        return ""


def _check_timeout(site: Site, call: Call) -> Iterator[Finding]:
    known = connector(call)
    if known is not None and known.waiting is not None:
        params = argument(call, "connector_params")
        if isinstance(params, Evaluated) or {"timeout", "skip_polling"} & entries(params).keys():
            return
        message = f"{call.function} gives up after {limits.CONNECTOR_TIMEOUT_S:g} seconds, though the operation goes on"
        remedy = "set connector_params.timeout to what the operation may take (a year at most)"
        yield _found(LintRule.DEFAULT_TIMEOUT, site, call, message, remedy, Level.WARNING)
        return
    is_plain = call.function.startswith(HTTP) and bool(verb(call)) and call.arguments.dynamic is None
    if is_plain and argument(call, "timeout") is None:
        message = f"{call.function} gives up after {limits.HTTP_TIMEOUT_S:g} seconds, as no timeout is set"
        remedy = f"set timeout to what the call may take ({limits.HTTP_TIMEOUT_S_MAX:g} seconds at most)"
        yield _found(LintRule.DEFAULT_TIMEOUT, site, call, message, remedy)
