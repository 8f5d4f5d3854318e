"""The fleet: which instances of services and worker pools run, and which of them a request may go to.

A picture in memory of what is committed. Whoever commits something lets it be read anew (`service_control`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hakobune.core.services import scaling
from hakobune.core.services.model import Instance, InstanceState, Resident, Revision, RevisionState
from hakobune.core.services.names import Kind, ResidentName
from hakobune.core.services.shares import chosen, resolved

_STARTS_REMEMBERED = 8  # weight of the past in the average time of a start
_START_DEFAULT_S = 1.0  # before anything is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """A ready instance, and where it listens on 127.0.0.1."""

    uid: str
    port: int
    is_h2c: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What bounds the requests of a revision. `start_s`: how long its instances took to start, on average."""

    concurrency: int
    max_instances: int
    timeout_s: float
    start_s: float


class Demand(Protocol):
    """What the front door knows of requests (its Admission)."""

    def demand(self, revision_uid: str) -> int:
        """Requests in flight and waiting."""
        ...

    def in_flight(self, instance_uid: str) -> int:
        """Requests that an instance works on."""
        ...

    def idle_since(self, instance_uid: str) -> float | None:
        """When its last request ended, in seconds since the epoch; None: it has one, or never had one."""
        ...

    async def drained(self, instance_uid: str) -> None:
        """Return when nothing is in flight there."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A resident at one instant. `revisions` are those that serve, are being deployed, or have instances, newest first;
    `unprepared` those whose source is not there yet."""

    resident: Resident
    revisions: tuple[Revision, ...] = ()
    instances: tuple[Instance, ...] = ()
    unprepared: frozenset[str] = frozenset()
    seq: int = field(default=0, compare=False)  # of the commit that it shows: an older one never replaces a newer one

    def instances_of(self, revision_uid: str) -> list[Instance]:
        return [one for one in self.instances if one.revision_uid == revision_uid]


@dataclass(slots=True, kw_only=True)
class _Served:
    """What requests ask of a revision, worked out once for each picture."""

    revision: Revision
    resident_uid: str
    backends: tuple[Backend, ...]
    failure: str
    concurrency: int
    max_instances: int
    start_s: float = _START_DEFAULT_S
    known: set[str] = field(default_factory=set[str])  # instances whose start is in the average


class Fleet:
    """What runs. The front door sets `demand` and `watch`."""

    def __init__(self) -> None:
        self.demand: Demand | None = None
        self.watch: Callable[[str], None] = _nothing
        self.on_wake: Callable[[str], None] = _nothing  # with the uid of a resident
        self.on_pool: Callable[[str], None] = _nothing  # a worker pool is shown: with its uid
        self._pictures: dict[str, Picture] = {}
        self._served: dict[str, _Served] = {}
        self._uids: dict[ResidentName, str] = {}
        self._by_id: dict[str, set[ResidentName]] = {}  # services alone
        self._answered: set[str] = set()  # instances that are ready, and whose commit is on its way

    # -- what the front door asks -----------------------------------------------------------------------------------

    def backends(self, revision_uid: str) -> Sequence[Backend]:
        """Ready instances that are not draining."""
        served = self._served.get(revision_uid)
        return () if served is None else served.backends

    def limits(self, revision_uid: str) -> Limits | None:
        """None: no such revision serves."""
        served = self._served.get(revision_uid)
        if served is None:
            return None
        return Limits(
            concurrency=served.concurrency,
            max_instances=served.max_instances,
            timeout_s=served.revision.template.timeout_s,
            start_s=served.start_s,
        )

    def wake(self, revision_uid: str) -> None:
        """The demand has risen: look again now."""
        served = self._served.get(revision_uid)
        if served is not None:
            self.on_wake(served.resident_uid)

    def route(self, name: ResidentName, tag: str, seed: float) -> str | None:
        """The uid of the revision that a request goes to; `seed` is 0 ≤ seed < 1. None: there is none."""
        picture = self._pictures.get(self._uids.get(name, ""))
        if picture is None:
            return None
        revision = chosen(resolved(picture.resident), tag, seed)
        return next((one.uid for one in picture.revisions if one.name.revision == revision), None)

    def find(self, label: str, project: str, location: str) -> ResidentName | None:
        """The service that the first label of a host means: the longest name that is the label, or that, followed by
        `-`, begins it. In this project and location first, else the only match."""
        begin = label
        while begin:
            names = self._by_id.get(begin, set())
            own = [name for name in names if (name.project, name.location) == (project, location)]
            if own or len(names) == 1:
                return next(iter(own or names))
            begin = begin.rpartition("-")[0]
        return None

    def failure(self, revision_uid: str) -> str:
        """Why no instance comes; "" if nothing is known to be wrong."""
        served = self._served.get(revision_uid)
        return "" if served is None else served.failure

    # -- what watches of instances tell -------------------------------------------------------------------------------

    def answered(self, one: Instance) -> None:
        """An instance of a revision that serves has answered: requests need not wait until that is committed."""
        served = self._served.get(one.revision_uid)
        picture = None if served is None else self._pictures.get(served.resident_uid)
        if served is not None and picture is not None and served.revision.state is RevisionState.READY:
            self._answered.add(one.uid)
            self.show(picture)

    # -- the picture ------------------------------------------------------------------------------------------------

    def resident(self, name: ResidentName) -> Resident | None:
        """As it is committed; None: there is none."""
        picture = self._pictures.get(self._uids.get(name, ""))
        return None if picture is None else picture.resident

    def revision(self, revision_uid: str) -> Revision | None:
        """One that serves, is being deployed, or has instances."""
        served = self._served.get(revision_uid)
        return None if served is None else served.revision

    def picture(self, resident_uid: str) -> Picture | None:
        """What is known of a resident."""
        return self._pictures.get(resident_uid)

    def resident_uids(self) -> Sequence[str]:
        """All that are known."""
        return tuple(self._pictures)

    def resident_of(self, revision_uid: str) -> str | None:
        """The uid of the resident of a revision that serves, or has instances."""
        served = self._served.get(revision_uid)
        return None if served is None else served.resident_uid

    def show(self, picture: Picture) -> None:
        """A resident as it is committed now."""
        uid = picture.resident.uid
        before = self._pictures.get(uid)
        if before is not None and before.seq > picture.seq:
            return
        self._pictures[uid] = picture
        name = picture.resident.name
        self._uids[name] = uid
        if name.kind is Kind.SERVICE:
            self._by_id.setdefault(name.id, set()).add(name)
        else:
            self.on_pool(uid)
        most = {key: bounds.most for key, bounds in scaling.bounds(picture.resident, picture.revisions).items()}
        for revision in picture.revisions:
            self._serve(picture, revision, most[revision.uid])
        if before is not None:
            self._answered -= {one.uid for one in before.instances} - {one.uid for one in picture.instances}
            self._forget({one.uid for one in before.revisions} - {one.uid for one in picture.revisions})

    def forget(self, resident_uid: str) -> None:
        """It was deleted."""
        picture = self._pictures.pop(resident_uid, None)
        if picture is None:
            return
        self._answered -= {one.uid for one in picture.instances}
        name = picture.resident.name
        if self._uids.get(name) == resident_uid:
            del self._uids[name]
            names = self._by_id.get(name.id, set())
            names.discard(name)
            if not names:
                self._by_id.pop(name.id, None)
        self._forget({one.uid for one in picture.revisions})

    def _serve(self, picture: Picture, revision: Revision, most: int) -> None:
        before = self._served.get(revision.uid)
        own = picture.instances_of(revision.uid)
        is_h2c = any(member.port and member.port_name == "h2c" for member in revision.template.members)
        served = _Served(
            revision=revision,
            resident_uid=picture.resident.uid,
            backends=tuple(Backend(uid=one.uid, port=one.port, is_h2c=is_h2c) for one in own if self._is_ready(one)),
            failure=_failure(revision, own),
            concurrency=scaling.concurrency(revision.template),
            max_instances=max(1, most),
        )
        if before is not None:
            served.start_s, served.known = before.start_s, before.known
        _learn(served, own)
        self._served[revision.uid] = served
        if before is None or (before.backends, before.failure) != (served.backends, served.failure):
            self.watch(revision.uid)

    def _is_ready(self, one: Instance) -> bool:
        if one.state is InstanceState.STARTING:
            return one.uid in self._answered
        self._answered.discard(one.uid)
        return one.state is InstanceState.READY

    def _forget(self, revision_uids: set[str]) -> None:
        for uid in revision_uids:
            if self._served.pop(uid, None) is not None:
                self.watch(uid)


def _learn(served: _Served, own: Sequence[Instance]) -> None:
    """Take the starts of new instances into the average."""
    for one in own:
        if one.ready_time_s is not None and one.uid not in served.known:
            took_s = max(0.0, one.ready_time_s - one.create_time_s)
            past = min(len(served.known), _STARTS_REMEMBERED)
            served.start_s = (served.start_s * past + took_s) / (past + 1)
            served.known.add(one.uid)


def _failure(revision: Revision, own: Sequence[Instance]) -> str:
    if revision.state is RevisionState.FAILED:
        return revision.message
    if any(one.state is InstanceState.READY for one in own):
        return ""
    return next((one.detail for one in own if one.failures), "")


def _nothing(uid: str) -> None:
    del uid
