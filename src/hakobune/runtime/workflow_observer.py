"""Who is told of executions while they are driven: the log of the platform, for example."""

from __future__ import annotations

from collections.abc import Sequence

from hakobune.core.workflows.call_log import CallLog
from hakobune.core.workflows.machine import Machine
from hakobune.core.workflows.model import Workflow, WorkflowExecution


class Observer:
    """Sees executions live. The default does nothing; the log of the platform is one.

    `is_repeat`: a crash may have come after it was told the same.
    """

    def deployed(self, workflow: Workflow, warnings: Sequence[str]) -> None:
        """A definition was deployed; these are about its revision. The revision may be an old one."""

    def watch(
        self, execution: WorkflowExecution, newest: bytes | None, *, is_first: bool, is_repeat: bool
    ) -> CallLog | None:
        """What is to record the calls while its journal is folded, and after; None: nobody asks. `newest` is the last
        entry of the journal; `is_first`: there is no other."""
        del execution, newest, is_first, is_repeat
        return None

    def loaded(
        self, execution: WorkflowExecution, machine: Machine, last_s: float, *, is_repeat: bool, has_rested: bool
    ) -> None:
        """It is ACTIVE and in memory; `last_s` is the instant of the newest entry of its journal. `has_rested`: what
        brought it there found it at rest."""

    def called(self, execution: WorkflowExecution, calls: CallLog, *, is_repeat: bool) -> None:
        """What the record has is durable."""

    async def rested(self) -> None:
        """An execution has left memory. Until this returns, a crash makes its next life a repeat."""

    async def ended(self, execution: WorkflowExecution, *, is_repeat: bool) -> None:
        """It has ended, and that is durable. Until this returns, a crash tells it again."""
