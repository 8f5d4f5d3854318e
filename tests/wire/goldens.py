"""The golden files: what each resource looks like on the wire. `python tests/wire/goldens.py` writes them anew;
read the difference before you keep it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pictured_workflows
from pictured import EXECUTIONS, OPERATIONS, TASKS, a_full_job, a_job, named

from hakobune.wire import run_v1, run_v2
from hakobune.wire.executions_v1 import View, execution_to_json
from hakobune.wire.executions_v1_parts import callback_to_json, step_entries_to_json, step_entry_to_json
from hakobune.wire.operations import any_operation_to_json, run_operation_to_json
from hakobune.wire.workflows_v1 import workflow_to_json

FOLDER = Path(__file__).parent / "golden"


def _makers() -> dict[str, Callable[[], object]]:
    makers: dict[str, Callable[[], object]] = {
        "v2_job_minimal": lambda: run_v2.job_to_json(a_job()),
        "v2_job_full": lambda: run_v2.job_to_json(a_full_job()),
        "v2_job_not_ready": lambda: run_v2.job_to_json(a_job(ready_error="No such directory: /src.")),
        "v1_job_minimal": lambda: run_v1.job_to_v1(a_job(named())),
        "v1_job_full": lambda: run_v1.job_to_v1(a_full_job()),
        "v1_jobs_list": lambda: run_v1.list_to_v1("Job", [run_v1.job_to_v1(a_job(named()))], "t0k3n"),
        "v2_jobs_list": lambda: run_v2.list_to_json("jobs", [run_v2.job_to_json(a_job())], "t0k3n"),
    }
    for name, execution in EXECUTIONS.items():
        makers[f"v2_execution_{name}"] = lambda found=execution: run_v2.execution_to_json(found)
        makers[f"v1_execution_{name}"] = lambda found=execution: run_v1.execution_to_v1(found)
    for name, task in TASKS.items():
        over = EXECUTIONS["running"]
        makers[f"v2_task_{name}"] = lambda found=task, over=over: run_v2.task_to_json(over, found)
        makers[f"v1_task_{name}"] = lambda found=task, over=over: run_v1.task_to_v1(over, found)
    for name, operation in OPERATIONS.items():
        makers[f"v2_operation_{name}"] = lambda found=operation: run_operation_to_json(found)
    return makers | _workflow_makers()


def _workflow_makers() -> dict[str, Callable[[], object]]:
    execution = pictured_workflows.EXECUTION
    makers: dict[str, Callable[[], object]] = {}
    for name, workflow in pictured_workflows.WORKFLOWS.items():
        makers[f"workflows_workflow_{name}"] = lambda found=workflow: workflow_to_json(found)
    for name, run in pictured_workflows.EXECUTIONS.items():
        makers[f"workflows_execution_{name}"] = lambda found=run: execution_to_json(found)
        makers[f"workflows_basic_{name}"] = lambda found=run: execution_to_json(found, View.BASIC)
    for name, operation in pictured_workflows.OPERATIONS.items():
        makers[f"workflows_operation_{name}"] = lambda found=operation: any_operation_to_json(found)
    for name, entry in pictured_workflows.STEP_ENTRIES.items():
        makers[f"workflows_entry_{name}"] = lambda found=entry: step_entry_to_json(execution, found)
    for name, callback in pictured_workflows.CALLBACKS.items():
        makers[f"workflows_callback_{name}"] = lambda found=callback: callback_to_json(execution, found)
    entry = pictured_workflows.STEP_ENTRIES["minimal"]
    makers["workflows_entries_list"] = lambda: step_entries_to_json([step_entry_to_json(execution, entry)], "t0k3n", 3)
    makers["workflows_entries_none"] = lambda: step_entries_to_json([], "", 0)
    return makers


MAKERS = _makers()


def text_of(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    for name, make in MAKERS.items():
        (FOLDER / f"{name}.json").write_text(text_of(make()))


if __name__ == "__main__":
    main()
