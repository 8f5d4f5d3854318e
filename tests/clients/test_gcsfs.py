"""The unmodified gcsfs, and what stands on fsspec: through STORAGE_EMULATOR_HOST."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from runtime_process import PROJECT, RuntimeProcess

os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"  # read when the module is loaded; `hakobune env` exports it
gcsfs = pytest.importorskip("gcsfs")

# aiohttp's advice to whoever sends large bodies: gcsfs does.
pytestmark = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
BIG = os.urandom(12 * 1024 * 1024 + 5)


@pytest.fixture
def files(runtime: RuntimeProcess) -> Any:
    gcsfs.GCSFileSystem.clear_instance_cache()
    return gcsfs.GCSFileSystem(
        project=PROJECT, token="anon", endpoint_url=runtime.url, use_listings_cache=False, skip_instance_cache=True
    )


@pytest.fixture
def bucket(files: Any) -> str:
    name = f"fs-{uuid.uuid4().hex[:10]}"
    files.mkdir(name)
    return name


def test_buckets(files: Any) -> None:
    name = f"fs-{uuid.uuid4().hex[:10]}"
    files.mkdir(name)
    assert files.exists(name)
    assert f"{name}/" in files.buckets
    files.rmdir(name)
    assert not files.exists(name)


def test_small_files(files: Any, bucket: str) -> None:
    files.pipe(f"{bucket}/dir/x.txt", b"hello")
    assert files.cat(f"{bucket}/dir/x.txt") == b"hello"
    assert files.cat_file(f"{bucket}/dir/x.txt", start=1, end=3) == b"el"
    assert files.cat_file(f"{bucket}/dir/x.txt", start=-2) == b"lo"
    with pytest.raises(FileExistsError):
        files.pipe(f"{bucket}/dir/x.txt", b"other", mode="create")
    assert files.cat(f"{bucket}/dir/x.txt") == b"hello"
    with pytest.raises(FileNotFoundError):
        files.cat(f"{bucket}/none")


def test_lists_and_facts(files: Any, bucket: str) -> None:
    for name in ("a.txt", "dir/b.txt", "dir/sub/c é.txt"):
        files.pipe(f"{bucket}/{name}", name.encode())
    assert files.ls(bucket, detail=False) == [f"{bucket}/a.txt", f"{bucket}/dir"]
    assert files.ls(f"{bucket}/dir", detail=False) == [f"{bucket}/dir/b.txt", f"{bucket}/dir/sub"]
    assert files.find(bucket) == [f"{bucket}/a.txt", f"{bucket}/dir/b.txt", f"{bucket}/dir/sub/c é.txt"]
    assert files.glob(f"{bucket}/dir/*.txt") == [f"{bucket}/dir/b.txt"]
    found = files.info(f"{bucket}/dir/sub/c é.txt")
    assert (found["type"], found["size"]) == ("file", len("dir/sub/c é.txt".encode()))
    assert files.isdir(f"{bucket}/dir")
    assert files.du(bucket) == sum(len(name.encode()) for name in ("a.txt", "dir/b.txt", "dir/sub/c é.txt"))
    assert [sorted(names) for _, _, names in files.walk(bucket)] == [["a.txt"], ["b.txt"], ["c é.txt"]]


def test_large_files_are_sent_in_chunks(files: Any, bucket: str) -> None:
    with files.open(f"{bucket}/big", "wb", block_size=5 * 1024 * 1024) as file:
        file.write(BIG)
    assert files.cat(f"{bucket}/big") == BIG
    with files.open(f"{bucket}/big", "rb") as file:
        file.seek(10_000_000)
        assert file.read(1000) == BIG[10_000_000:10_001_000]


def test_a_file_that_is_given_up_is_not_there(files: Any, bucket: str) -> None:
    file = files.open(f"{bucket}/big", "wb", block_size=5 * 1024 * 1024, autocommit=False)
    file.write(BIG)
    file.close()
    assert not files.exists(f"{bucket}/big")
    file.discard()
    assert not files.exists(f"{bucket}/big")


def test_files_of_the_machine(files: Any, bucket: str, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(BIG)
    files.put(str(tmp_path / "in"), f"{bucket}/big")
    files.get(f"{bucket}/big", str(tmp_path / "out"))
    assert (tmp_path / "out").read_bytes() == BIG


def test_copies_moves_and_removes(files: Any, bucket: str) -> None:
    files.pipe(f"{bucket}/dir/x", b"content")
    files.cp(f"{bucket}/dir/x", f"{bucket}/dir/y")
    files.mv(f"{bucket}/dir/x", f"{bucket}/z")
    assert files.find(bucket) == [f"{bucket}/dir/y", f"{bucket}/z"]
    files.pipe({f"{bucket}/many/{number}": b"x" for number in range(25)})
    files.rm(f"{bucket}/many", recursive=True)
    assert files.find(bucket) == [f"{bucket}/dir/y", f"{bucket}/z"]
    files.rm([f"{bucket}/dir/y", f"{bucket}/z"])
    assert files.find(bucket) == []


def test_metadata_and_checksums(files: Any, bucket: str) -> None:
    files.pipe(f"{bucket}/x", b"hello")
    files.setxattrs(f"{bucket}/x", content_type="a/b", k="v")
    assert files.getxattr(f"{bucket}/x", "k") == "v"
    assert files.info(f"{bucket}/x")["contentType"] == "a/b"
    assert files.checksum(f"{bucket}/x") == files.checksum(f"{bucket}/x")
    files.touch(f"{bucket}/empty")
    assert files.info(f"{bucket}/empty")["size"] == 0
    with files.open(f"{bucket}/text", "w") as file:
        file.write("一行\n")
    assert files.read_text(f"{bucket}/text") == "一行\n"
    assert len(files.ls(bucket, refresh=True)) == 3


def test_a_program_that_knows_only_its_environment(runtime: RuntimeProcess, bucket: str) -> None:
    program = f"""
import fsspec
with fsspec.open("gs://{bucket}/dir/x.txt", "w", token="anon") as file:
    file.write("hello")
with fsspec.open("gs://{bucket}/dir/x.txt", token="anon") as file:
    print(file.read().decode())
"""
    environ = {
        **os.environ,
        "STORAGE_EMULATOR_HOST": runtime.url,
        "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
        "GOOGLE_CLOUD_PROJECT": PROJECT,
    }
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.strip() == "hello", done.stderr
