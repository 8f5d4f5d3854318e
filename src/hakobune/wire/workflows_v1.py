"""Workflows of the Workflows API v1 as JSON, both ways. v1beta has the same messages."""

from __future__ import annotations

from dataclasses import dataclass

from hakobune.core.instants import timestamp_to_text
from hakobune.core.names import WorkflowName
from hakobune.core.workflows.drafts import PATCHABLE, WorkflowDraft
from hakobune.core.workflows.model import CallLogLevel, HistoryLevel, Workflow
from hakobune.wire.schema import Json, Reader, snake
from hakobune.wire.violations import Violations
from hakobune.wire.workflows_v1_rules import (
    check_description,
    check_labels,
    check_service_account,
    check_user_env_vars,
)
from hakobune.wire.workflows_v1_schema import WORKFLOW

_FIELD = "workflow"
_MASK = "update_mask"
_MASK_PATHS_MAX = 100  # ours: a workflow has eight fields that can be changed
_WHOLE = "*"
# Fields of a draft that the API calls otherwise than in snake_case.
_OWN_NAMES = {"executionHistoryLevel": "history_level"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowPatch:
    """What `workflows.patch` was asked: the draft, and the names of its fields that count."""

    draft: WorkflowDraft
    fields: frozenset[str]


def workflow_to_json(workflow: Workflow) -> Json:
    """A workflow with the revision that it carries. `tags` are input only."""
    revision = workflow.revision
    tree: Json = {
        "name": str(workflow.name),
        "description": workflow.description,
        "state": "ACTIVE",
        "revisionId": revision.id,
        "createTime": timestamp_to_text(workflow.create_s),
        "updateTime": timestamp_to_text(workflow.update_s),
        "revisionCreateTime": timestamp_to_text(revision.create_s),
        "labels": dict(workflow.labels),
        "serviceAccount": revision.service_account,
        "sourceContents": revision.source_contents,
        "cryptoKeyName": revision.crypto_key_name,
        "callLogLevel": "" if workflow.call_log_level is CallLogLevel.UNSPECIFIED else workflow.call_log_level.value,
        "userEnvVars": dict(revision.user_env_vars),
        "executionHistoryLevel": (
            "" if workflow.history_level is HistoryLevel.UNSPECIFIED else workflow.history_level.value
        ),
    }
    return {key: value for key, value in tree.items() if value}


def workflow_draft_from_json(value: object, name: WorkflowName) -> WorkflowDraft:
    """The body of `workflows.create`. Raises InvalidArgument with all that is wrong."""
    found = Violations()
    draft = _draft(_read(value, name, found), found)
    if not draft.source_contents:
        found.add_missing(f"{_FIELD}.source_contents")
    found.check()
    return draft


def workflow_patch_from_json(value: object, name: WorkflowName, mask: str | None) -> WorkflowPatch:
    """The body of `workflows.patch`; without a mask (None) the whole workflow counts. Raises InvalidArgument with all
    that is wrong."""
    found = Violations()
    tree = _read(value, name, found)
    fields = PATCHABLE if mask is None else _masked(mask, found)
    if "tags" in tree:
        found.add(f"{_FIELD}.tags", "cannot be changed: tags are given when a workflow is created")
    draft = _draft(tree, found)
    if "source_contents" in fields and not draft.source_contents:
        found.add_missing(f"{_FIELD}.source_contents")
    found.check()
    return WorkflowPatch(draft=draft, fields=fields)


def _read(value: object, name: WorkflowName, found: Violations) -> Json:
    tree = Reader(found=found).message(WORKFLOW, value, _FIELD)
    if tree.get("name", str(name)) != str(name):
        found.add(f"{_FIELD}.name", f"contradicts the name in the path, {name}")
    return tree


def _draft(tree: Json, found: Violations) -> WorkflowDraft:
    draft = WorkflowDraft(
        description=tree.get("description", ""),
        labels=tree.get("labels", {}),
        service_account=tree.get("serviceAccount", ""),
        source_contents=tree.get("sourceContents", ""),
        crypto_key_name=tree.get("cryptoKeyName", ""),
        call_log_level=CallLogLevel(tree.get("callLogLevel", CallLogLevel.UNSPECIFIED)),
        history_level=HistoryLevel(tree.get("executionHistoryLevel", HistoryLevel.UNSPECIFIED)),
        user_env_vars=tree.get("userEnvVars", {}),
        tags=tree.get("tags", {}),
    )
    check_description(draft.description, f"{_FIELD}.description", found)
    check_labels(draft.labels, f"{_FIELD}.labels", found)
    check_service_account(draft.service_account, f"{_FIELD}.service_account", found)
    check_user_env_vars(draft.user_env_vars, f"{_FIELD}.user_env_vars", found)
    return draft


def _masked(mask: str, found: Violations) -> frozenset[str]:
    """The draft's fields that a mask names, in camelCase or snake_case."""
    paths = [path.strip() for path in mask.split(",")]
    if len(paths) > _MASK_PATHS_MAX:
        found.add(_MASK, f"has more than {_MASK_PATHS_MAX} paths")
        return frozenset()
    if paths == [_WHOLE]:
        return PATCHABLE
    fields: set[str] = set()
    for path in paths:
        name = WORKFLOW.names.get(path, "")
        field = _OWN_NAMES.get(name, snake(name))
        if field in PATCHABLE:
            fields.add(field)
        else:
            found.add(_MASK, f"{path[:_MASK_PATHS_MAX]!r} is no field of a workflow that can be changed")
    return frozenset(fields)
