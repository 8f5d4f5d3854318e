"""Watches over one instance: until it answers for the first time, then by its liveness probe.

The default startup check is that something listens on the port, within 4 minutes. Source: "Container runtime contract",
"Container health checks".
"""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import anyio

from hakobune.core.services import limits, texts
from hakobune.core.services.model import Instance, InstanceState, Member, Probe, Revision
from hakobune.runtime.service_probes import is_listening, is_well

_LOOK_FIRST_S = 0.002  # ours: how often a port is looked at; the wait grows with the time that has passed
_LOOK_MAX_S = 0.05
_LOOK_PART = 0.05  # of the time that has passed


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """Whom a watch tells what it sees, by the uid of the instance."""

    answered: Callable[[str], Awaitable[None]]
    refused: Callable[[str, str], Awaitable[None]]  # with the reason
    kill: Callable[[str, int], Awaitable[None]]  # with the signal
    listening: Callable[[str], Awaitable[Sequence[str]]]  # asked: where it listens
    now_s: Callable[[], float]


async def watch(revision: Revision, instance: Instance, signs: Signs) -> None:
    """Until cancelled: when the instance has ended, or is not wanted any more."""
    member = revision.template.members[0]
    port = instance.port
    if instance.state is InstanceState.STARTING:
        problem = await _start(member, revision, instance, signs)
        if problem:
            await signs.refused(instance.uid, problem)
            return
        await signs.answered(instance.uid)
    if member.liveness is not None:
        await _live(member.liveness, port)
        await signs.kill(instance.uid, signal.SIGKILL)


async def _start(member: Member, revision: Revision, instance: Instance, signs: Signs) -> str:
    """Wait until the instance answers; "" or why it never will."""
    port = instance.port
    if member.startup is not None:
        return await _probe_start(member.startup, instance, signs)
    if not port or revision.template.health_check_disabled:
        return ""
    begun_s = instance.create_time_s
    while not await is_listening(port):
        passed_s = max(0.0, signs.now_s() - begun_s)
        if passed_s >= limits.STARTUP_DEFAULT_S:
            return texts.not_listening(port, await _elsewhere(instance, signs, port))
        await anyio.sleep(min(_LOOK_MAX_S, max(_LOOK_FIRST_S, passed_s * _LOOK_PART)))
    return ""


async def _elsewhere(instance: Instance, signs: Signs, port: int) -> str:
    return texts.listening(await signs.listening(instance.uid), port)


async def _probe_start(probe: Probe, instance: Instance, signs: Signs) -> str:
    """The declared probe. Where nothing listens yet, a look costs nothing: as soon as something does, it is asked."""
    await anyio.sleep(probe.initial_delay_s)
    port = instance.port
    where = probe.port or port
    for failures in range(1, max(1, probe.failure_threshold) + 1):
        period_ends_s = anyio.current_time() + probe.period_s
        while not await is_listening(where):
            if anyio.current_time() >= period_ends_s:
                break
            await anyio.sleep(_LOOK_MAX_S)
        else:
            if await is_well(probe, port):
                return ""
        if failures < probe.failure_threshold:
            await anyio.sleep(max(0.0, period_ends_s - anyio.current_time()))
    how = await _elsewhere(instance, signs, port) if where == port else ""
    return texts.probe_failed("STARTUP", probe, where, probe.failure_threshold, how)


async def _live(probe: Probe, port: int) -> None:
    """Return when the probe has failed as often as it may."""
    await anyio.sleep(probe.initial_delay_s)
    failures = 0
    while failures < probe.failure_threshold:
        await anyio.sleep(probe.period_s)
        failures = 0 if await is_well(probe, port) else failures + 1
