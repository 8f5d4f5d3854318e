"""google-cloud-secret-manager and google-cloud-iam, over gRPC and REST."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import google_crc32c
import pytest

grpc = pytest.importorskip("grpc")
secretmanager = pytest.importorskip("google.cloud.secretmanager_v1")
iam_credentials = pytest.importorskip("google.cloud.iam_credentials_v1")

from google.api_core import exceptions  # noqa: E402
from google.auth import crypt  # noqa: E402
from google.auth.credentials import AnonymousCredentials  # noqa: E402

from runtime_process import PROJECT, RuntimeProcess  # noqa: E402

PARENT = f"projects/{PROJECT}"


def a_client(kind: Any, runtime: RuntimeProcess, transport: str) -> Any:
    if transport == "rest":
        options = {"api_endpoint": runtime.url}
        return kind(transport="rest", client_options=options, credentials=AnonymousCredentials())
    channel = grpc.insecure_channel(f"127.0.0.1:{runtime.grpc_port}")
    return kind(transport=kind.get_transport_class("grpc")(channel=channel))


@pytest.fixture(params=["grpc", "rest"])
def secrets(request: pytest.FixtureRequest, runtime: RuntimeProcess) -> Iterator[Any]:
    with a_client(secretmanager.SecretManagerServiceClient, runtime, request.param) as client:
        yield client


@pytest.fixture
def secret(secrets: Any) -> str:
    """The name of a fresh secret."""
    made = secrets.create_secret(
        parent=PARENT,
        secret_id=f"client-{uuid.uuid4().hex[:8]}",
        secret={"replication": {"automatic": {}}, "labels": {"team": "art"}},
    )
    assert made.labels == {"team": "art"}
    assert "automatic" in made.replication
    assert made.create_time is not None
    return str(made.name)


def add(secrets: Any, secret: str, data: bytes) -> Any:
    payload = {"data": data, "data_crc32c": google_crc32c.value(data)}
    return secrets.add_secret_version(parent=secret, payload=payload)


def test_a_value_is_added_and_read_back(secrets: Any, secret: str) -> None:
    for number, data in enumerate((b"one", bytes(range(256)), b"x" * 65_536), 1):
        version = add(secrets, secret, data)
        assert version.name == f"{secret}/versions/{number}"
        assert version.client_specified_payload_checksum
        for name in (version.name, f"{secret}/versions/latest"):
            found = secrets.access_secret_version(name=name)
            assert (found.name, found.payload.data) == (version.name, data)
            assert found.payload.data_crc32c == google_crc32c.value(data)
    assert [version.name[-1] for version in secrets.list_secret_versions(parent=secret)] == ["3", "2", "1"]


def test_a_wrong_checksum_is_refused_and_leaves_nothing(secrets: Any, secret: str) -> None:
    with pytest.raises(exceptions.BadRequest):
        secrets.add_secret_version(parent=secret, payload={"data": b"x", "data_crc32c": 1})
    with pytest.raises(exceptions.BadRequest):
        secrets.add_secret_version(parent=secret, payload={"data": b""})
    assert list(secrets.list_secret_versions(parent=secret)) == []


def test_states_change_and_etags_hold(secrets: Any, secret: str) -> None:
    name = add(secrets, secret, b"x").name
    states = secretmanager.SecretVersion.State
    disabled = secrets.disable_secret_version(name=name)
    assert disabled.state is states.DISABLED
    with pytest.raises(exceptions.BadRequest):
        secrets.access_secret_version(name=name)
    with pytest.raises(exceptions.BadRequest):
        secrets.enable_secret_version(request={"name": name, "etag": '"old"'})
    assert secrets.enable_secret_version(request={"name": name, "etag": disabled.etag}).state is states.ENABLED
    assert secrets.destroy_secret_version(name=name).state is states.DESTROYED
    assert secrets.get_secret_version(name=name).destroy_time is not None


def test_a_secret_is_changed_listed_and_deleted(secrets: Any, secret: str) -> None:
    add(secrets, secret, b"x")
    changed = secrets.update_secret(
        secret={"name": secret, "version_aliases": {"stable": 1}, "labels": {"team": "sea"}},
        update_mask={"paths": ["version_aliases", "labels"]},
    )
    assert (dict(changed.version_aliases), dict(changed.labels)) == ({"stable": 1}, {"team": "sea"})
    assert secrets.access_secret_version(name=f"{secret}/versions/stable").payload.data == b"x"
    assert secret in {found.name for found in secrets.list_secrets(request={"parent": PARENT, "page_size": 3})}
    named = secrets.list_secrets(request={"parent": PARENT, "filter": f"name:{secret.rpartition('/')[2]}"})
    assert [found.name for found in named] == [secret]
    secrets.delete_secret(name=secret)
    for call in (secrets.get_secret, secrets.delete_secret):
        with pytest.raises(exceptions.NotFound):
            call(name=secret)
    with pytest.raises(exceptions.NotFound):
        secrets.access_secret_version(name=f"{secret}/versions/latest")


def test_a_secret_has_a_policy(secrets: Any, secret: str) -> None:
    binding = {"role": "roles/secretmanager.secretAccessor", "members": ["user:me@example.com"]}
    secrets.set_iam_policy(request={"resource": secret, "policy": {"bindings": [binding]}})
    found = secrets.get_iam_policy(request={"resource": secret})
    assert [(bound.role, list(bound.members)) for bound in found.bindings] == [(binding["role"], binding["members"])]
    asked = {"resource": secret, "permissions": ["secretmanager.versions.access"]}
    assert list(secrets.test_iam_permissions(request=asked).permissions) == asked["permissions"]


def test_a_second_secret_of_a_name_is_refused(secrets: Any, secret: str) -> None:
    with pytest.raises(exceptions.Conflict):
        secrets.create_secret(
            parent=PARENT, secret_id=secret.rpartition("/")[2], secret={"replication": {"automatic": {}}}
        )


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_tokens_and_signatures_are_made_in_the_name_of_an_account(runtime: RuntimeProcess, transport: str) -> None:
    email = "client@demo-project.iam.gserviceaccount.com"
    name = f"projects/-/serviceAccounts/{email}"
    with a_client(iam_credentials.IAMCredentialsClient, runtime, transport) as client:
        token = client.generate_access_token(name=name, scope=["https://www.googleapis.com/auth/cloud-platform"])
        assert token.access_token.count(".") == 2
        assert client.generate_id_token(name=name, audience="https://a.example", include_email=True).token
        signed = client.sign_blob(name=name, payload=b"to sign")
        certificates = runtime.call("GET", f"/robot/v1/metadata/x509/{email}").json
        verifier = crypt.RSAVerifier.from_string(certificates[signed.key_id])
        assert verifier.verify(b"to sign", signed.signed_blob)
        assert client.sign_jwt(name=name, payload='{"aud": "x"}').signed_jwt
