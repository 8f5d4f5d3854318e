"""Long-running operations of all rooms: what clients poll after a call that changes something."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

from hakobune.core.errors import NotFound
from hakobune.core.names import OperationName
from hakobune.core.operations import AnyOperation, ResidentOperation
from hakobune.core.services.model import Resident
from hakobune.runtime.wheel import Wheel
from hakobune.store.api import Page


class OperationsRoom:
    """Questions about operations."""

    def __init__(self, wheel: Wheel, catch_up: Callable[[Resident], Awaitable[None]]) -> None:
        self._wheel = wheel
        self._catch_up = catch_up

    async def get(self, name: OperationName) -> AnyOperation:
        """Raises NotFound."""
        operation = await self._wheel.store.read(lambda tx: tx.operations.find_operation(name))
        if operation is None:
            raise NotFound(f"Operation '{name.operation}' does not exist.")
        if isinstance(operation, ResidentOperation) and operation.done and isinstance(operation.resource, Resident):
            await self._catch_up(operation.resource)  # a request that follows reaches what is said to be ready
        return operation

    async def list_all(self, project: str, location: str, page: Page) -> list[AnyOperation]:
        """Operations, newest first."""
        return await self._wheel.store.read(lambda tx: tx.operations.list_operations(project, location, page))

    async def delete(self, name: OperationName) -> None:
        """Forget an operation. Raises NotFound."""
        if not await self._wheel.turn(lambda turn: turn.tx.operations.delete_operation(name)):
            raise NotFound(f"Operation '{name.operation}' does not exist.")

    async def wait(self, name: OperationName, timeout_s: float) -> AnyOperation:
        """The operation as soon as it is done, or after `timeout_s`. Raises NotFound."""
        operation = await self.get(name)
        seq = 0  # the first look is at once
        with anyio.move_on_after(timeout_s):
            while not operation.done:
                seq = await self._wheel.store.wait_for_change(seq, timeout_s)
                operation = await self.get(name)
        return operation
