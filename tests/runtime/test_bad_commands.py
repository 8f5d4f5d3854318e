"""Commands that cannot be carried out: they fail what waits for them, and never the runtime."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path
from threading import Event
from typing import Any

import anyio
import pytest
from house import FOREVER, JOBS, House, a_house, declared

from hakobune.core.errors import IllegalTransition
from hakobune.core.names import JobName
from hakobune.runtime import programs
from hakobune.runtime.interceptors import NoInterceptor
from hakobune.runtime.rooms import PAUSE_MAX_S
from hakobune.runtime.threads import InlineThreads, run_stoppable
from hakobune.store.api import OutboxCommand

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


class Curse(NoInterceptor):
    """Raises an error of its own for commands of some kinds, so many times."""

    def __init__(self, error: Exception, *kinds: str, times: int = 1_000_000) -> None:
        self.error = error
        self.kinds = kinds
        self.times = times
        self.seen: list[float] = []

    async def before_perform(self, command: OutboxCommand) -> None:
        if command.kind in self.kinds and self.times:
            self.times -= 1
            self.seen.append(anyio.current_time())
            raise self.error


async def failure_of(house: House, execution: Any) -> str:
    """What a failed execution says."""
    found = await house.finish(execution)
    return str(next(item for item in found["conditions"] if item["type"] == "Completed")["message"])


async def works(house: House) -> None:
    """The runtime takes and does new work, also after a start."""
    for job in ("works", "works-again"):
        await house.ok("POST", f"{JOBS}?jobId={job}", declared())
        done = await house.finish(await house.run(job))
        assert done["succeededCount"] == 1
        await house.crash()
        await house.start()


# -- refused before any work is done ------------------------------------------------------------------------------


async def test_given_a_secret_that_is_not_there_in_an_override_when_run_then_the_execution_names_it(
    tmp_path: Path,
) -> None:
    async with a_house(tmp_path) as house:
        await house.ok("POST", f"{JOBS}?jobId=one", declared())
        for reference in ({"secret": "s", "version": "1"}, {"secret": "projects/q/secrets/s"}):
            source = {"secretKeyRef": reference}
            body = {"overrides": {"containerOverrides": [{"env": [{"name": "TOKEN", "valueSource": source}]}]}}
            operation = await house.ok("POST", f"{JOBS}/one:run", body)
            said = await failure_of(house, await house.execution(operation["metadata"]["name"]))
            assert "TOKEN" in said
            assert "not found" in said
        await works(house)


@pytest.mark.parametrize("name", ["/" + "x" * 300, "/" + "/".join(["y" * 200] * 30), "/tmp/\udcff"])
async def test_given_a_source_path_that_no_file_can_have_when_deployed_then_the_job_says_so(
    tmp_path: Path, name: str
) -> None:
    async with a_house(tmp_path / "data") as house:
        status, operation = await house.call("POST", f"{JOBS}?jobId=one", declared(source=Path(name)))
        if status == 200:
            done = await house.done(operation)
            assert "source" in done["error"]["message"]
        await works(house)


async def test_given_requirements_that_name_what_no_file_can_be_called_when_deployed_then_the_runtime_goes_on(
    tmp_path: Path, source: Path
) -> None:
    (source / "requirements.txt").write_text("a" * 300 + "\n")
    async with a_house(tmp_path / "data") as house:
        builds = house.runtime.programs._builds
        assert builds.find(source) is None
        builds._root.mkdir(parents=True)
        builds.keep_only([source])
        await works(house)


async def test_given_a_snapshot_that_was_removed_by_hand_when_run_then_the_execution_says_what_to_do(
    tmp_path: Path, source: Path
) -> None:
    async with a_house(tmp_path / "data") as house:
        await house.done(await house.ok("POST", f"{JOBS}?jobId=one", declared(source=source)))
        shutil.rmtree(tmp_path / "data" / "sources")
        text = await failure_of(house, await house.run("one"))
        assert "was removed from the data directory" in text
        assert "deploy again" in text
        await house.done(await house.ok("PATCH", f"{JOBS}/one", declared(source=source)))
        done = await house.finish(await house.run("one"))
        assert done["succeededCount"] == 1
        await works(house)


# -- whatever a performer raises ----------------------------------------------------------------------------------


async def test_given_a_start_that_always_fails_when_performed_then_its_attempts_fail_and_the_log_names_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    curse = Curse(RuntimeError("cannot be"), "start")
    async with a_house(tmp_path, interceptor=curse) as house:
        await house.ok("POST", f"{JOBS}?jobId=one", declared(tasks=3))
        execution = await house.run("one")
        text = await failure_of(house, execution)
        assert "Internal error while performing start" in text
        assert "RuntimeError: cannot be" in text
        assert any(execution.uid in record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR)
        curse.times = 0
        await works(house)


async def test_given_a_start_that_fails_twice_when_performed_then_it_is_tried_again(tmp_path: Path) -> None:
    async with a_house(tmp_path, interceptor=Curse(RuntimeError("no thread is left"), "start", times=2)) as house:
        await house.ok("POST", f"{JOBS}?jobId=one", declared())
        assert (await house.finish(await house.run("one")))["succeededCount"] == 1


async def test_given_a_preparation_that_always_fails_when_performed_then_the_job_is_not_ready_and_heals(
    tmp_path: Path, source: Path
) -> None:
    curse = Curse(RuntimeError("cannot be"), "prepare")
    async with a_house(tmp_path / "data", interceptor=curse) as house:
        done = await house.done(await house.ok("POST", f"{JOBS}?jobId=one", declared(source=source)))
        assert "Internal error while performing prepare" in done["error"]["message"]
        curse.times = 0
        assert "response" in await house.done(await house.ok("PATCH", f"{JOBS}/one", declared(source=source)))
        await works(house)


async def test_given_a_stop_that_fails_often_when_performed_then_it_is_tried_again_with_long_pauses(
    tmp_path: Path,
) -> None:
    curse = Curse(RuntimeError("cannot be"), "stop", times=20)
    async with a_house(tmp_path, interceptor=curse) as house:
        await house.ok("POST", f"{JOBS}?jobId=one", declared(tasks=1))
        execution = await house.run("one")
        await house.ok("POST", f"/v2/{execution.name}:cancel", {})
        await anyio.sleep(PAUSE_MAX_S * 25)
        assert curse.times == 0
        pauses = [after - before for before, after in zip(curse.seen, curse.seen[1:], strict=False)]
        assert max(pauses) <= PAUSE_MAX_S + 1.0
        assert pauses[-1] >= PAUSE_MAX_S - 1.0
        assert await house.runtime.store.read(lambda tx: tx.jobs.executions_under_way()) == []


async def test_given_a_bug_of_ours_when_performed_then_the_room_stops_loudly_and_the_rest_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    curse = Curse(IllegalTransition("no row"), "start", times=1)
    async with a_house(tmp_path, interceptor=curse) as house:
        await house.ok("POST", f"{JOBS}?jobId=one", declared())
        execution = await house.run("one")
        await anyio.sleep(5)
        assert any(execution.uid in record.getMessage() for record in caplog.records if record.levelname == "CRITICAL")
        status, answer = await house.call("POST", f"{JOBS}/one:run", {})
        assert status == 503
        assert execution.uid in answer["error"]["message"]
        await house.ok("GET", f"{JOBS}/one")
        await house.crash()
        await house.start()
        assert (await house.finish(execution))["succeededCount"] == 1


async def test_given_a_timer_whose_room_fails_when_it_is_due_then_the_others_are_woken(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await house.runtime.wheel.turn(lambda turn: turn.wake_at("no such room", "x", turn.now_s + 1.0))
        await anyio.sleep(5)
        await works(house)


# -- what operations keep -----------------------------------------------------------------------------------------


async def test_given_an_operation_that_is_done_when_the_job_changes_later_then_its_result_stays(
    tmp_path: Path, source: Path
) -> None:
    async with a_house(tmp_path / "data") as house:
        first = await house.done(await house.ok("POST", f"{JOBS}?jobId=one", declared(source=source)))
        assert "response" in first
        second = await house.done(
            await house.ok("PATCH", f"{JOBS}/one", declared(source=tmp_path / "nowhere", tasks=7))
        )
        assert "does not exist" in second["error"]["message"]
        assert await house.ok("GET", f"/v2/{first['name']}") == first
        third = await house.done(await house.ok("PATCH", f"{JOBS}/one", declared(source=source)))
        assert "response" in third
        assert await house.ok("GET", f"/v2/{second['name']}") == second


async def test_given_a_declaration_that_is_replaced_while_it_is_prepared_then_its_operation_ends_with_an_error(
    tmp_path: Path, source: Path
) -> None:
    async with a_house(tmp_path / "data") as house:
        house.threads.held = "take"
        first = await house.ok("POST", f"{JOBS}?jobId=one", declared(source=source))
        await house.threads.is_waiting.wait()
        second = await house.ok("PATCH", f"{JOBS}/one", declared(source=source, tasks=2))
        assert "later declaration" in (await house.done(first))["error"]["message"]
        house.threads.go.set()
        assert "response" in await house.done(second)
        assert "error" in await house.ok("GET", f"/v2/{first['name']}")


async def test_given_a_masked_change_of_a_job_that_is_missing_when_that_is_allowed_then_it_is_made(
    tmp_path: Path,
) -> None:
    async with a_house(tmp_path) as house:
        path = f"{JOBS}/new?allowMissing=true&updateMask=template"
        await house.ok("PATCH", path, declared(tasks=4))
        assert (await house.ok("GET", f"{JOBS}/new"))["template"]["taskCount"] == 4
        assert (await house.call("PATCH", f"{JOBS}/other?updateMask=template", declared()))[0] == 404


async def test_given_folders_that_cannot_be_removed_when_an_execution_is_deleted_then_the_sweep_removes_them(
    tmp_path: Path,
) -> None:
    async with a_house(tmp_path) as house:
        await house.ok("POST", f"{JOBS}?jobId=one", declared())
        execution = await house.run("one")
        await house.finish(execution)
        deep = tmp_path / "logs" / execution.uid
        deep.parent.mkdir()
        deep.write_text("a file where a folder is expected cannot be removed as one")
        await house.ok("DELETE", f"/v2/{execution.name}")
        await anyio.sleep(5)
        assert deep.exists()
        deep.unlink()
        deep.mkdir()
        await house.crash()
        await house.start()
        await house.runtime.programs._sweep()
        assert not deep.exists()
        assert await house.runtime.store.read(lambda tx: tx.metas("left:")) == {}


async def test_given_a_job_that_is_deleted_when_a_policy_comes_too_late_then_none_is_left_behind(
    tmp_path: Path,
) -> None:
    async with a_house(tmp_path) as house:
        name = JobName.make("p", "us-central1", "gone")
        body = {"policy": {"bindings": [{"role": "roles/run.invoker"}]}}
        status, _ = await house.call("POST", f"/v2/{name}:setIamPolicy", body)
        assert status == 404
        assert await house.runtime.store.read(lambda tx: tx.policy(str(name))) is None


async def test_given_bodies_that_name_another_resource_or_say_what_is_not_known_when_called_then_nothing_is_done(
    tmp_path: Path,
) -> None:
    async with a_house(tmp_path) as house:
        house.fates[0] = FOREVER
        await house.ok("POST", f"{JOBS}?jobId=one", declared())
        execution = await house.run("one")
        operation = f"projects/p/locations/us-central1/operations/{execution.operation_id}"
        other = f"{JOBS[4:]}/other"
        v1 = "/apis/run.googleapis.com/v1/namespaces/p"
        id_ = execution.name.execution
        for method, path, body in (
            ("POST", f"{JOBS}/one:run", {"name": other}),
            ("POST", f"/v2/{execution.name}:cancel", {"name": f"{other}/executions/x"}),
            ("POST", f"/v2/{execution.name}:rerun", {"name": f"{other}/executions/x"}),
            ("DELETE", f"/v2/{execution.name}", {"force": True}),
            ("DELETE", f"{JOBS}/one", []),
            ("DELETE", f"{v1}/jobs/one", {"x": 1}),
            ("DELETE", f"{v1}/executions/{id_}", {"x": 1}),
            ("POST", f"{v1}/executions/{id_}:cancel", {"x": 1}),
            ("POST", f"/v2/{operation}:wait", {"name": operation + "x", "timeout": "0s"}),
            ("DELETE", f"/v2/{operation}", {"x": 1}),
        ):
            status, answer = await house.call(method, path, body)
            assert (status, answer["error"]["status"]) == (400, "INVALID_ARGUMENT"), (method, path)
        assert (await house.execution(str(execution.name))).state == "RUNNING"
        assert (await house.call("POST", f"/v2/{operation}:wait", {"name": operation, "timeout": "0s"}))[0] == 200
        assert (await house.call("POST", f"/v2/{execution.name}:cancel", {"name": str(execution.name)}))[0] == 200


async def test_given_a_user_other_than_root_when_a_lane_is_made_then_its_home_is_one_that_can_be_used(
    tmp_path: Path,
) -> None:
    if os.geteuid() != 0:
        assert os.access(programs._home(), os.W_OK)
        return
    assert programs._home() == "/root"
    os.seteuid(65534)
    try:
        assert os.access(programs._home(), os.W_OK, effective_ids=True)
    finally:
        os.seteuid(0)


async def test_given_work_in_a_thread_when_its_caller_is_cancelled_then_it_is_told_to_stop() -> None:
    began, was_told = anyio.Event(), False

    class Held(InlineThreads):
        async def run(self, work: Any, *args: Any, **kwargs: Any) -> Any:
            with anyio.CancelScope(shield=True):  # as a thread: it ends when it ends
                began.set()
                await anyio.sleep(1.0)
                return await super().run(work, *args, **kwargs)

    def work(argument: int, stopped: Event) -> int:
        nonlocal was_told
        was_told = stopped.is_set()
        return argument

    assert await run_stoppable(Held(), work, 5) == 5
    assert not was_told
    async with anyio.create_task_group() as group:
        group.start_soon(run_stoppable, Held(), work, 5)
        await began.wait()
        group.cancel_scope.cancel()
    assert was_told
