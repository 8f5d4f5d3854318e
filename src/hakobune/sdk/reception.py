"""A reception: it takes a request, starts the heavy work, and answers at once with a receipt.

`accept` keeps the receipt durably, then starts a job or a workflow under a key that follows from the receipt. A crash
between the two leaves a receipt whose start is in doubt; whoever comes next (this process started anew, another
instance, or the caller with the same key) starts it again under the same key, so that the outcome is one.

What is shown of a receipt is what is kept: first written, then shown. So progress does not fall, whatever crashes.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from hakobune.sdk import log
from hakobune.sdk.cells import encoded
from hakobune.sdk.errors import ApiRefused, ApiUnavailable, KeyReused, SdkError
from hakobune.sdk.ids import stable_id
from hakobune.sdk.owners import Owner
from hakobune.sdk.receipts import Claim, Failure, Receipt, Seen, State
from hakobune.sdk.receipts_store import Place, ReceiptStore
from hakobune.sdk.reception_http import Platform
from hakobune.sdk.reception_progress import ProgressLog
from hakobune.sdk.reception_targets import Target

KEY_CHARS_MAX = 255
DEFAULT_POLL_S = 1.0  # Cloud Storage takes about one write a second to one object
DEFAULT_PROGRESS_EVERY_S = 2.0

_CLAIM_S = 120.0  # longer than a start takes: five pages looked at, a token and the start, of 10 s each
_ROUND_S = 5.0  # between two looks for receipts whose start is in doubt
_WATCHED_MAX = 10_000  # receipts whose progress is remembered between looks
_JOIN_S = 30.0  # a round that is in a call ends within the call's time limit
_RUN_AHEAD_S = 60.0  # the platform's clock may be so much behind ours


class _Watch:
    """What this process remembers of a receipt between two looks at its work."""

    def __init__(self, receipt: Receipt) -> None:
        self.guard = threading.Lock()
        self.latest: Receipt | None = None  # as it was kept at the latest look, while the work is under way
        self.shown = 0  # the highest revision that this process has shown
        self.look_at = 0.0
        self.progress_at = 0.0
        execution = receipt.execution.rpartition("/")[2]
        self.progress = ProgressLog(receipt.id, execution, receipt.created_at - _RUN_AHEAD_S)


def scope_of(name: str, target: Target) -> str:
    """What separates the receipts of receptions in one place: none may start what another one has accepted."""
    return stable_id("reception", name, type(target).__name__, target.name)


class Reception:
    """Accepts requests for one kind of work. Safe to use from many threads; any number of instances may share a place.

    target: what is started (`Job`, `Workflow`). receipts: where they are kept: a directory, a gs:// prefix, or a
    function that opens a sqlite3 or psycopg connection. name: separates receptions of one target in one place.
    poll_s: the work is looked at so often, at most, while somebody asks for the receipt. progress_every_s: so often
    its log is read. `environ`, `clock` and `monotonic` are for tests.
    """

    def __init__(
        self,
        target: Target,
        receipts: Place,
        *,
        name: str = "default",
        poll_s: float = DEFAULT_POLL_S,
        progress_every_s: float = DEFAULT_PROGRESS_EVERY_S,
        environ: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if poll_s <= 0 or progress_every_s <= 0:
            raise ValueError("poll_s and progress_every_s must be positive")
        self.poll_s = poll_s
        self._target = target
        self._scope = scope_of(name, target)
        self._store = ReceiptStore(receipts, self._scope)
        self._progress_every_s = progress_every_s
        self._platform = Platform(environ, monotonic=monotonic)
        self._clock = clock
        self._monotonic = monotonic
        self._watches: OrderedDict[str, _Watch] = OrderedDict()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._wake = threading.Event()

    # -- for callers ------------------------------------------------------------------------------------------------

    def accept(self, request: object, *, key: str | None = None) -> Receipt:
        """The receipt for a request (JSON). When this returns, no crash can lose it; the work has been started, or
        will be as soon as the platform takes it.

        key: the same key, the same receipt, however often and wherever it is accepted. Without one, each call is a
        request of its own. Put the caller's identity into it if callers must not find each other's receipts.
        Raises ValueError or TypeError for a key or a request that cannot be, KeyReused.
        """
        if key is None:
            key = secrets.token_hex(16)
        elif not 0 < len(key) <= KEY_CHARS_MAX or not key.isprintable():
            raise ValueError(f"a key has 1 to {KEY_CHARS_MAX} printable characters")
        digest = stable_id(encoded({"request": request}))
        receipt_id = stable_id("receipt", self._scope, key)
        now = self._clock()
        receipt = Receipt(
            id=receipt_id, digest=digest, request=request, claim=self._claim(now), created_at=now, updated_at=now
        )
        found = self._store.read(receipt_id)
        if found is None:
            version = self._store.swap(None, receipt)
            if version is not None:
                self._store.mark_open(receipt_id)
                return self._start(receipt, is_repeated=False)
            found = self._store.read(receipt_id)  # somebody was faster in this very moment
            assert found is not None, "receipts are never removed by us"
        kept, version = found
        if kept.digest != digest:
            raise KeyReused(f"the key {key!r} belongs to another request: use a new key for each request")
        if kept.state is State.ACCEPTED:
            self._store.mark_open(receipt_id)  # a crash may have come just before that
            return self._start_again(kept, version)
        return kept

    def receipt(self, receipt_id: str) -> Receipt | None:
        """The receipt as it is now, None if there is none. Looks at the work unless that was done just now."""
        if (latest := self._seen_just_now(receipt_id)) is not None:
            return latest
        found = self._store.read(receipt_id)
        if found is None:
            return None
        kept, version = found
        if kept.state is State.ACCEPTED:
            kept = self._start_again(kept, version)
        elif not kept.is_final:
            kept = self._looked_at(kept)
        self._note_shown(kept)
        return kept

    # -- starts in doubt --------------------------------------------------------------------------------------------

    def start_open(self) -> int:
        """Start what was accepted and is not confirmed to be started: one round; how many are still open after it."""
        left = 0
        for receipt_id in self._store.open_ids():
            found = self._store.read(receipt_id)
            if found is None:
                continue
            kept, version = found
            if kept.state is State.ACCEPTED:
                kept = self._start_again(kept, version)
            if kept.state is State.ACCEPTED:
                left += 1
            else:
                self._store.unmark(receipt_id)
        return left

    def open(self) -> Self:
        """Begin to look for starts in doubt, now and every few seconds, in a thread of its own. Call it when your
        service starts, in each of its processes; `close()` or the end of a `with` block ends it."""
        with self._guard:
            if self._thread is None:
                self._closing.clear()
                self._thread = threading.Thread(target=self._keep, name="reception", daemon=True)
                self._thread.start()
        return self

    def close(self) -> None:
        """End the thread. Receipts that are open stay so, for the next instance."""
        with self._guard:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._closing.set()
            self._wake.set()
            thread.join(_JOIN_S)

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _keep(self) -> None:
        while not self._closing.is_set():
            try:
                self.start_open()
            except Exception as error:  # noqa: BLE001 - whatever fails (a store, most likely) is tried again
                log.warning("receipts whose start is in doubt could not be looked at", error=repr(error))
            self._wake.wait(_ROUND_S)
            self._wake.clear()

    def _start_again(self, kept: Receipt, version: int) -> Receipt:
        now = self._clock()
        claim = self._claim(now)
        if kept.claim is not None and not self._is_over(kept.claim, claim.owner, now):
            return kept  # somebody is about to start it
        claimed = kept.claimed(claim)
        if self._store.swap(version, claimed) is None:
            return self._reread(kept)
        return self._start(claimed, is_repeated=True)

    def _is_over(self, held: Claim, viewer: Owner, now: float) -> bool:
        return held.expires_at <= now or held.owner.is_gone(viewer, is_local=self._store.is_local())

    def _start(self, receipt: Receipt, *, is_repeated: bool) -> Receipt:
        place = self._store.result_location(receipt.id)
        try:
            execution = self._target.find(self._platform, receipt) if is_repeated else ""
            execution = execution or self._target.start(self._platform, receipt, place)
        except ApiUnavailable as error:
            log.warning(
                "the work of a receipt could not be started; it is tried again", receipt=receipt.id, error=error
            )
            return self._change(receipt, lambda kept: kept.claimed(None) if kept.claim == receipt.claim else kept)
        except ApiRefused as error:
            log.error("the work of a receipt was refused", receipt=receipt.id, error=error)
            seen = Seen(state=State.FAILED, failure=Failure(message=f"The work could not be started: {error}"))
            after = self._change(receipt, lambda kept: kept.observed(seen, self._clock()))
        else:
            after = self._change(receipt, lambda kept: kept.started(execution, self._clock()))
        self._store.unmark(receipt.id)
        return after

    # -- work under way ---------------------------------------------------------------------------------------------

    def _seen_just_now(self, receipt_id: str) -> Receipt | None:
        """A receipt whose work was looked at by this process, unless it is time to look again: many may watch one.
        Never an older one than was shown before, which another instance may have kept meanwhile."""
        with self._guard:
            watch = self._watches.get(receipt_id)
            if watch is None or watch.latest is None or watch.latest.revision < watch.shown:
                return None
            return watch.latest if self._monotonic() < watch.look_at else None

    def _note_shown(self, receipt: Receipt) -> None:
        with self._guard:
            if (watch := self._watches.get(receipt.id)) is not None:
                watch.shown = max(watch.shown, receipt.revision)

    def _looked_at(self, kept: Receipt) -> Receipt:
        watch = self._watch(kept)
        if not watch.guard.acquire(blocking=False):
            return kept  # somebody is looking in this moment
        try:
            now = self._monotonic()
            if now < watch.look_at:
                return kept
            reads_log = now >= watch.progress_at
            if reads_log:
                watch.progress_at = now + self._progress_every_s
            seen = self._seen(kept, watch.progress if reads_log else None)
            if seen is not None:
                kept = self._change(kept, lambda now_kept: now_kept.observed(seen, self._clock()))
            with self._guard:
                watch.latest = None if kept.is_final else kept  # the final one may be large, and does not change
                watch.look_at = now + self.poll_s
        finally:
            watch.guard.release()
        return kept

    def _seen(self, kept: Receipt, progress: ProgressLog | None) -> Seen | None:
        """What is seen of the work, None if it cannot be seen now."""
        try:
            return self._target.look(self._platform, kept, progress, self._store.result_location(kept.id))
        except (ApiUnavailable, ApiRefused) as error:
            log.warning("the work of a receipt could not be looked at", receipt=kept.id, error=error)
        if progress is None:
            return None
        return self._seen(kept, None)  # the log may be what did not answer; progress is not worth a receipt

    def _watch(self, receipt: Receipt) -> _Watch:
        with self._guard:
            watch = self._watches.setdefault(receipt.id, _Watch(receipt))
            self._watches.move_to_end(receipt.id)
            while len(self._watches) > _WATCHED_MAX:
                self._watches.popitem(last=False)
            return watch

    # -- changes ----------------------------------------------------------------------------------------------------

    def _change(self, receipt: Receipt, change: Callable[[Receipt], Receipt]) -> Receipt:
        """Apply a change to what is kept now, however many others do so at once. What is kept then."""
        while True:
            found = self._store.read(receipt.id)
            if found is None:
                raise SdkError(f"the receipt {receipt.id} was removed while it was in use")
            kept, version = found
            after = change(kept)
            if after == kept:
                return kept
            if self._store.swap(version, after) is not None:
                return after

    def _reread(self, receipt: Receipt) -> Receipt:
        found = self._store.read(receipt.id)
        return receipt if found is None else found[0]

    def _claim(self, now: float) -> Claim:
        return Claim(owner=Owner.new(), expires_at=now + _CLAIM_S)
