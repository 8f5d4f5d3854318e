"""Resumable uploads: sessions that outlive connections, processes and power cuts.

What a status or an answer says is received is on the disk and in the session's row. The hashes of what was received
stay in memory between requests; after a restart they are taken again from the file.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio

from hakobune.core.errors import HakobuneError, Unavailable
from hakobune.core.objects.failures import InvalidRequest, ObjectsError, Superseded, no_upload
from hakobune.core.objects.limits import OBJECT_BYTES, SESSION_S
from hakobune.core.objects.model import (
    NOTHING_GIVEN,
    GivenChecksums,
    UploadSession,
    UploadState,
    UploadTarget,
)
from hakobune.runtime.clock import Identifiers
from hakobune.runtime.objects_cleaning import Cleaning
from hakobune.runtime.objects_inflow import Blocks, Chunk
from hakobune.runtime.objects_session_ends import check_refusal, check_total, finish_content, refused, settled
from hakobune.runtime.objects_uploads import check_place, check_target
from hakobune.runtime.objects_versions import Content, the_bucket
from hakobune.runtime.threads import Threads
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.store.blobs import Blobs, Hashes, ResumableWriter

_KEPT_AHEAD_BYTES = 256 * 1024 * 1024  # of one request: a kill costs no more than this to send again
_REMEMBERED = 1_000  # sessions whose hashes are kept between requests


_log = logging.getLogger("hakobune.objects")


class _Seat:
    """What memory holds of a session: who appends, and the hashes of what is durable. The lock is held while bytes go
    to the file or its row changes; `users` hold it or wait for it."""

    def __init__(self) -> None:
        self.lock = anyio.Lock()
        self.users = 0
        self.append: SessionAppend | None = None
        self.hashes: Hashes | None = None
        self.hashed_bytes = -1


class Sessions:
    """Resumable uploads by their ids."""

    def __init__(
        self, wheel: Wheel, identifiers: Identifiers, blobs: Blobs, threads: Threads, cleaning: Cleaning
    ) -> None:
        self._wheel = wheel
        self._identifiers = identifiers
        self._blobs = blobs
        self._threads = threads
        self._cleaning = cleaning
        self._seats: OrderedDict[str, _Seat] = OrderedDict()

    async def start(self, target: UploadTarget, *, total_bytes: int | None = None) -> UploadSession:
        """A new session, durable. Raises NothingFound (the bucket), ConditionNotMet, Held, InvalidRequest."""
        check_target(target)
        check_total(None, total_bytes)
        await check_place(self._wheel, target)

        def unit(turn: Turn) -> UploadSession:
            the_bucket(turn.tx.objects, target.bucket)
            session = UploadSession(
                id=self._identifiers.uid(),
                target=target,
                state=UploadState.OPEN,
                content=self._identifiers.uid(),
                received_bytes=0,
                total_bytes=total_bytes,
                create_s=turn.now_s,
                expire_s=turn.now_s + SESSION_S,
            )
            turn.tx.objects.add_session(session)
            return session

        return await self._wheel.turn(unit)

    async def status(self, session_id: str) -> UploadSession:
        """How far it has come; one that is done has its `result`, and one that has all its bytes becomes so. A request
        that is under way is asked for what it has got so far (its connection may be dead), and can go on. Raises
        NothingFound, and as `finish`."""
        return await self.finish(session_id, total_bytes=None)

    async def append(self, session_id: str, *, offset: int, total_bytes: int | None = None) -> SessionAppend:
        """Take bytes that begin at `offset` of the content (`Content-Range: bytes offset-…/total`; None is `*`). A
        request of this session that is under way ends. A session that is done takes nothing and ends with its result.
        Raises NothingFound, InvalidRequest (a gap after what is stored; another total than before), and what the end of
        the session was refused with."""
        async with self._seat(session_id) as seat:
            if seat.append is not None:
                await seat.append.give_way()
            session = await self._find(session_id)
            check_refusal(session)
            if session.state is UploadState.DONE:
                return SessionAppend(self, seat, session, 0)
            check_total(session.total_bytes, total_bytes)
            if offset > session.received_bytes:
                raise InvalidRequest(
                    f"Invalid request. The bytes from {session.received_bytes} to {offset - 1} are missing."
                )
            session = replace(session, total_bytes=session.total_bytes if total_bytes is None else total_bytes)
            seat.append = SessionAppend(self, seat, session, session.received_bytes - offset)
            return seat.append

    async def finish(
        self, session_id: str, *, total_bytes: int | None, given: GivenChecksums = NOTHING_GIVEN
    ) -> UploadSession:
        """`Content-Range: bytes */TOTAL` without a body: if that many bytes are stored, the object is made; else this
        is `status`. Raises as `SessionAppend.end`, and InvalidRequest (another total than before)."""
        async with self._seat(session_id) as seat:
            if seat.append is not None:
                await seat.append.save()
            session = await self._find(session_id)
            check_refusal(session)
            if session.state is UploadState.DONE:
                return session
            check_total(session.total_bytes, total_bytes)
            total = session.total_bytes if total_bytes is None else total_bytes
            if total != session.received_bytes:
                return session
            if seat.append is not None:
                await seat.append.give_way()
            writer = await self.writer(seat, session)
            return await self.settle(seat, replace(session, total_bytes=total), writer, given)

    async def cancel(self, session_id: str) -> None:
        """Forget a session and its bytes; one that is done keeps its object. Raises NothingFound."""
        async with self._seat(session_id) as seat:
            session = await self._find(session_id)
            if seat.append is not None:
                await seat.append.give_way(is_kept=False)
            await self._wheel.turn(lambda turn: turn.tx.objects.remove_session(session))
        self._seats.pop(session_id, None)
        self._cleaning.nudge()

    # -- what an append does under the lock of its seat ----------------------------------------------------------

    async def writer(self, seat: _Seat, session: UploadSession) -> ResumableWriter:
        """The content file, ready for the byte after what is durable."""
        hashes = seat.hashes if seat.hashed_bytes == session.received_bytes else None
        seat.hashes = None  # they go on with the file
        return await self._threads.run(self._blobs.resume, session.content, session.received_bytes, hashes)

    async def put(self, writer: ResumableWriter, block: bytes) -> None:
        """Write a block."""
        await self._threads.run(writer.write, block)

    async def keep(self, seat: _Seat, session: UploadSession, writer: ResumableWriter) -> UploadSession:
        """Make durable what is written, and say so in the row. Raises NothingFound: cancelled meanwhile."""
        await self._threads.run(writer.sync)
        new = replace(session, received_bytes=writer.size_bytes)

        def unit(turn: Turn) -> None:
            if turn.tx.objects.find_session(session.id) is None:
                raise no_upload()
            turn.tx.objects.save_session(new)

        await self._wheel.turn(unit)
        seat.hashes, seat.hashed_bytes = writer.hashes, writer.size_bytes
        return new

    async def settle(
        self, seat: _Seat, session: UploadSession, writer: ResumableWriter, given: GivenChecksums
    ) -> UploadSession:
        """All bytes are there: make the object. When that is refused, the bytes are gone, and the session says why to
        whoever asks again. Raises InvalidRequest, ConditionNotMet, NothingFound, Held."""
        with anyio.CancelScope(shield=True):
            try:
                content = await self._finish(seat, session, writer, given)
                done = await self._wheel.turn(settled(session, content))
                await self._unstage(content.uid)
                return done
            except ObjectsError as error:
                await self._wheel.turn(refused(session, error))
                raise
            finally:
                await self._threads.run(writer.close)
                seat.hashes = None
                self._cleaning.nudge()
        raise AssertionError("unreachable: a shield swallows nothing")

    async def _finish(
        self, seat: _Seat, session: UploadSession, writer: ResumableWriter, given: GivenChecksums
    ) -> Content:
        """Check and finish the content. While the bucket behind does not answer, what came is kept here, so that the
        next request, or a mere status, tries again."""
        try:
            return await self._threads.run(finish_content, writer, session.target.given, given)
        except Unavailable:
            if self._blobs.is_remote:
                await self.keep(seat, session, writer)
            raise

    async def _unstage(self, content: str) -> None:
        try:
            await self._threads.run(self._blobs.unstage, content)
        except HakobuneError as error:
            _log.warning("the staged file %s is left to the next cleaning: %s", content, error.message)

    async def close(self, writer: ResumableWriter) -> None:
        """Close the file until more comes."""
        await self._threads.run(writer.close)

    async def _find(self, session_id: str) -> UploadSession:
        now_s = self._wheel.clock.now_s()
        found = await self._wheel.store.read(lambda tx: tx.objects.find_session(session_id))
        if found is None or found.expire_s <= now_s:
            self._seats.pop(session_id, None)
            raise no_upload()
        return found

    @asynccontextmanager
    async def _seat(self, session_id: str) -> AsyncGenerator[_Seat, None]:
        """The seat of a session, locked. Of idle ones, those used longest ago are forgotten."""
        seat = self._seats.setdefault(session_id, _Seat())
        self._seats.move_to_end(session_id)
        seat.users += 1
        try:
            async with seat.lock:
                yield seat
        finally:
            seat.users -= 1
            self._forget_idle()

    def _forget_idle(self) -> None:
        if len(self._seats) > _REMEMBERED:
            for name, seat in self._seats.items():
                if seat.append is None and not seat.users:
                    del self._seats[name]
                    return


class SessionAppend:
    """One request's bytes on their way into a session. End it with `end` or, when the request broke, `interrupt`; a
    second end does nothing, so `interrupt` may stand in a `finally`."""

    def __init__(self, sessions: Sessions, seat: _Seat, session: UploadSession, stored_bytes: int) -> None:
        self._sessions = sessions
        self._seat = seat
        self._session = session
        self._skip_bytes = stored_bytes  # of what comes: the session has them already
        self._blocks = Blocks()
        self._writer: ResumableWriter | None = None
        self._is_superseded = False
        self._is_over = False

    async def write(self, chunk: Chunk) -> None:
        """Take the next bytes; those that the session has already are skipped. Raises InvalidRequest (beyond the total
        size), Superseded (a newer request of this session came), ResourceExhausted."""
        if self._session.state is UploadState.DONE:
            return
        view = memoryview(chunk)[self._skip_bytes :] if self._skip_bytes else chunk
        self._skip_bytes = max(0, self._skip_bytes - len(chunk))
        if not len(view):
            return
        async with self._seat.lock:
            self._check()
            size_bytes = self._size_bytes + len(view)
            total_bytes = self._session.total_bytes
            if size_bytes > (OBJECT_BYTES if total_bytes is None else total_bytes):
                raise InvalidRequest("More bytes came than the total size of the upload.")
            if self._blocks.add(view):
                await self._flush()
                if self._size_bytes - self._session.received_bytes >= _KEPT_AHEAD_BYTES:
                    await self.save()

    @property
    def _size_bytes(self) -> int:
        """All bytes, those in memory included."""
        stored = self._session.received_bytes if self._writer is None else self._writer.size_bytes
        return stored + self._blocks.size_bytes

    def _check(self) -> None:
        if self._is_superseded:
            raise Superseded("A newer request of this upload took over: ask for its status.")

    async def end(self, given: GivenChecksums = NOTHING_GIVEN) -> UploadSession:
        """All bytes of the request are here: they are durable when this returns. If the total size is reached, the
        object is made: `state` is DONE and `result` is there. Raises InvalidRequest (a checksum differs),
        ConditionNotMet, NothingFound, Held: then the bytes are gone, and the session answers the same from now on.
        Superseded: ask for the status."""
        if self._session.state is UploadState.DONE:
            return self._session
        with anyio.CancelScope(shield=True):
            async with self._seat.lock:
                self._check()
                return await self._end(given)
        raise AssertionError("unreachable: a shield swallows nothing")

    async def _end(self, given: GivenChecksums) -> UploadSession:
        self._leave()
        if self._size_bytes == self._session.total_bytes:
            await self._flush(is_last=True)
            writer, self._writer = self._writer, None
            assert writer is not None  # opened by the flush
            return await self._sessions.settle(self._seat, self._session, writer, given)
        await self._keep()
        return self._session

    async def interrupt(self) -> None:
        """The request broke off: keep, durably, what came of it."""
        with anyio.CancelScope(shield=True):
            async with self._seat.lock:
                if not self._is_over and not self._is_superseded and self._session.state is UploadState.OPEN:
                    self._leave()
                    await self._keep()

    async def save(self) -> None:
        """Under the lock: make durable what came so far, and go on with the request."""
        if self._session.state is UploadState.OPEN and (self._blocks.size_bytes or self._writer is not None):
            await self._flush(is_last=True)
            if self._writer is not None:
                self._session = await self._sessions.keep(self._seat, self._session, self._writer)
                self._seat.hashes = None  # this request goes on with them

    async def give_way(self, *, is_kept: bool = True) -> None:
        """Under the lock: another request takes over. What came so far counts, if it is kept."""
        self._is_superseded = True
        self._seat.append = None
        if is_kept and self._session.state is UploadState.OPEN:
            await self._keep()
        elif self._writer is not None:
            await self._sessions.close(self._writer)

    def _leave(self) -> None:
        self._is_over = True
        self._seat.append = None

    async def _keep(self) -> None:
        """Make durable what came, and close the file."""
        try:
            if self._blocks.size_bytes:
                await self._flush()
            if self._writer is not None:
                self._session = await self._sessions.keep(self._seat, self._session, self._writer)
        finally:
            if self._writer is not None:
                writer, self._writer = self._writer, None
                await self._sessions.close(writer)

    async def _flush(self, *, is_last: bool = False) -> None:
        """Write what is gathered. `is_last`: the file is opened also if that is nothing."""
        if self._writer is None and (self._blocks.size_bytes or is_last):
            self._writer = await self._sessions.writer(self._seat, self._session)
        if self._blocks.size_bytes and self._writer is not None:
            try:
                await self._sessions.put(self._writer, self._blocks.take())
            except HakobuneError:
                # How much of the block is in the file, nobody knows: only what was made durable before counts.
                writer, self._writer = self._writer, None
                await self._sessions.close(writer)
                self._is_superseded = True
                raise
