"""The real `gcloud storage` and `gsutil`, where they are installed, in the environment that `hakobune env` gives."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

from gcloud_process import GCLOUD, run_gcloud

GSUTIL = shutil.which("gsutil")
COLOURS = re.compile("\x1b\\[[0-9;]*m")
BIG = os.urandom(9_000_000)

pytestmark = pytest.mark.skipif(GCLOUD is None, reason="gcloud is not installed: its commands cannot be tried here")


@pytest.fixture(scope="module")
def environ(environ: dict[str, str]) -> dict[str, str]:
    return {**environ, "HOME": environ["CLOUDSDK_CONFIG"]}  # where gsutil keeps what it remembers


class Tool:
    """Runs commands in that environment."""

    def __init__(self, environ: dict[str, str]) -> None:
        self._environ = environ

    def __call__(self, *words: str, status: int = 0) -> str:
        """What a command prints. It must end with `status`."""
        done = subprocess.run(
            words,
            env=self._environ,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=100,
            check=False,
        )
        return _said(done, status)

    def storage(self, *words: str, status: int = 0) -> str:
        """What a command of gcloud prints; its errors when it must end with another `status`."""
        return _said(run_gcloud(["storage", *words], self._environ), status)


def _said(done: subprocess.CompletedProcess[str], status: int) -> str:
    assert done.returncode == status, done.stderr
    return COLOURS.sub("", done.stderr if status else done.stdout)


@pytest.fixture(scope="module")
def tool(environ: dict[str, str]) -> Tool:
    return Tool(environ)


@pytest.fixture(scope="module")
def bucket(tool: Tool) -> str:
    name = f"gs://gc-{uuid.uuid4().hex[:10]}"
    tool.storage("buckets", "create", name, "--location=asia-northeast1")
    return name


def test_buckets(tool: Tool, bucket: str) -> None:
    assert f"{bucket}/" in tool.storage("ls")
    tool.storage("buckets", "update", bucket, "--update-labels=a=b", "--versioning")
    found = tool.storage("buckets", "describe", bucket, "--format=value(labels.a,location,versioning_enabled)")
    assert found.split() == ["b", "ASIA-NORTHEAST1", "True"]
    tool.storage("buckets", "update", bucket, "--clear-labels", "--no-versioning")
    assert "409" in tool.storage("buckets", "create", bucket, status=1)


def test_files_go_up_and_down_whole(tool: Tool, bucket: str, tmp_path: Path) -> None:
    (tmp_path / "small.txt").write_text("hello")
    (tmp_path / "big 日本.bin").write_bytes(BIG)
    tool.storage("cp", str(tmp_path / "small.txt"), str(tmp_path / "big 日本.bin"), f"{bucket}/up/")
    assert tool.storage("cat", f"{bucket}/up/small.txt") == "hello"
    assert tool.storage("cat", "-r", "1-3", f"{bucket}/up/small.txt") == "ell"
    tool.storage("cp", f"{bucket}/up/big 日本.bin", str(tmp_path / "down"))
    assert (tmp_path / "down").read_bytes() == BIG
    listed = tool.storage("ls", "-l", f"{bucket}/up/")
    assert "TOTAL: 2 objects, 9000005 bytes" in listed
    assert tool.storage("du", "-s", f"{bucket}/up").split()[0] == "9000005"
    tool.storage("cp", f"{bucket}/none", str(tmp_path), status=1)


def test_objects_are_described_and_changed(tool: Tool, bucket: str, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("hello")
    tool.storage("cp", str(tmp_path / "x.txt"), f"{bucket}/x.txt", "--content-type=a/b", "--custom-metadata=k=v")
    tool.storage("objects", "update", f"{bucket}/x.txt", "--cache-control=no-cache", "--update-custom-metadata=l=w")
    words = ("objects", "describe", f"{bucket}/x.txt", "--format=value(content_type,cache_control,custom_fields,size)")
    found = tool.storage(*words)
    assert "a/b" in found
    assert "no-cache" in found
    assert "k=v" in found.replace("'k': 'v'", "k=v")
    assert "mnG7TA==" in tool.storage("hash", f"{bucket}/x.txt")


def test_copies_moves_joins_and_removes(tool: Tool, bucket: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one ")
    (tmp_path / "b").write_text("two")
    tool.storage("cp", str(tmp_path / "a"), str(tmp_path / "b"), f"{bucket}/parts/")
    tool.storage("objects", "compose", f"{bucket}/parts/a", f"{bucket}/parts/b", f"{bucket}/joined")
    assert tool.storage("cat", f"{bucket}/joined") == "one two"
    tool.storage("mv", f"{bucket}/joined", f"{bucket}/moved")
    tool.storage("cp", f"{bucket}/moved", f"{bucket}/copied", "--if-generation-match=0")
    tool.storage("cp", f"{bucket}/moved", f"{bucket}/copied", "--if-generation-match=0", status=1)
    assert tool.storage("cat", f"{bucket}/copied") == "one two"
    tool.storage("rm", "-r", f"{bucket}/parts")
    assert "parts/" not in tool.storage("ls", f"{bucket}/**")


def test_folders_are_synchronised(tool: Tool, bucket: str, tmp_path: Path) -> None:
    for name in ("1.txt", "sub/2.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    tool.storage("rsync", "-r", str(tmp_path), f"{bucket}/sync")
    (tmp_path / "1.txt").unlink()
    tool.storage("rsync", "-r", "--delete-unmatched-destination-objects", str(tmp_path), f"{bucket}/sync")
    assert tool.storage("ls", f"{bucket}/sync/**").split() == [f"{bucket}/sync/sub/2.txt"]


def test_policies(tool: Tool, bucket: str) -> None:
    role = "--role=roles/storage.objectViewer"
    tool.storage("buckets", "add-iam-policy-binding", bucket, "--member=allUsers", role)
    assert "allUsers" in tool.storage("buckets", "get-iam-policy", bucket)
    tool.storage("buckets", "remove-iam-policy-binding", bucket, "--member=allUsers", role)
    assert "allUsers" not in tool.storage("buckets", "get-iam-policy", bucket)


def test_the_service_agent(tool: Tool) -> None:
    assert "@gs-project-accounts.iam.gserviceaccount.com" in tool.storage("service-agent")


@pytest.mark.skipif(GSUTIL is None, reason="gsutil is not installed")
def test_gsutil(tool: Tool, bucket: str, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("by gsutil")
    tool(GSUTIL or "", "cp", str(tmp_path / "x.txt"), f"{bucket}/gsutil/x.txt")
    assert tool(GSUTIL or "", "ls", f"{bucket}/gsutil/").split() == [f"{bucket}/gsutil/x.txt"]
    assert tool(GSUTIL or "", "cat", f"{bucket}/gsutil/x.txt") == "by gsutil"


def test_a_bucket_goes_with_all_that_is_in_it(tool: Tool) -> None:
    name = f"gs://gc-{uuid.uuid4().hex[:10]}"
    tool.storage("buckets", "create", name)
    tool.storage("rm", "-r", name)
    tool.storage("buckets", "describe", name, status=1)
