"""Who stands between the wheel and its performers: nobody, or a simulation that crashes there."""

from __future__ import annotations

from typing import Protocol

from hakobune.store.api import OutboxCommand


class Interceptor(Protocol):
    """Sees every command before and after it is carried out."""

    async def before_perform(self, command: OutboxCommand) -> None: ...

    async def after_perform(self, command: OutboxCommand) -> None: ...


class NoInterceptor:
    """The default: commands pass."""

    async def before_perform(self, command: OutboxCommand) -> None:
        """Nothing."""

    async def after_perform(self, command: OutboxCommand) -> None:
        """Nothing."""
