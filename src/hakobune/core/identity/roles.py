"""Roles and what they allow: the predefined ones for what is served here, and who a member of a binding is.

A permission ends with `*` where a role has all that begin so. Bindings with a condition grant nothing here, groups have
no members: what cannot be evaluated is not allowed.

Source: https://cloud.google.com/iam/docs/roles-permissions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

_READ_RUN = (
    "run.jobs.get",
    "run.jobs.list",
    "run.executions.get",
    "run.executions.list",
    "run.tasks.*",
    "run.services.get",
    "run.services.list",
    "run.revisions.get",
    "run.revisions.list",
    "run.workerpools.get",
    "run.workerpools.list",
)
_READ_SCHEDULES = ("cloudscheduler.jobs.get", "cloudscheduler.jobs.list")
_READ_EVENTS = (
    "eventarc.triggers.get",
    "eventarc.triggers.list",
    "eventarc.channels.get",
    "eventarc.channels.list",
    "eventarc.providers.get",
    "eventarc.providers.list",
)
_READ_WORKFLOWS = (
    "workflows.workflows.get",
    "workflows.workflows.list",
    "workflows.executions.get",
    "workflows.executions.list",
)
_READ_PUBSUB = (
    "pubsub.topics.get",
    "pubsub.topics.list",
    "pubsub.subscriptions.get",
    "pubsub.subscriptions.list",
    "pubsub.snapshots.get",
    "pubsub.snapshots.list",
    "pubsub.schemas.get",
    "pubsub.schemas.list",
)
_READ_SECRETS = (
    "secretmanager.secrets.get",
    "secretmanager.secrets.list",
    "secretmanager.versions.get",
    "secretmanager.versions.list",
)
_READ_OBJECTS = ("storage.objects.get", "storage.objects.list")
_USE_OBJECTS = (*_READ_OBJECTS, "storage.objects.create", "storage.objects.delete", "storage.objects.update")
_READ_ALL = (*_READ_RUN, *_READ_SCHEDULES, *_READ_EVENTS, *_READ_WORKFLOWS, *_READ_PUBSUB, *_READ_SECRETS)
_SET_POLICY = "setIamPolicy"
# These may all that their lines say but change policies.
_SETS_NO_POLICY = frozenset(
    {
        "roles/editor",
        "roles/run.developer",
        "roles/eventarc.developer",
        "roles/workflows.editor",
        "roles/pubsub.editor",
    }
)

ROLES: Mapping[str, tuple[str, ...]] = {
    "roles/owner": ("*",),
    "roles/editor": ("*",),
    "roles/viewer": _READ_ALL,
    "roles/run.admin": ("run.*",),
    "roles/run.developer": (
        "run.jobs.*",
        "run.executions.*",
        "run.tasks.*",
        "run.services.*",
        "run.revisions.*",
        "run.workerpools.*",
    ),
    "roles/run.invoker": ("run.jobs.run", "run.routes.invoke"),
    "roles/run.servicesInvoker": ("run.routes.invoke",),
    "roles/run.jobsExecutor": ("run.jobs.run",),
    "roles/run.jobsExecutorWithOverrides": ("run.jobs.run", "run.jobs.runWithOverrides"),
    "roles/run.viewer": _READ_RUN,
    "roles/cloudscheduler.admin": ("cloudscheduler.*",),
    "roles/cloudscheduler.jobRunner": ("cloudscheduler.jobs.run",),
    "roles/cloudscheduler.viewer": _READ_SCHEDULES,
    "roles/eventarc.admin": ("eventarc.*",),
    "roles/eventarc.developer": ("eventarc.triggers.*", *_READ_EVENTS),
    "roles/eventarc.eventReceiver": ("eventarc.events.receiveEvent",),
    "roles/eventarc.publisher": ("eventarc.channels.get", "eventarc.channels.list", "eventarc.channels.publish"),
    "roles/eventarc.viewer": _READ_EVENTS,
    "roles/workflows.admin": ("workflows.*",),
    "roles/workflows.editor": ("workflows.*",),
    "roles/workflows.invoker": ("workflows.executions.*",),
    "roles/workflows.viewer": _READ_WORKFLOWS,
    "roles/pubsub.admin": ("pubsub.*",),
    "roles/pubsub.editor": ("pubsub.*",),
    "roles/pubsub.publisher": ("pubsub.topics.publish",),
    "roles/pubsub.subscriber": (
        "pubsub.subscriptions.consume",
        "pubsub.snapshots.seek",
        "pubsub.topics.attachSubscription",
    ),
    "roles/pubsub.viewer": _READ_PUBSUB,
    "roles/storage.admin": ("storage.*",),
    "roles/storage.objectAdmin": ("storage.objects.*",),
    "roles/storage.objectUser": _USE_OBJECTS,
    "roles/storage.objectCreator": ("storage.objects.create",),
    "roles/storage.objectViewer": _READ_OBJECTS,
    "roles/storage.legacyObjectReader": ("storage.objects.get",),
    "roles/storage.legacyBucketReader": ("storage.buckets.get", "storage.objects.list"),
    "roles/storage.legacyBucketWriter": (
        "storage.buckets.get",
        "storage.objects.create",
        "storage.objects.delete",
        "storage.objects.list",
    ),
    "roles/secretmanager.admin": ("secretmanager.*",),
    "roles/secretmanager.secretAccessor": ("secretmanager.versions.access",),
    "roles/secretmanager.secretVersionAdder": ("secretmanager.versions.add",),
    "roles/secretmanager.secretVersionManager": (
        "secretmanager.versions.add",
        "secretmanager.versions.destroy",
        "secretmanager.versions.disable",
        "secretmanager.versions.enable",
        "secretmanager.versions.get",
        "secretmanager.versions.list",
    ),
    "roles/secretmanager.viewer": _READ_SECRETS,
    "roles/iam.serviceAccountAdmin": ("iam.serviceAccounts.*",),
    "roles/iam.serviceAccountKeyAdmin": ("iam.serviceAccountKeys.*",),
    "roles/iam.serviceAccountUser": ("iam.serviceAccounts.actAs",),
    "roles/iam.serviceAccountOpenIdTokenCreator": ("iam.serviceAccounts.getOpenIdToken",),
    "roles/iam.serviceAccountTokenCreator": (
        "iam.serviceAccounts.getAccessToken",
        "iam.serviceAccounts.getOpenIdToken",
        "iam.serviceAccounts.signBlob",
        "iam.serviceAccounts.signJwt",
    ),
    "roles/iam.workloadIdentityUser": (
        "iam.serviceAccounts.getAccessToken",
        "iam.serviceAccounts.getOpenIdToken",
    ),
}


def allows(role: str, permission: str) -> bool:
    """Whether a role has a permission. Unknown roles have none."""
    if role in _SETS_NO_POLICY and permission.endswith(_SET_POLICY):
        return False
    return any(
        permission.startswith(held[:-1]) if held.endswith("*") else permission == held for held in ROLES.get(role, ())
    )


def is_member(members: Iterable[object], account: str) -> bool:
    """Whether an account is among the members of a binding."""
    _, _, domain = account.partition("@")
    names = {
        "allUsers",
        "allAuthenticatedUsers",
        f"user:{account}",
        f"serviceAccount:{account}",
        f"domain:{domain}",
    }
    return any(isinstance(member, str) and member in names for member in members)


def held(policies: Sequence[Mapping[str, object]], account: str, permissions: Iterable[str]) -> list[str]:
    """Those of `permissions` that the bindings of some policies give to an account, in their order."""
    roles = {
        str(binding.get("role", ""))
        for policy in policies
        for binding in _bindings(policy)
        if "condition" not in binding and is_member(_members(binding), account)
    }
    return [permission for permission in permissions if any(allows(role, permission) for role in roles)]


def _bindings(policy: Mapping[str, object]) -> list[Mapping[str, object]]:
    return [cast("dict[str, object]", binding) for binding in _items(policy, "bindings") if isinstance(binding, dict)]


def _members(binding: Mapping[str, object]) -> list[object]:
    return _items(binding, "members")


def _items(found: Mapping[str, object], name: str) -> list[object]:
    items = found.get(name)
    return cast("list[object]", items) if isinstance(items, list) else []
