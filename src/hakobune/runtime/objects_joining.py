"""Contents joined into a new one: for compose and for multipart uploads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import anyio

from hakobune.runtime.objects_inflow import drop
from hakobune.runtime.objects_versions import Content
from hakobune.runtime.threads import Threads
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.store.blobs import Blobs

T = TypeVar("T")


async def join(
    wheel: Wheel, blobs: Blobs, threads: Threads, made: Content, contents: Sequence[str], unit: Callable[[Turn], T]
) -> T | None:
    """Make the content `made` of others, durably, and run the turn that names it. None: a source went meanwhile.
    Raises what the turn raises, ResourceExhausted, Unavailable: then nothing is left."""
    is_named = False
    try:
        try:
            await threads.run(blobs.join, made.uid, contents, made.size_bytes)
        except FileNotFoundError:
            return None
        with anyio.CancelScope(shield=True):
            value = await wheel.turn(unit)
            is_named = True
            return value
        raise AssertionError("unreachable: a shield swallows nothing")
    finally:
        if is_named:
            blobs.release(made.uid)
        else:
            with anyio.CancelScope(shield=True):
                await drop(wheel, threads, blobs, made.uid)
