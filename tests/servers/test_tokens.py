"""Tokens of the local issuer: Google's own library believes them, and ours believes no others."""

from __future__ import annotations

import base64
import json
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.auth import jwt
from google.auth.transport.requests import Request
from google.oauth2 import id_token

from runtime_process import BASE, PROJECT, RuntimeProcess

AUDIENCE = "https://receiver.example/path"
FLAVOR = {"Metadata-Flavor": "Google"}


def identity(runtime: RuntimeProcess, audience: str = AUDIENCE) -> str:
    path = f"/computeMetadata/v1/instance/service-accounts/default/identity?audience={audience}&format=full"
    answer = runtime.call("GET", path, headers=FLAVOR)
    assert answer.status == 200, answer.body
    return answer.body.decode()


def access(runtime: RuntimeProcess) -> str:
    answer = runtime.call("GET", "/computeMetadata/v1/instance/service-accounts/default/token", headers=FLAVOR)
    return str(answer.json["access_token"])


def listed(runtime: RuntimeProcess, token: str) -> int:
    return runtime.call("GET", f"{BASE}/jobs", headers={"Authorization": token}).status


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RuntimeProcess]:
    """A runtime that wants a token."""
    found = RuntimeProcess(tmp_path_factory.mktemp("guarded") / "data", ("--auth=token",)).start()
    yield found
    assert found.stop() == 0


def test_given_an_id_token_then_google_auth_verifies_it_against_our_certificates(runtime: RuntimeProcess) -> None:
    request = Request()
    claims = id_token.verify_token(
        identity(runtime), request, audience=AUDIENCE, certs_url=f"{runtime.url}/oauth2/v1/certs"
    )
    assert claims["iss"] == "https://accounts.google.com"
    assert claims["aud"] == AUDIENCE
    assert claims["exp"] - claims["iat"] == 3600
    assert claims["email_verified"] is True
    assert "@" in claims["email"]
    assert claims["sub"]
    request.session.close()


def test_given_an_id_token_then_its_key_is_in_both_lists(runtime: RuntimeProcess) -> None:
    header = jwt.decode_header(identity(runtime))
    assert header["alg"] == "RS256"
    assert header["kid"] in runtime.call("GET", "/oauth2/v1/certs").json
    assert header["kid"] in [key["kid"] for key in runtime.call("GET", "/oauth2/v3/certs").json["keys"]]
    with urllib.request.urlopen(f"{runtime.url}/.well-known/openid-configuration") as answer:
        description = json.load(answer)
    assert description["issuer"] == "https://accounts.google.com"
    with urllib.request.urlopen(description["jwks_uri"]) as answer:
        assert header["kid"] in [key["kid"] for key in json.load(answer)["keys"]]


def test_given_the_environment_of_clients_then_its_token_file_opens_the_door(runtime: RuntimeProcess) -> None:
    variables = runtime.call("GET", "/hakobune/v1/env?project=other").json
    token = Path(variables["CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"]).read_text()
    assert listed(runtime, f"Bearer {token}") == 200
    assert variables["STORAGE_EMULATOR_HOST"] == runtime.url
    assert variables["GOOGLE_CLOUD_PROJECT"] == "other"
    assert "use_gcloud_storage = True" in Path(variables["BOTO_CONFIG"]).read_text()
    assert runtime.call("GET", "/hakobune/v1/env?project=..%2Fx").status == 400


def coded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def bad_tokens(runtime: RuntimeProcess) -> dict[str, tuple[str, int]]:
    good = access(runtime)
    head, body, signature = good.split(".")
    claims: Any = jwt.decode(good, verify=False)
    deep = base64.urlsafe_b64encode(b"[" * 11_000).rstrip(b"=").decode()
    return {
        "for somebody else": (identity(runtime), 403),
        "changed": (f"{head}.{coded({**claims, 'email': 'root@x.y'})}.{signature}", 401),
        "unsigned": (f"{coded({'alg': 'none'})}.{body}.", 401),
        "signed with a public key": (f"{coded({'alg': 'HS256'})}.{body}.{signature}", 401),
        "cut": (good[:-10], 401),
        "noise": ("ya29.a0AfH6SMB", 401),
        "one part": ("x", 401),
        "not base64": ("%%.%%.%%", 401),
        "deep": (f"{deep}.{body}.{signature}", 401),
        "long": ("a" * 40_000, 401),
        "latin": ("é.é.é", 401),
        "two": (f"{good}, Bearer {good}", 401),
    }


def test_given_a_token_that_is_not_ours_then_it_is_refused_in_both_modes(
    runtime: RuntimeProcess, guarded: RuntimeProcess
) -> None:
    for house in (runtime, guarded):
        found = {name: listed(house, f"Bearer {token}") for name, (token, _) in bad_tokens(house).items()}
        assert found == {name: status for name, (_, status) in bad_tokens(house).items()}
    assert listed(guarded, f"Bearer {access(runtime)}") == 401


def test_given_no_token_then_the_mode_decides(runtime: RuntimeProcess, guarded: RuntimeProcess) -> None:
    assert runtime.call("GET", f"{BASE}/jobs").status == 200
    answer = guarded.call("GET", f"{BASE}/jobs")
    assert (answer.status, answer.json["error"]["status"]) == (401, "UNAUTHENTICATED")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    for path in ("/healthz", "/oauth2/v3/certs", "/hakobune/v1/env"):
        assert guarded.call("GET", path).status == 200
    for path in ("/healthz/../v2", "//v2/projects/p/locations/l/jobs", "/metrics", "/hakobune/v1/changes", "/nothing"):
        assert guarded.call("GET", path).status == 401
    assert listed(guarded, "Basic dXNlcjpwYXNz") == 401
    assert listed(guarded, f"Bearer {access(guarded)}") == 200
    assert listed(guarded, f"bearer   {access(guarded)}") == 200


def test_given_a_caller_with_a_token_then_resources_name_its_account(guarded: RuntimeProcess) -> None:
    headers = {"Authorization": f"Bearer {access(guarded)}"}
    body = {"template": {"template": {"containers": [{"image": "local", "command": ["/bin/true"]}]}}}
    assert guarded.call("POST", f"{BASE}/jobs?jobId=owned", body, headers).status == 200
    job = guarded.call("GET", f"{BASE}/jobs/owned", headers=headers).json
    account = jwt.decode(access(guarded), verify=False)["email"]
    assert (job["creator"], job["lastModifier"]) == (account, account)
    assert account.endswith(f"@{PROJECT}.iam.gserviceaccount.com")


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as found:
            found.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no ::1")
def test_given_an_address_of_ipv6_then_http_and_grpc_are_spoken_there_and_ask_for_a_token(tmp_path: Path) -> None:
    house = RuntimeProcess(tmp_path / "data", ("--auth=token", "--host=::1"), host="::1").start()
    try:
        assert f" is ready: http://[::1]:{house.port}, " in house.log
        token = f"Bearer {access(house)}"
        assert (listed(house, ""), listed(house, token)) == (401, 200)
        with grpc.insecure_channel(f"[::1]:{house.grpc_port}") as channel:
            call = channel.unary_unary("/google.pubsub.v1.Publisher/ListTopics")
            request = b"\n" + bytes([len(f"projects/{PROJECT}")]) + f"projects/{PROJECT}".encode()
            assert call(request, metadata=(("authorization", token),), timeout=20) == b""
            with pytest.raises(grpc.RpcError) as refused:
                call(request, timeout=20)
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    finally:
        assert house.stop() == 0, house.log
