"""TLS: on a port of its own and behind CONNECT, for clients that insist on it."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from runtime_process import HAKOBUNE, PROJECT, RuntimeProcess, free_port

SECRETS = f"/v1/projects/{PROJECT}/secrets"


class Secure:
    """A runtime with a TLS port."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.port = free_port()
        self.runtime = RuntimeProcess(directory, ("--tls-port", str(self.port), *arguments)).start()
        self.bundle = str(directory / "identity" / "tls" / "bundle.pem")


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    found = Secure(tmp_path_factory.mktemp("tls") / "data")
    yield found
    assert found.runtime.stop() == 0, found.runtime.log


def environ(secure: Secure, *flags: str) -> dict[str, str]:
    """A plain environment, and what `hakobune env` adds."""
    runtime = secure.runtime
    words = [HAKOBUNE, "env", "--port", str(runtime.port), "--grpc-port", str(runtime.grpc_port), *flags]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    plain = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/tmp")}
    shell = subprocess.run(
        ["/bin/sh", "-c", f"{done.stdout}\nenv -0"], check=True, capture_output=True, text=True, env=plain
    ).stdout
    return dict(pair.split("=", 1) for pair in shell.split("\0") if "=" in pair)


def through(secure: Secure, url: str, **options: Any) -> requests.Response:
    """A request to a host of Google's, through the port as a proxy."""
    with requests.Session() as session:
        session.trust_env = False
        options = {"proxies": {"https": secure.runtime.url}, "verify": secure.bundle, "timeout": 30, **options}
        return session.get(url, **options)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_given_the_tls_port_then_the_apis_are_served_under_a_good_certificate(secure: Secure, host: str) -> None:
    with requests.Session() as session:
        for _ in range(3):  # kept alive
            answer = session.get(f"https://{host}:{secure.port}/healthz", verify=secure.bundle, timeout=30)
            assert (answer.status_code, answer.json()["status"]) == (200, "ok")
        body = {"replication": {"automatic": {}}, "annotations": {"note": "x" * 10_000}}
        made = session.post(
            f"https://{host}:{secure.port}{SECRETS}?secretId=tls-{host.replace('.', '-')}",
            json=body,
            verify=secure.bundle,
            timeout=30,
        )
        assert made.status_code == 200
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"https://{host}:{secure.port}/healthz", verify=True, timeout=30)


@pytest.mark.parametrize(
    "host",
    [
        "secretmanager.googleapis.com",
        "us-central1-run.googleapis.com",
        "run.us-central1.rep.googleapis.com",
        "us-central1-run.hakobune.internal",
    ],
)
def test_given_connect_to_a_host_of_ours_then_it_is_answered_with_a_certificate_of_that_name(
    secure: Secure, host: str
) -> None:
    answer = through(secure, f"https://{host}{SECRETS}")
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("host", ["example.com", "10.0.0.1", "evilgoogleapis.com", "googleapis.com.evil.example"])
def test_given_connect_to_another_host_then_it_is_refused(secure: Secure, host: str) -> None:
    with socket.create_connection(("127.0.0.1", secure.runtime.port), timeout=30) as connection:
        connection.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 403 ")


def test_given_a_peer_that_speaks_no_tls_then_only_its_connection_ends(secure: Secure) -> None:
    runtime = secure.runtime
    for port, hello in (
        (secure.port, b""),
        (runtime.port, b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            if hello:
                connection.sendall(hello)
                assert b" 200 " in connection.recv(4096)
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n" + os.urandom(100))
            while connection.recv(4096):
                pass
    assert runtime.call("GET", "/healthz").status == 200
    assert "Traceback" not in runtime.log


def test_given_a_name_that_is_not_ours_then_no_certificate_is_made_for_it(secure: Secure) -> None:
    context = ssl.create_default_context(cafile=secure.bundle)
    with (
        socket.create_connection(("127.0.0.1", secure.port), timeout=30) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        context.wrap_socket(plain, server_hostname="example.com").close()


@pytest.mark.parametrize(
    ("offered", "spoken"),
    [(["h2", "http/1.1"], "http/1.1"), (["http/1.1"], "http/1.1"), (["grpc-exp", "h2"], "h2"), ([], None)],
)
def test_given_a_client_that_speaks_both_then_http_is_served_and_not_grpc(
    secure: Secure, offered: list[str], spoken: str | None
) -> None:
    context = ssl.create_default_context(cafile=secure.bundle)
    if offered:
        context.set_alpn_protocols(offered)
    with (
        socket.create_connection(("127.0.0.1", secure.port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="storage.googleapis.com") as connection,
    ):
        assert connection.selected_alpn_protocol() == spoken
        if spoken != "h2":
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 OK")


def test_given_a_large_object_when_it_goes_over_tls_then_it_is_whole(secure: Secure) -> None:
    content = os.urandom(5_000_000)
    url = f"https://localhost:{secure.port}"
    with requests.Session() as session:
        session.trust_env = False
        session.verify = secure.bundle
        bucket = {"name": "tls-objects"}
        assert session.post(f"{url}/storage/v1/b?project={PROJECT}", json=bucket, timeout=30).status_code == 200
        upload = f"{url}/upload/storage/v1/b/tls-objects/o?uploadType=media&name=big"
        assert session.post(upload, data=content, timeout=30).status_code == 200
        found = session.get(f"{url}/storage/v1/b/tls-objects/o/big?alt=media", timeout=30)
    assert found.content == content
    assert through(secure, "https://tls-objects.storage.googleapis.com/big").content == content


def test_given_the_environment_for_tls_then_clients_need_nothing_else(secure: Secure) -> None:
    found = environ(secure, "--tls")
    assert found["HAKOBUNE_TLS_URL"] == f"https://localhost:{secure.port}"
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"):
        assert found[name] == found["CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE"] == secure.bundle
    assert "REQUESTS_CA_BUNDLE" not in environ(secure)
    script = """
import json, os, ssl, urllib.request
import requests
url = os.environ["HAKOBUNE_TLS_URL"] + "/healthz"
print(json.dumps([requests.get(url, timeout=30).status_code, urllib.request.urlopen(url, timeout=30).status]))
"""
    done = subprocess.run([sys.executable, "-c", script], env=found, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "[200, 200]\n"), done.stderr
    own = subprocess.run(
        [HAKOBUNE, "secrets", "list", "--format=json"],
        env={**found, "HAKOBUNE_URL": found["HAKOBUNE_TLS_URL"], "CLOUDSDK_CORE_PROJECT": "none-yet"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (own.returncode, json.loads(own.stdout)) == (0, []), own.stderr


def test_given_a_client_that_is_told_nothing_then_it_works_through_the_proxy_of_the_environment(
    secure: Secure,
) -> None:
    pytest.importorskip("google.cloud.secretmanager_v1")
    script = f"""
import json
from google.auth import default, impersonated_credentials
from google.cloud import secretmanager_v1
made = []
for transport in ("grpc", "rest"):
    client = secretmanager_v1.SecretManagerServiceClient(transport=transport)
    name = "told-nothing-" + transport
    secret = client.create_secret(parent="projects/{PROJECT}", secret_id=name, secret={{"replication": {{"automatic": {{}}}}}})
    version = client.add_secret_version(parent=secret.name, payload={{"data": b"x" * 60_000}})
    made.append(len(client.access_secret_version(name=version.name).payload.data))
source, _ = default()
target = impersonated_credentials.Credentials(source, "robot@x.iam.gserviceaccount.com", ["a"])
made.append(len(target.sign_bytes(b"to sign")))
print(json.dumps(made))
"""
    variables = {**environ(secure, "--tls"), "https_proxy": secure.runtime.url, "no_proxy": "127.0.0.1"}
    done = subprocess.run([sys.executable, "-c", script], env=variables, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout) == (0, "[60000, 60000, 256]\n"), done.stderr


def test_given_grpc_on_the_tls_port_then_it_is_answered(secure: Secure) -> None:
    grpc = pytest.importorskip("grpc")
    secretmanager = pytest.importorskip("google.cloud.secretmanager_v1")
    credentials = grpc.ssl_channel_credentials(Path(secure.bundle).read_bytes())
    channel = grpc.secure_channel(f"localhost:{secure.port}", credentials)
    kind = secretmanager.SecretManagerServiceClient
    with kind(transport=kind.get_transport_class("grpc")(channel=channel)) as client:
        for _ in range(3):
            list(client.list_secrets(parent=f"projects/{PROJECT}"))


def test_given_the_authority_when_the_runtime_starts_again_then_it_is_the_same(tmp_path: Path) -> None:
    first = Secure(tmp_path / "data")
    try:
        check_second_start(first)
    finally:
        assert first.runtime.stop() == 0


def check_second_start(first: Secure) -> None:
    bundle = Path(first.bundle).read_bytes()
    first.runtime.kill()
    first.runtime.start()
    assert Path(first.bundle).read_bytes() == bundle
    folder = Path(first.bundle).parent
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in folder.iterdir()} == {
        "authority.pem": "0o600",
        "bundle.pem": "0o600",
    }
    assert requests.get(f"https://localhost:{first.port}/healthz", verify=first.bundle, timeout=30).status_code == 200


def test_given_a_certificate_then_it_is_served(tmp_path: Path) -> None:
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(chain), "-days",
         "2", "-subj", "/CN=own", "-addext", "subjectAltName=DNS:localhost"],
        check=True,
        capture_output=True,
    )  # fmt: skip
    found = Secure(tmp_path / "data", "--tls-cert", str(chain), "--tls-key", str(key))
    try:
        for bundle in (str(chain), found.bundle):
            url = f"https://localhost:{found.port}/healthz"
            assert requests.get(url, verify=bundle, timeout=30).status_code == 200
    finally:
        assert found.runtime.stop() == 0


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--tls-cert", "x"), "--tls-cert and --tls-key go together"),
        (("--tls-cert", "/nowhere", "--tls-key", "/nowhere"), "The certificate for TLS cannot be used"),
        (("--tls-port", "99999"), "a port is from 1 to 65535"),
    ],
)
def test_given_what_cannot_be_served_then_it_does_not_start(tmp_path: Path, flags: tuple[str, ...], said: str) -> None:
    ports = ("--port", str(free_port()), "--grpc-port", str(free_port()), "--tls-port", str(free_port()))
    done = subprocess.run(
        [HAKOBUNE, "up", "--data", str(tmp_path / "data"), *ports, *flags], capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    assert said in done.stderr


def test_given_no_tls_port_then_the_environment_for_tls_says_so(runtime: RuntimeProcess) -> None:
    done = subprocess.run(
        [HAKOBUNE, "env", "--tls", "--port", str(runtime.port)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "--tls-port" in done.stderr
