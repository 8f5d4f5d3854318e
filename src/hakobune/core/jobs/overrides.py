"""What one run may change of its job, and what the execution's template becomes.

Rules: Cloud Run Admin API v2, `jobs.run` (message Overrides). Not changeable by a run: parallelism, retries, images,
commands, resources, the account. A parallelism above the count is no error: the smaller of the two counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hakobune.core.containers import Container, EnvVar
from hakobune.core.errors import FieldViolation, InvalidArgument
from hakobune.core.jobs import limits
from hakobune.core.jobs.drafts import ContainerOverride, Overrides
from hakobune.core.jobs.model import ExecutionTemplate


def apply_overrides(template: ExecutionTemplate, overrides: Overrides) -> ExecutionTemplate:
    """The template of one execution. Raises InvalidArgument: a count or timeout out of range, an unknown container."""
    containers = template.template.containers
    for number, override in enumerate(overrides.containers):
        place = _place(containers, override, f"overrides.container_overrides[{number}].name")
        changed = _override(containers[place], override)
        containers = (*containers[:place], changed, *containers[place + 1 :])
    timeout_s = template.template.timeout_s
    if overrides.timeout_s is not None:
        timeout_s = _timeout(overrides.timeout_s, has_gpu=uses_gpu(template))
    return replace(
        template,
        task_count=template.task_count if overrides.task_count is None else _count(overrides.task_count),
        template=replace(template.template, containers=containers, timeout_s=timeout_s),
    )


def uses_gpu(template: ExecutionTemplate) -> bool:
    """Whether tasks ask for a GPU: their longest timeout is an hour then."""
    asked = any(container.limits.get(limits.GPU_RESOURCE, "0") != "0" for container in template.template.containers)
    return asked or "nodeSelector" in template.template.other


def _place(containers: Sequence[Container], override: ContainerOverride, field: str) -> int:
    if len(containers) == 1:
        return 0  # whatever it is called: there is only one that can be meant
    for place, container in enumerate(containers):
        if override.name and container.name == override.name:
            return place
    names = ", ".join(container.name for container in containers)
    raise _bad(field, f"names no container of this job: {override.name[:63]!r} (it has {names})")


def _override(container: Container, override: ContainerOverride) -> Container:
    return replace(
        container,
        args=container.args if override.args is None else override.args,
        env=_merged(container.env, override.env),
    )


def _merged(env: Sequence[EnvVar], changes: Sequence[EnvVar]) -> tuple[EnvVar, ...]:
    """Variables by name: a change takes the place of its namesake, new ones come last."""
    by_name = {variable.name: variable for variable in env}
    by_name.update({variable.name: variable for variable in changes})
    return tuple(by_name.values())


def _count(count: int) -> int:
    if not 1 <= count <= limits.TASKS_MAX:
        raise _bad("overrides.task_count", f"must be from 1 to {limits.TASKS_MAX}, not {count}")
    return count


def _timeout(timeout_s: float, *, has_gpu: bool) -> float:
    most = limits.TIMEOUT_GPU_MAX_S if has_gpu else limits.TIMEOUT_MAX_S
    if not limits.TIMEOUT_MIN_S <= timeout_s <= most:
        raise _bad("overrides.timeout", f"must be from {limits.TIMEOUT_MIN_S:g}s to {most:.0f}s, not {timeout_s:g}s")
    return timeout_s


def _bad(field: str, text: str) -> InvalidArgument:
    return InvalidArgument(f"{field}: {text}", violations=[FieldViolation(field=field, description=text)])
