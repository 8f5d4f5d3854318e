"""Service accounts and their keys over gRPC, by Google's own client."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from runtime_process import PROJECT, RuntimeProcess

grpc = pytest.importorskip("grpc")
iam_admin_v1 = pytest.importorskip("google.cloud.iam_admin_v1")

from google.api_core import exceptions  # noqa: E402


@pytest.fixture
def client(runtime: RuntimeProcess) -> Iterator[Any]:
    kind = iam_admin_v1.IAMClient
    with grpc.insecure_channel(f"127.0.0.1:{runtime.grpc_port}") as channel:
        yield kind(transport=kind.get_transport_class("grpc")(channel=channel))


def test_an_account_goes_through_its_life_over_grpc(client: Any) -> None:
    project, account_id = f"projects/{PROJECT}", f"sa-{uuid.uuid4().hex[:8]}"
    made = client.create_service_account(
        request={"name": project, "account_id": account_id, "service_account": {"display_name": "One"}}
    )
    assert (made.email, made.display_name) == (f"{account_id}@{PROJECT}.iam.gserviceaccount.com", "One")
    assert made.email in [found.email for found in client.list_service_accounts(name=project)]
    changed = client.patch_service_account(
        request={
            "service_account": {"name": made.name, "description": "new"},
            "update_mask": {"paths": ["description"]},
        }
    )
    assert (changed.description, changed.display_name) == ("new", "One")
    client.disable_service_account(request={"name": made.name})
    assert client.get_service_account(name=made.name).disabled
    client.enable_service_account(request={"name": made.name})
    key = client.create_service_account_key(name=made.name)
    assert json.loads(key.private_key_data)["client_email"] == made.email
    names = [found.name for found in client.list_service_account_keys(name=made.name).keys]
    assert key.name in names
    client.delete_service_account_key(name=key.name)
    policy = client.set_iam_policy(
        request={
            "resource": made.name,
            "policy": {"bindings": [{"role": "roles/viewer", "members": ["user:a@b.c"]}]},
        }
    )
    assert policy.bindings[0].role == "roles/viewer"
    client.delete_service_account(name=made.name)
    with pytest.raises(exceptions.NotFound):
        client.get_service_account(name=made.name)


def test_what_is_not_here_is_refused_by_name(client: Any) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match="ListRoles"):
        client.list_roles(request={})
