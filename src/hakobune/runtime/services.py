"""The room of services and worker pools: what callers ask of it. What follows from that: `service_turns` (states),
`service_control` (instances)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import anyio

from hakobune.core.errors import Aborted, AlreadyExists, FailedPrecondition, NotFound, ResourceExhausted
from hakobune.core.names import WILDCARD, OperationName
from hakobune.core.operations import ResidentOperation, ResidentVerb
from hakobune.core.services import decide, limits, texts
from hakobune.core.services.decide import Declared, Fresh
from hakobune.core.services.model import Resident, ResidentDraft, Revision, RevisionState
from hakobune.core.services.names import Kind, ResidentName, RevisionName
from hakobune.core.services.shares import serving
from hakobune.runtime import service_turns as turns
from hakobune.runtime.clock import Identifiers
from hakobune.runtime.runs import Caller
from hakobune.runtime.service_control import ServiceControl
from hakobune.runtime.service_programs import ServicePrograms
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.store.api import Page, ReadTx, WriteTx

ROOM = turns.ROOM
_SUPERSEDED = "A later declaration replaced it before it was ready."
_DELETED = "It was deleted before it was ready."
_log = logging.getLogger("hakobune.services")


class Doors(Protocol):
    """Opens the loopback ports of services. The front door is one."""

    async def open(self, name: ResidentName, port: int) -> int:
        """Listen on this port (0: any free one) for a service; the port. Raises OSError."""
        ...

    async def close(self, name: ResidentName) -> None:
        """The service is gone."""
        ...


class ServicesRoom:
    """Services and worker pools of all projects."""

    def __init__(
        self, wheel: Wheel, identifiers: Identifiers, programs: ServicePrograms, control: ServiceControl
    ) -> None:
        self._wheel = wheel
        self._identifiers = identifiers
        self._programs = programs
        self._control = control
        self._declaring = anyio.Lock()  # a name has one door
        self.doors: Doors | None = None  # set by the front door, before `open_doors`

    async def open_doors(self) -> None:
        """At a start, when `doors` is set: open the stored port of each service; one that is taken gets another, and
        every service is known to the fleet then."""
        for uid in await self._wheel.store.read(lambda tx: tx.services.resident_uids()):
            picture = await self._control.show(uid)
            if picture is None or picture.resident.name.kind is not Kind.SERVICE:
                continue
            port = await self._open(picture.resident.name, picture.resident.port)
            if port != picture.resident.port:
                await self._wheel.persist(_moving(uid, port))
                await self._control.show(uid)

    async def _open(self, name: ResidentName, port: int) -> int:
        """The port of a service, 0 if there is none. Raises ResourceExhausted."""
        if self.doors is None or name.kind is not Kind.SERVICE:
            return 0
        try:
            return await self.doors.open(name, port)
        except OSError as error:
            if not port:
                raise ResourceExhausted(f"There is no free port for service '{name.id}': {error.strerror}.") from error
            _log.warning("port %d of service '%s' is taken: it gets another one", port, name.id)
            return await self._open(name, 0)

    # -- residents ------------------------------------------------------------------------------------------------

    async def create(
        self, name: ResidentName, draft: ResidentDraft, caller: Caller, *, validate_only: bool = False
    ) -> ResidentOperation:
        """Declare a new resident. Raises AlreadyExists, InvalidArgument, FailedPrecondition, Unimplemented."""

        def declare(old: Resident | None) -> ResidentDraft:
            if old is not None:
                raise AlreadyExists(f"Resource '{name.id}' already exists.")
            return draft

        return await self._declare(name, declare, caller, validate_only=validate_only)

    async def update(
        self,
        name: ResidentName,
        declare: Callable[[Resident | None], ResidentDraft],
        caller: Caller,
        *,
        allow_missing: bool = False,
        validate_only: bool = False,
        force_new_revision: bool = False,
    ) -> ResidentOperation:
        """Replace what is declared by what `declare` makes of it: in one turn, so that nobody changes it in between.
        Raises NotFound, Aborted (the draft's etag is not the resident's), FailedPrecondition (a share of a revision
        that cannot have it), and what `declare` raises."""

        def known(old: Resident | None) -> ResidentDraft:
            if old is None and not allow_missing:
                raise NotFound(texts.missing(name))
            return declare(old)

        return await self._declare(name, known, caller, validate_only=validate_only, forced=force_new_revision)

    async def _declare(
        self,
        name: ResidentName,
        declare: Callable[[Resident | None], ResidentDraft],
        caller: Caller,
        *,
        validate_only: bool,
        forced: bool = False,
    ) -> ResidentOperation:
        async with self._declaring:
            operation = await self._declare_alone(name, declare, caller, validate_only=validate_only, forced=forced)
        if not validate_only:
            await self._shown(operation)
        return operation

    async def _declare_alone(
        self,
        name: ResidentName,
        declare: Callable[[Resident | None], ResidentDraft],
        caller: Caller,
        *,
        validate_only: bool,
        forced: bool,
    ) -> ResidentOperation:
        fresh = self._fresh(caller)
        is_known = await self._wheel.store.read(lambda tx: tx.services.find_resident(name) is not None)
        port = 0 if is_known or validate_only else await self._open(name, 0)

        def unit(turn: Turn) -> ResidentOperation:
            old = turn.tx.services.find_resident(name)
            draft = declare(old)
            self._programs.check(draft.template)
            if old is not None:
                _check_etag(old.etag, draft.etag, name.id)
            made = decide.declare(name, draft, old, fresh, turn.now_s, forced=forced)
            _check_shares(turn, made)
            if old is None:
                made = replace(made, resident=replace(made.resident, port=port))
            verb = ResidentVerb.CREATE if old is None else ResidentVerb.UPDATE
            operation = self._operation(verb, made.resident, turn.now_s, done=not made.resident.is_reconciling)
            if validate_only:
                return replace(operation, done=True)
            made = replace(made, resident=replace(made.resident, operation=operation.name.operation))
            return self._save(turn, old, made, replace(operation, resource=made.resident))

        try:
            return await self._wheel.turn(unit)
        except BaseException:
            if port and self.doors is not None:
                await self.doors.close(name)
            raise

    def _save(
        self, turn: Turn, old: Resident | None, made: Declared, operation: ResidentOperation
    ) -> ResidentOperation:
        if old is None:
            turn.tx.services.add_resident(made.resident)
        else:
            if made.revision is not None and old.is_reconciling:
                turns.supersede(turn, old, _SUPERSEDED)
            turn.tx.services.save_resident(made.resident)
        if made.revision is not None:
            needs_preparing = self._programs.needs_preparing(made.revision.template)
            turns.add_revision(turn, made.revision, needs_preparing=needs_preparing)
        turns.turn_over(turn, made.resident)
        turn.tx.operations.add_resident_operation(operation, made.resident.uid)
        return operation

    async def _shown(self, operation: ResidentOperation) -> None:
        resource = operation.resource
        uid = resource.resident_uid if isinstance(resource, Revision) else resource.uid
        await self._control.changed(uid)

    async def get(self, name: ResidentName) -> Resident:
        """Raises NotFound."""
        resident = await self._wheel.store.read(lambda tx: _found(tx, name))
        await self._control.catch_up(resident)
        return resident

    async def list_residents(self, kind: Kind, project: str, location: str | None, page: Page) -> list[Resident]:
        """By id, then location. `page.after` is `id/location` of the last one seen."""
        return await self._wheel.store.read(lambda tx: tx.services.list_residents(kind, project, location, page))

    async def delete(self, name: ResidentName, *, etag: str = "", validate_only: bool = False) -> ResidentOperation:
        """Remove a resident: it is gone for callers at once, and its instances end. Raises NotFound, Aborted."""

        def unit(turn: Turn) -> ResidentOperation:
            resident = _found(turn.tx, name)
            _check_etag(resident.etag, etag, name.id)
            operation = self._operation(ResidentVerb.DELETE, resident, turn.now_s, done=True)
            if validate_only:
                return operation
            turns.supersede(turn, resident, _DELETED)
            turn.tx.services.remove_resident(resident.uid)
            for revision in turn.tx.services.revisions_of(resident.uid, Page(limit=limits.REVISIONS_KEPT + 1)):
                turns.remove_revision(turn, revision)
            turn.tx.operations.add_resident_operation(operation, resident.uid)
            return operation

        operation = await self._wheel.turn(unit)
        if not validate_only:
            await self._shown(operation)
            if self.doors is not None and name.kind is Kind.SERVICE:
                await self.doors.close(name)
        return operation

    # -- revisions ------------------------------------------------------------------------------------------------

    async def revision(self, name: RevisionName) -> Revision:
        """Raises NotFound."""
        return await self._wheel.store.read(lambda tx: _found_revision(tx, name))

    async def revisions(self, name: ResidentName, page: Page) -> list[Revision]:
        """Newest first. `-` as the id: of all residents of the kind. `page.after` is the uid of the last one seen.
        Raises NotFound."""

        def unit(tx: ReadTx) -> list[Revision]:
            if name.id == WILDCARD:
                return tx.services.revisions_in(name.kind, name.project, name.location, page)
            return tx.services.revisions_of(_found(tx, name).uid, page)

        return await self._wheel.store.read(unit)

    async def delete_revision(
        self, name: RevisionName, *, etag: str = "", validate_only: bool = False
    ) -> ResidentOperation:
        """Raises NotFound, Aborted, FailedPrecondition (it serves)."""

        def unit(turn: Turn) -> ResidentOperation:
            revision = _found_revision(turn.tx, name)
            _check_etag(revision.etag, etag, name.revision)
            resident = turn.tx.services.resident_by_uid(revision.resident_uid)
            if resident is not None and _is_serving(resident, revision):
                raise FailedPrecondition(texts.serving(name))
            operation = self._operation(ResidentVerb.DELETE_REVISION, revision, turn.now_s, done=True)
            if not validate_only:
                turns.remove_revision(turn, revision)
                turn.tx.operations.add_resident_operation(operation, revision.resident_uid)
            return operation

        operation = await self._wheel.turn(unit)
        if not validate_only:
            await self._shown(operation)
        return operation

    # -- identifiers ----------------------------------------------------------------------------------------------

    def _fresh(self, caller: Caller) -> Fresh:
        return Fresh(
            resident_uid=self._identifiers.uid(),
            revision_uid=self._identifiers.uid(),
            suffix=self._identifiers.suffix()[:3],
            etag=self._identifiers.uid()[:13],
            revision_etag=self._identifiers.uid()[:13],
            account=caller.account,
        )

    def _operation(
        self, verb: ResidentVerb, resource: Resident | Revision, now_s: float, *, done: bool
    ) -> ResidentOperation:
        target = resource.name
        resident = target.resident if isinstance(target, RevisionName) else target
        name = OperationName(project=resident.project, location=resident.location, operation=self._identifiers.uid())
        return ResidentOperation(name=name, verb=verb, target=target, create_time_s=now_s, done=done, resource=resource)


def _moving(resident_uid: str, port: int) -> Callable[[Turn], None]:
    """A turn that stores the port of a service."""

    def unit(turn: Turn) -> None:
        resident = turn.tx.services.resident_by_uid(resident_uid)
        if resident is not None:
            turn.tx.services.save_resident(replace(resident, port=port))

    return unit


def _check_etag(etag: str, given: str, named: str) -> None:
    if given and given != etag:
        raise Aborted(f"'{named}' was changed since it was read (etag {given[:80]}): read it again.")


def _check_shares(turn: Turn, made: Declared) -> None:
    named = {share.revision for share in made.resident.shares if share.revision}
    found = {name: turn.tx.services.find_revision(made.resident.uid, name) for name in named}
    known = {name: revision for name, revision in found.items() if revision is not None}
    if made.revision is not None:
        known[made.revision.name.revision] = made.revision
    decide.check_shares(made.resident, known)


def _is_serving(resident: Resident, revision: Revision) -> bool:
    name = revision.name.revision
    return name in serving(resident) or (revision.state is RevisionState.DEPLOYING and name == resident.latest_created)


def _found(tx: ReadTx | WriteTx, name: ResidentName) -> Resident:
    resident = tx.services.find_resident(name)
    if resident is None:
        raise NotFound(texts.missing(name))
    return resident


def _found_revision(tx: ReadTx | WriteTx, name: RevisionName) -> Revision:
    resident = tx.services.find_resident(name.resident)
    revision = None if resident is None else tx.services.find_revision(resident.uid, name.revision)
    if revision is None:
        raise NotFound(texts.missing(name))
    return revision
