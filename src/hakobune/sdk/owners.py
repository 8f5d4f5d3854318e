"""Who holds a right, and whether that somebody can still come back for it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self

from hakobune.sdk.processes import ProcessMark
from hakobune.sdk.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """One claim by one process. The task's fields are empty or 0 outside a job. claim: unique for each claim."""

    process: str
    job: str
    execution: str
    index: int
    attempt: int
    claim: str

    @classmethod
    def new(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """A new claim of this process."""
        task = Task.from_env(environ)
        return cls(
            process=ProcessMark.of_this_process().to_text(),
            job=task.job,
            execution=task.execution,
            index=task.index,
            attempt=task.attempt,
            claim=secrets.token_hex(8),
        )

    @classmethod
    def from_record(cls, record: object) -> Self | None:
        """The owner in a stored record, None if there is none that we understand."""
        match record:
            case {
                "process": str(process),
                "job": str(job),
                "execution": str(execution),
                "index": int(index),
                "attempt": int(attempt),
                "claim": str(claim),
            }:
                return cls(process=process, job=job, execution=execution, index=index, attempt=attempt, claim=claim)
            case _:
                return None

    def to_record(self) -> dict[str, str | int]:
        """As stored."""
        return asdict(self)

    def __str__(self) -> str:
        task = f"task {self.index} of {self.execution}, attempt {self.attempt}, " if self.execution else ""
        return f"{task}process {self.process}"

    def is_gone(self, viewer: Owner, *, is_local: bool) -> bool:
        """Whether this owner surely cannot act any more, as `viewer` sees it.

        A later attempt of the same task only starts when the earlier one has ended. A dead process is recognised only
        where all processes are of one machine (`is_local`): machines cloned from a snapshot share their marks.
        """
        same_task = (self.job, self.execution, self.index) == (viewer.job, viewer.execution, viewer.index)
        if self.execution and same_task and self.attempt < viewer.attempt:
            return True
        mark = ProcessMark.from_text(self.process)
        return is_local and mark is not None and mark.is_dead()
