"""What roles allow, and to whom bindings give them."""

from __future__ import annotations

import pytest

from hakobune.core.identity import roles

ANN = "ann@example.com"


@pytest.mark.parametrize(
    ("role", "permission", "is_allowed"),
    [
        ("roles/owner", "anything.at.all", True),
        ("roles/owner", "run.jobs.setIamPolicy", True),
        ("roles/editor", "run.jobs.update", True),
        ("roles/editor", "run.jobs.setIamPolicy", False),
        ("roles/viewer", "run.jobs.get", True),
        ("roles/viewer", "secretmanager.versions.access", False),
        ("roles/run.invoker", "run.jobs.run", True),
        ("roles/run.invoker", "run.jobs.runWithOverrides", False),
        ("roles/run.invoker", "run.jobs.delete", False),
        ("roles/pubsub.publisher", "pubsub.topics.publish", True),
        ("roles/pubsub.publisher", "pubsub.subscriptions.consume", False),
        ("roles/storage.objectAdmin", "storage.objects.delete", True),
        ("roles/storage.objectAdmin", "storage.buckets.delete", False),
        ("roles/secretmanager.secretAccessor", "secretmanager.versions.access", True),
        ("roles/unknown", "run.jobs.run", False),
        ("", "run.jobs.run", False),
    ],
)
def test_a_role_allows_what_it_holds(role: str, permission: str, is_allowed: bool) -> None:
    assert roles.allows(role, permission) is is_allowed


@pytest.mark.parametrize(
    ("members", "is_in"),
    [
        (["user:ann@example.com"], True),
        (["serviceAccount:ann@example.com"], True),
        (["domain:example.com"], True),
        (["allUsers"], True),
        (["allAuthenticatedUsers"], True),
        (["user:bob@example.com", "group:ann@example.com"], False),
        (["ann@example.com"], False),
        (["domain:com"], False),
        ([None, 5], False),
        ([], False),
    ],
)
def test_members_are_named_by_their_kind(members: list[object], is_in: bool) -> None:
    assert roles.is_member(members, ANN) is is_in


def test_bindings_of_all_policies_count_and_those_with_a_condition_do_not() -> None:
    of_job = {"bindings": [{"role": "roles/run.invoker", "members": [f"user:{ANN}"]}]}
    of_project = {
        "bindings": [
            {"role": "roles/viewer", "members": ["allUsers"]},
            {"role": "roles/owner", "members": [f"user:{ANN}"], "condition": {"expression": "true"}},
        ]
    }
    wanted = ["run.jobs.run", "run.jobs.get", "run.jobs.delete"]
    assert roles.held([of_job, of_project], ANN, wanted) == ["run.jobs.run", "run.jobs.get"]
    assert roles.held([of_project], ANN, wanted) == ["run.jobs.get"]
    assert roles.held([], ANN, wanted) == []
    assert roles.held([{"bindings": "odd"}, {"bindings": [1, {"members": 2}]}, {}], ANN, wanted) == []
