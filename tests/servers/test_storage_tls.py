"""Objects over TLS: bytes, ranges, hang-ups, and links that lead back over TLS."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from runtime_process import PROJECT, RuntimeProcess, free_port

CONTENT = os.urandom(5 * 1024 * 1024 + 7)


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RuntimeProcess, str, requests.Session]]:
    """(runtime, URL of its TLS port, a session that trusts it)."""
    port = free_port()
    directory: Path = tmp_path_factory.mktemp("storage-tls") / "data"
    found = RuntimeProcess(directory, ("--tls-port", str(port))).start()
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(directory / "identity" / "tls" / "bundle.pem")
        yield found, f"https://127.0.0.1:{port}", session
    assert found.stop() == 0, found.log


def test_objects_go_up_and_down(secure: tuple[RuntimeProcess, str, requests.Session]) -> None:
    runtime, root, session = secure
    name = f"t-{uuid.uuid4().hex[:8]}"
    made = session.post(f"{root}/storage/v1/b?project={PROJECT}", json={"name": name}, timeout=30).json()
    assert made["selfLink"].startswith(f"{root}/storage/v1/b/")
    started = session.post(f"{root}/upload/storage/v1/b/{name}/o?uploadType=resumable&name=x", timeout=30)
    assert started.headers["Location"].startswith(f"{root}/upload/storage/v1/b/")
    assert session.put(started.headers["Location"], data=CONTENT, timeout=30).json()["size"] == str(len(CONTENT))
    media = f"{root}/download/storage/v1/b/{name}/o/x?alt=media"
    for _ in range(2):
        assert session.get(media, timeout=30).content == CONTENT
        answer = session.get(media, headers={"Range": "bytes=1000000-3999999"}, timeout=30)
        assert (answer.status_code, answer.content == CONTENT[1_000_000:4_000_000]) == (206, True)
        assert session.head(media, timeout=30).headers["Content-Length"] == str(len(CONTENT))
    with session.get(media, stream=True, timeout=30) as answer:
        assert answer.raw.read(1000) == CONTENT[:1000]  # and hangs up
    assert session.get(media, timeout=30).content == CONTENT
    assert runtime.call("GET", "/healthz").status == 200
