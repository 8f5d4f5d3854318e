"""A full disk refuses new work with a clear error, and loses nothing that was acknowledged."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime_process import BASE, PROJECT, RuntimeProcess

SIZE_MIB = 24

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path) -> Path:
    """Take all the room there is."""
    hog = place / "hog"
    with open(hog, "wb", buffering=0) as file:
        block = bytes(1 << 16)
        while True:
            try:
                if file.write(block) < len(block):
                    break
            except OSError:
                break
    return hog


def test_a_full_disk_refuses_work_and_goes_on_when_there_is_room_again(small_disk: Path, tmp_path: Path) -> None:
    gate = tmp_path / "go"
    runtime = RuntimeProcess(small_disk / "data").start()
    try:
        waits = f"until test -e {gate}; do sleep 0.05; done; echo done"
        runtime.create("held", ["/bin/sh", "-c", waits], tasks=4, parallelism=2)
        held = runtime.run("held")
        end = time.monotonic() + 30
        while int(runtime.get(held).get("runningCount", 0)) < 2:
            assert time.monotonic() < end
            time.sleep(0.02)

        hog = fill(small_disk)
        refused = None
        for number in range(2000):  # what is left in the log's own room may take a few more
            answer = runtime.create(f"more-{number}", ["/bin/true"])
            if answer.status != 200:
                refused = answer
                break
        assert refused is not None
        assert refused.status == 429, refused.body
        assert refused.json["error"]["status"] == "RESOURCE_EXHAUSTED"
        assert "disk" in refused.json["error"]["message"]
        assert runtime.call("GET", "/healthz").status == 200
        assert runtime.get(held)["taskCount"] == 4  # reading goes on

        gate.touch()  # the tasks end while nothing can be written down
        time.sleep(0.5)
        hog.unlink()
        found = runtime.wait(held)
        assert int(found["succeededCount"]) == 4
        names = {job["name"] for job in runtime.call("GET", f"{BASE}/jobs?pageSize=1000").json["jobs"]}
        assert {f"{BASE[4:]}/jobs/more-{n}" for n in range(number)} <= names
        assert f"{BASE[4:]}/jobs/more-{number}" not in names
        assert runtime.create("after", ["/bin/true"]).status == 200
    finally:
        runtime.stop()


def test_a_disk_full_of_objects_has_room_to_remove_them(small_disk: Path) -> None:
    runtime = RuntimeProcess(small_disk / "data").start()
    try:
        assert runtime.call("POST", f"/storage/v1/b?project={PROJECT}", {"name": "full"}).status == 200
        topic, subscription = f"/v1/projects/{PROJECT}/topics/full", f"/v1/projects/{PROJECT}/subscriptions/full"
        assert runtime.call("PUT", topic, {}).status == 200
        assert runtime.call("PUT", subscription, {"topic": topic[4:]}).status == 200
        kept: list[str] = []
        while True:
            answer = runtime.call("PUT", f"/full/o{len(kept)}", bytes([len(kept)]) * 300_000)
            if answer.status != 200:
                break
            kept.append(f"o{len(kept)}")
            assert len(kept) < 100
        assert answer.status == 429
        assert b"disk" in answer.body
        assert runtime.call("GET", f"/storage/v1/b/full/o/o{len(kept)}").status == 404
        published = runtime.call("POST", f"{topic}:publish", {"messages": [{"attributes": {"a": "b"}}]})
        assert published.status == 200, published.body
        pulled = runtime.call("POST", f"{subscription}:pull", {"maxMessages": 1}).json["receivedMessages"]
        acked = runtime.call("POST", f"{subscription}:acknowledge", {"ackIds": [pulled[0]["ackId"]]})
        assert acked.status == 200, acked.body
        for place, name in enumerate(kept):
            assert runtime.call("GET", f"/full/{name}").body == bytes([place]) * 300_000
            assert runtime.call("DELETE", f"/storage/v1/b/full/o/{name}").status == 204
        assert runtime.call("PUT", "/full/after", b"x" * 5_000_000).status == 200
    finally:
        runtime.stop()
