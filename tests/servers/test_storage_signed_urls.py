"""Signed URLs of Cloud Storage: who made them, how long they last, and what they open where tokens are wanted."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from storage_calls import Storage, a_bucket, reason, xml_code

from runtime_process import PROJECT, RuntimeProcess


@pytest.fixture(scope="module")
def bucket(runtime: RuntimeProcess) -> Storage:
    return a_bucket(runtime)


class Signer:
    """Signs as the documentation says, independently of what checks it."""

    def __init__(self, email: str, key: rsa.RSAPrivateKey) -> None:
        self.email = email
        self._key = key

    def sign(self, content: bytes) -> bytes:
        return self._key.sign(content, padding.PKCS1v15(), hashes.SHA256())

    def v4(
        self, method: str, path: str, host: str, *, at: datetime | None = None, expires: int = 600, **query: str
    ) -> str:
        stamp = (at or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{stamp[:8]}/auto/storage/goog4_request"
        fields = {
            "X-Goog-Algorithm": "GOOG4-RSA-SHA256",
            "X-Goog-Credential": f"{self.email}/{scope}",
            "X-Goog-Date": stamp,
            "X-Goog-Expires": str(expires),
            "X-Goog-SignedHeaders": "host",
            **query,
        }
        said = "&".join(f"{quote(name, safe='')}={quote(fields[name], safe='')}" for name in sorted(fields))
        canonical = f"{method}\n{path}\n{said}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        signature = self.sign(f"GOOG4-RSA-SHA256\n{stamp}\n{scope}\n{digest}".encode()).hex()
        return f"{path}?{said}&X-Goog-Signature={signature}"

    def v2(self, method: str, path: str, expires: int) -> str:
        signature = base64.b64encode(self.sign(f"{method}\n\n\n{expires}\n{path}".encode())).decode()
        fields = {"GoogleAccessId": self.email, "Expires": str(expires), "Signature": signature}
        return f"{path}?{urlencode(fields)}"


def a_signer(runtime: RuntimeProcess, headers: dict[str, str] | None = None) -> Signer:
    """An account with a key of its own."""
    account = f"s-{uuid.uuid4().hex[:10]}"
    path = f"/v1/projects/{PROJECT}/serviceAccounts"
    made = runtime.call("POST", path, {"accountId": account}, headers)
    assert made.status == 200, made.body
    email = made.json["email"]
    answer = runtime.call("POST", f"{path}/{email}/keys", {}, headers)
    assert answer.status == 200, answer.body
    found = json.loads(base64.b64decode(answer.json["privateKeyData"]))
    key = serialization.load_pem_private_key(found["private_key"].encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return Signer(email, key)


@pytest.fixture(scope="module")
def signer(runtime: RuntimeProcess) -> Signer:
    return a_signer(runtime)


@pytest.fixture(scope="module")
def stranger() -> Signer:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return Signer("stranger@elsewhere.iam.gserviceaccount.com", key)


def test_a_signed_url_works_until_its_time_is_over(bucket: Storage, signer: Signer) -> None:
    bucket.put("dir/signed é", b"secret")
    path = f"/{bucket.bucket}/{quote('dir/signed é', safe='/~')}"
    host = f"127.0.0.1:{bucket.runtime.port}"
    answer = bucket.runtime.call("GET", signer.v4("GET", path, host))
    assert (answer.status, answer.body) == (200, b"secret")
    answer = bucket.runtime.call("GET", signer.v4("GET", path, "storage.googleapis.com"))
    assert answer.body == b"secret"
    chosen = {"response-content-disposition": "attachment; filename=x"}
    answer = bucket.runtime.call("GET", signer.v4("GET", path, host, **chosen))
    assert answer.headers["content-disposition"] == "attachment; filename=x"
    answer = bucket.runtime.call("PUT", signer.v4("PUT", path, host), b"new")
    assert answer.status == 200, answer.body
    assert bucket.media("dir/signed é").body == b"new"
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    answer = bucket.runtime.call("GET", signer.v4("GET", path, host, at=long_ago))
    assert (answer.status, xml_code(answer)) == (400, "ExpiredToken")


def test_a_signature_of_an_account_of_ours_must_be_right(bucket: Storage, signer: Signer, stranger: Signer) -> None:
    bucket.put("signed", b"secret")
    path, host = f"/{bucket.bucket}/signed", f"127.0.0.1:{bucket.runtime.port}"
    good = signer.v4("GET", path, host)
    for bad in (
        good[:-2] + ("00" if not good.endswith("00") else "11"),
        good.replace("X-Goog-Expires=600", "X-Goog-Expires=601"),
    ):
        answer = bucket.runtime.call("GET", bad)
        assert (answer.status, xml_code(answer)) == (403, "SignatureDoesNotMatch")
    answer = bucket.runtime.call("PUT", good, b"x")
    assert answer.status == 403
    forged = Signer(signer.email, stranger._key).v4("GET", path, host)
    assert bucket.runtime.call("GET", forged).status == 403
    assert bucket.runtime.call("GET", stranger.v4("GET", path, host)).body == b"secret"


def test_a_signed_url_of_the_older_kind(bucket: Storage, signer: Signer) -> None:
    bucket.put("older", b"secret")
    path = f"/{bucket.bucket}/older"
    soon = int((datetime.now(UTC) + timedelta(minutes=5)).timestamp())
    assert bucket.runtime.call("GET", signer.v2("GET", path, soon)).body == b"secret"
    assert bucket.runtime.call("PUT", signer.v2("GET", path, soon), b"x").status == 403
    answer = bucket.runtime.call("GET", signer.v2("GET", path, soon - 1000))
    assert (answer.status, xml_code(answer)) == (400, "ExpiredToken")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Goog-Algorithm", "NONE"),
        ("X-Goog-Credential", "x"),
        ("X-Goog-Date", "yesterday"),
        ("X-Goog-Expires", "604801"),
        ("X-Goog-Expires", "x"),
        ("X-Goog-Signature", "zz"),
    ],
)
def test_a_signature_that_cannot_be_read_is_refused(bucket: Storage, signer: Signer, name: str, value: str) -> None:
    url = urlsplit(signer.v4("GET", f"/{bucket.bucket}/x", "127.0.0.1"))
    fields = dict(part.split("=", 1) for part in url.query.split("&")) | {name: value}
    answer = bucket.runtime.call("GET", f"{url.path}?{'&'.join(f'{k}={v}' for k, v in fields.items())}")
    assert (answer.status, xml_code(answer)) == (400, "AuthorizationQueryParametersError")


# -- who may call ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RuntimeProcess, dict[str, str]]]:
    """A runtime that wants tokens, and the header with one."""
    directory: Path = tmp_path_factory.mktemp("guarded") / "data"
    found = RuntimeProcess(directory, ("--auth=token",)).start()
    assert found.call("GET", "/hakobune/v1/env").status == 200  # writes the file, if nobody did yet
    token = (directory / "identity" / "access-token").read_text()
    yield found, {"Authorization": f"Bearer {token}"}
    assert found.stop() == 0, found.log


def test_with_tokens_a_secret_url_or_a_signature_is_enough(
    guarded: tuple[RuntimeProcess, dict[str, str]], stranger: Signer
) -> None:
    runtime, token = guarded
    name = f"g-{uuid.uuid4().hex[:8]}"
    answer = runtime.call("POST", f"/storage/v1/b?project={PROJECT}", {"name": name})
    assert (answer.status, reason(answer)) == (401, "authError")
    assert runtime.call("POST", f"/storage/v1/b?project={PROJECT}", {"name": name}, token).status == 200
    start = f"/upload/storage/v1/b/{name}/o?uploadType=resumable&name=x"
    assert runtime.call("POST", start, b"").status == 401
    session = runtime.call("POST", start, b"", token).headers["location"].removeprefix(runtime.url)
    assert runtime.call("PUT", session, b"hello").status == 200
    assert runtime.call("GET", f"/{name}/x").status == 401
    host = {"Host": "storage.googleapis.com"}
    answer = runtime.call("GET", f"/{name}/x", None, host)
    assert (answer.status, xml_code(answer)) == (401, "AuthenticationRequired")
    signer, place = a_signer(runtime, token), f"127.0.0.1:{runtime.port}"
    assert runtime.call("GET", signer.v4("GET", f"/{name}/x", place)).body == b"hello"
    answer = runtime.call("GET", stranger.v4("GET", f"/{name}/x", place))
    assert (answer.status, xml_code(answer)) == (403, "SignatureDoesNotMatch")


@pytest.mark.parametrize(
    "path", ["/v2/projects/p/locations/l/jobs", "/storage/v1/b", "/upload/storage/v1/b/x/o", "/hakobune/v1/version"]
)
def test_a_signature_opens_no_other_door(
    guarded: tuple[RuntimeProcess, dict[str, str]], signer: Signer, path: str
) -> None:
    runtime, _ = guarded
    answer = runtime.call("GET", signer.v4("GET", path, f"127.0.0.1:{runtime.port}"))
    assert answer.status == 401, answer.body


def test_a_signature_lends_the_rights_of_its_account_and_no_more(tmp_path: Path) -> None:
    runtime = RuntimeProcess(tmp_path / "data", ("--auth=token", "--iam=enforce")).start()
    try:
        assert runtime.call("GET", "/hakobune/v1/env").status == 200
        token = {"Authorization": f"Bearer {(tmp_path / 'data' / 'identity' / 'access-token').read_text()}"}
        name, place = f"g-{uuid.uuid4().hex[:8]}", f"127.0.0.1:{runtime.port}"
        assert runtime.call("POST", f"/storage/v1/b?project={PROJECT}", {"name": name}, token).status == 200
        assert runtime.call("PUT", f"/{name}/x", b"hello", token).status == 200
        signer = a_signer(runtime, token)
        answer = runtime.call("GET", signer.v4("GET", f"/{name}/x", place))
        assert (answer.status, xml_code(answer)) == (403, "AccessDenied")
        binding = {"role": "roles/storage.objectViewer", "members": [f"serviceAccount:{signer.email}"]}
        assert runtime.call("PUT", f"/storage/v1/b/{name}/iam", {"bindings": [binding]}, token).status == 200
        assert runtime.call("GET", signer.v4("GET", f"/{name}/x", place)).body == b"hello"
        assert runtime.call("PUT", signer.v4("PUT", f"/{name}/x", place), b"x").status == 403
        host = {"Host": f"{name}.storage.googleapis.com"}
        signed = signer.v4("GET", "/x", f"{name}.storage.googleapis.com")
        assert runtime.call("GET", signed, None, host).body == b"hello"
    finally:
        assert runtime.stop() == 0, runtime.log
