"""Slots: listeners of their own for running attempts, so that our servers know who calls without headers or tokens. A
slot has one port, which takes HTTP and gRPC.

A slot's port is opened when it is first needed, stored, and bound again at the next start, since the attempts of a
runtime that died still call it. If a port is taken then, what its attempts call does not come here, and `doctor` says
so; an attempt without a slot calls the main ports, and is not known as the one that did.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence

import anyio

from hakobune.core.errors import Unavailable
from hakobune.engines.api import Ended, Engine, Known, Slot, Started
from hakobune.runtime.attempts import Observer, lane_of
from hakobune.runtime.wheel import Wheel

SLOTS_MAX = 64  # attempts beyond this many at once run without a slot
_META = "slot_ports"
_log = logging.getLogger("hakobune.slots")

Listen = Callable[[int, int], Awaitable[int]]  # (slot, port or 0) -> port; raises OSError


class _Lane:
    """Attempts of one execution that the engine has, and how many of them run at once."""

    __slots__ = ("attempts", "width")

    def __init__(self) -> None:
        self.width = SLOTS_MAX  # not known of those that were taken over
        self.attempts: set[str] = set()


class Slots(Observer):
    """Which attempt sits where."""

    def __init__(self, wheel: Wheel, engine: Engine, variables: Callable[[int], dict[str, str]]) -> None:
        self._wheel = wheel
        self._engine = engine
        self._variables = variables  # of a port
        self._listen: Listen | None = None
        self._opening = anyio.Lock()
        self._ports: list[int] = []
        self._offered = 0  # of the ports; the engine itself remembers an offer over its own lives
        self._holders: dict[int, str] = {}
        self._lanes: dict[str, _Lane] = {}  # those whose attempts may want a slot now
        self._ended_watches: list[Callable[[str], None]] = []
        self.refused: list[int] = []  # ports that could not be bound again

    async def bind(self, listen: Listen) -> None:
        """Bind the stored ports again. Call once, before attempts are adopted."""
        self._listen = listen
        stored = await self._wheel.store.read(lambda tx: tx.meta(_META))
        ports: list[int] = json.loads(stored) if stored else []
        for number, port in enumerate(ports):
            try:
                await listen(number, port)
            except OSError:
                self.refused.append(port)
                port = await listen(number, 0)
            self._ports.append(port)
        if self.refused:
            await self._keep()

    async def _keep(self) -> None:
        text = json.dumps(self._ports)
        await self._wheel.persist(lambda turn: turn.tx.set_meta(_META, text))

    async def ensure(self, lane_uid: str, width: int, attempt_uids: Iterable[str]) -> None:
        """These attempts are about to be handed over, and at most `width` of their lane run at once. Open listeners
        until all attempts that run, of all lanes, could have one, at most SLOTS_MAX, and offer them to the engine. If
        no more can be opened, the rest of the attempts run without. Raises Unavailable (the engine)."""
        if self._listen is None:
            return
        lane = self._lanes.setdefault(lane_uid, _Lane())
        lane.width = width
        lane.attempts.update(attempt_uids)
        if self._offered >= SLOTS_MAX:
            return
        wanted = min(sum(min(lane.width, len(lane.attempts)) for lane in self._lanes.values()), SLOTS_MAX)
        if self._offered >= max(wanted, len(self._ports)):
            return
        async with self._opening:
            await self._open(self._listen, wanted)
            if self._offered < len(self._ports):
                number = len(self._ports)
                await self._engine.offer_slots(self._slots())
                self._offered = number

    async def _open(self, listen: Listen, wanted: int) -> None:
        before = len(self._ports)
        if before < wanted:  # each growth is a commit that attempts wait for: a few of them, not one for each slot
            wanted = max(wanted, min(2 * before, SLOTS_MAX))
        try:
            while len(self._ports) < wanted:
                self._ports.append(await listen(len(self._ports), 0))
        except OSError as error:
            _log.warning("no listener for slot %d: its attempts run unattributed: %s", len(self._ports), error)
        if len(self._ports) > before:
            await self._keep()

    def _slots(self) -> list[Slot]:
        return [Slot(number=number, env=self._variables(port)) for number, port in enumerate(self._ports)]

    def slots(self) -> Sequence[Slot]:
        """All slots that are open."""
        return self._slots()

    async def holder(self, number: int) -> str | None:
        """Uid of the attempt on a slot. The engine is asked: what was reported last may be over, and another attempt
        may sit there whose report is still on the way."""
        try:
            return await self._engine.slot_holder(number)
        except Unavailable:
            return self._holders.get(number)

    def watch_ended(self, watch: Callable[[str], None]) -> None:
        """From now on `watch` hears the uid of each attempt that has ended."""
        self._ended_watches.append(watch)

    def opened(self, known: Sequence[Known]) -> None:
        """Attempts that go on where they sat."""
        self._holders = {attempt.slot: attempt.uid for attempt in known if attempt.slot is not None}
        self._lanes = {}
        for attempt in known:
            self._lanes.setdefault(lane_of(attempt.uid), _Lane()).attempts.add(attempt.uid)

    def started(self, report: Started) -> None:
        """An attempt took a slot."""
        if report.slot is not None:
            self._holders[report.slot] = report.attempt_uid

    def ended(self, report: Ended) -> None:
        """An attempt left its slot."""
        for number, uid in tuple(self._holders.items()):
            if uid == report.attempt_uid:
                del self._holders[number]
        lane = self._lanes.get(report.lane_uid)
        if lane is not None:
            lane.attempts.discard(report.attempt_uid)
            if not lane.attempts:
                del self._lanes[report.lane_uid]
        for watch in self._ended_watches:
            watch(report.attempt_uid)
