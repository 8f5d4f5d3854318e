"""Draws what the documents take from the code: `make docs` writes, `--check` (in the tests) only compares.

Each drawing stands between `<!-- drawn: NAME -->` and `<!-- /drawn -->`.
"""

from __future__ import annotations

import importlib
import re
import sys
from functools import partial
from pathlib import Path
from typing import Any

from hakobune.core.jobs.states import (
    EXECUTION_TRANSITIONS,
    FINAL_EXECUTION_STATES,
    FINAL_TASK_STATES,
    TASK_TRANSITIONS,
    ExecutionState,
    TaskState,
)
from hakobune.core.services.model import InstanceState, RevisionState
from hakobune.core.services.states import INSTANCE_TRANSITIONS, REVISION_TRANSITIONS
from hakobune.core.triggers.states import DELIVERY_TRANSITIONS, DeliveryState
from hakobune.core.workflows.model import FINAL_STATES
from hakobune.core.workflows.model import ExecutionState as WorkflowState
from hakobune.core.workflows.states import TRANSITIONS as WORKFLOW_TRANSITIONS

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
CLIENT_TABLES = (
    "clients", "grpc-services", "methods-storage", "methods-storage-xml", "methods-pubsub", "methods-iam",
    "methods-iam-credentials", "methods-secrets", "methods-tokens", "methods-metadata",
    "methods-scheduler", "methods-eventarc",
    "methods-run-services",
)  # fmt: skip
_PLACE = re.compile(r"(<!-- drawn: ([\w-]+) -->\n).*?(<!-- /drawn -->)", re.DOTALL)


def _machine(first: str, table: list[tuple[str, str, str]], final: list[str]) -> str:
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {first}"]
    lines += [f"    {state} --> {target}: {signal}" for state, signal, target in table]
    lines += [f"    {state} --> [*]" for state in final]
    return "\n".join([*lines, "```", ""])


def _task_states() -> str:
    table = [(state.value, signal.value, to.value) for (state, signal), to in TASK_TRANSITIONS.items()]
    return _machine(TaskState.PENDING.value, table, sorted(state.value for state in FINAL_TASK_STATES))


def _execution_states() -> str:
    table = [(state.value, signal.value, to.value) for (state, signal), to in EXECUTION_TRANSITIONS.items()]
    return _machine(ExecutionState.RUNNING.value, table, sorted(state.value for state in FINAL_EXECUTION_STATES))


def _workflow_states() -> str:
    table = [(state.value, signal.value, to.value) for (state, signal), to in WORKFLOW_TRANSITIONS.items()]
    return _machine(WorkflowState.QUEUED.value, table, sorted(state.value for state in FINAL_STATES))


def _delivery_states() -> str:
    table = [(state.value, signal.value, to.value) for (state, signal), to in DELIVERY_TRANSITIONS.items()]
    return _machine(DeliveryState.PENDING.value, table, [])


def _revision_states() -> str:
    table = [(state.value, signal.value.lower(), to.value) for (state, signal), to in REVISION_TRANSITIONS.items()]
    return _machine(RevisionState.DEPLOYING.value, table, [RevisionState.FAILED.value])


def _instance_states() -> str:
    table = [(state.value, signal.value.lower(), to.value) for (state, signal), to in INSTANCE_TRANSITIONS.items()]
    final = (InstanceState.DRAINING, InstanceState.STOPPING, InstanceState.RESTING)
    return _machine(InstanceState.STARTING.value, table, [state.value for state in final])


def _of_tests(folder: str, module: str) -> Any:
    """A module that draws tables from a folder of tests."""
    path = str(ROOT / "tests" / folder)
    if path not in sys.path:
        sys.path.insert(0, path)
    return importlib.import_module(module)


def _language(table: str) -> str:
    """A table of the language cases."""
    return str(getattr(_of_tests("language", "rule_tables"), table)())


def _clients(table: str) -> str:
    """A table of what the checks of the clients call."""
    return str(_of_tests("clients", "method_tables").TABLES[table]())


DRAWINGS = {
    "task-states": _task_states,
    "execution-states": _execution_states,
    "workflow-execution-states": _workflow_states,
    "delivery-states": _delivery_states,
    "revision-states": _revision_states,
    "instance-states": _instance_states,
    "language-chapters": lambda: _language("chapters_table"),
    "language-decisions": lambda: _language("decisions_list"),
    **{name: partial(_clients, name) for name in CLIENT_TABLES},
}


def redrawn(text: str) -> str:
    """A document with its drawings made anew. Raises KeyError for a name that nobody draws."""
    return _PLACE.sub(lambda place: place.group(1) + DRAWINGS[place.group(2)]() + place.group(3), text)


def main() -> int:
    """Exit code 1 if `--check` finds a document that is behind the code."""
    stale = []
    for path in sorted(DOCS.rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        new = redrawn(text)
        if new == text:
            continue
        stale.append(path)
        if "--check" not in sys.argv:
            path.write_text(new, encoding="utf-8")
    for path in stale:
        print(f"docs: {path.name} {'is behind the code: make docs' if '--check' in sys.argv else 'drawn anew'}")
    return int(bool(stale) and "--check" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
