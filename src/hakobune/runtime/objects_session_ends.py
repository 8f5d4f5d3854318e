"""How an upload session ends: with an object, or refused; and what it must have said of its size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hakobune.core.objects.checksums import verify
from hakobune.core.objects.failures import InvalidRequest, ObjectsError, by_reason, no_upload
from hakobune.core.objects.limits import OBJECT_BYTES
from hakobune.core.objects.model import GivenChecksums, Refusal, UploadSession, UploadState
from hakobune.runtime.objects_uploads import make_object
from hakobune.runtime.objects_versions import Content
from hakobune.runtime.wheel import Turn
from hakobune.store.blobs import ResumableWriter


def finish_content(writer: ResumableWriter, *given: GivenChecksums) -> Content:
    """In a thread: check the whole content, and finish it. Raises InvalidRequest, Unavailable."""
    checksums = writer.hashes.checksums()
    for said in given:
        verify(checksums, said)
    writer.finish()
    return Content(uid=writer.uid, size_bytes=writer.size_bytes, checksums=checksums)


def settled(session: UploadSession, content: Content) -> Callable[[Turn], UploadSession]:
    """The unit that makes the object of a session whose content is finished. Raises NothingFound: it was cancelled."""

    def unit(turn: Turn) -> UploadSession:
        objects = turn.tx.objects
        if objects.find_session(session.id) is None:
            raise no_upload()
        version = make_object(turn, session.target, content)
        done = replace(session, state=UploadState.DONE, received_bytes=content.size_bytes, result=version)
        objects.save_session(done)
        objects.drop_content(content.uid)  # the object names it now
        return done

    return unit


def refused(session: UploadSession, error: ObjectsError) -> Callable[[Turn], None]:
    """The unit that ends a session whose object was refused."""
    refusal = Refusal(reason=error.reason, message=error.message)

    def unit(turn: Turn) -> None:
        found = turn.tx.objects.find_session(session.id)
        if found is not None and found.state is UploadState.OPEN:
            turn.tx.objects.save_session(replace(session, state=UploadState.REFUSED, refusal=refusal))
            turn.tx.objects.drop_content(session.content)

    return unit


def check_refusal(session: UploadSession) -> None:
    """Raises what the end of the session was refused with."""
    if session.refusal is not None:
        raise by_reason(session.refusal.reason, session.refusal.message)


def check_total(known: int | None, given: int | None) -> None:
    """Raises InvalidRequest for a size that no object has, or another one than before."""
    if given is not None and (given < 0 or given > OBJECT_BYTES):
        raise InvalidRequest(f"The size of an upload is between 0 and {OBJECT_BYTES} bytes.")
    if known is not None and given is not None and known != given:
        raise InvalidRequest(f"The size of this upload was {known} bytes before, and is {given} now.")
