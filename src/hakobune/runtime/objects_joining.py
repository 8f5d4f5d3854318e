"""Content files joined into a new one, within the kernel: for compose and for multipart uploads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TypeVar

import anyio

from hakobune.runtime.objects_inflow import drop
from hakobune.runtime.threads import Threads
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.store.blobs import Blobs

T = TypeVar("T")


async def join(
    wheel: Wheel, blobs: Blobs, threads: Threads, uid: str, contents: Sequence[str], unit: Callable[[Turn], T]
) -> T | None:
    """Make the content file `uid` of others, durably, and run the turn that names it. None: a source went meanwhile.
    Raises what the turn raises, ResourceExhausted, Unavailable: then nothing is left."""
    is_named = False
    try:
        if not await threads.run(_join, blobs, uid, contents):
            return None
        with anyio.CancelScope(shield=True):
            value = await wheel.turn(unit)
            is_named = True
            return value
        raise AssertionError("unreachable: a shield swallows nothing")
    finally:
        if is_named:
            blobs.release(uid)
        else:
            with anyio.CancelScope(shield=True):
                await drop(wheel, threads, blobs, uid)


def _join(blobs: Blobs, uid: str, contents: Sequence[str]) -> bool:
    """In a thread. False: a source is gone."""
    with ExitStack() as stack:
        try:
            sources = [stack.enter_context(blobs.open(content)) for content in contents]
        except FileNotFoundError:
            return False
        blobs.join(uid, sources)
    return True
