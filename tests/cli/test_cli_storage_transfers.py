"""Transfers of `hakobune storage`, as processes of their own: broken connections, Ctrl-C, pipes, memory, terminals."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from cutting_proxy import CuttingProxy

from runtime_process import HAKOBUNE, RuntimeProcess

MIB = 1024 * 1024
RESIDENT_MAX = 64 * MIB
# The peak of a process that this one starts would count this one's own memory: it is forked from it.
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
"""


def environment(url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CLOUDSDK_", "HAKOBUNE_"))}
    return {**kept, "HAKOBUNE_URL": url, "CLOUDSDK_CORE_PROJECT": "transfers-project"}


def storage(url: str, *words: str, data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end."""
    return subprocess.run(
        [HAKOBUNE, "storage", *words],
        env=environment(url),
        input=data or b"",
        capture_output=True,
        timeout=120,
        check=False,
    )


def new_bucket(runtime: RuntimeProcess) -> str:
    url = f"gs://b-{uuid.uuid4().hex[:12]}"
    done = storage(runtime.url, "buckets", "create", url)
    assert done.returncode == 0, done.stderr
    return url


@pytest.fixture
def bucket(runtime: RuntimeProcess) -> str:
    return new_bucket(runtime)


@pytest.fixture
def big(tmp_path: Path) -> Path:
    """A file of 20 MiB of noise."""
    path = tmp_path / "big.bin"
    path.write_bytes(os.urandom(20 * MIB))
    return path


def checksum(url: str, name: str) -> object:
    found = storage(url, "hash", name, "--format=json")
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)[0]["crc32c_hash"]


# -- broken connections ---------------------------------------------------------------------------------------------


def test_given_a_connection_that_breaks_when_a_large_file_is_uploaded_then_it_goes_on_where_it_was(
    runtime: RuntimeProcess, bucket: str, tmp_path: Path
) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(72 * MIB))
    with CuttingProxy(runtime.port) as proxy:
        for count in (20 * MIB, 60 * MIB, 70 * MIB):
            proxy.at("up", count)
        done = storage(proxy.url, "cp", str(path), f"{bucket}/x", "--log-http")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(b"==> POST /upload/") == 1, "one session"
    assert checksum(runtime.url, f"{bucket}/x") == checksum(runtime.url, str(path))


def test_given_a_connection_that_breaks_when_a_stream_is_uploaded_then_it_goes_on_where_it_was(
    runtime: RuntimeProcess, bucket: str, big: Path
) -> None:
    with CuttingProxy(runtime.port) as proxy:
        proxy.at("up", 3 * MIB)
        proxy.at("up", 15 * MIB)
        done = storage(proxy.url, "cp", "-", f"{bucket}/x", data=big.read_bytes())
    assert done.returncode == 0, done.stderr
    assert checksum(runtime.url, f"{bucket}/x") == checksum(runtime.url, str(big))


def test_given_a_connection_that_breaks_when_a_small_file_is_uploaded_then_it_is_sent_again(
    runtime: RuntimeProcess, bucket: str, tmp_path: Path
) -> None:
    (tmp_path / "small").write_bytes(b"s" * MIB)
    with CuttingProxy(runtime.port) as proxy:
        proxy.at("up", MIB // 2)
        done = storage(proxy.url, "cp", str(tmp_path / "small"), f"{bucket}/x")
    assert done.returncode == 0, done.stderr
    assert checksum(runtime.url, f"{bucket}/x") == checksum(runtime.url, str(tmp_path / "small"))


def test_given_a_connection_that_breaks_when_an_object_is_downloaded_then_it_goes_on_where_it_was(
    runtime: RuntimeProcess, bucket: str, big: Path, tmp_path: Path
) -> None:
    storage(runtime.url, "cp", str(big), f"{bucket}/x")
    (tmp_path / "out").mkdir()
    with CuttingProxy(runtime.port) as proxy:
        proxy.at("down", 5 * MIB)
        proxy.at("down", 15 * MIB)
        done = storage(proxy.url, "cp", f"{bucket}/x", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert os.listdir(tmp_path / "out") == ["x"]
    assert (tmp_path / "out" / "x").read_bytes() == big.read_bytes()


def test_given_a_byte_that_changes_on_the_way_when_an_object_is_downloaded_then_nothing_appears(
    runtime: RuntimeProcess, bucket: str, tmp_path: Path
) -> None:
    (tmp_path / "zeros").write_bytes(bytes(4 * MIB))
    storage(runtime.url, "cp", str(tmp_path / "zeros"), f"{bucket}/x")
    (tmp_path / "out").mkdir()
    with CuttingProxy(runtime.port) as proxy:
        proxy.at("down", 2 * MIB, lambda data: data[:-1] + b"\x01")
        done = storage(proxy.url, "cp", f"{bucket}/x", str(tmp_path / "out"))
    assert done.returncode == 1
    assert b"does not match destination hash" in done.stderr
    assert os.listdir(tmp_path / "out") == []


def test_given_a_server_that_is_killed_when_a_file_is_uploaded_then_it_ends_up_whole(
    own_runtime: RuntimeProcess, big: Path
) -> None:
    own_runtime.start()
    bucket = new_bucket(own_runtime)

    def kill_and_start(data: bytes) -> bytes | None:
        del data
        own_runtime.kill()
        own_runtime.start()
        return None

    with CuttingProxy(own_runtime.port) as proxy:
        proxy.at("up", 12 * MIB, kill_and_start)
        done = storage(proxy.url, "cp", str(big), f"{bucket}/x")
    assert done.returncode == 0, done.stderr
    assert checksum(own_runtime.url, f"{bucket}/x") == checksum(own_runtime.url, str(big))


def test_given_nobody_at_the_address_when_something_is_copied_then_the_way_out_is_named(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    began = time.monotonic()
    done = storage("http://127.0.0.1:9", "cp", str(tmp_path / "f"), "gs://a-bucket/x")
    assert done.returncode == 1
    assert b"Start one with: hakobune up" in done.stderr
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("flags", [[], ["--no-clobber"]])
@pytest.mark.parametrize("is_between", [False, True])
def test_given_an_answer_that_is_lost_when_an_object_is_moved_then_it_is_moved_once(
    runtime: RuntimeProcess, bucket: str, tmp_path: Path, flags: list[str], is_between: bool
) -> None:
    (tmp_path / "f").write_bytes(b"moved")
    storage(runtime.url, "cp", str(tmp_path / "f"), f"{bucket}/x")
    other = new_bucket(runtime) if is_between else bucket
    with CuttingProxy(runtime.port) as proxy:
        proxy.lose_answer_to(b"/moveTo/")
        done = storage(proxy.url, "mv", *flags, f"{bucket}/x", f"{other}/y", "--log-http")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(b"/moveTo/") == 2, "asked again"
    assert b"Skipping" not in done.stderr
    assert storage(runtime.url, "cat", f"{other}/y").stdout == b"moved"
    assert storage(runtime.url, "ls", f"{bucket}/x").returncode == 1


def test_given_an_answer_that_is_lost_when_an_object_is_removed_then_gone_is_gone(
    runtime: RuntimeProcess, bucket: str, tmp_path: Path
) -> None:
    (tmp_path / "f").write_bytes(b"x")
    storage(runtime.url, "cp", str(tmp_path / "f"), f"{bucket}/x")
    with CuttingProxy(runtime.port) as proxy:
        proxy.lose_answer_to(b"DELETE ")
        done = storage(proxy.url, "rm", f"{bucket}/x")
    assert done.returncode == 0, done.stderr
    assert storage(runtime.url, "ls", f"{bucket}/x").returncode == 1


# -- Ctrl-C ---------------------------------------------------------------------------------------------------------


def interrupted(proxy: CuttingProxy, *words: str) -> tuple[int, bytes]:
    """Start a command, press Ctrl-C when the proxy holds its bytes, and return code and stderr."""
    process = subprocess.Popen(
        [HAKOBUNE, "storage", *words], env=environment(proxy.url), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert proxy.happened.acquire(timeout=60)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    return process.returncode, err


def test_given_a_download_that_hangs_when_ctrl_c_is_pressed_then_nothing_is_left(
    runtime: RuntimeProcess, bucket: str, big: Path, tmp_path: Path
) -> None:
    storage(runtime.url, "cp", str(big), f"{bucket}/x")
    (tmp_path / "out").mkdir()
    with CuttingProxy(runtime.port) as proxy:
        proxy.at("down", 5 * MIB, proxy.stall)
        code, err = interrupted(proxy, "cp", f"{bucket}/x", str(tmp_path / "out" / "y"))
    assert (code, b"Command killed by keyboard interrupt" in err, b"Traceback" in err) == (130, True, False)
    assert os.listdir(tmp_path / "out") == []


def test_given_an_upload_that_hangs_when_ctrl_c_is_pressed_then_no_object_appears(
    runtime: RuntimeProcess, bucket: str, big: Path
) -> None:
    with CuttingProxy(runtime.port) as proxy:
        proxy.at("up", 12 * MIB, proxy.stall)
        code, err = interrupted(proxy, "cp", str(big), f"{bucket}/x", "--log-http")
    assert (code, b"Traceback" in err) == (130, False)
    assert b"==> DELETE " in err, "the session is given up"
    assert storage(runtime.url, "ls", f"{bucket}/x").returncode == 1


# -- pipes and memory -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 16 * MIB])
def test_given_a_stream_of_any_length_when_it_is_copied_there_and_back_then_it_is_the_same(
    runtime: RuntimeProcess, bucket: str, size: int
) -> None:
    data = os.urandom(size)
    assert storage(runtime.url, "cp", "-", f"{bucket}/x", data=data).returncode == 0
    back = storage(runtime.url, "cp", f"{bucket}/x", "-")
    assert (back.returncode, back.stdout == data) == (0, True)


def test_given_a_reader_that_goes_when_an_object_is_written_then_there_is_no_traceback(
    runtime: RuntimeProcess, bucket: str, big: Path
) -> None:
    storage(runtime.url, "cp", str(big), f"{bucket}/x")
    process = subprocess.Popen(
        [HAKOBUNE, "storage", "cat", f"{bucket}/x"],
        env=environment(runtime.url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert (process.wait(30), err) == (1, b"")


def test_given_200_mib_when_they_go_up_and_down_then_memory_stays_flat(
    runtime: RuntimeProcess, bucket: str, tmp_path: Path
) -> None:
    path = tmp_path / "large"
    with open(path, "wb") as file:
        file.writelines(os.urandom(MIB) for _ in range(200))
    for words in (["cp", str(path), f"{bucket}/x"], ["cp", f"{bucket}/x", str(tmp_path / "back")]):
        done = subprocess.run(
            [sys.executable, "-c", PEAK, HAKOBUNE, "storage", *words],
            env=environment(runtime.url),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        assert int(done.stdout) < RESIDENT_MAX, words
    assert checksum(runtime.url, str(path)) == checksum(runtime.url, str(tmp_path / "back"))


# -- the terminal ---------------------------------------------------------------------------------------------------


def test_given_a_terminal_when_files_are_copied_then_it_shows_how_far_it_is(
    runtime: RuntimeProcess, bucket: str, big: Path
) -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [HAKOBUNE, "storage", "cp", str(big), f"{bucket}/x"],
        env={**environment(runtime.url), "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stderr=follower,
    )
    os.close(follower)
    shown = b""
    while True:
        try:
            piece = os.read(leader, 4096)
        except OSError:  # Linux says so when the last holder of the terminal has gone
            break
        if not piece:
            break
        shown += piece
    os.close(leader)
    assert process.wait(30) == 0
    assert b"Completed files 0/1 | " in shown
    assert b"/20.00MiB" in shown
    assert shown.rstrip().endswith(b"\r\x1b[K"), "the line is erased at the end"
