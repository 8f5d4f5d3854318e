"""`doctor --fsck`: an examination that is begun, followed and told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from house import House, a_house

from hakobune.core.errors import Unavailable
from hakobune.core.objects.model import BucketSettings, UploadTarget

pytestmark = pytest.mark.anyio

EXAMINATIONS = "/hakobune/v1/doctor/examinations"


@pytest.fixture
def anyio_backend(virtual_backend: Any) -> Any:
    return virtual_backend


async def examined(house: House) -> dict[str, str]:
    await house.ok("POST", EXAMINATIONS, {})
    while True:
        answer = await house.ok("GET", f"{EXAMINATIONS}/latest")
        if answer["check"]["state"] != "running":
            assert answer["check"]["name"] == "objects"
            return answer["check"]


async def put(house: House, name: str) -> Path:
    upload = await house.runtime.objects.uploads.open(UploadTarget(bucket="bucket", name=name))
    await upload.write(b"x" * 2**20)
    content = (await upload.finish()).content
    return house.settings.directory / "objects" / content[:2] / content


async def test_given_objects_when_they_are_examined_then_the_doctor_tells_what_is_damaged(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        assert (await examined(house))["message"] == "0 versions, 0.0 MiB read, all as they were written"
        await house.runtime.objects.buckets.create("p", "bucket", BucketSettings())
        path = await put(house, "a")
        found = await examined(house)
        assert (found["state"], found["message"]) == ("ok", "1 versions, 1.0 MiB read, all as they were written")
        stray = path.with_name("0000-stray")
        stray.write_bytes(b"x")
        found = await examined(house)
        assert found["state"] == "warning"
        assert "1 strays: 0000-stray: no object names this content file" in found["message"]
        path.write_bytes(b"y" * 2**20)
        found = await examined(house)
        assert found["state"] == "error"
        assert "1 damaged" in found["message"]
        assert "bucket/a#" in found["message"]
        assert "backup" in found["remedy"]


async def test_given_a_store_that_refuses_when_objects_are_examined_then_the_doctor_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_house(tmp_path) as house:

        async def refuse(_: object) -> object:
            raise Unavailable("not now")

        with monkeypatch.context() as patched:
            patched.setattr(house.runtime.objects.examination._store, "read", refuse, raising=False)
            found = await examined(house)
        assert (found["state"], found["message"]) == ("error", "0 versions, 0.0 MiB read: not now")
        assert (await examined(house))["state"] == "ok"
