"""`gke.*`: known, so that a definition with them can be deployed; not supported when they are called.

Source: https://cloud.google.com/workflows/docs/reference/stdlib/gke/request and the pages beside it
"""

from __future__ import annotations

from collections.abc import Callable

from hakobune.core.workflows.effects import Procedure
from hakobune.core.workflows.failures import system_error
from hakobune.core.workflows.stdlib.registry import Kind, LibraryFunction, LibraryParameter, Missing
from hakobune.core.workflows.values import Value

_CLUSTER = ("project", "location", "cluster_id")


def _function(name: str, required: tuple[str, ...], optional: tuple[str, ...]) -> LibraryFunction:
    parameters = (
        *(LibraryParameter(parameter) for parameter in (*_CLUSTER, *required)),
        *(LibraryParameter(parameter, is_required=False) for parameter in optional),
    )
    return LibraryFunction(name=name, parameters=parameters, kind=Kind.BLOCKING, run=_refusal(name))


def _refusal(name: str) -> Callable[..., Procedure]:
    def run(*_arguments: Value | Missing) -> Procedure:
        yield from ()  # a procedure, though it waits for nothing
        raise system_error(f"{name} is not supported: there is no Kubernetes cluster here")

    return run


FUNCTIONS = (
    _function("gke.request", ("method", "path"), ("query", "body", "timeout")),
    _function("gke.create_job", ("namespace", "job"), ()),
    _function("gke.await_job", ("job_name",), ("namespace", "timeout")),
    _function("gke.delete_job", ("job_name",), ("namespace", "query")),
)
