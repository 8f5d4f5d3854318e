"""The receipt: what a caller gets at once for work that takes long, and asks again with.

accepted → running → succeeded | failed | cancelled. A receipt is a record that only moves forward: its revision rises
with every change, its progress never falls, and once it is final it stays as it is. `observed` is the one way to
change it; it takes what was seen of the work and keeps the higher of old and new.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Self

from hakobune.sdk.cells import Record, mapping
from hakobune.sdk.errors import CorruptRecord
from hakobune.sdk.owners import Owner

_FORMAT = "hakobune.receipt.1"


class State(StrEnum):
    """What has become of the work."""

    ACCEPTED = "accepted"  # kept; its start is not confirmed yet
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL_STATES = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the work is. fraction: 0..1. done, total: units, as the tasks report them; None until one has."""

    fraction: float = 0.0
    done: int | None = None
    total: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why there is no result. detail: what a workflow raised (JSON), else None."""

    message: str
    detail: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was seen of the work, at one look. progress: None if nothing is known of it."""

    state: State
    progress: Progress | None = None
    result: object = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to start the work: whose it is, and until when (seconds since the epoch)."""

    owner: Owner
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A receipt as it is kept. digest: of the request, so that a key cannot stand for two. execution: the full name of
    what runs, "" before the start is confirmed. created_at, updated_at: seconds since the epoch."""

    id: str
    digest: str
    request: object
    state: State = State.ACCEPTED
    revision: int = 1
    execution: str = ""
    progress: Progress = Progress()
    result: object = None
    failure: Failure | None = None
    claim: Claim | None = None
    created_at: float = 0.0
    updated_at: float = 0.0

    @property
    def is_final(self) -> bool:
        """Whether it will not change any more."""
        return self.state in FINAL_STATES

    def claimed(self, claim: Claim | None) -> Self:
        """With the right to start it given away, or free. No news for those who watch, so the revision stays."""
        return replace(self, claim=claim)

    def started(self, execution: str, now: float) -> Self:
        """With its start confirmed."""
        if self.state is not State.ACCEPTED:
            return self
        return replace(
            self,
            state=State.RUNNING,
            execution=execution,
            claim=None,
            revision=self.revision + 1,
            updated_at=now,
        )

    def observed(self, seen: Seen, now: float) -> Self:
        """With what was seen: itself if that is no news."""
        if self.is_final:
            return self
        progress = merged(self.progress, seen.progress)
        if seen.state is State.SUCCEEDED:
            progress = completed(progress)
        after = replace(
            self,
            state=self.state if seen.state is State.ACCEPTED else seen.state,
            progress=progress,
            result=seen.result,
            failure=seen.failure,
        )
        if after == self:
            return self
        return replace(after, claim=None, revision=self.revision + 1, updated_at=now)

    def to_record(self) -> Record:
        """As it is kept."""
        record: Record = {
            "format": _FORMAT,
            "id": self.id,
            "digest": self.digest,
            "request": self.request,
            "state": self.state.value,
            "revision": self.revision,
            "execution": self.execution,
            "progress": _progress_to_json(self.progress),
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }
        if self.result is not None:
            record["result"] = self.result
        if self.failure is not None:
            record["error"] = {"message": self.failure.message, "detail": self.failure.detail}
        if self.claim is not None:
            record["claim"] = {"owner": self.claim.owner.to_record(), "expires_at": self.claim.expires_at}
        return record

    @classmethod
    def from_record(cls, record: Mapping[str, object]) -> Self:
        """As it was kept. Raises CorruptRecord."""
        match record:
            case {
                "format": str(form),
                "id": str(identifier),
                "digest": str(digest),
                "state": str(state),
                "revision": int(revision),
                "execution": str(execution),
                "created_at": float() | int() as created_at,
                "updated_at": float() | int() as updated_at,
            } if form == _FORMAT and state in set(State):
                return cls(
                    id=identifier,
                    digest=digest,
                    request=record.get("request"),
                    state=State(state),
                    revision=revision,
                    execution=execution,
                    progress=_progress_from_json(mapping(record.get("progress"))),
                    result=record.get("result"),
                    failure=_failure_from_json(record.get("error")),
                    claim=_claim_from_json(record.get("claim")),
                    created_at=float(created_at),
                    updated_at=float(updated_at),
                )
            case _:
                raise CorruptRecord(f"the record of the receipt {record.get('id')!r} is no receipt of ours")

    def to_json(self) -> dict[str, object]:
        """As callers see it: without the request, and without what only the reception needs."""
        shown: dict[str, object] = {
            "id": self.id,
            "state": self.state.value,
            "revision": self.revision,
            "progress": _progress_to_json(self.progress),
            "createTime": _time(self.created_at),
            "updateTime": _time(self.updated_at),
        }
        if self.execution:
            shown["execution"] = self.execution
        if self.state is State.SUCCEEDED:
            shown["result"] = self.result
        if self.failure is not None:
            shown["error"] = {"message": self.failure.message, "detail": self.failure.detail}
        return shown


def merged(old: Progress, new: Progress | None) -> Progress:
    """The higher of both in every number; the newest note. Neither order nor repetition of what is seen counts."""
    if new is None:
        return old
    done, total = _higher(old.done, new.done), _higher(old.total, new.total)
    if done is not None and total is not None:
        total = max(total, done)
    fraction = min(max(old.fraction, new.fraction, 0.0), 1.0)
    return Progress(fraction=fraction, done=done, total=total, note=new.note or old.note)


def completed(progress: Progress) -> Progress:
    """The progress of what has succeeded: all of it."""
    total = progress.total if progress.total is not None else progress.done
    return replace(progress, fraction=1.0, done=total, total=total)


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _higher(old: int | None, new: int | None) -> int | None:
    if old is None or new is None:
        return new if old is None else old
    return max(old, new)


def _progress_to_json(progress: Progress) -> dict[str, object]:
    shown: dict[str, object] = {"fraction": progress.fraction, "note": progress.note}
    if progress.done is not None:
        shown["done"] = progress.done
    if progress.total is not None:
        shown["total"] = progress.total
    return shown


def _progress_from_json(kept: Mapping[str, object]) -> Progress:
    fraction, done, total, note = (kept.get(name) for name in ("fraction", "done", "total", "note"))
    return Progress(
        fraction=float(fraction) if isinstance(fraction, (int, float)) else 0.0,
        done=done if isinstance(done, int) else None,
        total=total if isinstance(total, int) else None,
        note=note if isinstance(note, str) else "",
    )


def _failure_from_json(kept: object) -> Failure | None:
    fields = mapping(kept)
    message = fields.get("message")
    return Failure(message=message, detail=fields.get("detail")) if isinstance(message, str) else None


def _claim_from_json(kept: object) -> Claim | None:
    fields = mapping(kept)
    owner, expires_at = Owner.from_record(fields.get("owner")), fields.get("expires_at")
    if owner is None or not isinstance(expires_at, (int, float)):
        return None
    return Claim(owner=owner, expires_at=float(expires_at))
