"""The tables of the two Workflows APIs against Google's own descriptions of them."""

from __future__ import annotations

import pytest
from test_run_schemas import _described, _messages, _ours

from hakobune.core.workflows.history import ProgressType, StepState
from hakobune.core.workflows.marks import StepType
from hakobune.wire import workflows_v1_schema
from hakobune.wire.schema import Choice, Message, snake

discovery = pytest.importorskip("googleapiclient.discovery_cache")
workflows_v1 = pytest.importorskip("google.cloud.workflows_v1")
executions_v1 = pytest.importorskip("google.cloud.workflows.executions_v1")


def _schemas(api: str) -> dict[str, dict[str, object]]:
    import json
    from pathlib import Path

    path = Path(discovery.__file__).parent / "documents" / f"{api}.v1.json"
    return json.loads(path.read_text())["schemas"]


SCHEMAS = {api: _schemas(api) for api in ("workflows", "workflowexecutions")}
# Requests that the discovery document has without the name, which is in the path.
BODIES = [
    ("workflows", "Workflow", workflows_v1_schema.WORKFLOW, ""),
    ("workflowexecutions", "Execution", workflows_v1_schema.EXECUTION, ""),
    (
        "workflowexecutions",
        "TriggerPubsubExecutionRequest",
        workflows_v1_schema.TRIGGER_PUBSUB_EXECUTION_REQUEST,
        "workflow",
    ),
    ("workflowexecutions", "CancelExecutionRequest", workflows_v1_schema.CANCEL_EXECUTION_REQUEST, "name"),
    (
        "workflowexecutions",
        "DeleteExecutionHistoryRequest",
        workflows_v1_schema.DELETE_EXECUTION_HISTORY_REQUEST,
        "name",
    ),
]


@pytest.mark.parametrize(("api", "name", "kind", "in_path"), BODIES, ids=[name for _, name, _, _ in BODIES])
def test_messages_have_the_fields_and_types_of_the_discovery_document(
    api: str, name: str, kind: Message, in_path: str
) -> None:
    ours = _ours(kind)
    assert isinstance(ours, dict)
    if in_path:
        assert ours.pop(in_path) == ("string", "")
    described = _described({"$ref": name}, SCHEMAS[api])
    if "message" in ours:
        assert isinstance(described, dict)
        assert described["message"]["data"] == ("string", "byte")
        described["message"]["data"] = ("string", "")  # read as a text, and checked
    assert ours == described


@pytest.mark.parametrize(("api", "name", "kind", "in_path"), BODIES[:2], ids=["Workflow", "Execution"])
def test_output_only_fields_are_those_of_the_discovery_document(
    api: str, name: str, kind: Message, in_path: str
) -> None:
    properties = SCHEMAS[api][name]["properties"]
    assert isinstance(properties, dict)
    assert kind.output_only == {field for field, about in properties.items() if about.get("readOnly")}


def test_words_of_step_entries_are_those_of_the_discovery_document() -> None:
    entry = SCHEMAS["workflowexecutions"]["StepEntry"]["properties"]
    metadata = SCHEMAS["workflowexecutions"]["StepEntryMetadata"]["properties"]
    assert isinstance(entry, dict)
    assert isinstance(metadata, dict)
    assert {*StepState} <= set(entry["state"]["enum"])
    assert {*StepType} <= set(entry["stepType"]["enum"])
    assert {*ProgressType} == set(metadata["progressType"]["enum"])


_FOUND = [
    *_messages(workflows_v1_schema.WORKFLOW, workflows_v1.Workflow.pb(workflows_v1.Workflow()).DESCRIPTOR, "workflow"),
    *_messages(
        workflows_v1_schema.EXECUTION, executions_v1.Execution.pb(executions_v1.Execution()).DESCRIPTOR, "execution"
    ),
]


@pytest.mark.parametrize(("path", "kind", "descriptor"), _FOUND, ids=[path for path, _, _ in _FOUND])
def test_names_and_enum_numbers_are_those_of_the_client_libraries(path: str, kind: Message, descriptor: object) -> None:
    known = {name.rstrip("_"): field for name, field in descriptor.fields_by_name.items()}  # type: ignore[attr-defined]
    assert {snake(name) for name in kind.fields} >= set(known)
    for name, inner in kind.fields.items():
        field = known.get(snake(name))
        if field is not None and isinstance(inner, Choice):
            numbers = {value.name: value.number for value in field.enum_type.values}
            assert numbers == {value: number for number, value in enumerate(inner.names)}
