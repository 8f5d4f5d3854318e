"""Service accounts over REST: IAM v1, IAM Credentials v1, the token endpoint, published keys."""

from __future__ import annotations

import base64
import json
import time
import uuid
from typing import Any
from urllib.parse import urlencode

import pytest
from google.auth import crypt, jwt

from runtime_process import PROJECT, Answer, RuntimeProcess

BASE = f"/v1/projects/{PROJECT}/serviceAccounts"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_URL = "https://oauth2.googleapis.com/token"


def create(runtime: RuntimeProcess, **fields: str) -> Any:
    body = {"accountId": f"acc-{uuid.uuid4().hex[:8]}", "serviceAccount": fields}
    answer = runtime.call("POST", BASE, body)
    assert answer.status == 200, answer.body
    return answer.json


def create_key(runtime: RuntimeProcess, email: str) -> tuple[Any, Any]:
    """(the key, its file)."""
    answer = runtime.call("POST", f"{BASE}/{email}/keys", {})
    assert answer.status == 200, answer.body
    return answer.json, json.loads(base64.b64decode(answer.json["privateKeyData"]))


def assertion(file: Any, **claims: object) -> str:
    now = int(time.time())
    body = {"iss": file["client_email"], "aud": TOKEN_URL, "iat": now, "exp": now + 3600, "scope": SCOPE, **claims}
    body = {name: value for name, value in body.items() if value is not None}
    return jwt.encode(crypt.RSASigner.from_service_account_info(file), body).decode()


def exchange(runtime: RuntimeProcess, text: str, grant: str = GRANT) -> Answer:
    body = urlencode({"grant_type": grant, "assertion": text}).encode()
    return runtime.call("POST", "/token", body, {"Content-Type": "application/x-www-form-urlencoded"})


def test_given_an_account_when_created_then_it_is_shown_changed_and_deleted(runtime: RuntimeProcess) -> None:
    made = create(runtime, displayName="Batch", description="runs jobs")
    email = made["email"]
    assert made["name"] == f"projects/{PROJECT}/serviceAccounts/{email}"
    assert email.endswith(f"@{PROJECT}.iam.gserviceaccount.com")
    assert made["uniqueId"].isdigit()
    assert made["oauth2ClientId"] == made["uniqueId"]
    assert (made["displayName"], made["description"], made["projectId"]) == ("Batch", "runs jobs", PROJECT)
    for name in (email, made["uniqueId"]):
        assert runtime.call("GET", f"{BASE}/{name}").json == made
        assert runtime.call("GET", f"/v1/projects/-/serviceAccounts/{name}").json == made
    assert runtime.call("GET", f"/v1/projects/other/serviceAccounts/{email}").status == 404
    patch = {"serviceAccount": {"displayName": "Night", "description": "no"}, "updateMask": "displayName"}
    changed = runtime.call("PATCH", f"{BASE}/{email}", patch).json
    assert (changed["displayName"], changed["description"]) == ("Night", "runs jobs")
    assert changed["etag"] != made["etag"]
    stale = {"serviceAccount": {"etag": made["etag"]}, "updateMask": "description"}
    assert runtime.call("PATCH", f"{BASE}/{email}", stale).status == 409
    assert runtime.call("PUT", f"{BASE}/{email}", {**changed, "displayName": "Day"}).json["displayName"] == "Day"
    assert runtime.call("POST", BASE, {"accountId": email.partition("@")[0]}).status == 409
    assert runtime.call("DELETE", f"{BASE}/{email}").json == {}
    assert runtime.call("GET", f"{BASE}/{email}").status == 404
    assert runtime.call("DELETE", f"{BASE}/{email}").status == 404


def test_given_accounts_when_listed_then_all_come_page_by_page(runtime: RuntimeProcess) -> None:
    mine = {create(runtime)["email"] for _ in range(3)}
    found: set[str] = set()
    token = ""
    while True:
        page = runtime.call("GET", f"{BASE}?pageSize=2&pageToken={token}").json
        found |= {account["email"] for account in page["accounts"]}
        token = page.get("nextPageToken", "")
        if not token:
            break
    assert mine <= found
    assert f"developer@{PROJECT}.iam.gserviceaccount.com" in found
    default = next(email for email in found if email.endswith("-compute@developer.gserviceaccount.com"))
    assert runtime.call("GET", f"{BASE}/{default}").status == 200
    assert runtime.call("DELETE", f"{BASE}/{default}").status == 400


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", BASE, {"accountId": "x"}),
        ("POST", BASE, {"accountId": "good-name", "nope": 1}),
        ("POST", BASE, {"accountId": 7}),
        ("POST", BASE, {"accountId": "good-name", "serviceAccount": {"displayName": "x" * 101}}),
        ("POST", BASE, {"accountId": "good-name", "serviceAccount": {"description": "x" * 257}}),
        ("POST", BASE, [1]),
        ("GET", f"{BASE}/not-an-address", None),
        ("GET", f"{BASE}/..%2F..%2Fx@y", None),
        ("PATCH", f"{BASE}/a@b", {"serviceAccount": {}, "updateMask": "email"}),
        ("PATCH", f"{BASE}/a@b", {"serviceAccount": {}}),
        ("GET", f"{BASE}?pageSize=-1", None),
        ("GET", f"{BASE}?nope=1", None),
        ("POST", f"{BASE}/a@b/keys", {"keyAlgorithm": "KEY_ALG_RSA_1024"}),
        ("POST", f"{BASE}/a@b/keys", {"privateKeyType": "TYPE_PKCS12_FILE"}),
        ("POST", f"{BASE}/a@b:generateAccessToken", {}),
        ("POST", f"{BASE}/a@b:generateAccessToken", {"scope": ["a"], "lifetime": "43201s"}),
        ("POST", f"{BASE}/a@b:generateAccessToken", {"scope": ["a"], "lifetime": "0s"}),
        ("POST", f"{BASE}/a@b:generateAccessToken", {"scope": ["a b"]}),
        ("POST", f"{BASE}/a@b:generateIdToken", {}),
        ("POST", f"{BASE}/a@b:signBlob", {"payload": "%%%"}),
        ("POST", f"{BASE}/a@b:signJwt", {"payload": "[1]"}),
        ("POST", f"{BASE}/a@b:signJwt", {"payload": "{"}),
        ("POST", f"{BASE}/a@b:signJwt", {"payload": '{"exp": 1e300}'}),
        ("POST", f"{BASE}/a@b:signJwt", {"payload": '{"exp": "x"}'}),
        ("POST", f"{BASE}/a@b:signJwt", {"payload": '{"exp": NaN}'}),
        ("POST", f"{BASE}/a@b:signJwt", {"payload": '{"exp": -Infinity}'}),
        ("POST", f"{BASE}/a@b:signJwt", {"payload": '{"exp": -1}'}),
        ("POST", f"{BASE}/a@b:signJwt", {"payload": f'{{"exp": {"9" * 400}}}'}),
        ("POST", f"{BASE}/a@b:signJwt", {"payload": f'{{"exp": -{"9" * 400}}}'}),
        ("POST", f"{BASE}/a@b:signJwt", {"payload": '{"a": NaN}'}),
        ("GET", "/robot/v1/metadata/x509/nobody", None),
    ],
    ids=lambda value: str(value)[:50],
)
def test_given_what_cannot_be_meant_then_it_is_refused(
    runtime: RuntimeProcess, method: str, path: str, body: object
) -> None:
    answer = runtime.call(method, path, body)
    assert (answer.status, answer.json["error"]["status"]) == (400, "INVALID_ARGUMENT"), answer.body


def test_given_a_key_when_created_then_its_private_half_is_shown_once(runtime: RuntimeProcess) -> None:
    email = create(runtime)["email"]
    key, file = create_key(runtime, email)
    assert file["type"] == "service_account"
    assert file["token_uri"] == f"{runtime.url}/token"
    assert file["private_key_id"] == key["name"].rpartition("/")[2]
    listed = runtime.call("GET", f"{BASE}/{email}/keys?keyTypes=USER_MANAGED").json["keys"]
    assert [found["name"] for found in listed] == [key["name"]]
    assert "private" not in json.dumps(listed).lower().replace("privatekeytype", "")
    assert runtime.call("GET", f"{BASE}/{email}/keys?keyTypes=SYSTEM_MANAGED").json == {}
    shown = runtime.call("GET", f"/v1/{key['name']}?publicKeyType=TYPE_X509_PEM_FILE").json
    assert base64.b64decode(shown["publicKeyData"]).startswith(b"-----BEGIN CERTIFICATE")
    published = runtime.call("GET", f"/robot/v1/metadata/x509/{email}").json
    assert list(published) == [file["private_key_id"]]
    assert "privateKeyData" not in runtime.call("GET", f"/v1/{key['name']}").json
    for number in range(9):
        assert runtime.call("POST", f"{BASE}/{email}/keys", {}).status == 200, number
    assert runtime.call("POST", f"{BASE}/{email}/keys", {}).status == 429


def test_given_a_key_file_when_its_assertion_is_exchanged_then_the_token_names_the_account(
    runtime: RuntimeProcess,
) -> None:
    email = create(runtime)["email"]
    _, file = create_key(runtime, email)
    for audience in (TOKEN_URL, f"{runtime.url}/token"):
        answer = exchange(runtime, assertion(file, aud=audience)).json
        assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3599)
        info = runtime.call("GET", f"/tokeninfo?access_token={answer['access_token']}").json
        assert (info["email"], info["scope"]) == (email, SCOPE)
    answer = exchange(runtime, assertion(file, target_audience="https://svc.example", scope=None)).json
    claims = jwt.decode(
        answer["id_token"], certs=runtime.call("GET", "/oauth2/v1/certs").json, audience="https://svc.example"
    )
    assert claims["email"] == email


def test_given_an_assertion_that_is_wrong_then_no_token_is_given(runtime: RuntimeProcess) -> None:
    email = create(runtime)["email"]
    key, file = create_key(runtime, email)
    _, other = create_key(runtime, create(runtime)["email"])
    now = int(time.time())
    wrong = {
        "of another account": assertion(other, iss=email),
        "with another's key id": assertion({**other, "private_key_id": file["private_key_id"]}, iss=email),
        "for another": assertion(file, aud="https://evil.example/token"),
        "expired": assertion(file, iat=now - 4000, exp=now - 400),
        "too long": assertion(file, exp=now + 7200),
        "of the future": assertion(file, iat=now + 600, exp=now + 1200),
        "for somebody else": assertion(file, sub="root@x.y"),
        "noise": "a.b.c",
        "empty": "",
    }
    for name, text in wrong.items():
        answer = exchange(runtime, text)
        assert (answer.status, answer.json["error"]) == (400, "invalid_grant"), (name, answer.body)
    assert exchange(runtime, assertion(file, scope=None)).json["error"] == "invalid_request"
    assert exchange(runtime, assertion(file), "refresh_token").json["error"] == "unsupported_grant_type"
    assert exchange(runtime, assertion(file)).status == 200
    assert runtime.call("POST", f"/v1/{key['name']}:disable", {}).status == 200
    assert exchange(runtime, assertion(file)).json["error"] == "invalid_grant"
    assert runtime.call("POST", f"/v1/{key['name']}:enable", {}).status == 200
    assert runtime.call("POST", f"{BASE}/{email}:disable", {}).status == 200
    assert exchange(runtime, assertion(file)).json["error"] == "invalid_grant"
    assert runtime.call("POST", f"{BASE}/{email}:generateIdToken", {"audience": "x"}).status == 400
    assert runtime.call("POST", f"{BASE}/{email}:enable", {}).status == 200
    assert exchange(runtime, assertion(file)).status == 200
    assert runtime.call("DELETE", f"/v1/{key['name']}").status == 200
    assert exchange(runtime, assertion(file)).json["error"] == "invalid_grant"


def test_given_a_token_that_an_account_signed_itself_then_it_opens_the_door(runtime: RuntimeProcess) -> None:
    email = create(runtime)["email"]
    _, file = create_key(runtime, email)

    def status(**claims: object) -> int:
        headers = {"Authorization": f"Bearer {assertion(file, **claims)}"}
        return runtime.call("GET", BASE, headers=headers).status

    assert status(aud="https://pubsub.googleapis.com/", sub=email, scope=None) == 200
    assert status(aud=None, sub=email) == 200
    assert status(aud="https://evil.example/", scope=None) == 403
    assert status(aud="https://googleapis.com.evil.example/", scope=None) == 403
    assert status(aud="https://pubsub.googleapis.com/", iss="root@x.y") == 401


def test_given_any_account_then_its_tokens_and_signatures_can_be_checked(runtime: RuntimeProcess) -> None:
    email = "never-created@demo-project.iam.gserviceaccount.com"
    one = f"/v1/projects/-/serviceAccounts/{email}"
    answer = runtime.call("POST", f"{one}:generateAccessToken", {"scope": [SCOPE], "lifetime": "600s"}).json
    assert answer["expireTime"].endswith("Z")
    info = runtime.call("GET", f"/tokeninfo?access_token={answer['accessToken']}").json
    assert info["email"] == email
    assert 500 < int(info["expires_in"]) <= 600
    certificates = runtime.call("GET", "/oauth2/v1/certs").json
    for includes, expected in ((True, email), (False, None)):
        body = {"audience": "https://svc.example", "includeEmail": includes}
        token = runtime.call("POST", f"{one}:generateIdToken", body).json["token"]
        assert jwt.decode(token, certs=certificates, audience="https://svc.example").get("email") == expected
    blob = runtime.call("POST", f"{one}:signBlob", {"payload": base64.b64encode(b"to sign").decode()}).json
    published = runtime.call("GET", f"/robot/v1/metadata/x509/{email}").json
    verifier = crypt.RSAVerifier.from_string(published[blob["keyId"]])
    assert verifier.verify(b"to sign", base64.b64decode(blob["signedBlob"]))
    assert not verifier.verify(b"to sigh", base64.b64decode(blob["signedBlob"]))
    signed = runtime.call("POST", f"{one}:signJwt", {"payload": json.dumps({"aud": "x", "iat": int(time.time())})}).json
    assert jwt.decode(signed["signedJwt"], certs=published, audience="x")["aud"] == "x"
    keys = runtime.call("GET", f"/robot/v1/metadata/jwk/{email}").json["keys"]
    assert {key["kid"] for key in keys} == set(published)
    assert blob["keyId"] not in certificates


def test_given_accounts_keys_and_tokens_when_the_runtime_is_killed_then_all_hold(own_runtime: RuntimeProcess) -> None:
    own_runtime.start()
    email = create(own_runtime)["email"]
    _, file = create_key(own_runtime, email)
    one = f"{BASE}/{email}"
    token = own_runtime.call("POST", f"{one}:generateAccessToken", {"scope": [SCOPE]}).json["accessToken"]
    blob = own_runtime.call("POST", f"{one}:signBlob", {"payload": "eA=="}).json
    rotated = own_runtime.call("POST", "/hakobune/v1/identity/keys:rotate", {}).json
    assert rotated["published"] == 2
    own_runtime.kill()
    own_runtime.start()
    assert own_runtime.call("GET", one, headers={"Authorization": f"Bearer {token}"}).status == 200
    assert exchange(own_runtime, assertion(file)).status == 200
    assert blob["keyId"] in own_runtime.call("GET", f"/robot/v1/metadata/x509/{email}").json
    keys = own_runtime.call("GET", "/oauth2/v3/certs").json["keys"]
    assert {jwt.decode_header(token)["kid"], rotated["keyId"]} == {key["kid"] for key in keys}
    held = [path for path in (own_runtime.directory / "identity").rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in held} == {0o600}
