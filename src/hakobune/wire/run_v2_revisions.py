"""Revisions of services and worker pools in the Cloud Run Admin API v2. Clients read them, and never write them."""

from __future__ import annotations

from hakobune.core.instants import timestamp_to_text
from hakobune.core.services.conditions import revision_conditions
from hakobune.core.services.model import Revision, RevisionState
from hakobune.core.services.names import Kind
from hakobune.wire.run_labels import without_reserved
from hakobune.wire.run_v2_jobs import condition_to_json, observed_generation
from hakobune.wire.run_v2_resident_templates import template_settings_to_tree
from hakobune.wire.schema import Json


def revision_to_json(revision: Revision) -> Json:
    """A revision as v2 prints it."""
    template, resident = revision.template, revision.name.resident
    is_reconciling = revision.state is RevisionState.DEPLOYING
    tree: Json = {
        "name": str(revision.name),
        "uid": revision.uid,
        "generation": str(revision.generation),
        "labels": without_reserved(template.labels),
        "annotations": without_reserved(template.annotations),
        "createTime": timestamp_to_text(revision.create_time_s),
        "updateTime": timestamp_to_text(revision.update_time_s),
        "launchStage": revision.launch_stage or "GA",
        "service": resident.id if resident.kind is Kind.SERVICE else "",
        **template_settings_to_tree(resident.kind, template),
        "reconciling": is_reconciling,
        "conditions": [condition_to_json(condition) for condition in revision_conditions(revision)],
        "observedGeneration": observed_generation(revision.generation, is_reconciling=is_reconciling),
        "creator": revision.creator,
        "etag": revision.etag,
    }
    if template.min_instances:
        tree["scalingStatus"] = {"desiredMinInstanceCount": template.min_instances}
    tree.pop("healthCheckDisabled", None)  # a template's only
    return {key: value for key, value in tree.items() if value}
