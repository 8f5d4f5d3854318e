"""Google's authentication library, unmodified, with nothing but the variables of `hakobune env`."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runtime_process import HAKOBUNE, PROJECT, RuntimeProcess

DEVELOPER = f"developer@{PROJECT}.iam.gserviceaccount.com"
CERTS = 'os.environ["HAKOBUNE_URL"] + "/oauth2/v1/certs"'
BEGIN = """
import json, os
import google.auth
from google.auth.transport.requests import AuthorizedSession, Request
from google.auth import compute_engine, impersonated_credentials, jwt
from google.oauth2 import id_token, service_account
URL = os.environ["HAKOBUNE_URL"]
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
def ask(credentials, path="/v1/projects/p/serviceAccounts"):
    return AuthorizedSession(credentials).get(URL + path).status_code
"""


@pytest.fixture(scope="module")
def environ(runtime: RuntimeProcess, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A plain environment, and what `eval "$(hakobune env)"` gives."""
    lines = subprocess.run(
        [HAKOBUNE, "env", "--port", str(runtime.port), "--grpc-port", str(runtime.grpc_port)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    plain = {"PATH": os.environ["PATH"], "HOME": str(tmp_path_factory.mktemp("home"))}
    shell = subprocess.run(
        ["/bin/sh", "-c", f"{lines}\nenv -0"], check=True, capture_output=True, text=True, env=plain
    ).stdout
    return dict(pair.split("=", 1) for pair in shell.split("\0") if "=" in pair)


def run(environ: dict[str, str], script: str, *arguments: str) -> Any:
    """What a script prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + script, *arguments], env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def key_file(runtime: RuntimeProcess, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The key file of an account."""
    base = f"/v1/projects/{PROJECT}/serviceAccounts"
    email = runtime.call("POST", base, {"accountId": "google-auth"}).json["email"]
    key = runtime.call("POST", f"{base}/{email}/keys", {}).json
    path = tmp_path_factory.mktemp("keys") / "key.json"
    path.write_bytes(base64.b64decode(key["privateKeyData"]))
    return path


def test_given_the_variables_then_default_credentials_are_found_refreshed_and_accepted(environ: dict[str, str]) -> None:
    script = """
credentials, project = google.auth.default(scopes=[SCOPE])
credentials.refresh(Request())
first = credentials.token
credentials.refresh(Request())
print(json.dumps([type(credentials).__module__, project, credentials.service_account_email, credentials.valid,
    credentials.universe_domain, first == credentials.token, ask(credentials)]))
"""
    found = run(environ, script)
    assert found == ["google.auth.compute_engine.credentials", PROJECT, DEVELOPER, True, "googleapis.com", True, 200]


def test_given_an_audience_then_an_id_token_is_fetched_and_verified(environ: dict[str, str]) -> None:
    script = f"""
token = id_token.fetch_id_token(Request(), "https://svc.example")
claims = id_token.verify_token(token, Request(), audience="https://svc.example", certs_url={CERTS})
credentials = id_token.fetch_id_token_credentials("https://svc.example", request=Request())
credentials.refresh(Request())
print(json.dumps([claims["email"], claims["google"]["compute_engine"]["project_id"], credentials.token == token]))
"""
    assert run(environ, script) == [DEVELOPER, PROJECT, True]


def test_given_compute_engine_credentials_then_they_give_id_tokens(environ: dict[str, str]) -> None:
    script = f"""
credentials = compute_engine.IDTokenCredentials(
    Request(), target_audience="https://svc.example", use_metadata_identity_endpoint=True)
credentials.refresh(Request())
claims = id_token.verify_token(credentials.token, Request(), audience="https://svc.example", certs_url={CERTS})
print(json.dumps([claims["email"], credentials.valid]))
"""
    assert run(environ, script) == [DEVELOPER, True]


def test_given_a_metadata_server_then_the_library_finds_it_and_reads_it(environ: dict[str, str]) -> None:
    script = """
from google.auth.compute_engine import _metadata
request = Request()
info = _metadata.get_service_account_info(request)
token, _ = _metadata.get_service_account_token(request, "default", ["https://www.googleapis.com/auth/pubsub"])
print(json.dumps([_metadata.ping(request), info["aliases"], info["email"], _metadata.get_project_id(request),
    _metadata.get_universe_domain(request), token.count(".")]))
"""
    assert run(environ, script) == [True, ["default"], DEVELOPER, PROJECT, "googleapis.com", 2]


def test_given_an_account_when_it_impersonates_then_it_signs_and_gets_id_tokens(environ: dict[str, str]) -> None:
    script = f"""
import time
source, _ = google.auth.default()
target = "robot@other.iam.gserviceaccount.com"
base = URL + "/v1/projects/-/serviceAccounts/" + target
credentials = impersonated_credentials.Credentials(
    source_credentials=source, target_principal=target, target_scopes=[SCOPE],
    iam_endpoint_override=base + ":generateAccessToken")
session = AuthorizedSession(credentials)
token = session.post(base + ":generateIdToken", json={{"audience": "https://svc.example", "includeEmail": True}})
claims = id_token.verify_token(token.json()["token"], Request(), audience="https://svc.example", certs_url={CERTS})
payload = json.dumps({{"sub": "x", "aud": "y", "exp": int(time.time()) + 600}})
signed = session.post(base + ":signJwt", json={{"payload": payload}}).json()
keys = session.get(URL + "/robot/v1/metadata/x509/" + target).json()
print(json.dumps([claims["email"], signed["keyId"] in keys, jwt.decode(signed["signedJwt"], certs=keys, verify=False)["sub"]]))
"""
    assert run(environ, script) == ["robot@other.iam.gserviceaccount.com", True, "x"]


def test_given_a_key_file_then_its_credentials_get_access_and_id_tokens(
    environ: dict[str, str], key_file: Path
) -> None:
    script = f"""
import sys
credentials = service_account.Credentials.from_service_account_file(sys.argv[1], scopes=[SCOPE])
credentials.refresh(Request())
email = AuthorizedSession(credentials).get(URL + "/tokeninfo?access_token=" + credentials.token).json()["email"]
own = service_account.Credentials.from_service_account_file(sys.argv[1])
own = own.with_always_use_jwt_access(True)
own._create_self_signed_jwt("https://pubsub.googleapis.com/")
identity = service_account.IDTokenCredentials.from_service_account_file(sys.argv[1], target_audience="https://svc.example")
identity.refresh(Request())
claims = id_token.verify_token(identity.token, Request(), audience="https://svc.example", certs_url={CERTS})
print(json.dumps([email, ask(credentials), ask(own), claims["email"], credentials.service_account_email]))
"""
    email = f"google-auth@{PROJECT}.iam.gserviceaccount.com"
    assert run(environ, script, str(key_file)) == [email, 200, 200, email, email]


def test_given_a_key_file_in_the_environment_then_it_is_the_default(environ: dict[str, str], key_file: Path) -> None:
    script = """
credentials, project = google.auth.default(scopes=[SCOPE])
credentials.refresh(Request())
print(json.dumps([type(credentials).__module__, credentials.service_account_email, ask(credentials)]))
"""
    found = run({**environ, "GOOGLE_APPLICATION_CREDENTIALS": str(key_file)}, script)
    assert found == ["google.oauth2.service_account", f"google-auth@{PROJECT}.iam.gserviceaccount.com", 200]


def test_given_default_credentials_then_they_impersonate_another_account(environ: dict[str, str]) -> None:
    script = """
source, _ = google.auth.default()
target = "robot@other.iam.gserviceaccount.com"
override = URL + "/v1/projects/-/serviceAccounts/" + target + ":generateAccessToken"
credentials = impersonated_credentials.Credentials(
    source_credentials=source, target_principal=target, target_scopes=[SCOPE], lifetime=600,
    iam_endpoint_override=override)
credentials.refresh(Request())
info = AuthorizedSession(source).get(URL + "/tokeninfo?access_token=" + credentials.token).json()
print(json.dumps([info["email"], info["scope"], ask(credentials)]))
"""
    scope = "https://www.googleapis.com/auth/cloud-platform"
    assert run(environ, script) == ["robot@other.iam.gserviceaccount.com", scope, 200]


def test_given_a_job_with_an_account_then_its_task_is_that_account(runtime: RuntimeProcess) -> None:
    account = "worker@demo-project.iam.gserviceaccount.com"
    script = (
        BEGIN
        + """
credentials, project = google.auth.default(scopes=[SCOPE])
credentials.refresh(Request())
print(json.dumps({"message": "who", "email": credentials.service_account_email, "status": ask(credentials)}))
"""
    )
    runtime.create("google-auth-job", [sys.executable, "-c", script], serviceAccount=account)
    execution = runtime.run("google-auth-job")
    assert runtime.wait(execution)["succeededCount"] == 1
    entries = runtime.entries('jsonPayload.email:"@" AND resource.labels.job_name="google-auth-job"')
    assert [entry["jsonPayload"]["email"] for entry in entries] == [account]
