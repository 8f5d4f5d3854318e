"""What is in force, what is not well, and the remedy."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from house import a_house

from hakobune.core.errors import Unavailable
from hakobune.runtime import doctor as module
from hakobune.runtime.doctor import Doctor
from hakobune.runtime.settings import ImageSource

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend(virtual_backend: Any) -> Any:
    return virtual_backend


async def checks(house: Any) -> dict[str, dict[str, str]]:
    found = (await house.ok("GET", "/hakobune/v1/doctor"))["checks"]
    assert all(item["remedy"] for item in found if item["state"] != "ok" and not item["name"].startswith("engine:"))
    return {item["name"]: item for item in found}


async def test_given_a_house_that_is_well_when_asked_then_every_check_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_DISK_WARN_BYTES", 0)
    monkeypatch.setattr(module, "_FILES_WARN", 0)
    (tmp_path / "app").mkdir()
    async with a_house(tmp_path, images={"x": ImageSource(source=tmp_path / "app")}) as house:
        found = await checks(house)
    assert {name: item["state"] for name, item in found.items()} == {
        "disk": "ok",
        "open files": "ok",
        "attempt listeners": "ok",
        "engine: kind": "ok",
        "store": "ok",
        "images": "ok",
    }
    assert "GiB free" in found["disk"]["message"]
    assert "durability=power" in found["store"]["message"]


async def test_given_trouble_when_asked_then_it_is_named_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_DISK_WARN_BYTES", shutil.disk_usage(tmp_path).total + 1)
    monkeypatch.setattr(module, "_FILES_WARN", 1 << 62)
    async with a_house(tmp_path, images={"x": ImageSource(source=tmp_path / "gone")}) as house:
        house.runtime.slots.refused = [5001]

        async def lost() -> dict[str, str]:
            raise Unavailable("There is no connection.")

        house.engine.describe = lost  # type: ignore[method-assign]
        found = {item["name"]: item for item in await Doctor(house.runtime).checks()}
    states = {name: item["state"] for name, item in found.items()}
    assert states == {
        "disk": "warning",
        "open files": "warning",
        "attempt listeners": "warning",
        "engine": "error",
        "store": "ok",
        "images": "error",
    }
    assert "5001" in found["attempt listeners"]["message"]
    assert "gRPC" in found["attempt listeners"]["message"]
    assert str(tmp_path / "gone") in found["images"]["message"]
