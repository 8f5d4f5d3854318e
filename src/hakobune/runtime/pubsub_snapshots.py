"""Snapshots: what a subscription had not acknowledged, kept for a week at most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hakobune.core.errors import NotFound, ResourceExhausted
from hakobune.core.pubsub import limits
from hakobune.core.pubsub.model import Snapshot
from hakobune.core.pubsub.names import SnapshotName, SubscriptionName
from hakobune.runtime.clock import Identifiers
from hakobune.runtime.pubsub_signals import Signals
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.store.api import Page
from hakobune.store.pubsub_api import PubsubRead


def snapshot_of(pubsub: PubsubRead, name: SnapshotName) -> Snapshot:
    """Raises NotFound."""
    found = pubsub.find_snapshot(name)
    if found is None:
        raise NotFound(f"Snapshot does not exist: {name}.")
    return found


class Snapshots:
    """The desk of snapshots."""

    def __init__(self, wheel: Wheel, identifiers: Identifiers, signals: Signals) -> None:
        self._wheel = wheel
        self._identifiers = identifiers
        self._signals = signals

    async def create(
        self, name: SnapshotName | None, subscription: SubscriptionName, labels: Mapping[str, str]
    ) -> Snapshot:
        """Without a name it gets one. Raises AlreadyExists, NotFound, FailedPrecondition, ResourceExhausted."""
        given = name or SnapshotName(project=subscription.project, id=f"snapshot-{self._identifiers.uid()}")

        def unit(turn: Turn) -> Snapshot:
            if turn.tx.pubsub.count_snapshots(given.project) >= limits.SNAPSHOTS:
                raise ResourceExhausted(f"A project has at most {limits.SNAPSHOTS} snapshots.")
            return turn.tx.messages.add_snapshot(given, subscription, labels, turn.now_s)

        return await self._wheel.turn(unit)

    async def get(self, name: SnapshotName) -> Snapshot:
        """Raises NotFound."""
        return await self._wheel.store.read(lambda tx: snapshot_of(tx.pubsub, name))

    async def list(self, project: str, page: Page) -> list[Snapshot]:
        """By id."""
        return await self._wheel.store.read(lambda tx: tx.pubsub.list_snapshots(project, page))

    async def patch(self, wanted: Snapshot, fields: frozenset[str]) -> Snapshot:
        """Change the fields of `Snapshot` that are named. Raises NotFound."""

        def unit(turn: Turn) -> Snapshot:
            old = snapshot_of(turn.tx.pubsub, wanted.name)
            new = replace(old, **{field: getattr(wanted, field) for field in fields})
            turn.tx.pubsub.replace_snapshot(new)
            return new

        return await self._wheel.turn(unit)

    async def delete(self, name: SnapshotName) -> None:
        """Raises NotFound."""

        def unit(turn: Turn) -> None:
            if not turn.tx.pubsub.remove_snapshot(name):
                raise NotFound(f"Snapshot does not exist: {name}.")

        await self._wheel.turn(unit)
        self._signals.leavings.wake()
