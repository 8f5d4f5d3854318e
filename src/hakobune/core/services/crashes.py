"""Whether the instances of a resident end again and again: what its condition says of that."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from hakobune.core.services import limits
from hakobune.core.services.decide import backoff_s
from hakobune.core.services.model import CrashLoop, Instance, InstanceState, Resident


def crash_loop(
    resident: Resident, serving: Collection[str], instances: Sequence[Instance], now_s: float
) -> CrashLoop | None:
    """What is to be said now; None: all is well. `serving` are the uids of revisions that are to run. It begins with
    the second end in a row, and is over when one instance has lived longer than it had to wait for its start."""
    own = [one for one in instances if one.revision_uid in serving]
    if any(one.state is InstanceState.READY and lives_at_s(one) <= now_s for one in own):
        return None
    failing = [one for one in own if one.failures >= limits.CRASHES_MIN]
    if not failing:
        return None
    before = resident.crash_loop
    resting = [(one.restart_s, one) for one in failing if one.restart_s is not None]
    if not resting:
        return before  # they have begun again, and it is not known what will become of them
    restart_s, _ = min(resting, key=lambda pair: pair[0])
    _, last = max(resting, key=lambda pair: pair[0] - backoff_s(pair[1].failures))
    return CrashLoop(
        since_s=now_s if before is None else before.since_s,
        detail=last.detail,
        failures=max(one.failures for one in failing),
        restart_s=restart_s,
    )


def lives_at_s(instance: Instance) -> float:
    """When an instance that is ready has lived long enough, in seconds since the epoch."""
    ready_s = instance.create_time_s if instance.ready_time_s is None else instance.ready_time_s
    return ready_s if instance.failures < limits.CRASHES_MIN else ready_s + backoff_s(instance.failures)
