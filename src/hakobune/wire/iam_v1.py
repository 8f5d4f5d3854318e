"""IAM policies as JSON: google.iam.v1, the part that resources of ours need.

Source: https://cloud.google.com/iam/docs/reference/rest/v1/Policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from hakobune.wire.schema import Choice, Json, ListOf, Message, Reader, Scalar, snake
from hakobune.wire.violations import Violations

_CONDITION = Message(
    type_name="type.googleapis.com/google.type.Expr",
    fields=dict.fromkeys(("expression", "title", "description", "location"), Scalar.TEXT),
)
_BINDING = Message(
    type_name="type.googleapis.com/google.iam.v1.Binding",
    fields={"role": Scalar.TEXT, "members": ListOf(Scalar.TEXT), "condition": _CONDITION},
)
_AUDIT_LOG_CONFIG = Message(
    type_name="type.googleapis.com/google.iam.v1.AuditLogConfig",
    fields={
        "logType": Choice(
            type_name="type.googleapis.com/google.iam.v1.AuditLogConfig.LogType",
            names=("LOG_TYPE_UNSPECIFIED", "ADMIN_READ", "DATA_WRITE", "DATA_READ"),
        ),
        "exemptedMembers": ListOf(Scalar.TEXT),
    },
)
_AUDIT_CONFIG = Message(
    type_name="type.googleapis.com/google.iam.v1.AuditConfig",
    fields={"service": Scalar.TEXT, "auditLogConfigs": ListOf(_AUDIT_LOG_CONFIG)},
)
_POLICY = Message(
    type_name="type.googleapis.com/google.iam.v1.Policy",
    fields={
        "version": Scalar.INT32,
        "bindings": ListOf(_BINDING),
        "auditConfigs": ListOf(_AUDIT_CONFIG),
        "etag": Scalar.TEXT,
    },
)
_SET = Message(
    type_name="type.googleapis.com/google.iam.v1.SetIamPolicyRequest",
    fields={"policy": _POLICY, "updateMask": Scalar.TEXT},
)
_TEST = Message(
    type_name="type.googleapis.com/google.iam.v1.TestIamPermissionsRequest",
    fields={"permissions": ListOf(Scalar.TEXT)},
)
_GET = Message(
    type_name="type.googleapis.com/google.iam.v1.GetIamPolicyRequest",
    fields={
        "options": Message(
            type_name="type.googleapis.com/google.iam.v1.GetPolicyOptions",
            fields={"requestedPolicyVersion": Scalar.INT32},
        )
    },
)
_VERSIONS = (0, 1, 3)  # 2 was never used
_MASKABLE = ("bindings", "auditConfigs", "etag", "version")
_MASK_DEFAULT = frozenset({"bindings", "etag"})  # as the reference of setIamPolicy says

EMPTY_POLICY: Mapping[str, object] = {"etag": "ACAB"}  # what the service answers for a policy that was never set


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRequest:
    """What a setter wants. `etag` is that of the policy that was read, "" if the setter did not say; `audit_configs`
    is None if the update mask leaves them alone, and so are `bindings`."""

    version: int
    bindings: list[dict[str, object]] | None
    audit_configs: list[dict[str, object]] | None
    etag: str


def policy_request_from_json(value: object) -> PolicyRequest:
    """The body of `:setIamPolicy`. Raises InvalidArgument naming every wrong field."""
    found = Violations()
    tree = Reader(found=found).message(_SET, value, "")
    found.check()
    policy: Json = tree.get("policy", {})
    mask = _mask(tree.get("updateMask", ""), found)
    bindings = cast("list[dict[str, object]]", policy.get("bindings", []))
    audits = cast("list[dict[str, object]]", policy.get("auditConfigs", []))
    if policy.get("version", 0) not in _VERSIONS:
        found.add("policy.version", "must be 0, 1 or 3")
    for index, binding in enumerate(bindings):
        if not binding.get("role"):
            found.add(f"policy.bindings[{index}].role", "must not be empty")
    for index, audit in enumerate(audits):
        if not audit.get("service"):
            found.add(f"policy.audit_configs[{index}].service", "must not be empty")
    found.check()
    return PolicyRequest(
        version=policy.get("version") or 1,
        bindings=bindings if "bindings" in mask else None,
        audit_configs=audits if "auditConfigs" in mask else None,
        etag=policy.get("etag", ""),
    )


def _mask(text: str, found: Violations) -> frozenset[str]:
    if not text:
        return _MASK_DEFAULT
    names = {spelling: name for name in _MASKABLE for spelling in (name, snake(name))}
    paths = [path.strip() for path in text.split(",")]
    for path in paths:
        if path not in names:
            found.add("update_mask", f"{path[:60]!r} is no field of a policy")
    return frozenset(names[path] for path in paths if path in names)


def permissions_from_json(value: object) -> list[str]:
    """The body of `:testIamPermissions`. Raises InvalidArgument."""
    found = Violations()
    permissions = Reader(found=found).message(_TEST, value, "").get("permissions", [])
    found.check()
    return list(cast("list[str]", permissions))


def policy_version_from_json(value: object) -> int:
    """The version that a body of `:getIamPolicy` asks for, where that is a POST. Raises InvalidArgument."""
    found = Violations()
    options: Json = Reader(found=found).message(_GET, value, "").get("options", {})
    found.check()
    return int(options.get("requestedPolicyVersion", 0))
