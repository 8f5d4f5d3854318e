"""Jobs with a source: prepared once, one content a generation, whatever happens meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from house import FOREVER, JOBS, House, a_house, declared

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend(virtual_backend: Any) -> Any:
    return virtual_backend


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "main.py").write_text("print(1)")
    return folder


async def snapshot_of(house: House, execution: Any) -> Path:
    """What the attempts of an execution find in their directory, as a runtime that has just started would say."""
    programs = house.runtime.programs
    await programs.forget_execution("none", "none", "none", "none")
    programs._lanes.clear()
    found = (await programs.lane(execution)).source
    assert found is not None
    return Path(found)


async def test_given_the_same_declaration_with_new_content_when_deployed_then_running_executions_keep_the_old(
    tmp_path: Path, source: Path
) -> None:
    async with a_house(tmp_path / "data") as house:
        house.fates[0] = FOREVER
        await house.done(await house.ok("POST", f"{JOBS}?jobId=one", declared(source=source)))
        old = await house.run("one")
        (source / "main.py").write_text("print(2)")
        await house.done(await house.ok("PATCH", f"{JOBS}/one", declared(source=source)))
        new = await house.run("one")
        assert (old.job_generation, new.job_generation) == (1, 2)
        await house.crash()
        await house.start()
        assert (await snapshot_of(house, old) / "main.py").read_text() == "print(1)"
        assert (await snapshot_of(house, new) / "main.py").read_text() == "print(2)"


async def test_given_the_same_content_when_deployed_again_then_the_generation_stays(
    tmp_path: Path, source: Path
) -> None:
    async with a_house(tmp_path / "data") as house:
        await house.done(await house.ok("POST", f"{JOBS}?jobId=one", declared(source=source)))
        done = await house.done(await house.ok("PATCH", f"{JOBS}/one", declared(source=source)))
        assert done["response"]["generation"] == "1"


async def test_given_a_source_being_copied_when_the_job_is_declared_anew_then_the_newest_declaration_wins(
    tmp_path: Path, source: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "main.py").write_text("print('other')")
    async with a_house(tmp_path / "data") as house:
        house.threads.held = "take"
        first = await house.ok("POST", f"{JOBS}?jobId=one", declared(source=source, token="t1"))
        await house.threads.is_waiting.wait()
        second = await house.ok("PATCH", f"{JOBS}/one", declared(source=other, token="t2"))
        status, answer = await house.call("POST", f"{JOBS}/one:run", {})
        assert (status, answer["error"]["status"]) == (400, "FAILED_PRECONDITION")
        assert "still being prepared" in answer["error"]["message"]
        house.threads.go.set()
        await house.done(first)
        await house.done(second)
        found = await house.ok("GET", f"{JOBS}/one/executions")
        assert [item["name"].rpartition("/")[2] for item in found["executions"]] == ["one-t2"]
        assert (await snapshot_of(house, await house.run("one")) / "main.py").read_text() == "print('other')"


async def test_given_a_source_being_copied_when_the_job_is_deleted_then_nothing_of_it_comes_back(
    tmp_path: Path, source: Path
) -> None:
    async with a_house(tmp_path / "data") as house:
        house.threads.held = "take"
        created = await house.ok("POST", f"{JOBS}?jobId=one", declared(source=source, token="t1"))
        await house.threads.is_waiting.wait()
        await house.ok("DELETE", f"{JOBS}/one")
        house.threads.go.set()
        await anyio.sleep(5)
        assert (await house.done(created))["done"]
        assert (await house.call("GET", f"{JOBS}/one"))[0] == 404
        assert await house.runtime.store.read(lambda tx: tx.jobs.executions_under_way()) == []


async def test_given_a_running_execution_when_its_job_is_deleted_while_it_is_prepared_then_its_token_begins_nothing(
    tmp_path: Path, source: Path
) -> None:
    async with a_house(tmp_path / "data") as house:
        house.fates[0] = FOREVER
        await house.done(await house.ok("POST", f"{JOBS}?jobId=one", declared(source=source)))
        await house.run("one")
        house.threads.held = "take"
        await house.ok("PATCH", f"{JOBS}/one", declared(source=source, token="t1"))
        await house.threads.is_waiting.wait()
        await house.ok("DELETE", f"{JOBS}/one")
        house.threads.go.set()
        await anyio.sleep(60)
        assert await house.runtime.store.read(lambda tx: tx.jobs.executions_under_way()) == []


async def test_given_a_runtime_that_dies_while_it_copies_when_it_starts_again_then_the_source_is_prepared(
    tmp_path: Path, source: Path
) -> None:
    async with a_house(tmp_path / "data") as house:
        house.threads.held = "take"
        created = await house.ok("POST", f"{JOBS}?jobId=one", declared(source=source))
        await house.threads.is_waiting.wait()
        await house.crash()
        await house.start()
        assert "response" in await house.done(created)
        assert (await snapshot_of(house, await house.run("one")) / "main.py").exists()


async def test_given_a_source_that_cannot_be_prepared_when_deployed_then_the_job_says_why_and_heals(
    tmp_path: Path, source: Path
) -> None:
    (source / "main.py").rename(source / "notes.txt")
    async with a_house(tmp_path / "data") as house:
        done = await house.done(await house.ok("POST", f"{JOBS}?jobId=one", declared(source=source)))
        assert "The source has no entry point" in done["error"]["message"]
        status, answer = await house.call("POST", f"{JOBS}/one:run", {})
        assert (status, answer["error"]["status"]) == (400, "FAILED_PRECONDITION")
        (source / "main.py").write_text("print(1)")
        assert "response" in await house.done(await house.ok("PATCH", f"{JOBS}/one", declared(source=source)))
        await house.run("one")


async def test_given_an_execution_of_an_old_generation_when_it_is_re_run_then_it_gets_its_own_source(
    tmp_path: Path, source: Path
) -> None:
    async with a_house(tmp_path / "data") as house:
        house.fates[0] = FOREVER
        await house.done(await house.ok("POST", f"{JOBS}?jobId=one", declared(source=source)))
        old = await house.run("one")
        await house.ok("POST", f"/v2/{old.name}:cancel", {})
        await house.finish(old)
        (source / "main.py").write_text("print(2)")
        await house.done(await house.ok("PATCH", f"{JOBS}/one", declared(source=source)))
        await house.runtime.programs._sweep()
        again = await house.ok("POST", f"/v2/{old.name}:rerun", {})
        execution = await house.execution(again["metadata"]["name"])
        assert (await snapshot_of(house, execution) / "main.py").read_text() == "print(1)"


async def test_given_snapshots_when_swept_then_those_in_use_stay_and_the_others_go(
    tmp_path: Path, source: Path
) -> None:
    async with a_house(tmp_path / "data") as house:
        await house.done(await house.ok("POST", f"{JOBS}?jobId=one", declared(source=source)))
        await house.done(await house.ok("POST", f"{JOBS}?jobId=two", declared(source=source)))
        (source / "main.py").write_text("print(2)")
        await house.done(await house.ok("PATCH", f"{JOBS}/one", declared(source=source)))
        sources = tmp_path / "data" / "sources"
        assert len(list(sources.iterdir())) == 2
        await house.ok("DELETE", f"{JOBS}/two")
        await house.runtime.programs._sweep()
        assert [(found / "main.py").read_text() for found in sources.iterdir()] == ["print(2)"]
        assert len(await house.runtime.store.read(lambda tx: tx.metas("source:"))) == 1


async def test_given_a_snapshot_that_the_store_does_not_know_yet_when_swept_then_it_stays(
    tmp_path: Path, source: Path
) -> None:
    async with a_house(tmp_path / "data") as house:
        house.threads.held = "argv_of"
        created = await house.ok("POST", f"{JOBS}?jobId=one", declared(source=source))
        await house.threads.is_waiting.wait()
        async with anyio.create_task_group() as group:
            group.start_soon(house.runtime.programs._sweep)
            await anyio.sleep(1)
            house.threads.go.set()
        await house.done(created)
        assert (await snapshot_of(house, await house.run("one")) / "main.py").exists()
