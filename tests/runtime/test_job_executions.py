"""Executions as callers see them: tokens, limits, re-runs, retention, deletes, and what each leaves behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from house import FOREVER, JOBS, House, a_house, declared

from hakobune.core.jobs import limits
from hakobune.sdk.checkpoints import DIRECTORY_VARIABLE, Checkpoint
from hakobune.testing.engine import Fate

pytestmark = pytest.mark.anyio
ENV = [{"name": f"LARGE{number}", "value": "x" * 30_000} for number in range(20)]


@pytest.fixture
def anyio_backend(virtual_backend: Any) -> Any:
    return virtual_backend


async def names(house: House, job: str = "one") -> list[str]:
    found = await house.ok("GET", f"{JOBS}/{job}/executions")
    return sorted(item["name"].rpartition("/")[2] for item in found.get("executions", []))


# -- tokens -------------------------------------------------------------------------------------------------------


async def test_given_a_token_when_it_is_declared_again_then_its_execution_began_once(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await house.ok("POST", f"{JOBS}?jobId=one", declared(token="t1"))
        assert await names(house) == ["one-t1"]
        await house.ok("PATCH", f"{JOBS}/one", declared(token="t1", tasks=2))
        assert await names(house) == ["one-t1"]
        await house.ok("PATCH", f"{JOBS}/one", declared(token="t2"))
        assert await names(house) == ["one-t1", "one-t2"]


async def test_given_a_token_whose_execution_was_deleted_when_declared_again_then_it_stays_deleted(
    tmp_path: Path,
) -> None:
    async with a_house(tmp_path) as house:
        await house.ok("POST", f"{JOBS}?jobId=one", declared(token="t1"))
        await anyio.sleep(5)
        await house.ok("DELETE", f"{JOBS}/one/executions/one-t1")
        await house.ok("PATCH", f"{JOBS}/one", declared(token="t1", tasks=2))
        assert await names(house) == []


async def test_given_a_deleted_job_when_another_of_its_name_has_its_token_then_it_runs(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await house.ok("POST", f"{JOBS}?jobId=one", declared(token="t1"))
        await house.ok("DELETE", f"{JOBS}/one")
        await anyio.sleep(60)
        assert await house.runtime.store.read(lambda tx: tx.metas("token:")) == {}
        await house.ok("POST", f"{JOBS}?jobId=one", declared(token="t1"))
        assert await names(house) == ["one-t1"]


# -- limits -------------------------------------------------------------------------------------------------------


async def test_given_as_many_executions_as_may_run_when_another_is_asked_for_then_it_is_refused_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RUNNING_EXECUTIONS_MAX", 2)
    async with a_house(tmp_path) as house:
        await house.ok("POST", f"{JOBS}?jobId=one", declared())
        ended = await house.run("one")
        house.fates[0] = FOREVER
        await house.ok("POST", f"/v2/{ended.name}:cancel", {})
        await house.finish(ended)
        await house.run("one")
        await house.run("one")
        for path, body in (
            (f"{JOBS}/one:run", {}),
            (f"/v2/{ended.name}:rerun", {}),
            (f"{JOBS}?jobId=two", declared(token="t1")),
        ):
            status, answer = await house.call("POST", path, body)
            assert (status, answer["error"]["status"]) == (429, "RESOURCE_EXHAUSTED"), path
        assert (await house.call("PATCH", f"{JOBS}/one", declared(token="t1")))[0] == 429
        assert (await house.call("GET", f"{JOBS}/two"))[0] == 404
        assert "startExecutionToken" not in await house.ok("GET", f"{JOBS}/one")
        assert len(await names(house)) == 3


# -- re-runs ------------------------------------------------------------------------------------------------------


async def test_given_an_ended_execution_when_re_run_then_only_what_did_not_succeed_runs(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        house.fates[2] = Fate(duration_s=1.0, exit_code=3)
        await house.ok("POST", f"{JOBS}?jobId=one", declared(tasks=4, maxRetries=1))
        first = await house.run("one")
        assert (await house.finish(first))["failedCount"] == 1
        house.fates.clear()
        again = await house.ok("POST", f"/v2/{first.name}:rerun", {})
        second = await house.execution(again["metadata"]["name"])
        ended = await house.finish(second)
        assert (ended["succeededCount"], ended.get("failedCount", 0), ended["taskCount"]) == (4, 0, 4)
        ran = [run.index for run in house.engine.history if run.lane_uid == second.uid]
        assert ran == [2]
        status, answer = await house.call("POST", f"/v2/{second.name}:rerun", {})
        assert (status, "nothing to re-run" in answer["error"]["message"]) == (400, True)


# -- what is left behind ------------------------------------------------------------------------------------------


def save_checkpoint(house: House, execution: Any, scope: Any) -> Path:
    """As a task of the execution would."""
    place = house.settings.directory / "checkpoints" / execution.job_uid
    environ = {
        DIRECTORY_VARIABLE: str(place),
        "CLOUD_RUN_JOB": execution.name.job,
        "CLOUD_RUN_EXECUTION": execution.name.execution,
        "CLOUD_RUN_TASK_INDEX": "0",
        "CLOUD_RUN_TASK_COUNT": "1",
        "CLOUD_RUN_TASK_ATTEMPT": "0",
    }
    Checkpoint.open(scope=scope, environ=environ).save(1)
    return place / execution.name.job / (execution.name.execution if scope == "execution" else "all")


def write_log(house: House, execution: Any) -> Path:
    folder = house.settings.directory / "logs" / execution.uid
    folder.mkdir(parents=True)
    return folder


async def test_given_a_lane_when_made_then_tasks_find_their_checkpoint_directory_unless_they_were_given_one(
    tmp_path: Path,
) -> None:
    async with a_house(tmp_path) as house:
        await house.ok("POST", f"{JOBS}?jobId=one", declared())
        execution = await house.run("one")
        lane = await house.runtime.programs.lane(execution)
        assert lane.env[DIRECTORY_VARIABLE] == str(tmp_path / "checkpoints" / execution.job_uid)
        body: Any = declared()
        body["template"]["template"]["containers"][0]["env"] = [{"name": DIRECTORY_VARIABLE, "value": "/mine"}]
        await house.ok("PATCH", f"{JOBS}/one", body)
        lane = await house.runtime.programs.lane(await house.run("one"))
        assert lane.env[DIRECTORY_VARIABLE] == "/mine"


async def test_given_more_ended_executions_than_are_kept_when_one_ends_then_the_oldest_goes_with_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "COMPLETED_EXECUTIONS_KEPT", 2)
    async with a_house(tmp_path) as house:
        await house.ok("POST", f"{JOBS}?jobId=one", declared())
        answer = await house.ok("POST", f"{JOBS}/one:run", {})
        first = await house.execution(answer["metadata"]["name"])
        await house.finish(first)
        of_execution, of_job = save_checkpoint(house, first, "execution"), save_checkpoint(house, first, "job")
        log = write_log(house, first)
        for _ in range(2):
            await house.finish(await house.run("one"))
        await anyio.sleep(5)
        assert len(await names(house)) == 2
        assert (log.exists(), of_execution.exists(), of_job.exists()) == (False, False, True)
        assert (await house.done(answer))["response"]["succeededCount"] == 1  # its operation tells for ever
        assert (await house.call("GET", f"/v2/{first.name}"))[0] == 404


async def test_given_a_running_execution_when_its_job_is_deleted_then_it_is_stopped_and_all_of_it_goes(
    tmp_path: Path,
) -> None:
    async with a_house(tmp_path) as house:
        house.fates = dict.fromkeys(range(3), FOREVER)
        await house.ok("POST", f"{JOBS}?jobId=one", declared(tasks=200, parallelism=3))
        execution = await house.run("one")
        folders = [
            write_log(house, execution),
            save_checkpoint(house, execution, "execution"),
            save_checkpoint(house, execution, "job"),
        ]
        await anyio.sleep(1)
        await house.ok("DELETE", f"{JOBS}/one")
        assert (await house.call("GET", f"/v2/{execution.name}"))[0] == 404
        assert (await house.call("POST", f"{JOBS}/one:run", {}))[0] == 404
        await anyio.sleep(30)
        assert [folder.exists() for folder in folders] == [False, False, False]
        assert not (tmp_path / "checkpoints" / execution.job_uid).exists()
        assert all(run.end_s is not None for run in house.engine.history)
        left = ["jobs", "executions", "tasks", "attempts", "outbox", "leavings"]
        rows = {name: house.disk.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in left}
        assert rows == dict.fromkeys(left, 0)


async def test_given_a_job_without_executions_when_it_is_deleted_then_its_shared_checkpoints_go(
    tmp_path: Path,
) -> None:
    async with a_house(tmp_path) as house:
        await house.ok("POST", f"{JOBS}?jobId=one", declared())
        execution = await house.run("one")
        await house.finish(execution)
        shared = save_checkpoint(house, execution, "job")
        await house.ok("DELETE", f"/v2/{execution.name}")
        await anyio.sleep(5)
        assert shared.exists()
        await house.ok("DELETE", f"{JOBS}/one")
        await anyio.sleep(5)
        assert not shared.exists()


async def test_given_executions_that_are_too_old_to_be_kept_when_they_go_then_their_keys_go_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "COMPLETED_EXECUTIONS_KEPT", 2)
    async with a_house(tmp_path) as house:
        await house.ok("POST", f"{JOBS}?jobId=one", declared())
        for number in range(5):
            operation = await house.ok("POST", f"{JOBS}/one:run", {}, idempotency_key=f"k{number}")
            await house.done(operation)
        job = await house.ok("GET", f"{JOBS}/one")

        async def is_kept(key: str) -> bool:
            return await house.runtime.store.read(lambda tx: tx.operations.find_keyed(job["uid"], key)) is not None

        assert [await is_kept(f"k{number}") for number in range(5)] == [False, False, False, True, True]
        await house.ok("DELETE", f"/v2/{operation['metadata']['name']}")
        assert await is_kept("k4")  # a repeat of the request may be on its way


async def test_given_an_execution_with_large_variables_when_it_is_gone_then_its_operation_keeps_what_it_came_to(
    tmp_path: Path,
) -> None:
    async with a_house(tmp_path) as house:
        body = declared(containers=[{"image": "local", "command": ["/bin/true"], "env": ENV}])
        await house.ok("POST", f"{JOBS}?jobId=one", body)
        execution = await house.run("one")
        ended = await house.finish(execution)
        await house.ok("DELETE", f"/v2/{execution.name}")
        name = f"projects/p/locations/us-central1/operations/{execution.operation_id}"
        kept = (await house.ok("GET", f"/v2/{name}"))["response"]
        assert (kept["name"], kept["succeededCount"], kept["uid"]) == (ended["name"], 1, ended["uid"])
        assert kept["template"]["containers"][0]["image"] == "local"
        assert len(str(kept)) < 4_000


# -- volumes ------------------------------------------------------------------------------------------------------


async def test_given_a_cloud_sql_volume_when_declared_then_it_is_kept_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_house(tmp_path) as house:
        volume = {"name": "db", "cloudSqlInstance": {"instances": ["p:us-central1:main"]}}
        await house.ok("POST", f"{JOBS}?jobId=one", declared(volumes=[volume]))
        assert (await house.ok("GET", f"{JOBS}/one"))["template"]["template"]["volumes"] == [volume]
        assert "no socket is provided" in caplog.text


async def test_given_any_other_volume_when_declared_then_it_is_refused_by_name(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        volume = {"name": "data", "gcs": {"bucket": "some-bucket"}}
        status, answer = await house.call("POST", f"{JOBS}?jobId=one", declared(volumes=[volume]))
        assert (status, "'data' (gcs)" in answer["error"]["message"]) == (501, True)
