"""Extensions beyond Cloud Run, declared as annotations of the execution template so that they travel with a job
through any client. Only names under `hakobune.dev/` are ours."""

from __future__ import annotations

from collections.abc import Mapping

from hakobune.core.errors import FieldViolation, InvalidArgument
from hakobune.core.jobs import limits
from hakobune.core.jobs.model import Execution, Policy

PREFIX = "hakobune.dev/"
BACKOFF = "hakobune.dev/retry-backoff-seconds"
MAX_FAILED_TASKS = "hakobune.dev/max-failed-tasks"
WARM_MODULES = "hakobune.dev/warm-modules"
SOURCE = "hakobune.dev/source"  # a directory on this machine; read at deploy time
RERUN_OF = "hakobune.dev/rerun-of"  # shown on an execution: the one whose failed tasks it runs again
KNOWN = frozenset({BACKOFF, MAX_FAILED_TASKS, WARM_MODULES, SOURCE})


def policy_from_annotations(annotations: Mapping[str, str], *, field: str = "template.annotations") -> Policy:
    """Read our annotations. Raises InvalidArgument naming the annotation that is wrong."""
    return Policy(
        backoff_s=_number(annotations, BACKOFF, limits.BACKOFF_MAX_S, field) or 0.0,
        max_failed_tasks=_count(annotations, field),
        warm_modules=_modules(annotations, field),
    )


def shown_annotations(execution: Execution) -> Mapping[str, str]:
    """The annotations of an execution as clients see them."""
    if not execution.rerun_of:
        return execution.annotations
    return {**execution.annotations, RERUN_OF: execution.rerun_of}


def _bad(field: str, name: str, text: str) -> InvalidArgument:
    where = f"{field}[{name!r}]"
    return InvalidArgument(f"{where}: {text}", violations=[FieldViolation(field=where, description=text)])


def _number(annotations: Mapping[str, str], name: str, most: float, field: str) -> float | None:
    text = annotations.get(name)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= most:
        raise _bad(field, name, f"must be a number of seconds from 0 to {most:.0f}, not {text[:40]!r}")
    return value


def _count(annotations: Mapping[str, str], field: str) -> int | None:
    text = annotations.get(MAX_FAILED_TASKS)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) > limits.TASKS_MAX:
        raise _bad(field, MAX_FAILED_TASKS, f"must be a whole number from 0 to {limits.TASKS_MAX}, not {text[:40]!r}")
    return int(text)


def _modules(annotations: Mapping[str, str], field: str) -> tuple[str, ...]:
    text = annotations.get(WARM_MODULES, "")
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if not all(part.isidentifier() for part in name.split(".")):
            raise _bad(field, WARM_MODULES, f"{name[:60]!r} is not the name of a Python module")
    return names
