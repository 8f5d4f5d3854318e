"""How many instances of a revision there should be, and which of them begin, rest no longer, or end.

Rules: "About instance autoscaling" (https://cloud.google.com/run/docs/about-instance-autoscaling), minimum and maximum
instances, manual scaling. Instances are ours to choose: an idle one ends, never a busy one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hakobune.core.quantities import millicores_from_quantity
from hakobune.core.services import limits
from hakobune.core.services.model import (
    InstanceState,
    Resident,
    Revision,
    RevisionState,
    ScalingMode,
    Template,
)
from hakobune.core.services.names import Kind
from hakobune.core.services.shares import divided, percents, serving


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Between how many instances a revision has."""

    least: int
    most: int


def concurrency(template: Template) -> int:
    """Requests that an instance takes at once. With less than a CPU it is 1, unless the template says otherwise.
    Source: "Maximum concurrent requests per instance"."""
    if template.max_concurrency:
        return template.max_concurrency
    cpu = template.members[0].container.limits.get("cpu", "1") if template.members else "1"
    return 1 if millicores_from_quantity(cpu) < 1000 else limits.CONCURRENCY_DEFAULT


def is_manual(resident: Resident) -> bool:
    """Whether a number of instances is given, and demand does not count."""
    scaling = resident.scaling
    if resident.name.kind is Kind.POOL:
        return True
    return scaling.mode is ScalingMode.MANUAL or (scaling.mode is None and scaling.manual is not None)


def manual_count(resident: Resident) -> int:
    """The number that is given, or that the autoscaler of a pool asks for; 1 if there is none."""
    if resident.auto_count is not None:
        return resident.auto_count
    return 1 if resident.scaling.manual is None else resident.scaling.manual


def bounds(resident: Resident, revisions: Sequence[Revision]) -> dict[str, Bounds]:
    """What each revision of a resident may have, by uid. One that is being deployed has one to show itself."""
    by_id = percents(resident)
    kept = serving(resident)
    parts = [by_id.get(revision.name.revision, 0) for revision in revisions]
    manual = manual_count(resident)
    counts = divided(manual if is_manual(resident) else resident.scaling.min_instances, parts)
    found: dict[str, Bounds] = {}
    for revision, count in zip(revisions, counts, strict=True):
        if revision.state is RevisionState.DEPLOYING:
            first = min(1, manual) if is_manual(resident) else 1
            found[revision.uid] = Bounds(least=first, most=first)
        elif revision.state is not RevisionState.READY or revision.name.revision not in kept:
            found[revision.uid] = Bounds(least=0, most=0)
        elif is_manual(resident):
            found[revision.uid] = Bounds(least=count, most=count)
        else:
            most = _most(resident, revision.template)
            found[revision.uid] = Bounds(least=min(most, max(count, revision.template.min_instances)), most=most)
    return found


def _most(resident: Resident, template: Template) -> int:
    given = [count for count in (template.max_instances, resident.scaling.max_instances) if count]
    return min(given, default=limits.INSTANCES_MAX_DEFAULT)


def wanted(allowed: Bounds, demand: int, per_instance: int) -> int:
    """Instances for so many requests in flight and waiting."""
    return max(allowed.least, min(allowed.most, math.ceil(demand / per_instance)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An instance as a plan sees it. `idle_s`: how long it has been idle; None: it is busy."""

    uid: str
    index: int
    state: InstanceState
    idle_s: float | None = 0.0
    restart_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What changes: places in which instances begin, resting ones that begin again or are given up, and running ones
    that are not wanted any more."""

    begins: tuple[int, ...] = ()
    restarts: tuple[str, ...] = ()
    drops: tuple[str, ...] = ()
    drains: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.begins or self.restarts or self.drops or self.drains)


_COUNTED = (InstanceState.STARTING, InstanceState.READY, InstanceState.RESTING)


def plan(seen: Sequence[Seen], count: int, now_s: float, *, keep_idle_s: float, may_drain_busy: bool = False) -> Plan:
    """Bring a revision to `count` instances. Idle ones go when they have been idle for `keep_idle_s`; busy ones stay,
    unless they may be drained: then they end as soon as nothing is in flight."""
    counted = [one for one in seen if one.state in _COUNTED]
    surplus = len(counted) - count
    drops = _last(counted, InstanceState.RESTING, surplus)
    surplus -= len(drops)
    drains = _surplus(counted, surplus, keep_idle_s, may_drain_busy=may_drain_busy)
    restarts = tuple(
        one.uid
        for one in counted
        if one.state is InstanceState.RESTING and one not in drops and (one.restart_s or 0.0) <= now_s
    )
    taken = {one.index for one in seen}
    free = (index for index in range(len(taken) + max(0, -surplus)) if index not in taken)
    begins = tuple(index for index, _ in zip(free, range(max(0, -surplus)), strict=False))
    return Plan(
        begins=begins, restarts=restarts, drops=tuple(one.uid for one in drops), drains=tuple(one.uid for one in drains)
    )


def _last(counted: Sequence[Seen], state: InstanceState, count: int) -> list[Seen]:
    if count <= 0:
        return []
    return sorted((one for one in counted if one.state is state), key=lambda one: -one.index)[:count]


def _surplus(counted: Sequence[Seen], count: int, keep_idle_s: float, *, may_drain_busy: bool) -> list[Seen]:
    """Those that start are given up first, then the idle, longest first."""
    if count <= 0:
        return []
    starting = _last(counted, InstanceState.STARTING, count) if may_drain_busy or not keep_idle_s else []
    ready = [one for one in counted if one.state is InstanceState.READY]
    if not may_drain_busy:
        ready = [one for one in ready if one.idle_s is not None and one.idle_s >= keep_idle_s]
    ready.sort(key=lambda one: (one.idle_s is None, -(one.idle_s or 0.0), -one.index))
    return [*starting, *ready][:count]
