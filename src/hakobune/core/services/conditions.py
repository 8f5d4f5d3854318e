"""What residents and their revisions say about themselves.

Source of types, reasons and messages: what the service answers (Cloud Run Admin API v2, `Service.conditions`,
`Revision.conditions`, `WorkerPool.conditions`), as gcloud's stages read it.
"""

from __future__ import annotations

from hakobune.core.conditions import Condition, ConditionState
from hakobune.core.services.model import Resident, Revision, RevisionState
from hakobune.core.services.names import Kind
from hakobune.core.services.texts import FAILED_REASON, crashing

READY = "Ready"
_DEPLOYING = "Deploying Revision."
_PROVISIONING = "Provisioning revision instances to process workloads."
_RETIRED = "Revision retired."


def resident_conditions(resident: Resident) -> tuple[Condition, ...]:
    """The terminal one (`Ready`) first; services tell of their configuration and their routes as well."""
    state, reason, message = _resident_state(resident)
    since_s = _since_s(resident)
    ready = Condition(type=READY, state=state, since_s=since_s, reason=reason, message=message)
    if resident.name.kind is Kind.POOL:
        return (ready,)
    return (
        ready,
        Condition(type="ConfigurationsReady", state=state, since_s=since_s, reason=reason, message=message),
        Condition(type="RoutesReady", state=_routes(resident, state), since_s=since_s),
    )


def _resident_state(resident: Resident) -> tuple[ConditionState, str, str]:
    if resident.is_reconciling:
        return ConditionState.RECONCILING, "", _DEPLOYING
    if resident.ready_reason:
        return ConditionState.FAILED, resident.ready_reason, resident.ready_message
    if resident.crash_loop is not None:
        return ConditionState.FAILED, FAILED_REASON, crashing(resident.crash_loop)
    return ConditionState.SUCCEEDED, "", ""


def _since_s(resident: Resident) -> float:
    if resident.crash_loop is not None and not resident.is_reconciling and not resident.ready_reason:
        return resident.crash_loop.since_s
    return resident.update_time_s if resident.settle_time_s is None else resident.settle_time_s


def _routes(resident: Resident, state: ConditionState) -> ConditionState:
    """The routes of a service whose newest revision failed lead to the former one, if there is one."""
    if state is ConditionState.FAILED and resident.latest_ready:
        return ConditionState.SUCCEEDED
    return state


def revision_conditions(revision: Revision) -> tuple[Condition, ...]:
    """`Ready` first."""
    states = _REVISION_STATES[revision.state]
    message = _revision_message(revision)
    found: list[Condition] = []
    for kind, state in states:
        is_told = kind == READY or (state is ConditionState.FAILED) or state is ConditionState.RECONCILING
        found.append(
            Condition(
                type=kind,
                state=state,
                since_s=revision.state_time_s,
                message=message if is_told else "",
                revision_reason=_revision_reason(revision, kind, state),
            )
        )
    return tuple(found)


_WORKING = ConditionState.RECONCILING
_WELL = ConditionState.SUCCEEDED
_ILL = ConditionState.FAILED

_REVISION_STATES: dict[RevisionState, tuple[tuple[str, ConditionState], ...]] = {
    RevisionState.DEPLOYING: (
        (READY, _WORKING),
        ("Active", _WORKING),
        ("ResourcesAvailable", _WORKING),
        ("ContainerReady", _WORKING),
        ("ContainerHealthy", _WORKING),
        ("MinInstancesProvisioned", _WORKING),
    ),
    RevisionState.READY: (
        (READY, _WELL),
        ("Active", _WELL),
        ("ResourcesAvailable", _WELL),
        ("ContainerReady", _WELL),
        ("ContainerHealthy", _WELL),
        ("MinInstancesProvisioned", _WELL),
    ),
    RevisionState.FAILED: (
        (READY, _ILL),
        ("Active", _ILL),
        ("ResourcesAvailable", _ILL),
        ("ContainerReady", _WELL),
        ("ContainerHealthy", _ILL),
    ),
    RevisionState.RETIRED: (
        (READY, _WELL),
        ("Active", _ILL),
        ("ResourcesAvailable", _WELL),
        ("ContainerReady", _WELL),
        ("ContainerHealthy", _WELL),
    ),
}


def _revision_message(revision: Revision) -> str:
    match revision.state:
        case RevisionState.DEPLOYING:
            return _PROVISIONING
        case RevisionState.READY:
            return f"Deploying revision succeeded in {revision.state_time_s - revision.create_time_s:.2f}s."
        case RevisionState.FAILED:
            return revision.message
        case RevisionState.RETIRED:
            return _RETIRED


def _revision_reason(revision: Revision, kind: str, state: ConditionState) -> str:
    if state is not ConditionState.FAILED:
        return ""
    return "RETIRED" if revision.state is RevisionState.RETIRED and kind == "Active" else revision.reason
