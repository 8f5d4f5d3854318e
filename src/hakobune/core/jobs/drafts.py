"""What a caller sends: a job as declared, before the service adds names, numbers and times, and overrides of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from hakobune.core.containers import Container, EnvVar
from hakobune.core.jobs import limits
from hakobune.core.jobs.model import ExecutionTemplate


def _no_json() -> dict[str, object]:
    return {}


def _no_texts() -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDraft:
    """A job as its user declares it, checked and with defaults filled in."""

    labels: Mapping[str, str] = field(default_factory=_no_texts)
    annotations: Mapping[str, str] = field(default_factory=_no_texts)
    client: str = ""
    client_version: str = ""
    launch_stage: str = ""
    template: ExecutionTemplate
    start_execution_token: str = ""
    run_execution_token: str = ""
    etag: str = ""  # of the job that the caller read, "" if it did not say
    other: Mapping[str, object] = field(default_factory=_no_json)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerOverride:
    """Changes to one container for one execution. `args` is None when untouched."""

    name: str = ""
    args: tuple[str, ...] | None = None
    env: tuple[EnvVar, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """Changes for one execution only."""

    containers: tuple[ContainerOverride, ...] = ()
    task_count: int | None = None
    timeout_s: float | None = None


def with_default_memory_kept(draft: JobDraft, before: ExecutionTemplate) -> JobDraft:
    """`draft` as the next declaration of a job that is `before` now.

    Clients read a job, change a field, and write all of it back, the memory limit that we filled in included. A limit
    equal to the default stays "not set by the user" for a container that had none of its own (matched by name, else
    by place): reading and writing back must not begin to enforce it.
    """
    old = before.template.containers
    by_name = {container.name: container for container in old if container.name}
    containers = tuple(
        _without_default_memory(container, by_name.get(container.name) or (old[place] if place < len(old) else None))
        for place, container in enumerate(draft.template.template.containers)
    )
    task = replace(draft.template.template, containers=containers)
    return replace(draft, template=replace(draft.template, template=task))


def _without_default_memory(container: Container, before: Container | None) -> Container:
    is_default = container.limits.get("memory") == limits.MEMORY_DEFAULT
    if before is None or before.memory_set_by_user or not is_default:
        return container
    return replace(container, memory_set_by_user=False)
