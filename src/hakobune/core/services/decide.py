"""What becomes of residents and revisions when something is declared or happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hakobune.core.errors import FailedPrecondition
from hakobune.core.services import limits, texts
from hakobune.core.services.autoscaling import policy_of
from hakobune.core.services.model import (
    Instance,
    Resident,
    ResidentDraft,
    Revision,
    RevisionState,
    Template,
)
from hakobune.core.services.names import Kind, ResidentName, RevisionName
from hakobune.core.services.shares import serving
from hakobune.core.services.states import (
    InstanceSignal,
    RevisionSignal,
    next_instance_state,
    next_revision_state,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """Identifiers that nobody has used yet, and who asks."""

    resident_uid: str
    revision_uid: str
    suffix: str  # three characters
    etag: str
    revision_etag: str
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A resident as it is now, with the revision that the declaration makes."""

    resident: Resident
    revision: Revision | None = None


def declare(
    name: ResidentName, draft: ResidentDraft, old: Resident | None, fresh: Fresh, now_s: float, *, forced: bool = False
) -> Declared:
    """Replace what is declared. A changed template makes a revision, and so does `forced`."""
    _is_autoscaled(name, draft)  # what it declares is checked
    is_new = old is None or forced or _program(old.template) != _program(draft.template) or _renamed(old, draft)
    generation = 1 if old is None else old.generation + int(is_new or _declaration(old) != _declaration(draft))
    made = (0 if old is None else old.revisions_made) + int(is_new)
    resident = Resident(
        name=name,
        uid=fresh.resident_uid if old is None else old.uid,
        generation=generation,
        observed_generation=0 if old is None else old.observed_generation,
        etag=f'"{fresh.etag}"',
        description=draft.description,
        labels=draft.labels,
        annotations=draft.annotations,
        create_time_s=now_s if old is None else old.create_time_s,
        update_time_s=now_s,
        creator=fresh.account if old is None else old.creator,
        last_modifier=fresh.account,
        client=draft.client,
        client_version=draft.client_version,
        launch_stage=draft.launch_stage,
        ingress=draft.ingress,
        invoker_iam_disabled=draft.invoker_iam_disabled,
        default_uri_disabled=draft.default_uri_disabled,
        custom_audiences=draft.custom_audiences,
        template=draft.template,
        shares=draft.shares,
        scaling=draft.scaling,
        auto_count=None if old is None or not _is_autoscaled(name, draft) else old.auto_count,
        port=0 if old is None else old.port,
        revisions_made=made,
        latest_created="" if old is None else old.latest_created,
        latest_ready="" if old is None else old.latest_ready,
        is_reconciling=is_new or (old is not None and old.is_reconciling),
        ready_reason="" if is_new or old is None else old.ready_reason,
        ready_message="" if is_new or old is None else old.ready_message,
        settle_time_s=None if old is None else old.settle_time_s,
        other=draft.other,
    )
    if not is_new:
        if not resident.is_reconciling:
            resident = replace(resident, observed_generation=generation)
        return Declared(resident=resident)
    revision = _revision(resident, fresh, now_s)
    return Declared(resident=replace(resident, latest_created=revision.name.revision), revision=revision)


def _is_autoscaled(name: ResidentName, draft: ResidentDraft) -> bool:
    """Raises InvalidArgument."""
    return name.kind is Kind.POOL and policy_of(draft, name.project) is not None


def _program(template: Template) -> Template:
    """A template without the name of its revision."""
    return replace(template, revision="")


def _renamed(old: Resident, draft: ResidentDraft) -> bool:
    """A name that the newest revision has not asks for another revision."""
    return bool(draft.template.revision) and draft.template.revision not in (old.latest_created, old.template.revision)


def _declaration(one: Resident | ResidentDraft) -> tuple[object, ...]:
    """What makes a new generation when it changes."""
    return (
        one.description,
        one.labels,
        one.annotations,
        one.launch_stage,
        one.ingress,
        one.invoker_iam_disabled,
        one.default_uri_disabled,
        one.custom_audiences,
        one.template,
        one.shares,
        one.scaling,
        one.other,
    )


def _revision(resident: Resident, fresh: Fresh, now_s: float) -> Revision:
    number = resident.revisions_made
    generated = f"{resident.name.id}-{number:05d}-{fresh.suffix}"
    return Revision(
        name=RevisionName.make(resident.name, resident.template.revision or generated, field="template.revision"),
        uid=fresh.revision_uid,
        resident_uid=resident.uid,
        number=number,
        etag=f'"{fresh.revision_etag}"',
        create_time_s=now_s,
        update_time_s=now_s,
        creator=resident.last_modifier,
        launch_stage=resident.launch_stage,
        template=resident.template,
        state_time_s=now_s,
    )


def check_shares(resident: Resident, known: Mapping[str, Revision]) -> None:
    """Raises FailedPrecondition for shares of revisions that are not there, or failed. `known` are by id."""
    for share in resident.shares:
        if not share.revision:
            continue
        revision = known.get(share.revision)
        if revision is None:
            raise FailedPrecondition(
                f"Revision '{share.revision}' of '{resident.name.id}' does not exist: no traffic can be sent to it."
            )
        if revision.state is RevisionState.FAILED:
            raise FailedPrecondition(texts.not_ready(revision.name, revision.message))


def moved(revision: Revision, signal: RevisionSignal, now_s: float, reason: str = "", message: str = "") -> Revision:
    """A revision after a signal. Raises IllegalTransition."""
    return replace(
        revision,
        state=next_revision_state(revision.state, signal),
        state_time_s=now_s,
        update_time_s=now_s,
        reason=reason,
        message=message,
    )


def shown(resident: Resident, revision: Revision, now_s: float) -> Resident:
    """The resident whose newest revision is ready."""
    if revision.name.revision != resident.latest_created:
        return resident
    return replace(
        resident,
        latest_ready=revision.name.revision,
        is_reconciling=False,
        observed_generation=resident.generation,
        ready_reason="",
        ready_message="",
        crash_loop=None,
        settle_time_s=now_s,
    )


def failed(resident: Resident, revision: Revision, now_s: float) -> Resident:
    """The resident whose newest revision failed. What was ready before goes on."""
    if revision.name.revision != resident.latest_created:
        return resident
    return replace(
        resident,
        is_reconciling=False,
        observed_generation=resident.generation,
        ready_reason=texts.FAILED_REASON,
        ready_message=texts.not_ready(revision.name, revision.message),
        settle_time_s=now_s,
    )


def turnover(resident: Resident, revision: Revision) -> RevisionSignal | None:
    """Whether a revision begins to serve, or is retired, by what leads to it now."""
    kept = serving(resident)
    name = revision.name.revision
    if revision.state is RevisionState.READY and name not in kept:
        return RevisionSignal.RETIRE
    if revision.state is RevisionState.RETIRED and name in kept:
        return RevisionSignal.SERVE
    if revision.state is RevisionState.DEPLOYING and name != resident.latest_created and name not in kept:
        return RevisionSignal.RETIRE
    return None


# -- instances ----------------------------------------------------------------------------------------------------


def backoff_s(failures: int) -> float:
    """Seconds before the next start in a place whose instances ended so often in a row (≥ 1)."""
    return min(limits.RESTART_MAX_S, limits.RESTART_FIRST_S * 2.0 ** min(failures - 1, 16))


def rested(instance: Instance, now_s: float, detail: str, *, is_our_fault: bool) -> Instance:
    """An instance that ended by itself, in its place until the next one begins: at once if the platform lost it."""
    began_s = instance.ready_time_s if instance.ready_time_s is not None else instance.create_time_s
    lived = now_s - began_s >= limits.RESTART_FORGIVEN_S
    failures = (0 if lived else instance.failures) + int(not is_our_fault)
    return replace(
        instance,
        state=next_instance_state(instance.state, InstanceSignal.EXIT),
        failures=failures,
        restart_s=now_s if is_our_fault else now_s + backoff_s(failures),
        detail=detail,
    )


def restarted(instance: Instance, uid: str, port: int, now_s: float) -> Instance:
    """The next instance in a place."""
    return Instance(
        uid=uid,
        resident_uid=instance.resident_uid,
        revision_uid=instance.revision_uid,
        index=instance.index,
        port=port,
        state=next_instance_state(instance.state, InstanceSignal.RESTART),
        create_time_s=now_s,
        failures=instance.failures,
        detail=instance.detail,
    )


def answered(instance: Instance, now_s: float) -> Instance:
    """An instance whose startup probe succeeded."""
    return replace(
        instance,
        state=next_instance_state(instance.state, InstanceSignal.ANSWERED),
        ready_time_s=now_s,
        detail="",
    )


def told(instance: Instance, signal: InstanceSignal) -> Instance:
    """An instance that is to drain or to stop."""
    return replace(instance, state=next_instance_state(instance.state, signal))
