"""Workflows and executions on the wire: what is read, what is refused and who is to blame."""

from __future__ import annotations

import json
from typing import Any

import pytest
from goldens import FOLDER
from pictured_workflows import EXECUTION, EXECUTIONS, WORKFLOW, WORKFLOWS

from hakobune.core.errors import InvalidArgument
from hakobune.core.workflows import limits
from hakobune.core.workflows.drafts import PATCHABLE, ExecutionDraft, WorkflowDraft
from hakobune.core.workflows.model import CallLogLevel, HistoryLevel
from hakobune.wire.executions_v1 import (
    View,
    cancel_request_from_json,
    delete_history_request_from_json,
    execution_draft_from_json,
    execution_to_json,
    pubsub_draft_from_json,
    view_from_text,
)
from hakobune.wire.executions_v1_parts import entry_view_from_text, export_to_json
from hakobune.wire.operations import any_operation_to_json
from hakobune.wire.workflows_v1 import workflow_draft_from_json, workflow_patch_from_json, workflow_to_json

SOURCE = "main:\n  steps: []\n"
ACCOUNT = "projects/-/serviceAccounts/batch@p1.iam.gserviceaccount.com"


def blamed(error: pytest.ExceptionInfo[InvalidArgument]) -> list[str]:
    lines = error.value.message.splitlines()
    assert len(lines) == len(error.value.violations)
    return [violation.field for violation in error.value.violations]


# -- workflows ---------------------------------------------------------------------------------------------------


def test_given_a_full_workflow_when_read_then_it_is_what_its_user_wrote() -> None:
    body = {
        "name": str(WORKFLOW),
        "description": "d" * limits.DESCRIPTION_CHARACTERS,
        "labels": {"a": "", "äöü_-9": "x" * 63},
        "service_account": ACCOUNT,
        "sourceContents": SOURCE,
        "cryptoKeyName": "k",
        "callLogLevel": 2,
        "executionHistoryLevel": "EXECUTION_HISTORY_DETAILED",
        "userEnvVars": {"A": "x" * limits.USER_ENV_VAR_BYTES},
        "tags": {"1/env": "2/prod"},
        "state": "UNAVAILABLE",  # output only: ignored
        "createTime": "2026-01-01T00:00:00Z",
        "allKmsKeys": ["k"],
    }
    assert workflow_draft_from_json(body, WORKFLOW) == WorkflowDraft(
        description="d" * limits.DESCRIPTION_CHARACTERS,
        labels={"a": "", "äöü_-9": "x" * 63},
        service_account=ACCOUNT,
        source_contents=SOURCE,
        crypto_key_name="k",
        call_log_level=CallLogLevel.ERRORS_ONLY,
        history_level=HistoryLevel.DETAILED,
        user_env_vars={"A": "x" * limits.USER_ENV_VAR_BYTES},
        tags={"1/env": "2/prod"},
    )


@pytest.mark.parametrize("name", WORKFLOWS)
def test_given_a_workflow_that_was_read_when_written_back_then_nothing_changes(name: str) -> None:
    workflow = WORKFLOWS[name]
    body = json.loads((FOLDER / f"workflows_workflow_{name}.json").read_text())
    draft = workflow_patch_from_json(body, WORKFLOW, None).draft
    assert draft == WorkflowDraft(
        description=workflow.description,
        labels=workflow.labels,
        service_account=workflow.revision.service_account,
        source_contents=workflow.revision.source_contents,
        crypto_key_name=workflow.revision.crypto_key_name,
        call_log_level=workflow.call_log_level,
        history_level=workflow.history_level,
        user_env_vars=workflow.revision.user_env_vars,
    )
    assert workflow_to_json(workflow) == body


_MANY = {f"k{number}": "v" for number in range(65)}
WRONG: list[tuple[str, Any, str]] = [
    ("bogus", 1, ""),
    ("name", "projects/p1/locations/us-central1/workflows/other", ".name"),
    ("name", 5, ".name"),
    ("sourceContents", "", ".source_contents"),
    ("sourceContents", None, ".source_contents"),
    ("description", "d" * 1001, ".description"),
    ("description", "a\0b", ".description"),
    ("labels", _MANY, ".labels"),
    ("labels", {"A": "b"}, ".labels['A']"),
    ("labels", {"1a": "b"}, ".labels['1a']"),
    ("labels", {"": "b"}, ".labels['']"),
    ("labels", {"a.b": "b"}, ".labels['a.b']"),
    ("labels", {"a": "B"}, ".labels['a']"),
    ("labels", {"a": "x" * 64}, ".labels['a']"),
    ("labels", {"a" * 64: "x"}, f".labels['{'a' * 64}']"),
    ("labels", {"a": 1}, ".labels['a']"),
    ("labels", ["a"], ".labels"),
    ("serviceAccount", "a/b", ".service_account"),
    ("serviceAccount", "projects/p/serviceAccounts/", ".service_account"),
    ("serviceAccount", "projects/p/accounts/a", ".service_account"),
    ("serviceAccount", "a b", ".service_account"),
    ("callLogLevel", "LOUD", ".call_log_level"),
    ("callLogLevel", 4, ".call_log_level"),
    ("callLogLevel", True, ".call_log_level"),
    ("executionHistoryLevel", "LOUD", ".execution_history_level"),
    ("userEnvVars", {f"k{number}": "v" for number in range(21)}, ".user_env_vars"),
    ("userEnvVars", {"": "v"}, ".user_env_vars['']"),
    ("userEnvVars", {"GOOGLE_X": "v"}, ".user_env_vars['GOOGLE_X']"),
    ("userEnvVars", {"WORKFLOWS": "v"}, ".user_env_vars['WORKFLOWS']"),
    ("userEnvVars", {"A": "x" * 4097}, ".user_env_vars['A']"),
    ("userEnvVars", {"A": "あ" * 1366}, ".user_env_vars['A']"),
    ("userEnvVars", {"A": 1}, ".user_env_vars['A']"),
    ("createTime", "yesterday", ".create_time"),
    ("stateError", {"type": "BAD"}, ".state_error.type"),
    ("tags", [], ".tags"),
]


@pytest.mark.parametrize(("field", "value", "blame"), WRONG)
def test_given_a_wrong_workflow_when_created_then_its_field_is_named(field: str, value: object, blame: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        workflow_draft_from_json({"sourceContents": SOURCE, field: value}, WORKFLOW)
    assert blamed(refused) == [f"workflow{blame}"]


@pytest.mark.parametrize("body", [5, [], "x", None])
def test_given_a_body_that_is_no_object_when_created_then_it_is_refused(body: object) -> None:
    with pytest.raises(InvalidArgument) as refused:
        workflow_draft_from_json(body, WORKFLOW)
    assert blamed(refused)[0] == "workflow"


def test_given_many_wrong_fields_when_created_then_all_are_told_at_once() -> None:
    with pytest.raises(InvalidArgument) as refused:
        workflow_draft_from_json({"labels": {"A": "b"}, "userEnvVars": {"": ""}, "x": 1}, WORKFLOW)
    assert blamed(refused) == [
        "workflow",
        "workflow.labels['A']",
        "workflow.user_env_vars['']",
        "workflow.source_contents",
    ]


@pytest.mark.parametrize(
    ("mask", "fields"),
    [
        (None, PATCHABLE),
        ("*", PATCHABLE),
        ("labels", {"labels"}),
        ("sourceContents,description", {"source_contents", "description"}),
        ("source_contents, call_log_level", {"source_contents", "call_log_level"}),
        ("executionHistoryLevel", {"history_level"}),
        ("execution_history_level,userEnvVars", {"history_level", "user_env_vars"}),
        ("service_account,cryptoKeyName", {"service_account", "crypto_key_name"}),
    ],
)
def test_given_a_mask_when_patched_then_its_fields_count(mask: str | None, fields: frozenset[str]) -> None:
    assert workflow_patch_from_json({"sourceContents": SOURCE}, WORKFLOW, mask).fields == fields


def test_given_a_mask_without_the_source_when_patched_then_the_body_needs_none() -> None:
    patch = workflow_patch_from_json({"description": "new"}, WORKFLOW, "description")
    assert patch.draft.description == "new"


@pytest.mark.parametrize(
    "mask",
    [
        "",
        " ",
        ",",
        "labels,",
        "bogus",
        "name",
        "state",
        "tags",
        "createTime",
        "labels.a",
        "*,labels",
        "Labels",
        "x" * 500,
    ],
)
def test_given_a_mask_of_no_such_field_when_patched_then_it_is_refused(mask: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        workflow_patch_from_json({"sourceContents": SOURCE}, WORKFLOW, mask)
    assert set(blamed(refused)) == {"update_mask"}


def test_given_a_mask_of_too_many_paths_when_patched_then_it_is_refused_once() -> None:
    with pytest.raises(InvalidArgument) as refused:
        workflow_patch_from_json({"sourceContents": SOURCE}, WORKFLOW, ",".join(["labels"] * 101))
    assert blamed(refused) == ["update_mask"]


@pytest.mark.parametrize(
    ("body", "mask", "blame"),
    [
        ({"sourceContents": SOURCE, "tags": {"a": "b"}}, None, "workflow.tags"),
        ({}, None, "workflow.source_contents"),
        ({}, "source_contents", "workflow.source_contents"),
    ],
)
def test_given_what_a_patch_cannot_do_then_it_is_refused(body: object, mask: str | None, blame: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        workflow_patch_from_json(body, WORKFLOW, mask)
    assert blamed(refused) == [blame]


# -- executions --------------------------------------------------------------------------------------------------


def test_given_a_full_execution_when_read_then_it_is_what_its_caller_wrote() -> None:
    body = {
        "argument": '{"a":[1,2.5,null,"\\ud83d\\ude00"]}',
        "callLogLevel": "LOG_NONE",
        "executionHistoryLevel": 1,
        "labels": {"a": "b"},
        "disableConcurrencyQuotaOverflowBuffering": True,
        "name": "anything: it is output only",
        "state": "ACTIVE",
        "error": {"stackTrace": {"elements": [{"position": {"line": "5"}}]}},
    }
    assert execution_draft_from_json(body) == ExecutionDraft(
        argument='{"a":[1,2.5,null,"\\ud83d\\ude00"]}',
        call_log_level=CallLogLevel.NONE,
        history_level=HistoryLevel.BASIC,
        labels={"a": "b"},
        disable_buffering=True,
    )
    assert execution_draft_from_json({}) == ExecutionDraft()
    assert execution_draft_from_json({"argument": ""}) == ExecutionDraft()
    largest = json.dumps("x" * (limits.ARGUMENT_BYTES - 2))
    assert execution_draft_from_json({"argument": largest}).argument == largest


@pytest.mark.parametrize(
    ("body", "blame"),
    [
        ({"argument": {"a": 1}}, "execution.argument"),
        ({"argument": 5}, "execution.argument"),
        ({"argument": "{'a': 1}"}, "execution.argument"),
        ({"argument": "{"}, "execution.argument"),
        ({"argument": "NaN"}, "execution.argument"),
        ({"argument": " "}, "execution.argument"),
        ({"argument": "[" * 200 + "]" * 200}, "execution.argument"),
        ({"argument": "[" * 200_000 + "]" * 200_000}, "execution.argument"),
        ({"argument": json.dumps("x" * limits.ARGUMENT_BYTES)}, "execution.argument"),
        ({"argument": json.dumps("あ" * (limits.ARGUMENT_BYTES // 3 + 1), ensure_ascii=False)}, "execution.argument"),
        ({"labels": {"A": "b"}}, "execution.labels['A']"),
        ({"labels": _MANY}, "execution.labels"),
        ({"callLogLevel": "ALL"}, "execution.call_log_level"),
        (
            {"disableConcurrencyQuotaOverflowBuffering": "true"},
            "execution.disable_concurrency_quota_overflow_buffering",
        ),
        ({"bogus": 1}, "execution"),
        ([], "execution"),
    ],
)
def test_given_a_wrong_execution_when_created_then_its_field_is_named(body: object, blame: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        execution_draft_from_json(body)
    assert blamed(refused) == [blame]


def test_given_an_argument_that_is_no_json_then_the_place_is_told() -> None:
    with pytest.raises(InvalidArgument, match=r"is not valid JSON: Expecting value \(line 2, column 1\)"):
        execution_draft_from_json({"argument": "\n'"})


@pytest.mark.parametrize("read", [cancel_request_from_json, delete_history_request_from_json])
def test_given_a_body_of_no_words_then_only_the_name_of_the_path_may_stand_in_it(read: Any) -> None:
    read({}, str(EXECUTION))
    read({"name": str(EXECUTION)}, str(EXECUTION))
    for body in ({"name": "other"}, {"force": True}, []):
        with pytest.raises(InvalidArgument):
            read(body, str(EXECUTION))


@pytest.mark.parametrize(
    ("text", "view"),
    [
        ("", View.BASIC),
        ("BASIC", View.BASIC),
        ("FULL", View.FULL),
        ("2", View.FULL),
        ("1", View.BASIC),
        ("0", View.BASIC),
    ],
)
def test_given_a_view_then_it_is_known_by_name_and_number(text: str, view: View) -> None:
    assert view_from_text(text, View.BASIC) is view
    assert view_from_text("EXECUTION_VIEW_UNSPECIFIED", View.FULL) is View.FULL


@pytest.mark.parametrize("text", ["full", "3", "-1", "FULL "])
def test_given_no_view_then_it_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        view_from_text(text, View.FULL)
    assert blamed(refused) == ["view"]


def test_given_a_basic_view_then_nothing_large_is_in_it() -> None:
    for execution in EXECUTIONS.values():
        basic = execution_to_json(execution, View.BASIC)
        whole = execution_to_json(execution)
        assert basic.items() <= whole.items()
        assert not basic.keys() & {"argument", "result", "error", "status"}


# -- messages ----------------------------------------------------------------------------------------------------

TRIGGER = {
    "subscription": "projects/p1/subscriptions/s",
    "message": {
        "data": "eyJhIjoxfQ",
        "attributes": {"k": "v"},
        "messageId": "7",
        "publishTime": "2026-01-01T00:00:00Z",
    },
    "GCPCloudEventsMode": "CUSTOM_PUBSUB_projects%2Fp1%2Ftopics%2Ft",
    "deliveryAttempt": 3,
}


def test_given_a_message_then_the_argument_is_its_event() -> None:
    draft = pubsub_draft_from_json({**TRIGGER, "workflow": str(WORKFLOW)}, str(WORKFLOW), 0.0)
    assert draft.argument is not None
    assert json.loads(draft.argument) == {
        "specversion": "1.0",
        "id": "7",
        "source": "//pubsub.googleapis.com/projects/p1/topics/t",
        "type": "google.cloud.pubsub.topic.v1.messagePublished",
        "time": "2026-01-01T00:00:00Z",
        "datacontenttype": "application/json",
        "data": {
            "subscription": "projects/p1/subscriptions/s",
            "message": {
                "data": "eyJhIjoxfQ==",
                "attributes": {"k": "v"},
                "messageId": "7",
                "publishTime": "2026-01-01T00:00:00Z",
            },
        },
    }


def test_given_a_message_without_a_time_then_the_event_has_the_instant_of_its_arrival() -> None:
    draft = pubsub_draft_from_json({**TRIGGER, "message": {"data": ""}}, str(WORKFLOW), 1.5)
    assert draft.argument is not None
    assert json.loads(draft.argument)["time"] == "1970-01-01T00:00:01.500000Z"


@pytest.mark.parametrize(
    ("change", "blame"),
    [
        ({"subscription": ""}, ["subscription"]),
        ({"message": None}, ["message"]),
        ({"GCPCloudEventsMode": None}, ["GCPCloudEventsMode"]),
        ({"workflow": "projects/p1/locations/l/workflows/other"}, ["workflow"]),
        ({"message": {"data": "a"}}, ["message.data"]),
        ({"message": {"data": "ää=="}}, ["message.data"]),
        ({"message": {"data": "=?"}}, ["message.data"]),
        ({"deliveryAttempt": "many"}, ["delivery_attempt"]),
    ],
)
def test_given_a_wrong_message_then_its_field_is_named(change: dict[str, object], blame: list[str]) -> None:
    with pytest.raises(InvalidArgument) as refused:
        pubsub_draft_from_json({**TRIGGER, **change}, str(WORKFLOW), 0.0)
    assert blamed(refused) == blame


def test_given_a_message_too_large_for_an_argument_then_it_is_refused() -> None:
    message = {"data": "A" * limits.ARGUMENT_BYTES}
    with pytest.raises(InvalidArgument, match=f"at most {limits.ARGUMENT_BYTES} are allowed"):
        pubsub_draft_from_json({**TRIGGER, "message": message}, str(WORKFLOW), 0.0)


# -- parts and operations ----------------------------------------------------------------------------------------


def test_given_a_view_of_entries_then_its_names_are_known_and_others_refused() -> None:
    for text in ("", "EXECUTION_ENTRY_VIEW_BASIC", "EXECUTION_ENTRY_VIEW_DETAILED"):
        entry_view_from_text(text)
    with pytest.raises(InvalidArgument) as refused:
        entry_view_from_text("FULL")
    assert blamed(refused) == ["view"]
    assert export_to_json("{}") == {"data": "{}"}


def test_given_the_beta_version_then_its_operations_have_its_types() -> None:
    from pictured import OPERATIONS as RUN_OPERATIONS
    from pictured_workflows import OPERATIONS

    beta = any_operation_to_json(OPERATIONS["create"], "v1beta")
    assert beta["metadata"]["@type"].endswith("google.cloud.workflows.v1beta.OperationMetadata")
    assert beta["metadata"]["apiVersion"] == "v1beta"
    assert beta["response"]["@type"].endswith("google.cloud.workflows.v1beta.Workflow")
    assert any_operation_to_json(OPERATIONS["create"], "v2")["metadata"]["apiVersion"] == "v1"
    assert any_operation_to_json(RUN_OPERATIONS["create_done"], "v1beta")["done"] is True


def test_given_a_source_that_is_no_text_then_it_is_not_said_to_be_empty() -> None:
    for read in (workflow_draft_from_json, lambda body, name: workflow_patch_from_json(body, name, None)):
        with pytest.raises(InvalidArgument) as refused:
            read({"sourceContents": 5}, WORKFLOW)
        assert refused.value.message == "Invalid value at 'workflow.source_contents' (TYPE_STRING), 5"


# -- Google's client libraries -----------------------------------------------------------------------------------

# Fields that the discovery document has and this version of the library has not.
_NEWER = {"createTime", "executionHistoryLevel", "disableConcurrencyQuotaOverflowBuffering"}


@pytest.mark.parametrize("name", EXECUTIONS)
def test_the_client_library_reads_executions_as_we_meant_them(name: str) -> None:
    library = pytest.importorskip("google.cloud.workflows.executions_v1")
    shown = execution_to_json(EXECUTIONS[name])
    known = {key: value for key, value in shown.items() if key not in _NEWER}
    message = library.Execution.from_json(json.dumps(known), ignore_unknown_fields=False)
    assert message.name == str(EXECUTION)
    assert message.state.name == EXECUTIONS[name].state
    assert (message.argument or None) == EXECUTIONS[name].argument


@pytest.mark.parametrize("name", WORKFLOWS)
def test_given_a_workflow_of_the_client_read_and_sent_back_whole_then_nothing_is_refused(name: str) -> None:
    library = pytest.importorskip("google.cloud.workflows_v1")
    shown = workflow_to_json(WORKFLOWS[name])
    message = library.Workflow.from_json(json.dumps(shown), ignore_unknown_fields=False)
    body = json.loads(library.Workflow.to_json(message, use_integers_for_enums=True))
    again = workflow_patch_from_json(body, WORKFLOW, None)
    assert again.draft == workflow_patch_from_json(shown, WORKFLOW, None).draft
