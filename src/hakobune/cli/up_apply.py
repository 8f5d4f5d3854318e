"""`hakobune up -f DIR [--watch]`: the folder is applied at the start, and again whenever a file of it changes.

Each apply is a process of its own, `hakobune apply --brief`: what goes wrong in one ends neither the runtime nor the
watching, and a stop or a further change in the middle of a long deployment is a signal.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass

import anyio
import anyio.to_thread
from anyio.abc import Process

from hakobune.cli.apply.watch import Signature, places_of, signature

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LOOK_S = 0.3  # between two looks: a person has not let go of the key yet
_END_S = 2.0  # for the record of what was made
_QUIET_S = 0.1  # without a further change: an editor writes more than once, a checkout many files


@dataclass(frozen=True, slots=True, kw_only=True)
class Applying:
    """What is applied, and where. `environ` leads the command to this runtime."""

    name: str
    watches: bool
    project: str
    location: str
    environ: Mapping[str, str]
    say: Callable[[str], None]

    async def run(self) -> None:
        """Apply once, or until cancelled. Never raises for what is wrong with the definitions."""
        if not self.watches:
            await self._apply()
            return
        places, seen = await self._look(frozenset(), wide=True)
        while True:
            async with anyio.create_task_group() as group:
                group.start_soon(self._apply)
                places, seen = await self._changed(places, seen)
                group.cancel_scope.cancel()  # what waits for a service that never starts must not keep its mend waiting

    async def _changed(self, places: frozenset[str], seen: Signature) -> tuple[frozenset[str], Signature]:
        """Return when a file has changed and all is quiet again: what is watched from now on, and how it looks."""
        found = seen
        while found == seen:
            await anyio.sleep(_LOOK_S)
            _, found = await self._look(places, wide=False)
        self.say(f"{_named(seen, found)} changed")
        while found != seen:
            seen = found
            await anyio.sleep(_QUIET_S)
            _, found = await self._look(places, wide=False)
        return await self._look(places, wide=True)

    async def _look(self, places: frozenset[str], *, wide: bool) -> tuple[frozenset[str], Signature]:
        """(what is watched, how it looks); `wide`: find out first what the definitions are made of now."""

        def look() -> tuple[frozenset[str], Signature]:
            watched = places_of(self.name, self.project, self.location) if wide else places
            return watched, signature(watched)

        return await anyio.to_thread.run_sync(look, abandon_on_cancel=True)

    async def _apply(self) -> None:
        """Run the command, and tell its lines."""
        words = ["apply", "--brief", "--quiet", f"--filename={self.name}", f"--project={self.project}"]
        process = await anyio.open_process(
            [sys.executable, "-P", "-m", "hakobune.cli.main", *words, f"--region={self.location}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, **self.environ},
            start_new_session=True,  # Ctrl-C is told to it by us, when it is the runtime's turn to end
        )
        try:
            assert process.stderr is not None
            rest = b""
            async for piece in process.stderr:
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    self.say(line.decode(errors="replace"))
            await process.wait()
        finally:
            with anyio.CancelScope(shield=True):  # it must not go on beside the next one
                await _end(process)


async def _end(process: Process) -> None:
    """End it, if it has not: as by Ctrl-C, so that what it has made is on record; then by force."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        with anyio.move_on_after(_END_S):
            await process.wait()
    if process.returncode is None:
        process.kill()
    await process.aclose()


def _named(seen: Signature, found: Signature) -> str:
    """The file that changed, or how many."""
    names = [name for name in {**seen, **found} if seen.get(name) != found.get(name)]
    return os.path.relpath(names[0]) if len(names) == 1 else f"{len(names)} files"
