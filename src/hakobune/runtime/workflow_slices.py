"""How executions that compute share the loop with everybody else.

A machine goes on in slices. One that computes for long would take the loop again in each of its rounds, and ten of them
ten times; a request needs a dozen rounds, and a read or a commit of the store needs the interpreter's lock a dozen
times. So all executions together have one share of work; when it is used up they *rest*: until nothing of the store is
under way and some rounds of the loop went by in which nothing else began, or, where there is always something, for a
bounded time. They go on in the order in which they asked. What needs little work is not counted, and does not wait
unless a share is used up at that moment.
"""

from __future__ import annotations

from typing import Final, Protocol

import anyio
import anyio.lowlevel

from hakobune.core.workflows.machine import Machine
from hakobune.core.workflows.meter import SLICE_NS

SLICE_STEPS: Final = 2_000  # about a millisecond
_SLICE_STEPS_NS: Final = 1_000_000
_LIGHT_NS: Final = 2_000_000  # of work, that is not counted
_QUIET_ROUNDS: Final = 8  # of the loop: between two looks into the store a request needs two or three
_LOOK_S: Final = 0.000_5
_LOOKS_MAX: Final = 60  # half as long again as a slice: where others always want something, each side has its part


class Traffic(Protocol):
    """The store, as far as executions have to wait for it."""

    @property
    def under_way(self) -> int:
        """Reads and units of work that somebody waits for."""
        ...


class Slices:
    """One slice after the other, with rests in between."""

    def __init__(self, store: Traffic) -> None:
        self._store = store
        self._turns = anyio.Lock()
        self._used_ns = 0

    async def advance(self, machine: Machine) -> bool:
        """One slice of a machine, when it is its turn. True: there is nothing more to do until the next event.

        Raises CorruptJournal.
        """
        if self._is_used_up:
            async with self._turns:
                if self._is_used_up:
                    await self._rest()
                    self._used_ns = 0
                return self._slice(machine)
        return self._slice(machine)

    @property
    def _is_used_up(self) -> bool:
        return self._used_ns >= SLICE_NS

    def _slice(self, machine: Machine) -> bool:
        is_done = machine.advance(SLICE_STEPS)
        work_ns = machine.slice_ns
        if not is_done:
            self._used_ns += work_ns + _SLICE_STEPS_NS
        elif work_ns > _LIGHT_NS:
            self._used_ns += work_ns
        return is_done

    async def _rest(self) -> None:
        quiet = looks = 0
        while quiet < _QUIET_ROUNDS and looks < _LOOKS_MAX:
            if self._store.under_way:
                quiet = 0
                looks += 1
                await anyio.sleep(_LOOK_S)
            else:
                quiet += 1
                await anyio.lowlevel.checkpoint()
