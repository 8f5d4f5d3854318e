"""IAM policies as JSON."""

from __future__ import annotations

import pytest

from hakobune.core.errors import InvalidArgument
from hakobune.wire.iam_v1 import PolicyRequest, permissions_from_json, policy_request_from_json

AUDIT_TYPE = "policy.audit_configs[0].audit_log_configs[0].log_type"
BINDING = {"role": "roles/run.invoker", "members": ["user:a@example.com"], "condition": {"expression": "true"}}
AUDIT = {"service": "allServices", "auditLogConfigs": [{"logType": "ADMIN_READ", "exemptedMembers": ["user:a@b.c"]}]}


def test_given_a_policy_when_read_then_its_bindings_and_its_etag_are_kept() -> None:
    body = {"policy": {"version": 3, "etag": "ACAB", "bindings": [BINDING], "auditConfigs": [AUDIT]}}
    assert policy_request_from_json(body) == PolicyRequest(
        version=3, bindings=[BINDING], audit_configs=None, etag="ACAB"
    )


@pytest.mark.parametrize(
    ("mask", "bindings", "audit_configs"),
    [
        ("", [BINDING], None),
        ("bindings,etag", [BINDING], None),
        ("auditConfigs", None, [AUDIT]),
        ("audit_configs, bindings", [BINDING], [AUDIT]),
        ("version", None, None),
    ],
)
def test_given_an_update_mask_when_read_then_only_what_it_names_is_set(
    mask: str, bindings: object, audit_configs: object
) -> None:
    body = {"policy": {"bindings": [BINDING], "auditConfigs": [AUDIT]}, "updateMask": mask}
    found = policy_request_from_json(body)
    assert (found.bindings, found.audit_configs) == (bindings, audit_configs)


def test_given_an_empty_body_when_read_then_the_policy_is_empty() -> None:
    assert policy_request_from_json({}) == PolicyRequest(version=1, bindings=[], audit_configs=None, etag="")


def test_permissions_come_back_as_they_were_asked_for() -> None:
    assert permissions_from_json({"permissions": ["run.jobs.run"]}) == ["run.jobs.run"]
    assert permissions_from_json({}) == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"policy": {"bindings": [{"members": []}]}}, "policy.bindings[0].role"),
        ({"policy": {"bindings": [{"role": 5}]}}, "policy.bindings[0].role"),
        ({"policy": {"bogus": 1}}, "policy"),
        ({"policy": []}, "policy"),
        ({"policy": {"version": 2}}, "policy.version"),
        ({"policy": {"auditConfigs": [{"auditLogConfigs": []}]}}, "policy.audit_configs[0].service"),
        ({"policy": {"auditConfigs": [{"auditLogConfigs": [{"logType": "ALL"}]}]}}, AUDIT_TYPE),
        ({"updateMask": "bindings,nothing"}, "update_mask"),
    ],
)
def test_given_a_wrong_policy_when_read_then_its_field_is_named(body: object, field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        policy_request_from_json(body)
    assert [violation.field for violation in caught.value.violations] == [field]


def test_given_wrong_permissions_when_read_then_the_place_is_named() -> None:
    with pytest.raises(InvalidArgument) as caught:
        permissions_from_json({"permissions": [1]})
    assert caught.value.violations[0].field == "permissions[0]"
