"""The rule about secrets that stand in the source: whoever may read the definition has them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from hakobune.core.workflows.expr.nodes import Literal
from hakobune.core.workflows.expr.walk import nodes
from hakobune.core.workflows.lint_findings import Finding, LintRule, found
from hakobune.core.workflows.lint_sites import Site, argument, entries, literal, templates, text_prefix
from hakobune.core.workflows.positions import Position
from hakobune.core.workflows.syntax import Assign, Call, Constant, Evaluated, ListTemplate, MapTemplate, Template

_REMEDY: Final = "keep it in Secret Manager and read it with googleapis.secretmanager"
_HEADERS: Final = frozenset({"authorization", "x-api-key", "x-goog-api-key", "cookie", "proxy-authorization"})
_QUERY: Final = re.compile(r"[?&](?:key|api_?key|token|access_token|password|secret)=[^&]", re.IGNORECASE)
_NAME: Final = re.compile(
    r"(?:.*[_.-])?(?:secret|password|passwd|passphrase|api[_-]?key|private[_-]?key|(?:access|auth|bearer|refresh)[_-]?token|token)",
    re.IGNORECASE,
)
_OTHER_NAME: Final = re.compile(r"(?:next|page|continuation|sync)[_-]?token", re.IGNORECASE)
# What a value looks like that is a secret whatever its name is. Source: the forms that issuers publish for scanners of
# sources (Google, AWS, GitHub, Slack, Stripe); RFC 7519, RFC 7468.
_SHAPES: Final = re.compile(
    r"AIza[0-9A-Za-z_-]{35}|ya29\.[0-9A-Za-z_-]{20,}|(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_[0-9A-Za-z]{36}"
    r"|github_pat_[0-9A-Za-z_]{22,}|xox[abprs]-[0-9A-Za-z-]{10,}|[sr]k_live_[0-9A-Za-z]{10,}"
    r"|eyJ[0-9A-Za-z_-]{8,}\.eyJ[0-9A-Za-z_-]{8,}\.|-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"
)
_PATHS: Final = ("projects/", "${", "/", "http://", "https://")  # a value that says where something is, not what it is
_NAMING: Final = "googleapis.secretmanager."  # its arguments are names of secrets


def secret_findings(sites: Sequence[Site]) -> Iterator[Finding]:
    """What the rule finds, once for each value."""
    for site in sites:
        told: set[Position] = set()
        for message, position in _secrets(site):
            if position not in told:
                told.add(position)
                yield found(
                    LintRule.SECRET_IN_SOURCE,
                    message,
                    position,
                    remedy=_REMEDY,
                    routine=site.routine.name,
                    step=site.step.name,
                )


def _secrets(site: Site) -> Iterator[tuple[str, Position]]:
    body = site.body
    if isinstance(body, Call):
        yield from _in_call(body)
    elif isinstance(body, Assign):
        for entry in body.entries:
            name = entry.target.text.rpartition(".")[2]
            if _is_secret(name, entry.value):
                yield f"'{entry.target.text}' is assigned a secret in clear text", entry.value.position
    if not (isinstance(body, Call) and body.function.startswith(_NAMING)):
        for template in templates(body):
            yield from _in_maps(template)
    for template in templates(body):
        yield from _by_shape(template)


def _in_call(call: Call) -> Iterator[tuple[str, Position]]:
    for name, value in entries(argument(call, "headers")).items():
        text = literal(value)
        if name.lower() in _HEADERS and isinstance(text, str) and text:
            yield f"the header {name} stands in the source in clear text", value.position
    url = argument(call, "url")
    prefix = text_prefix(url)
    if url is not None and (_QUERY.search(prefix) or _has_password(prefix)):
        yield "a key or password stands in the address in clear text", url.position


def _has_password(url: str) -> bool:
    authority = url.partition("://")[2].partition("/")[0]
    return "@" in authority and ":" in authority.partition("@")[0]


def _in_maps(template: Template) -> Iterator[tuple[str, Position]]:
    """The entries of maps whose keys are names of secrets."""
    waiting: list[Template] = [template]
    while waiting:
        part = waiting.pop()
        if isinstance(part, ListTemplate):
            waiting.extend(reversed(part.items))
        elif isinstance(part, MapTemplate):
            for key, value in reversed(part.entries):
                waiting.append(value)
                if isinstance(key, Constant) and isinstance(key.value, str) and _is_secret(key.value, value):
                    yield f"'{key.value}' stands in the source in clear text", value.position


def _is_secret(name: str, value: Template) -> bool:
    """Whether a name is that of a secret, and its value is one: not empty, not a place, not an expression."""
    if not _NAME.fullmatch(name) or _OTHER_NAME.search(name):
        return False
    text = literal(value)
    return isinstance(text, str) and bool(text.strip()) and not text.startswith(_PATHS)


def _by_shape(template: Template) -> Iterator[tuple[str, Position]]:
    """Texts that look like a key or a token of a known kind, wherever they stand."""
    waiting: list[Template] = [template]
    while waiting:
        part = waiting.pop()
        match part:
            case Constant(value=str() as text):
                texts = [text]
            case Evaluated():
                literals = (node.value for node in nodes(part.expression) if isinstance(node, Literal))
                texts = [text for text in literals if isinstance(text, str)]
            case MapTemplate():
                waiting.extend(value for _, value in part.entries)
                continue
            case ListTemplate():
                waiting.extend(part.items)
                continue
            case _:
                continue
        if any(_SHAPES.search(text) for text in texts):
            yield "what looks like a key or a token stands in the source in clear text", part.position
