"""Operations about services, worker pools and revisions as documents."""

from __future__ import annotations

from dataclasses import dataclass

from hakobune.core.errors import CorruptStore
from hakobune.core.names import OperationName
from hakobune.core.operations import ResidentOperation, ResidentVerb
from hakobune.core.services.model import Resident, Revision
from hakobune.store.documents import from_document, to_document

OPEN = "resident_open"  # not done: the resident is asked for its newest picture
DONE = "resident"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """One of the two pictures is there."""

    verb: ResidentVerb
    create_time_s: float
    resident: Resident | None = None
    revision: Revision | None = None
    error: tuple[int, str] | None = None


def operation_document(operation: ResidentOperation) -> str:
    """What is stored."""
    resource = operation.resource
    return to_document(
        _Kept(
            verb=operation.verb,
            create_time_s=operation.create_time_s,
            resident=resource if isinstance(resource, Resident) else None,
            revision=resource if isinstance(resource, Revision) else None,
            error=operation.error,
        )
    )


def operation_from_document(name: OperationName, text: str, *, done: bool) -> ResidentOperation:
    """What was stored. Raises CorruptStore."""
    kept = from_document(_Kept, text)
    resource = kept.resident or kept.revision
    if resource is None:
        raise CorruptStore(f"operation {name.operation} has lost its picture")
    return ResidentOperation(
        name=name,
        verb=kept.verb,
        target=resource.name,
        create_time_s=kept.create_time_s,
        done=done,
        resource=resource,
        error=kept.error,
    )
