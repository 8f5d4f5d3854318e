"""Runs files of cases, and keeps what came of them."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hakobune.core.workflows.build import InvalidDefinition
from hakobune.core.workflows.limits import Strictness
from hakobune.testing.workflows.case_files import Case, CaseFile
from hakobune.testing.workflows.expectations import judge
from hakobune.testing.workflows.runs import Workflow, WorkflowRun

_PACKAGE = Path(__file__).parents[2]  # whose code is none of the user's


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """What came of a case. `failures` is empty if it is good; `took_s` is real time, not that of the virtual clock."""

    file: Path
    case: Case
    workflow: Path
    failures: Sequence[str]
    run: WorkflowRun | None
    took_s: float

    @property
    def is_good(self) -> bool:
        """Whether all was as expected."""
        return not self.failures

    def message(self) -> str:
        """Everything that is not as expected, and the trace of the run."""
        told = list(self.failures)
        if self.run is not None:
            told.append(self.run.story())
        return "\n".join(told)


@dataclass(slots=True)
class Session:
    """All results so far, and the workflows with their coverage: one object for each file, however often it is used."""

    limits: Strictness = Strictness.STRICT
    results: list[CaseResult] = field(default_factory=list[CaseResult])
    workflows: dict[Path, Workflow] = field(default_factory=dict[Path, Workflow])

    def workflow(self, path: Path) -> Workflow:
        """The workflow of a file. Raises OSError, UnicodeError, InvalidDefinition."""
        path = path.resolve()
        if path not in self.workflows:
            self.workflows[path] = Workflow.load(path, limits=self.limits)
        return self.workflows[path]

    def check(self, file: CaseFile) -> None:
        """Raises CaseFileInvalid where the file names steps that its workflow does not have.

        A workflow that cannot be loaded is no mistake of the file: its cases fail and say why.
        """
        try:
            workflow = self.workflow(file.workflow)
        except (InvalidDefinition, OSError, UnicodeError):
            return
        file.check_steps(workflow.program)

    def run_file(
        self, file: CaseFile, *, is_chosen: Callable[[Case], bool], tell: Callable[[CaseResult], None]
    ) -> None:
        """Run the chosen cases of a file; `tell` is called after each."""
        for case in file.cases:
            if is_chosen(case):
                tell(self.run_case(file, case))

    def run_case(self, file: CaseFile, case: Case) -> CaseResult:
        """Run one case. A workflow that cannot be deployed fails its cases."""
        began_s = time.perf_counter()
        run: WorkflowRun | None = None
        try:
            workflow = self.workflow(file.workflow)
        except InvalidDefinition as error:
            failures = [str(error)]
        except (OSError, UnicodeError) as error:
            failures = [f"the workflow {file.workflow} cannot be read: {error}"]
        else:
            run, failures = _played(workflow, case)
        took_s = time.perf_counter() - began_s
        result = CaseResult(
            file=file.path, case=case, workflow=file.workflow.resolve(), failures=failures, run=run, took_s=took_s
        )
        self.results.append(result)
        return result


def _played(workflow: Workflow, case: Case) -> tuple[WorkflowRun | None, list[str]]:
    try:
        run = workflow.run(
            case.argument,
            mocks=case.mocks,
            env=case.env,
            callbacks=case.callbacks,
            cancel_after_s=case.cancel_after_s,
        )
    except Exception as error:  # noqa: BLE001 - a mock's function is the user's code: what it raises is told
        return None, [f"the run raised an error:\n{_users_traceback(error)}"]
    return run, judge(run, case.expect)


def _users_traceback(error: Exception) -> str:
    """The traceback from where the user's own code begins; all of it where none of that is in it."""
    begin = error.__traceback__
    while begin is not None and Path(begin.tb_frame.f_code.co_filename).is_relative_to(_PACKAGE):
        begin = begin.tb_next
    return "".join(traceback.format_exception(type(error), error, begin or error.__traceback__))
