"""The connectors as functions of the library: found by their full names, `googleapis.SERVICE.VERSION.METHOD`.

Source: https://cloud.google.com/workflows/docs/reference/googleapis
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import lru_cache

from hakobune.core.workflows.connectors.methods import PREFIX, Method, method, method_ids, services
from hakobune.core.workflows.connectors.options import PARAMETER
from hakobune.core.workflows.connectors.procedure import perform
from hakobune.core.workflows.connectors.requests import BODY, UNLISTED, extra_parameters, unlisted_arguments
from hakobune.core.workflows.connectors.shortcuts import shortcut, shortcut_ids
from hakobune.core.workflows.effects import Procedure
from hakobune.core.workflows.frames import Context
from hakobune.core.workflows.stdlib.registry import Kind, LibraryFunction, LibraryParameter, Missing
from hakobune.core.workflows.values import Value

# Services that this house serves, now or later: what they take is known, so a misspelt argument is told. Descriptions
# of the others leave out arguments that published samples pass; those become parameters of the query.
_CLOSED = frozenset(
    {
        "cloudscheduler",
        "cloudtasks",
        "logging",
        "pubsub",
        "run",
        "secretmanager",
        "storage",
        "workflowexecutions",
        "workflows",
    }
)


@lru_cache(maxsize=512)
def find(path: str) -> LibraryFunction | None:
    """The connector of this full name, or None."""
    service, identifier = _parts(path)
    known = method(service, identifier)
    return shortcut(service, identifier) if known is None else _function(known)


def suggestion(path: str) -> str | None:
    """The full name of a connector, or `googleapis.SERVICE.VERSION`, that is much like this name; None if none is."""
    service, identifier = _parts(path)
    near = _near_service(service)
    if near is None:
        return None
    found = get_close_matches(identifier, (*method_ids(near), *shortcut_ids(near)), n=1)
    if found:
        return f"{PREFIX}{near}.{found[0]}"
    return None if near == service else f"{PREFIX}{near}"


def _near_service(service: str) -> str | None:
    """The service itself, another version of it, or one with nearly the same name."""
    api = service.partition(".")[0]
    versions = [name for name in services() if name.partition(".")[0] == api]
    if versions:
        return get_close_matches(service, versions, n=1, cutoff=0.0)[0]
    return next(iter(get_close_matches(service, services(), n=1, cutoff=0.8)), None)


def _parts(path: str) -> tuple[str, str]:
    """Service with version, and the name of the method there."""
    if not path.startswith(PREFIX):
        return "", ""
    name, _, rest = path.removeprefix(PREFIX).partition(".")
    version, _, identifier = rest.partition(".")
    return f"{name}.{version}", identifier


def _function(known: Method) -> LibraryFunction:
    parameters = _parameters(known)
    is_open = known.service.partition(".")[0] not in _CLOSED

    def run(context: Context, *arguments: Value | Missing) -> Procedure:
        names = [*(parameter.name for parameter in parameters), *((UNLISTED,) if is_open else ())]
        named = dict(zip(names, arguments, strict=True))
        return perform(context, known.name, known, unlisted_arguments(known, named) if is_open else named)

    return LibraryFunction(
        name=known.name,
        parameters=parameters,
        kind=Kind.BLOCKING,
        run=run,
        is_open=is_open,
        is_expression_allowed=known.waiting is None,
    )


def _parameters(known: Method) -> tuple[LibraryParameter, ...]:
    """In positional order: what is required, other parameters of the query, the region of the host, the body."""
    optional = (
        *(parameter.name for parameter in known.parameters if not parameter.is_required),
        *extra_parameters(known),
        *([known.region_parameter] if known.region_parameter else []),
        *([BODY] if known.has_body else []),
        PARAMETER,
    )
    return (
        *(LibraryParameter(parameter.name) for parameter in known.parameters if parameter.is_required),
        *(LibraryParameter(name, is_required=False) for name in optional),
    )
